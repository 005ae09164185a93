package protocol

import (
	"context"
	"errors"
	"slices"
	"testing"

	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi/simlun"
)

// probing is a start that asks what a failover will need.
func (w *world) probing(node string) error {
	r := w.run(node)
	r.Probe = func(*LUN) bool { return true }
	return r.Start(context.Background())
}

// A device that says that it has no PREEMPT AND ABORT is refused before anything is
// changed; one that does not say is not, nor one that somebody has already.
func TestProbe(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{})
	w.quirks(1, simlun.Quirks{NoPreemptAndAbort: true})
	if err := w.probing("A"); !errors.Is(err, ErrNoAbort) {
		t.Errorf("%v", err)
	}
	w.wantEmpty()
	for name, q := range map[string]simlun.Quirks{"does not say": {NoPreemptAndAbort: true, NoOpcodes: true}, "can": {}} {
		w := newWorld(t, 1, 1, q)
		if err := w.probing("A"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.quirks(0, simlun.Quirks{NoPreemptAndAbort: true})
		if err := w.probing("A"); err != nil {
			t.Errorf("%s, up: %v", name, err)
		}
		if w.logged(Forgets) {
			t.Errorf("%s: it is said to forget", name)
		}
	}
}

// What a take-over will need is known of all LUNs before the first of them is taken: else
// two nodes have a part of the package each. So is what a member of a shared package needs
// to fence. Who has it already needs nothing.
func TestProbeBeforeTaking(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 3, 2, simlun.Quirks{})
		w.mode = mode
		w.start("A")
		w.quirks(2, simlun.Quirks{NoPreemptAndAbort: true})
		var before []uint32
		for i := range w.luns {
			before = append(before, w.heldBy(i).Generation)
		}
		if err := w.probing("B"); !errors.Is(err, ErrNoAbort) {
			t.Errorf("%s: %v", mode, err)
		}
		for i, generation := range before {
			if s := w.heldBy(i); s.Generation != generation || s.Has(keyB) || !s.Has(keyA) {
				t.Errorf("%s: LUN %d was changed: %+v", mode, i, s)
			}
		}
		if err := w.probing("A"); err != nil {
			t.Errorf("%s, up: %v", mode, err)
		}
	}
}

// LUNs that were asked before are not asked again, and those that were not are.
func TestProbeOnce(t *testing.T) {
	sent := func(probe func(*LUN) bool) [2]int64 {
		w := newWorld(t, 2, 1, simlun.Quirks{})
		w.start("A")
		before := [2]int64{w.sent[0].Load(), w.sent[1].Load()}
		r := w.run("B")
		r.Probe = probe
		if err := r.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		return [2]int64{w.sent[0].Load() - before[0], w.sent[1].Load() - before[1]}
	}
	none := sent(nil)
	const second = "sdb"
	if got := sent(func(l *LUN) bool { return l.Name == second }); got != [2]int64{none[0], none[1] + 1} {
		t.Errorf("%v with the question to the second, %v without", got, none)
	}
}

// The question costs one command, where it is asked.
func TestProbeCost(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.start("A")
	without := w.sent[0].Load()
	w = newWorld(t, 1, 1, simlun.Quirks{})
	if err := w.probing("A"); err != nil || w.sent[0].Load() != without+1 {
		t.Errorf("%v after %d commands, and %d without the question", err, w.sent[0].Load(), without)
	}
}

// A device that cannot keep registrations through power loss is told of.
func TestProbeForgets(t *testing.T) {
	w := newSpaces(t, 1, 1, simns.NVMet())
	if err := w.probing("A"); err != nil || !w.logged(Forgets) {
		t.Errorf("%v; told: %v", err, w.logged(Forgets))
	}
}

// Two machines with one host identifier are one host to a namespace. What would act by it
// is refused while the key of another node is registered by it, and changes nothing.
func TestSameHost(t *testing.T) {
	for name, do := range map[string]func(*Run, context.Context) error{
		"start":             (*Run).Start,
		"halt":              (*Run).Halt,
		"fence":             func(r *Run, ctx context.Context) error { return r.Fence(ctx, Member{Name: "C", Key: keyC}) },
		"fence of the twin": func(r *Run, ctx context.Context) error { return r.Fence(ctx, Member{Name: "B", Key: keyB}) },
		"repair":            (*Run).Repair,
		"restore":           (*Run).Restore,
		"readmit":           func(r *Run, ctx context.Context) error { _, err := r.Readmit(ctx); return err },
		"copy":              func(r *Run, ctx context.Context) error { _, err := r.Copy(ctx); return err },
		"show":              func(r *Run, ctx context.Context) error { return errors.Join(r.Show(ctx)[0].Err, r.Show(ctx)[1].Err) },
		"sure": func(r *Run, ctx context.Context) error {
			return errors.Join(r.ShowSure(ctx)[0].Err, r.ShowSure(ctx)[1].Err)
		},
		"view": func(r *Run, ctx context.Context) error {
			return errors.Join(r.View(ctx, nil)[0].Err, r.View(ctx, nil)[1].Err)
		},
		"check": func(r *Run, ctx context.Context) error {
			for _, rep := range r.Check(ctx) {
				if slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Kind == SameHost && slices.Equal(f.Keys, []pr.Key{keyB}) }) {
					return ErrSameHost
				}
			}
			return nil
		},
		"evict": func(r *Run, ctx context.Context) error { _, err := r.Evict(ctx, 0xdead); return err },
	} {
		for _, mode := range []Mode{Exclusive, Shared} {
			w := newSpaces(t, 2, 1, simns.Quirks{})
			w.mode = mode
			w.put(1, "A", 0, keyB, pr.WriteExclusiveRegistrantsOnly)
			w.put(0, "C", 0, keyC, pr.WriteExclusiveRegistrantsOnly)
			generation := w.device(1).(spaceState).Report().Generation
			err := do(w.run("A"), context.Background())
			if name != "halt" && !errors.Is(err, ErrSameHost) {
				t.Errorf("%s, %s: %v", name, mode, err)
			}
			if w.device(1).(spaceState).Report().Generation != generation {
				t.Errorf("%s, %s: something was changed", name, mode)
			}
		}
	}
	// On a LUN it says less: a copy for that node that was killed leaves the same.
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.put(0, "A", 0, keyB, 0)
	w.start("A")
}

// A copy on namespaces registers its own node, names those who have to run it, too, and
// the last of them reserves.
func TestSpaceCopyLast(t *testing.T) {
	w := newSpaces(t, 2, 1, simns.NVMet())
	grown("A", "B").prepare(w)
	var incomplete *IncompleteError
	if _, err := w.run("A").Copy(context.Background()); !errors.As(err, &incomplete) || !slices.Equal(incomplete.Nodes, []string{"B"}) {
		t.Errorf("%v", err)
	}
	if s := w.heldBy(1); s.Reservation != nil || len(s.Registrations) != 1 {
		t.Errorf("B is shut out: %+v", s)
	}
	if _, err := w.run("B").Copy(context.Background()); err != nil {
		t.Errorf("%v", err)
	}
	if s := w.heldBy(1); s.Reservation == nil || s.Reservation.Type != pr.WriteExclusiveAllRegistrants || len(s.Registrations) != 2 {
		t.Errorf("%+v", s)
	}
}
