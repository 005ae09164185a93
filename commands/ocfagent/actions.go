package ocfagent

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// judge is who tells how the LUNs of the package stand.
func (a *agent) judge(known []string) judge {
	return judge{members: a.s.Conf.Members(), own: a.s.Node.Member(), mode: a.pkg.Mode(), known: known}
}

// isGuest reports whether this node was let in to LUNs of the package by unfencing: then
// its registrations are not the package's to make and to give up.
func (a *agent) isGuest(run *session.PackageRun) (guest bool, joined []string, err error) {
	was, err := session.DiaryOf(a.s).Joined()
	return a.pkg.Type != cluster.Failover && intersects(was.LUNs, wwids(run)), was.LUNs, err
}

// start takes the LUNs of the package, or sees that this node was let in.
func (a *agent) start() (int, error) {
	if status, err := a.open(); err != nil {
		return status, err
	}
	root, record, _, err := a.memory()
	if err != nil {
		return exitFailed, &memoryError{a.pkg.Name, err}
	}
	if record != nil && record.Halting {
		return exitFailed, &unfinishedError{a.pkg.Name, "stop"}
	}
	status := exitFailed
	err = a.s.WithPackage(a.pkg, func(run *session.PackageRun, o *session.Opened) error {
		if len(run.LUNs) == 0 {
			status = exitArguments
			return &emptyError{a.pkg.Name}
		}
		guest, joined, err := a.isGuest(run)
		if err != nil {
			return err
		}
		switch {
		case guest && a.scope == everything:
			status = exitConfigured
			return &scopeError{a.pkg.Name}
		case guest:
			status, err = a.enter(root, run, joined)
		default:
			status, err = a.take(root, record, run, o)
		}
		return err
	})
	if err != nil || a.scope != everything {
		return status, err
	}
	return a.steps("cmrunpkg", "--takeover")
}

// enter notes that the package is up here on LUNs to which this node was let in already.
// It registers nothing.
func (a *agent) enter(root string, run *session.PackageRun, joined []string) (int, error) {
	g, why := a.judge(joined).verdict(run.Show(a.Ctx), wwids(run))
	if g > degraded {
		return exitFailed, errors.Join(why...)
	}
	for _, err := range why {
		a.WarnErr(err)
	}
	if err := runpkg.NoteStarted(root, a.pkg.Name, a.s.Node.Name, runpkg.Started{By: Name, LUNs: wwids(run), Guest: true}); err != nil {
		return exitFailed, &memoryError{a.pkg.Name, err}
	}
	return exitOK, nil
}

// take takes the LUNs, unless this node had them and has lost them since. With the scope
// of everything it only looks.
func (a *agent) take(root string, record *runpkg.Started, run *session.PackageRun, o *session.Opened) (int, error) {
	if record != nil {
		if err := a.lost(record, run); err != nil {
			return exitFailed, err
		}
	}
	if a.scope == everything {
		return exitOK, nil
	}
	if record == nil {
		// Before the first command: whoever is killed after it has something to stop.
		if err := runpkg.NoteStarted(root, a.pkg.Name, a.s.Node.Name, runpkg.Started{By: Name, LUNs: wwids(run), Starting: true}); err != nil {
			return exitFailed, &memoryError{a.pkg.Name, err}
		}
	}
	err := a.s.Perform(run, o, session.Task{Deed: front.DeedStart}, func(ctx context.Context) error { return a.s.StartLUNs(ctx, run) })
	if err == nil {
		return exitOK, nil
	}
	if record == nil && a.nothingLeft(run) {
		err = errors.Join(err, runpkg.NoteHalted(root, a.pkg.Name, a.s.Node.Name))
	}
	return exitFailed, err
}

