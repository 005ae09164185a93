package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/pr"
)

// Unit is a namespace: a [pr.Path]. Every error is an *OpError that carries the path's
// name.
type Unit struct {
	name     string
	t        Transport
	identity func() pr.Identity
	// format is that of the reports which the controller gives this host.
	format ReportFormat
	// persisting is what the last report said of PTPLS.
	persisting bool
	// wwid and stated are what the namespace has to be called, empty if anything will do;
	// confirmed says that it has told so, and nothing went wrong since.
	wwid, stated string
	confirmed    bool
}

var _ pr.Path = (*Unit)(nil)

// NewUnit names the path behind t, which usually is a [Retry].
func NewUnit(name string, t Transport) *Unit {
	return &Unit{name: name, t: t, format: ExtendedReport}
}

// WithIdentity makes the unit tell, through f, which host this is, and returns it.
func (u *Unit) WithIdentity(f func() pr.Identity) *Unit {
	u.identity = f
	return u
}

// Expect makes the unit ask the namespace for its names before the first command about
// reservations, and again after a path has failed. Nothing is sent to one that lacks
// one of these: pr.ErrWrongDevice. Empty is no name.
func (u *Unit) Expect(wwid, stated string) { u.wwid, u.stated, u.confirmed = wwid, stated, false }

// Name returns the name of the path, as people know it: /dev/nvme0n1.
func (u *Unit) Name() string { return u.name }

// Transport returns what the unit sends its commands through.
func (u *Unit) Transport() Transport { return u.t }

// Identity tells which host this is; nothing, if nobody told.
func (u *Unit) Identity() pr.Identity {
	if u.identity == nil {
		return pr.Identity{}
	}
	return u.identity()
}

// named puts the name into an error, and has the names asked for again after one that
// tells of the path.
func (u *Unit) named(err error) error {
	var e *OpError
	if errors.As(err, &e) && e.Device == "" {
		e.Device = u.name
	}
	if pr.PathFailed(err) {
		u.confirmed = false
	}
	return err
}

// Confirm asks the namespace for its names, unless they are known to be right. The
// error is pr.ErrWrongDevice if they are not.
func (u *Unit) Confirm(ctx context.Context) error {
	if u.confirmed || u.wwid == "" && u.stated == "" {
		return nil
	}
	names, err := ReadNames(ctx, u.t)
	var e *OpError
	if err == nil {
		got, want := names.WWIDs(), u.wwid
		if u.stated != "" && (want == "" || slices.Contains(got, want)) {
			want = u.stated
		}
		if u.confirmed = slices.Contains(got, want); u.confirmed {
			return nil
		}
		err = &OpError{Op: OpIdentify.String(), Class: &WrongNamespaceError{Want: want, Got: got}}
	} else if errors.As(err, &e) {
		// Nothing was changed.
		e.outcomeUnknown = false
	}
	return u.named(err)
}

// WrongNamespaceError says that a path leads to another namespace than it should. It is
// pr.ErrWrongDevice.
type WrongNamespaceError struct {
	// Want is the name of the namespace, Got are those of the one that answers.
	Want string
	Got  []string
}

func (e *WrongNamespaceError) Error() string {
	got := "a namespace without a name"
	if len(e.Got) > 0 {
		got = e.Got[0]
	}
	return fmt.Sprintf("%v: %s, and not %s", pr.ErrWrongDevice, got, e.Want)
}

// Unwrap gives the class.
func (e *WrongNamespaceError) Unwrap() error { return pr.ErrWrongDevice }

// WWID is the name of the namespace in the world, as Linux spells it; empty, without an
// error, if it has none.
func (u *Unit) WWID(ctx context.Context) (string, error) {
	names, err := ReadNames(ctx, u.t)
	if err != nil {
		return "", u.named(err)
	}
	if list := names.WWIDs(); len(list) > 0 {
		return list[0], nil
	}
	return "", nil
}

// Capabilities asks what the namespace can do. Whether it persists is what the last
// report has told; nobody relies on it before there is one, since no command of this
// package takes persistence away.
// ErrNoReservations if it has no
// reservations, ErrNotShared if it cannot be attached to a second controller.
func (u *Unit) Capabilities(ctx context.Context) (*pr.Capabilities, error) {
	if err := u.Confirm(ctx); err != nil {
		return nil, err
	}
	c, err := IdentifyController(ctx, u.t)
	if err != nil {
		return nil, u.named(err)
	}
	n, err := IdentifyNamespace(ctx, u.t)
	switch {
	case err != nil:
		return nil, u.named(err)
	case !c.Reservations || n.Reserves == 0:
		return nil, u.named(&OpError{Op: OpIdentify.String(), Class: pr.ErrNoReservations})
	case !n.Shared:
		return nil, u.named(&OpError{Op: OpIdentify.String(), Class: pr.ErrNotShared})
	}
	return &pr.Capabilities{
		Persists: n.Reserves.Persists(), Persisting: n.Reserves.Persists() && u.persisting, TypesKnown: true, Types: n.Reserves.Types(),
		// Nothing tells whether it has Preempt and Abort, which SPDK lacked until 2026;
		// nobody can move a reservation.
		PreemptAndAbort: pr.CanUnknown, Move: pr.CanNot,
	}, nil
}

