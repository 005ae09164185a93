package scsi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"lunguard/pr"
)

// Classes of failure, to be tested with errors.Is: those of package pr, and by what
// each is told.
var (
	// ErrReservationConflict is status RESERVATION CONFLICT. A classic RESERVE may be
	// in force, too.
	ErrReservationConflict = pr.ErrReservationConflict
	// ErrStateChanged is a unit attention 2Ah/03h to 05h.
	ErrStateChanged = pr.ErrStateChanged
	// ErrUnitAttention is any unit attention.
	ErrUnitAttention = pr.ErrUnitAttention
	// ErrUnsupported says that the device does not know the command, the
	// service action or a field of it (5/20/00, 5/24/00, 5/26/00), or that
	// what was opened takes no SCSI commands at all (ENOTTY).
	ErrUnsupported = pr.ErrUnsupported
	// ErrTransport is a host or driver status, or a failed system call.
	ErrTransport = pr.ErrTransport
	// ErrTimeout is a transport error.
	ErrTimeout = pr.ErrTimeout
	// ErrStillUnderWay comes with a command that was given up.
	ErrStillUnderWay = pr.ErrStillUnderWay
	// ErrBusy says that BUSY, TASK SET FULL or an ALUA transition lasted
	// until the deadline.
	ErrBusy = pr.ErrBusy
	// ErrMalformed is an answer that is cut short, or has lengths that do not fit or
	// reserved values.
	ErrMalformed = pr.ErrMalformed
	// ErrDevice is any other CHECK CONDITION or status.
	ErrDevice = pr.ErrDevice
	// ErrStale says that a command was not sent: see [pr.WhileFresh].
	ErrStale = pr.ErrStale
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
	text := e.Say(e.Class.Error())
	if e.Device != "" {
		text = e.Device + ": " + text
	}
	return text
}

// Where is the name of the path, What the command, Why the class: an OpError is a
// [pr.CommandError].
func (e *OpError) Where() string { return e.Device }

// What is the command with its service action.
func (e *OpError) What() string { return e.Op }

// Brief says in a word or two what the answer was: the status, the sense key, or what
// became of the command on this host.
func (e *OpError) Brief() string {
	if status := e.Reply.Status; status != Good && status != CheckCondition {
		return status.String()
	}
	if e.Sense != nil {
		return e.Sense.Key.String()
	}
	return e.Reply.Host.String()
}

// Why is the class.
func (e *OpError) Why() error { return e.Class }

// Say gives all the data but the path, with the class in these words.
func (e *OpError) Say(class string) string {
	var b strings.Builder
	b.WriteString(e.Op + ": " + class)
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

// OutcomeUnknown reports whether the command may have taken effect all the same; see
// [pr.OutcomeUnknown].
func (e *OpError) OutcomeUnknown() bool { return e.outcomeUnknown }

// Is answers errors.Is for the classes of package pr that sense data tell.
func (e *OpError) Is(class error) bool {
	asc := ASC(0)
	if e.Sense != nil {
		asc = e.Sense.ASC
	}
	switch class {
	case pr.ErrNoReservations:
		// Not a field of the command, but the command.
		return errors.Is(e.Class, ErrUnsupported) && (asc == InvalidOpcode || asc == 0)
	case pr.ErrAborted:
		return e.aborted()
	case pr.ErrCannotStore:
		return asc == CommunicationFailure
	case pr.ErrPathUnusable:
		return asc == TargetPortStandby || asc == TargetPortUnavailable || asc == LUNotSupported
	}
	return false
}

// aborted reports whether the device ended the command by itself.
func (e *OpError) aborted() bool {
	return e.Sense != nil && e.Sense.Key == AbortedCommand && !e.Sense.Deferred || e.Sense == nil && e.Reply.Status == TaskAborted
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
		switch {
		case s.Transitional():
			e.Class, e.outcomeUnknown = ErrBusy, false
		case s.ASC == TargetPortStandby, s.ASC == TargetPortUnavailable:
			// The port does not let it through. SPC-4 5.15.2.4.4, 5.15.2.4.5.
			e.outcomeUnknown = false
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
	case pr.HostRefused(err):
		// Says nothing of the device, so it is not ErrUnsupported. The kernel asks for
		// the right and for memory before it sends anything.
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

// malformed makes the error of an answer that breaks the standard.
func malformed(op, format string, args ...any) error {
	return &OpError{Op: op, Class: fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))}
}
