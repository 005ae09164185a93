package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	res := w.run("A").Cleanup(context.Background(), 0)
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
