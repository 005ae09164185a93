package protocol

import (
	"slices"
	"testing"

	"lunguard/protocol/unit"
)

// sharedVerbs are what a node may do.
func sharedVerbs(node, other string) [][]verb {
	return [][]verb{
		one(starts(node)), one(halts(node)), one(fences(node, other)), one(fences(node, "C")),
		{halts(node), starts(node)}, {starts(node), halts(node)},
	}
}

// pairs lists what two nodes may do beside each other.
func pairs(adverse adversity, long bool, shapes ...[2]int) []scenario {
	var list []scenario
	for _, shape := range shapes {
		for _, f := range multiStates {
			for _, a := range sharedVerbs("A", "B") {
				for _, b := range sharedVerbs("B", "A") {
					if n := len(a) + len(b); n > 2 && !long || n > 3 && shape != [2]int{1, 1} {
						continue
					}
					list = append(list, scene(Shared, f, shape, adverse, a, b))
				}
			}
		}
	}
	return list
}

func TestExploreShared(t *testing.T) {
	g := group{dims: "two nodes; " + adverse.words(), list: pairs(adverse, false, shapes...), quick: 29, each: 12_000, turns: true}
	g.run(t)
}

// All orders without any fault, with verbs one after the other.
func TestExploreSharedLong(t *testing.T) {
	g := group{dims: "two nodes, two verbs each; " + harmless.words(), list: pairs(harmless, true, shapes...), quick: 97, each: 8_000}
	g.run(t)
}

func TestExploreSharedDevices(t *testing.T) {
	g := group{dims: "two nodes; " + oddWords + "; " + faulty.words(), quick: 31, each: 8_000, turns: true}
	for _, shape := range [][2]int{{1, 2}, {2, 1}} {
		for _, f := range []found{shared("A", "B"), shared("B", "A"), shared("A", "B", "C"), shared("B"), shared()} {
			for _, a := range []verb{starts("A"), halts("A"), fences("A", "B"), fences("A", "C")} {
				for _, b := range []verb{starts("B"), halts("B"), fences("B", "A")} {
					for _, d := range odd(shape[1]) {
						g.list = append(g.list, d.on(scene(Shared, f, shape, faulty, one(a), one(b))))
					}
				}
			}
		}
	}
	g.run(t)
}

// mendScenes are repair and readmission beside the others, and copy.
func mendScenes(adverse adversity, devices ...device) []scenario {
	var list []scenario
	for _, d := range devices {
		for _, f := range []found{missing("B", "A"), missing("A", "B"), missing("B", "A", "C")} {
			for _, shape := range [][2]int{{1, 2}, {2, 1}} {
				f := f.rely(shape[1])
				if d.quirks.AllTgPtImplicit {
					f = shared(f.up...)
				}
				for _, b := range []verb{fences("B", "A"), halts("B"), starts("B"), fences("B", "C"), repairs("B"), halts("A"), cleans("C")} {
					if b.node != "A" {
						list = append(list, d.on(scene(Shared, f, shape, adverse, one(repairs("A")), one(b))))
					}
					if shape[1] > 1 {
						list = append(list, d.on(scene(Shared, f, shape, adverse, one(readmits("A")), one(b))))
					}
				}
			}
		}
		for _, f := range []found{orphan("A", "B"), orphan("B", "A")} {
			for _, b := range []verb{repairs("B"), halts("B"), fences("B", "A"), starts("B")} {
				list = append(list, d.on(scene(Shared, f, [2]int{2, 1}, adverse, one(repairs("A")), one(b))))
			}
		}
	}
	return list
}

func TestExploreMend(t *testing.T) {
	g := group{dims: "repair and readmit beside another; " + oddWords + "; " + adverse.words(), quick: 13, each: 10_000, turns: true,
		list: mendScenes(adverse, append(odd(2), standard)...)}
	g.run(t)
}

// copyScenes are copies to a new LUN beside the others.
func copyScenes(adverse adversity) []scenario {
	var list []scenario
	for _, f := range []found{grown("A", "B"), grown("B", "A"), grown("B", "A", "C"), grown("B"), grown("A", "B", "C")} {
		for _, b := range []verb{fences("B", "A"), fences("B", "C"), halts("B"), starts("B"), onFirst(halts("B")), onFirst(fences("B", "A")), onFirst(fences("B", "C")), copies("B"), repairs("B"), cleans("C")} {
			s := scene(Shared, f, [2]int{2, 1}, adverse, one(copies("A")), one(b))
			s.model = 1
			list = append(list, s)
		}
	}
	return list
}

func TestExploreCopy(t *testing.T) {
	g := group{dims: "copy to a new LUN beside another, LUN sets that differ; " + adverse.words(), quick: 7, each: 12_000, list: copyScenes(adverse)}
	g.run(t)
}

// Three nodes act at once.
func TestExploreThree(t *testing.T) {
	g := group{dims: "three actors, 1 LUN, 1 path; " + lossy.words(), quick: 23, each: 30_000}
	nodes := []string{"A", "B", "C"}
	choices := func(i int) []verb {
		n, next := nodes[i], nodes[(i+1)%3]
		return []verb{starts(n), halts(n), fences(n, next)}
	}
	for _, f := range multiStates {
		for _, a := range choices(0) {
			for _, b := range choices(1) {
				for _, c := range choices(2) {
					g.list = append(g.list, scene(Shared, f, [2]int{1, 1}, lossy, one(a), one(b), one(c)))
				}
			}
		}
	}
	g.run(t)
}

