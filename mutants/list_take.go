package main

// takeMutants are of the rows of take.go, and what they ask.
func takeMutants() []*mutant {
	f, paths := file("protocol/take.go"), file("protocol/claim.go")
	const enter, rows = "enterRows", "takeRows"
	return []*mutant{
		f.edit("foreignRow", `len(t.Foreign()) > 0`, `false && len(t.Foreign()) > 0`, "a foreign key that appears in the middle is ignored, in all protocols"),
		f.never(enter, "another node has won the LUN"),
		f.edit("position.beaten", `t.removed || t.before.Reservation == nil`, `t.before.Reservation == nil`, "who was removed by the holder has not lost"),
		f.edit("position.beaten", `t.before.Reservation == nil ||`, `t.before.Reservation != nil &&`, "who found the LUN free takes it from who has taken it meanwhile"),
		f.never(enter, "it is not known whether another node has removed this one, nor whether it has lost the arbiter"),
		f.edit(enter, `unseenRow(), liarRow(),`, `liarRow(),`, "it does not matter that nobody knows whether another node has removed this one"),
		f.edit(enter, `unseenRow(), liarRow(),`, `unseenRow(),`, "a device that does nothing is tried again as long as it says GOOD"),
		f.never(enter, "the seat is not known to be registered"),
		f.never(enter, "others are to be removed, and the seat is not marked"),
		f.edit("sits", `key = Taking(key)`, `_ = key`, "the seat is registered with the plain key, and marked by a second command"),
		f.never(rows, "the arbiter was not looked at since the seat was registered"),
		f.never(rows, "nobody holds"),
		f.never(rows, "all registrants hold"),
		f.never(rows, "another node holds"),
		f.earlier(rows, "other keys are registered", "another node holds"),
		f.never(rows, "other keys are registered"),
		f.never(rows, "this node holds by another type"),
		f.edit(rows, `unresolvedRow(), doubtRow(),`, `doubtRow(),`, "a reset that failed is tried again, for ever"),
		f.edit(rows, `unresolvedRow(), doubtRow(),`, `unresolvedRow(),`, "the doubt is forgotten, the mark comes off"),
		f.edit(rows, `suspectRow(),`, ``, "the answer of PREEMPT AND ABORT is believed where a target may abort the holder's commands only"),
		f.never(rows, "another path is marked"),
		f.never(rows, "the seat is marked"),
		f.edit(rows, `unresolvedRow(), doubtRow(),`,
			`row{"early", func(t *position) bool { return t.doubt && t.seatKey() != t.Me() }, func(t *target) action { return unmarks(t, t.seat()) }}, unresolvedRow(), doubtRow(),`,
			"the mark comes off before the doubt is resolved"),
		f.never(rows, "a path is not registered"),
		f.earlier(rows, "a path is not registered", "nobody holds"),
		f.edit("position.mustMark", `len(t.Others()) > 0 || t.HeldByOther() || allHoldYet(t) ||
		t.victim() != 0 || t.doubt`, `t.doubt`, "others are removed without a mark"),
		f.edit("position.victim", `!t.up && !t.staleKept`, `!t.staleKept`, "registrations of the past are removed though the package may be up"),
		f.edit("position.victim", `!t.up && !t.staleKept`, `!t.up`, "what the device refused to remove is removed for ever"),
		f.edit("position.victim", `marked := r.Key&Marks != 0 && t.ofNoPath(r)`, `marked := false && t.ofNoPath(r)`, "a mark on a path that has died stays"),
		f.edit("seats", `a = t.registers(Registered, p, r.Key, key)`, `_, a = r, t.registersAnew(p, key)`, "the seat is registered without quoting the key that is listed for it"),
		f.edit("seats", `a = t.registers(Registered, p, 0, key)`, `a = t.registersAnew(p, key)`, "a second seat is registered whatever it was"),
		f.edit("seats", `if before || t.removed {`, `if t.removed {`, "a second seat acts before it was seen that the first is there"),
		f.edit("seats", `if before || t.removed {`, `if before {`, "who was removed acts on what he expects"),
		f.edit("covering", `t.GiveUp(p, err)`, ``, "a path that refuses every key is tried for ever"),
		f.edit("covering", `t.coverHost(p, key)`, `_ = key`, "a path that is registered with the others of its host does not count"),
		f.edit("widen", `return t.registers(as, p, t.State.Registrations[at].Key, t.Me())`, `return t.registers(as, p, t.Me(), t.Me())`, "another node's key on a path of ours is not quoted"),
		f.edit("admits", `a := t.registers(as, p, 0, t.Me())`, `a := t.registersAnew(p, t.Me())`, "a further path is registered whatever it was"),
		f.edit("admits", `from != nil`, `from != nil && t.noMove`, "a path that comes back is never registered by REGISTER AND MOVE"),
		paths.edit("position.movesFrom", `|| id.Guessed && !t.guessesWell()`, ``, "a reservation is moved to an initiator port that is guessed"),
		f.edit("stillOurs", `!look.IsMine() || look.removed`, `false`, "the arbiter is read for another LUN, and not judged"),
		f.edit("unmarks", `return t.registers(Unmarked, p, key, t.Me())`, `return t.registersAnew(p, t.Me())`, "the mark is taken off without quoting it"),
		paths.edit("position.ofNoPath", `listed > ours`, `listed > 0`, "where nexuses are not told a mark of a path that works is that of a dead one"),
		paths.edit("position.ofNoPath", `t.hasHost() && t.sureKey(p) == r.Key`, `false`, "a mark that stands for all paths of a host is that of a dead one"),
		paths.edit("position.widens", `t.isSure(p) || t.Likeness`, `t.isSure(p) || false && t.Likeness`, "a path that is registered already is registered again"),
	}
}

