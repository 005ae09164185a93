package scsi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Classes of failure, to be tested with errors.Is.
var (
	// ErrReservationConflict is status RESERVATION CONFLICT: somebody else
	// holds a reservation, or this nexus is not registered, or the key is not
	// its key, or a classic RESERVE is in force. Read before explaining it.
	ErrReservationConflict = errors.New("reservation conflict")
	// ErrStateChanged is a unit attention 2Ah/03h to 05h: others changed the
	// registrations or the reservation. The command was not performed.
	ErrStateChanged = errors.New("reservation state was changed by another node")
	// ErrUnitAttention is any unit attention. The command was not performed.
	ErrUnitAttention = errors.New("unit attention")
	// ErrUnsupported says that the device does not know the command, the
	// service action or a field of it (5/20/00, 5/24/00, 5/26/00).
	ErrUnsupported = errors.New("not supported by the device")
	// ErrTransport says that the command or its answer got lost between this
	// host and the device: host or driver status, or a failed system call.
	ErrTransport = errors.New("transport error")
	// ErrTimeout says that no answer came in time. It is a transport error.
	ErrTimeout = fmt.Errorf("no answer in time: %w", ErrTransport)
	// ErrBusy says that BUSY, TASK SET FULL or an ALUA transition lasted
	// until the deadline. The command was not performed.
	ErrBusy = errors.New("device stayed busy")
	// ErrMalformed says that the answer breaks the standard: cut short,
	// lengths that do not fit, reserved values.
	ErrMalformed = errors.New("malformed answer")
	// ErrDevice is any other CHECK CONDITION or status.
	ErrDevice = errors.New("device error")
)

// OpError is the failure of one command. errors.Is tells its class,
// errors.As gives the sense data through [Sense] in it.
type OpError struct {
	// Device is the name of the path, empty if the transport has none.
	Device string
	// Op is the command with its service action, in SPC-4's words.
	Op string
	// Reply holds status, host and driver status as they came.
	Reply Reply
	// Sense is nil without usable sense data.
	Sense *Sense
	// Class is one of the Err values of this package, or wraps one.
	Class error
	// outcomeUnknown says that the command may have taken effect all the same.
	outcomeUnknown bool
}

// Error gives all the data on one line, for a log. Words for people are made
// by the commands.
func (e *OpError) Error() string {
	var b strings.Builder
	if e.Device != "" {
		b.WriteString(e.Device + ": ")
	}
	b.WriteString(e.Op + ": " + e.Class.Error())
	switch {
	case e.Sense != nil:
		b.WriteString(": " + e.Sense.String())
	case e.Reply.Host != HostOK && e.Reply.Status != ReservationConflict:
		b.WriteString(": " + e.Reply.Host.String())
	case e.Reply.Driver.Failed():
		b.WriteString(": " + e.Reply.Driver.String())
	case e.Reply.Status != Good && e.Reply.Status != ReservationConflict:
		b.WriteString(": " + e.Reply.Status.String())
	}
	return b.String()
}

// Unwrap gives the class.
func (e *OpError) Unwrap() error { return e.Class }

// OutcomeUnknown reports whether err leaves open if the command took effect:
// the transport failed, no answer came in time, or the device aborted the
// task. Only reading back tells.
func OutcomeUnknown(err error) bool {
	var op *OpError
	return errors.As(err, &op) && op.outcomeUnknown
}

// ASCOf returns the additional sense code of err, or 0 if it has none.
func ASCOf(err error) ASC {
	var op *OpError
	if errors.As(err, &op) && op.Sense != nil {
		return op.Sense.ASC
	}
	return 0
}

// Err returns nil if the command succeeded, else an *OpError without device
// and command.
//
// RESERVATION CONFLICT comes first: kernels before 6.1 set the host status
// DID_NEXUS_FAILURE with it.
func (r Reply) Err() error {
	if r.Status == ReservationConflict || r.Host == HostNexusFailure {
		return &OpError{Reply: r, Class: ErrReservationConflict}
	}
	if r.Host == HostTimeOut {
		return &OpError{Reply: r, Class: ErrTimeout, outcomeUnknown: true}
	}
	if r.Host != HostOK {
		return &OpError{Reply: r, Class: ErrTransport, outcomeUnknown: true}
	}
	if r.Driver.Failed() {
		return &OpError{Reply: r, Class: ErrTransport, outcomeUnknown: true}
	}
	switch r.Status {
	case Good, ConditionMet:
		return nil
	case CheckCondition:
		return r.senseErr()
	case Busy, TaskSetFull:
		return &OpError{Reply: r, Class: ErrBusy}
	case TaskAborted:
		return &OpError{Reply: r, Class: ErrDevice, outcomeUnknown: true}
	}
	return &OpError{Reply: r, Class: ErrDevice, outcomeUnknown: true}
}

func (r Reply) senseErr() error {
	s, err := DecodeSense(r.Sense)
	if err != nil {
		return &OpError{Reply: r, Class: fmt.Errorf("%w: CHECK CONDITION with %w", ErrMalformed, err), outcomeUnknown: true}
	}
	e := &OpError{Reply: r, Sense: &s, Class: ErrDevice}
	switch s.Key {
	case RecoveredError:
		return nil
	case UnitAttention:
		e.Class = ErrUnitAttention
		if s.StateChanged() {
			e.Class = fmt.Errorf("%w: %w", ErrStateChanged, ErrUnitAttention)
		}
	case IllegalRequest:
		switch s.ASC {
		case InvalidOpcode, InvalidFieldInCDB, InvalidFieldInParameterList:
			e.Class = ErrUnsupported
		}
	case NotReady:
		// LIO answers 2/08/00 to a REGISTER that it has performed but could
		// not store, so NOT READY other than a transition proves nothing.
		if s.Transitional() {
			e.Class = ErrBusy
		} else {
			e.outcomeUnknown = true
		}
	case HardwareError, MediumError, AbortedCommand:
		e.outcomeUnknown = true
	}
	return e
}

// Exec sends req and turns every failure into an *OpError that carries op.
func Exec(ctx context.Context, t Transport, op string, req *Request) (Reply, error) {
	reply, err := t.Do(ctx, req)
	if err != nil {
		return reply, transportErr(op, err)
	}
	if err := reply.Err(); err != nil {
		var e *OpError
		if errors.As(err, &e) {
			e.Op = op
		}
		return reply, err
	}
	return reply, nil
}

// transportErr classes what Transport.Do returned. A failed system call
// before the command went out leaves nothing open, but which ones those are
// is the kernel's secret, save for two.
func transportErr(op string, err error) error {
	var already *OpError
	if errors.As(err, &already) {
		if already.Op == "" {
			already.Op = op
		}
		return err
	}
	e := &OpError{Op: op, outcomeUnknown: true}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		e.Class = fmt.Errorf("%w: %w", ErrTimeout, err)
	case errors.Is(err, syscall.ENOTTY), errors.Is(err, syscall.EPERM), errors.Is(err, ErrUnsupported):
		e.Class = fmt.Errorf("%w: %w", ErrUnsupported, err)
		e.outcomeUnknown = false
	default:
		e.Class = fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return e
}

// malformed makes the error of an answer that breaks the standard.
func malformed(op, format string, args ...any) error {
	return &OpError{Op: op, Class: fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))}
}
