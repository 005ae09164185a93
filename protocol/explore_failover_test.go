package protocol

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"lunguard/scsi"
)

// keyOf is the key of a node in tests.
func keyOf(node string) scsi.Key {
	return map[string]scsi.Key{"A": keyA, "B": keyB, "C": keyC}[node]
}

// ownedBy reports whether the node alone can write to the LUN: it holds Write
// Exclusive - Registrants Only, and no other key is registered but those that
// are allowed for.
func (f *facts) ownedBy(node string, allowed ...scsi.Key) bool {
	key := keyOf(node)
	return f.typ == reservationType && f.holder == key &&
		!slices.ContainsFunc(f.keys, func(k scsi.Key) bool { return k != key && !slices.Contains(allowed, k) })
}

// has reports whether the node is registered, marked leaving or not.
func (f *facts) has(node string) bool {
	return slices.ContainsFunc(f.keys, func(k scsi.Key) bool { return k&^LeavingMark == keyOf(node) })
}

// law1: from the moment a failover start said ok, until another start or the
// node's own halt makes its first change, its node holds every LUN and no
// other key is registered. One exception cannot be closed: a rival start, repair
// or copy that is still under way may register once more. Its node
// runs nothing of the package, and it takes the registration off again before
// it ends.
func law1(x *explorer, e edge) string {
	s := e.after
	for v, verb := range x.verbs {
		if verb.kind != startKind || x.outcome(s, v) != ok || x.disturbed(s, v) {
			continue
		}
		var late []scsi.Key
		for w, rival := range x.verbs {
			mends := rival.kind == repairKind || rival.kind == copyKind
			starts := rival.kind == startKind && x.begun(s, w) && !s.precedes(v, w)
			if (mends || starts) && x.outcome(s, w) == "" {
				late = append(late, keyOf(rival.node), Leaving(keyOf(rival.node)))
			}
		}
		for i := range x.luns {
			if f := x.lunFacts(s, i); !f.ownedBy(verb.node, late...) {
				return fmt.Sprintf("%v said ok, but LUN %d has %v", verb, i, f)
			}
		}
	}
	return ""
}

// disturbed reports whether something that takes the LUNs away by right has
// begun after the verb had ended.
func (x *explorer) disturbed(s *state, v int) bool {
	for w, other := range x.verbs {
		takes := other.kind == startKind || other.kind == haltKind && other.node == x.verbs[v].node
		if w != v && takes && s.precedes(v, w) {
			return true
		}
	}
	return false
}

// law2: no command of a failover start ends a reservation, unless the start
// made it itself on a LUN that had none.
func law2(x *explorer, e edge) string {
	m := x.moments[e.actor][e.before.at[e.actor]]
	verb := x.actors[e.actor][m.verb()]
	if verb.kind != startKind {
		return ""
	}
	i := m.next.lun
	if before := x.lunFacts(e.before, i); before.typ != 0 && x.lunFacts(e.after, i).typ == 0 && !m.reserved[i] {
		return fmt.Sprintf("%v unreserves LUN %d, which had %v", verb, i, before)
	}
	return ""
}

// haltedSince reports whether the verb's node has halted after it.
func (x *explorer) haltedSince(s *state, v int) bool {
	for w, other := range x.verbs {
		if other.kind == haltKind && other.node == x.verbs[v].node && s.precedes(v, w) {
			return true
		}
	}
	return false
}

// law7: when all have ended, of the starts that said ok and were neither
// halted since nor taken over by one that came later there is one, and it owns
// every LUN. Every other start said that it lost.
func law7(x *explorer, e edge) string {
	s := e.after
	if x.kills > 0 {
		return ""
	}
	owner, won, began := -1, 0, 0
	for v, verb := range x.verbs {
		if verb.kind != startKind {
			continue
		}
		began++
		switch got := x.outcome(s, v); {
		case got != ok && got != lost:
			return fmt.Sprintf("%v said %s", verb, got)
		case got == lost:
			continue
		}
		won++
		if x.haltedSince(s, v) || x.startedSince(s, v) {
			continue
		}
		if owner >= 0 {
			return fmt.Sprintf("%v and %v both said ok, and neither came after the other", x.verbs[owner], verb)
		}
		owner = v
	}
	switch {
	case began > 0 && won == 0 && !x.fenced("A"):
		return "all starts have lost"
	case owner < 0:
		return ""
	}
	for i := range x.luns {
		if f := x.lunFacts(s, i); !f.ownedBy(x.verbs[owner].node) {
			return fmt.Sprintf("%v owns the package, but LUN %d has %v", x.verbs[owner], i, f)
		}
	}
	return ""
}

