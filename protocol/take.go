package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// To take a LUN is to make it this node's alone. One path, the seat, does it.
// Whoever has to remove others is registered with the key marked taking while he
// does, so that the doubt whether their commands are over stays on the LUN
// whatever becomes of him. The other paths are registered when the LUN is won.
//
// arbiter is the LUN that has been won before, nil if this is it.
func takeRows(arbiter *target) []row {
	return append(enterRows(arbiter),
		row{"the arbiter was not looked at since the seat was registered", func(t *position) bool { return arbiter != nil && !t.looked },
			func(t *target) action { return asksArbiter(t, arbiter) }},
		unresolvedRow(), doubtRow(),
		row{"nobody holds", func(t *position) bool { return t.State.Reservation == nil },
			func(t *target) action { return t.reserves(t.seat(), t.seatKey()) }},
		row{"all registrants hold", allHoldYet,
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), 0) }},
		row{"another node holds", (*position).HeldByOther,
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), t.Holder()) }},
		row{"this node holds, and the device removes nobody for who holds", func(t *position) bool { return t.holdsInVain(t.victim()) },
			turns},
		row{"a rival has lost, and has not left yet", func(t *position) bool { return t.IsMine() && mustWait(t, t.victim()) },
			waits},
		row{"other keys are registered", func(t *position) bool { return t.victim() != 0 },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), t.victim()) }},
		row{"this node holds by another type", func(t *position) bool { return !t.RightType() },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), t.Holder()) }},
		suspectRow(),
		row{"another path is marked", func(t *position) bool { return t.markedPath() != nil },
			func(t *target) action { return unmarks(t, t.markedPath()) }},
		row{"the seat is marked", func(t *position) bool { return t.seatKey() != t.Me() },
			func(t *target) action { return unmarks(t, t.seat()) }},
		row{"a path is not registered", func(t *position) bool { return t.widens() != nil },
			func(t *target) action { return widen(t, t.widens(), Registered) }},
	)
}

// enterRows make the seat this node's registration.
func enterRows(arbiter *target) []row {
	return []row{
		foreignRow(), noPathRow(),
		{"another node has won the LUN", func(t *position) bool { return arbiter == nil && t.beaten() },
			func(t *target) action { return fail(lostError(t)) }},
		{"it is not known whether another node has removed this one, nor whether it has lost the arbiter", func(t *position) bool { return t.unseen && arbiter != nil && !t.looked },
			func(t *target) action { return asksArbiter(t, arbiter) }},
		unseenRow(), liarRow(),
		{"another node is removing others, and this run has done nothing yet", func(t *position) bool { return !t.touched && mustWait(t, t.waitsFor()) },
			waits},
		{"the seat is not known to be registered", func(t *position) bool { return !t.isSure(t.seat()) },
			sits},
		{"who holds is removing others, and the seat is marked", func(t *position) bool {
			return mustWait(t, t.Holder()) && t.HeldByOther() && t.seatKey()&TakingMark != 0
		},
			func(t *target) action { return standsDown(t) }},
		{"who holds is removing others", func(t *position) bool { return mustWait(t, t.Holder()) && t.HeldByOther() },
			waits},
		{"others are to be removed, and the seat is not marked", func(t *position) bool { return t.mustMark() && t.seatKey()&TakingMark == 0 },
			func(t *target) action { return t.marksTaking(t.seat(), t.seatKey()) }},
	}
}

// Rows that several protocols have.

func foreignRow() row {
	return row{"there is a foreign key", func(t *position) bool { return len(t.Foreign()) > 0 },
		func(t *target) action { return fail(t.foreignError()) }}
}

func noPathRow() row {
	return row{"no path is usable", func(t *position) bool { return len(t.Usable) == 0 },
		func(t *target) action { return fail(t.NoPath()) }}
}

// liarRow: each removal is another node's, and who has lost stops.
func liarRow() row {
	return row{"this run was removed more often than there can be nodes", func(t *position) bool { return t.removals > MaxMembers },
		func(*target) action { return fail(ErrUnsettled) }}
}

func unseenRow() row {
	return row{"it is not known whether another node has removed this one", func(t *position) bool { return t.unseen },
		func(*target) action { return fail(ErrUnsure) }}
}

func unresolvedRow() row {
	return row{"the doubt could not be resolved", func(t *position) bool { return t.doubt && t.unresolved != nil },
		func(t *target) action { return fail(errors.Join(ErrUnresolved, t.unresolved)) }}
}

