package main

// spaceMutants are of what NVMe namespaces need: among them the plain versions of the
// protocols, which the specification of the commands invites to.
func spaceMutants() []*mutant {
	depart, take, verbs := file("protocol/depart.go"), file("protocol/take.go"), file("protocol/verbs.go")
	reading, ns := file("protocol/unit/reading.go"), file("nvme/unit.go")
	return []*mutant{
		file("protocol/unit/unit.go").edit("Unit.Wants", `!pr.Moves(u.Paths[0])`, `false`, "one node holds for several on a namespace, where none can hand over"),
		depart.edit("departure.departs", `a := d.unregisters(p, key)`, `a := d.clears(p, key)`, "who leaves a namespace of all registrants clears it"),
		take.edit("takeRows", `row{"another node holds", (*position).HeldByOther,`,
			`row{"clear", (*position).HeldByOther, func(t *target) action { return t.clears(t.seat(), t.seatKey()) }},
		row{"another node holds", (*position).HeldByOther,`, "who takes over clears first"),
		file("protocol/fence.go").edit("fencing.strikeRows", `return t.preempts(t.seat(), t.seatKey(), f.next(&t.position))`, `v := f.next(&t.position)
				if t.AllHold() {
					v = 0
				}
				return t.preempts(t.seat(), t.seatKey(), v)`, "a fence removes all other registrants"),
		ns.edit("Unit.PreemptAndAbort", `Action: PreemptAndAbort,`, `Action: Preempt,`, "a namespace is taken by Preempt, which waits for nothing"),
		file("nvme/status.go").edit("Status.err", `e.Class, e.outcomeUnknown = pr.ErrDevice, true`, `e.Class, e.outcomeUnknown = pr.ErrDevice, false`, "a Preempt and Abort that the target has ended early has done nothing"),
		file("nvme/errors.go").edit("failure", `class, e.outcomeUnknown = ErrCancelled, true`, `class, e.outcomeUnknown = ErrCancelled, false`, "a command that the kernel took back was not performed"),
		ns.edit("Unit.Register", `c.Action, c.Persistence = UnregisterKey, PersistenceUnchanged`, `_ = c`, "a host is unregistered by key 0"),
		ns.edit("Unit.RegisterAndIgnore", `Action: ReplaceKey, IgnoreKey: true`, `Action: RegisterKey, IgnoreKey: true`, "a registration is replaced by Register, which conflicts"),
		file("nvme/host.go").edit("HostID.Identity", `AllPorts: true`, `AllPorts: false`, "two paths of a host are two registrations"),
		file("protocol/claim.go").edit("position.markedPath", `t.Identity(seat).Likens(r) != pr.Alike`, `seat != nil`, "the mark on the seat is another path's, too"),
		file("protocol/claim.go").edit("twinOf", `return r, true`, `continue`, "two machines with one host identifier do not matter"),
		file("protocol/run.go").edit("Run.survey", `, func(t *target) error { return twinError(&t.position) }`, ``, "nobody who changes something looks whether another node has this host's identifier"),
		file("protocol/look.go").edit("readOwn", `return twinError(&t.position)`, `return nil`, "who looks does not see that another node has this host's identifier"),
		file("protocol/fence.go").never("fencing.strikeRows", "the victim is removing others, its key is the lower one, and the seat is marked"),
		file("protocol/fence.go").never("fencing.strikeRows", "the victim is removing others"),
		file("protocol/fence.go").never("fencing.settleRows", "another node is removing others, and may wait for the mark on the seat to go"),
		file("protocol/take.go").never("enterRows", "who holds is removing others, and the seat is marked"),
		file("protocol/take.go").never("enterRows", "who holds is removing others"),
		file("protocol/take.go").never("takeRows", "a rival has lost, and has not left yet"),
		file("protocol/take.go").never("enterRows", "another node is removing others, and this run has done nothing yet"),
		file("protocol/halt.go").edit("isShared", `k&TakingMark == 0`, `false`, "a halt of one node clears what another one relies on"),
		file("protocol/halt.go").edit("isShared", ` || t.AllHold()`, ``, "a halt of one node clears what all hold, beside one that fences"),
		file("protocol/start.go").edit("giveUpRows", `t.IsMine() && (t.took || t.open) &&`, `t.IsMine() &&`, "a start that has lost keeps what it was given"),
		file("protocol/copy.go").edit("copier.copyOwn", `last := len(difference(c.model.staying(), t.staying())) == 0`, `last := true`, "the first copy on a namespace reserves, and shuts others out"),
		verbs.edit("preemptsAs", `|| victim == 0 && t.waitsFor() != 0`, ``, "the doubt of a taker that goes with all others is forgotten"),
		verbs.edit("preemptsAs", `t.tookAll = t.tookAll || victim == 0`, ``, "a target that leaves the type as it is is tried for ever"),
		reading.edit("Reading.sole", `!rd.Alone || !rd.AllHold()`, `true || !rd.AllHold()`, "a sole registrant does not have what all registrants hold"),
		depart.never("departure.rows", "this node holds, another stays, nothing can be moved, and all could hold"),
		depart.edit("departure.turns", `d.Wants(d.preferred) == unit.SharedType`, `true`, "a reservation is to become one that the namespace has not"),
	}
}

