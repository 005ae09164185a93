package main

// departMutants are of a shared halt.
func departMutants() []*mutant {
	f := file("protocol/depart.go")
	const rows = "departure.rows"
	return []*mutant{
		f.edit(rows, `unresolvedRow(), doubtRow(),`, `unresolvedRow(),`, "the doubt is forgotten, this node goes"),
		f.never(rows, "no path is marked, or one that is not holds"),
		f.edit("departure.mark", `a.effect = nil`, ``, "the mark, and no reading after it"),
		f.edit("departure.removes", `a.effect = nil`, ``, "after a PREEMPT AND ABORT it is not read who is an heir"),
		f.edit("departure.mark", `a := d.registers(Marked, p, old, mark)`, `a := d.registersAnew(p, mark)`, "the mark is registered without quoting"),
		f.never(rows, "the key is listed, and every path refuses it"),
		f.never(rows, "the key is listed, and every path refuses it again"),
		f.never(rows, "another node that leaves holds"),
		f.never(rows, "paths are not marked"),
		f.never(rows, "a dead path is marked"),
		f.never(rows, "this node holds, and another stays"),
		f.never(rows, "this node holds, another stays, and the device cannot move"),
		f.edit("departure.heirs", `|| d.State.Has(Leaving(n.Key))`, ``, "a node with a path marked leaving inherits"),
		f.edit("departure.heirs", `return append(taking, plain...)`, `return append(plain, taking...)`, "a node that another one may be removing inherits before that one"),
		f.edit("departure.handsOver", `Unregister: true`, `Unregister: false`, "the reservation is moved, and the registration taken off by a second command"),
		f.edit("departure.forget", `if !d.State.Has(Leaving(d.Me())) {`, `if false {`, "a mark that another node has removed counts as there"),
		f.edit("departAll", `return len(t.Own()) > 0`, `return false && len(t.Own()) > 0`, "several LUNs are not looked at again at the end"),
		f.edit("depart", `keepPersistence(ctx, t)`, `error(nil)`, "a halt switches the persistence off that others rely on"),
		f.never(rows, "a nexus that is no usable path holds"),
		f.never(rows, "several paths are marked"),
		f.edit("departure.drops", `a.anyAge = false`, ``, "a marked path that is left goes however old the decision is"),
		f.edit("departure.deadMarked", `d.Holder() == mark && !d.IsOn(from)`, `false`, "a dead path that holds by the mark alone stays"),
		f.edit("departure.heir", `!slices.ContainsFunc(d.unwilling`, `true || !slices.ContainsFunc(d.unwilling`, "an heir to whom the device would not move is tried for ever"),
	}
}

// releaseMutants are of an exclusive halt.
func releaseMutants() []*mutant {
	f := file("protocol/halt.go")
	const rows = "releaseRows"
	return []*mutant{
		f.never(rows, "nothing of this node is left"),
		f.edit(rows, `return len(t.Own()) == 0 }, finish}`, `return len(t.Own()) == 0 }, func(*target) action { return action{kind: paused} }}`, "CLEAR's GOOD is believed"),
		f.never(rows, "another node holds, and a path is marked taking"),
		f.never(rows, "another node holds, and a path is registered"),
		f.edit(rows, `func(t *target) action { return leave(t, t.leaves()) }`,
			`func(t *target) action {
				if p := t.markedLeaving(); p != nil {
					return t.clears(p, t.sureKey(p))
				}
				return marksLeaving(t, t.leaves())
			}`, "a halt clears although another node holds"),
		f.edit(rows, `unresolvedRow(), doubtRow(),`, `doubtRow(),`, "a reset that failed is tried again, for ever"),
		f.never(rows, "a mark of taking holds, or may have"),
		f.edit(rows, `t.doubt = true; return t.resets()`, `return t.resets()`, "a reset that fails is no reason to stop"),
		f.never(rows, "a path is marked leaving"),
		f.edit(rows, `func(t *target) action { return marksLeaving(t, t.leaves()) }`,
			`func(t *target) action {
				r, _, _ := t.Registration(t.leaves())
				return t.clears(t.leaves(), r.Key)
			}`, "CLEAR with the plain key"),
		f.never(rows, "a path is registered"),
		f.edit("marksLeaving", `Leaving(r.Key)`, `Leaving(t.Me())`, "the mark of leaving replaces that of taking"),
		f.edit("marking", `t.absent = append(t.absent, registeredPath{path: p, key: key})`, ``, "a path that refuses the key is tried for ever"),
		f.never(rows, "registrations are left that no path can take off"),
		f.edit("provesGone", `err = ErrUnlisted`, `err = pr.ErrReservationConflict`, "that no answer shows this node is believed"),
		f.edit("provesGone", `[]pr.Key{t.Me(), Leaving(t.Me()), Taking(t.Me())}`, `[]pr.Key{t.Me()}`, "a mark that no answer shows is not asked for"),
		f.edit("marksLeaving", `a.effect = nil`, ``, "a taker that marks itself leaving does not look whether it holds by now"),
	}
}
