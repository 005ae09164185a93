package main

// restoreMutants are of a node that registers anew where an array has forgotten all.
func restoreMutants() []*mutant {
	f := file("protocol/restore.go")
	row := "another node holds, or was there before this one held"
	return []*mutant{
		f.never("restoreRows", row),
		f.edit("restoreRows", `t.removed || `, ``, "who was removed meanwhile goes on"),
		f.edit("restoreRows", `t.HeldByOther() || `, ``, "a LUN that another node holds is joined"),
		f.edit("restoreRows", `len(t.Others()) > 0 && !t.IsMine()`, `false`, "what is registered beside it before it holds is removed, as by a start"),
		f.edit("restoreRows", ` && !t.IsMine()`, ``, "who comes after it holds makes it give up"),
		f.edit("Run.Restore", `len(t.Own()) > 0`, `false`, "some registrations that are left are no reason to repair"),
		f.edit("Run.Restore", `if len(t.Others()) > 0 {
			errs = append(errs, lostError(t))
		}`, ``, "the first look does not tell that another node is there"),
		f.edit("Run.Restore", `errors.Join(err, undo(ctx, targets, err))`, `errors.Join(err, map[bool]error{true: undo(ctx, nil, err)}[false])`, "what was begun is not undone"),
		f.edit("Run.retakeAll", `if err := r.step(arbiter.LUN, func() error { return arbiter.drive(ctx, first) }); err != nil || len(others) == 0 {`,
			`if len(others) == 0 {
		return r.step(arbiter.LUN, func() error { return arbiter.drive(ctx, first) })
	} else if err := error(nil); err != nil {`, "the arbiter is not the first"),
		f.edit("Run.retakeAll", `		if err := arbiter.read(ctx); err != nil {
			return err
		}
		return arbiter.drive(ctx, first)`, `		return nil`, "the arbiter is not looked at last"),
		f.edit("rejoinAll", `err != nil || len(targets) == 1`, `err != nil || len(targets) > 0`, "several LUNs are not looked at again at the end"),
	}
}
