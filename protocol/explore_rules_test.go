package protocol

import "testing"

// A check that cannot fail is no check: each rule of the protocols is taken
// out in turn, and the explorer has to find what it prevents. With -v the
// counterexample is printed.
func TestExploreWithoutRules(t *testing.T) {
	ab, cba, abc := shared("A", "B"), shared("C", "B", "A"), shared("A", "B", "C")
	rules := []struct {
		typ  Mode
		name string
		rule rule
		// law is the one that must be broken.
		law         string
		luns, paths int
		found       found
		actors      [][]verb
	}{
		// Exclusive packages.
		{Exclusive, "arbiter", ruleArbiter, "1", 2, 1, ownedBy("B"), [][]verb{one(starts("A")), one(starts("B"))}},
		{Exclusive, "look at the arbiter after registering", ruleLookLast, "1", 2, 1, ownedBy("B"), [][]verb{one(starts("A")), one(starts("B"))}},
		{Exclusive, "look at the arbiter each time", ruleLookEachTime, "end", 2, 1, ownedBy("B"), [][]verb{one(starts("A")), one(starts("B"))}},
		{Exclusive, "take all afresh", ruleAfresh, "1", 2, 1, ownedBy("B"), [][]verb{{starts("A"), halts("A")}, one(starts("B"))}},
		{Exclusive, "quote own key when registering again", ruleQuoteOwn, "1", 1, 2, ownedBy("B"), [][]verb{one(starts("A")), one(starts("B"))}},
		{Exclusive, "keep what is held when giving up", ruleKeepHeld, "2", 2, 1, ownedBy("B"), [][]verb{one(starts("A")), one(starts("B"))}},
		{Exclusive, "clear only what is ours", ruleClearOnlyOwn, "4", 1, 1,
			found{"owned by B, A left over", []string{"B"}, func(w *world) { w.start("B"); w.put(0, "A", 0, keyA, 0) }}, [][]verb{one(halts("A"))}},

		// Packages that several nodes share.
		{Shared, "sweep only what is held", ruleSweepHeld, "end", 1, 1, relogged(shared("B"), 0), [][]verb{one(starts("A"))}},
		{Shared, "leaving mark", ruleMark, "4", 1, 1, shared(), [][]verb{one(starts("A")), {starts("B"), halts("B")}}},
		{Shared, "leaving mark, halts only", ruleMark, "4", 1, 1, abc, [][]verb{one(halts("A")), one(halts("B"))}},
		{Shared, "leaving mark, fence", ruleMark, "3", 1, 1, abc, [][]verb{one(halts("A")), one(fences("C", "B"))}},
		{Shared, "read after mark", ruleReadAfterMark, "4", 1, 1, shared(), [][]verb{one(starts("A")), {starts("B"), halts("B")}}},
		{Shared, "halt preempts a leaving holder", rulePreemptLeaving, "8", 1, 1, ab, [][]verb{one(halts("A")), one(halts("B"))}},
		{Shared, "start preempts a leaving holder", ruleJoinPreempts, "4", 1, 1, shared("B"), [][]verb{one(starts("A")), one(halts("B"))}},
		{Shared, "unregister, never CLEAR", ruleNoClear, "end", 1, 1, shared("B"), [][]verb{one(starts("A")), one(halts("B"))}},
		{Shared, "quote the old key", ruleQuoteMark, "3", 1, 1, ab, [][]verb{one(fences("A", "B")), one(halts("B"))}},
		{Shared, "one marked path, a leaving node", ruleWholeNode, "8", 1, 2, shared("A"), [][]verb{one(halts("A")), {starts("B"), halts("B")}}},
		{Shared, "unmarked paths go by PREEMPT", ruleOwnByPreempt, "8", 1, 2, shared("A"), [][]verb{one(halts("A")), {starts("B"), halts("B")}}},
		{Shared, "fence removes leaving keys", ruleFenceLeaving, "3", 1, 1, cba, [][]verb{one(halts("C")), one(fences("A", "B"))}},
		{Shared, "quote own key, fence", ruleQuoteOwn, "3", 1, 2, shared("A"), [][]verb{one(fences("A", "B")), one(starts("B"))}},
		{Shared, "start and fence look twice", ruleLookTwice, "3", 2, 1, shared("A"), [][]verb{one(fences("A", "B")), one(starts("B"))}},
		{Shared, "who was removed stays out", ruleStayOut, "3", 1, 1, shared("A"), [][]verb{one(fences("A", "B")), one(starts("B"))}},
	}
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := scenario{typ: c.typ, luns: c.luns, paths: c.paths, prepare: c.found.prepare, up: c.found.up, actors: c.actors,
				laws: multiLaws, commands: 50}
			if c.typ == Exclusive {
				s.laws = failoverLaws
			}
			if c.rule == ruleClearOnlyOwn {
				s.laws = []law{{name: "4", step: law4}}
			}
			if r := explore(t, &s); r.broken != "" {
				t.Fatalf("with the rule: law %s\n%s", r.broken, r.trace)
			}
			s.without = c.rule
			r := explore(t, &s)
			if r.law != c.law {
				t.Fatalf("law %s should be broken; found is %q after %d states\n%s", c.law, r.broken, r.states, r.trace)
			}
			t.Logf("without the rule, law %s, after %d states:\n%s", r.broken, r.states, r.trace)
		})
	}
}
