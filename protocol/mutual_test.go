package protocol

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
)

// pacedPath takes some time for each command, which its node's dice say.
type pacedPath struct {
	nvme.Transport
	dice *rand.Rand
}

func (p pacedPath) Do(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
	// Tens of nanoseconds: nodes that begin some apart never act at the same instant.
	time.Sleep(time.Duration(p.dice.IntN(1000)) * 10 * time.Nanosecond)
	return p.Transport.Do(ctx, req)
}

// contest lets nodes act on namespaces at once, at the pace that a seed says.
type contest struct {
	spaces []*simns.Namespace
	mode   Mode
	seed   uint64
}

func newContest(n int, mode Mode, quirks simns.Quirks, seed uint64) *contest {
	c := &contest{mode: mode, seed: seed}
	for range n {
		c.spaces = append(c.spaces, simns.NewMemory(simns.Config{Quirks: quirks}))
	}
	return c
}

func (c *contest) run(node string) *Run {
	host, err := nvme.MakeHostID([]byte{0: node[0], 15: 1})
	if err != nil {
		panic(err)
	}
	r := &Run{Members: Members{{Name: "A", Key: keyA}, {Name: "B", Key: keyB}, {Name: "C", Key: keyC}}, Mode: c.mode, Parallel: 1}
	if r.Node, err = named(r.Members, node); err != nil {
		panic(err)
	}
	dice := rand.New(rand.NewPCG(c.seed, uint64(node[0])))
	for i, ns := range c.spaces {
		t := pacedPath{ns.Connect(simns.Controller{ID: uint16(node[0]), Host: host}), dice}
		u := nvme.NewUnit(fmt.Sprintf("/dev/nvme0n%d", i+1), &nvme.Retry{Transport: t})
		u.WithIdentity(host.Identity)
		r.LUNs = append(r.LUNs, &LUN{Name: fmt.Sprintf("ns%d", i+1), WWID: fmt.Sprintf("eui.%016x", i), Paths: []pr.Path{u}})
	}
	return r
}

// atOnce has each node do something, and returns the errors by node.
func (c *contest) atOnce(do map[string]func(*Run) error) map[string]error {
	var mu sync.Mutex
	var all sync.WaitGroup
	errs := map[string]error{}
	for node, f := range do {
		all.Go(func() {
			// One may be late by the time of some commands.
			late := rand.New(rand.NewPCG(c.seed, uint64(node[0])+100)).IntN(4000) * (int(c.seed) % 2)
			time.Sleep(time.Duration(late)*10*time.Nanosecond + time.Duration(node[0]-'A')*time.Nanosecond)
			err := f(c.run(node))
			mu.Lock()
			defer mu.Unlock()
			errs[node] = err
		})
	}
	all.Wait()
	return errs
}

// only reports whether a node alone is registered everywhere, by its plain key.
func (c *contest) only(key pr.Key) bool {
	return !slices.ContainsFunc(c.spaces, func(ns *simns.Namespace) bool {
		var s *pr.State
		ns.With(func(m *simns.Machine) { s = m.State() })
		return !slices.Equal(s.Keys(), []pr.Key{key}) || s.Reservation == nil
	})
}

// contests is how many paces are tried of each contest.
const contests = 150

// inContests runs f in a bubble of its own for each kind of target and each pace.
func inContests(t *testing.T, f func(t *testing.T, quirks simns.Quirks, seed uint64)) {
	for name, quirks := range map[string]simns.Quirks{"standard": {}, "nvmet": simns.NVMet(), "SPDK": simns.SPDK()} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(contests) {
				synctest.Test(t, func(t *testing.T) { f(t, quirks, seed) })
			}
		})
	}
}