func doubtRow() row {
	return row{"it is not known whether the commands of who was removed are over", func(t *position) bool { return t.doubt },
		func(t *target) action { return t.resets() }}
}

func suspectRow() row {
	return row{"their commands should be over", func(t *position) bool { return t.suspect },
		func(t *target) action { return t.resets() }}
}

// beaten reports whether another node has won the LUN: it holds the reservation,
// and had not when this run began, or has removed this one's registration. If
// nobody holds, a halt has cleared the LUN, and who reserves first wins.
func (t *position) beaten() bool {
	if !t.HeldByOther() {
		return false
	}
	return t.removed || t.before.Reservation == nil || t.heldBefore != Plain(t.Holder())
}

// mustMark reports whether there are others to be removed, or the doubt about
// those who were.
func (t *position) mustMark() bool {
	return len(t.Others()) > 0 || t.HeldByOther() || allHoldYet(t) ||
		t.victim() != 0 || t.doubt || t.HasOwn(TakingMark)
}

// allHoldYet reports whether all registrants hold, and others may be among them: when this
// run has removed these some devices leave it the reservation as it was.
func allHoldYet(t *position) bool { return t.AllHold() && !(t.tookAll && t.IsMine()) }

// holdsInVain reports whether this node holds alone, and has removed a key that is there,
// on a namespace: Linux's target changes no more than the type for who holds alone, and
// says that it is done.
func (t *position) holdsInVain(victim pr.Key) bool {
	seat := t.seat()
	return seat != nil && !pr.Moves(seat) && t.IsMine() && slices.Contains(t.struck, victim) && (t.Caps == nil || t.Caps.Supports(unit.SharedType))
}

// turns makes this node's reservation one of all registrants, where the device does what
// it should: nobody can write then who could not before.
func turns(t *target) action {
	a := preemptsAs(t, t.seat(), t.seatKey(), t.Holder(), unit.SharedType)
	ended := a.ended
	a.ended = func(how end, err error) {
		ended(how, err)
		t.turned = t.turned || how != refused
	}
	return a
}

// victim is a key to be removed that does not hold: another node's, or this
// node's own, of the past or marked on a path that has died. Where the package may
// be up already, registrations of the past are left: to remove them would take
// the paths' away, too.
func (t *position) victim() pr.Key {
	if others := t.Others(); len(others) > 0 {
		return others[0]
	}
	for _, r := range t.Own() {
		marked := r.Key&Marks != 0 && t.ofNoPath(r)
		if marked || !t.up && !t.staleKept && !t.IsPresent(r) {
			return r.Key
		}
	}
	return 0
}

// sits registers the seat. Where this node's key is listed for it already, that
// is changed by quoting it: a node that was removed must notice.
func sits(t *target) action {
	t.looked = false
	key := t.Me()
	if t.mustMark() {
		key = Taking(key)
	}
	return seats(t, t.seat(), key)
}

// seats makes the key the registration of the seat: by quoting the one that is
// listed for it, or anew. If another path of this run was the seat before, and
// has failed, its registration has to be seen before this one acts: a device that
// registers a host's paths as one would hide by this one that it was removed.
func seats(t *target, p pr.Path, key pr.Key) action {
	r, sure, found := t.Registration(p)
	var a action
	own := t.Own()
	before := len(t.sure) > 0 || slices.ContainsFunc(own, func(r pr.Registration) bool { return r.AllPorts })
	switch {
	case sure || found && t.up && !t.isRefused(p):
		a = t.registers(Registered, p, r.Key, key)
		a.ended = noticing(t, p, a.ended)
	case before && !t.isRefused(p):
		a = t.registers(Registered, p, 0, key)
		a.ended = noticing(t, p, a.ended)
	case before && len(own) > 0:
		a = t.registers(Registered, p, own[0].Key, key)
		a.ended = covering(t, p, key, a.ended)
	default:
		a = t.registersAnew(p, key)
	}
	if before || t.removed {
		// Who was removed acts on what he reads, and not on what he expects: who
		// was a registrant may hold by now, and have said ok.
		a.effect = nil
	}
	return a
}

// noticing notes that a key which was quoted is not there any more: this node
// was removed, unless it never was sure that the key was the path's.
func noticing(t *target, p pr.Path, then func(end, error)) func(end, error) {
	return func(how end, err error) {
		then(how, err)
		if how == refused && errors.Is(err, pr.ErrReservationConflict) && !t.isRefused(p) {
			t.refused = append(t.refused, p)
		}
	}
}

