// Package unit is one LUN under a protocol, as this host reaches it and as it was read.
//
// A [Unit] has the paths, which of them are of use, and what was read through them; it
// expects what commands do to that, so that not each has to be read back (effects.go). A
// [Reading] is the judgement of what was read: whose the keys are ([Members], and their
// marks), which registration is which path's, who holds. [Owners] tell, from several
// LUNs, whose an initiator port is. What a protocol wants, and what it has done, is not
// known here.
package unit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lunguard/pr"
)

const (
	// ReservationType is the type of reservations made here: all may read,
	// registrants alone may write, one of them holds.
	ReservationType = pr.WriteExclusiveRegistrantsOnly
	// SharedType is the other one for LUNs that several nodes share: registrants
	// alone may write, and all of them hold, so that none has to hand it over.
	SharedType = pr.WriteExclusiveAllRegistrants
	// MaxAge is how old what was read may be when a command that was decided on
	// it is sent. A process that was stopped in between decides anew.
	MaxAge = 10 * time.Second
)

// Reasons for which a unit is of no use, to be tested with errors.Is.
var (
	// ErrNoReservationType says that the device cannot reserve Write
	// Exclusive - Registrants Only.
	ErrNoReservationType = errors.New("the device has no Write Exclusive - Registrants Only reservations")
	// ErrNoPath says that no path to the LUN is left.
	ErrNoPath = errors.New("no usable path")
	// ErrTwoAnswers says that the device lists a registration by one command and not by
	// another.
	ErrTwoAnswers = fmt.Errorf("%w: one command lists a registration that another does not", pr.ErrMalformed)
)

// Unit is a LUN as this host reaches it: which paths are usable, and what was
// read through them. It knows nothing of what a protocol wants.
type Unit struct {
	Reading
	reach
	// Caps is nil if the device does not tell.
	Caps *pr.Capabilities
	// APTPL asks the device to keep registrations through power loss.
	APTPL bool
	// Registers says that the protocol begins with registering: then it does no harm if
	// the first reading shows nobody where there is somebody.
	Registers bool
	// known says that the device knows reservations.
	known bool
	// ReadAt is when the state was asked for, by the host's clock.
	ReadAt time.Duration
	// Changed says that something was sent since the last reading, Unread that
	// it is not known what that did: the state must be read before anything is
	// decided on it.
	Changed, Unread bool
}

// Host is this host as a node of a cluster.
type Host struct {
	Members Members
	Node    Member
	// Now is a clock that goes on while the machine is suspended.
	Now func() time.Duration
	// PathFailed is told of each path that is given up, and why.
	PathFailed func(l *LUN, p pr.Path, err error)
}

// Unit is a LUN of which nothing was read yet.
func (h *Host) Unit(l *LUN) Unit {
	lost := func(p pr.Path, err error) { h.PathFailed(l, p, err) }
	return Unit{Reading: Reading{LUN: l, host: h}, reach: reach{Usable: slices.Clone(l.Paths), lost: lost}}
}

// ReadCapabilities asks what the device can do. ErrNoReservationType if it cannot
// reserve as the protocols do.
func (u *Unit) ReadCapabilities(ctx context.Context) error {
	var caps *pr.Capabilities
	err := u.OnAnyPath(ctx, func(ctx context.Context, p pr.Path) (err error) {
		caps, err = p.Capabilities(ctx)
		return err
	})
	switch {
	case errors.Is(err, pr.ErrUnsupported) && !errors.Is(err, pr.ErrNoReservations):
		// SPC-2. Without REPORT CAPABILITIES the bit is not asked for either.
		u.known = true
		return nil
	case err != nil:
		return err
	}
	u.known = true
	u.Caps, u.APTPL = caps, caps.Persists
	if !caps.Supports(ReservationType) {
		return ErrNoReservationType
	}
	return nil
}

// Probe asks what else the device can do, by the path that has answered. Whatever comes
// of it but an answer, nothing is known. A device that does not tell its capabilities is not asked.
func (u *Unit) Probe(ctx context.Context) {
	if u.Caps == nil || len(u.Usable) == 0 {
		return
	}
	caps := *u.Caps
	err := u.ask(impatient(ctx), u.First(), 2, func(ctx context.Context, p pr.Path) error { return pr.Probe(ctx, p, &caps) })
	if err == nil {
		u.Caps = &caps
	}
}

