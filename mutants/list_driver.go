package main

// driverMutants are of how rows are carried out.
func driverMutants() []*mutant {
	f := file("protocol/driver.go")
	return []*mutant{
		f.edit("target.drive", `if !t.Changed {
				return nil
			}`, `return nil
`, "the goal counts without being read, in all protocols"),
		f.edit("target.drive", `if !a.anyAge && !t.Fresh() {`, `if false && slow > 0 {`, "a decision never grows old"),
		f.edit("target.send", `t.Unread = a.effect == nil || !a.effect()`, `t.Unread, t.ReadAt = a.effect == nil || !a.effect(), t.run.now()`, "the age is not looked at between paths: a command that was performed makes the state young"),
		f.edit("target.drive", `return t.final(ErrUnsettled)`, `return nil`, "who does not come to the goal says ok"),
		f.edit("target.send", `if !a.anyAge {
		ctx = pr.WhileFresh(ctx, t.Fresh)
	}`, ``, "a command that the device was too busy for is sent again however old it is"),
		f.edit("target.send", `how == performed || how == unknown
`, `how == performed
`, "a command with an unknown end is no reason to undo"),
		f.edit("target.send", `errors.Is(err, pr.ErrReservationConflict) || errors.Is(err, pr.ErrUnitAttention) || a.unsupported`, `a.unsupported`, "a conflict is not followed by reading"),
		f.edit("target.send", `default:
		t.Unread = true`, `default:
		t.Unread = a.effect == nil || !a.effect()`, "an unknown end is taken for success"),
		f.edit("target.send", `t.pending = err`, `_ = err`, "a command that was given up and is still held is forgotten"),
		f.edit("target.send", `t.drain(ctx, a.path)`, ``, "each path's unit attention costs a reading"),
		f.edit("target.read", `t.noticeRemoval(generation)`, `_ = generation`, "it is not noticed that another node has removed this one"),
		f.edit("target.drive", `t.pending != nil && before == nil`, `false && before == nil`, "a run goes on beside a command that hangs"),
		f.edit("target.doubtful", `!t.doubt || errors.Is(err, ErrUnresolved)`, `true`, "a run that ends with another error does not say that there is doubt"),
		f.edit("endOf", `pr.OutcomeUnknown(err), pr.StillUnderWay(err):`, `pr.StillUnderWay(err):`, "a command without an answer counts as refused"),
		f.edit("target.goesOn", `t.busy >= maxBusy`, `false`, "a busy device is waited for without an end"),
		f.edit("target.goesOn", `errors.Is(err, pr.ErrBusy) && !a.anyAge`, `false`, "a device that is busy until the decision is old ends the run"),
		f.edit("target.goesOn", `errors.Is(err, pr.ErrReservationConflict), errors.Is(err, pr.ErrStateChanged), errors.Is(err, pr.ErrStale),`,
			`errors.Is(err, pr.ErrReservationConflict), errors.Is(err, pr.ErrStale),`, "a unit attention ends the run"),
		f.edit("target.unfinished", `t.pending == nil`, `true`, "a command that may still be performed is no reason not to say ok"),
		f.edit("target.goesOn", `t.failures >= maxFailures`, `false`, "a command that the device itself fails is sent until the rounds are over"),
		f.edit("target.goesOn", `case persistence:
		t.APTPL = false`, `case persistence && false:
		t.APTPL = false`, "a device that does not keep registrations is no good"),
		f.edit("target.goesOn", `a.unsupported && errors.Is(err, pr.ErrUnsupported)`, `false`, "a device that cannot do it one way is not asked to do it another"),
	}
}

// claimMutants are of what a run knows that it has done.
func claimMutants() []*mutant {
	f := file("protocol/claim.go")
	return []*mutant{
		f.edit("position.found", `t.doubt = t.doubt || t.HasOwn`, `t.doubt = t.doubt || false && t.HasOwn`, "a mark of this node's, from before, is no doubt"),
		f.edit("position.found", `&& (t.mode == Shared || !t.HeldByOther())`, ``, "a mark is doubt though the holder was not removed"),
		f.edit("position.found", `!t.IsPresent(r) || r.Key&LeavingMark != 0`, `!t.IsPresent(r)`, "a registration that leaves has to stay"),
		f.edit("position.noticeRemoval", `gone := slices`, `gone := false && slices`, "what was there before may go unnoticed"),
		f.edit("position.noticeRemoval", `r.host && len(own) == 0 || !r.host && t.Likeness(r.path, own) == pr.Unlike`, `false && r.host`, "fewer registrations than sure paths are accepted"),
		f.edit("position.noticeRemoval", `len(own) < max(len(t.sure), len(t.old))`, `len(own) < 0`, "where nexuses are not told, fewer registrations than sure paths are accepted"),
		f.edit("position.noticeRemoval", `t.doubt, t.took = true, true`, `t.took = true`, "who finds that it holds by a command without an answer is in no doubt"),
		f.edit("position.reconcile", `t.registered(u.path, u.key)`, ``, "a REGISTER with an unknown end that shows is not counted"),
		f.edit("position.reconcile", `t.unseen = len(t.unsure) > 0`, `t.unseen = false && len(t.unsure) > 0`, "a first REGISTER that does not show was not performed"),
		f.edit("position.reconcile", `t.sure[i].key = now.Key`, `_ = now.Key`, "a key that another node has changed is not noticed"),
		f.edit("claim.preempted", `c.old = slices.DeleteFunc(c.old,`, `_ = slices.DeleteFunc(slices.Clone(c.old),`, "what this node has removed itself counts as removed by another"),
		file("pr/state.go").edit("Registration.SameNexus", `(r.AllPorts || o.AllPorts || r.RelativePort == o.RelativePort)`, `true`, "two paths through one initiator port are taken for each other"),
		file("protocol/take.go").edit("noticing", `t.refused = append(t.refused, p)`, ``, "a conflict of a quoted key is not noted"),
	}
}

