package protocol

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi/simlun"
)

// joined is a run of a node that remembers that it is registered on all LUNs.
func (w *world) joined(node string) *Run {
	r := w.run(node)
	for _, l := range r.LUNs {
		l.Joined = true
	}
	return r
}

// pathOf is a node's first path to a LUN or namespace.
func (w *world) pathOf(node string, i int) pr.Path { return w.path("sd", node, i, 0) }

// bothKinds are two LUNs, and two namespaces.
func bothKinds(t *testing.T) map[string]*world {
	return map[string]*world{"LUNs": newWorld(t, 2, 2, simlun.Quirks{NoReset: true}), "namespaces": newSpaces(t, 2, 2, simns.Quirks{})}
}

// A node that was fenced, from all LUNs or from the first one only, is let in by nothing
// that changes any of them. One that remembers nothing was booted; and where nobody is
// registered nobody has fenced.
func TestFencedStaysOut(t *testing.T) {
	ctx := context.Background()
	for kind, w := range bothKinds(t) {
		w.share()
		w.start("A")
		w.start("B")
		w.must(w.joined("A").Start(ctx))
		w.must(w.joined("A").Repair(ctx))
		for _, fenced := range []int{0, 1} {
			w.must(w.pathOf("B", fenced).PreemptAndAbort(ctx, keyB, keyA, w.device(fenced).state().Reservation.Type))
			before := []*pr.State{w.device(0).state(), w.device(1).state()}
			for name, let := range map[string]func(*Run) error{
				"start": func(r *Run) error { return r.Start(ctx) }, "repair": func(r *Run) error { return r.Repair(ctx) },
			} {
				if err := let(w.joined("A")); !errors.Is(err, ErrFenced) {
					t.Errorf("%s, %s: %v", kind, name, err)
				}
				if diff := cmp.Diff(before, []*pr.State{w.device(0).state(), w.device(1).state()}); diff != "" {
					t.Errorf("%s: a %s changed (-before +after):\n%s", kind, name, diff)
				}
			}
		}
		w.must(w.run("B").Halt(ctx))
		w.must(w.joined("A").Start(ctx))
		w.start("B")
		w.must(w.fence("B", "A"))
		w.start("A")
		w.mode = Exclusive
		w.start("B")
		for name, let := range map[string]func(*Run) error{
			"start": func(r *Run) error { return r.Start(ctx) }, "repair": func(r *Run) error { return r.Repair(ctx) },
		} {
			if err := let(w.joined("A")); !errors.Is(err, ErrFenced) || !w.device(0).state().HeldBy(keyB) {
				t.Errorf("%s, %s of one that one node has: %v", kind, name, err)
			}
		}
		w.start("A")
	}
}

// A start that fails because the commands of who is being removed by another node may not be
// over leaves nothing of this one; the mark of that one stays.
func TestStartBesideTaker(t *testing.T) {
	ctx := context.Background()
	for kind, w := range bothKinds(t) {
		w.share()
		w.start("B")
		before := w.device(0).state()
		w.must(w.pathOf("B", 0).Register(ctx, keyB, Taking(keyB), false))
		if err := w.run("A").Start(ctx); !errors.Is(err, ErrUnresolved) {
			t.Errorf("%s: %v", kind, err)
		}
		if s := w.device(0).state(); IsOn(s, keyA) || !s.Has(Taking(keyB)) || s.Reservation == nil || s.Reservation.Type != before.Reservation.Type {
			t.Errorf("%s: %+v", kind, s)
		}
		if s := w.device(1).state(); IsOn(s, keyA) || !s.Has(keyB) {
			t.Errorf("%s: %+v", kind, s)
		}
	}
}

// Who has removed somebody himself keeps the mark, beside that of another node.
func TestStartBesideTakerKeepsOwnDoubt(t *testing.T) {
	ctx := context.Background()
	for kind, w := range bothKinds(t) {
		w.share()
		w.start("B")
		w.start("A")
		w.must(w.pathOf("B", 0).Register(ctx, keyB, Taking(keyB), false))
		w.must(w.pathOf("A", 0).Register(ctx, keyA, Taking(keyA), false))
		if err := w.run("A").Start(ctx); !errors.Is(err, ErrUnresolved) {
			t.Errorf("%s: %v", kind, err)
		}
		if s := w.device(0).state(); !s.Has(Taking(keyA)) || !s.Has(Taking(keyB)) {
			t.Errorf("%s: %+v", kind, s)
		}
	}
}

