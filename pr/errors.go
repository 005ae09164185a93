package pr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// Classes of failure, to be tested with errors.Is.
var (
	// ErrReservationConflict says that the device refused the command: somebody else
	// holds a reservation, or this path is not registered, or the key is not its key,
	// or another kind of reservation is in force. Read before explaining it.
	ErrReservationConflict = errors.New("reservation conflict")
	// ErrStateChanged says that others changed the registrations or the reservation.
	// The command was not performed.
	ErrStateChanged = errors.New("reservation state was changed by another node")
	// ErrUnitAttention says that the device had an event to announce; ErrStateChanged
	// is one. The command was not performed.
	ErrUnitAttention = errors.New("unit attention")
	// ErrUnsupported says that the device does not know the command or a field of it.
	ErrUnsupported = errors.New("not supported by the device")
	// ErrNoReservations says more: the device knows nothing of reservations.
	ErrNoReservations = errors.New("the device knows no persistent reservations")
	// ErrNotShared says that no other host could reach the device, so that a reservation
	// would keep nobody out.
	ErrNotShared = fmt.Errorf("no other host can have the device: %w", ErrNoReservations)
	// ErrCannotStore says that the device has nowhere to keep registrations through
	// power loss. It may have performed the command all the same.
	ErrCannotStore = errors.New("the device cannot store registrations")
	// ErrTransport says that the command or its answer got lost between this
	// host and the device. A kernel that refuses the command for want of privilege is
	// one too, and errors.Is(err, os.ErrPermission) tells it apart.
	ErrTransport = errors.New("transport error")
	// ErrPathUnusable says that the path is of no use now, though the device answers:
	// the others may be. Every ErrTransport is one, too; see [PathFailed].
	ErrPathUnusable = errors.New("path of no use")
	// ErrTimeout says that no answer came in time. It is a transport error.
	ErrTimeout = fmt.Errorf("no answer in time: %w", ErrTransport)
	// ErrStillUnderWay says that the kernel has not returned a command that was
	// given up. It comes with the command itself, and [StillUnderWay] tells that
	// from one that was not sent because of an earlier one.
	ErrStillUnderWay = errors.New("still under way in the kernel")
	// ErrBusy says that the device was busy until the deadline. The command was not
	// performed.
	ErrBusy = errors.New("device stayed busy")
	// ErrMalformed says that the answer breaks the standard.
	ErrMalformed = errors.New("malformed answer")
	// ErrDevice is any other answer that is a failure.
	ErrDevice = errors.New("device error")
	// ErrNotTrusted says that where processes of root tell each other of commands
	// under way is open to others, so that nothing is sent on what it says.
	ErrNotTrusted = errors.New("not a directory that only root can change")
	// ErrWrongDevice says that the path leads to another device than it is taken for,
	// so that nothing was sent to it.
	ErrWrongDevice = errors.New("the path leads to another device")
	// ErrAborted says that the device gave a command up by itself; by this path or another
	// it may do it. It is an ErrDevice.
	ErrAborted = errors.New("the device aborted the command")
	// ErrStale says that a command was not sent because the state that it was decided
	// on had become too old: see [WhileFresh]. Nothing happened.
	ErrStale = errors.New("what it was decided on is too old")
)

// Uncertain is what the errors of commands are that know whether the command may
// have taken effect.
type Uncertain interface {
	error
	// OutcomeUnknown reports whether it may.
	OutcomeUnknown() bool
}

// CommandError is what the error of a command is made of, whatever the storage: words
// for people are made from these, and not from its text.
type CommandError interface {
	Uncertain
	// Where names the path that the command was for; empty if nobody told.
	Where() string
	// What is the command, as the standard of its storage spells it.
	What() string
	// Why is the class, or an error that wraps it.
	Why() error
	// Say says all but the path, with the class in these words.
	Say(class string) string
}

// OutcomeUnknown reports whether err leaves open if the command took effect:
// the transport failed, no answer came in time, or the device aborted it. Only
// reading back tells.
func OutcomeUnknown(err error) bool {
	var e Uncertain
	return errors.As(err, &e) && e.OutcomeUnknown()
}

// StillUnderWay reports whether err is that of a command which the kernel still
// holds: it may be performed at any later time, so that reading back proves
// nothing for good. It is false once the kernel has ended the command, and for one
// that was not sent.
func StillUnderWay(err error) bool {
	var e Uncertain
	return errors.Is(err, ErrStillUnderWay) && (!errors.As(err, &e) || e.OutcomeUnknown())
}

// PathTroubled reports whether err speaks of the path for now: it failed, or was busy
// or in transition for all of its time, or the device aborted the command there. What
// only reads may be asked by another path.
func PathTroubled(err error) bool {
	return PathFailed(err) || !errors.Is(err, context.Canceled) && (errors.Is(err, ErrBusy) || errors.Is(err, ErrAborted))
}

// HostRefused reports whether err is that of this host itself, which has no more files or
// memory to give, or does not permit it: EMFILE, ENFILE, ENOMEM, EACCES, EPERM. It says
// nothing of a path, and another one does not make up for it.
func HostRefused(err error) bool {
	return slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EACCES, syscall.EPERM},
		func(errno error) bool { return errors.Is(err, errno) })
}

// PathFailed reports whether err speaks of the path rather than of the device: other
// paths may do. A command that was not sent says nothing of its path.
func PathFailed(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrStale) || HostRefused(err) {
		return false
	}
	return errors.Is(err, ErrTransport) || errors.Is(err, ErrPathUnusable)
}