// lost says which LUNs this node has lost since it started the package.
func (a *agent) lost(record *runpkg.Started, run *session.PackageRun) error {
	var errs []error
	j := a.judge(record.LUNs)
	for i, lun := range run.Show(a.Ctx) {
		if record.Starting || !slices.Contains(record.LUNs, run.LUNs[i].WWID) || lun.Err == nil && lun.Present {
			continue
		}
		_, err := j.lun(lun, run.LUNs[i].WWID)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// nothingLeft reports whether this node is registered on no LUN of the package, with
// certainty.
func (a *agent) nothingLeft(run *session.PackageRun) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.Ctx), grace)
	defer cancel()
	return !slices.ContainsFunc(run.ShowSure(ctx), func(lun protocol.Status) bool {
		return lun.Err != nil || protocol.IsOn(lun.State, a.s.Node.Key)
	})
}

// stop gives the LUNs up. What was not started here needs no look at a device; who was
// let in to the LUNs stays there.
func (a *agent) stop() (int, error) {
	noted, err := a.isNoted()
	if err != nil {
		return exitFailed, &memoryError{a.parameters.pkg, err}
	}
	if !noted {
		return exitOK, nil
	}
	if _, err := a.open(); err != nil {
		if a.forgetGuests() {
			a.WarnErr(err)
			return exitOK, nil
		}
		return exitFailed, err
	}
	root, record, phase, err := a.memory()
	switch {
	case err != nil:
		return exitFailed, &memoryError{a.pkg.Name, err}
	case phase != runpkg.Down:
		return a.steps("cmhaltpkg")
	case record == nil:
		return exitOK, nil
	case record.Guest:
		if err := runpkg.NoteHalted(root, a.pkg.Name, a.s.Node.Name); err != nil {
			return exitFailed, &memoryError{a.pkg.Name, err}
		}
		return exitOK, nil
	}
	err = a.s.WithPackage(a.pkg, func(run *session.PackageRun, o *session.Opened) error {
		return a.s.Perform(run, o, session.Task{Deed: front.DeedHalt}, func(ctx context.Context) error { return session.DiaryOf(a.s).Halt(ctx, run) })
	})
	if err != nil {
		return exitFailed, err
	}
	return exitOK, nil
}

// forgetGuests ends a package that was only looked at here, for which no config is needed,
// and reports whether it was no more than that.
func (a *agent) forgetGuests() bool {
	root, err := session.PackagesFolder(a.Call)
	if err != nil {
		return false
	}
	all, err := runpkg.AllStarted(root, a.parameters.pkg)
	phase, unread := runpkg.Peek(root, a.parameters.pkg)
	if err != nil || unread != nil || phase != runpkg.Down {
		return false
	}
	for _, record := range all {
		if !record.Guest {
			return false
		}
	}
	for node := range all {
		err = errors.Join(err, runpkg.NoteHalted(root, a.parameters.pkg, node))
	}
	return err == nil
}

// monitor says whether the package is up here, and protected.
func (a *agent) monitor() (int, error) {
	noted, err := a.isNoted()
	if err != nil {
		return exitFailed, &memoryError{a.parameters.pkg, err}
	}
	if !noted {
		return exitNotRunning, nil
	}
	if _, err := a.open(); err != nil {
		return a.judged(unknown, []error{err})
	}
	_, record, phase, err := a.memory()
	switch {
	case err != nil:
		return a.judged(unknown, []error{&memoryError{a.pkg.Name, err}})
	case record == nil && phase == runpkg.Down:
		return exitNotRunning, nil
	case record == nil, phase != runpkg.Down && phase != runpkg.Up, record.Starting:
		return exitFailed, &unfinishedError{a.pkg.Name, "start or stop"}
	case record.Halting:
		return exitFailed, &unfinishedError{a.pkg.Name, "stop"}
	}
	if phase == runpkg.Up {
		if err := a.services(); err != nil {
			return exitFailed, err
		}
	}
	g := unknown
	var why []error
	err = a.s.LookAt(a.pkg, func(run *session.PackageRun, _ *session.Opened) error {
		if len(run.LUNs) == 0 {
			g, why = failed, []error{&emptyError{a.pkg.Name}}
			return nil
		}
		j := a.judge(record.LUNs)
		g, why = j.verdict(run.Show(a.Ctx), wwids(run))
		g, why = j.left(g, why, wwids(run))
		if a.depth >= 10 && g < unknown {
			g, why = a.deeper(run, g, why)
		}
		return nil
	})
	if err != nil {
		return a.judged(unknown, []error{err})
	}
	return a.judged(g, why)
}

