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

// during lets something happen by paths of its own before a command of a node.
func (w *world) during(node string, lun int, match func(*scsi.Request) bool, do func()) *Run {
	w.t.Helper()
	w.before(node, lun, match, func() {
		wrap := w.wrap
		w.wrap = nil
		do()
		w.wrap = wrap
	})
	r := w.run(node)
	w.wrap = nil
	return r
}

// The victim registers on a LUN that the fence is done with.
func TestFenceLooksAgain(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A", "B")
	r := w.during("A", 0, registersKey(keyA), func() {
		w.must(w.unit(1, "B", 0).RegisterAndIgnore(context.Background(), keyB, false))
	})
	if err := r.Fence(context.Background(), w.members[1]); err == nil && w.canWrite("B", 1) {
		t.Errorf("it said ok; LUN 1 has %+v", w.status(1))
	}
}

// A fence changes nothing on a LUN where nothing is to be done.
func TestFenceLeavesAlone(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A")
	w.only2("B", "sda")
	w.log = nil
	w.must(w.fence("A", "B"))
	if got := w.changes("sdb"); len(got) > 0 {
		t.Errorf("%v", got)
	}
	w.wantShared("A")
}

// A survivor that is fenced itself says so.
func TestFencedFencer(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "B", "A", "C")
	r := w.during("A", 0, registersKey(Taking(keyA)), func() { w.must(w.fence("C", "A")) })
	if err := r.Fence(context.Background(), w.members[1]); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	w.wantShared("B", "C")
}

// A survivor that was removed on the arbiter strikes on no other LUN.
func TestFenceLooksAtArbiter(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "B", "A", "C")
	r := w.during("A", 1, registersKey(Taking(keyA)), func() {
		w.must(w.only("C", "sda").Fence(context.Background(), w.members[0]))
	})
	if err := r.Fence(context.Background(), w.members[1]); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	if st := w.status(1); !slices.Contains(st.Keys, keyB) {
		t.Errorf("LUN 1 has %+v", st)
	}
}

// A LUN is not fenced as long as it is not reserved as it should be.
func TestFenceReserves(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A")
	w.release(1, "A")
	w.must(w.fence("A", "B"))
	w.wantShared("A")
	w.release(1, "A")
	w.put(1, "A", 0, keyA, pr.WriteExclusive)
	if err := w.fence("C", "B"); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("of another type: %v", err)
	}
	w.must(w.fence("A", "B"))
	w.wantShared("A")
}

// Others hold by a type that does not protect.
func TestFenceOtherType(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A", "B", "C")
	w.release(0, "A")
	w.put(0, "C", 0, keyC, pr.WriteExclusive)
	if err := w.fence("A", "B"); !errors.Is(err, ErrOtherType) {
		t.Errorf("%v", err)
	}
}

// What the victim takes with goes first, then who holds.
func TestFenceOrder(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "C", "B", "A")
	w.put2path(0, "B", 1, Taking(keyB))
	w.put2path(0, "C", 0, Leaving(keyC))
	w.log = nil
	w.must(w.fence("A", "B"))
	var got []pr.Key
	for _, e := range w.log {
		if e.Action == Preempted {
			got = append(got, e.Victim)
		}
	}
	if want := []pr.Key{Taking(keyB), Leaving(keyC), keyB}; !slices.Equal(got, want) {
		t.Errorf("%v, %v expected", got, want)
	}
}

// The mark on a path that has died goes with the others.
func TestFenceUnmarksDeadPath(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "A", "B")
	w.put2path(0, "A", 0, Taking(keyA))
	w.cut(0, "A", 0)
	w.must(w.fence("A", "B"))
	if st := w.status(0); !slices.Equal(st.Keys, []pr.Key{keyA}) || st.Holder != keyA {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// The arbiter's mark goes last.
func TestArbiterUnmarkedLast(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A", "B")
	r := w.during("A", 1, registersKey(keyA), func() {
		if st := w.status(0); !slices.Contains(st.Keys, Taking(keyA)) {
			t.Errorf("the arbiter has %+v while LUN 1 is marked", st)
		}
	})
	r.Parallel = 1
	w.must(r.Fence(context.Background(), w.members[1]))
}

// A halt of a node that was taking resolves the doubt before it goes.
func TestHaltOfTaker(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 1, 1, simlun.Quirks{NoReset: true})
		w.mode = mode
		if mode == Shared {
			w.start("B")
		}
		w.start("A")
		w.put2path(0, "A", 0, Taking(keyA))
		if err := w.run("A").Halt(context.Background()); !errors.Is(err, ErrUnresolved) {
			t.Errorf("%v, without a reset: %v", mode, err)
		}
		if st := w.status(0); !slices.ContainsFunc(st.Keys, func(k pr.Key) bool { return Plain(k) == keyA && k&TakingMark != 0 }) {
			t.Errorf("%v: the mark has gone: %+v", mode, st)
		}
		w.quirks(0, simlun.Quirks{})
		w.log = nil
		w.halt("A")
		if !w.logged(Reset) {
			t.Errorf("%v: no reset", mode)
		}
	}
}

