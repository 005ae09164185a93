package protocol

import (
	"fmt"
	"strings"
	"testing"

	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi/simlun"
)

// shapes are the numbers of LUNs and of paths to each.
var shapes = [][2]int{{1, 1}, {2, 1}, {1, 2}}

// scene makes a scenario, with a name that tells all of it.
func scene(typ Mode, f found, shape [2]int, adverse adversity, actors ...[]verb) scenario {
	adverse.newer = true
	return scenario{name: fmt.Sprintf("%s, %d LUNs, %d paths, %s: %v", typ, shape[0], shape[1], f.name, actors), typ: typ,
		luns: shape[0], paths: shape[1], prepare: f.prepare, up: f.up, actors: actors, adversity: adverse}
}

// device is what arrays differ in.
type device struct {
	name   string
	quirks simlun.Quirks
	// space, if not nil, says that it is an NVMe namespace, of this kind.
	space *simns.Quirks
}

// on has a scenario happen on a device.
func (d device) on(s scenario) scenario {
	s.quirks, s.space = d.quirks, d.space
	if d.space != nil {
		s.attentions = false // there are none
		if s.typ == Shared {
			s.kept = unit.SharedType // nothing else is made there
		}
	}
	s.newer = d.name == ""
	if d.name != "" {
		s.name += ", " + d.name
	}
	return s
}

var (
	standard   = device{}
	newest     = device{name: "newest registration first", quirks: simlun.Quirks{NewestFirst: true}}
	perHost    = device{name: "registers per host", quirks: simlun.Quirks{AllTgPtImplicit: true}}
	unmoving   = device{name: "no REGISTER AND MOVE", quirks: simlun.Quirks{NoRegisterMove: true}}
	statusless = device{name: "no READ FULL STATUS", quirks: simlun.Quirks{NoFullStatus: true}}
	lying      = device{name: "GOOD to everything", quirks: simlun.Quirks{LiesGood: true}}
	resetless  = device{name: "no LOGICAL UNIT RESET", quirks: simlun.Quirks{NoReset: true}}
)

// odd are the devices that differ from the standard, with one path or more.
func odd(paths int) []device {
	list := []device{newest, unmoving, statusless, resetless}
	if paths > 1 {
		list = append(list, perHost)
	}
	return list
}

const oddWords = "devices that list newest first, register per host (2 paths), lack REGISTER AND MOVE, READ FULL STATUS, resets"

var (
	faulty   = adversity{faults: 1, late: true, paths: true, attentions: true}
	adverse  = adversity{faults: 1, late: true, paths: true, attentions: true, kills: 1}
	twofold  = adversity{faults: 2, late: true, paths: true, kills: 1}
	lossy    = adversity{faults: 1, late: true, kills: 1}
	harmless = adversity{}
)

// exclusiveActors are who does what beside whom.
var exclusiveActors = [][][]verb{
	{one(starts("A")), one(starts("B"))},
	{one(starts("A")), one(halts("B"))},
	{{halts("A"), starts("A")}, one(starts("B"))},
	{{starts("A"), halts("A")}, one(starts("B"))},
	{one(fences("B", "A")), one(starts("A"))},
}

// restoreScenes are restores on what has forgotten everything, or of which another
// node has taken a part already, beside the others.
func restoreScenes(adverse adversity, typ Mode, nothing, taken found) []scenario {
	var list []scenario
	for _, shape := range shapes {
		for _, d := range append(odd(shape[1]), standard) {
			for _, b := range [][]verb{one(starts("B")), one(restores("B")), one(fences("B", "A")), {starts("B"), fences("B", "A")}, {starts("B"), halts("B")}, one(cleans("C"))} {
				if shape[0] > 1 && b[0].kind == cleanupKind {
					continue // A clean-up of one LUN may pass while another one is looked at.
				}
				list = append(list, d.on(scene(typ, nothing, shape, adverse, one(restores("A")), b)))
			}
			for _, b := range []verb{halts("B"), fences("B", "A"), starts("B")} {
				list = append(list, d.on(scene(typ, taken, shape, adverse, one(restores("A")), one(b))))
			}
		}
	}
	return list
}

func TestExploreRestore(t *testing.T) {
	g := group{dims: "restore of what was forgotten, beside another; " + oddWords + "; " + adverse.words(), quick: 11, each: 8_000, turns: true,
		list: append(restoreScenes(adverse, Exclusive, found{name: "clean"}, ownedBy("B")), restoreScenes(adverse, Shared, shared(), shared("B"))...)}
	g.run(t)
}

func TestExploreExclusive(t *testing.T) {
	g := group{dims: "two nodes; " + adverse.words(), quick: 4, each: 20_000}
	for _, shape := range shapes {
		for _, f := range failoverStates {
			for _, actors := range exclusiveActors {
				g.list = append(g.list, scene(Exclusive, f, shape, adverse, actors...))
			}
		}
	}
	g.run(t)
}

func TestExploreExclusiveDevices(t *testing.T) {
	g := group{dims: "two nodes; " + oddWords + "; " + faulty.words(), quick: 9, each: 12_000, turns: true}
	for _, shape := range [][2]int{{1, 2}, {2, 1}} {
		for _, f := range failoverStates {
			for _, actors := range exclusiveActors {
				for _, d := range odd(shape[1]) {
					g.list = append(g.list, d.on(scene(Exclusive, f, shape, faulty, actors...)))
				}
			}
		}
	}
	g.run(t)
}

