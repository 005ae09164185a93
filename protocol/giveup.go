package protocol

import (
	"context"
	"errors"

	"lunguard/pr"
)

// giveUp leaves the LUNs as they should be after a failed start. Who lost
// leaves nothing of his own. After any other failure those LUNs are left that
// were nobody's before; one that was taken from another node stays reserved,
// or that node could write again.
func (r *Run) giveUp(ctx context.Context, targets []*target, why error) error {
	var lost *LostError
	leaveAll := errors.As(why, &lost)
	return r.each(targets, func(t *target) error {
		if !t.touched {
			return nil
		}
		t.retry()
		if err := t.read(ctx); err != nil {
			return err
		}
		return t.drive(ctx, giveUpRows(leaveAll))
	})
}

// giveUpRows are what becomes of one LUN.
//
// A reservation that was taken from another node is kept, with the mark if there
// is one: what is not known stays not known. If a command may still be on its way
// that takes the LUN, it is left registered: that one would find nobody
// registered, or, worse, be followed by what unregisters. Who has no business on
// the LUN unregisters: registered under the reservation of another node he could
// write. One who gives up because another node has won need not remove that one's
// reservation, or wait to be removed by it.
func giveUpRows(leaveAll bool) []row {
	return []row{
		{"nothing is registered", func(t *position) bool { return len(t.Own()) == 0 }, finish},
		{"a mark of this run is not needed any more", func(t *position) bool {
			return t.markedByUs() != nil && (t.IsMine() && !t.reserved || t.hadIt() && !leaveAll)
		},
			func(t *target) action { return unmarks(t, t.markedByUs()) }},
		{"this node had it before", func(t *position) bool { return t.hadIt() && !leaveAll }, finish},
		{"it was taken from another node", func(t *position) bool { return t.IsMine() && (!t.reserved || t.doubt) },
			func(t *target) action { return keeps(t, Kept) }},
		{"a command may still take it", func(t *position) bool { return t.open && !t.IsMine() && !leaveAll },
			func(t *target) action { return keeps(t, TakingOpen) }},
		{"a path is registered", func(t *position) bool { return t.leaves() != nil },
			func(t *target) action { return leave(t, t.leaves()) }},
		{"registrations are left that no path can take off", func(*position) bool { return true },
			func(*target) action { return fail(ErrNotUndone) }},
	}
}

func finish(*target) action { return action{kind: finished} }

// hadIt reports whether this node was registered before the run.
func (t *position) hadIt() bool { return t.before.Has(t.Me()) }

// keeps logs why the LUN is left as it is, and ends.
func keeps(t *target, why Action) action {
	e := Event{Action: why, LUN: t.Name, Key: t.Me()}
	if why == TakingOpen {
		e.Heir = Plain(t.Holder())
	}
	t.run.log(e)
	return action{kind: paused}
}

// leave unregisters a path. A conflict says that the registration has gone
// already, or that the key was another path's.
func leave(t *target, p pr.Path) action {
	r, sure, _ := t.Registration(p)
	if !sure {
		r.Key = t.likely(p)
	}
	a := t.unregisters(p, r.Key)
	a.ended = trying(t, p, r.Key, a.ended)
	return a
}

// trying notes that a path is not registered with the key that was quoted.
func trying(t *target, p pr.Path, key pr.Key, then func(end, error)) func(end, error) {
	return func(how end, err error) {
		then(how, err)
		if how == performed || how == refused && errors.Is(err, pr.ErrReservationConflict) {
			t.absent = append(t.absent, registeredPath{path: p, key: key})
		}
	}
}
