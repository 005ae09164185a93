package protocol

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// group is a number of scenarios with something in common.
type group struct {
	// dims are the dimensions that are on.
	dims string
	list []scenario
	// turns has each scenario with one kind only of what may go wrong, in turn.
	turns bool
	// each is how many states a scenario may have; 0 is mostStates.
	each int
	// quick is which part of them go test -short explores: every quick-th, with
	// at most shortStates states each; 0 is none.
	quick int
}

const shortStates = 10_000

// untilFirst says that the search ends with the first law that is broken: with
// -short, and for mutants (EXPLORE=first). EXPLORE=all goes on in any case.
func untilFirst() bool {
	return os.Getenv("EXPLORE") == "first" || testing.Short() && os.Getenv("EXPLORE") != "all"
}

// broke says that a law was broken in some group, so that no other need be looked
// at if untilFirst.
var broke atomic.Bool

// run explores a group, as many scenarios at once as there are processors, and
// prints a line with the sum. One counterexample a law is printed, the shortest.
func (g *group) run(t *testing.T) {
	if underRace {
		t.Skip("without the race detector only: it is ten times slower, and each search is one goroutine")
	}
	list := g.expanded()
	if testing.Short() {
		list = g.telling()
	}
	// There is memory enough, and much of the time would go into collecting it.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	began := time.Now()
	var next, done, states, cut atomic.Int64
	var mu sync.Mutex
	found := map[string][]finding{}
	stop := &atomic.Bool{}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(list) || stop.Load() || untilFirst() && broke.Load() {
					return
				}
				s := list[n]
				s.limit = cmp.Or(s.limit, g.most())
				r := explore(t, &s, stop)
				done.Add(1)
				states.Add(int64(r.states))
				if r.cut {
					cut.Add(1)
				}
				if r.broken != "" {
					mu.Lock()
					found[r.law] = append(found[r.law], finding{s.name, r})
					mu.Unlock()
					if untilFirst() {
						broke.Store(true)
						stop.Store(true)
					}
				}
				if os.Getenv("EXPLORE_VERBOSE") != "" {
					t.Logf("%s: %d, %v %s", s.name, r.states, r.took, r.broken)
				}
			}
		})
	}
	workers.Wait()
	for _, law := range slices.Sorted(keysOf(found)) {
		all := found[law]
		best := slices.MinFunc(all, func(a, b finding) int { return strings.Count(a.trace, "\n") - strings.Count(b.trace, "\n") })
		t.Errorf("law %s is broken in %d of %d configurations; the shortest schedule of all:\n  %s\n%s    %s", law, len(all), len(list), best.name, best.trace, best.broken)
	}
	t.Logf("explored: %d configurations, %d states (%d configurations cut at %d, a quarter with unit attentions); %s, one kind a run with several LUNs or paths; %v",
		done.Load(), states.Load(), cut.Load(), g.most(), g.dims, time.Since(began).Round(time.Millisecond))
}

// most is how many states a scenario of the group may have.
func (g *group) most() int {
	if testing.Short() {
		return shortStates
	}
	most := cmp.Or(g.each, mostStates)
	if deep {
		most *= 20
	}
	return most
}

// deep bounds the states of a scenario twenty times later, and leaves nothing out
// (EXPLORE=deep): for a night.
var deep = os.Getenv("EXPLORE") == "deep"

// finding is a counterexample.
type finding struct {
	name string
	result
}

func keysOf(m map[string][]finding) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// telling is the part of a group for -short. Of what may go wrong in it each
// scenario has one kind only, in turn: so most of them are explored to their end.
func (g *group) telling() []scenario {
	var list []scenario
	for i := 0; g.quick > 0 && i < len(g.list); i += g.quick {
		s := g.list[i]
		kinds := s.adversity.kinds()
		s.adversity = kinds[len(list)%len(kinds)]
		list = append(list, s)
	}
	return list
}

// expanded has the scenarios with several LUNs or paths once for each kind of
// what may go wrong in them. All kinds together would be cut off early; together
// they are where there is one LUN with one path.
func (g *group) expanded() []scenario {
	var list []scenario
	for i, s := range g.list {
		if s.luns*s.paths == 1 || s.adversity == harmless {
			list = append(list, s)
			continue
		}
		kinds := s.adversity.kinds()
		if g.turns && !deep {
			i += i / len(kinds) // Scenarios are listed in loops.
			kinds = kinds[i%len(kinds):][:1]
		}
		for _, kind := range kinds {
			each := s
			each.adversity = kind
			each.name += ", " + kind.words()
			if kind.attentions {
				each.limit = g.most() / 4
			}
			list = append(list, each)
		}
	}
	return list
}

// kinds are the kinds of what may go wrong, one at a time.
func (a adversity) kinds() []adversity {
	var list []adversity
	add := func(on bool, one adversity) {
		if on {
			one.newer = a.newer
			list = append(list, one)
		}
	}
	add(a.faults > 0, adversity{faults: a.faults, late: a.late})
	add(a.paths, adversity{faults: a.faults, paths: true})
	add(a.kills > 0, adversity{kills: a.kills})
	add(a.attentions, adversity{faults: 1, attentions: true})
	add(len(list) == 0, adversity{})
	return list
}

// words describe what may go wrong.
func (a adversity) words() string {
	var list []string
	add := func(on bool, word string) {
		if on {
			list = append(list, word)
		}
	}
	add(a.faults > 0, "lost answers of PR OUT and reset (performed or not)")
	add(a.late, "commands performed late")
	add(a.paths, "paths that die")
	add(a.attentions, "unit attentions")
	text := "no faults"
	if a.faults > 0 {
		text = fmt.Sprintf("at most %d a run of: %s", a.faults, strings.Join(list, ", "))
	}
	if a.kills > 0 {
		text += fmt.Sprintf("; at most %d killed", a.kills)
	}
	return text
}
