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

// A halt leaves it as it is whether registrations are kept through power loss.
func TestSharedHaltLeavesPersistence(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "B", "A")
	w.must(w.unit(0, "B", 0).RegisterAndIgnore(context.Background(), keyB, false))
	w.halt("A")
	caps, err := w.unit(0, "B", 0).Capabilities(context.Background())
	w.must(err)
	if caps.Persisting {
		t.Error("it is switched on")
	}
}

// The PREEMPT of a taker that was given up is performed during its halt: the holder
// stays.
func TestHaltBesideLatePreempt(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.start("B")
	w.put2path(0, "A", 0, Taking(keyA))
	r := w.during("A", 0, registersKey(0), func() {
		// What is not known stays not known.
		if st := w.status(0); !slices.Contains(st.Keys, Leaving(Taking(keyA))) {
			t.Errorf("LUN 0 has %+v", st)
		}
		_ = w.unit(0, "A", 0).PreemptAndAbort(context.Background(), Taking(keyA), keyB, unit.ReservationType)
	})
	w.must(r.Halt(context.Background()))
	w.wantOwned(keyB)
}

// Who holds gives the LUN up while a taker halts: what that one had removed is
// resolved before it clears.
func TestHaltOfTakerThatHolds(t *testing.T) {
	for _, reset := range []bool{true, false} {
		w := newWorld(t, 1, 1, simlun.Quirks{NoReset: !reset})
		w.start("B")
		w.put2path(0, "A", 0, Taking(keyA))
		r := w.during("A", 0, registersKey(Leaving(Taking(keyA))), func() { w.release(0, "B"); w.drop(0, "B", 0) })
		err := r.Halt(context.Background())
		switch {
		case reset && (err != nil || !w.logged(Reset)):
			t.Errorf("%v, reset %v", err, w.logged(Reset))
		case !reset && (!errors.Is(err, ErrUnresolved) || w.status(0).Keys[0]&TakingMark == 0):
			t.Errorf("without a reset: %v; LUN 0 has %+v", err, w.status(0))
		}
	}
}

// A node begins to leave while another one removes its own further paths: it does not
// inherit.
func TestHeirLeavesMeanwhile(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "A", "B", "C")
	r := w.during("A", 0, sends(scsi.OutPreemptAndAbort), func() { w.put2path(0, "B", 0, Leaving(keyB)) })
	w.must(r.Halt(context.Background()))
	if st := w.status(0); st.Holder != keyC || !slices.Contains(st.Keys, Leaving(keyB)) {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// The path that holds is not the first that was marked: both marks go without anything
// being aborted.
func TestHaltHoldsByAnotherPath(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "A", "B")
	w.release(0, "A")
	w.put(0, "A", 1, keyA, unit.ReservationType)
	w.log = nil
	w.halt("A")
	if got, want := w.changes("sda"), []Action{Marked, Marked, Unregistered, Moved}; !slices.Equal(got, want) {
		t.Errorf("%v, %v expected", got, want)
	}
	w.wantShared("B")
}

// The PREEMPT of a taker that was given up is performed just before its halt marks it
// leaving: it holds by now, and what it has removed may not be over.
func TestHaltOfTakerThatHeldLate(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{NoReset: true})
	w.start("B")
	w.put2path(0, "A", 0, Taking(keyA))
	r := w.during("A", 0, registersKey(Leaving(Taking(keyA))), func() {
		w.must(w.unit(0, "A", 0).PreemptAndAbort(context.Background(), Taking(keyA), keyB, unit.ReservationType))
	})
	if err := r.Halt(context.Background()); !errors.Is(err, ErrUnresolved) {
		t.Errorf("%v; LUN 0 has %+v", err, w.status(0))
	}
}

// A node begins to leave just before another one marks itself leaving, which sees that
// by reading after its mark: the reservation goes to who stays.
func TestTwoLeaveAtOnce(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A", "B", "C")
	r := w.during("A", 0, registersKey(Leaving(keyA)), func() { w.put2path(0, "B", 0, Leaving(keyB)) })
	w.must(r.Halt(context.Background()))
	if st := w.status(0); st.Holder != keyC || !slices.Equal(st.Keys, []pr.Key{keyC, Leaving(keyB)}) {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// A nexus of this node that the device does not list holds, by the plain key or by the
// mark: the path that is marked takes that over before it goes.
func TestHaltUnlistedHolder(t *testing.T) {
	for _, holder := range []pr.Key{keyA, Leaving(keyA)} {
		r := newWorld(t, 1, 1, simlun.Quirks{}).run("A")
		d := &departure{target: r.target(r.LUNs[0])}
		d.marked = d.Usable
		d.State = &pr.State{
			Identified: true,
			Registrations: []pr.Registration{
				{Key: Leaving(keyA), Initiator: port("A", 0), RelativePort: 1},
				{Key: keyB, Initiator: port("B", 0), RelativePort: 1},
			},
			Reservation: &pr.Reservation{Key: holder, Type: unit.ReservationType},
		}
		if a := d.decide(d.rows()); a.event.Action != Preempted || a.event.Victim != holder {
			t.Errorf("%v holds: %+v", holder, a.event)
		}
	}
}