// startedSince reports whether a start that began after the verb said ok.
func (x *explorer) startedSince(s *state, v int) bool {
	for w, other := range x.verbs {
		if other.kind == startKind && s.precedes(v, w) && x.outcome(s, w) == ok {
			return true
		}
	}
	return false
}

// law8: after a halt said ok, its node's key is on no LUN until the node
// starts again. A copy may put it back, and removes it before it says ok.
func law8(x *explorer, e edge) string {
	s := e.after
	for v, verb := range x.verbs {
		if verb.kind != haltKind || x.outcome(s, v) != ok {
			continue
		}
		again := false
		for w, other := range x.verbs {
			again = again || other.kind == startKind && other.node == verb.node && s.precedes(v, w) ||
				other.kind == copyKind && x.outcome(s, w) != ok
		}
		for i := range cmp.Or(verb.luns, x.luns) {
			if f := x.lunFacts(s, i); !again && f.has(verb.node) {
				return fmt.Sprintf("%v said ok, but LUN %d has %v", verb, i, f)
			}
		}
	}
	return ""
}

var failoverLaws = []law{
	{name: "1", step: law1},
	{name: "2", step: law2},
	{name: "7", end: law7},
	{name: "8", step: law8},
}

func one(v verb) []verb { return []verb{v} }

// failoverStates are how starts and halts may find the LUNs.
var failoverStates = []found{
	{name: "clean"},
	ownedBy("A"), ownedBy("B"), ownedBy("C"),
}

// ownedBy has a failover package up on a node.
func ownedBy(node string) found {
	return found{"owned by " + node, []string{node}, func(w *world) { w.start(node) }}
}

// found is a state in which the actors find the LUNs, with the nodes that are
// up in it.
type found struct {
	name    string
	up      []string
	prepare func(*world)
}

// failoverActors are who does what beside whom.
var failoverActors = [][][]verb{
	{one(starts("A")), one(starts("B"))},
	{one(starts("A")), one(halts("B"))},
	{{halts("A"), starts("A")}, one(starts("B"))},
	{{starts("A"), halts("A")}, one(starts("B"))},
}

// shapes are the numbers of LUNs and of paths to each.
var shapes = [][2]int{{1, 1}, {2, 1}, {1, 2}}

func failoverScenarios() []scenario {
	var list []scenario
	for _, actors := range failoverActors {
		for _, f := range failoverStates {
			for _, shape := range shapes {
				list = append(list, scenario{name: fmt.Sprintf("failover, %d LUNs, %d paths, %s: %v", shape[0], shape[1], f.name, actors), typ: Exclusive,
					luns: shape[0], paths: shape[1], prepare: f.prepare, up: f.up, actors: actors, laws: failoverLaws})
			}
		}
	}
	return list
}

func TestExploreFailover(t *testing.T) { checkAll(t, failoverScenarios()) }

// checkAll explores scenarios, several at once.
func checkAll(t *testing.T, list []scenario) {
	if underRace {
		t.Skip("without the race detector only: go test -run TestExplore ./cluster")
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			check(t, &s)
		})
	}
}

// check explores a scenario and fails if a law is broken.
func check(t *testing.T, s *scenario) {
	t.Helper()
	r := explore(t, s)
	if r.broken != "" {
		t.Fatalf("law %s, after %d states:\n%s", r.broken, r.states, r.trace)
	}
	t.Logf("%s: %v", s.name, r)
}
