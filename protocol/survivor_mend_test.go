package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// A failover package that another node has, or is taking, is not mended.
func TestRepairLeavesOthersAlone(t *testing.T) {
	for name, other := range map[string]func(w *world){
		"the LUN is being taken": func(w *world) { w.drop(0, "A", 1); w.put2path(0, "B", 0, Taking(keyB)) },
		"another LUN is":         func(w *world) { w.drop(1, "A", 0); w.drop(1, "A", 1); w.put2path(1, "B", 0, Taking(keyB)) },
		"another LUN is held":    func(w *world) { w.only2("B", "sdb") },
	} {
		for _, readmit := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, readmit %v", name, readmit), func(t *testing.T) {
				w := newWorld(t, 2, 2, simlun.Quirks{})
				w.start("A")
				other(w)
				before := []status{w.status(0), w.status(1)}
				r := w.run("A")
				var err error
				if readmit {
					_, err = r.Readmit(context.Background())
				} else {
					err = r.Repair(context.Background())
				}
				if diff := cmp.Diff(before, []status{w.status(0), w.status(1)}); err != nil || diff != "" {
					t.Errorf("%v; (-before +after):\n%s", err, diff)
				}
			})
		}
	}
}

// The proof of membership on another LUN goes before the registration stands.
func TestRepairLooksAtWitness(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "B", "A")
	w.drop(1, "A", 0)
	r := w.during("A", 1, sends(scsi.OutRegister), func() { w.must(w.fence("B", "A")) })
	if err := r.Repair(context.Background()); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	w.wantShared("B")
}

// The path that a node which was fenced has registered is given up with the answer to
// that, and used again to undo it.
func TestRepairUndoesOnLostPath(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{NoRegisterMove: true}, "B", "A")
	w.drop(0, "A", 1)
	r := w.during("A", 0, registersKey(keyA), func() {
		w.must(w.fence("B", "A"))
		w.must(w.unit(0, "A", 1).Drain(context.Background()))
		w.faults(0, "prout.register%"+simlun.MakeNexus(port("A", 1), 2).String()+"@1:after:host=3")
	})
	if err := r.Repair(context.Background()); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	w.wantShared("B")
}

// A port of another node has a third one's key, from a copy of its own that was
// killed: only that node can mend it.
func TestCopyNamesWhoIsBlocked(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "A", "B", "C")
	w.put2path(1, "B", 0, keyC)
	_, err := w.run("A").Copy(context.Background())
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) || !slices.Equal(incomplete.Nodes, []string{"B"}) {
		t.Errorf("%v", err)
	}
}

// The CLEAR of a clean-up was given up, and is performed after the next start of the
// same node.
func TestLateClearOfCleanup(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.put2path(0, "B", 0, keyB)
	w.faults(0, "prout.clear@1:late=40")
	res := clearAnyway(context.Background(), w.run("A"), 0)
	w.faults(0, "")
	if err := w.run("A").Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		_, _ = w.unit(0, "C", 0).State(context.Background())
	}
	if st := w.status(0); st.Holder != keyA {
		t.Errorf("clean-up %v; then %+v", res[0].Err, st)
	}
}

// The REGISTER of a clean-up was given up, another path cleared the LUN, and the first
// comes afterwards.
func TestLateRegisterOfCleanup(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.put2path(0, "B", 0, keyB)
	w.faults(0, "prout.register-ignore@1:late=40")
	res := clearAnyway(context.Background(), w.run("A"), 0)[0]
	w.faults(0, "")
	if res.Err != nil || !res.Cleared {
		t.Fatalf("%+v", res)
	}
	for range 60 {
		_, _ = w.unit(0, "C", 0).State(context.Background())
	}
	if st := w.status(0); len(st.Keys) > 0 {
		t.Errorf("it was clear, and then %+v", st)
	}
}

// A node that is not registered, or that leaves, is not let in by a readmission.
func TestReadmitLetsNobodyIn(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		w := sharedWorld(t, 1, 2, simlun.Quirks{}, "B")
		if leaves {
			w.put2path(0, "A", 0, Leaving(keyA))
		}
		before := w.status(0)
		names, err := w.run("A").Readmit(context.Background())
		if diff := cmp.Diff(before, w.status(0)); err != nil || len(names) > 0 || diff != "" {
			t.Errorf("leaves %v: %v, %v; (-before +after):\n%s", leaves, names, err, diff)
		}
	}
}

// A node is fenced on a LUN that it is mending, and not yet on the one that proves its
// membership.
func TestRepairFencedOnOne(t *testing.T) {
	w := sharedWorld(t, 2, 2, simlun.Quirks{}, "B", "A")
	w.drop(1, "A", 0)
	w.drop(1, "A", 1)
	registers := 0
	r := w.during("A", 1, func(req *scsi.Request) bool {
		if registersKey(keyA)(req) {
			registers++
		}
		return registers == 2
	}, func() { w.must(w.only("B", "sdb").Fence(context.Background(), w.members[0])) })
	if err := r.Repair(context.Background()); !errors.Is(err, ErrRemoved) || registers < 2 {
		t.Errorf("%v, %d times registered", err, registers)
	}
	if st := w.status(1); slices.Contains(st.Keys, keyA) {
		t.Errorf("LUN 1 has %+v", st)
	}
}

// A path that does not answer is not registered on: nobody knew what became of that.
func TestRepairTriesPathsFirst(t *testing.T) {
	w := sharedWorld(t, 2, 2, simlun.Quirks{}, "B", "A")
	w.drop(1, "A", 0)
	w.drop(1, "A", 1)
	w.cut(1, "A", 1)
	w.log = nil
	w.must(w.run("A").Repair(context.Background()))
	for _, e := range w.log {
		if e.Action == Readmitted && e.Err != nil {
			t.Errorf("%+v", e)
		}
	}
}

// A LUN is taken that had lost its reservation, while its node registers a path.
func TestReadmitBesideTaker(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("A")
	w.drop(0, "A", 1)
	w.release(0, "A")
	r := w.during("A", 0, registersKey(keyA), func() { w.put(0, "B", 0, keyB, unit.ReservationType) })
	if _, err := r.Readmit(context.Background()); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v; LUN 0 has %+v", err, w.status(0))
	}
}
