package protocol

import (
	"context"
	"errors"

	"lunguard/scsi"
)

// joinAll joins the LUNs, and looks at all of them again once it is registered
// on each: a fence that ran meanwhile has removed this node from some LUNs and
// may have found nothing yet on others. It looks twice, too, so one of the two
// sees the other.
func (r *Run) joinAll(ctx context.Context, targets []*target) error {
	if err := r.each(targets, func(t *target) error { return t.join(ctx) }); err != nil {
		return err
	}
	if len(targets) == 1 || !r.keeps(ruleLookTwice) {
		return nil
	}
	return r.each(targets, func(t *target) error {
		if err := t.read(ctx); err != nil {
			return err
		}
		if !t.state.Has(r.Node.Key) {
			return &LUNError{LUN: t.Name, Err: ErrRemoved}
		}
		return nil
	})
}

// backOut leaves those LUNs again on which this run has registered, and all if
// this node was fenced: there its registration may have come after the fence.
// It is a halt: the reservation may be ours by now, and others may rely on it.
func (r *Run) backOut(ctx context.Context, targets []*target, why error) error {
	fenced := errors.Is(why, ErrRemoved)
	return r.each(targets, func(t *target) error {
		if !t.registered || t.before.Has(r.Node.Key) && !fenced {
			return nil
		}
		return t.depart(ctx)
	})
}

// join registers this node and sees to it that somebody who stays holds the
// reservation.
//
// The order is: register, then read. A node that halts marks its key first and
// reads then. So one of the two always sees the other.
//
// Nobody but a fence removes the unmarked key of another node. Who finds
// himself removed does not register again: a fenced node must not let itself
// in. A registration of another path that came after the fence hides that, but
// not from a path that quotes its key.
func (t *target) join(ctx context.Context) error {
	key := t.run.Node.Key
	var last error
	register, quoted := true, false
	for range maxRounds {
		if register {
			last = t.register(ctx)
		} else {
			last = t.secure(ctx)
		}
		if last != nil && (!again(last) || t.hopeless(last)) {
			return t.final(last)
		}
		if err := t.read(ctx); err != nil {
			return err
		}
		if keys := t.foreign(); len(keys) > 0 {
			return &ForeignKeyError{LUN: t.Name, Keys: keys}
		}
		if len(t.sure) > 0 && !t.state.Has(key) {
			t.wasRemoved()
		}
		if t.removed && t.run.keeps(ruleStayOut) {
			return &LUNError{LUN: t.Name, Err: ErrRemoved}
		}
		register = last != nil || !t.state.Has(key)
		if !t.enrolled || !t.member() || t.haunted() {
			continue
		}
		if t.state.Count(key) >= len(t.sure) || quoted || !t.run.keeps(ruleQuoteOwn) {
			t.checkPaths()
			return nil
		}
		// Either the device counts the paths of a host as one, or some were
		// removed.
		register, quoted = true, true
	}
	return &LUNError{LUN: t.Name, Err: errors.Join(ErrUnsettled, last)}
}

// member reports whether this node is registered under a reservation of the
// right type whose holder stays, and nothing says that it leaves itself.
func (t *target) member() bool {
	held := t.state.Reservation
	return t.state.Has(t.run.Node.Key) && held != nil && held.Type == reservationType &&
		held.Scope == scsi.LUScope && (held.Key&LeavingMark == 0 || !t.run.keeps(ruleJoinPreempts)) &&
		!t.state.Has(Leaving(t.run.Node.Key))
}

// secure sends the one command that the state asks for, so that somebody who
// stays holds the reservation.
func (t *target) secure(ctx context.Context) error {
	held := t.state.Reservation
	key := t.run.Node.Key
	switch {
	case held == nil:
		return t.reserve(ctx)
	case held.Key&LeavingMark != 0 && !held.Type.AllRegistrants():
		return t.preempt(ctx, held.Key)
	case held.Key == key && held.Type != reservationType, t.haunted():
		// A holder preempts itself to change the type, or to be rid of nexuses
		// of the past. Its other paths' registrations go with that and are made
		// again.
		t.swept = true
		if err := t.preempt(ctx, key); err != nil {
			return err
		}
		t.sure = t.usable[:1:1]
		return t.register(ctx)
	case t.state.Has(Leaving(key)):
		// A halt was killed, and left its mark on a path that is dead now.
		return t.preempt(ctx, Leaving(key))
	case held.Type != reservationType:
		return &LUNError{LUN: t.Name, Err: ErrOtherType}
	}
	return nil
}
