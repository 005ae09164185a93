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

// A node that holds by a nexus of the past finds another one gone, and registers
// again; meanwhile a registrant has taken the LUN, and said ok. That is read before
// anybody is removed.
func TestRemovedReadsFirst(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.pastPut(0, "A", unit.ReservationType)
	w.put2path(0, "A", 6, keyA)
	w.put2path(0, "B", 0, keyB)
	registers := 0
	w.wrap = func(n string, _, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if n == "A" && registersKey(Taking(keyA))(req) {
				switch registers++; registers {
				case 1:
					w.drop(0, "A", 6)
					return senseReply(scsi.UnitAttention, scsi.RegistrationsPreempted), nil
				case 2:
					w.must(w.takesOver("B", ""))
				}
			}
			return t.Do(ctx, req)
		})
	}
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) || registers != 2 {
		t.Errorf("%v, %d times registered", err, registers)
	}
	w.wantOwned(keyB)
}

// A halt of this node's was killed, and another node removes what leaves while this
// one starts: that is no fence.
func TestLeavingMayBeRemoved(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A", "B")
	w.put2path(0, "A", 0, Leaving(keyA))
	r := w.during("A", 0, registersKey(keyA), func() { w.start("B") })
	w.must(r.Start(context.Background()))
	w.wantShared("B", "A")
}

// A node that had read this one's key before it was marked hands over to it, and so
// puts the plain key back: the fence marks itself again.
func TestHandOverTakesMarkOff(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "B", "A", "C")
	r := w.during("A", 0, sends(scsi.OutPreemptAndAbort), func() {
		w.must(w.unit(0, "B", 0).Move(context.Background(), &pr.MoveOrder{
			Key: keyB, ActionKey: keyA, Unregister: true, RelativePort: 1, Destination: port("A", 0),
		}))
	})
	w.must(r.Fence(context.Background(), w.members[2]))
	w.wantShared("A")
}

// What all paths have to tell of another node's work is read once.
func TestAttentionsCostOneReading(t *testing.T) {
	readings := func(paths int) (n int) {
		w := newWorld(t, 1, paths, simlun.Quirks{})
		w.start("A")
		w.start("B")
		w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				if req.Opcode() == scsi.OpPRIn {
					n++
				}
				return t.Do(ctx, req)
			})
		}
		r := w.run("A")
		w.wrap = nil
		w.must(r.Start(context.Background()))
		w.wantOwned(keyA)
		return n
	}
	if two, six := readings(2), readings(6); two != six {
		t.Errorf("%d with two paths, %d with six", two, six)
	}
}

// A start that failed, and cannot undo what it did, says so.
func TestGiveUpSaysWhatIsLeft(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.faults(0, "prout.reserve@every:sense=5/26/00;prout.register@every:conflict")
	if err := w.run("A").Start(context.Background()); !errors.Is(err, ErrNotUndone) || errors.Is(err, ErrKeysLeft) {
		t.Errorf("%v; LUN 0 has %+v", err, w.status(0))
	}
}

// A start has removed a registrant from a LUN that nobody held, and fails then: that
// node could write again if the reservation went.
func TestGiveUpKeepsAfterRemoval(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.put2path(0, "B", 0, keyB)
	w.faults(0, "prout.register@1:sense=4/44/00;prout.register@2:sense=4/44/00;prout.register@3:sense=4/44/00")
	if err := w.run("A").Start(context.Background()); err == nil {
		t.Error("it said ok")
	}
	if st := w.status(0); Plain(st.Holder) != keyA || !w.logged(Kept) {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// A node that was on a shared LUN before its start failed stays there: it may be up.
func TestBackOutKeepsWhatWas(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "B", "A")
	w.drop(0, "A", 1)
	w.faults(0, "prout.register@2:sense=4/44/00;prout.register@3:sense=4/44/00;prout.register@4:sense=4/44/00")
	if err := w.run("A").Start(context.Background()); err == nil {
		t.Error("it said ok")
	}
	if st := w.status(0); !slices.Contains(st.Keys, keyA) {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// Of two starts at once the loser's REGISTER is aborted by the winner's PREEMPT AND
// ABORT, on a LUN that is not the arbiter: it knows by the arbiter who has won.
func TestLoserOfTheArbiter(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{})
	w.start("A")
	lost := false
	w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if n == "A" && l == 1 && req.Opcode() == scsi.OpPROut && !lost {
				lost = true
				w.must(w.takesOver("B", ""))
				return scsi.Reply{Status: scsi.TaskAborted}, nil
			}
			return t.Do(ctx, req)
		})
	}
	r := w.run("A")
	w.wrap = nil
	var e *LostError
	if err := r.Start(context.Background()); !errors.As(err, &e) || e.Node != "B" || !lost {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}
