package pr

import (
	"context"
	"slices"
)

// Path is one way of this host to a device, with the verbs that every kind of storage
// has. What a verb is answered is the device's word only: read back. Errors are of the
// classes of this package.
//
// Each verb acts by the registration of this path, which the device knows by the
// initiator and the port that the command came through.
type Path interface {
	// Name is the path as people know it: /dev/sda.
	Name() string
	// Identity is what the host knows of the path without a command.
	Identity() Identity
	// Capabilities asks what the device can do. ErrUnsupported from a device that
	// does not tell, ErrNoReservations from one that has no reservations.
	Capabilities(ctx context.Context) (*Capabilities, error)
	// State reads registrations and reservation. A state never comes with an error.
	State(ctx context.Context) (*State, error)
	// Keys reads the registered keys alone, by one command.
	Keys(ctx context.Context) ([]Key, error)
	// RegisterAndIgnore makes key the registration, whatever it was before. It is
	// the only proof that the path is registered: a key in a list may be another's.
	// persist asks the device to keep registrations through power loss.
	RegisterAndIgnore(ctx context.Context, key Key, persist bool) error
	// Register changes the registration from old to key; old 0 is none, key 0 takes
	// it off. ErrReservationConflict if old is not what is registered.
	Register(ctx context.Context, old, key Key, persist bool) error
	// Reserve makes this path's registrant the holder, if nobody else is.
	// ErrReservationConflict if somebody is, if the reservation that it holds has
	// another type, or if key is not its registration; under a type of all registrants
	// from some devices to who holds with the others, too.
	Reserve(ctx context.Context, key Key, typ Type) error
	// PreemptAndAbort removes every registration with the victim's key and aborts
	// its commands. If the victim holds the reservation it passes to this path's
	// registrant with type typ; on an unreserved device no reservation comes to be.
	// ErrReservationConflict if key is not the registration. If nobody is registered
	// with the victim's key it is that, too, from most devices, and from others nil.
	PreemptAndAbort(ctx context.Context, key, victim Key, typ Type) error
	// Clear removes the reservation and every registration. ErrReservationConflict
	// if key is not the registration.
	Clear(ctx context.Context, key Key) error
	// Drain takes announcements of the device off the path, if any wait to be told.
	Drain(ctx context.Context) error
}

// Capabilities are what a device says that it can do.
type Capabilities struct {
	// Persists: it can keep registrations through power loss, Persisting: it does.
	Persists, Persisting bool
	// Introduces: one path can register others than itself; see [Introducer].
	Introduces bool
	// TypesKnown says that Types means something: the types of reservation that it
	// can do.
	TypesKnown bool
	Types      []Type
	// PreemptAndAbort and Move are unknown until the device was asked: see [Probe].
	PreemptAndAbort, Move Can
}

// Can is what a device says of something that it may be able to do.
type Can uint8

// What it says.
const (
	CanUnknown Can = iota
	CanNot
	CanDo
)

// String is no, yes or unknown.
func (c Can) String() string {
	switch c {
	case CanNot:
		return "no"
	case CanDo:
		return "yes"
	}
	return "unknown"
}

// Says is what is known, if it is.
func Says(known, can bool) Can {
	switch {
	case !known:
		return CanUnknown
	case can:
		return CanDo
	}
	return CanNot
}

// Prober is a path that can ask, by one command, for capabilities that the device does
// not tell among the others.
type Prober interface {
	// Probe fills in what the device says.
	Probe(ctx context.Context, c *Capabilities) error
}

// Probe asks by a path that can. Whatever else comes of it than an answer, nothing is
// known.
func Probe(ctx context.Context, p Path, c *Capabilities) error {
	if prober, ok := p.(Prober); ok {
		return prober.Probe(ctx, c)
	}
	return nil
}

// Supports reports whether the device says that it can do the type; one that does not
// tell its types is taken at no word, and the answer is true.
func (c *Capabilities) Supports(t Type) bool { return !c.TypesKnown || slices.Contains(c.Types, t) }

// A MoveOrder says what a reservation is to be moved to.
type MoveOrder struct {
	// Key is the key that the sending path is registered with, Unregister takes that
	// registration off.
	Key        Key
	Unregister bool
	// ActionKey is registered for the destination, an initiator at a port of the
	// device, whether it was registered before or not.
	ActionKey    Key
	Destination  Initiator
	RelativePort uint16
	// Persist asks the device to keep registrations through power loss.
	Persist bool
}

