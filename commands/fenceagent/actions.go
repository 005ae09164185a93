package fenceagent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/protocol"
)

// look reads every LUN that a node is fenced from, once each.
func (a *agent) look() (seen, error) {
	now := seen{members: a.conf.Members()}
	if len(a.shared) > 0 {
		err := a.s.LookAtSet(a.shared, func(run *session.PackageRun, _ *session.Opened) error {
			now.shared = run.ShowSure(a.Ctx)
			return a.allThere(run)
		})
		if err != nil {
			return now, err
		}
	}
	for _, pkg := range a.exclusive {
		err := a.s.LookAt(pkg, func(run *session.PackageRun, _ *session.Opened) error {
			now.exclusive = append(now.exclusive, run.ShowSure(a.Ctx)...)
			return notEmpty(run, []*cluster.Package{pkg})
		})
		if err != nil {
			return now, err
		}
	}
	return now, nil
}

// allThere refuses a set in which nothing is protected and, where the set is what is seen
// here, one that lacks a LUN to which this node was let in: who was fenced from the others
// could write to that one.
func (a *agent) allThere(run *session.PackageRun) error {
	if err := notEmpty(run, a.shared); err != nil || !a.everyGroup {
		return err
	}
	was, err := session.DiaryOf(a.s).Joined()
	if err != nil {
		return err
	}
	for _, wwid := range was.LUNs {
		if !slices.ContainsFunc(run.LUNs, func(l *protocol.LUN) bool { return l.WWID == wwid }) {
			return &missingError{wwid}
		}
	}
	return nil
}

// notEmpty refuses packages in which nothing is protected.
func notEmpty(run *session.PackageRun, packages []*cluster.Package) error {
	if len(run.LUNs) == 0 {
		return &emptyError{packages[0].Name}
	}
	return nil
}

// monitor says whether this node could fence another one now. A path that is missing
// does not keep it from that, and is warned of.
func (a *agent) monitor() error {
	now, err := a.look()
	if err != nil {
		return err
	}
	for _, lun := range now.shared {
		if slices.ContainsFunc(lun.Findings, func(f protocol.Finding) bool { return f.Kind == protocol.PathsUnregistered }) {
			a.WarnErr(&partlyError{lun.LUN})
		}
	}
	return errors.Join(append(now.faults(a.s.Node.Member()), loaded(a.Ctx, a.conf.Corosync))...)
}

// on lets this node in: its registrations on all that is shared.
func (a *agent) on(node cluster.Node) error {
	if node.Name != a.s.Node.Name {
		return &otherHostError{node: node.Name, here: a.s.Node.Name}
	}
	force, err := a.v.yes(paramForceOn)
	if err != nil {
		return err
	}
	err = a.s.WithSet(a.shared, func(run *session.PackageRun, o *session.Opened) error {
		if err := a.allThere(run); err != nil {
			return err
		}
		err := a.mayJoin(run, o)
		if err != nil && !force {
			return err
		}
		if err != nil {
			a.WarnErr(err)
		}
		run.Probe = func(*protocol.LUN) bool { return true }
		err = a.s.Perform(run, o, session.Task{Deed: front.DeedStart}, func(ctx context.Context) error { return run.Run.Start(ctx) })
		if err != nil {
			return err
		}
		return session.DiaryOf(a.s).Note(run)
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Out, "Success: Powered ON")
	return nil
}

// off takes a node's registrations away from all that is shared, and then what it has
// of packages that one node has at a time.
func (a *agent) off(node cluster.Node) error {
	if node.Name == a.s.Node.Name {
		return &ownNodeError{node.Name}
	}
	var changed atomic.Bool
	err := a.s.WithSet(a.shared, func(run *session.PackageRun, o *session.Opened) error {
		if err := a.allThere(run); err != nil {
			return err
		}
		note(run, &changed)
		return a.s.Perform(run, o, session.Task{Deed: front.DeedFence, Victim: node}, func(ctx context.Context) error { return run.Fence(ctx, node.Member()) })
	})
	if err != nil {
		return err
	}
	for _, pkg := range a.exclusive {
		if err := a.keep(pkg, node, &changed); err != nil {
			return err
		}
	}
	if changed.Load() {
		fmt.Fprintln(a.Out, "Success: Powered OFF")
	} else {
		fmt.Fprintln(a.Out, "Success: Already OFF")
	}
	return nil
}

// note takes note of a run's changes.
func note(run *session.PackageRun, changed *atomic.Bool) {
	log := run.Log
	run.Log = func(e protocol.Event) {
		if e.Change() {
			changed.Store(true)
		}
		log(e)
	}
}

// keep takes a package that one node has at a time from a node that is fenced, and
// holds it until it is started somewhere. Whoever starts it takes it over from here.
func (a *agent) keep(pkg *cluster.Package, node cluster.Node, changed *atomic.Bool) error {
	return a.s.WithPackage(pkg, func(run *session.PackageRun, o *session.Opened) error {
		if err := notEmpty(run, []*cluster.Package{pkg}); err != nil {
			return err
		}
		next := &custody{members: a.conf.Members(), here: a.s.Node.Member(), victim: node.Member()}
		switch act, err := next.decide(run.ShowSure(a.Ctx)); {
		case err != nil:
			return err
		case act == leaveIt:
			return nil
		}
		memory, err := a.s.Memory(pkg)
		if err == nil {
			err = a.mayKeep(memory, run)
		}
		if err != nil {
			return err
		}
		if err := a.s.MayTake(a.Ctx, run); err != nil {
			return err
		}
		run.MayStart = func(ctx context.Context) error {
			if err := next.mayTake(run.ShowSure(ctx)); err != nil {
				return err
			}
			return a.s.MayTake(ctx, run)
		}
		note(run, changed)
		err = a.s.Perform(run, o, session.Task{Deed: front.DeedKeep}, func(ctx context.Context) error { return run.Run.Start(ctx) })
		if err == nil && memory.By == "" {
			session.DiaryOf(a.s).NoteKept(pkg, node)
		}
		return err
	})
}

// mayKeep refuses to take a package for who was fenced himself. He has started it and is
// not registered there any more; or he is registered nowhere on what is shared, so that
// another node's removal there was not his doing.
func (a *agent) mayKeep(memory cluster.Memory, run *session.PackageRun) error {
	if memory.By != "" {
		for _, lun := range run.ShowSure(a.Ctx) {
			if lun.Err != nil {
				return lun.Err
			}
			if !lun.Present {
				return &fencedError{lun: lun.LUN, node: a.s.Node.Name}
			}
		}
	}
	return a.s.LookAtSet(a.shared, func(run *session.PackageRun, _ *session.Opened) error {
		for _, lun := range run.ShowSure(a.Ctx) {
			if lun.Err != nil {
				return lun.Err
			}
			if !lun.Present {
				return &notInError{lun: lun.LUN, node: a.s.Node.Name}
			}
		}
		return nil
	})
}
