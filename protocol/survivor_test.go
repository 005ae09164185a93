package protocol

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// Each of these is the rule that one row or comparison keeps, where the other tests
// do not notice that it is gone: docs/mutants.md.

// loses lets the first command of a node that the match knows be performed, on a
// LUN, then something happen, and then its answer be lost.
func (w *world) loses(node string, lun int, match func(*scsi.Request) bool, do func()) {
	var once sync.Once
	w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			reply, err := t.Do(ctx, req)
			if n == node && l == lun && match(req) {
				once.Do(func() {
					do()
					reply = scsi.Reply{Host: scsi.HostError, Resid: len(req.Data)}
				})
			}
			return reply, err
		})
	}
}

// Who found the LUN free, and registers after another one has won it, has lost.
func TestStartRegistersLate(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.before("A", 0, registersKey(keyA), func() { w.must(w.takesOver("B", "")) })
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) || lost.Node != "B" {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// The first REGISTER of a start has no answer, and the holder has removed it since:
// another path is not used to go on.
func TestStartRemovedUnseen(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("B")
	w.loses("A", 0, registersKey(Taking(keyA)), func() { w.must(w.takesOver("B", "")) })
	r := w.run("A")
	w.wrap = nil
	if err := r.Start(context.Background()); !errors.Is(err, ErrUnsure) {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// A rival registers after the seat was, without a mark: it is removed under one.
func TestRivalRemovedUnderMark(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{NoReset: true})
	w.before("A", 0, sends(scsi.OutReserve), func() {
		w.must(w.unit(0, "B", 0).RegisterAndIgnore(context.Background(), keyB, false))
	})
	r := w.run("A")
	w.wrap = nil
	w.faults(0, "prout.preempt-abort@1:after:host=3")
	if err := r.Start(context.Background()); !errors.Is(err, ErrUnresolved) {
		t.Errorf("%v", err)
	}
	if st := w.status(0); st.Holder != Taking(keyA) {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// A rival wins all LUNs after the look at the arbiter that served for all of them:
// who finds himself removed on another one looks again, and leaves it alone.
func TestStartLosesAfterTheLook(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{})
	w.before("A", 1, sends(scsi.OutReserve), func() { w.must(w.takesOver("B", "")) })
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) || lost.Node != "B" {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// Who holds is removed first. So a mark under another holder says that nobody was
// removed yet.
func TestHolderGoesFirst(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{NoReset: true})
	w.start("B")
	w.put2path(0, "A", 0, keyA)
	w.faults(0, "prout.preempt-abort@1:after:host=3")
	if err := w.run("C").Start(context.Background()); err == nil {
		t.Error("it said ok")
	}
	w.faults(0, "")
	if err := w.run("C").Start(context.Background()); !errors.Is(err, ErrUnresolved) {
		t.Errorf("again: %v", err)
	}
}

// All others that hold with this node go in one step.
func TestAllRegistrantsGoAtOnce(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.put(0, "B", 0, keyB, scsi.WriteExclusiveAllRegistrants)
	w.put2path(0, "C", 0, keyC)
	w.start("A")
	w.wantOwned(keyA)
	if got, want := w.changes("sda"), []Action{Registered, Preempted, Unmarked}; !slices.Equal(got, want) {
		t.Errorf("%v, %v expected", got, want)
	}
}

// Two paths that a killed run has left marked are plain after the next.
func TestStartUnmarksAll(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 1, 2, simlun.Quirks{})
		w.mode = mode
		w.start("A")
		w.put2path(0, "A", 0, Taking(keyA))
		w.put2path(0, "A", 1, Taking(keyA))
		w.start("A")
		w.wantOwned(keyA)
	}
}
