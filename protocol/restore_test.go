package protocol

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// forgotten has A up on all LUNs, which have forgotten it then.
func forgotten(t *testing.T, mode Mode, luns, paths int) *world {
	w := newWorld(t, luns, paths, simlun.Quirks{NoAPTPL: true})
	w.mode = mode
	w.start("A")
	for _, l := range w.luns {
		l.With(func(m *simlun.Machine) { m.PowerCycle() })
	}
	return w
}

// What was forgotten is registered anew, and reserved.
func TestRestore(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := forgotten(t, mode, 2, 2)
		w.must(w.run("A").Restore(t.Context()))
		w.wantOwned(keyA)
		// Once more there is nothing to do.
		w.must(w.run("A").Restore(t.Context()))
	}
}

// Whoever is there keeps what he has, and nothing of this node comes to be.
func TestRestoreTakesNothing(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := forgotten(t, mode, 2, 1)
		w.start("B")
		before := fmt.Sprint(w.status(0), w.status(1))
		var lost *LostError
		if err := w.run("A").Restore(t.Context()); !errors.As(err, &lost) || lost.Node != "B" {
			t.Errorf("%v: %v", mode, err)
		}
		if after := fmt.Sprint(w.status(0), w.status(1)); after != before {
			t.Errorf("%v: %s has become %s", mode, before, after)
		}
	}
}

// Another node comes up between the look and the first command: what was registered
// beside it is taken off again.
func TestRestoreTooLate(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := forgotten(t, mode, 1, 1)
		w.before("A", 0, registersKey(keyA), func() { w.start("B") })
		r := w.run("A")
		w.wrap = nil
		var lost *LostError
		if err := r.Restore(t.Context()); !errors.As(err, &lost) {
			t.Errorf("%v: %v", mode, err)
		}
		w.wantOwned(keyB)
	}
}

// A node that was let in and removed again by another one does not come back.
func TestRestoreRemoved(t *testing.T) {
	w := forgotten(t, Exclusive, 1, 2)
	w.before("A", 0, sends(scsi.OutReserve), func() { w.must(w.takesOver("B", "")); w.must(w.run("B").Halt(t.Context())) })
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Restore(t.Context()); !errors.As(err, &lost) {
		t.Error(err)
	}
	w.wantEmpty()
}

// One LUN of two has forgotten: the other one is the witness, as for a repair.
func TestRestoreSome(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{NoAPTPL: true})
	w.start("A")
	w.luns[1].With(func(m *simlun.Machine) { m.PowerCycle() })
	w.must(w.run("A").Restore(t.Context()))
	w.wantOwned(keyA)
}

// Who is only registered is there, too: a start that has not reserved yet.
func TestRestoreBesideStart(t *testing.T) {
	w := forgotten(t, Exclusive, 1, 2)
	w.loses("A", 0, registersKey(keyA), func() { w.put(0, "B", 0, keyB, 0) })
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Restore(t.Context()); !errors.As(err, &lost) || lost.Node != "B" {
		t.Error(err)
	}
	if got := w.status(0); !slices.Equal(got.Keys, []pr.Key{keyB}) || got.Holder != 0 {
		t.Errorf("left is %+v", got)
	}
}

// One LUN on which another node is keeps all from being touched.
func TestRestoreTouchesNone(t *testing.T) {
	w := forgotten(t, Exclusive, 2, 1)
	w.put(1, "B", 0, keyB, 0)
	r := w.run("A")
	r.Log = func(e Event) { t.Errorf("%+v", e) }
	var lost *LostError
	if err := r.Restore(t.Context()); !errors.As(err, &lost) || lost.LUN != "sdb" {
		t.Error(err)
	}
}

// As long as some LUN has this node, a fence shows there: it is not let in.
func TestRestoreBesideFence(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{NoAPTPL: true})
	w.mode = Shared
	w.start("B")
	w.start("A")
	w.luns[1].With(func(m *simlun.Machine) { m.PowerCycle() })
	w.before("A", 1, registersKey(keyA), func() { w.must(w.only("B", "sda").Fence(t.Context(), w.members[0])) })
	r := w.run("A")
	w.wrap = nil
	if err := r.Restore(t.Context()); !errors.Is(err, ErrRemoved) {
		t.Error(err)
	}
	for i := range w.luns {
		if slices.Contains(w.status(i).Keys, keyA) {
			t.Errorf("LUN %d has %+v", i, w.status(i))
		}
	}
}

// Another node takes one LUN, and no more, when the last one has come up: the arbiter in
// exclusive mode, any in shared mode. A last look at all of them finds it.
func TestRestoreLooksLast(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		does func(w *world) error
	}{
		{Exclusive, func(w *world) error { return w.only("B", "sda").Start(t.Context()) }},
		{Shared, func(w *world) error {
			r := w.only("B", "sda")
			return errors.Join(r.Start(t.Context()), r.Fence(t.Context(), w.members[0]))
		}},
	} {
		w := forgotten(t, c.mode, 2, 1)
		bothUp := func(req *scsi.Request) bool {
			return req.Opcode() == scsi.OpPRIn && w.status(0).Holder == keyA && w.status(1).Holder == keyA
		}
		w.before("A", 1, bothUp, func() { w.must(c.does(w)) })
		r := w.run("A")
		w.wrap, r.Parallel = nil, 1
		if err := r.Restore(t.Context()); err == nil {
			t.Errorf("%v: ok, and left is %+v, %+v", c.mode, w.status(0), w.status(1))
		}
	}
}
