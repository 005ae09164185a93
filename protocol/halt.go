package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/scsi"
)

// Halt gives the LUNs of the package up. Where it was taken over, or this node
// was fenced, nothing of ours is left, and that is success. Nothing is ever
// registered in order to clear.
//
// A failover package's LUNs are cleared. Of a multi-node package's only this
// node's registrations go; a reservation that it holds passes to another node.
//
// Errors, joined where there are several: *LUNError (ErrStaleNexus if our key
// is registered by no path that this host has now), *SharedLUNError,
// *ForeignKeyError (nothing was changed).
func (r *Run) Halt(ctx context.Context) error {
	targets, err := r.survey(ctx, func(ctx context.Context, t *target) error {
		if err := t.read(ctx); err != nil {
			return err
		}
		t.before = t.state
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range targets {
		if !t.state.Has(r.Node.Key) && !t.state.Has(Leaving(r.Node.Key)) {
			r.log(Event{Action: NothingLeft, LUN: t.Name, Key: r.Node.Key, Heir: t.holder(), Generation: t.state.Generation})
		}
	}
	if r.Mode != Exclusive {
		return r.departAll(ctx, targets)
	}
	return r.eachWhole(ctx, targets, func(ctx context.Context, t *target) error { return t.release(ctx) })
}

// release takes our key off the LUN and reads back that it is gone.
func (t *target) release(ctx context.Context) error {
	key := t.run.Node.Key
	refused := false
	for range maxRounds {
		if keys := t.foreign(); len(keys) > 0 {
			return &ForeignKeyError{LUN: t.Name, Keys: keys}
		}
		if !t.state.Has(key) {
			return nil
		}
		err := t.releaseOnce(ctx)
		if err != nil && !again(err) {
			return &LUNError{LUN: t.Name, Err: err}
		}
		if rerr := t.read(ctx); rerr != nil {
			return rerr
		}
		switch {
		case !t.state.Has(key):
			return nil
		case err == nil:
			return &LUNError{LUN: t.Name, Err: ErrKeysLeft}
		case !errors.Is(err, scsi.ErrReservationConflict):
			refused = false
		case refused:
			// Every path was refused twice, and our key was listed each time:
			// it belongs to a nexus of the past.
			return &LUNError{LUN: t.Name, Err: ErrStaleNexus}
		default:
			refused = true
		}
	}
	return &LUNError{LUN: t.Name, Err: ErrUnsettled}
}

// releaseOnce sends what the state asks for: CLEAR if no other node holds the
// reservation, else our registrations alone are removed, because a CLEAR
// would take the new owner's protection away. It succeeds if one path did.
func (t *target) releaseOnce(ctx context.Context) error {
	if len(t.usable) == 0 {
		return t.noPath()
	}
	key := t.run.Node.Key
	held := t.state.Reservation
	clear := held == nil || held.Type.AllRegistrants() || held.Key == key || !t.run.keeps(ruleClearOnlyOwn)
	if !clear {
		if err := t.keepPersistence(ctx); err != nil {
			return err
		}
	}
	done := false
	var refused error
	for _, p := range slices.Clone(t.usable) {
		var err error
		if clear {
			err = t.out(p, Event{Action: Cleared, Key: key}, func() error { return p.Clear(ctx, key) })
		} else {
			err = t.out(p, Event{Action: Unregistered, Key: key}, func() error { return p.Register(ctx, key, 0, t.aptpl) })
		}
		switch {
		case err == nil && clear:
			return nil
		case err == nil:
			done = true
		case errors.Is(err, scsi.ErrReservationConflict):
			// This path is not registered; another one may be.
			refused = err
		case clear && errors.Is(err, scsi.ErrDevice) && !pathFailed(err):
			// A Linux target says so of a path that is not registered if another
			// nexus of its initiator is, such as one of the past.
			refused = err
		default:
			t.dropIfFailed(p, err)
			return err
		}
	}
	if done {
		return nil
	}
	return refused
}

// keepPersistence makes our REGISTERs leave the LU-wide bit as it is that
// keeps registrations through power loss: it is the new owner's now.
func (t *target) keepPersistence(ctx context.Context) error {
	if err := t.readCapabilities(ctx); err != nil && !errors.Is(err, ErrNoReservationType) {
		return err
	}
	t.aptpl = t.caps != nil && t.caps.PersistActive
	return nil
}
