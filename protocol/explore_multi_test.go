package protocol

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
)

// law3: after a fence said ok its victim is registered on no LUN, unless by a
// start of the victim's that the fence found nothing of (state.cut), or that
// is still under way: it takes off again what came late before it ends. A
// repair of the victim's and a copy of anybody's may, too, before they say ok.
func law3(x *explorer, e edge) string {
	s := e.after
	for v, verb := range x.verbs {
		if verb.kind != fenceKind || x.outcome(s, v) != ok {
			continue
		}
		back := false
		for w, other := range x.verbs {
			if other.kind == startKind && other.node == verb.victim && x.begun(s, w) {
				back = back || x.outcome(s, w) == "" || x.outcome(s, w) == ok && s.cut&(1<<w) == 0
			}
			back = back || (other.kind == repairKind && other.node == verb.victim || other.kind == copyKind) && x.outcome(s, w) != ok
		}
		for i := range cmp.Or(verb.luns, x.luns) {
			if f := x.lunFacts(s, i); !back && f.has(verb.victim) {
				return fmt.Sprintf("%v said ok, but LUN %d has %v", verb, i, f)
			}
		}
	}
	return ""
}

// law4: a node is up when its start said ok, or from the beginning if the
// scenario says so, until its halt or a fence of it makes its first change.
// While it is up it is registered on every LUN, and each is reserved Write
// Exclusive - Registrants Only.
func law4(x *explorer, e edge) string {
	s := e.after
	for _, node := range x.upNodes(s) {
		for i := range cmp.Or(x.model, x.luns) {
			f := x.lunFacts(s, i)
			if f.typ != reservationType || !slices.Contains(f.keys, keyOf(node)) {
				return fmt.Sprintf("%s is up, but LUN %d has %v", node, i, f)
			}
		}
	}
	return ""
}

// upNodes are the nodes that rely on the reservations.
func (x *explorer) upNodes(s *state) []string {
	var nodes []string
	for _, node := range []string{"A", "B", "C"} {
		up := slices.Contains(x.up, node) && !x.takenDown(s, node, -1)
		for v, verb := range x.verbs {
			up = up || verb.kind == startKind && verb.node == node && x.outcome(s, v) == ok && !x.takenDown(s, node, v)
		}
		if up {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// takenDown reports whether a halt of the node or a fence of it has begun,
// unless that had ended when the verb began (-1: the beginning).
func (x *explorer) takenDown(s *state, node string, since int) bool {
	for w, verb := range x.verbs {
		downs := verb.kind == haltKind && verb.node == node || verb.kind == fenceKind && verb.victim == node
		if downs && x.begun(s, w) && (since < 0 || !s.precedes(w, since)) {
			return true
		}
	}
	return false
}

// lawEnd: when all have ended, nobody failed without a reason; if a node is
// up, somebody who stays holds each LUN; if none is, nothing is left of those
// who halted.
func lawEnd(x *explorer, e edge) string {
	s := e.after
	if x.kills > 0 {
		return ""
	}
	for v, verb := range x.verbs {
		got := x.outcome(s, v)
		fenced := x.fenced(verb.node)
		switch {
		case got == ok:
		case verb.kind == startKind && fenced && got == outcome(ErrRemoved.Error()):
		case verb.kind == fenceKind && (fenced || x.model > 0 || !slices.Contains(x.up, verb.node)) && got == outcome(ErrNotRegistered.Error()):
		case (verb.kind == repairKind || verb.kind == copyKind) && (fenced || len(x.verbs) > 1):
			// Others were in between; it says so.
		default:
			return fmt.Sprintf("%v said %s", verb, got)
		}
	}
	if len(x.upNodes(s)) == 0 {
		return ""
	}
	for i := range cmp.Or(x.model, x.luns) {
		if f := x.lunFacts(s, i); f.holder&LeavingMark != 0 || !slices.Contains(f.keys, f.holder) {
			return fmt.Sprintf("at the end LUN %d has %v", i, f)
		}
	}
	return ""
}

// fenced reports whether the scenario has a fence of the node.
func (x *explorer) fenced(node string) bool {
	return slices.ContainsFunc(x.verbs, func(v verb) bool { return v.kind == fenceKind && v.victim == node })
}

var multiLaws = []law{
	{name: "3", step: law3},
	{name: "4", step: law4},
	{name: "8", step: law8},
	{name: "end", end: lawEnd},
}

// shared brings nodes up, the first of which holds.
func shared(nodes ...string) found {
	return found{name: fmt.Sprint(nodes, " up"), up: nodes, prepare: func(w *world) {
		w.share()
		for _, n := range nodes {
			w.start(n)
		}
	}}
}

// share makes the package one for several nodes at once.
func (w *world) share() { w.mode = Shared }

// left brings nodes up, and then the first begins to halt and is killed
// before its n-th command.
func left(n int, nodes ...string) found {
	f := shared(nodes...)
	prepare := f.prepare
	f.name = fmt.Sprintf("%v up, halt of %s killed at %d", nodes[1:], nodes[0], n)
	f.up = nodes[1:]
	f.prepare = func(w *world) {
		prepare(w)
		killAt(w, nodes[0], n, func(r *Run, ctx context.Context) error { return r.Halt(ctx) })
	}
	return f
}

var multiStates = []found{
	shared(), shared("A"), shared("B"), shared("C"), shared("A", "B"), shared("B", "A"), shared("A", "B", "C"), shared("C", "A", "B"),
	left(4, "A", "B"), left(4, "C", "B"), left(4, "C", "A", "B"),
}

// multiVerbs are what a node may do.
func multiVerbs(node, other string) [][]verb {
	return [][]verb{
		one(starts(node)), one(halts(node)), one(fences(node, other)), one(fences(node, "C")),
		{halts(node), starts(node)}, {starts(node), halts(node)},
	}
}

func multiScenarios() []scenario {
	var list []scenario
	for _, f := range multiStates {
		for _, a := range multiVerbs("A", "B") {
			for _, b := range multiVerbs("B", "A") {
				for _, shape := range shapes {
					if len(a)+len(b) > 3 && shape != [2]int{1, 1} {
						continue
					}
					list = append(list, scenario{name: fmt.Sprintf("multi_node, %d LUNs, %d paths, %s: %v %v", shape[0], shape[1], f.name, a, b), typ: Shared,
						luns: shape[0], paths: shape[1], prepare: f.prepare, up: f.up, actors: [][]verb{a, b}, laws: multiLaws})
				}
			}
		}
	}
	return list
}

func TestExploreMulti(t *testing.T) { checkAll(t, multiScenarios()) }
