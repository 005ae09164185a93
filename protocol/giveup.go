package protocol

import (
	"context"
	"errors"

	"lunguard/scsi"
)

// giveUp leaves the LUNs as they should be after a failed start. Who lost
// leaves nothing of his own. After any other failure those LUNs are left that
// were nobody's before; one that was taken from another node stays reserved,
// or that node could write again.
func (r *Run) giveUp(ctx context.Context, targets []*target, why error) error {
	var lost *LostError
	leaveAll := errors.As(why, &lost)
	return r.each(targets, func(t *target) error {
		switch {
		case !t.registered:
			return nil
		case leaveAll, len(allKeys(t.before)) == 0:
			return t.leave(ctx)
		case !t.before.Has(r.Node.Key):
			return t.keep(ctx)
		}
		return nil
	})
}

// keep leaves a LUN reserved that was taken from another node. If it was not
// taken yet, this node has no business there: registered under the reservation
// of another node it could write. But if a command may still be on its way that
// takes the LUN, that one would find nobody registered, or, worse, be followed
// by what unregisters.
func (t *target) keep(ctx context.Context) error {
	if err := t.read(ctx); err != nil {
		return err
	}
	if held := t.state.Reservation; !t.open && held != nil && held.Key != t.run.Node.Key && t.state.Has(t.run.Node.Key) {
		return t.leave(ctx)
	}
	switch {
	case !t.state.Has(t.run.Node.Key):
	case t.state.HeldBy(t.run.Node.Key):
		t.run.log(Event{Action: Kept, LUN: t.Name, Key: t.run.Node.Key})
	default:
		t.run.log(Event{Action: TakingOpen, LUN: t.Name, Key: t.run.Node.Key, Heir: t.holder()})
	}
	return nil
}

// leave unregisters our paths, unless we hold the reservation: it may be one
// that was taken from another node, which could write again without it. Who
// gives up because another node has won need not remove it; the winner will
// preempt it, or has done so. A conflict says that the registration has gone
// already. The bit that keeps registrations through power loss is LU-wide and
// set by every REGISTER: it must not be turned off for the others.
func (t *target) leave(ctx context.Context) error {
	key := t.run.Node.Key
	if err := t.read(ctx); err != nil {
		return err
	}
	if held := t.state.HeldBy(key); held && !t.reserved && t.run.keeps(ruleKeepHeld) {
		t.run.log(Event{Action: Kept, LUN: t.Name, Key: key})
		return nil
	}
	var errs []error
	for _, p := range t.usable {
		err := t.leavePath(ctx, p)
		if err != nil && !errors.Is(err, scsi.ErrReservationConflict) {
			errs = append(errs, &LUNError{LUN: t.Name, Err: err})
		}
	}
	if err := t.read(ctx); err != nil {
		return errors.Join(append(errs, err)...)
	}
	if t.state.Has(key) {
		errs = append(errs, &LUNError{LUN: t.Name, Err: ErrKeysLeft})
	}
	return errors.Join(errs...)
}

func (t *target) leavePath(ctx context.Context, p Nexus) error {
	key := t.run.Node.Key
	for range maxRounds {
		// Quoting the old key makes this safe at any age: it removes our
		// registration or nothing.
		t.readAt = t.run.now()
		err := t.out(p, Event{Action: Unregistered, Key: key}, func() error { return p.Register(ctx, key, 0, t.aptpl) })
		if !errors.Is(err, scsi.ErrStateChanged) {
			return err
		}
	}
	return ErrUnsettled
}
