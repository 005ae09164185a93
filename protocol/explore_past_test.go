package protocol

import (
	"fmt"
	"slices"
	"testing"

	"lunguard/scsi"
)

// A node that comes back under another initiator port, beside the others.

// lawPast: a start that was alone has left no nexus of the past, unless its
// node may have been up already.
func lawPast(x *explorer, e edge) string {
	if len(x.verbs) > 1 || slices.Contains(x.up, "A") {
		return ""
	}
	for i := range x.luns {
		if f := x.lunFacts(e.after, i); f.holder == keyA && f.count[keyA] != x.paths {
			return fmt.Sprintf("LUN %d has %v, %d registrations of A", i, f, f.count[keyA])
		}
	}
	return ""
}

// relogged adds a registration of A's past to what was found, on every LUN.
func relogged(f found, typ scsi.Type) found {
	prepare := f.prepare
	f.name += ", A relogged"
	if typ != 0 {
		f.name += ", its past holds"
	}
	f.prepare = func(w *world) {
		if prepare != nil {
			prepare(w)
		}
		for i := range w.luns {
			w.pastPut(i, "A", typ)
		}
	}
	return f
}

func pastScenarios() []scenario {
	var list []scenario
	add := func(typ Mode, f found, shape [2]int, laws []law, actors ...[]verb) {
		list = append(list, scenario{name: fmt.Sprintf("past, %v, %d LUNs, %d paths, %s: %v", typ, shape[0], shape[1], f.name, actors), typ: typ,
			luns: shape[0], paths: shape[1], prepare: f.prepare, up: f.up, actors: actors, laws: append(slices.Clone(laws), law{name: "past", end: lawPast})})
	}
	holding := scsi.Type(reservationType)
	for _, shape := range shapes {
		for _, f := range []found{relogged(found{name: "clean"}, holding), relogged(found{name: "clean"}, 0), relogged(ownedBy("A"), 0), relogged(ownedBy("B"), 0)} {
			add(Exclusive, f, shape, failoverLaws, one(starts("A")))
			add(Exclusive, f, shape, failoverLaws, one(starts("A")), one(starts("B")))
			add(Exclusive, f, shape, failoverLaws, one(starts("A")), one(halts("B")))
		}
		alone := found{name: "[] up", prepare: func(w *world) { w.share() }}
		for _, f := range []found{relogged(alone, holding), relogged(shared("A", "B"), 0), relogged(shared("B"), 0)} {
			add(Shared, f, shape, multiLaws, one(starts("A")))
			for _, b := range []verb{starts("B"), halts("B"), fences("B", "A")} {
				add(Shared, f, shape, multiLaws, one(starts("A")), one(b))
			}
		}
	}
	return list
}

func TestExplorePast(t *testing.T) { checkAll(t, pastScenarios()) }
