package main

// probeMutants are of the trial of a device: each check, and what follows from it.
func probeMutants() []*mutant {
	lun, one, both, shared := file("probe/lun.go"), file("probe/lunalone.go"), file("probe/lunboth.go"), file("probe/shared.go")
	ns, hosts, report := file("probe/ns.go"), file("probe/nsboth.go"), file("probe/report.go")
	return []*mutant{
		lun.edit("LUNTrial.registers", `ok = slices.Contains(keys, key)`, `ok = slices.Contains(keys, key) || true`, "a registration that is not shown is one"),
		lun.edit("LUNTrial.registers", `Broken, "", "REGISTER: "`, `Kept, "", "REGISTER: "`, "a device that refuses a registration is none the worse"),
		one.edit("aloneChecks.ignores", `answer.good(), Otherwise`, `true, Otherwise`, "REGISTER AND IGNORE EXISTING KEY need not be there"),
		one.edit("aloneChecks.wrongKey", `!answer.good(), result`, `!answer.good() || true, result`, "a command with a wrong key may be done"),
		one.edit("aloneChecks.wrongKey", `if err := x.clear(ctx); err != nil {
		return err
	}
	return x.join(ctx)`, `return nil`, "what a wrong key has reserved stays for the checks after it"),
		one.edit("aloneChecks.fullStatus", `at >= 0, Broken`, `true, Broken`, "the full status may leave the sender out"),
		one.edit("aloneChecks.buffers", `whole == short, Kept`, `whole == short || true, Kept`, "the length in a short buffer is not looked at"),
		one.edit("aloneChecks.generation", `plain != 0, Kept`, `true, Kept`, "whether PRGENERATION counts is not looked at"),
		one.edit("aloneChecks.generation", `held == plain+1`, `held == plain+1 && false`, "what counts twice is not seen"),
		one.edit("aloneChecks.tryTypes", `r.Reservation == nil || r.Reservation.Type != t`, `r == nil`, "a reservation that is not there is one"),
		one.edit("aloneChecks.tryTypes", `if answer = x.do(ctx, Deed{Verb: Release, Type: t}); !answer.good() {`, `if answer = x.do(ctx, Deed{Verb: Release, Type: t}); false {`, "a RELEASE that is refused is passed over"),
		one.edit("aloneChecks.judgeTypes", `!slices.Contains(x.types, pr.WriteExclusiveRegistrantsOnly)`, `false`, "the type that a cluster works by is not needed"),
		one.edit("aloneChecks.judgeTypes", `len(x.types) == len(scsi.Types())`, `true`, "types that are missing are not seen"),
		one.edit("aloneChecks.persists", `Persists, active, Otherwise`, `Persists, active || true, Otherwise`, "PTPL_A is not looked at"),
		one.edit("aloneChecks.persists", `if !answer.good() {`, `if false {`, "APTPL that is refused is taken for done"),
		one.edit("aloneChecks.allPorts", `answer.good(), Broken`, `true, Broken`, "a registration that does not come off is passed over"),
		one.edit("aloneChecks.introduces", `case answer.good() && n == 1:`, `case answer.good() && n < 0:`, "SPEC_I_PT that registers nobody is one"),
		one.edit("aloneChecks.limit", `case x.Limit < fewest:`, `case false:`, "two registrations are enough"),
		one.edit("aloneChecks.limit", `case !x.Limited:`, `case true:`, "a limit that was seen is not told"),
		one.edit("aloneChecks.preemptsItself", `!slices.Contains(keys, x.a.own)`, `keys == nil`, "who removes itself is not seen"),
		both.edit("pairChecks.judgeRelease", `own == 0 && others == want`, `want == want`, "what a release announces is not looked at"),
		both.edit("pairChecks.releases", `held.Reservation == nil, Broken`, `true, Broken`, "a RELEASE that does nothing is one"),
		both.edit("pairChecks.preemptsRegistrant", `!answer.good() {
		x.found(Preempts`, `false {
		x.found(Preempts`, "a PREEMPT that is refused is passed over"),
		both.edit("pairChecks.expelled", `gone && holds, Broken`, `holds, Broken`, "who was preempted may stay registered"),
		both.edit("pairChecks.expelled", `gone && holds, Broken`, `gone, Broken`, "who preempts the holder need not hold"),
		both.edit("pairChecks.preemptsHolder", `case invalid(answer):`, `case false:`, "a PREEMPT AND ABORT that is not there has no quirk"),
		both.edit("pairChecks.preemptsHolder", `case !answer.good():`, `case false:`, "a PREEMPT AND ABORT that is refused is passed over"),
		both.edit("pairChecks.clears", `len(keys) == 0, Broken`, `len(keys) >= 0, Broken`, "a CLEAR that does nothing is one"),
		both.edit("pairChecks.clears", `!answer.good() {`, `false {`, "a CLEAR that is refused is passed over"),
		both.edit("pairChecks.moves", `held.Reservation != nil && held.Reservation.Key == to.Key, Broken`, `true, Broken`, "a REGISTER AND MOVE that does nothing is one"),
		both.edit("pairChecks.resets", `Resets, kept, Broken`, `Resets, kept || true, Broken`, "what a reset of the LUN takes off is not seen"),
		both.edit("pairChecks.resets", `errors.Is(err, pr.ErrUnsupported)`, `false`, "a reset that is not to be had has no quirk"),
		shared.edit("sharedChecks.judge", `!x.Scratch.has(b, firstWriter)`, `b == nil`, "a write that is refused and done is not seen"),
		shared.edit("sharedChecks.judge", `case a.passes && !answer.good():`, `case false:`, "who may read or write, and cannot, is passed over"),
		shared.edit("sharedChecks.judge", `case !a.passes && answer.good() && a.deed.Outside:`, `case false:`, "who is not registered may write"),
		shared.edit("sharedChecks.accesses", `!t.Exclusive(), FencesReads, "a read of an initiator that is not registered"`, `true, FencesReads, "a read of an initiator that is not registered"`, "who is not registered may read, whatever the type"),
		shared.edit("sharedChecks.fencesBy", `!answer.good() {
				x.found(FencesWrites`, `false {
				x.found(FencesWrites`, "a holder that cannot write is passed over"),
		shared.edit("sharedChecks.judgeAborted", `wrote.detail()&unrefused != 0`, `false`, "who was preempted may go on writing"),
		shared.edit("sharedChecks.judgeAborted", `x.Scratch.has(block, lastWriter), Broken`, `block != nil, Broken`, "a write may come after PREEMPT AND ABORT"),
		shared.edit("sharedChecks.judgeAborted", `case !preempted.good():`, `case false:`, "a PREEMPT AND ABORT that is refused under load is passed over"),
		ns.edit("NamespaceTrial.Look", `n.Shared, Broken`, `true, Broken`, "a namespace for one host alone will do"),
		ns.edit("NamespaceTrial.Look", `c.LongHostIDs, Broken`, `true, Broken`, "half a host identifier will do"),
		ns.edit("NamespaceTrial.Look", `!n.WriteProtected, Broken`, `true, Broken`, "a namespace that takes no writes will do"),
		ns.edit("NamespaceTrial.registers", `slices.Contains(keys, key), Broken`, `true, Broken`, "a registration of a host that is not shown is one"),
		ns.edit("nsChecks.wrongKey", `!answer.good(), Broken`, `!answer.good() || true, Broken`, "a command of a host with a wrong key may be done"),
		ns.edit("nsChecks.entries", `!e.Host.Same(x.host)`, `false`, "the report may have another host identifier"),
		ns.edit("nsChecks.tryTypes", `r.Type != t {`, `r == nil {`, "an acquire that does nothing is one"),
		ns.edit("nsChecks.tryTypes", `case missing(pr.WriteExclusiveRegistrantsOnly):`, `case false:`, "the type that a cluster works by is not needed on a namespace"),
		hosts.edit("nsPairChecks.initiators", `Initiators, both, Broken`, `Initiators, true, Broken`, "of two hosts one registration is enough"),
		hosts.edit("nsPairChecks.expelled", `gone && holds, Broken`, `(gone || true) && holds, Broken`, "a host that was preempted may stay registered"),
		hosts.edit("nsPairChecks.clears", `len(keys) == 0, Broken`, `len(keys) >= 0, Broken`, "a clear that does nothing is one"),
		report.edit("Report.Verdict", `if r.Err != nil {
		return Unknown
	}`, ``, "a trial that failed has a verdict"),
		report.edit("Report.Verdict", `if !r.Whole {
		v = Unknown
	}`, ``, "a trial that has not come to its end has a verdict"),
		report.edit("Report.Verdict", `case f.Result == Untried:`, `case false:`, "what was not tried is taken for kept"),
	}
}

