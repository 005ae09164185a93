package nvme

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"lunguard/pr"
)

// Classes of failure that are NVMe's own, to be tested with errors.Is besides those of
// package pr.
var (
	// ErrOtherFormat says that the host has a host identifier of the other length than
	// the command was for: Host Identifier Inconsistent Format.
	ErrOtherFormat = fmt.Errorf("the host identifier has another length: %w", pr.ErrUnsupported)
	// ErrNoPath says that the kernel has no path to the namespace on which it could
	// send now: all are lost or in a state that takes no commands.
	ErrNoPath = fmt.Errorf("the kernel has no path to the namespace: %w", pr.ErrPathUnusable)
	// ErrCancelled says that the kernel took a command back: its time was over, or
	// the controller was reset or disconnected. It may have been performed.
	ErrCancelled = fmt.Errorf("taken back by the kernel: %w", pr.ErrTransport)
)

// OpError is the failure of one command: a [pr.CommandError]. errors.Is tells its class.
type OpError struct {
	// Device is the name of the path, empty if the transport has none.
	Device string
	// Op is the command with its action, in the standard's words.
	Op string
	// Status is as it came; 0 if none did.
	Status Status
	// Class is one of the Err values of package pr or of this one, or wraps one.
	Class error
	// outcomeUnknown says that the command may have taken effect all the same.
	outcomeUnknown bool
}

// Error gives all the data on one line, for a log. Words for people are made by the
// commands.
func (e *OpError) Error() string {
	text := e.Say(e.Class.Error())
	if e.Device != "" {
		text = e.Device + ": " + text
	}
	return text
}

// Where is the name of the path, What the command, Why the class.
func (e *OpError) Where() string { return e.Device }

// What is the command with its action.
func (e *OpError) What() string { return e.Op }

// Why is the class.
func (e *OpError) Why() error { return e.Class }

// Brief says in a word or two what the answer was.
func (e *OpError) Brief() string {
	if e.Status != Success {
		return e.Status.String()
	}
	return e.Class.Error()
}

// Say gives all the data but the path, with the class in these words.
func (e *OpError) Say(class string) string {
	var b strings.Builder
	b.WriteString(e.Op + ": " + class)
	if code := e.Status.Code(); code != Success && code != ReservationConflict {
		fmt.Fprintf(&b, ": %v (%03Xh)", e.Status, uint16(code))
	}
	return b.String()
}

// Unwrap gives the class.
func (e *OpError) Unwrap() error { return e.Class }

// OutcomeUnknown reports whether the command may have taken effect all the same; see
// [pr.OutcomeUnknown].
func (e *OpError) OutcomeUnknown() bool { return e.outcomeUnknown }

// Is answers errors.Is for what the status tells beside the class.
func (e *OpError) Is(class error) bool {
	switch class {
	case pr.ErrNoReservations:
		// Not a field of the command, but the command; or no NVMe device at all.
		return errors.Is(e.Class, pr.ErrUnsupported) && (e.Status.Code() == InvalidOpcode || e.Status == 0)
	}
	return false
}

// StatusOf is the status code in err, Success if err carries none. It is a detail for
// deciding; errors.Is tells the class.
func StatusOf(err error) Status {
	var e *OpError
	if errors.As(err, &e) {
		return e.Status.Code()
	}
	return Success
}

// failure classes what Transport.Do returned. Of what the kernel says only what comes
// before a command is sent leaves nothing open.
func failure(req *Request, err error) error {
	var already *OpError
	if errors.As(err, &already) {
		if already.Op == "" {
			already.Op = req.Name()
		}
		return err
	}
	e := &OpError{Op: req.Name()}
	class := pr.ErrTransport
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		class, e.outcomeUnknown = pr.ErrTimeout, true
	case errors.Is(err, syscall.EINTR):
		// No signal: the kernel's way of saying that it cancelled the command.
		class, e.outcomeUnknown = ErrCancelled, true
	case errors.Is(err, syscall.EAGAIN):
		class = ErrNoPath
	case errors.Is(err, syscall.ENOTTY):
		class = pr.ErrUnsupported
	case errors.Is(err, syscall.EINVAL):
		// The namespace has another number than when it was opened.
	case pr.HostRefused(err):
		// Says nothing of the device, so it is not ErrUnsupported.
	default:
		e.outcomeUnknown = true
	}
	e.Class = fmt.Errorf("%w: %w", class, err)
	return e
}

// unsent makes the error of a command that was not sent for lack of time or because its
// context was cancelled. Its outcome is known: nothing happened.
func unsent(device string, cause error) error {
	return &OpError{Device: device, Class: fmt.Errorf("not sent, %w: %w", cause, pr.ErrTimeout)}
}

// malformed makes the error of an answer that breaks the standard.
func malformed(op, format string, args ...any) error {
	return &OpError{Op: op, Class: fmt.Errorf("%w: %w", pr.ErrMalformed, fmt.Errorf(format, args...))}
}
