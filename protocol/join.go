package protocol

import (
	"context"
	"errors"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// joinAll joins the LUNs, and looks at all of them again once it is registered
// on each: a fence that ran meanwhile has removed this node from some LUNs and
// may have found nothing yet on others, and whoever held may have left. It looks
// twice, too, so one of the two sees the other.
func (r *Run) joinAll(ctx context.Context, targets []*target) error {
	if err := r.each(targets, func(t *target) error { return t.drive(ctx, joinRows()) }); err != nil {
		return err
	}
	if len(targets) == 1 {
		return nil
	}
	return r.each(targets, func(t *target) error {
		if err := t.read(ctx); err != nil {
			return err
		}
		return t.drive(ctx, joinRows())
	})
}

// To join a LUN is to register beside others, and to see to it that somebody who
// stays holds the reservation.
//
// The order is: register, then read. A node that halts marks its key first and
// reads then. So one of the two always sees the other.
//
// Nobody but a fence removes the unmarked key of another node. Who finds
// himself removed does not register again: a fenced node must not let itself in.
func joinRows() []row {
	return []row{
		foreignRow(), noPathRow(),
		{"another node has removed this one", func(t *position) bool { return t.removed },
			func(*target) action { return fail(ErrRemoved) }},
		unseenRow(),
		unresolvedRow(), doubtRow(),
		{"the seat is not known to be registered", func(t *position) bool { return !t.isSure(t.seat()) },
			joins},
		{"the seat is marked", func(t *position) bool { return t.seatKey() != t.Me() },
			func(t *target) action { return unmarks(t, t.seat()) }},
		{"another path is marked", func(t *position) bool { return t.markedPath() != nil },
			func(t *target) action { return unmarks(t, t.markedPath()) }},
		{"a mark of this node is left on a path that is dead", func(t *position) bool { return t.deadMark() != 0 },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), t.deadMark()) }},
		{"nobody holds", func(t *position) bool { return t.State.Reservation == nil },
			func(t *target) action { return t.reserves(t.seat(), t.Me()) }},
		{"who holds leaves", func(t *position) bool { return unit.IsLeaving(t.Holder()) },
			func(t *target) action { return t.preempts(t.seat(), t.Me(), t.Holder()) }},
		{"this node holds by another type, or by a nexus of the past", func(t *position) bool { return t.IsMine() && (!t.RightType() || t.removesStale()) },
			func(t *target) action { return t.preempts(t.seat(), t.Me(), t.Holder()) }},
		{"others hold by another type", func(t *position) bool { return !t.RightType() },
			func(*target) action { return fail(ErrOtherType) }},
		{"a path is not registered", func(t *position) bool { return t.widens() != nil },
			func(t *target) action { return widen(t, t.widens(), Registered) }},
		{"another node is removing somebody", func(t *position) bool { return t.waitsFor() != 0 && isPatient(t) },
			waits},
		{"and its commands may not be over", func(t *position) bool { return t.waitsFor() != 0 },
			func(t *target) action { t.doubt, t.theirs = true, true; return t.resets() }},
	}
}

// maxPatience is how often a run looks again for the end of another node's
// removing before it resolves the doubt itself.
const maxPatience = 3

// maxPatienceOnSpaces is that on namespaces, where nothing but the other node's own end
// resolves it, and where a target may wait ten seconds for the commands of a host that hangs.
const maxPatienceOnSpaces = 20

// isPatient reports whether the run has not yet looked as often for the end of another
// node's removing as is worth while.
func isPatient(t *position) bool {
	if seat := t.seat(); seat != nil && !pr.Resets(seat) {
		return t.patience < maxPatienceOnSpaces
	}
	return t.patience < maxPatience
}

// mustWait reports whether a node that is removing others should come to its end before it
// is itself removed: whose commands it leaves under way nobody could tell afterwards, where
// no reset ends them.
func mustWait(t *position, taker pr.Key) bool {
	seat := t.seat()
	return taker&TakingMark != 0 && !t.doubt && t.State.Has(taker) && seat != nil && !pr.Resets(seat) && isPatient(t)
}

// joins registers the seat: anew, or by quoting the key that is listed for it.
func joins(t *target) action {
	p := t.seat()
	key := t.Me()
	if r, sure, _ := t.Registration(p); sure && r.Key&TakingMark != 0 {
		key = r.Key
	}
	return seats(t, p, key)
}

// removesStale reports whether registrations of the past are to be removed: this node
// holds the reservation, so that a PREEMPT of its own key takes them away, and
// nothing of it can be up through a path that there is now.
func (t *position) removesStale() bool { return !t.up && !t.staleKept && len(t.Past()) > 0 }

// waitsFor is another node's key marked taking whose doubt this run has not
// resolved, 0 if there is none.
func (t *position) waitsFor() pr.Key {
	for _, k := range t.Takers() {
		if !t.isResolved(k) {
			return k
		}
	}
	return 0
}

// waits reads again after a while.
func waits(t *target) action {
	t.patience++
	return action{kind: asking, ask: func(ctx context.Context) error {
		t.Unread = true
		return t.final(sleep(ctx, t.run))
	}}
}

// backOut leaves those LUNs again on which this run has registered, and all if
// this node was fenced: there its registration may have come after the fence.
// It is a halt: the reservation may be ours by now, and others may rely on it.
func (r *Run) backOut(ctx context.Context, targets []*target, why error) error {
	fenced := errors.Is(why, ErrRemoved)
	return r.each(targets, func(t *target) error {
		if !t.touched || t.before.Has(r.Node.Key) && !fenced {
			return nil
		}
		t.retry()
		if err := t.read(ctx); err != nil {
			return err
		}
		if t.theirs {
			// The mark of who removes them says it, with this node or without.
			t.doubt, t.unresolved = false, nil
		}
		return depart(ctx, t)
	})
}
