package protocol

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// Repair and copy beside the other protocols.

// missing brings nodes up and takes the last registration of A off again: of
// its last path, or of its last LUN if that has one path.
func missing(nodes ...string) found {
	f := shared(nodes...)
	prepare := f.prepare
	f.name += ", A not on all paths"
	// What A lacks cannot be relied on.
	f.up = slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == "A" || nodes[0] == "A" })
	f.prepare = func(w *world) {
		prepare(w)
		w.drop(len(w.luns)-1, "A", w.paths-1)
	}
	return f
}

// orphan brings nodes up and releases the reservation that the first holds.
func orphan(nodes ...string) found {
	f := shared(nodes...)
	prepare := f.prepare
	f.name += ", not reserved"
	f.up = nil
	f.prepare = func(w *world) {
		prepare(w)
		for i := range w.luns {
			w.release(i, nodes[0])
		}
	}
	return f
}

// grown brings nodes up on the first LUN only.
func grown(nodes ...string) found {
	return found{name: fmt.Sprint(nodes, " up, a new LUN"), up: nodes, prepare: func(w *world) {
		w.share()
		for _, n := range nodes {
			w.only2(n, "sda")
		}
	}}
}

// lawMend: when all have ended, a repair that was alone has mended everything,
// and so has a copy.
func lawMend(x *explorer, e edge) string {
	s := e.after
	if len(x.verbs) > 1 {
		return ""
	}
	model := x.lunFacts(s, 0)
	for i := range x.luns {
		f := x.lunFacts(s, i)
		if x.verbs[0].kind == copyKind && (!slices.Equal(f.keys, model.keys) || f.holder != model.holder) {
			return fmt.Sprintf("LUN %d has %v", i, f)
		}
		if f.typ != reservationType || x.verbs[0].kind == repairKind && f.count[keyA] != x.paths {
			return fmt.Sprintf("LUN %d has %v", i, f)
		}
	}
	return ""
}

// onFirst lets a verb know of the first LUN only: the config of its node is
// older than the new LUN.
func onFirst(v verb) verb {
	do := v.do
	v.name += " on the first LUN"
	v.luns = 1
	v.do = func(ctx context.Context, r *Run) error {
		r.LUNs = r.LUNs[:1]
		return do(ctx, r)
	}
	return v
}

func mendScenarios() []scenario {
	var list []scenario
	add := func(f found, shape [2]int, model int, actors ...[]verb) {
		list = append(list, scenario{name: fmt.Sprintf("mend, %d LUNs, %d paths, %s: %v", shape[0], shape[1], f.name, actors), typ: Shared,
			luns: shape[0], paths: shape[1], model: model, prepare: f.prepare, up: f.up, actors: actors,
			laws: append(slices.Clone(multiLaws), law{name: "mend", end: lawMend})})
	}
	for _, f := range []found{missing("A", "B"), missing("B", "A"), missing("B", "A", "C"), orphan("A", "B"), orphan("B", "A")} {
		for _, shape := range [][2]int{{1, 2}, {2, 1}} {
			add(f, shape, 0, one(repairs("A")))
			for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), fences("B", "C"), repairs("B")} {
				add(f, shape, 0, one(repairs("A")), one(b))
			}
		}
	}
	for _, f := range []found{grown("A", "B"), grown("B", "A"), grown("B", "A", "C"), grown("B"), grown("A", "B", "C")} {
		add(f, [2]int{2, 1}, 1, one(copies("A")))
		for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), fences("B", "C"), onFirst(halts("B")), onFirst(fences("B", "A")), onFirst(fences("B", "C")), copies("B"), repairs("B")} {
			add(f, [2]int{2, 1}, 1, one(copies("A")), one(b))
		}
	}
	return list
}

// ownerScenarios are repair, copy and fence of a failover package.
func ownerScenarios() []scenario {
	var list []scenario
	add := func(name string, shape [2]int, model int, prepare func(*world), actors ...[]verb) {
		list = append(list, scenario{name: fmt.Sprintf("mend, failover, %d LUNs, %d paths, %s: %v", shape[0], shape[1], name, actors), typ: Exclusive,
			luns: shape[0], paths: shape[1], model: model, prepare: prepare, actors: actors, laws: failoverLaws})
	}
	lacking := func(w *world) {
		w.start("A")
		w.drop(len(w.luns)-1, "A", w.paths-1)
	}
	for _, shape := range [][2]int{{1, 2}, {2, 1}} {
		for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), repairs("B")} {
			add("A not on all paths", shape, 0, lacking, one(repairs("A")), one(b))
		}
		// The owner fences a node that is not registered, or one that is just
		// taking over: then either may have the last word.
		for _, b := range []verb{halts("B"), fences("B", "A"), repairs("B")} {
			add("owned by A", shape, 0, func(w *world) { w.start("A") }, one(fences("A", "B")), one(b))
		}
		add("owned by A", shape, 0, func(w *world) { w.start("A") }, one(fences("A", "B")), one(starts("B")))
		list[len(list)-1].laws = slices.DeleteFunc(slices.Clone(failoverLaws), func(l law) bool { return l.name == "7" })
	}
	for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), repairs("B"), copies("B")} {
		add("owned by A, a new LUN", [2]int{2, 1}, 0, func(w *world) { w.only2("A", "sda") }, one(copies("A")), one(b))
	}
	return list
}

// lawGone: when all have ended, the node that has halted has nothing left, even
// if a path of it came back at that moment. Until the readmission has looked
// again its registration may stand for a while; nothing runs there then.
func lawGone(x *explorer, e edge) string {
	for i := range x.luns {
		if f := x.lunFacts(e.after, i); f.count[keyA] != 0 {
			return fmt.Sprintf("LUN %d has %v", i, f)
		}
	}
	return ""
}

// readmitScenarios are a path that comes back while others, or the same node,
// are at work.
func readmitScenarios() []scenario {
	var list []scenario
	for _, f := range []found{missing("A", "B"), missing("B", "A"), missing("B", "A", "C")} {
		for _, b := range [][]verb{nil, one(starts("B")), one(halts("B")), one(fences("B", "A")), one(fences("B", "C")), one(repairs("B")), one(repairs("A")), one(halts("A"))} {
			s := scenario{name: fmt.Sprintf("readmit, 2 paths, %s: %v", f.name, b), typ: Shared, luns: 1, paths: 2,
				prepare: f.prepare, up: f.up, actors: [][]verb{one(readmits("A"))}, laws: append(slices.Clone(multiLaws), law{name: "mend", end: lawMend})}
			if b != nil {
				s.actors = append(s.actors, b)
			}
			list = append(list, haltsItself(s))
		}
	}
	lacking := func(w *world) {
		w.start("A")
		w.drop(0, "A", 1)
	}
	for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), repairs("B"), halts("A"), starts("A")} {
		list = append(list, haltsItself(scenario{name: fmt.Sprintf("readmit, failover, 2 paths: %v", b), typ: Exclusive,
			luns: 1, paths: 2, prepare: lacking, actors: [][]verb{one(readmits("A")), one(b)}, laws: failoverLaws}))
	}
	return list
}

// haltsItself gives a scenario in which the node halts beside its own
// readmission the law for that.
func haltsItself(s scenario) scenario {
	if len(s.actors) > 1 && s.actors[1][0].node == "A" && s.actors[1][0].kind == haltKind {
		s.laws = []law{{name: "gone", end: lawGone}}
	}
	return s
}

func TestExploreReadmit(t *testing.T) { checkAll(t, readmitScenarios()) }

func TestExploreMend(t *testing.T) { checkAll(t, append(mendScenarios(), ownerScenarios()...)) }