// judged is the exit status of a monitor.
func (a *agent) judged(g grade, why []error) (int, error) {
	err := errors.Join(why...)
	switch {
	case g == well:
		return exitOK, nil
	case g == degraded:
		return exitDegraded, err
	case g == unknown && a.ignore:
		a.WarnErr(err)
		return exitOK, nil
	}
	return exitFailed, err
}

// deeper looks at each path, and fails for what is only not as it should be.
func (a *agent) deeper(run *session.PackageRun, g grade, why []error) (grade, []error) {
	if g == degraded {
		return failed, why
	}
	for _, rep := range run.Check(a.Ctx) {
		for _, f := range rep.Findings {
			switch f.Kind {
			case protocol.Unreadable, protocol.Contradiction:
				g = max(g, unknown)
			case protocol.DeadPath, protocol.PathsUnregistered, protocol.ForeignKeys:
				g = failed
			default:
				continue
			}
			m := words.FindingMessage(a.s.Conf, rep, f)
			m.Subject, m.Status = rep.LUN, words.ExitFailed
			why = append(why, &foundError{m})
		}
	}
	return g, why
}

// services says which services of a package have ended that cmrunpkg started.
func (a *agent) services() error {
	root, err := session.PackagesFolder(a.Call)
	if err != nil {
		return err
	}
	state, err := runpkg.Join(root, a.pkg.Name)
	if err != nil {
		return &memoryError{a.pkg.Name, err}
	}
	var errs []error
	for _, how := range (&runpkg.Runner{Package: a.pkg, Node: a.s.Node.Name, State: state}).Ended() {
		errs = append(errs, &serviceError{a.pkg.Name, how})
	}
	return errors.Join(errs...)
}

// steps starts or halts all that the package is, by the command that does it.
func (a *agent) steps(command string, options ...string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return exitFailed, err
	}
	cmd := exec.Command(self)
	cmd.Args = append(append([]string{front.Self, command, "--config=" + a.s.Conf.Path}, options...), a.pkg.Name)
	cmd.Env = append(os.Environ(), "SG_NODE="+a.s.Node.Name)
	// What it starts keeps no pipe of ours open.
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = streamOf(a.Out), streamOf(a.Err), grace
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitFailed, &stepsError{command, a.pkg.Name, exit.ExitCode()}
	}
	if err != nil {
		return exitFailed, err
	}
	return exitOK, nil
}

// streamOf is the file below a stream, if there is one.
func streamOf(w io.Writer) io.Writer {
	if f := front.FileOf(w); f != nil {
		return f
	}
	return w
}

// validate looks at the parameters and the config, and at depth 10 at the LUNs.
func (a *agent) validate(what action) (int, error) {
	if status, err := a.open(); err != nil {
		return status, err
	}
	if what != actionValidate || a.depth < 10 {
		return exitOK, nil
	}
	err := a.s.LookAt(a.pkg, func(run *session.PackageRun, _ *session.Opened) error {
		if len(run.LUNs) == 0 {
			return &emptyError{a.pkg.Name}
		}
		for _, v := range run.View(a.Ctx, nil) {
			if v.Err != nil {
				return v.Err
			}
			if v.Support != protocol.Supported {
				return &supportError{v.LUN}
			}
		}
		return nil
	})
	if err != nil {
		return exitInstalled, err
	}
	return exitOK, nil
}
