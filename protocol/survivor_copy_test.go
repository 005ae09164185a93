package protocol

import (
	"context"
	"errors"
	"slices"
	"testing"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// A copy that fails between registering another node and taking its own nexus off
// again does not leave that node's key on it.
func TestCopyWithdraws(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "A", "B")
	w.faults(1, "prout.register@2:sense=5/26/00")
	if _, err := w.run("A").Copy(context.Background()); err == nil {
		t.Error("it said ok")
	}
	s, err := w.unit(1, "C", 0).State(context.Background())
	w.must(err)
	if slices.ContainsFunc(s.Registrations, func(r pr.Registration) bool { return port("A", 0).Same(r.Initiator) }) {
		t.Errorf("LUN 1 has %+v", s.Registrations)
	}
}

// A node that is not registered itself copies, and another one leaves the model
// meanwhile: it is removed before the copy has lost the right to that, under a mark, and
// what it has under way is over.
func TestCopyBesideHalt(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "A", "B")
	r := w.during("C", 1, sends(scsi.OutReserve), func() { w.must(w.only("B", "sda").Halt(context.Background())) })
	w.log = nil
	_, err := r.Copy(context.Background())
	w.must(err)
	if st := w.status(1); !slices.Equal(st.Keys, []pr.Key{keyA}) || st.Holder != keyA {
		t.Errorf("LUN 1 has %+v", st)
	}
	done := w.changes("sdb")
	if at := slices.Index(done, Preempted); at < 1 || done[at-1] != MarkedTaking || !slices.Contains(done[at:], Reset) {
		t.Errorf("%v", done)
	}
}

// A node that is fenced while it copies leaves the copy.
func TestCopyOfTheFenced(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "B", "A")
	r := w.during("A", 1, sends(scsi.OutReserve), func() { w.must(w.only("B", "sda").Fence(context.Background(), w.members[0])) })
	if _, err := r.Copy(context.Background()); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	if st := w.status(1); slices.Contains(st.Keys, keyA) {
		t.Errorf("LUN 1 has %+v", st)
	}
}

// A device says GOOD, and registers only initiator ports that it has seen.
func TestCopyReadsBackRegistrations(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{}).multi()
	w.must(w.only("A", "sda").Start(context.Background()))
	w.put2path(0, "B", 0, keyB)
	w.quirks(1, simlun.Quirks{SpecIPTKnownOnly: true})
	if _, err := w.run("A").Copy(context.Background()); !errors.Is(err, ErrNotCopied) {
		t.Errorf("%v; LUN 1 has %+v", err, w.status(1))
	}
}

// The reservation goes after it was moved.
func TestCopyReadsBackReservation(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "B", "A")
	w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			reply, err := t.Do(ctx, req)
			if n == "A" && l == 1 && sends(scsi.OutRegisterAndMove)(req) {
				w.release(1, "B")
			}
			return reply, err
		})
	}
	r := w.run("A")
	w.wrap = nil
	if _, err := r.Copy(context.Background()); !errors.Is(err, ErrNotCopied) {
		t.Errorf("%v; LUN 1 has %+v", err, w.status(1))
	}
}

// Who leaves is not copied, and a mark is not.
func TestCopyOfMarked(t *testing.T) {
	for key, want := range map[pr.Key][]pr.Key{Leaving(keyB): {keyA}, Taking(keyB): {keyA, keyB}} {
		w := extended(t, 2, 1, simlun.Quirks{}, "A", "B")
		w.put2path(0, "B", 0, key)
		_, err := w.run("A").Copy(context.Background())
		if st := w.status(1); err != nil || !slices.Equal(st.Keys, want) {
			t.Errorf("%v: %v; LUN 1 has %+v", key, err, st)
		}
		if _, err := w.run("A").Copy(context.Background()); err != nil {
			t.Errorf("%v, again: %v", key, err)
		}
	}
}

// A clean-up resolves what somebody was taking, or says so and comes to an end; its
// own key is what it registers.
func TestCleanupOfTaker(t *testing.T) {
	for _, reset := range []bool{true, false} {
		w := newWorld(t, 1, 1, simlun.Quirks{NoReset: !reset})
		w.put(0, "B", 0, Taking(keyB), unit.ReservationType)
		err := clearAnyway(context.Background(), w.run("A"), 0)[0].Err
		switch {
		case reset && (err != nil || !w.logged(Reset)):
			t.Errorf("%v, reset %v", err, w.logged(Reset))
		case !reset && (!errors.Is(err, ErrUnresolved) || errors.Is(err, ErrUnsettled)):
			t.Errorf("without a reset: %v", err)
		}
		w.wantEmpty()
		if !slices.ContainsFunc(w.log, func(e Event) bool { return e.Action == Registered && Plain(e.Key) == keyA }) {
			t.Errorf("%+v", w.log)
		}
	}
}

// A node that is not registered itself leaves a copy that failed.
func TestCopyLeaves(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "A", "B")
	w.faults(1, "prout.reserve@1:sense=5/26/00")
	if _, err := w.run("C").Copy(context.Background()); err == nil {
		t.Error("it said ok")
	}
	if st := w.status(1); slices.Contains(st.Keys, keyC) {
		t.Errorf("LUN 1 has %+v", st)
	}
}

// Who holds leaves the model while a node that is not registered itself copies: it does
// not get the reservation of the copy.
func TestCopyHolderLeaves(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "A", "B")
	r := w.during("C", 1, sends(scsi.OutReserve), func() { w.must(w.only("A", "sda").Halt(context.Background())) })
	w.log = nil
	if _, err := r.Copy(context.Background()); !errors.Is(err, ErrUnsettled) {
		t.Errorf("%v", err)
	}
	for _, e := range w.log {
		if e.Action == Moved && e.LUN == "sdb" && e.Heir == keyA {
			t.Errorf("%+v", e)
		}
	}
}

// A node is fenced while it removes from the copy who has left the model: it does not
// register again.
func TestCopyFencedAtTheEnd(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "B", "A", "C")
	halt := func() { w.must(w.only("C", "sda").Halt(context.Background())) }
	fence := func() { w.must(w.fence("B", "A")) }
	w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			switch {
			case n == "A" && l == 1 && sends(scsi.OutReserve)(req):
				halt()
			case n == "A" && l == 1 && sends(scsi.OutPreemptAndAbort)(req):
				fence()
			}
			return t.Do(ctx, req)
		})
	}
	r := w.run("A")
	w.wrap = nil
	_, err := r.Copy(context.Background())
	if st := w.status(1); !errors.Is(err, ErrRemoved) || slices.ContainsFunc(st.Keys, func(k pr.Key) bool { return Plain(k) == keyA }) {
		t.Errorf("%v; LUN 1 has %+v", err, st)
	}
}

// A copy that cannot be reserved says why.
func TestCopyUnreserved(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "B", "A")
	w.faults(1, "prout.reserve@1:conflict")
	if _, err := w.run("C").Copy(context.Background()); !errors.Is(err, pr.ErrReservationConflict) {
		t.Errorf("%v", err)
	}
}
