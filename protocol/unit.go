package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lunguard/pr"
)

const (
	// reservationType is the type of every reservation made here: all may
	// read, registrants alone may write.
	reservationType = pr.WriteExclusiveRegistrantsOnly
	// maxAge is how old what was read may be when a command that was decided on
	// it is sent. A process that was stopped in between decides anew.
	maxAge = 10 * time.Second
)

// unit is a LUN as this host reaches it: which paths are usable, and what was
// read through them. It knows nothing of what a protocol wants.
type unit struct {
	*LUN
	run *Run
	// usable are the paths that have not failed, failure why the last one did.
	usable  []pr.Path
	failure error
	// identities are what the host knows of its paths.
	identities map[pr.Path]pr.Identity
	// caps is nil if the device does not tell.
	caps *pr.Capabilities
	// aptpl asks the device to keep registrations through power loss.
	aptpl bool
	// state is as it was last read, with the effects of what was performed
	// since (see effects.go).
	state  *pr.State
	readAt time.Duration
	// list is what the state lists of this node and of keys, for as long as it is
	// the state.
	list listed
	// changed says that something was sent since the last reading, unread that
	// it is not known what that did: the state must be read before anything is
	// decided on it.
	changed, unread bool
}

func (r *Run) unit(l *LUN) unit {
	return unit{LUN: l, run: r, usable: slices.Clone(l.Paths)}
}

func (u *unit) readCapabilities(ctx context.Context) error {
	var caps *pr.Capabilities
	err := u.onAnyPath(func(p pr.Path) (err error) {
		caps, err = p.Capabilities(ctx)
		return err
	})
	switch {
	case errors.Is(err, pr.ErrUnsupported) && !errors.Is(err, pr.ErrNoReservations):
		// SPC-2. Without REPORT CAPABILITIES the bit is not asked for either.
		return nil
	case err != nil:
		return &LUNError{LUN: u.Name, Err: err}
	}
	u.caps, u.aptpl = caps, caps.Persists
	if !caps.Supports(reservationType) {
		return &LUNError{LUN: u.Name, Err: ErrNoReservationType}
	}
	return nil
}

// load brings the state up to date, on the first path that answers. The error
// is a *LUNError: the state is unknown.
func (u *unit) load(ctx context.Context) error {
	var s *pr.State
	// The clock starts before the command: the answer is at least this old.
	now := u.run.now()
	err := u.onAnyPath(func(p pr.Path) (err error) {
		s, err = p.State(ctx)
		return err
	})
	if err != nil {
		return &LUNError{LUN: u.Name, Err: err}
	}
	u.state, u.readAt = s, now
	u.changed, u.unread = false, false
	return nil
}

