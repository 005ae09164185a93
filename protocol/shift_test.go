package protocol

import (
	"context"
	"errors"
	"testing"

	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi/simlun"
)

// shiftedDeeds are what would conclude from whose keys are there, or act by them.
func shiftedDeeds() map[string]func(*Run) error {
	ctx := context.Background()
	return map[string]func(*Run) error{
		"start":   func(r *Run) error { return r.Start(ctx) },
		"fence":   func(r *Run) error { return r.Fence(ctx, Member{Name: "C", Key: keyC}) },
		"repair":  func(r *Run) error { return r.Repair(ctx) },
		"restore": func(r *Run) error { return r.Restore(ctx) },
		"copy":    func(r *Run) error { _, err := r.Copy(ctx); return err },
		"show":    func(r *Run) error { return errors.Join(r.Show(ctx)[0].Err, r.Show(ctx)[1].Err) },
		"sure":    func(r *Run) error { return errors.Join(r.ShowSure(ctx)[0].Err, r.ShowSure(ctx)[1].Err) },
		"evict":   func(r *Run) error { _, err := r.Evict(ctx, 0xdead); return err },
	}
}

// While this node's key is registered by another host, or another node's by this host alone,
// keys were given anew: nothing is concluded from them, and nothing changed.
func TestShiftedKeys(t *testing.T) {
	for name, put := range map[string]func(*world){
		"another host has this node's key":             func(w *world) { w.put(1, "B", 0, keyA, pr.WriteExclusiveRegistrantsOnly) },
		"another host has it, and a taking mark":       func(w *world) { w.put(1, "B", 0, Taking(keyA), pr.WriteExclusiveRegistrantsOnly) },
		"this host has another node's":                 func(w *world) { w.put(1, "A", 0, keyB, pr.WriteExclusiveRegistrantsOnly) },
		"this host has another node's, beside a third": func(w *world) { w.put(1, "C", 0, keyC, pr.WriteExclusiveRegistrantsOnly); w.put(1, "A", 1, keyB, 0) },
		"each has the other's": func(w *world) {
			w.put(1, "A", 0, keyB, pr.WriteExclusiveRegistrantsOnly)
			w.put(1, "B", 0, keyA, 0)
		},
	} {
		for deed, do := range shiftedDeeds() {
			for _, mode := range []Mode{Exclusive, Shared} {
				w := newWorld(t, 2, 2, simlun.Quirks{})
				w.mode = mode
				put(w)
				before := w.status(1)
				generation := w.device(1).state().Generation
				if err := do(w.run("A")); !errors.Is(err, ErrShifted) {
					t.Errorf("%s, %s, %s: %v", name, deed, mode, err)
				}
				if w.device(1).state().Generation != generation {
					t.Errorf("%s, %s, %s: changed %+v into %+v", name, deed, mode, before, w.status(1))
				}
			}
		}
	}
}

// What a copy leaves that was killed, and a port that this host had before, are no shift.
func TestNotShifted(t *testing.T) {
	for name, put := range map[string]func(*world){
		"this host's own": func(w *world) { w.put(1, "A", 0, keyA, pr.WriteExclusiveRegistrantsOnly) },
		"a port of its past": func(w *world) {
			w.must(w.plainPath(1, "A", aPast).RegisterAndIgnore(context.Background(), keyA, true))
		},
		"a copy of another node's key": func(w *world) { w.put(1, "B", 0, keyB, pr.WriteExclusiveRegistrantsOnly); w.put(1, "A", 0, keyB, 0) },
		"a copy by another node":       func(w *world) { w.put(1, "A", 0, keyA, pr.WriteExclusiveRegistrantsOnly); w.put(1, "B", 0, keyA, 0) },
		"others":                       func(w *world) { w.put(1, "B", 0, keyB, pr.WriteExclusiveRegistrantsOnly); w.put(1, "C", 0, keyC, 0) },
	} {
		w := newWorld(t, 2, 2, simlun.Quirks{})
		put(w)
		for _, s := range w.run("A").ShowSure(context.Background()) {
			if s.Err != nil {
				t.Errorf("%s: %v", name, s.Err)
			}
		}
	}
}

// An identifier of a host may have been made anew: a start removes what was registered by
// the old one, and who would conclude from it that a node has gone is told nothing.
func TestShiftedHostID(t *testing.T) {
	for deed, do := range shiftedDeeds() {
		strict := deed == "fence" || deed == "sure"
		w := newSpaces(t, 2, 1, simns.Quirks{})
		w.mode = Shared
		w.put(1, "B", 0, keyA, pr.WriteExclusiveRegistrantsOnly)
		if err := do(w.run("A")); errors.Is(err, ErrShifted) != strict {
			t.Errorf("%s: %v", deed, err)
		}
	}
}
