package protocol

import (
	"fmt"
	"testing"

	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/protocol/unit"
)

// spaces are NVMe namespaces as the standard has them, and those of two targets.
func spaces() []device {
	nvmet, spdk := simns.NVMet(), simns.SPDK()
	return []device{
		{name: "NVMe", space: &simns.Quirks{}},
		{name: "NVMe, nvmet", space: &nvmet},
		{name: "NVMe, SPDK", space: &spdk},
	}
}

const spaceWords = "NVMe namespaces: the standard's, nvmet's, SPDK's"

// onSpaces has each scenario happen on each kind of namespace.
func onSpaces(list []scenario) []scenario {
	var all []scenario
	for _, s := range list {
		for _, d := range spaces() {
			all = append(all, d.on(s))
		}
	}
	return all
}

// inTurn has each scenario happen on one kind of namespace, in turn; scenarios are listed
// in loops.
func inTurn(list []scenario) []scenario {
	kinds := spaces()
	for i := range list {
		digits := 0
		for n := i; n > 0; n /= len(kinds) {
			digits += n
		}
		list[i] = kinds[digits%len(kinds)].on(list[i])
	}
	return list
}

// Failover on namespaces.
func TestExploreSpaces(t *testing.T) {
	g := group{dims: spaceWords + "; exclusive, two nodes; " + lossy.words(), quick: 7, each: 12_000, turns: true}
	for _, shape := range shapes {
		for _, f := range failoverStates {
			for _, actors := range exclusiveActors {
				g.list = append(g.list, onSpaces([]scenario{scene(Exclusive, f, shape, adverse, actors...)})...)
			}
		}
	}
	g.run(t)
}

// Three nodes at once, and more than one fault.
func TestExploreSpacesThree(t *testing.T) {
	g := group{dims: spaceWords + "; exclusive, three nodes; " + lossy.words(), quick: 3, each: 60_000}
	for _, f := range failoverStates {
		g.list = append(g.list,
			scene(Exclusive, f, [2]int{1, 1}, lossy, one(starts("A")), one(starts("B")), one(halts("C"))),
			scene(Exclusive, f, [2]int{1, 1}, lossy, one(starts("A")), one(fences("B", "A")), one(halts("C"))),
			scene(Exclusive, f, [2]int{1, 1}, lossy, one(starts("A")), one(starts("B")), one(starts("C"))))
	}
	g.list = inTurn(g.list)
	g.run(t)
}

// Several nodes share namespaces, and all hold.
func TestExploreSpacesShared(t *testing.T) {
	g := group{dims: spaceWords + "; shared, all registrants hold, two nodes; " + lossy.words(), quick: 29, each: 8_000, turns: true,
		list: append(onSpaces(pairs(adverse, false, shapes[:1]...)), inTurn(pairs(adverse, false, shapes[1:]...))...)}
	g.run(t)
}

// All orders without any fault, with verbs one after the other.
func TestExploreSpacesSharedLong(t *testing.T) {
	g := group{dims: spaceWords + "; shared, two nodes, two verbs each; " + harmless.words(), quick: 97, each: 8_000,
		list: inTurn(pairs(harmless, true, shapes...))}
	g.run(t)
}

// A reservation of the other type, made by somebody else, or by the package when it was
// no shared one: nobody can hand it over.
func TestExploreSpacesFound(t *testing.T) {
	g := group{dims: spaceWords + "; reservations of other types, hosts installed anew; " + lossy.words(), quick: 5, each: 10_000, turns: true}
	for _, shape := range shapes {
		for _, f := range []found{
			other("B", pr.WriteExclusiveAllRegistrants), other("A", pr.WriteExclusiveAllRegistrants), other("B", pr.WriteExclusive), other("A", pr.ExclusiveAccess),
			relogged(found{name: "clean"}, unit.ReservationType), relogged(found{name: "clean"}, 0), relogged(ownedBy("B"), 0),
		} {
			for _, b := range []verb{starts("B"), halts("B")} {
				g.list = append(g.list, scene(Exclusive, f, shape, adverse, one(starts("A")), one(b)))
			}
		}
	}
	for _, f := range []found{held("A", "B"), held("B", "A"), held("B")} {
		for _, shape := range shapes {
			for _, a := range []verb{starts("A"), halts("A"), fences("A", "B")} {
				for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), starts("C")} {
					g.list = append(g.list, scene(Shared, f, shape, adverse, one(a), one(b)))
				}
			}
		}
	}
	g.list = inTurn(g.list)
	g.run(t)
}

// held brings nodes up, the first of which holds a reservation that is not of all
// registrants.
func held(nodes ...string) found {
	return found{fmt.Sprint(nodes, " up, the first holds alone"), nodes, func(w *world) {
		w.share()
		for i := range w.count() {
			for n, node := range nodes {
				typ := pr.Type(0)
				if n == 0 {
					typ = unit.ReservationType
				}
				w.put(i, node, 0, keyOf(node), typ)
			}
		}
	}}
}

// Repair and readmission, copy, eviction, restore and clean-up.
func TestExploreSpacesMend(t *testing.T) {
	g := group{dims: spaceWords + "; repair, readmit, copy, clean-up, restore, eviction beside another; " + lossy.words(), quick: 13, each: 10_000, turns: true}
	for _, f := range []found{missing("B", "A"), missing("A", "B"), missing("B", "A", "C"), orphan("A", "B"), orphan("B", "A")} {
		if len(f.up) > 0 {
			f = f.rely(1)
		}
		for _, b := range []verb{fences("B", "A"), halts("B"), starts("B"), fences("B", "C"), repairs("B"), cleans("C")} {
			g.list = append(g.list, scene(Shared, f, [2]int{2, 1}, adverse, one(repairs("A")), one(b)))
		}
	}
	for _, f := range []found{grown("A", "B"), grown("B", "A"), grown("B", "A", "C"), grown("B")} {
		for _, b := range []verb{fences("B", "A"), fences("B", "C"), halts("B"), starts("B"), onFirst(halts("B")), onFirst(fences("B", "A")), copies("B"), repairs("B"), cleans("C")} {
			s := scene(Shared, f, [2]int{2, 1}, adverse, one(copies("A")), one(b))
			s.model = 1
			g.list = append(g.list, s)
		}
	}
	for _, b := range []verb{evicts("B", "C"), halts("B"), starts("B"), fences("B", "A")} {
		s := scene(Shared, stranger(shared("A", "B")), [2]int{1, 1}, adverse, one(evicts("A", "C")), one(b))
		s.stranger = "C"
		g.list = append(g.list, s)
	}
	for _, b := range [][]verb{one(starts("B")), one(restores("B")), one(fences("B", "A")), {starts("B"), halts("B")}, one(cleans("C"))} {
		g.list = append(g.list,
			scene(Shared, shared(), [2]int{1, 1}, adverse, one(restores("A")), b),
			scene(Exclusive, found{name: "clean"}, [2]int{1, 1}, adverse, one(restores("A")), b))
	}
	for _, b := range []verb{halts("B"), fences("B", "A"), repairs("B"), starts("B"), cleans("C")} {
		g.list = append(g.list, scene(Exclusive, ownedBy("A"), [2]int{1, 1}, adverse, one(fences("A", "B")), one(b)))
	}
	g.list = onSpaces(g.list)
	g.run(t)
}
