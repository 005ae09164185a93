package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi/simlun"
)

// mendMishaps are what a command may meet, in the words of a fault plan.
func mendMishaps() []string {
	return []string{
		"sense=6/29/00", "sense=6/2a/03", "sense=6/2a/04", "sense=6/2a/05", "sense=6/3f/0e", "conflict", "busy", "full", "sense=2/04/0a",
		"host=3", "after:host=3", "host=8", "after:host=8", "aborted", "after:aborted", "sense=2/08/00", "after:sense=2/08/00", "truncate=12", "truncate=4",
	}
}

// A copy in which any one command on the new LUN goes wrong succeeds, or says
// that it did not; and the next copy finishes it.
func TestCopyMishaps(t *testing.T) {
	for _, what := range mendMishaps() {
		for n := 1; n <= 14; n++ {
			t.Run(fmt.Sprintf("command %d: %s", n, what), func(t *testing.T) {
				w := extended(t, 2, 1, simlun.Quirks{}, "A", "B")
				w.faults(1, fmt.Sprintf("any@%d:%s", n, what))
				_, err := w.run("A").Copy(context.Background())
				w.faults(1, "")
				if err == nil {
					w.wantAlike(false)
				}
				if _, err := w.run("A").Copy(context.Background()); err != nil {
					t.Fatalf("the next copy: %v", err)
				}
				w.wantAlike(false)
			})
		}
	}
}

// broken is a world in which A lacks a path on LUN 0 and LUN 1 as a whole.
func broken(t *testing.T) *world {
	w := newWorld(t, 2, 2, simlun.Quirks{}).multi()
	w.start("B")
	w.start("A")
	w.drop(0, "A", 1)
	w.drop(1, "A", 0)
	w.drop(1, "A", 1)
	return w
}

// wantMended fails the test unless A is registered on every path.
func (w *world) wantMended() {
	w.t.Helper()
	for i := range w.luns {
		st := w.status(i)
		if n := len(slices.DeleteFunc(slices.Clone(st.Keys), func(k pr.Key) bool { return k != keyA })); n != w.paths || st.Type != unit.ReservationType {
			w.t.Errorf("LUN %d: %+v", i, st)
		}
	}
}

func TestRepairMishaps(t *testing.T) {
	for _, what := range mendMishaps() {
		for lun := range 2 {
			for n := 1; n <= 10; n++ {
				t.Run(fmt.Sprintf("LUN %d, command %d: %s", lun, n, what), func(t *testing.T) {
					w := broken(t)
					w.faults(lun, fmt.Sprintf("any@%d:%s", n, what))
					err := w.run("A").Repair(context.Background())
					w.faults(lun, "")
					if err == nil && !w.logged(PathFailed) && what != "conflict" {
						// Without a dead path a success has mended all. A
						// conflict is how a registered path answers.
						w.wantMended()
					}
					if err := w.run("A").Repair(context.Background()); err != nil {
						t.Fatalf("the next repair: %v", err)
					}
					w.wantMended()
				})
			}
		}
	}
}

// Killed at any command, a repair is finished by the next one.
func TestRepairKilled(t *testing.T) {
	for n := 1; ; n++ {
		w := broken(t)
		killed := killAt(w, "A", n, (*Run).Repair)
		if err := w.run("A").Repair(context.Background()); err != nil {
			t.Errorf("killed at %d: %v", n, err)
		}
		w.wantMended()
		if t.Failed() || !killed {
			return
		}
	}
}

// A path that answers reads and nothing else is not registered, and that is no
// success.
func TestReadmitFails(t *testing.T) {
	for _, what := range []string{"host=1", "host=3", "after:host=3", "sense=4/44/00", "busy"} {
		w := newWorld(t, 1, 2, simlun.Quirks{}).multi()
		w.start("A")
		w.drop(0, "A", 1)
		r := w.run("A")
		r.LUNs[0].Paths = r.LUNs[0].Paths[1:]
		w.faults(0, "prout@every:"+what)
		paths, err := r.Readmit(context.Background())
		var lun *LUNError
		if len(paths) > 0 || !errors.As(err, &lun) {
			t.Errorf("%s: %v, error %v", what, paths, err)
		}
		w.faults(0, "")
		if _, err := w.run("A").Readmit(context.Background()); err != nil || w.status(0).Keys[0] != keyA || len(w.status(0).Keys) != 2 {
			t.Errorf("%s, afterwards: %+v, error %v", what, w.status(0), err)
		}
	}
}

// A copy that meets a mishap for ever says so.
func TestCopyNeverEnds(t *testing.T) {
	for _, what := range []string{"busy", "sense=6/29/00", "conflict", "host=3", "sense=4/44/00"} {
		w := extended(t, 2, 1, simlun.Quirks{}, "A", "B")
		w.faults(1, "prout@every:"+what)
		_, err := w.run("A").Copy(context.Background())
		var lun *LUNError
		if !errors.As(err, &lun) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}
