package protocol

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// Every protocol is killed before each of its commands, which is after the one
// before has taken effect, alone and beside each protocol of another node, in
// every interleaving. The laws hold all the way; and what can be run next puts
// everything right.
func TestExploreCrash(t *testing.T) { checkAll(t, crashScenarios()) }

func crashScenarios() []scenario {
	var list []scenario
	add := func(typ Mode, f found, shape [2]int, laws []law, actors ...[]verb) {
		list = append(list, scenario{name: fmt.Sprintf("crash, %s, %d LUNs, %d paths, %s: %v", typ, shape[0], shape[1], f.name, actors),
			typ: typ, luns: shape[0], paths: shape[1], prepare: f.prepare, up: f.up, actors: actors, laws: laws, kills: 1})
	}
	for _, shape := range shapes {
		for _, f := range failoverStates {
			for _, a := range []verb{starts("A"), halts("A")} {
				add(Exclusive, f, shape, append(slices.Clone(failoverLaws), law{name: "5", end: law5Failover}), one(a))
				for _, b := range []verb{starts("B"), halts("B")} {
					add(Exclusive, f, shape, append(slices.Clone(failoverLaws), law{name: "5", end: law5Failover}), one(a), one(b))
				}
			}
		}
		for _, f := range multiStates {
			for _, a := range []verb{starts("A"), halts("A"), fences("A", "B"), fences("A", "C")} {
				add(Shared, f, shape, append(slices.Clone(multiLaws), law{name: "5", end: law5Multi}), one(a))
				for _, b := range []verb{starts("B"), halts("B"), fences("B", "A"), fences("B", "C")} {
					add(Shared, f, shape, append(slices.Clone(multiLaws), law{name: "5", end: law5Multi}), one(a), one(b))
				}
			}
		}
	}
	return list
}

// resume is a world that goes on from a state.
func (x *explorer) resume(s *state) *world {
	w := newWorld(x.world.t, x.luns, x.paths, x.quirks)
	w.mode = x.typ
	for i := range w.luns {
		w.luns[i].With(func(m *simlun.Machine) { *m = *x.lunFacts(s, i).machine.Clone() })
	}
	return w
}

// victims of the killing are the verbs that were not brought to their end.
func (x *explorer) killed(s *state) []verb {
	var list []verb
	for a := range x.actors {
		if s.at[a] < 0 {
			list = append(list, x.actors[a][0])
		}
	}
	return list
}

// recovered remembers for which states recovery was tried.
func (x *explorer) recovered(s *state) bool {
	key := *s
	for a := range x.actors {
		key.at[a] = min(key.at[a], 0)
	}
	key.order, key.cut = 0, 0
	if x.tried[key] {
		return true
	}
	x.tried[key] = true
	return false
}

// law5Failover: when one was killed and all others have ended, running the
// killed protocol again, or starting on any node, ends as if nobody had been
// killed: after a start its node owns every LUN on every path, after a halt
// its key is nowhere, and a last halt leaves nothing.
func law5Failover(x *explorer, e edge) string {
	s := e.after
	if x.recovered(s) {
		return ""
	}
	next := append(x.killed(s), starts("A"), starts("B"), starts("C"))
	for _, v := range next {
		w := x.resume(s)
		if err := v.do(context.Background(), w.run(v.node)); err != nil {
			return fmt.Sprintf("%v afterwards: %v", v, err)
		}
		for i := range w.luns {
			st := w.status(i)
			switch {
			case v.kind == haltKind && slices.Contains(st.Keys, keyOf(v.node)):
				return fmt.Sprintf("after %v LUN %d has %+v", v, i, st)
			case v.kind == startKind && !st.equal(status{slices.Repeat([]scsi.Key{keyOf(v.node)}, x.paths), keyOf(v.node), reservationType}):
				return fmt.Sprintf("after %v LUN %d has %+v", v, i, st)
			}
		}
		if v.kind == haltKind {
			continue
		}
		if err := w.run(v.node).Halt(context.Background()); err != nil {
			return fmt.Sprintf("halt of %s after %v: %v", v.node, v, err)
		}
		for i := range w.luns {
			if st := w.status(i); !st.equal(status{}) {
				return fmt.Sprintf("after %v and a halt LUN %d has %+v", v, i, st)
			}
		}
	}
	return ""
}

