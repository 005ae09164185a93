package protocol

import (
	"context"
	"errors"
	"testing"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/protocol/unit"
)

// heldBy is who holds a namespace, and how.
func (w *world) heldBy(space int) (s *pr.State) { return w.device(space).state() }

// A host is one registration on a namespace, whatever its paths: a clean start is report,
// register, acquire, report, and two questions for what the namespace can do.
func TestSpaceOneRegistration(t *testing.T) {
	w := newSpaces(t, 1, 4, simns.Quirks{})
	w.start("A")
	if n := w.sent[0].Load(); n != 6 {
		t.Errorf("%d commands", n)
	}
	if s := w.heldBy(0); len(s.Registrations) != 1 || !s.HeldBy(keyA) || s.Reservation.Type != unit.ReservationType {
		t.Errorf("%+v", s)
	}
}

// A node that was taken over when it had won does not register by another path.
func TestSpaceTakenOverBetween(t *testing.T) {
	w := newSpaces(t, 1, 2, simns.NVMet())
	w.start("A")
	n := 0
	w.dies = func() error {
		// Two questions, report, register, preempt and abort; then the mark goes.
		if n++; n == 7 {
			b := newSpaces(t, 0, 2, simns.Quirks{})
			b.spaces, b.sent = w.spaces, w.sent
			b.start("C")
		}
		return nil
	}
	r := w.run("B")
	w.dies = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) {
		t.Errorf("%v", err)
	}
	if s := w.heldBy(0); len(s.Registrations) != 1 || !s.HeldBy(keyC) {
		t.Errorf("%+v", s)
	}
}

// A mark on the seat is not taken for one on another path: the host has one registration.
func TestSpaceOneMark(t *testing.T) {
	w := newSpaces(t, 1, 2, simns.Quirks{})
	w.start("A")
	w.sent[0].Store(0)
	w.start("B")
	// Two questions, report, register marked, preempt and abort, unmark, report.
	if n := w.sent[0].Load(); n != 7 {
		t.Errorf("%d commands", n)
	}
}

// Where all registrants hold, others go by a PREEMPT of key 0. SPDK leaves the type as it
// is: the node that is left alone has the namespace all the same, and the next one can
// take it.
func TestSpaceKeepsType(t *testing.T) {
	for name, quirks := range map[string]simns.Quirks{"standard": {}, "nvmet": simns.NVMet(), "SPDK": simns.SPDK()} {
		w := newSpaces(t, 2, 1, quirks)
		w.share()
		w.start("A")
		w.start("B")
		w.mode = Exclusive
		w.start("A")
		w.start("A")
		w.start("C")
		for i := range w.spaces {
			if s := w.heldBy(i); len(s.Registrations) != 1 || !s.HeldBy(keyC) {
				t.Errorf("%s: %+v", name, s)
			}
			if reports := w.run("C").Check(context.Background()); len(reports[i].Findings) > 0 {
				t.Errorf("%s: %+v", name, reports[i].Findings)
			}
		}
		if err := w.run("C").Halt(context.Background()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := w.heldBy(0); !s.Empty() {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// Who goes with all others may have been removing somebody whose commands are not known to
// be over: then it is not known afterwards either.
func TestSpaceTakerGoesWithAll(t *testing.T) {
	w := newSpaces(t, 1, 1, simns.Quirks{})
	w.put(0, "A", 0, Taking(keyA), unit.SharedType)
	if err := w.run("C").Start(context.Background()); !errors.Is(err, ErrUnresolved) {
		t.Errorf("%v", err)
	}
	if s := w.heldBy(0); !s.Has(Taking(keyC)) || s.Has(Taking(keyA)) {
		t.Errorf("the doubt has gone: %+v", s)
	}
}

// A reservation that one node holds on a namespace of several cannot be handed over. Who
// holds it and halts lets all hold it first: it is reserved at every instant.
func TestSpaceTurns(t *testing.T) {
	for name, quirks := range map[string]simns.Quirks{"standard": {}, "nvmet": simns.NVMet(), "SPDK": simns.SPDK()} {
		w := newSpaces(t, 1, 2, quirks)
		held("A", "B").prepare(w)
		gaps := 0
		w.dies = func() error {
			if w.heldBy(0).Reservation == nil {
				gaps++
			}
			return nil
		}
		if err := w.run("A").Halt(context.Background()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := w.heldBy(0); gaps > 0 || s.Reservation == nil || s.Reservation.Type != unit.SharedType || len(s.Registrations) != 1 || !s.Has(keyB) {
			t.Errorf("%s: unreserved %d times: %+v", name, gaps, s)
		}
	}
}

// Without reservations that all hold nothing can be done but to leave, and to say so.
func TestSpaceCannotTurn(t *testing.T) {
	w := newSpaces(t, 1, 1, simns.Quirks{NoAllRegistrants: true})
	held("A", "B").prepare(w)
	if err := w.run("A").Halt(context.Background()); err != nil || !w.logged(Unmoved) {
		t.Errorf("%v; said: %v", err, w.logged(Unmoved))
	}
}

// A fence reads a namespace once at the end: there is no other command for keys.
func TestSpaceFenceReadsOnce(t *testing.T) {
	w := newSpaces(t, 1, 1, simns.Quirks{})
	w.share()
	w.start("A")
	w.start("B")
	w.sent[0].Store(0)
	if err := w.fence("A", "B"); err != nil {
		t.Fatal(err)
	}
	// Report, mark, report, preempt and abort, plain key, report.
	if n := w.sent[0].Load(); n != 6 {
		t.Errorf("%d commands", n)
	}
	if all := w.run("A").ShowSure(context.Background()); all[0].Err != nil || w.sent[0].Load() != 7 {
		t.Errorf("%v after %d commands", all[0].Err, w.sent[0].Load())
	}
}

// A host that was installed anew has another host identifier, and the registration of the
// old one under its key. The holder's PREEMPT of its own key, by which that would go, leaves
// it on nvmet and SPDK.
func TestSpaceNamesake(t *testing.T) {
	for name, quirks := range map[string]simns.Quirks{"standard": {}, "nvmet": simns.NVMet(), "SPDK": simns.SPDK()} {
		for typ, held := range map[string]pr.Type{"held": unit.ReservationType, "not held": 0} {
			w := newSpaces(t, 1, 1, quirks)
			w.pastPut(0, "A", held)
			err := w.run("A").Start(context.Background())
			s := w.heldBy(0)
			if err != nil || len(s.Registrations) != 1 || !s.HeldBy(keyA) || !nvme.HostID.Same(hostOf("A", 0), s.Registrations[0].Initiator) {
				t.Errorf("%s, %s: %v: %+v", name, typ, err, s)
			}
		}
	}
}

// A halt among others that all hold is one command that changes something: nothing is to
// be handed over.
func TestSpaceHaltCost(t *testing.T) {
	w := newSpaces(t, 1, 2, simns.SPDK())
	w.share()
	w.start("A")
	w.start("B")
	w.sent[0].Store(0)
	if err := w.run("A").Halt(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Two questions, report, unregister, report.
	if n := w.sent[0].Load(); n != 5 {
		t.Errorf("%d commands", n)
	}
}

// A registration is replaced whatever it was.
func TestSpaceReplaces(t *testing.T) {
	w := newSpaces(t, 1, 1, simns.Quirks{})
	w.put(0, "A", 0, keyA, 0)
	w.put(0, "A", 0, keyB, 0)
	if s := w.heldBy(0); len(s.Registrations) != 1 || !s.Has(keyB) {
		t.Errorf("%+v", s)
	}
}
