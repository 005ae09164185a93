package session

import (
	"context"
	"errors"
	"slices"

	"lunguard/commands/words"
	"lunguard/protocol"
	"lunguard/vg"
)

// startUnfenced starts a package unless this node was fenced since a fence agent let it in.
// Such a node is fenced by its key on the LUNs to which it was let in, and what it had of
// others is kept by who fenced it: whether it is still in is asked there, and, since a fence
// goes on to the others after those, once more when it has the package. If it is not,
// nothing is left of the start. That nobody is registered there any more does not let it in:
// who fenced it may have left since. Errors: those of [protocol.Run.Start]; ErrFenced;
// *joinedError and *unaskedError, that it cannot be told.
func (d Diary) startUnfenced(ctx context.Context, run *PackageRun) error {
	joined, err := d.Joined()
	if err != nil {
		return err
	}
	isOurs := func(l *protocol.LUN) bool { return slices.Contains(joined.LUNs, l.WWID) }
	here := slices.DeleteFunc(slices.Clone(run.LUNs), func(l *protocol.LUN) bool { return !isOurs(l) })
	in, err := d.elsewhere(ctx, run, joined)
	if err != nil {
		return err
	}
	if run.opened.Rehearse {
		if err := in.check(ctx, here...); err != nil {
			return err
		}
		return run.Start(ctx)
	}
	return in.during(ctx, here, run.Start, run.Halt)
}

// membership is where a fence agent has let this node in, but for the LUNs of a run.
type membership struct {
	run  *PackageRun
	luns []*protocol.LUN
	// errs are what keeps this host from asking the others of them.
	errs []error
}

// elsewhere opens the LUNs to which this node was let in and that a run has not.
func (d Diary) elsewhere(ctx context.Context, run *PackageRun, joined Joined) (*membership, error) {
	m := &membership{run: run}
	others := slices.DeleteFunc(joined.LUNs, func(wwid string) bool {
		return slices.ContainsFunc(run.LUNs, func(l *protocol.LUN) bool { return l.WWID == wwid })
	})
	if len(others) == 0 {
		return m, nil
	}
	all, err := d.s.Host.LUNs()
	if err != nil {
		return nil, &unaskedError{others[0], err}
	}
	for _, wwid := range others {
		lun, err := (*protocol.LUN)(nil), error(vg.ErrGone)
		if at := slices.IndexFunc(all, func(l vg.Listed) bool { return wwid != "" && l.WWID == wwid }); at >= 0 {
			lun, err = run.opened.OpenDisk(ctx, d.s.Host, all[at].Disk, d.s.WarnErr)
		}
		if err != nil {
			m.errs = append(m.errs, &unaskedError{wwid, err})
			continue
		}
		m.luns = append(m.luns, lun)
	}
	return m, nil
}

// during starts as long as this node is in before and after that, and else undoes it.
func (m *membership) during(ctx context.Context, here []*protocol.LUN, start, undo func(context.Context) error) error {
	if err := m.check(ctx, here...); err != nil {
		return err
	}
	if err := start(ctx); err != nil {
		return err
	}
	if err := m.check(ctx); err != nil {
		return errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return nil
}

// check fails if this node's key has gone there or from one of more LUNs, or is seen
// nowhere. Where it is seen no fence has come to its end.
func (m *membership) check(ctx context.Context, more ...*protocol.LUN) error {
	errs := slices.Clone(m.errs)
	look := &protocol.Run{Members: m.run.Members, Mode: m.run.Mode, Node: m.run.Node, Room: m.run.Room, LUNs: slices.Concat(m.luns, more)}
	in := len(look.LUNs) == 0 && len(errs) == 0
	for _, lun := range look.ShowSure(ctx) {
		switch {
		case lun.Err != nil:
			errs = append(errs, &unaskedError{lun.LUN, lun.Err})
		case !protocol.IsOn(lun.State, look.Node.Key):
			return &protocol.LUNError{LUN: lun.LUN, Err: protocol.ErrFenced}
		default:
			in = true
		}
	}
	if in {
		return nil
	}
	return errors.Join(errs...)
}

// unaskedError says that a LUN to which a fence agent has let this node in cannot be asked
// whether it still is.
type unaskedError struct {
	lun string
	err error
}

func (e *unaskedError) Error() string { return e.Message().Text() }

// Unwrap gives the reason.
func (e *unaskedError) Unwrap() error { return e.err }

// Message says it to people.
func (e *unaskedError) Message() words.Message {
	return words.Message{Subject: e.lun, What: "it cannot be told whether this node was fenced: " + words.Reason(e.lun, e.err),
		Hint: "let this host reach that LUN again: what others run since must not be taken from them", Status: words.ExitNode}
}