// A path that comes back, a repair and a copy beside a take-over.
func TestExploreExclusiveMend(t *testing.T) {
	g := group{dims: "repair, readmit, copy, fence, clean-up beside another; " + adverse.words(), quick: 5, each: 20_000, turns: true}
	lacking := found{"owned by A, not on all paths", []string{"A"}, func(w *world) {
		w.start("A")
		w.drop(w.count()-1, "A", w.paths-1)
	}}
	for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), repairs("B"), halts("A"), starts("A"), cleans("C")} {
		for _, d := range append(odd(2), standard) {
			lacking := lacking
			if d.quirks.AllTgPtImplicit {
				lacking = ownedBy("A") // One path goes with the other there.
			}
			g.list = append(g.list, d.on(scene(Exclusive, lacking, [2]int{1, 2}, adverse, one(readmits("A")), one(b))))
			if b.node != "A" {
				g.list = append(g.list, d.on(scene(Exclusive, lacking, [2]int{1, 2}, adverse, one(repairs("A")), one(b))))
			}
		}
		if b.node == "A" {
			continue
		}
		s := scene(Exclusive, lacking, [2]int{2, 1}, adverse, one(repairs("A")), one(b))
		s.upOn = 1
		g.list = append(g.list, s)
	}
	grown := found{"owned by A, a new LUN", []string{"A"}, func(w *world) { w.only2("A", "sda") }}
	for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), repairs("B"), copies("B"), onFirst(starts("B")), onFirst(halts("A"))} {
		s := scene(Exclusive, grown, [2]int{2, 1}, adverse, one(copies("A")), one(b))
		s.model = 1
		g.list = append(g.list, s)
	}
	for _, b := range []verb{halts("B"), fences("B", "A"), repairs("B"), starts("B"), cleans("C")} {
		for _, shape := range shapes {
			g.list = append(g.list, scene(Exclusive, ownedBy("A"), shape, adverse, one(fences("A", "B")), one(b)))
		}
	}
	for _, b := range []verb{starts("B"), halts("A"), starts("A"), cleans("B")} {
		g.list = append(g.list, scene(Exclusive, ownedBy("A"), [2]int{1, 2}, adverse, one(cleans("C")), one(b)))
	}
	g.run(t)
}

// Other reservation types, and nexuses that a node had before it logged in anew.
func TestExploreExclusiveFound(t *testing.T) {
	g := group{dims: "other reservation types, nexuses of the past, a device that says GOOD to everything; " + adverse.words(), quick: 5, each: 15_000, turns: true}
	states := []found{
		other("B", pr.WriteExclusiveAllRegistrants), other("A", pr.WriteExclusiveAllRegistrants), other("B", pr.WriteExclusive), other("A", pr.ExclusiveAccess),
		relogged(found{name: "clean"}, unit.ReservationType), relogged(found{name: "clean"}, 0), relogged(ownedBy("A"), 0), relogged(ownedBy("B"), 0),
	}
	for _, shape := range shapes {
		g.list = append(g.list, lying.on(scene(Exclusive, found{name: "clean"}, shape, harmless, one(starts("A")))))
		for _, f := range states {
			g.list = append(g.list, scene(Exclusive, f, shape, adverse, one(starts("A"))))
			for _, b := range []verb{starts("B"), halts("B")} {
				g.list = append(g.list, scene(Exclusive, f, shape, adverse, one(starts("A")), one(b)))
			}
		}
	}
	g.run(t)
}

// Three nodes at once.
func TestExploreExclusiveThree(t *testing.T) {
	g := group{dims: "three nodes, 1 LUN, 1 path; " + lossy.words(), quick: 3, each: 150_000}
	for _, f := range failoverStates {
		g.list = append(g.list,
			scene(Exclusive, f, [2]int{1, 1}, lossy, one(starts("A")), one(starts("B")), one(halts("C"))),
			scene(Exclusive, f, [2]int{1, 1}, lossy, one(starts("A")), one(halts("B")), one(halts("C"))),
			scene(Exclusive, f, [2]int{1, 1}, lossy, one(starts("A")), one(fences("B", "A")), one(halts("C"))),
			scene(Exclusive, f, [2]int{1, 1}, lossy, one(starts("A")), one(starts("B")), one(starts("C"))))
	}
	g.run(t)
}

// Two packages of which one LUN is in both by mistake, and nodes whose configs
// name other LUNs.
func TestExploreDrift(t *testing.T) {
	g := group{dims: "a LUN in two packages, LUN sets that differ; " + adverse.words(), quick: 3}
	first := found{"A has LUN 0", []string{"A"}, func(w *world) { w.only2("A", "sda") }}
	for _, b := range []verb{starts("B"), halts("B"), on(2, starts("B")), on(1, starts("B")), fences("B", "A")} {
		for _, f := range []found{first, {name: "clean"}, ownedBy("A")} {
			for _, a := range []verb{on(1, starts("A")), on(1, halts("A"))} {
				s := scene(Exclusive, f, [2]int{2, 1}, adverse, one(a), one(b))
				if strings.Contains(f.name, "LUN 0") {
					s.upOn = 1
				}
				g.list = append(g.list, s)
			}
		}
	}
	g.run(t)
}
