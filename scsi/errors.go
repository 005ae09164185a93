package scsi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
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
	// service action or a field of it (5/20/00, 5/24/00, 5/26/00), or that
	// what was opened takes no SCSI commands at all (ENOTTY).
	ErrUnsupported = errors.New("not supported by the device")
	// ErrTransport says that the command or its answer got lost between this
	// host and the device: host or driver status, or a failed system call. A
	// kernel that refuses the command for want of privilege is one too, and
	// errors.Is(err, os.ErrPermission) tells it apart.
	ErrTransport = errors.New("transport error")
	// ErrTimeout says that no answer came in time. It is a transport error.
	ErrTimeout = fmt.Errorf("no answer in time: %w", ErrTransport)
	// ErrStillUnderWay says that the kernel has not returned a command that was
	// given up. It comes with the command itself, and [StillUnderWay] tells that
	// from one that was not sent because of an earlier one.
	ErrStillUnderWay = errors.New("still under way in the kernel")
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

// StillUnderWay reports whether err is that of a command which the kernel still
// holds: it may be performed at any later time, so that reading back proves
// nothing for good. It is false once the kernel has ended the command, as it has
// for every answer, host status DID_TIME_OUT included, and for a command that
// was not sent.
func StillUnderWay(err error) bool {
	var op *OpError
	return errors.Is(err, ErrStillUnderWay) && (!errors.As(err, &op) || op.outcomeUnknown)
}

// ASCOf returns the additional sense code of err, or 0 if err carries no sense
// data. It is a detail for deciding; errors.Is tells the class.
func ASCOf(err error) ASC {
	var op *OpError
	if errors.As(err, &op) && op.Sense != nil {
		return op.Sense.ASC
	}
	return 0
}

// Err returns nil if the command succeeded, else an *OpError without device
// and command, whose class is one of the Err values of this package.
//
// RESERVATION CONFLICT comes first: kernels before 6.1 set the host status
// DID_NEXUS_FAILURE with it. Then come the layers from the host outwards, so
// that the status of a command that never reached the device is not believed.
// CHECK CONDITION with RECOVERED ERROR is success (SPC-4 4.5), unless the
// sense data is deferred and so is about another command.
func (r Reply) Err() error {
	if r.Status == ReservationConflict || r.Host == HostNexusFailure {
		return &OpError{Reply: r, Class: ErrReservationConflict}
	}
	if r.Host == HostTimeOut {
		return &OpError{Reply: r, Class: ErrTimeout, outcomeUnknown: true}
	}
	if r.Host != HostOK && !r.translated() {
		return &OpError{Reply: r, Class: ErrTransport, outcomeUnknown: true}
	}
	if r.Driver.Failed() {
		return &OpError{Reply: r, Class: ErrTransport, outcomeUnknown: true}
	}
	switch r.Status {
	case Good, ConditionMet:
		return r.hiddenErr()
	case CheckCondition:
		return r.senseErr()
	case Busy, TaskSetFull:
		return &OpError{Reply: r, Class: ErrBusy}
	}
	return &OpError{Reply: r, Class: ErrDevice, outcomeUnknown: true}
}

// translated reports whether the host status only repeats the sense data that
// came with it: kernels before 6.1 put these three beside a CHECK CONDITION.
func (r Reply) translated() bool {
	switch r.Host {
	case HostTargetFailure, HostAllocFailure, HostMediumError:
		return r.Status == CheckCondition
	}
	return false
}

// hiddenErr is the error of a good status. Kernels before 5.14 had drivers that
// announced sense data by the driver status alone. A contradiction like that
// leaves the outcome open, and nothing is repeated because of it.
func (r Reply) hiddenErr() error {
	if r.Driver&0x0f != driverSense {
		return nil
	}
	s, err := DecodeSense(r.Sense)
	if err != nil || s.Deferred {
		return nil
	}
	switch s.Key {
	case NoSense, RecoveredError, completed:
		return nil
	}
	return &OpError{Reply: r, Sense: &s, Class: ErrDevice, outcomeUnknown: true}
}

// senseErr is the error of a CHECK CONDITION. The outcome is taken as known
// only where the standard has the command refused before it did anything.
func (r Reply) senseErr() error {
	s, err := DecodeSense(r.Sense)
	if err != nil {
		return &OpError{Reply: r, Class: fmt.Errorf("%w: CHECK CONDITION with %w", ErrMalformed, err), outcomeUnknown: true}
	}
	e := &OpError{Reply: r, Sense: &s, Class: ErrDevice, outcomeUnknown: true}
	if s.Deferred {
		// Its key is about an earlier command; this one was not performed.
		// So even RECOVERED ERROR is no success here.
		return e
	}
	switch s.Key {
	case RecoveredError:
		return nil
	case UnitAttention:
		e.outcomeUnknown = false
		e.Class = ErrUnitAttention
		if s.StateChanged() {
			e.Class = fmt.Errorf("%w: %w", ErrStateChanged, ErrUnitAttention)
		}
	case DataProtect:
		e.outcomeUnknown = false
	case IllegalRequest:
		e.outcomeUnknown = false
		switch s.ASC {
		case InvalidOpcode, InvalidFieldInCDB, InvalidFieldInParameterList:
			e.Class = ErrUnsupported
		}
	case NotReady:
		// LIO answers 2/08/00 to a REGISTER that it has performed but could
		// not store, so NOT READY other than a transition proves nothing.
		if s.Transitional() {
			e.Class, e.outcomeUnknown = ErrBusy, false
		}
	}
	return e
}

// Exec sends req once and turns every failure into an *OpError that carries
// op: what the transport returned as well as what the Reply says. The Reply is
// worth reading only if the error is nil.
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
// is the kernel's secret, save for a few.
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
	case errors.Is(err, syscall.ENOTTY), errors.Is(err, ErrUnsupported):
		e.Class = fmt.Errorf("%w: %w", ErrUnsupported, err)
		e.outcomeUnknown = false
	case errors.Is(err, os.ErrPermission):
		// Says nothing of the device, so it is not ErrUnsupported.
		e.Class = fmt.Errorf("%w: %w", ErrTransport, err)
		e.outcomeUnknown = false
	default:
		e.Class = fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return e
}

// unsent makes the error of a command that was not sent for lack of time or
// because its context was cancelled. Its outcome is known: nothing happened.
func unsent(device string, cause error) error {
	return &OpError{Device: device, Class: fmt.Errorf("not sent, %w: %w", cause, ErrTimeout)}
}

// expired tells why nothing may be sent any more, or nil. The clock is asked
// besides the context, because the context's timer runs late in a process that
// was stopped for a while.
func expired(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// malformed makes the error of an answer that breaks the standard.
func malformed(op, format string, args ...any) error {
	return &OpError{Op: op, Class: fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))}
}
