package serviceguard

import (
	"context"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
)

// CmHaltPkg is cmhaltpkg.
func CmHaltPkg() *front.Applet {
	return &front.Applet{
		Name:    "cmhaltpkg",
		Summary: "halt packages on this node",
		Usage: `
usage: cmhaltpkg [-v] [-n NODE] [-C FILE] [--dry-run [--json]] [--timeout SECONDS]
                 PACKAGE...

Halts each package on this node: services, external_scripts, file systems,
volume groups, reservations, external_pre_scripts; or the halt_script of a
legacy package, and the reservations. It goes on after a step that fails, but
gives the reservations up only if nothing of the package can write any more.
` + jobOptions + `

exit status: 0 nothing of them is left here; 1 a step failed; 2 a LUN could not
be read or given up; 128 + N ended by signal N`,
		Flags: jobFlags(), Operands: session.CompletePackages, PlanJSON: true,
		Run: func(c *front.Call) error {
			halted := false
			return eachJob(c, func(j *job, ctx context.Context) error {
				did, err := j.halt(ctx)
				halted = halted || did
				return err
			}, func() {
				if halted {
					c.Printf("One or more packages or package instances have been halted.\n")
				}
				c.Printf("cmhaltpkg: Completed successfully on all packages specified\n")
			})
		},
	}
}

// halt halts one package; halted tells whether there was anything to halt.
func (j *job) halt(ctx context.Context) (halted bool, err error) {
	rehearsal := j.s.Flags.Bool("dry-run")
	state := j.peek()
	if !rehearsal {
		if err := j.open(); err != nil {
			return false, err
		}
		defer j.close()
		state = j.runner.State
	}
	down, err := j.isDown(ctx, state)
	switch {
	case err != nil:
		return false, err
	case down:
		j.idle(front.DeedHaltPkg, "Package %s is not running on node %s")
		return false, nil
	}
	if err := j.soleOwner(); err != nil {
		return false, err
	}
	if rehearsal {
		return false, j.rehearse(ctx, runpkg.Stop)
	}
	j.s.Printf("Halting package %s on node %s\n", j.pkg.Name, j.s.Node.Name)
	if err := j.carryOut(ctx, front.DeedHaltPkg, j.runner.Halt); err != nil {
		return false, err
	}
	j.s.Printf("Successfully halted package %s on node %s\n", j.pkg.Name, j.s.Node.Name)
	return true, nil
}

// soleOwner refuses a package whose LUNs another one has as well, before anything
// of it is stopped. LUNs that cannot be found keep nothing from being stopped.
func (j *job) soleOwner() error {
	if j.s.Conf.PRDisabled {
		return nil
	}
	disks, err := j.s.DisksOf(j.pkg)
	if err != nil {
		return nil
	}
	return j.s.SoleOwner(j.pkg, disks)
}

// isDown reports whether nothing of the package is here: it was not started
// since the boot, and has no registration of this node.
func (j *job) isDown(ctx context.Context, state phaser) (bool, error) {
	phase, err := state.Phase()
	if err != nil {
		return false, &stateError{err}
	}
	if phase != runpkg.Down {
		return false, nil
	}
	who, err := j.look(ctx, func(*session.PackageRun) error { return nil })
	switch {
	case err != nil:
		return false, err
	case who.own > 0:
		return false, nil
	case j.pkg.Type == cluster.Failover && len(who.others) > 0:
		return false, &elsewhereError{pkg: j.pkg.Name, node: j.s.Node.Name, others: who.others, halt: true}
	}
	// It may have lost the LUNs that pr_start has taken.
	started, err := session.StartedOn(j.s, j.pkg)
	return len(started) == 0, err
}

// release gives the reservations up. Reservations that were turned off after
// the start are given up, too, where that can be done: left, they would keep
// every node out that makes none.
func (j *job) release(ctx context.Context) error {
	err := j.onLUNs(ctx, front.DeedHalt, func(ctx context.Context, run *session.PackageRun) error { return session.DiaryOf(j.s).Halt(ctx, run) })
	if err != nil && j.s.Conf.PRDisabled {
		j.s.WarnErr(err)
		return nil
	}
	return err
}
