package scsi

import (
	"context"
	"errors"
	"fmt"

	"lunguard/pr"
)

// Unit is a logical unit seen through one path: a [pr.Path], [pr.Mover],
// [pr.Introducer] and [pr.Resetter]. Every error is an *OpError that carries the path's
// name.
type Unit struct {
	name     string
	t        Transport
	identity func() Identity
	guard    *Guard
}

// NewUnit names the path behind t, which usually is a [Retry].
func NewUnit(name string, t Transport) *Unit { return &Unit{name: name, t: t} }

// WithIdentity makes the unit tell, through f, what its host knows of the
// nexus, and returns it. f is called each time that it matters.
func (u *Unit) WithIdentity(f func() Identity) *Unit {
	u.identity = f
	return u
}

// WithGuard makes the unit ask, through g, whether it is the right one, and returns it.
// g is below the transport of the unit.
func (u *Unit) WithGuard(g *Guard) *Unit {
	u.guard = g
	return u
}

// Confirm asks the device whether it is the one that the path is taken for, unless
// that is known. The error is pr.ErrWrongDevice if it is not; without a guard it is nil.
func (u *Unit) Confirm(ctx context.Context) error {
	if u.guard == nil {
		return nil
	}
	return u.named(u.guard.Confirm(ctx))
}

// Identity tells what the host knows of the nexus; nothing, if nobody told.
func (u *Unit) Identity() Identity {
	if u.identity == nil {
		return Identity{}
	}
	return u.identity()
}

// Name returns the name of the path, as people know it: /dev/sda.
func (u *Unit) Name() string { return u.name }

// Transport returns what the unit sends its commands through.
func (u *Unit) Transport() Transport { return u.t }

func (u *Unit) named(err error) error {
	var e *OpError
	if errors.As(err, &e) && e.Device == "" {
		e.Device = u.name
	}
	return err
}

// Capabilities asks what the device can do. ErrUnsupported from a device that
// predates REPORT CAPABILITIES or knows no persistent reservations.
func (u *Unit) Capabilities(ctx context.Context) (*pr.Capabilities, error) {
	c, err := ReportCapabilities{}.Execute(ctx, u.t)
	if err != nil {
		return nil, u.named(err)
	}
	return c.Common(), nil
}

// Probe asks which commands the device has, with REPORT SUPPORTED OPERATION CODES.
func (u *Unit) Probe(ctx context.Context, c *pr.Capabilities) error {
	list, err := ReportOpcodes{}.Execute(ctx, u.t)
	if err != nil {
		return u.named(err)
	}
	c.PreemptAndAbort, c.Move = list.Can(OutPreemptAndAbort), list.Can(OutRegisterAndMove)
	return nil
}

// Keys reads the registered keys with READ KEYS.
func (u *Unit) Keys(ctx context.Context) ([]Key, error) {
	r, err := ReadKeys{}.Execute(ctx, u.t)
	if err != nil {
		return nil, u.named(err)
	}
	return r.Keys, nil
}

// State reads registrations and reservation; see ReadState.
func (u *Unit) State(ctx context.Context) (*State, error) {
	s, err := ReadState(ctx, u.t)
	return s, u.named(err)
}

// List reads READ KEYS and READ RESERVATION, once each, which every device has and
// which are the least that there is.
func (u *Unit) List(ctx context.Context) (*State, error) {
	keys, err := ReadKeys{}.Execute(ctx, u.t)
	if err != nil {
		return nil, u.named(err)
	}
	held, err := ReadReservation{}.Execute(ctx, u.t)
	if err != nil {
		return nil, u.named(err)
	}
	s, err := pairState(keys, held)
	return s, u.named(err)
}

// WWID reads the worldwide name of the logical unit from the device; see
// [Designators.WWID]. It is empty, without an error, if the device has none.
func (u *Unit) WWID(ctx context.Context) (string, error) {
	d, err := DeviceIdentification{}.Execute(ctx, u.t)
	return d.WWID(), u.named(err)
}

// RegisterAndIgnore makes key the registration of this nexus, whatever it was
// before. It is the only proof that this nexus is registered: a key in a list
// may belong to a nexus of the past.
//
// SPC-2 devices lack the service action; there it is REGISTER, which works
// unless the nexus is registered with a key that nobody here knows.
func (u *Unit) RegisterAndIgnore(ctx context.Context, key Key, persist bool) error {
	err := u.out(ctx, &PROut{Action: OutRegisterAndIgnoreExistingKey, ActionKey: key, APTPL: persist})
	if !errors.Is(err, ErrUnsupported) || ASCOf(err) != InvalidFieldInCDB {
		return err
	}
	if err = u.Register(ctx, 0, key, persist); errors.Is(err, ErrReservationConflict) {
		err = u.Register(ctx, key, key, persist)
	}
	return err
}

// Register changes this nexus's registration from old to key; key 0
// unregisters. ErrReservationConflict if old is not what is registered.
func (u *Unit) Register(ctx context.Context, old, key Key, persist bool) error {
	return u.out(ctx, &PROut{Action: OutRegister, Key: old, ActionKey: key, APTPL: persist})
}

