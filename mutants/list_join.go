package main

// joinMutants are of a shared start.
func joinMutants() []*mutant {
	f := file("protocol/join.go")
	const rows = "joinRows"
	return []*mutant{
		f.never(rows, "another node has removed this one"),
		f.edit(rows, `unseenRow(),
`, "\n", "it does not matter that nobody knows whether this node was fenced"),
		f.edit(rows, `unresolvedRow(), doubtRow(),`, `doubtRow(),`, "a reset that failed is tried again, for ever"),
		f.edit(rows, `unresolvedRow(), doubtRow(),`, `unresolvedRow(),`, "the doubt that a killed fence of this node's has left is forgotten"),
		f.never(rows, "the seat is marked"),
		f.never(rows, "another path is marked"),
		f.never(rows, "a mark of this node is left on a path that is dead"),
		f.never(rows, "nobody holds"),
		f.never(rows, "who holds leaves"),
		f.never(rows, "this node holds by another type, or by a nexus of the past"),
		f.never(rows, "others hold by another type"),
		f.never(rows, "a path is not registered"),
		f.never(rows, "another node is removing somebody"),
		f.never(rows, "and its commands may not be over"),
		f.edit("Run.joinAll", `if len(targets) == 1 {`, `if len(targets) >= 1 {`, "several LUNs are not looked at again at the end"),
		f.edit("Run.joinAll", `return err
		}
		return t.drive(ctx, joinRows())`, `return err
		}
		return nil`, "several LUNs are read again at the end, and not judged"),
		f.edit("joins", `key = r.Key`, `_ = key`, "a mark of taking comes off before the doubt is resolved"),
		f.edit("Run.backOut", `&& !fenced`, `&& (fenced || !fenced)`, "a fenced node stays on LUNs where it was before its start"),
		f.edit("Run.backOut", `if t.theirs {`, `if false {`, "a start that cannot end another node's doubt leaves its registration"),
		f.edit("Run.backOut", `t.retry()`, ``, "a path on which a REGISTER got lost is not tried again"),
		f.edit("position.removesStale", `!t.up &&`, ``, "a start removes registrations of the past though the package may be up"),
		f.edit("Run.backOut", `t.before.Has(r.Node.Key) && !fenced`, `false && !fenced`, "a start that failed leaves LUNs on which the node was before"),
	}
}

// fenceMutants are of how a fence strikes.
func fenceMutants() []*mutant {
	f := file("protocol/fence.go")
	const rows = "fencing.strikeRows"
	return []*mutant{
		f.edit("Run.Fence", `if len(targets) > 1 {`, `if len(targets) > 9 {`, "no reading back after a fence's strike"),
		f.edit("fencing.allDone", `return !f.isDone(&t.position)`, `return false && !f.isDone(&t.position)`, "the last look of a fence asks nothing"),
		f.edit("Run.Fence", `err := f.strays(); err != nil`, `err := f.strays(); err != nil && false`, "a port of the victim with a third node's key is passed over"),
		f.edit("Run.Fence", `err := f.mayAct(); err != nil`, `err := f.mayAct(); err != nil && false`, "a node that is not registered everywhere begins"),
		f.edit("fencing.mayAct", `len(t.Own()) == 0 && !f.allDone()`, `len(t.Own()) == 0`, "a node that is not registered may not even say that nothing has to be done"),
		f.never(rows, "nothing is to be removed"),
		f.never(rows, "another node has removed this one"),
		f.never(rows, "the seat is not marked"),
		f.never(rows, "our mark on the arbiter was not seen since the seat was marked"),
		f.edit("fencing.asks", `look.removed || !look.HasOwn(TakingMark)`, `false`, "the arbiter is read for another LUN, and not judged"),
		f.edit("fencing.once", `if err = r.eachWhole(ctx, f.targets[:1], strike); err == nil {`, `if err == nil {`, "the arbiter is not struck first"),
		f.never(rows, "nobody holds"),
		f.edit("fencing.mustAct", `!t.RightType() ||`, ``, "an unreserved LUN is left unreserved by a fence"),
		f.never(rows, "the victim, or who leaves, is registered"),
		f.edit("fencing.next", `leaves || stray || Plain(k)`, `false && leaves || stray || Plain(k)`, "a node that leaves is not removed with the victim"),
		f.edit("fencing.next", `func(k pr.Key) bool { return k == Taking(f.victim.Key) },`, ``, "the victim's mark of taking is not removed first"),
		f.edit("fencing.next", `func(k pr.Key) bool { return k == t.Holder() },`, ``, "who holds is not removed before the rest"),
		f.never(rows, "a port of the victim has our key, and so has another path of ours"),
		f.never(rows, "a port of the victim has our key"),
		f.never(rows, "this node holds by another type"),
		f.never(rows, "others hold by another type"),
		f.edit(rows, `suspectRow(),`, ``, "the answer of PREEMPT AND ABORT is believed where several nodes write"),
		f.edit("fencing.next", `leaves || stray || Plain(k)`, `leaves || stray && false || Plain(k)`, "a port of the victim that alone has a third node's key stays"),
		f.edit("Run.Fence", `t.old = nil`, `_ = t`, "a survivor whose other paths a loser has taken off has lost"),
		f.edit("fencing.marks", `a := t.marksTaking(p, r.Key)`, `a := t.registersAnew(p, Taking(t.Me()))`, "the mark is registered without quoting: a fence registers"),
		f.edit("fencing.marks", `a.effect = nil`, ``, "a fence marks itself, and does not read after it"),
		f.edit("fencing.once", `|| t.pending != nil`, ``, "a fence goes on beside a command that hangs"),
		f.edit("fencing.mustAct", `unit.IsLeaving(t.Holder()) ||`, ``, "a fence leaves the reservation to this node's own path that leaves"),
		f.edit("fencing.isDone", `&& t.waitsFor() == 0`, ``, "a fence is done though another node is removing somebody"),
		f.edit("fencing.isDone", `t.IsHeld() &&`, ``, "a fence is done though who holds is not registered"),
	}
}

// settleMutants are of how a fence ends.
func settleMutants() []*mutant {
	f := file("protocol/fence.go")
	const rows = "fencing.settleRows"
	return []*mutant{
		f.never(rows, "another node is removing somebody"),
		f.never(rows, "and its commands may not be over"),
		f.never(rows, "another path is marked"),
		f.never(rows, "the seat is marked"),
		f.never(rows, "a mark of this node is left on a path that is dead"),
		f.edit("fencing.once", `settle(end, others)`, `settle(end, f.targets)`, "the arbiter's mark comes off with the others"),
	}
}
