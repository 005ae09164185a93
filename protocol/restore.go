package protocol

import (
	"context"
	"errors"
)

// Restore registers this node anew on LUNs that have lost every registration, and
// reserves them: an array that has forgotten them fenced nobody. It is for a node that
// had the LUNs up by the time that it happened; nothing here proves that.
//
// It takes nothing from anybody. If another node holds a LUN, or, in exclusive mode, is
// registered before this node holds, nothing of this node is left: what is up here is
// lost. On LUNs of which some still have this node's registration it is [Run.Repair].
//
// Errors, joined where there are several: *LostError (another node is there, one a
// LUN), and those of [Run.Start] and Repair.
func (r *Run) Restore(ctx context.Context) error {
	targets, err := r.survey(ctx, (*target).survey)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range targets {
		if len(t.Own()) > 0 {
			return r.Repair(ctx)
		}
		if len(t.Others()) > 0 {
			errs = append(errs, lostError(t))
		}
	}
	if err := errors.Join(errs...); err != nil || len(targets) == 0 {
		return err
	}
	begin, undo := r.retakeAll, r.giveUp
	if r.Mode == Shared {
		begin, undo = func(ctx context.Context, targets []*target) error { return rejoinAll(ctx, r, targets) }, r.backOut
	}
	if err = begin(ctx, targets); err == nil {
		return nil
	}
	ctx, cancel := undoing(ctx, r.Hurry)
	defer cancel()
	return errors.Join(err, undo(ctx, targets, err))
}

// retakeAll wins the arbiter, then the other LUNs, and looks at the arbiter last, as a
// start does.
func (r *Run) retakeAll(ctx context.Context, targets []*target) error {
	arbiter, others := targets[0], targets[1:]
	first := restoreRows(takeRows(nil))
	if err := r.step(arbiter.LUN, func() error { return arbiter.drive(ctx, first) }); err != nil || len(others) == 0 {
		return err
	}
	if err := r.each(others, func(t *target) error { return t.drive(ctx, restoreRows(takeRows(arbiter))) }); err != nil {
		return err
	}
	return r.step(arbiter.LUN, func() error {
		if err := arbiter.read(ctx); err != nil {
			return err
		}
		return arbiter.drive(ctx, first)
	})
}

// rejoinAll joins the LUNs, and looks at several again at the end, as a start does.
func rejoinAll(ctx context.Context, r *Run, targets []*target) error {
	rows := restoreRows(joinRows())
	if err := r.each(targets, func(t *target) error { return t.drive(ctx, rows) }); err != nil || len(targets) == 1 {
		return err
	}
	return r.each(targets, func(t *target) error {
		if err := t.read(ctx); err != nil {
			return err
		}
		return t.drive(ctx, rows)
	})
}

// restoreRows are those of a start, which takes nothing from anybody.
func restoreRows(start []row) []row {
	return append([]row{
		{"another node holds, or was there before this one held", func(t *position) bool {
			return t.removed || t.HeldByOther() || t.mode == Exclusive && len(t.Others()) > 0 && !t.IsMine()
		}, func(t *target) action { return fail(lostError(t)) }},
	}, start...)
}
