package protocol

import (
	"fmt"
	"testing"
)

// mostThree bounds the states of a scenario with three nodes. What it cuts is
// printed.
const mostThree = 1_000_000

// threeScenarios have three nodes at once: one LUN, one path.
func threeScenarios() []scenario {
	var list []scenario
	add := func(typ Mode, f found, laws []law, actors ...[]verb) {
		list = append(list, scenario{name: fmt.Sprintf("%s, three nodes, %s: %v", typ, f.name, actors), typ: typ,
			luns: 1, paths: 1, prepare: f.prepare, up: f.up, actors: actors, laws: laws, limit: mostThree})
	}
	for _, f := range failoverStates {
		add(Exclusive, f, failoverLaws, one(starts("A")), one(starts("B")), one(starts("C")))
		add(Exclusive, f, failoverLaws, one(starts("A")), one(starts("B")), one(halts("C")))
		add(Exclusive, f, failoverLaws, one(starts("A")), one(halts("B")), one(halts("C")))
		add(Exclusive, f, failoverLaws, one(starts("A")), one(fences("B", "A")), one(halts("C")))
	}
	nodes := []string{"A", "B", "C"}
	choices := func(i int) [][]verb {
		n, next := nodes[i], nodes[(i+1)%3]
		return [][]verb{one(starts(n)), one(halts(n)), one(fences(n, next))}
	}
	for _, f := range multiStates {
		for _, a := range choices(0) {
			for _, b := range choices(1) {
				for _, c := range choices(2) {
					add(Shared, f, multiLaws, a, b, c)
				}
			}
		}
	}
	return list
}

func TestExploreThree(t *testing.T) { checkAll(t, threeScenarios()) }