// Of two nodes that fence each other on namespaces one wins, whoever is faster where.
func TestMutualFence(t *testing.T) {
	fence := func(victim string, key pr.Key) func(*Run) error {
		return func(r *Run) error { return r.Fence(context.Background(), Member{Name: victim, Key: key}) }
	}
	won := map[string]int{}
	inContests(t, func(t *testing.T, quirks simns.Quirks, seed uint64) {
		c := newContest(2, Shared, quirks, seed)
		for _, node := range []string{"A", "B"} {
			if err := c.run(node).Start(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		errs := c.atOnce(map[string]func(*Run) error{"A": fence("B", keyB), "B": fence("A", keyA)})
		winner, key, loser := "A", pr.Key(keyA), "B"
		if errs["A"] != nil {
			winner, key, loser = "B", keyB, "A"
		}
		won[winner]++
		gone := errors.Is(errs[loser], ErrRemoved) || errors.Is(errs[loser], ErrNotRegistered)
		if errs[winner] != nil || !gone || errors.Is(errs[loser], ErrUnresolved) || !c.only(key) {
			t.Errorf("seed %d: %v", seed, errs)
		}
	})
	if won["A"] == 0 || won["B"] == 0 {
		t.Errorf("always the same one: %v", won)
	}
}

// Of three nodes that fence each other in a circle one is left at least, and who says that
// its victim is gone is right.
func TestFenceInCircle(t *testing.T) {
	next := map[string]Member{"A": {Name: "B", Key: keyB}, "B": {Name: "C", Key: keyC}, "C": {Name: "A", Key: keyA}}
	inContests(t, func(t *testing.T, quirks simns.Quirks, seed uint64) {
		c := newContest(1, Shared, quirks, seed)
		do, won := map[string]func(*Run) error{}, 0
		for node, victim := range next {
			if err := c.run(node).Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			do[node] = func(r *Run) error { return r.Fence(context.Background(), victim) }
		}
		errs := c.atOnce(do)
		for node, victim := range next {
			if errs[node] != nil {
				continue
			}
			won++
			var s *pr.State
			c.spaces[0].With(func(m *simns.Machine) { s = m.State() })
			if IsOn(s, victim.Key) {
				t.Errorf("seed %d: %s says that %s is out: %+v", seed, node, victim.Name, s)
			}
		}
		if won == 0 {
			t.Errorf("seed %d: %v", seed, errs)
		}
	})
}

// Of two nodes that take namespaces over from a third at once one has them in the end, and
// has said so.
func TestMutualTakeOver(t *testing.T) {
	start := func(r *Run) error { return r.Start(context.Background()) }
	inContests(t, func(t *testing.T, quirks simns.Quirks, seed uint64) {
		c := newContest(2, Exclusive, quirks, seed)
		if err := start(c.run("C")); err != nil {
			t.Fatal(err)
		}
		errs := c.atOnce(map[string]func(*Run) error{"A": start, "B": start})
		if !(errs["A"] == nil && c.only(keyA)) && !(errs["B"] == nil && c.only(keyB)) {
			t.Errorf("seed %d: %v", seed, errs)
		}
	})
}

// A start that has lost, and is given the reservation by a winner that halts, leaves nothing.
func TestHaltBesideLoser(t *testing.T) {
	start := func(r *Run) error { return r.Start(context.Background()) }
	inContests(t, func(t *testing.T, quirks simns.Quirks, seed uint64) {
		c := newContest(1, Exclusive, quirks, seed)
		errs := c.atOnce(map[string]func(*Run) error{"B": start, "A": func(r *Run) error {
			if err := start(r); err != nil {
				return err
			}
			return c.run("A").Halt(context.Background())
		}})
		var s *pr.State
		c.spaces[0].With(func(m *simns.Machine) { s = m.State() })
		// A may have taken it over from B, if B was first.
		right := c.only(keyB) || errs["A"] == nil && s.Empty()
		if errs["B"] == nil && !right || errs["B"] != nil && IsOn(s, keyB) || IsOn(s, keyA) {
			t.Errorf("seed %d: %v: %+v", seed, errs, s)
		}
	})
}