// A halt whose first command meets a conflict reads, and tries the path once more.
func TestHaltTriesTwice(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "B", "A")
	w.faults(0, "prout.register@1:conflict")
	w.halt("A")
	w.wantShared("B")
}

// A node that is marked taking inherits first: any other may be the one that it
// removes. The mark stays.
func TestTakingNodeInherits(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A", "B", "C")
	w.put2path(0, "B", 0, Taking(keyB))
	w.halt("A")
	if st := w.status(0); st.Holder != Taking(keyB) {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// Where several nodes write a reset makes sure that the victim's commands are over.
func TestFenceResets(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A", "B")
	w.log = nil
	w.must(w.fence("A", "B"))
	if got, want := w.changes("sda"), []Action{MarkedTaking, Preempted, Reset, Unmarked}; !slices.Equal(got, want) {
		t.Errorf("%v, %v expected", got, want)
	}
}

// A port of the victim has the key of a third node that is not registered itself.
func TestFenceLonelyKey(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "A", "B")
	w.put2path(0, "B", 1, keyC)
	w.must(w.fence("A", "B"))
	w.wantShared("A")
}

// A survivor loses a path that is not its seat to another one, which loses in the
// end: it goes on.
func TestFenceLosesOtherPath(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "A", "B")
	r := w.during("A", 0, registersKey(Taking(keyA)), func() { w.drop(0, "A", 1) })
	w.must(r.Fence(context.Background(), w.members[1]))
	if st := w.status(0); !slices.Equal(st.Keys, []pr.Key{keyA}) || st.Holder != keyA {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// A node whose halt was killed holds the reservation, by a path that works or that has
// died, and fences: whoever comes next would take its reservation away.
func TestFenceByWhoLeaves(t *testing.T) {
	for _, dead := range []bool{false, true} {
		w := sharedWorld(t, 1, 2, simlun.Quirks{}, "A")
		w.put2path(0, "A", 0, Leaving(keyA))
		if dead {
			w.cut(0, "A", 0)
		}
		w.must(w.fence("A", "B"))
		if st := w.status(0); slices.ContainsFunc(st.Keys, unit.IsLeaving) || st.Holder != keyA {
			t.Errorf("dead %v: LUN 0 has %+v", dead, st)
		}
	}
}

// The victim has gone, and its commands may not be over: a node that is not
// registered cannot say that it is fenced.
func TestFenceByStrangerBesideTaker(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "B")
	w.put2path(0, "B", 0, Taking(keyB))
	if err := w.fence("A", "C"); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("%v", err)
	}
}

// A reservation whose holder is not listed keeps nobody out for sure.
func TestFenceHolderUnlisted(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	r := w.run("A")
	x := r.target(r.LUNs[0])
	f := &fencing{run: r, victim: w.members[1], targets: []*target{x}, arbiter: x}
	x.State = &pr.State{Reservation: &pr.Reservation{Key: keyA, Type: unit.ReservationType}}
	if f.isDone(&x.position) {
		t.Error("it is done")
	}
}

// Who holds begins to leave just before a fence marks itself, which sees that by
// reading after its mark: that node goes first, before it hands over to the victim.
func TestFenceBesideHalt(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "C", "B", "A")
	w.log = nil
	r := w.during("A", 0, registersKey(Taking(keyA)), func() { w.put2path(0, "C", 0, Leaving(keyC)) })
	w.must(r.Fence(context.Background(), w.members[1]))
	w.wantShared("A")
	i := slices.IndexFunc(w.log, func(e Event) bool { return e.Action == Preempted })
	if i < 0 || w.log[i].Victim != Leaving(keyC) {
		t.Errorf("%+v", w.log)
	}
}