// Reserve makes this nexus the holder, if nobody else is.
// ErrReservationConflict if somebody is, if the reservation that this nexus
// holds has another type, or if key is not its registration.
func (u *Unit) Reserve(ctx context.Context, key Key, typ Type) error {
	return u.out(ctx, &PROut{Action: OutReserve, Key: key, Type: typ})
}

// PreemptAndAbort removes every registration with the victim's key and aborts
// its tasks. If the victim holds the reservation it passes to this nexus with
// type typ; on an unreserved unit no reservation comes to be.
// ErrReservationConflict if key is not this nexus's registration, or if nobody
// is registered with the victim's. SPC-4 5.13.11.2.
func (u *Unit) PreemptAndAbort(ctx context.Context, key, victim Key, typ Type) error {
	return u.out(ctx, &PROut{Action: OutPreemptAndAbort, Key: key, ActionKey: victim, Type: typ})
}

// Clear removes the reservation and every registration.
// ErrReservationConflict if key is not this nexus's registration.
func (u *Unit) Clear(ctx context.Context, key Key) error {
	return u.out(ctx, &PROut{Action: OutClear, Key: key})
}

func (u *Unit) out(ctx context.Context, p *PROut) error { return u.named(p.Execute(ctx, u.t)) }

// Move moves the reservation that this nexus holds, in one step. See
// [RegisterMove]: the destination becomes registered even if it was not.
// ErrReservationConflict if this nexus does not hold the reservation,
// ErrUnsupported if the device cannot do it or does not take the destination.
func (u *Unit) Move(ctx context.Context, m *pr.MoveOrder) error {
	ids, err := u.transportIDs(OutRegisterAndMove, []pr.Initiator{m.Destination})
	if err != nil {
		return err
	}
	return u.named((&RegisterMove{
		Key: m.Key, ActionKey: m.ActionKey, Unregister: m.Unregister, APTPL: m.Persist,
		RelativePort: m.RelativePort, Destination: ids[0],
	}).Execute(ctx, u.t))
}

// Introduce registers this nexus, which must not be registered yet, and
// others through the same target port with one key (SPEC_I_PT). Read back:
// some devices pass over TransportIDs that they do not know.
// ErrReservationConflict if this nexus is registered, ErrUnsupported if the
// device cannot do it or one of the others is registered.
func (u *Unit) Introduce(ctx context.Context, key Key, others []pr.Initiator, persist bool) error {
	ids, err := u.transportIDs(OutRegister, others)
	if err != nil {
		return err
	}
	return u.out(ctx, &PROut{Action: OutRegister, ActionKey: key, TransportIDs: ids, APTPL: persist})
}

// transportIDs are the initiators as the wire has them. ErrUnsupported for one that is
// of another kind of storage, or unknown.
func (u *Unit) transportIDs(action OutAction, list []pr.Initiator) ([]TransportID, error) {
	ids := make([]TransportID, len(list))
	for i, initiator := range list {
		id, ok := initiator.(TransportID)
		if !ok {
			return nil, &OpError{Device: u.name, Op: prOutName(action), Class: fmt.Errorf("%w: %v is no initiator port", ErrUnsupported, initiator)}
		}
		ids[i] = id
	}
	return ids, nil
}

// Port asks the device through which of its ports this path leads.
func (u *Unit) Port(ctx context.Context) (pr.Port, error) {
	d, err := DeviceIdentification{}.Execute(ctx, u.t)
	return d.TargetPort(), u.named(err)
}

// Reset sends LOGICAL UNIT RESET. Once it is answered every task of every nexus
// on the unit is over, and none of them has an effect any more; registrations and
// the persistent reservation stay, and every nexus finds a unit attention. nil
// means that FUNCTION COMPLETE was answered. SAM-5 6.3.3 and 7.7, SPC-4 5.13.5.
//
// ErrUnsupported if the transport cannot do it: then it was not sent. ErrDevice
// if the host adapter tried and did not succeed. Without an answer, and in the
// latter case, OutcomeUnknown: the unit may have been reset all the same.
func (u *Unit) Reset(ctx context.Context) error {
	_, err := Exec(ctx, u.t, OpLogicalUnitReset.String(), &Request{Function: LogicalUnitReset})
	return u.named(err)
}

// drainLength is that of the sense data that Drain has room for.
const drainLength = 96

// Drain takes one unit attention off the nexus, if any is pending, by REQUEST
// SENSE, which is answered with it. What the device has to say is not looked
// at. SPC-4 6.39.
func (u *Unit) Drain(ctx context.Context) error {
	cdb := []byte{byte(OpRequestSense), 0, 0, 0, drainLength, 0}
	_, err := Exec(ctx, u.t, OpRequestSense.String(), &Request{CDB: cdb, Dir: DataIn, Data: make([]byte, drainLength)})
	return u.named(err)
}