// Mover is a path that can move the reservation which it holds, in one step.
type Mover interface {
	// Move fails with ErrReservationConflict if this path does not hold the
	// reservation, with ErrUnsupported if the device cannot do it or does not take
	// the destination.
	Move(ctx context.Context, m *MoveOrder) error
}

// Introducer is a path that can register others than itself.
type Introducer interface {
	// Introduce registers this path, which must not be registered yet, and others
	// through the same port of the device, with one key. Some devices pass over
	// those that they do not know. ErrReservationConflict if this path is
	// registered, ErrUnsupported if the device cannot do it or one of the others is.
	Introduce(ctx context.Context, key Key, others []Initiator, persist bool) error
	// Port asks through which of the device's ports the path leads.
	Port(ctx context.Context) (Port, error)
}

// Port is a port of a device, as the device names it.
type Port struct {
	// Name is the same for every unit behind the port; empty if there is none.
	Name string
	// Relative is the port's number, which may differ from one unit to the next; 0 if
	// the device gives none.
	Relative uint16
}

// Resetter is a path that can end all commands of every path to the device.
type Resetter interface {
	// Reset ends them: once it is answered none of them has an effect any more.
	// Registrations and the reservation stay. ErrUnsupported if it was not sent for
	// want of a way. After any other error it may have been done all the same.
	Reset(ctx context.Context) error
}

// Lister is a path that can tell keys and reservation by less than its whole state.
type Lister interface {
	// List reads the keys, and then the reservation: a state that is not identified,
	// and whose two halves may be of two moments.
	List(ctx context.Context) (*State, error)
}

// List reads keys and reservation by the simplest way that the path has.
func List(ctx context.Context, p Path) (*State, error) {
	if l, ok := p.(Lister); ok {
		return l.List(ctx)
	}
	return p.State(ctx)
}

// ListsOnce reports whether the keys alone are read by the command that reads the state: a
// second reading tells nothing that the first could not. A path that stands for another
// one says so of that.
func ListsOnce(p Path) bool {
	l, ok := p.(interface{ ListsOnce() bool })
	return ok && l.ListsOnce()
}

// Confirmer is a path that can ask the device whether it is the one that the path is
// taken for.
type Confirmer interface {
	// Confirm costs a command at most, and changes nothing. ErrWrongDevice if it is
	// another one.
	Confirm(ctx context.Context) error
}

// Confirm asks by a path that can; another is taken at its word.
func Confirm(ctx context.Context, p Path) error {
	if c, ok := p.(Confirmer); ok {
		return c.Confirm(ctx)
	}
	return nil
}

// Moves reports whether a path may be able to move a reservation. A path that stands for
// another one says so of that.
func Moves(p Path) bool {
	if l, ok := p.(interface{ Moves() bool }); ok {
		return l.Moves()
	}
	_, ok := p.(Mover)
	return ok
}

// Move moves the reservation by a path that can; ErrUnsupported by another.
func Move(ctx context.Context, p Path, m *MoveOrder) error {
	if mover, ok := p.(Mover); ok {
		return mover.Move(ctx, m)
	}
	return ErrUnsupported
}

// Introduce registers others by a path that can; ErrUnsupported by another.
func Introduce(ctx context.Context, p Path, key Key, others []Initiator, persist bool) error {
	if i, ok := p.(Introducer); ok {
		return i.Introduce(ctx, key, others, persist)
	}
	return ErrUnsupported
}

// PortOf asks through which port a path leads; ErrUnsupported if that is not to be
// had.
func PortOf(ctx context.Context, p Path) (Port, error) {
	if i, ok := p.(Introducer); ok {
		return i.Port(ctx)
	}
	return Port{}, ErrUnsupported
}

// Resets reports whether a path may be able to reset. A path that stands for another one
// says so of that.
func Resets(p Path) bool {
	if l, ok := p.(interface{ Resets() bool }); ok {
		return l.Resets()
	}
	_, ok := p.(Resetter)
	return ok
}

// Reset ends all commands by a path that can; ErrUnsupported by another.
func Reset(ctx context.Context, p Path) error {
	if r, ok := p.(Resetter); ok {
		return r.Reset(ctx)
	}
	return ErrUnsupported
}