// asksArbiter looks whether the arbiter is still this node's, for the sake of this LUN.
func asksArbiter(t *target, arbiter *target) action {
	return action{kind: asking, ask: func(ctx context.Context) error {
		err := stillOurs(ctx, arbiter)
		t.looked = err == nil
		return err
	}}
}

// unmarks takes the mark off a path.
func unmarks(t *target, p pr.Path) action {
	key := t.sureKey(p)
	if r, _, found := t.Registration(p); key == 0 && found {
		key = r.Key
	}
	return t.registers(Unmarked, p, key, t.Me())
}

// widen registers one more path. The command is conditional where it can be:
// see admits. A conflict says that the path is registered, with another key or
// as one with the other paths of this host.
func widen(t *target, p pr.Path, as Action) action {
	if !t.State.Identified && t.up {
		// It may be registered: then that is the way to find out that does not
		// register a node which was removed.
		if !t.isRefused(p) {
			a := t.registers(as, p, t.Me(), t.Me())
			a.ended = noticing(t, p, a.ended)
			return a
		}
		a := t.registers(as, p, 0, t.Me())
		a.ended = covering(t, p, t.Me(), a.ended)
		return a
	}
	if !t.isRefused(p) {
		return admits(t, p, as)
	}
	if at := t.RegistrationOf(p, 0); at >= 0 && t.Identity(p).Likens(t.State.Registrations[at]) == pr.Alike {
		// Another node's key, from a copy that was killed.
		return t.registers(as, p, t.State.Registrations[at].Key, t.Me())
	}
	a := t.registers(as, p, t.Me(), t.Me())
	a.ended = covering(t, p, t.Me(), a.ended)
	return a
}

// covering notes that a path counts as registered with the others of its host,
// or, if it refuses this, too, that it is not to be had.
func covering(t *target, p pr.Path, key pr.Key, then func(end, error)) func(end, error) {
	return func(how end, err error) {
		then(how, err)
		switch {
		case how == performed && t.State.Identified:
			t.coverHost(p, key)
			t.run.log(Event{Action: PerHost, LUN: t.Name, Path: p.Name()})
		case how == refused && errors.Is(err, pr.ErrReservationConflict):
			t.GiveUp(p, err)
		}
	}
}

// admits registers a path beside those that are registered. From a path that
// holds it is REGISTER AND MOVE, which a node that was removed in between cannot
// do any more. Where the device cannot, or this node does not hold, it is
// REGISTER without a key to quote, and what was registered before has to prove
// afterwards that this node was not removed.
func admits(t *target, p pr.Path, as Action) action {
	if from := t.movesFrom(p); from != nil {
		r, _, _ := t.Registration(from)
		id := t.Identity(p)
		a := t.moves(as, from, &pr.MoveOrder{
			Key: r.Key, ActionKey: t.Me(), Persist: t.APTPL, RelativePort: id.RelativePort, Destination: id.Initiator,
		})
		a.event.Key, a.event.Heir, a.event.From, a.event.Path = t.Me(), 0, from.Name(), p.Name()
		a.ended = func(how end, err error) {
			if how == performed {
				t.registered(p, t.Me())
			}
			t.noMove = t.noMove || how == refused && errors.Is(err, pr.ErrUnsupported)
		}
		a.unsupported = true
		return a
	}
	a := t.registers(as, p, 0, t.Me())
	a.ended = noticing(t, p, a.ended)
	return a
}

// stillOurs reads the arbiter for the sake of another LUN. Who has lost it once
// has lost.
func stillOurs(ctx context.Context, t *target) error {
	look, err := t.lookAgain(ctx, t.Usable)
	if err != nil {
		return err
	}
	if !look.IsMine() || look.removed {
		return lostError(look)
	}
	return nil
}

// lostError says who has the LUN now.
func lostError(t *target) error {
	e := &LostError{LUN: t.Name, Winner: t.owner()}
	if n, ok := t.run.Members.Of(e.Winner); ok {
		e.Node = n.Name
	}
	return e
}

// owner returns the key that has the LUN: the holder's, else the lowest
// registered one that is not ours.
func (t *position) owner() pr.Key {
	if t.HeldByOther() {
		return Plain(t.Holder())
	}
	if others := t.Others(); len(others) > 0 {
		return Plain(others[0])
	}
	return 0
}
