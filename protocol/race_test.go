package protocol

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// gate lets several runs take turns, one SCSI command at a time, in an order
// that a seed decides: the schedule of a run can be repeated.
type gate struct {
	mu      sync.Mutex
	waiting map[string]chan struct{}
	running int
	rng     *rand.Rand
	// halfway ends a run (the name) before its n-th command.
	kill map[string]int
}

func newGate(seed uint64, runs int) *gate {
	return &gate{waiting: map[string]chan struct{}{}, running: runs, rng: rand.New(rand.NewPCG(seed, 1)), kill: map[string]int{}}
}

var errKilled = errors.New("killed")

// turn waits until the run may send its next command.
func (g *gate) turn(name string) {
	c := make(chan struct{})
	g.mu.Lock()
	g.waiting[name] = c
	g.next()
	g.mu.Unlock()
	<-c
}

// done says that a run has ended.
func (g *gate) done() {
	g.mu.Lock()
	g.running--
	g.next()
	g.mu.Unlock()
}

// next picks one of the runs once all of them wait.
func (g *gate) next() {
	if len(g.waiting) < g.running || len(g.waiting) == 0 {
		return
	}
	var names []string
	for _, n := range []string{"A", "B", "C"} {
		if g.waiting[n] != nil {
			names = append(names, n)
		}
	}
	n := names[g.rng.IntN(len(names))]
	c := g.waiting[n]
	delete(g.waiting, n)
	close(c)
}

// race runs protocols of several nodes at once under a seed and returns their
// errors.
func race(w *world, seed uint64, protocols map[string]func(*Run, context.Context) error) map[string]error {
	g := newGate(seed, len(protocols))
	w.wrap = func(node string, _, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			g.turn(node)
			return t.Do(ctx, req)
		})
	}
	runs := map[string]*Run{}
	for node := range protocols {
		runs[node] = w.run(node)
		runs[node].Parallel = 1
	}
	w.wrap = nil
	errs := map[string]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for node, protocol := range protocols {
		wg.Go(func() {
			err := protocol(runs[node], context.Background())
			mu.Lock()
			errs[node] = err
			mu.Unlock()
			g.done()
		})
	}
	wg.Wait()
	return errs
}

// Starts at the same time end with one owner of all LUNs, who said ok; every
// other that lost says so and leaves nothing.
func TestConcurrentStarts(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		for _, owner := range []string{"", "C"} {
			t.Run(fmt.Sprintf("%d nodes from %s", nodes, owner), func(t *testing.T) {
				for seed := range uint64(400) {
					w := newWorld(t, 3, 1, simlun.Quirks{})
					if owner != "" {
						w.start(owner)
					}
					protocols := map[string]func(*Run, context.Context) error{}
					for _, n := range []string{"A", "B", "C"}[:nodes] {
						protocols[n] = (*Run).Start
					}
					errs := race(w, seed, protocols)
					checkOwner(t, w, seed, errs)
					if t.Failed() {
						return
					}
				}
			})
		}
	}
}

// checkOwner looks for one owner of all LUNs who said ok.
func checkOwner(t *testing.T, w *world, seed uint64, errs map[string]error) {
	t.Helper()
	owner := w.status(0).Holder
	n, ok := w.members.Of(owner)
	if !ok || errs[n.Name] != nil {
		t.Errorf("seed %d: holder %v, errors %v", seed, owner, errs)
	}
	w.wantOwned(owner)
	for node, err := range errs {
		var lost *LostError
		if err != nil && !errors.As(err, &lost) {
			t.Errorf("seed %d: %s: %v", seed, node, err)
		}
	}
}

// A halt of the old owner beside a start never takes the new owner's
// protection away.
func TestHaltBesideStart(t *testing.T) {
	for seed := range uint64(600) {
		w := newWorld(t, 2, 1, simlun.Quirks{})
		w.start("A")
		errs := race(w, seed, map[string]func(*Run, context.Context) error{"A": (*Run).Halt, "B": (*Run).Start})
		if errs["A"] != nil || errs["B"] != nil {
			t.Fatalf("seed %d: %v", seed, errs)
		}
		w.wantOwned(keyB)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Killed before or after any of its commands, a start is repaired by running
// it again, or by any other node's start; a halt likewise.
func TestKilledAnywhere(t *testing.T) {
	protocols := map[string]func(*Run, context.Context) error{"start": (*Run).Start, "halt": (*Run).Halt}
	for name, protocol := range protocols {
		for _, owner := range []string{"", "A", "B"} {
			for n := 1; ; n++ {
				w := newWorld(t, 2, 2, simlun.Quirks{})
				if owner != "" {
					w.start(owner)
				}
				killed := killAt(w, "A", n, protocol)
				for _, next := range []string{"A", "B"} {
					// Whoever comes next does his work in a copy of the world.
					c := w.copy()
					c.start(next)
					key, _ := c.node(next)
					c.wantOwned(key.Key)
					if err := c.run(next).Halt(context.Background()); err != nil {
						t.Errorf("%s from %q killed at %d: halt by %s: %v", name, owner, n, next, err)
					}
					c.wantEmpty()
				}
				if name == "halt" && owner != "B" {
					if err := w.run("A").Halt(context.Background()); err != nil {
						t.Error(err)
					}
					w.wantEmpty()
				}
				if t.Failed() {
					t.Fatalf("%s from %q killed at command %d", name, owner, n)
				}
				if !killed {
					break
				}
			}
		}
	}
}

// copy is the world as it is now.
func (w *world) copy() *world {
	c := newWorld(w.t, 0, w.paths, simlun.Quirks{})
	c.sent = make([]atomic.Int64, len(w.sent))
	for _, n := range w.spaces {
		c.spaces = append(c.spaces, n.Clone())
	}
	for _, l := range w.luns {
		c.luns = append(c.luns, l.Clone())
	}
	return c
}

// killAt runs a protocol whose n-th command and all after it are never sent,
// and reports whether it got that far.
func killAt(w *world, node string, n int, protocol func(*Run, context.Context) error) bool {
	sent := 0
	w.dies = func() error {
		if sent++; sent >= n {
			return errKilled
		}
		return nil
	}
	r := w.run(node)
	r.Parallel = 1
	w.dies = nil
	_ = protocol(r, context.Background())
	return sent >= n
}