// startMutants are of start.go.
func startMutants() []*mutant {
	f := file("protocol/start.go")
	return []*mutant{
		f.edit("Run.takeAll", `func() error { return confirm(ctx, arbiter) }`, `func() error { return nil }`, "the arbiter is not looked at again after the other LUNs were won"),
		f.edit("confirm", `err != nil || !t.removed`, `err != nil || true`, "who was removed from the arbiter while he looked at it a last time has not lost"),
		f.edit("Run.takeAll", `if err := stillOurs(ctx, arbiter); err != nil {
		return err
	}`, ``, "the arbiter is not looked at between registering on the others and taking them"),
		f.edit("Run.Start", `if err := r.each(targets, notFenced); err != nil {
		return err
	}`, ``, "who was fenced is let in by a start"),
		f.edit("Run.Start", `err = r.each(targets, hasAllPaths)`, `err = nil`, "--strict does not look whether each path is registered"),
		f.edit("Run.Start", `return errors.Join(err, undo(ctx, targets, err))`, `_, _ = undo, ctx
		return err`, "a start that failed undoes nothing"),
	}
}

// giveUpMutants are of what becomes of a LUN when a start has failed.
func giveUpMutants() []*mutant {
	f, paths := file("protocol/start.go"), file("protocol/claim.go")
	const rows = "giveUpRows"
	return []*mutant{
		f.never(rows, "nothing is registered"),
		f.never(rows, "a mark of this run is not needed any more"),
		f.never(rows, "this node had it before"),
		f.never(rows, "it was taken from another node"),
		f.edit(rows, `(t.took || t.open) && (!t.reserved || t.doubt)`, `(t.took || t.open) && !t.reserved`, "a LUN is given up though removed nodes' commands may be under way"),
		f.never(rows, "a command may still take it"),
		f.never(rows, "a path is registered"),
		f.edit("Run.giveUp", `t.retry()`, ``, "a path on which a REGISTER got lost is not tried again"),
		paths.edit("position.markedByUs", `&& !t.doubt`, ``, "the mark comes off when giving up, though there is doubt"),
		f.edit("Run.giveUp", `leaveAll := errors.As(why, &lost)`, `leaveAll := errors.As(why, &lost) && false`, "who has lost may keep what he has"),
		f.never(rows, "registrations are left that no path can take off"),
	}
}
