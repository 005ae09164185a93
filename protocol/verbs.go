package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// The commands of the protocols as actions: how each is sent, what it does to
// the state if it is performed, and what of it the claim has to keep.

// wants is the type of a reservation that this run makes: what is in force stays, if it
// will do.
func (t *position) wants() pr.Type {
	switch {
	case t.mode == Exclusive:
		return unit.ReservationType
	case t.State != nil && t.RightType():
		return t.State.Reservation.Type
	}
	return t.Wants(t.preferred)
}

// RightType reports whether there is a reservation of a type that the mode makes.
func (t *position) RightType() bool { return t.Unit.RightType(t.mode == Shared) }

func fail(err error) action { return action{kind: failed, err: err} }

// registers changes the registration of a path, quoting its key: old 0 is "not
// registered", key 0 takes it off.
func (t *target) registers(a Action, p pr.Path, old, key pr.Key) action {
	return action{
		kind: sending, path: p, event: Event{Action: a, Key: key}, persists: true,
		send:   func(ctx context.Context) error { return p.Register(ctx, old, key, t.APTPL) },
		effect: func() bool { return t.ExpectRegistered(p, old, key) },
		ended:  func(how end, _ error) { t.noteRegister(how, p, key) },
	}
}

// marksTaking marks a path whose key is known.
func (t *target) marksTaking(p pr.Path, old pr.Key) action {
	a := t.registers(MarkedTaking, p, old, Taking(t.Me()))
	a.event.Key = old
	return a
}

// unregisters takes the registration of a path off. Quoting the key makes it
// safe at any age: it removes our registration or nothing.
func (t *target) unregisters(p pr.Path, key pr.Key) action {
	a := t.registers(Unregistered, p, key, 0)
	a.event.Key, a.anyAge = key, true
	return a
}

// registersAnew makes the key the registration of a path, whatever it was.
func (t *target) registersAnew(p pr.Path, key pr.Key) action {
	return action{
		kind: sending, path: p, event: Event{Action: Registered, Key: key, Anew: true}, persists: true,
		send:   func(ctx context.Context) error { return p.RegisterAndIgnore(ctx, key, t.APTPL) },
		effect: func() bool { return t.ExpectRegistered(p, 0, key) },
		ended:  func(how end, _ error) { t.noteRegister(how, p, key) },
	}
}

// noteRegister notes the end of a REGISTER of a path.
func (c *claim) noteRegister(how end, p pr.Path, key pr.Key) {
	switch {
	case how == performed:
		c.registered(p, key)
	case how == unknown && key != 0:
		c.unsure = append(c.unsure, registeredPath{path: p, key: key})
		c.unanswered = append(c.unanswered, p)
	}
}

// reserves takes a LUN that nobody holds.
func (t *target) reserves(p pr.Path, key pr.Key) action {
	typ := t.wants()
	return action{
		kind: sending, path: p, event: Event{Action: Reserved, Key: key, Type: typ},
		send:   func(ctx context.Context) error { return p.Reserve(ctx, key, typ) },
		effect: func() bool { return t.ExpectReserved(p, key, typ) },
		ended: func(how end, _ error) {
			t.reserved = t.reserved || how == performed || how == unknown
			t.took = t.took || t.reserved
			t.open = t.open || how == unknown
		},
	}
}

// preempts removes a key, 0 for all others under a reservation of all
// registrants. What the victim had under way may be performed as long as the end
// of the command is not known; if the victim was itself taking, what that one
// had removed may, too.
//
// GOOD says that the victim's commands are over. Linux's target knows a command by
// the key that held when it came, and so aborts by the holder's key only: where
// several nodes write, or where nobody held, or all, a reset makes sure, if the
// device can do it. Of a namespace there is no such reset, and no target that is known to
// do so.
func (t *target) preempts(p pr.Path, key, victim pr.Key) action {
	return preemptsAs(t, p, key, victim, t.wants())
}

// preemptsAs is preempts with the type that a reservation which is made anew gets.
func preemptsAs(t *target, p pr.Path, key, victim pr.Key, typ pr.Type) action {
	other := Plain(victim) != t.Me() && victim != 0
	takes := victim == 0 || victim == t.Holder()
	inherits := victim&TakingMark != 0 && other || victim == 0 && t.waitsFor() != 0
	suspect := pr.Resets(p) && (victim == 0 || other && !unit.IsLeaving(victim) && (t.mode == Shared || t.before.Reservation == nil))
	return action{
		kind: sending, path: p, event: Event{Action: Preempted, Key: key, Victim: victim},
		send:   func(ctx context.Context) error { return p.PreemptAndAbort(ctx, key, victim, typ) },
		effect: func() bool { return t.ExpectPreempted(p, key, victim, typ) },
		// Victim 0 under a reservation that is not of all registrants any more.
		unsupported: victim == 0,
		ended: func(how end, _ error) {
			if how == unknown {
				t.doubt, t.open = true, true
			}
			if how == performed {
				t.reserved, t.took = false, t.took || takes
				t.tookAll = t.tookAll || victim == 0
			}
			if how == performed && !takes && t.IsMine() {
				t.struck = append(t.struck, victim)
			}
			t.doubt = t.doubt || how == performed && inherits
			t.suspect = t.suspect || how == performed && suspect
			if how == refused && victim == t.Me() {
				t.staleKept = true
			}
			if how == performed && (Plain(victim) == t.Me() || victim == 0) {
				t.preempted(p, victim)
			}
		},
	}
}

// resets ends every task on the LUN, and with that the doubt whether those of
// nodes that were removed are over. Everything that was marked taking by then is
// resolved. Each path is tried once.
func (t *target) resets() action {
	p := t.Usable[0]
	for _, q := range t.Usable {
		if !slices.Contains(t.vainResets, q) {
			p = q
			break
		}
	}
	takers := t.Takers()
	return action{
		kind: sending, path: p, event: Event{Action: Reset, Key: t.Me()}, anyAge: true,
		send:   func(ctx context.Context) error { return pr.Reset(ctx, p) },
		effect: func() bool { return true },
		ended: func(how end, err error) {
			if how == performed {
				t.doubt, t.theirs, t.suspect, t.settled, t.resolved = false, false, false, true, append(t.resolved, takers...)
				return
			}
			if errors.Is(err, pr.ErrUnitAttention) {
				return // It was not done, and is sent again.
			}
			t.vainResets = append(t.vainResets, p)
			if !t.doubt && errors.Is(err, pr.ErrUnsupported) {
				// Nothing else than the answer of PREEMPT AND ABORT is to be had.
				t.suspect = false
				return
			}
			t.doubt = t.doubt || t.suspect
			others := slices.ContainsFunc(t.Usable, func(q pr.Path) bool { return !slices.Contains(t.vainResets, q) })
			if !others || !pr.PathFailed(err) && !errors.Is(err, pr.ErrDevice) {
				t.unresolved = err
			}
		},
	}
}

// clears takes everything off the LUN.
func (t *target) clears(p pr.Path, key pr.Key) action {
	return action{
		kind: sending, path: p, event: Event{Action: Cleared, Key: key},
		send:   func(ctx context.Context) error { return p.Clear(ctx, key) },
		effect: t.ExpectCleared,
	}
}

// moves moves the reservation from a path that holds it.
func (t *target) moves(a Action, p pr.Path, m *pr.MoveOrder) action {
	return action{
		kind: sending, path: p, event: Event{Action: a, Key: m.Key, Heir: m.ActionKey},
		send:   func(ctx context.Context) error { return pr.Move(ctx, p, m) },
		effect: func() bool { return t.ExpectMoved(p, m) },
	}
}