// Repair, readmission, copy and clean-up beside two other nodes.
func TestExploreThreeMend(t *testing.T) {
	g := group{dims: "repair, readmit, copy, clean-up beside two others; " + lossy.words(), quick: 11, each: 40_000, turns: true,
		list: threeMendScenes(lossy)}
	g.run(t)
}

func threeMendScenes(lossy adversity) []scenario {
	var g group
	for _, f := range []found{missing("B", "A", "C"), missing("C", "A", "B"), missing("A", "B", "C")} {
		for _, a := range []verb{readmits("A"), repairs("A")} {
			for _, b := range []verb{halts("B"), fences("B", "A"), starts("B")} {
				for _, c := range []verb{fences("C", "A"), halts("C"), starts("C"), fences("C", "B"), cleans("C")} {
					g.list = append(g.list, scene(Shared, f, [2]int{1, 2}, lossy, one(a), one(b), one(c)))
				}
			}
		}
	}
	for _, f := range []found{grown("A", "B", "C"), grown("B", "A", "C")} {
		for _, b := range []verb{copies("B"), halts("B"), fences("B", "A")} {
			for _, c := range []verb{fences("C", "A"), halts("C"), starts("C"), copies("C"), cleans("C")} {
				s := scene(Shared, f, [2]int{2, 1}, lossy, one(copies("A")), one(b), one(c))
				s.model = 1
				g.list = append(g.list, s)
			}
		}
	}
	for _, b := range []verb{starts("B"), halts("B"), fences("B", "C")} {
		for _, c := range []verb{starts("C"), fences("C", "B")} {
			g.list = append(g.list, scene(Shared, shared("A", "B", "C"), [2]int{1, 1}, lossy, one(cleans("A")), one(b), one(c)))
		}
	}
	return g.list
}

// A node halts whose config has the package as one of one node.
func TestExploreHaltAlone(t *testing.T) {
	g := group{dims: "a halt by a config of one node beside nodes that share; LUNs, NVMe namespaces; " + lossy.words(), quick: 3, each: 12_000}
	for _, d := range append(spaces(), standard) {
		for _, shape := range [][2]int{{1, 1}, {2, 1}} {
			for _, f := range []found{shared("A", "B"), shared("B", "A"), held("A", "B"), held("B", "A"), shared("A", "B", "C"), held("A", "B", "C")} {
				for _, b := range []verb{halts("B"), haltsAlone("B"), starts("B"), fences("B", "C")} {
					if b.kind == fenceKind && (d.space == nil || f.name != shared(f.up...).name) {
						continue // It looks like a start that takes the LUN over.
					}
					g.list = append(g.list, d.on(scene(Shared, f, shape, lossy, one(haltsAlone("A")), one(b))))
				}
			}
		}
	}
	g.run(t)
}

// All orders of three without any fault.
func TestExploreThreeCalm(t *testing.T) {
	g := group{dims: "three actors with repair, readmit, copy, clean-up among them; newest registration first; " + harmless.words(), quick: 37, each: 150_000}
	for _, s := range threeMendScenes(harmless) {
		g.list = append(g.list, newest.on(s))
	}
	g.run(t)
}

// A node that comes back under another initiator port.
func TestExplorePast(t *testing.T) {
	g := group{dims: "nexuses of the past; " + adverse.words(), quick: 5, each: 30_000, turns: true}
	alone := found{name: "[] up", prepare: func(w *world) { w.share() }}
	for _, shape := range shapes {
		for _, f := range []found{relogged(alone, unit.ReservationType), relogged(shared("A", "B"), 0), relogged(shared("B"), 0)} {
			g.list = append(g.list, scene(Shared, f, shape, adverse, one(starts("A"))))
			for _, b := range []verb{starts("B"), halts("B"), fences("B", "A")} {
				g.list = append(g.list, scene(Shared, f, shape, adverse, one(starts("A")), one(b)))
			}
		}
	}
	g.run(t)
}

// More than one fault in a run, few nodes.
func TestExploreTwofold(t *testing.T) {
	g := group{dims: "two nodes; " + twofold.words(), quick: 11, each: 10_000}
	for _, shape := range [][2]int{{1, 1}, {1, 2}} {
		for _, f := range []found{shared("A", "B"), shared("B", "A"), shared("B")} {
			for _, a := range []verb{starts("A"), halts("A"), fences("A", "B")} {
				for _, b := range []verb{starts("B"), halts("B"), fences("B", "A")} {
					g.list = append(g.list, scene(Shared, f, shape, twofold, one(a), one(b)))
				}
			}
		}
		for _, f := range failoverStates[:3] {
			for _, actors := range exclusiveActors {
				g.list = append(g.list, scene(Exclusive, f, shape, twofold, actors...))
			}
		}
	}
	slices.SortStableFunc(g.list, func(a, b scenario) int { return int(a.typ) - int(b.typ) })
	g.run(t)
}
