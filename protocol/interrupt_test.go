package protocol

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi/simlun"
)

// endAt is a context that ends when the run logs an action, and the run with
// hurry closed then, if that is wanted.
func endAt(r *Run, a Action, hurry bool) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	now := make(chan struct{})
	if hurry {
		r.Hurry = now
	}
	once, log := sync.Once{}, r.Log
	r.Log = func(e Event) {
		log(e)
		if e.Action == a {
			once.Do(func() {
				cancel()
				close(now)
			})
		}
	}
	return ctx
}

// A take-over that is ended gives back what it has not taken yet, and keeps
// what it has: given up, it would be open to the old owner.
func TestTakeOverEnded(t *testing.T) {
	for name, c := range map[string]struct {
		at     Action
		faults string
		keys   []pr.Key
		holder pr.Key
		told   Action
	}{
		"registered only":   {Registered, "", []pr.Key{keyB, keyB}, keyB, ""},
		"taken":             {Preempted, "", []pr.Key{keyA}, keyA, Kept},
		"perhaps taken":     {Preempted, "prout.preempt-abort@1:after:host=3", []pr.Key{Taking(keyA)}, Taking(keyA), Kept},
		"perhaps under way": {Preempted, "prout.preempt-abort@1:host=3", []pr.Key{keyB, keyB, Taking(keyA)}, keyB, TakingOpen},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 2, simlun.Quirks{})
			w.start("B")
			w.faults(0, c.faults)
			w.log = nil
			r := w.run("A")
			if err := r.Start(endAt(r, c.at, false)); err == nil {
				t.Fatal("it said ok")
			}
			want := status{Keys: c.keys, Holder: c.holder, Type: unit.ReservationType}
			if diff := cmp.Diff(want, w.status(0)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, a := range []Action{Kept, TakingOpen} {
				if w.logged(a) != (a == c.told) {
					t.Errorf("%s: %v", a, w.log)
				}
			}
			w.start("A")
			w.wantOwned(keyA)
		})
	}
}

// A start of free LUNs that is ended leaves nothing; in a hurry it leaves what
// it had done, and no more is sent.
func TestStartEnded(t *testing.T) {
	for _, hurry := range []bool{false, true} {
		w := newWorld(t, 3, 1, simlun.Quirks{})
		r := w.run("A")
		r.Parallel = 1
		if err := r.Start(endAt(r, Reserved, hurry)); !errors.Is(err, context.Canceled) {
			t.Errorf("hurry %v: %v", hurry, err)
		}
		if !hurry {
			w.wantEmpty()
			continue
		}
		changes := slices.DeleteFunc(w.log, func(e Event) bool { return !e.Change() || e.Err != nil })
		if n := len(changes); n != 2 {
			t.Errorf("changes in a hurry: %v", changes)
		}
	}
}

// The LUN at hand is brought to its end, and the next ones are left as they
// were.
func TestLUNAtHand(t *testing.T) {
	shared := status{Keys: []pr.Key{keyA, keyB}, Holder: keyA, Type: unit.ReservationType}
	for name, c := range map[string]struct {
		typ   Mode
		up    []string
		at    Action
		hurry bool
		run   func(*Run, context.Context) error
		first status // of the LUN at hand
		other status
		want  error
	}{
		"halt":        {Exclusive, []string{"A"}, Cleared, false, (*Run).Halt, status{}, status{Keys: []pr.Key{keyA}, Holder: keyA, Type: unit.ReservationType}, ErrNotBegun},
		"shared halt": {Shared, []string{"A", "B"}, Marked, false, (*Run).Halt, status{Keys: []pr.Key{keyB}, Holder: keyB, Type: unit.ReservationType}, shared, ErrNotBegun},
		"shared halt in a hurry": {Shared, []string{"A", "B"}, Marked, true, (*Run).Halt,
			status{Keys: []pr.Key{keyB, Leaving(keyA)}, Holder: Leaving(keyA), Type: unit.ReservationType}, shared, context.Canceled},
		"fence": {Shared, []string{"A", "B"}, Preempted, false, func(r *Run, ctx context.Context) error {
			return r.Fence(ctx, Member{Name: "B", Key: keyB})
		}, status{Keys: []pr.Key{keyA}, Holder: keyA, Type: unit.ReservationType}, shared, ErrNotBegun},
		"cleanup": {Exclusive, []string{"A"}, Registered, false, func(r *Run, ctx context.Context) error {
			var errs []error
			for _, res := range clearAnyway(ctx, r, 0) {
				errs = append(errs, res.Err)
			}
			return errors.Join(errs...)
		}, status{}, status{Keys: []pr.Key{keyA}, Holder: keyA, Type: unit.ReservationType}, ErrNotBegun},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3, 1, simlun.Quirks{})
			w.mode = c.typ
			for _, n := range c.up {
				w.start(n)
			}
			w.log = nil
			r := w.run("A")
			r.Parallel = 1
			if err := c.run(r, endAt(r, c.at, c.hurry)); !errors.Is(err, c.want) {
				t.Errorf("error %v", err)
			}
			at := map[string]int{"sda": 0, "sdb": 1, "sdc": 2}[w.log[0].LUN]
			for i := range w.luns {
				want := c.other
				if i == at {
					want = c.first
				}
				if diff := cmp.Diff(want, w.status(i)); diff != "" {
					t.Errorf("LUN %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// Each step that begins ends, and each LUN has as many as the others.
func TestProgress(t *testing.T) {
	const luns = 4
	w := newWorld(t, luns, 1, simlun.Quirks{})
	for _, verb := range []func(*Run) error{
		func(r *Run) error { return r.Start(context.Background()) },
		func(r *Run) error { r.Check(context.Background()); return nil },
		func(r *Run) error { r.Show(context.Background()); return nil },
		func(r *Run) error { return r.Halt(context.Background()) },
	} {
		r := w.run("A")
		var mu sync.Mutex
		begun, done := map[string]int{}, map[string]int{}
		r.Progress = func(s Step) {
			mu.Lock()
			defer mu.Unlock()
			if s.Done {
				done[s.LUN]++
			} else {
				begun[s.LUN]++
			}
			if done[s.LUN] > begun[s.LUN] {
				t.Errorf("%s ends and has not begun", s.LUN)
			}
		}
		if err := verb(r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(begun, done); diff != "" || len(begun) != luns {
			t.Errorf("begun and done:\n%s", diff)
		}
		for lun, n := range begun {
			if n != begun["sda"] {
				t.Errorf("%s %d times, sda %d times", lun, n, begun["sda"])
			}
		}
	}
}