// A halt believes that its key has gone only if the device refuses it, too.
func TestHaltUnlisted(t *testing.T) {
	ctx := context.Background()
	for _, mode := range []Mode{Exclusive, Shared} {
		for _, plan := range []string{"prin@every:cut=0", "prin@every:zero=0", "prin@every:zero=4", "prin@every:cut=1"} {
			for _, key := range []pr.Key{keyA, Leaving(keyA), Taking(keyA)} {
				w := newWorld(t, 1, 1, simlun.Quirks{})
				if w.mode = mode; mode == Shared {
					w.start("B")
				} else if plan == "prin@every:cut=1" {
					continue // One registration is all that there is.
				}
				w.start("A")
				w.must(w.pathOf("A", 0).Register(ctx, keyA, key, false))
				before := w.status(0)
				w.faults(0, plan)
				if err := w.joined("A").Halt(ctx); !errors.Is(err, pr.ErrMalformed) {
					t.Errorf("%v, %s, %v: %v", mode, plan, key, err)
				}
				w.faults(0, "")
				if diff := cmp.Diff(before, w.status(0)); diff != "" {
					t.Errorf("%v, %s, %v: it was changed:\n%s", mode, plan, key, diff)
				}
			}
		}
	}
}

// What has gone is given up: by a fence, by a device that forgot, with events announced, by
// a path that fails. That a path does not answer is no refusal.
func TestHaltProvesGone(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		plan string
		want error
	}{
		{"", nil}, {"prout.register@1:sense=6/29/00", nil}, {"prout.register@1:sense=6/2a/03", nil}, {"prout.register@1:host=1", nil},
		{"prout.register@every:host=1", ErrNoPath}, {"prout.register@every:sense=6/2a/03", pr.ErrStateChanged}, {"prout.register@1:sense=5/24/00", pr.ErrUnsupported},
	} {
		for _, mode := range []Mode{Exclusive, Shared} {
			w := newWorld(t, 1, 2, simlun.Quirks{})
			if w.mode = mode; mode == Shared {
				w.start("B")
			}
			w.faults(0, tc.plan)
			if err := w.joined("A").Halt(ctx); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("%v, %q: %v, want %v", mode, tc.plan, err, tc.want)
			}
			w.faults(0, "")
			if mode == Shared && !w.device(0).state().HeldBy(keyB) {
				t.Errorf("%q: %+v", tc.plan, w.status(0))
			}
		}
	}
	// Namespaces have their own command for it.
	s := newSpaces(t, 1, 1, simns.Quirks{})
	s.must(s.joined("A").Halt(ctx))
	s.put(0, "A", 0, keyA, unit.ReservationType)
	s.must(s.joined("A").Halt(ctx))
}

// Of what another node has taken over nothing more is asked.
func TestHaltTakenOverCost(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("A")
	w.start("B")
	w.must(w.run("A").Halt(context.Background()))
	w.sent[0].Store(0)
	w.must(w.joined("A").Halt(context.Background()))
	if n := w.sent[0].Load(); n != 2 {
		t.Errorf("%d commands", n)
	}
}

// A fence that was killed half-way is brought to its end, and at any instant of that the
// fenced node tries to come back.
func TestFencedStaysOutBesideFence(t *testing.T) {
	ctx := context.Background()
	for name, let := range map[string]func(*Run) error{
		"start": func(r *Run) error { return r.Start(ctx) }, "repair": func(r *Run) error { return r.Repair(ctx) },
	} {
		instants := 0
		for at, tried := 1, true; tried; at++ {
			instants = at
			w := sharedWorld(t, 2, 2, simlun.Quirks{}, "B", "A")
			w.must(w.pathOf("B", 0).PreemptAndAbort(ctx, keyB, keyA, unit.ReservationType))
			a := newWorld(t, 0, 2, simlun.Quirks{})
			a.luns, a.sent, a.mode = w.luns, w.sent, Shared
			tried = false
			n := 0
			w.dies = func() error {
				if n++; n == at {
					tried = true
					if err := let(a.joined("A")); !errors.Is(err, ErrFenced) {
						t.Errorf("%s before command %d: %v", name, at, err)
					}
				}
				return nil
			}
			r := w.run("B")
			r.Parallel = 1
			w.must(r.Fence(ctx, w.members[0]))
			for i := range w.luns {
				if IsOn(w.device(i).state(), keyA) {
					t.Errorf("%s before command %d: LUN %d has %+v", name, at, i, w.status(i))
				}
			}
		}
		if instants < 15 {
			t.Errorf("%s: the fence has %d commands", name, instants)
		}
	}
}