// verbMutants are of what is noted of commands.
func verbMutants() []*mutant {
	f := file("protocol/verbs.go")
	return []*mutant{
		f.edit("preemptsAs", `t.doubt, t.open = true, true`, `t.open = true`, "PREEMPT AND ABORT without an answer is no doubt"),
		f.edit("preemptsAs", `t.doubt = t.doubt || how == performed && inherits`, `_ = inherits`, "the doubt of a taker that is removed is forgotten"),
		f.edit("preemptsAs", `t.preempted(p, victim)`, ``, "what this node has removed itself counts as there"),
		f.edit("target.resets", `if how == performed {`, `if how != refused {`, "a reset is not waited for"),
		f.edit("target.resets", `append(t.resolved, takers...)`, `append(t.resolved, takers[:0]...)`, "a reset does not resolve what others are taking"),
		f.edit("target.resets", `t.vainResets = append(t.vainResets, p)`, ``, "a path on which a reset failed is tried for ever"),
		f.edit("target.resets", `t.unresolved = err`, ``, "it is forgotten that a reset failed"),
		f.edit("target.reserves", `t.open = t.open || how == unknown`, ``, "a RESERVE that may be on its way is forgotten"),
		f.edit("target.reserves", `t.reserved = t.reserved || how == performed || how == unknown`, ``, "a LUN that was free counts as taken from another node"),
		f.edit("claim.noteRegister", `c.unsure = append(c.unsure, registeredPath{path: p, key: key})`, ``, "a REGISTER with an unknown end is not looked for"),
		f.edit("claim.noteRegister", `c.unanswered = append(c.unanswered, p)`, ``, "a path on which a REGISTER got lost is not undone"),
		f.edit("target.unregisters", `a := t.registers(Unregistered, p, key, 0)`, `a := t.registersAnew(p, 0)`, "a registration is taken off without quoting it"),
		file("protocol/unit/effects.go").edit("Unit.ExpectPreempted", `r.Key == victim || victim == 0`, `false`, "a PREEMPT AND ABORT is expected to remove nobody"),
		f.edit("preemptsAs", `t.suspect = t.suspect || how == performed && suspect`, `_ = suspect`, "no answer of PREEMPT AND ABORT is doubted"),
		f.edit("preemptsAs", `t.reserved, t.took = false, t.took || takes`, `t.took = t.took || takes`, "a LUN that was taken from another node counts as found free"),
		f.edit("preemptsAs", `t.staleKept = true`, `_ = t`, "what a device refused to remove is tried for ever"),
		f.edit("target.resets", `if errors.Is(err, pr.ErrUnitAttention) {`, `if false {`, "a reset that met a unit attention has failed"),
		f.edit("target.resets", `t.doubt = t.doubt || t.suspect`, `_ = t`, "a reset that failed leaves no doubt where PREEMPT AND ABORT was answered"),
		f.edit("target.resets", `!t.doubt && errors.Is(err, pr.ErrUnsupported)`, `false`, "a device without resets protects nobody"),
		file("protocol/unit/effects.go").edit("Unit.ExpectRegistered", `if s.Count(was) > 1 {`, `if false {`, "where nexuses are not told the path that changes its key is expected to hold"),
		file("protocol/unit/effects.go").edit("Unit.ExpectPreempted", `if took {`, `if false && took {`, "who removes the holder is not expected to hold"),
	}
}