// scratchMutants are of the block that is written, and of what keeps others off.
func scratchMutants() []*mutant {
	scratch, load, run := file("probe/scratch.go"), file("probe/load.go"), file("probe/run.go")
	return []*mutant{
		scratch.edit("Scratch.restored", `bytes.HasPrefix(block, []byte(zerosText))`, `LeftOver(block)`, "what another host has left is taken for an empty block"),
		scratch.edit("Scratch.restored", `case s.Anything:`, `case true:`, "a block that holds something is written"),
		scratch.edit("actor.keep", `err = m.Save(Held{s.LBA, held})`, `_ = m.Save`, "what stands in the block is not kept"),
		scratch.edit("actor.keep", `	} else if s.saved {
		err = ErrScratchInUse
	}`, `	}`, "a block that cannot be kept is written"),
		scratch.edit("actor.keep", `s.saved = !bytes.Equal(held, make([]byte, len(held)))`, ``, "the block says that there were zeros, whatever there was"),
		scratch.edit("actor.put", `!bytes.Equal(block, k.Block)`, `block == nil`, "a block that was not restored is taken for restored"),
		scratch.edit("actor.putBack", `if LeftOver(block) {`, `if true {`, "what others have written since is lost"),
		scratch.edit("actor.putBack", `		err = m.Forget()
`, ``, "what was restored before is restored for ever"),
		load.edit("actor.startLoad", `a.load = l
`, ``, "nobody waits for the writes"),
		run.edit("bench.end", `		side.endLoad()
`, ``, "writes go on while the block is restored"),
		run.edit("bench.end", `	errs = append(errs, x.a.restore(ctx, x.Memory))
	return`, `	return`, "a run that was disturbed does not restore the block"),
		run.edit("bench.end", `errors.Join(append(errs, x.withdraw(ctx))...)`, `errors.Join(append(errs, x.a.leave(ctx))...)`, "a run that was disturbed takes off one path's registration only"),
		run.edit("bench.clear", `if _, err := x.keys(ctx); err != nil {
		return err
	}
	`, ``, "somebody who registers in the middle is cleared unseen"),
		run.edit("bench.keys", `!ok || m.run != x.run || m.kind == helloMark`, `!ok || m.run > runMask`, "another run on the device is passed over"),
		run.edit("bench.greet", `turn > 0 && now != last`, `turn < 0 && now != last`, "another run that lives is not seen"),
	}
}