// Load brings the state up to date, on the first path that answers. With an error
// the state is unknown.
func (u *Unit) Load(ctx context.Context) error {
	var s *pr.State
	// The clock starts before the command: the answer is at least this old.
	now := u.host.Now()
	err := u.OnAnyPath(ctx, func(ctx context.Context, p pr.Path) (err error) {
		s, err = u.read(ctx, p)
		return err
	})
	if err != nil {
		return err
	}
	u.State, u.ReadAt = s, now
	u.Changed, u.Unread = false, false
	return nil
}

// emptyTries is how often a LUN is read on which nobody is registered by one command
// and somebody by another: another node may have registered in between.
const emptyTries = 3

// read reads the state by one path. That nobody is registered is what zeros say, too,
// which some drivers and bridges give for an answer that they do not have, and what a
// path tells that leads to another unit; so it is asked for by another command, and by
// another path if one answers, unless it was expected.
func (u *Unit) read(ctx context.Context, p pr.Path) (*pr.State, error) {
	for range emptyTries {
		s, err := p.State(ctx)
		if err != nil || !s.Empty() {
			return s, err
		}
		if expected := u.State != nil && u.State.Empty(); expected || u.State == nil && u.Registers {
			return s, nil
		}
		switch empty, err := u.isEmptyBy(ctx, p); {
		case err != nil:
			return nil, err
		case empty:
			return s, nil
		}
	}
	return nil, ErrTwoAnswers
}

// LacksOwn asks another path than the one that has answered, if one does, whether this
// node is not registered. ErrTwoAnswers if it is.
func (u *Unit) LacksOwn(ctx context.Context) error {
	if len(u.Usable) == 0 {
		return u.NoPath()
	}
	var keys []pr.Key
	ask := func(ctx context.Context, p pr.Path) (err error) {
		keys, err = p.Keys(ctx)
		return err
	}
	first, failed := u.First(), map[pr.Path]error{}
	answered, err := u.firstOf(impatient(ctx), u.others(first), failed, ask)
	if busy := func(p pr.Path) bool { return errors.Is(failed[p], pr.ErrBusy) }; !answered && slices.ContainsFunc(u.Usable, busy) {
		err = u.ask(ctx, first, 1, ask)
	}
	if err == nil && slices.ContainsFunc(keys, func(k pr.Key) bool { return Plain(k) == u.Me() }) {
		return ErrTwoAnswers
	}
	return err
}

// isEmptyBy is IsEmpty by the first path beside p that does not fail for reasons of its
// own, else by p.
func (u *Unit) isEmptyBy(ctx context.Context, p pr.Path) (empty bool, err error) {
	ask := func(ctx context.Context, p pr.Path) (err error) {
		empty, err = u.IsEmpty(ctx, p)
		return err
	}
	half, cancel := context.WithTimeout(ctx, u.share(ctx, 2))
	defer cancel()
	answered, err := u.firstOf(impatient(half), u.others(p), map[pr.Path]error{}, ask)
	if !answered {
		err = ask(ctx, p)
	}
	return empty, err
}

// IsEmpty asks for the keys alone whether nobody is registered, and before that, if
// nothing has shown it yet, whether the device knows reservations at all.
func (u *Unit) IsEmpty(ctx context.Context, p pr.Path) (bool, error) {
	if !u.known {
		_, err := p.Capabilities(ctx)
		if old := errors.Is(err, pr.ErrUnsupported) && !errors.Is(err, pr.ErrNoReservations); err != nil && !old {
			return false, err
		}
		u.known = true
	}
	keys, err := p.Keys(ctx)
	return err == nil && len(keys) == 0, err
}

// Wants is the type of a reservation that is to be made where several nodes share the
// LUN: the preferred one if the device can do it, and in any case one of all registrants
// where nobody could hand a reservation over.
func (u *Unit) Wants(preferred pr.Type) pr.Type {
	if len(u.Paths) > 0 && !pr.Moves(u.Paths[0]) {
		preferred = SharedType
	}
	if preferred == SharedType && (u.Caps == nil || u.Caps.Supports(SharedType)) {
		return SharedType
	}
	return ReservationType
}

// Fresh reports whether the state is young enough to act on.
func (u *Unit) Fresh() bool { return u.host.Now()-u.ReadAt <= MaxAge }

// DropIfFailed gives up a path on which a command got lost.
func (u *Unit) DropIfFailed(p pr.Path, err error) {
	if pr.PathFailed(err) && slices.Contains(u.Usable, p) {
		u.GiveUp(p, err)
	}
}

// Holding is a usable path that is known to hold the reservation; nil if none is.
func (u *Unit) Holding() pr.Path {
	for _, p := range u.Usable {
		if u.IsOn(p) {
			return p
		}
	}
	return nil
}