// unitMutants are of what is read, and how it is judged.
func unitMutants() []*mutant {
	f, reading := file("protocol/unit/unit.go"), file("protocol/unit/reading.go")
	return []*mutant{
		f.edit("Unit.Load", `u.State, u.ReadAt = s, now`, `u.State, u.ReadAt = s, max(now, u.host.Now())`, "the age of an answer counts from its arrival"),
		f.edit("Unit.Fresh", `u.host.Now()-u.ReadAt <= MaxAge`, `true`, "what was read never grows old"),
		reading.edit("Reading.RightType", `(held.Type == ReservationType || shared && held.Type == SharedType) &&`, ``, "the type of a reservation is not compared"),
		reading.edit("Reading.listing", `keys: AllKeys(rd.State)`, `keys: rd.State.Keys()`, "a foreign key that holds and is not registered is none"),
		reading.edit("Reading.IsMine", `Plain(rd.Holder()) == rd.Me()`, `rd.Holder() == rd.Me()`, "who holds by a marked key does not hold"),
		reading.edit("Reading.Others", `Plain(k) != rd.Me() &&`, `k != rd.Me() &&`, "this node's marked keys are another node's"),
		file("protocol/run.go").edit("Run.survey", `(*target).foreignError, func`, `func`, "a LUN is changed though another one has a foreign key"),
		file("protocol/run.go").edit("Run.gather", `a.WWID == b.WWID`, `false`, "two names of one LUN are two LUNs"),
		file("protocol/run.go").edit("byWWID", `strings.Compare(a.WWID, b.WWID); c != 0`, `strings.Compare(a.WWID, b.WWID); false && c != 0`, "the arbiter is the first by its name on the node"),
		file("protocol/run.go").edit("Run.eachWhole", `return f(end, t)`, `_ = end
		return f(ctx, t)`, "a LUN at hand is not brought to its end"),
		file("protocol/unit/own.go").edit("Reading.IsPresent", `slices.ContainsFunc(rd.Unopened, func`, `false && slices.ContainsFunc(rd.Unopened, func`, "a path that could not be opened is of the past"),
		file("protocol/check.go").edit("findings", `case held == nil && len(s.Registrations) > 0:`, `case held == nil && false:`, "a check does not see that a LUN is unreserved"),
		file("pr/errors.go").edit("PathFailed", `errors.Is(err, context.Canceled) || errors.Is(err, ErrStale)`, `false && errors.Is(err, context.Canceled)`, "a path is given up because a command was not sent"),
		f.edit("Unit.DropIfFailed", `pr.PathFailed(err)`, `false && pr.PathFailed(err)`, "a path on which a command got lost is used again"),
		file("protocol/run.go").edit("Run.eachWhole", `if ctx.Err() != nil {`, `if false {`, "a LUN is begun after the run was cancelled"),
	}
}

// retryMutants are of what is sent again.
func retryMutants() []*mutant {
	f, fresh := file("scsi/retry.go"), file("pr/fresh.go")
	return []*mutant{
		f.edit("Retry.Do", `errors.Is(e, ErrStateChanged) && req.decides() && !r.AfterStateChange`, `false`, "PERSISTENT RESERVE OUT is sent again after others have changed the state"),
		f.edit("Retry.Do", `attentions > unitAttentions ||`, ``, "unit attentions have no end"),
		f.edit("Retry.Do", `e.aborted()) && !req.decides()`, `e.aborted())`, "PERSISTENT RESERVE OUT without an answer is sent again"),
		f.edit("Retry.Do", `lost > transportRetries`, `false`, "a read that gets lost is repeated until the time is over"),
		f.edit("Retry.Do", `err == nil && !stale(ctx, req)`, `err == nil`, "a command that decides is sent though it is stale"),
		f.edit("Retry.Do", `case sent:
			return reply, failed`, `case sent && false:`, "the time is over, and the last answer is not told"),
		f.edit("mayHaveRoom", `req.Function == LogicalUnitReset && errors.Is(e, ErrDevice)`, `false`, "a reset that the host adapter has no room for is not sent again"),
		f.edit("mayHaveRoom", `req.Function == LogicalUnitReset && errors.Is`, `errors.Is`, "PERSISTENT RESERVE OUT that the host adapter has failed is sent again"),
		f.edit("mayHaveRoom", `&& errors.Is(e, ErrDevice)`, ``, "a reset that the host cannot do is sent again"),
		f.edit("mayHaveRoom", `errors.Is(e, ErrBusy) ||`, ``, "a command that has to wait for the host's recovery is not sent again"),
		f.edit("Retry.Do", `wait = min(2*wait, longestBackoff)`, `wait = min(wait, longestBackoff)`, "the wait before a command is sent again does not grow"),
		f.edit("Request.decides", `OpRead10, OpPRIn, OpMaintenanceIn:`, `OpRead10, OpPRIn, OpMaintenanceIn, OpPROut:`, "PERSISTENT RESERVE OUT decides nothing"),
		file("pr/within.go").edit("Within", `earlier.Before(end)`, `false`, "an earlier deadline of the caller's is forgotten"),
		file("pr/within.go").edit("deadline.Err", `!d.now().Before(d.end)`, `false`, "a command's time is never over"),
		f.edit("HostStatus.transient", `case HostBusBusy,`, `case HostNoConnect, HostBusBusy,`, "a path that is gone is a passing disturbance"),
		fresh.edit("WhileFresh", `outer() && inner()`, `inner() || false && outer()`, "of two freshnesses the inner one decides"),
		file("scsi/fresh.go").edit("stale", `req.decides() && `, ``, "what only reads is stale, too"),
		fresh.edit("Stale", `ok && !fresh()`, `false && ok && !fresh()`, "nothing is ever stale"),
	}
}