// onAnyPath tries usable paths in order until one does not fail for reasons
// of its own. Paths that fail so are no longer usable, unless all do.
func (u *unit) onAnyPath(f func(pr.Path) error) error {
	var errs []error
	for i, p := range u.usable {
		err := f(p)
		if err == nil || !pr.PathFailed(err) {
			if i > 0 && err == nil {
				u.dropPaths(i, errs)
			}
			return err
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return u.noPath()
	}
	return errors.Join(errs...)
}

// noPath is the error of a LUN without usable paths, with the last reason.
func (u *unit) noPath() error {
	if u.failure == nil {
		return ErrNoPath
	}
	return fmt.Errorf("%w: %w", ErrNoPath, u.failure)
}

// notBegun is the error of a LUN that was left as it was.
func (u *unit) notBegun() error { return &LUNError{LUN: u.Name, Err: ErrNotBegun} }

// fresh reports whether the state is young enough to act on.
func (u *unit) fresh() bool { return u.run.now()-u.readAt <= maxAge }

// dropPaths gives up the first n usable paths.
func (u *unit) dropPaths(n int, errs []error) {
	for i, p := range u.usable[:n] {
		u.run.log(Event{Action: PathFailed, LUN: u.Name, Path: p.Name(), Err: errs[i]})
		u.failure = errs[i]
	}
	u.usable = u.usable[n:]
}

// dropIfFailed gives up a path on which a command got lost.
func (u *unit) dropIfFailed(p pr.Path, err error) {
	if pr.PathFailed(err) && slices.Contains(u.usable, p) {
		u.giveUp(p, err)
	}
}

// giveUp leaves a path out from now on.
func (u *unit) giveUp(p pr.Path, err error) {
	u.run.log(Event{Action: PathFailed, LUN: u.Name, Path: p.Name(), Err: err})
	u.failure = err
	u.usable = slices.DeleteFunc(u.usable, func(q pr.Path) bool { return q == p })
}

// final makes an error that ends the run say which LUN it is about.
func (u *unit) final(err error) error {
	switch err.(type) {
	case nil, *LUNError, *ForeignKeyError, *LostError, *StrayPortError, *IncompleteError:
		return err
	}
	return &LUNError{LUN: u.Name, Err: err}
}

// listed is what is asked of one state many times.
type listed struct {
	state *pr.State
	own   []pr.Registration
	keys  []pr.Key
}

// listing is what the state lists.
func (u *unit) listing() *listed {
	if u.list.state != u.state {
		u.list = listed{state: u.state, keys: allKeys(u.state)}
		for _, r := range u.state.Registrations {
			if Plain(r.Key) == u.me() {
				u.list.own = append(u.list.own, r)
			}
		}
	}
	return &u.list
}

// foreign returns the keys on the LUN that belong to no node of the cluster,
// the reservation's included.
func (u *unit) foreign() []pr.Key { return u.run.Members.Foreign(u.listing().keys) }

// foreignError is the error of a LUN with foreign keys, nil if there are none.
func (u *unit) foreignError() error {
	if keys := u.foreign(); len(keys) > 0 {
		return &ForeignKeyError{LUN: u.Name, Keys: keys}
	}
	return nil
}

// allKeys returns the registered keys and the holder's, once each, ascending.
func allKeys(s *pr.State) []pr.Key {
	keys := s.Keys()
	if s.Reservation != nil && s.Reservation.Key != 0 && !slices.Contains(keys, s.Reservation.Key) {
		keys = append(keys, s.Reservation.Key)
		slices.Sort(keys)
	}
	return keys
}

// me is this node's key.
func (u *unit) me() pr.Key { return u.run.Node.Key }

// holder is the key that holds the reservation, with its mark; 0 if none does,
// or if all registrants do.
func (u *unit) holder() pr.Key {
	if u.state.Reservation == nil {
		return 0
	}
	return u.state.Reservation.Key
}

// isMine reports whether this node holds the reservation, marked or not.
func (u *unit) isMine() bool { return Plain(u.holder()) == u.me() && u.me() != 0 }

// heldByOther reports whether one other node holds the reservation.
func (u *unit) heldByOther() bool { return u.holder() != 0 && !u.isMine() }

// rightType reports whether there is a reservation of the type and scope that
// the protocols make.
func (u *unit) rightType() bool {
	held := u.state.Reservation
	return held != nil && held.Type == reservationType && !held.Part
}

// others are the registered keys of other nodes, with their marks.
func (u *unit) others() []pr.Key {
	var keys []pr.Key
	for _, k := range u.listing().keys {
		if Plain(k) != u.me() && u.state.Has(k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// nodes are the keys of the cluster's nodes that are registered, without marks.
func (u *unit) nodes() []pr.Key {
	var keys []pr.Key
	for _, k := range u.state.Keys() {
		if n, ok := u.run.Members.Of(k); ok && !slices.Contains(keys, n.Key) {
			keys = append(keys, n.Key)
		}
	}
	return keys
}

// takers are the keys of other nodes that are marked taking.
func (u *unit) takers() []pr.Key {
	return slices.DeleteFunc(u.others(), func(k pr.Key) bool { return k&TakingMark == 0 })
}