// Report reads registrants and reservation, in the format that fits the length of this
// host's identifier.
func (u *Unit) Report(ctx context.Context) (*Report, error) {
	if err := u.Confirm(ctx); err != nil {
		return nil, err
	}
	r, err := ReadReport(ctx, u.t, u.format)
	if errors.Is(err, ErrOtherFormat) {
		other := ExtendedReport - u.format
		if r, err = ReadReport(ctx, u.t, other); err == nil {
			u.format = other
		}
	}
	if err != nil {
		return nil, u.named(err)
	}
	u.persisting = r.Persisting
	return r, nil
}

// State reads registrations and reservation: one picture of one moment.
func (u *Unit) State(ctx context.Context) (*pr.State, error) {
	r, err := u.Report(ctx)
	if err != nil {
		return nil, err
	}
	s, err := r.State()
	return s, u.named(err)
}

// ListsOnce says that there is no command for the keys alone.
func (u *Unit) ListsOnce() bool { return true }

// Keys reads the registered keys.
func (u *Unit) Keys(ctx context.Context) ([]pr.Key, error) {
	s, err := u.State(ctx)
	if err != nil {
		return nil, err
	}
	return s.Keys(), nil
}

// RegisterAndIgnore makes key the registration of this host, whatever it was before.
func (u *Unit) RegisterAndIgnore(ctx context.Context, key pr.Key, persist bool) error {
	return u.send(ctx, (&Register{Action: ReplaceKey, IgnoreKey: true, New: key, Persistence: persistence(persist)}).Encode())
}

// Register changes this host's registration from old to key; old 0 is none, key 0 takes
// it off. ErrReservationConflict if old is not what is registered; but who registers the
// key anew that he has is told that it is done.
func (u *Unit) Register(ctx context.Context, old, key pr.Key, persist bool) error {
	c := Register{Action: ReplaceKey, Current: old, New: key, Persistence: persistence(persist)}
	switch {
	case key == 0:
		// Never a replacement by key 0, which leaves the host registered with it on
		// some devices.
		c.Action, c.Persistence = UnregisterKey, PersistenceUnchanged
	case old == 0:
		c.Action = RegisterKey
	}
	return u.send(ctx, c.Encode())
}

// persistence never takes away what others may rely on: it is the whole namespace's.
func persistence(persist bool) Persistence {
	if persist {
		return PersistenceOn
	}
	return PersistenceUnchanged
}

// Reserve makes this host the holder, if nobody else is. ErrReservationConflict if
// somebody is, if the reservation that it holds has another type, or if key is not its
// registration. Under a type of all registrants some devices say so to a second one,
// who holds all the same.
func (u *Unit) Reserve(ctx context.Context, key pr.Key, typ pr.Type) error {
	return u.send(ctx, (&Acquisition{Action: Acquire, Type: TypeCode(typ), Current: key}).Encode())
}

// PreemptAndAbort removes every registration with the victim's key and waits for, or
// aborts, the commands of these hosts. If the victim holds the reservation it passes to
// this host with type typ; on an unreserved namespace no reservation comes to be.
// ErrReservationConflict if key is not this host's registration. If nobody has the
// victim's key some devices say so, and others that it is done.
func (u *Unit) PreemptAndAbort(ctx context.Context, key, victim pr.Key, typ pr.Type) error {
	return u.send(ctx, (&Acquisition{Action: PreemptAndAbort, Type: TypeCode(typ), Current: key, Victim: victim}).Encode())
}

// Clear removes the reservation and every registration. ErrReservationConflict if key is
// not this host's registration.
func (u *Unit) Clear(ctx context.Context, key pr.Key) error {
	return u.send(ctx, (&Releasing{Action: Clear, Current: key}).Encode())
}

func (u *Unit) send(ctx context.Context, req *Request) error {
	if err := u.Confirm(ctx); err != nil {
		return err
	}
	_, err := Exec(ctx, u.t, req)
	return u.named(err)
}

// Drain has nothing to do: events wait in a log, and keep no command from being done.
func (u *Unit) Drain(context.Context) error { return nil }
