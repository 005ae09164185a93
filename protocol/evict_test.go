package protocol

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

const foreign2 = pr.Key(0xbeef)

// evict runs an eviction of the foreign key.
func (w *world) evict(node string) (Evicted, error) {
	return w.run(node).Evict(context.Background(), foreign)
}

// The key goes, and nothing else: not who holds, by which type, nor another foreign key.
func TestEvict(t *testing.T) {
	for name, c := range map[string]struct {
		mode  Mode
		up    []string
		typ   pr.Type // of a reservation that the cluster did not make
		found pr.Key
	}{
		"the holder evicts":             {Shared, []string{"A", "B"}, 0, keyA},
		"another node evicts":           {Shared, []string{"B", "A"}, 0, keyB},
		"failover":                      {Exclusive, []string{"A"}, 0, keyA},
		"not reserved":                  {Shared, nil, 0, 0},
		"all registrants hold":          {Shared, nil, pr.WriteExclusiveAllRegistrants, 0},
		"a reservation of another type": {Shared, nil, pr.WriteExclusive, keyA},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, 2, simlun.Quirks{})
			w.mode = c.mode
			for _, n := range c.up {
				w.start(n)
			}
			for lun := range 2 {
				if len(c.up) == 0 {
					w.put(lun, "A", 0, keyA, c.typ)
				}
			}
			before := []status{w.status(0), w.status(1)}
			w.put(0, "C", 0, foreign, 0)
			w.put(0, "C", 1, foreign, 0)
			w.put(1, "C", 0, foreign2, 0)
			before[1] = w.status(1)
			w.log = nil
			got, err := w.evict("A")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Evicted{On: []string{"sda"}, Others: []pr.Key{foreign2}}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, []status{w.status(0), w.status(1)}); diff != "" {
				t.Errorf("what was there without the key (-want +got):\n%s", diff)
			}
			if got := w.changes("sdb"); len(got) > 0 {
				t.Errorf("the LUN without the key: %v", got)
			}
			if !w.logged(Reset) {
				t.Error("the answer of PREEMPT AND ABORT is believed where somebody else holds")
			}
			// Once more there is nothing to be done.
			w.log = nil
			if got, err := w.evict("A"); err != nil || len(got.On) > 0 || w.logged(Preempted) {
				t.Errorf("once more: %v, %v", got, err)
			}
		})
	}
}

// What may not be evicted is refused before anything is changed, on any LUN.
func TestEvictRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		find func(w *world)
		want error
	}{
		"not registered": {func(w *world) { w.put(1, "C", 0, foreign, 0); w.drop(1, "A", 0) }, ErrNotRegistered},
		"leaving":        {func(w *world) { w.put(1, "C", 0, foreign, 0); w.put(1, "A", 0, Leaving(keyA), 0) }, ErrNotRegistered},
		"it holds": {func(w *world) {
			w.drop(1, "A", 0)
			w.put(1, "A", 0, keyA, 0)
			w.put(1, "C", 0, foreign, unit.ReservationType)
		}, ErrKeyHolds},
	} {
		t.Run(name, func(t *testing.T) {
			w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A")
			w.put(0, "C", 0, foreign, 0)
			c.find(w)
			before := w.prints()
			if _, err := w.evict("A"); !errors.Is(err, c.want) {
				t.Errorf("%v, %v expected", err, c.want)
			}
			if diff := cmp.Diff(before, w.prints()); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
		})
	}
}

// An answer that got lost is resolved or said, never taken for done; the mark says so as
// long as it is not.
func TestEvictUnanswered(t *testing.T) {
	for name, c := range map[string]struct {
		quirks simlun.Quirks
		plan   string
		want   error
	}{
		"performed":           {simlun.Quirks{}, "prout.preempt-abort@1:after:host=3", nil},
		"never performed":     {simlun.Quirks{}, "prout.preempt-abort@1:host=3", nil},
		"performed, no reset": {simlun.Quirks{NoReset: true}, "prout.preempt-abort@1:after:host=3", ErrUnresolved},
	} {
		t.Run(name, func(t *testing.T) {
			w := sharedWorld(t, 1, 2, c.quirks, "A", "B")
			w.put(0, "C", 0, foreign, 0)
			w.faults(0, c.plan)
			_, err := w.evict("A")
			if !errors.Is(err, c.want) {
				t.Errorf("%v, %v expected", err, c.want)
			}
			marked := slices.ContainsFunc(w.status(0).Keys, func(k pr.Key) bool { return k&TakingMark != 0 })
			if marked != (c.want != nil) {
				t.Errorf("LUN 0 has %+v", w.status(0))
			}
		})
	}
}

// A key that reserves what nobody held, just before it is removed, gives the
// reservation to this node: that is said.
func TestEvictTakesUnasked(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.mode = Shared
	w.put(0, "A", 0, keyA, 0)
	w.put(0, "C", 0, foreign, 0)
	r := w.during("A", 0, sends(scsi.OutPreemptAndAbort), func() { w.put(0, "C", 0, foreign, unit.ReservationType) })
	if _, err := r.Evict(context.Background(), foreign); !errors.Is(err, ErrCameToHold) {
		t.Errorf("%v", err)
	}
}

// Another node that removes this one meanwhile has won, and nothing more is done.
func TestEvictRemoved(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "B", "A")
	w.put(0, "C", 0, foreign, 0)
	r := w.during("A", 0, registersKey(Taking(keyA)), func() {
		w.must(w.unit(0, "B", 0).PreemptAndAbort(context.Background(), keyB, keyA, unit.ReservationType))
	})
	if _, err := r.Evict(context.Background(), foreign); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	if !slices.Contains(w.status(0).Keys, foreign) {
		t.Error("the key was removed by a node that is out itself")
	}
}

// What has the key registers again and again: that does not come to rest, and has an
// end.
func TestEvictAgain(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A")
	w.put(0, "C", 0, foreign, 0)
	w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			reply, err := t.Do(ctx, req)
			if sends(scsi.OutPreemptAndAbort)(req) {
				w.put(0, "C", 0, foreign, 0)
			}
			return reply, err
		})
	}
	r := w.run("A")
	w.wrap = nil
	if _, err := r.Evict(context.Background(), foreign); !errors.Is(err, ErrUnsettled) {
		t.Errorf("%v", err)
	}
}

// Another node that evicts is waited for: what it has removed may still write.
func TestEvictWaits(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A", "B")
	w.put(0, "B", 0, Taking(keyB), 0)
	w.log = nil
	if _, err := w.evict("A"); err != nil || !w.logged(Reset) {
		t.Errorf("%v, reset %v", err, w.logged(Reset))
	}
}

// A halt of this node that begins meanwhile keeps its mark, and goes its way.
func TestEvictBesideHalt(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{}, "B", "A")
	w.put(0, "C", 0, foreign, 0)
	r := w.during("A", 0, registersKey(Taking(keyA)), func() { w.put(0, "A", 0, Leaving(keyA), 0) })
	if _, err := r.Evict(context.Background(), foreign); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff(status{Keys: []pr.Key{foreign, keyB, Leaving(keyA)}, Holder: keyB, Type: unit.ReservationType}, w.status(0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