// wearMutants are of reservations that all registrants hold, on LUNs, too.
func wearMutants() []*mutant {
	depart, reading, effects := file("protocol/depart.go"), file("protocol/unit/reading.go"), file("protocol/unit/effects.go")
	return []*mutant{
		depart.never("departure.rows", "all registrants hold, and this node has one registration"),
		depart.edit("departure.onlyPath", `!d.AllHold() || len(own) != 1`, `len(own) != 1`, "a node with one registration leaves without a mark, whoever holds"),
		depart.edit("departure.onlyPath", `!d.AllHold() || len(own) != 1`, `!d.AllHold() || len(own) == 0`, "one of several registrations is the only one"),
		file("protocol/unit/unit.go").edit("Unit.Wants", `(u.Caps == nil || u.Caps.Supports(SharedType))`, `true`, "a type is made that the device has not"),
		file("protocol/verbs.go").edit("position.wants", `return t.State.Reservation.Type`, `return t.Wants(t.preferred)`, "the type that is in force is changed for the preferred one"),
		file("protocol/verbs.go").edit("position.wants", `case t.mode == Exclusive:
		return unit.ReservationType`, ``, "an exclusive package may have all registrants hold"),
		reading.edit("Reading.RightType", `shared && held.Type == SharedType`, `false && shared`, "a reservation of all registrants is of a wrong type"),
		reading.edit("Reading.RightType", `shared && held.Type == SharedType`, `held.Type == SharedType`, "an exclusive package may share what all registrants hold"),
		reading.edit("Reading.sole", `Plain(r.Key) != Plain(key)`, `Plain(r.Key) != Plain(r.Key)`, "the first of several registrants has what all hold"),
		reading.edit("Reading.IsHeld", `rd.AllHold() ||`, ``, "nobody holds what all registrants hold"),
		effects.edit("Unit.ExpectReserved", `if typ.AllRegistrants() {`, `if false {`, "a reservation of all registrants is expected to have a holder"),
		effects.edit("Unit.ExpectRegistered", `!s.Reservation.Type.AllRegistrants()`, `true`, "a registrant's new key is expected to hold what all registrants hold"),
		file("protocol/copy.go").edit("copier.copy", `t.preferred = unit.SharedType`, `_ = unit.SharedType`, "a copy of what all registrants hold has one holder"),
	}
}

// needMutants are of what a start asks of a device before it changes anything.
func needMutants() []*mutant {
	f, start := file("protocol/driver.go"), file("protocol/start.go")
	return []*mutant{
		f.edit("target.probe", `return t.final(ErrNoAbort)`, `return nil`, "a device without PREEMPT AND ABORT is started on"),
		f.edit("target.probe", `t.Caps.PreemptAndAbort == pr.CanNot`, `t.Caps.PreemptAndAbort != pr.CanDo`, "a device that does not tell is refused"),
		f.edit("target.probe", `t.run.log(Event{Action: Forgets, LUN: t.Name})`, ``, "a device that forgets at power loss is not told of"),
		f.edit("target.probe", `!t.Caps.Persists`, `true`, "every device forgets at power loss"),
		f.edit("target.probe", `t.Probe(ctx)`, ``, "the device is not asked"),
		start.edit("Run.Start", `|| !needs(t)`, ``, "who has the LUN already is asked"),
		start.edit("needs", `t.State.Empty() || t.mustMark()`, `t.State.Empty()`, "a LUN is taken before the device of the next one is known to allow that"),
		start.edit("needs", `t.State.Empty() || t.mustMark()`, `t.mustMark()`, "the first start asks nothing"),
		start.edit("Run.Start", `|| !r.Probe(t.LUN)`, ``, "a LUN that was asked before is asked again"),
		file("scsi/guard.go").edit("Guard.Confirm", `want = g.Stated`, `want = g.WWID`, "a name that states another unit is believed"),
		file("scsi/guard.go").edit("Guard.Confirm", `(want == "" || names.Includes(want))`, `true`, "a unit is believed that has what its name states, and not its own name"),
	}
}

// deadlineMutants are of the one deadline of a LUN.
func deadlineMutants() []*mutant {
	f := file("protocol/unit/paths.go")
	return []*mutant{
		f.edit("LUN.spend", `l.spent.Add(int64(time.Since(begin)))`, `_ = begin`, "what a path took in vain is not counted"),
		f.edit("LUN.spend", `if pr.PathTroubled(err) {`, `if true {`, "what was not in vain counts, too"),
		f.edit("LUN.share", `left/time.Duration(paths)`, `left`, "the first path may take all of the time"),
		f.edit("Unit.ask", `ctx, cancel := context.WithTimeout(ctx, u.share(ctx, paths))`, `ctx, cancel := context.WithCancel(ctx)`, "a path may take as long as it likes for an answer"),
	}
}
