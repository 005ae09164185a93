package protocol

import (
	"context"
	"fmt"
	"slices"

	"lunguard/pr"
)

// found is a state in which the actors find the LUNs, with the nodes that
// are up in it.
type found struct {
	name    string
	up      []string
	prepare func(*world)
}

// share makes the package one for several nodes at once.
func (w *world) share() { w.mode = Shared }

// ownedBy has an exclusive package up on a node.
func ownedBy(node string) found {
	return found{"owned by " + node, []string{node}, func(w *world) { w.start(node) }}
}

// failoverStates are how starts and halts may find the LUNs.
var failoverStates = []found{ownedBy("B"), {name: "clean"}, ownedBy("A"), ownedBy("C")}

// shared brings nodes up, the first of which holds.
func shared(nodes ...string) found {
	return found{name: fmt.Sprint(nodes, " up"), up: nodes, prepare: func(w *world) {
		w.share()
		for _, n := range nodes {
			w.start(n)
		}
	}}
}

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

// stranger has a node that is none of the cluster's write to the LUNs of a package,
// registered on them, beside nodes that have it up.
func stranger(f found) found {
	prepare := f.prepare
	f.name += ", C a stranger"
	f.up = append(slices.Clone(f.up), "C")
	f.prepare = func(w *world) {
		prepare(w)
		for i := range w.count() {
			for p := range w.paths {
				w.put(i, "C", p, keyC, 0)
			}
		}
	}
	return f
}

var multiStates = []found{
	shared("A", "B"), shared("B", "A"), shared("A", "B", "C"), shared("C", "A", "B"),
	shared(), shared("A"), shared("B"), shared("C"),
	left(4, "A", "B"), left(4, "C", "B"), left(4, "C", "A", "B"),
}

// missing brings nodes up and takes the last registration of A off again: of
// its last path, or of its last LUN if that has one path.
func missing(nodes ...string) found {
	f := shared(nodes...)
	prepare := f.prepare
	f.name += ", A not on all paths"
	f.prepare = func(w *world) {
		prepare(w)
		w.drop(w.count()-1, "A", w.paths-1)
	}
	return f
}

// rely takes out of a scenario's nodes those that do not rely on all LUNs after
// missing: with one path A lacks a whole LUN, and with it nobody holds there if
// that was A.
func (f found) rely(paths int) found {
	if paths > 1 {
		return f
	}
	first := f.up[0]
	f.up = slices.DeleteFunc(slices.Clone(f.up), func(n string) bool { return n == "A" || first == "A" })
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
		for i := range w.count() {
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

// relogged adds a registration of A's past to what was found, on every LUN.
func relogged(f found, typ pr.Type) found {
	prepare := f.prepare
	f.name += ", A relogged"
	if typ != 0 {
		f.name += ", its past holds"
	}
	f.prepare = func(w *world) {
		if prepare != nil {
			prepare(w)
		}
		for i := range w.count() {
			w.pastPut(i, "A", typ)
		}
	}
	return f
}

// other reserves with another type, of a node that is registered on all paths.
func other(node string, typ pr.Type) found {
	return found{name: fmt.Sprintf("%s holds type %d", node, typ), prepare: func(w *world) {
		for i := range w.count() {
			for p := range w.paths {
				w.put(i, node, p, keyOf(node), 0)
			}
			w.put(i, node, 0, keyOf(node), typ)
		}
	}}
}
