package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/pr"
)

// Halt gives the LUNs up. Where they were taken over, or this node was fenced,
// nothing of ours is left, and that is success. Nothing is ever registered in
// order to clear.
//
// In exclusive mode the LUNs are cleared. In shared mode, and where another node is
// registered that has started by a config of shared mode, only this node's registrations
// go; a reservation that it holds passes to another node.
//
// Where this node has been since it was booted (LUN.Joined), that it is not listed does not
// do: see provesGone.
//
// Errors, joined where there are several: *LUNError (ErrUnlisted; ErrStaleNexus if our key
// is registered by no path that this host has now, ErrUnresolved if a mark of
// this node says that commands of others may not be over, and that cannot be
// resolved), *SharedLUNError, *ForeignKeyError (nothing was changed).
func (r *Run) Halt(ctx context.Context) error {
	targets, err := r.gather(ctx, (*target).surveyLeaving)
	if err == nil {
		// Who has a twin has nothing of his own there that could be taken off: he may halt.
		err = judge(targets, (*target).foreignError)
	}
	if err != nil {
		return err
	}
	if err := r.each(targets, func(t *target) error { return provesGone(ctx, t) }); err != nil {
		return err
	}
	for _, t := range targets {
		if len(t.Own()) == 0 {
			r.log(Event{Action: NothingLeft, LUN: t.Name, Key: r.Node.Key, Heir: Plain(t.Holder()), Generation: t.State.Generation})
		}
	}
	if r.Mode == Shared {
		err = departAll(ctx, r, targets)
	} else {
		err = r.eachWhole(ctx, targets, func(ctx context.Context, t *target) error {
			if isShared(&t.position) {
				return depart(ctx, t)
			}
			return t.drive(ctx, releaseRows())
		})
	}
	return errors.Join(err, r.each(targets, (*target).unfinished))
}

// isShared reports whether another node is registered to stay, which relies on the
// reservation: a CLEAR would take its protection away, and one that leaves may hand over to
// this node. A rival start that would take the LUN from this node is marked taking, and no
// exclusive package is reserved for all registrants.
func isShared(t *position) bool {
	return !t.HasOwn(TakingMark) && slices.ContainsFunc(t.Others(), func(k pr.Key) bool { return k&TakingMark == 0 || t.AllHold() })
}

// surveyLeaving is surveyState; that others are registered and this node is not, by which
// a halt is over, has to be what another path tells, too, if one answers.
func (t *target) surveyLeaving(ctx context.Context) error {
	if err := t.surveyState(ctx); err != nil || len(t.Own()) > 0 || t.State.Empty() {
		return err
	}
	return t.final(t.LacksOwn(ctx))
}

// provesGone makes sure that this node is not registered on a LUN where it has been and is
// not listed: a device may have cut its answer. A REGISTER that quotes the key by which it
// would be registered, and leaves it as it is, must be refused by every path.
func provesGone(ctx context.Context, t *target) error {
	if !t.Joined || len(t.Own()) > 0 || t.mode == Exclusive && t.HeldByOther() {
		return nil
	}
	if err := keepPersistence(ctx, t); err != nil {
		return err
	}
	for _, p := range slices.Clone(t.Usable) {
		for _, key := range []pr.Key{t.Me(), Leaving(t.Me()), Taking(t.Me())} {
			err := quotes(ctx, t, p, key)
			if pr.PathFailed(err) {
				t.GiveUp(p, err)
				break
			}
			if err == nil {
				err = ErrUnlisted
			}
			if !errors.Is(err, pr.ErrReservationConflict) {
				return t.final(err)
			}
		}
	}
	if len(t.Usable) == 0 {
		return t.final(t.NoPath())
	}
	return nil
}

// quotes sends a REGISTER by a path that changes nothing but is refused unless the path has
// the key.
func quotes(ctx context.Context, t *target, p pr.Path, key pr.Key) (err error) {
	for range maxFailures {
		err = t.Send(ctx, p, true, func(ctx context.Context) error { return p.Register(ctx, key, key, t.APTPL) })
		if !errors.Is(err, pr.ErrStateChanged) && !errors.Is(err, pr.ErrUnitAttention) {
			break
		}
	}
	return err
}

// releaseRows give up a LUN that is this node's alone.
//
// CLEAR is sent with a key that is marked leaving: one that was given up and is
// performed late finds that key gone and does nothing to the next life of this
// node. Where another node holds, our registrations alone are removed: a CLEAR
// would take the new owner's protection away.
func releaseRows() []row {
	return []row{
		foreignRow(),
		{"nothing of this node is left", func(t *position) bool { return len(t.Own()) == 0 }, finish},
		noPathRow(),
		{"another node holds, and a path is marked taking", func(t *position) bool { return t.HeldByOther() && t.takingPath() != nil },
			func(t *target) action { return marksLeaving(t, t.takingPath()) }},
		{"another node holds, and a path is registered", func(t *position) bool { return t.HeldByOther() && t.leaves() != nil },
			func(t *target) action { return leave(t, t.leaves()) }},
		unresolvedRow(), doubtRow(),
		{"a mark of taking holds, or may have", func(t *position) bool { return t.HasOwn(TakingMark) && !t.settled },
			func(t *target) action { t.doubt = true; return t.resets() }},
		{"a path is marked leaving", func(t *position) bool { return t.markedLeaving() != nil },
			func(t *target) action { return t.clears(t.markedLeaving(), t.sureKey(t.markedLeaving())) }},
		{"a path is registered", func(t *position) bool { return t.leaves() != nil && !t.HeldByOther() },
			func(t *target) action { return marksLeaving(t, t.leaves()) }},
		{"registrations are left that no path can take off", func(*position) bool { return true },
			func(*target) action { return fail(ErrStaleNexus) }},
	}
}

// marksLeaving marks a path that is, or may be, registered. A mark of taking
// stays beside it: what is not known stays not known.
func marksLeaving(t *target, p pr.Path) action {
	r, sure, _ := t.Registration(p)
	if !sure {
		r.Key = t.likely(p)
	}
	a := t.registers(Marked, p, r.Key, Leaving(r.Key))
	a.event.Key = r.Key
	a.ended = marking(t, p, r.Key, a.ended)
	if r.Key&TakingMark != 0 {
		// It may hold by now.
		a.effect = nil
	}
	return a
}

// marking notes that a path is not registered with the key that was quoted.
func marking(t *target, p pr.Path, key pr.Key, then func(end, error)) func(end, error) {
	return func(how end, err error) {
		then(how, err)
		if how == refused && errors.Is(err, pr.ErrReservationConflict) {
			t.absent = append(t.absent, registeredPath{path: p, key: key})
		}
	}
}