// statusCount is how many registrations have the node's key.
func statusCount(s status, node string) int {
	n := 0
	for _, k := range s.Keys {
		if k == keyOf(node) {
			n++
		}
	}
	return n
}

func (s status) equal(o status) bool {
	return slices.Equal(s.Keys, o.Keys) && s.Holder == o.Holder && s.Type == o.Type
}

// law5Multi: likewise for a package that several nodes share. The killed
// protocol is run again, or its node starts, or a survivor fences the node, or
// another node starts; after each of these the nodes that are up are
// registered under a reservation whose holder stays. When then all of them
// halt, nothing is left but what belongs to nodes that were killed.
func law5Multi(x *explorer, e edge) string {
	s := e.after
	if x.recovered(s) {
		return ""
	}
	up := x.upNodes(s)
	plans := [][]verb{{starts("C")}}
	for _, v := range x.killed(s) {
		if v.kind != fenceKind || slices.Contains(up, v.node) {
			plans = append(plans, []verb{v})
		}
		plans = append(plans, []verb{starts(v.node)}, []verb{starts("C"), fences("C", v.node)})
	}
	for _, plan := range plans {
		if wrong := x.carryOut(s, up, plan); wrong != "" {
			return fmt.Sprintf("%v afterwards: %s", plan, wrong)
		}
	}
	return ""
}

// carryOut runs verbs one after the other and looks at the LUNs after each.
func (x *explorer) carryOut(s *state, up []string, plan []verb) string {
	w := x.resume(s)
	up = slices.Clone(up)
	for _, v := range plan {
		if err := v.do(context.Background(), w.run(v.node)); err != nil {
			return err.Error()
		}
		gone := v.node
		switch v.kind {
		case startKind:
			gone = ""
			up = append(up, v.node)
		case fenceKind:
			gone = v.victim
		}
		up = slices.DeleteFunc(up, func(n string) bool { return n == gone })
		for i := range w.luns {
			st := w.status(i)
			if gone != "" && (slices.Contains(st.Keys, keyOf(gone)) || slices.Contains(st.Keys, Leaving(keyOf(gone)))) {
				return fmt.Sprintf("%s is gone, but LUN %d has %+v", gone, i, st)
			}
			if v.kind == startKind && statusCount(st, v.node) != x.paths {
				return fmt.Sprintf("%s has started, but LUN %d has %+v", v.node, i, st)
			}
			// What a halt has left before anything else began may stay.
			leftover := st.Holder == x.lunFacts(&x.order[0], i).holder
			if len(up) > 0 && (st.Type != reservationType || st.Holder&LeavingMark != 0 && !leftover) {
				return fmt.Sprintf("%v are up, but LUN %d has %+v", up, i, st)
			}
			for _, n := range up {
				if !slices.Contains(st.Keys, keyOf(n)) || !w.canWrite(n, i) {
					return fmt.Sprintf("%s is up, but LUN %d has %+v", n, i, st)
				}
			}
		}
	}
	for _, n := range slices.Clone(up) {
		if err := w.run(n).Halt(context.Background()); err != nil {
			return fmt.Sprintf("halt of %s: %v", n, err)
		}
		for i := range w.luns {
			if st := w.status(i); slices.Contains(st.Keys, keyOf(n)) || slices.Contains(st.Keys, Leaving(keyOf(n))) {
				return fmt.Sprintf("%s has halted, but LUN %d has %+v", n, i, st)
			}
		}
	}
	return ""
}
