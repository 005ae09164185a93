package main

// evictMutants are of the eviction of a foreign key.
func evictMutants() []*mutant {
	f := file("protocol/evict.go")
	const rows = "eviction.rows"
	return []*mutant{
		f.never(rows, "nothing is to be done"),
		f.never(rows, "another node has removed this one"),
		f.never(rows, "this node leaves"),
		f.never(rows, "the seat is not marked"),
		f.never(rows, "the key is registered"),
		f.edit("eviction.strikes", `t.suspect || how == performed`, `t.suspect`, "the answer of PREEMPT AND ABORT is believed where a target may abort the holder's only"),
		f.edit("eviction.mayAct", `t.Holder() == e.key`, `false`, "a LUN is changed though the key holds another"),
		f.edit("eviction.mayAct", `len(t.Own()) == 0 ||`, ``, "a LUN is changed though this node is not registered on another"),
		f.edit("eviction.must", `e.isOn(t) || t.doubt || t.suspect || t.HasOwn(TakingMark)`, `e.isOn(t)`, "a mark that a killed eviction has left is no doubt"),
		f.edit("Run.Evict", `e.must(&t.position) || t.waitsFor() != 0`, `false`, "the key is not looked for again at the end"),
		f.edit("eviction.endRows", `e.settleRows()[1:]...`, `e.settleRows()...`, "another foreign key keeps the mark on"),
		f.never("eviction.endRows", "this node leaves"),
		f.edit("eviction.mayAct", `|| t.HasOwn(LeavingMark)`, ``, "a LUN is changed though this node leaves another"),
		f.edit("eviction.verdict", `t.IsMine()`, `false`, "the reservation has become this node's, and nobody says so"),
	}
}
