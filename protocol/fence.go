package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/scsi"
)

// Fence takes a failed node's registrations off every LUN of the package, by
// PREEMPT AND ABORT; a reservation that it held is this node's afterwards.
// This node must be registered. Another survivor having been first is success.
//
// Keys of nodes that leave are removed with it: they have stopped writing, and
// a hand-over to the failed node may be on its way, which would register it
// again.
//
// Errors, joined where there are several: *LUNError (ErrNotRegistered; or the
// state of a LUN is unknown, and nothing is claimed of it), *SharedLUNError,
// *ForeignKeyError (nothing was changed), *LostError (the other node has taken
// the failover package meanwhile).
func (r *Run) Fence(ctx context.Context, victim Member) error {
	targets, err := r.survey(ctx, func(ctx context.Context, t *target) error { return t.read(ctx) })
	if err != nil {
		return err
	}
	// All or none: a node that is not registered everywhere is itself in
	// trouble, and says so before it changes anything.
	var errs []error
	for _, t := range targets {
		if !t.state.Has(r.Node.Key) {
			errs = append(errs, &LUNError{LUN: t.Name, Err: ErrNotRegistered})
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	var arbiter *target
	if r.Mode == Exclusive && len(targets) > 1 {
		arbiter = targets[0]
	}
	end, cancel := r.whole(ctx)
	defer cancel()
	for range maxRounds {
		if err := r.eachWhole(ctx, targets, func(ctx context.Context, t *target) error { return t.fence(ctx, victim, arbiter) }); err != nil {
			return err
		}
		// All of them were begun, so all are brought to an end.
		ctx = end
		if back, err := r.reappears(ctx, targets, victim); err != nil || !back {
			return err
		}
	}
	return &LUNError{LUN: targets[0].Name, Err: ErrUnsettled}
}

// reappears looks at all LUNs again once the victim is gone from each: a start
// of its that ran meanwhile may have registered on some after they were done
// with. It looks twice, too, so one of the two sees the other.
func (r *Run) reappears(ctx context.Context, targets []*target, victim Member) (bool, error) {
	if len(targets) <= 1 || !r.keeps(ruleLookTwice) {
		return false, nil
	}
	err := r.each(targets, func(t *target) error { return t.read(ctx) })
	return slices.ContainsFunc(targets, func(t *target) bool {
		return t.state.Has(victim.Key) || t.state.Has(Leaving(victim.Key))
	}), err
}

// fence removes the victim from one LUN and reads back that it is gone and
// that a reservation keeps it out. A victim that comes back may be taking a
// failover package over: who has lost the arbiter to it gives up, or the two
// would remove each other for ever.
func (t *target) fence(ctx context.Context, victim Member, arbiter *target) error {
	var last error
	refused := 0
	for round := range maxRounds {
		if keys := t.foreign(); len(keys) > 0 {
			return &ForeignKeyError{LUN: t.Name, Keys: keys}
		}
		if !t.state.Has(t.run.Node.Key) {
			return &LUNError{LUN: t.Name, Err: ErrNotRegistered}
		}
		victims := t.victims(victim)
		if len(victims) == 0 && t.state.Reservation != nil {
			return nil
		}
		if round > 0 && arbiter != nil && arbiter != t {
			if err := arbiter.stillOurs(ctx); err != nil {
				return err
			}
		}
		last = t.strike(ctx, victims)
		switch {
		case last != nil && !again(last):
			return t.final(last)
		case errors.Is(last, scsi.ErrReservationConflict):
			refused++
		default:
			refused = 0
		}
		before := t.state
		if err := t.read(ctx); err != nil {
			return err
		}
		if refused > 1 && slices.Equal(before.Keys(), t.state.Keys()) {
			// Nothing changes, and the device refuses: this path's nexus is
			// not the one that our key is registered by.
			if refused = 0; len(t.usable) == 1 {
				return &LUNError{LUN: t.Name, Err: ErrNotRegistered}
			}
			t.usable = t.usable[1:]
		}
	}
	return &LUNError{LUN: t.Name, Err: errors.Join(ErrUnsettled, last)}
}

// victims are the failed node's keys on the LUN, and those of other nodes that
// leave.
func (t *target) victims(victim Member) []scsi.Key {
	var keys []scsi.Key
	for _, k := range allKeys(t.state) {
		leaves := k&LeavingMark != 0 && k&^LeavingMark != t.run.Node.Key && t.run.keeps(ruleFenceLeaving)
		if leaves || k&^LeavingMark == victim.Key {
			keys = append(keys, k)
		}
	}
	return keys
}

// strike preempts the victims, the holder first, or reserves a LUN on which
// nobody holds: there the failed node could write without any registration.
func (t *target) strike(ctx context.Context, victims []scsi.Key) error {
	if t.state.Reservation == nil {
		if err := t.reserve(ctx); err != nil {
			return err
		}
	}
	if held := t.state.Reservation; held != nil && slices.Contains(victims, held.Key) {
		victims = append([]scsi.Key{held.Key}, slices.DeleteFunc(victims, func(k scsi.Key) bool { return k == held.Key })...)
	}
	for _, v := range victims {
		if err := t.preempt(ctx, v); err != nil {
			return err
		}
	}
	return nil
}
