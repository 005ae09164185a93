package nvme

import (
	"errors"
	"fmt"

	"lunguard/pr"
)

// Status is that of a completion, without its phase bit: code 7:0, type 10:8, command
// retry delay 12:11, more 13, do not retry 14. Section 4.2.3.
type Status uint16

// Codes with their types. Sections 4.2.3.1 to 4.2.3.4.
const (
	Success                Status = 0x000
	InvalidOpcode          Status = 0x001
	InvalidField           Status = 0x002
	DataTransferError      Status = 0x004
	InternalError          Status = 0x006
	AbortRequested         Status = 0x007
	SQDeletion             Status = 0x008
	InvalidNamespace       Status = 0x00b
	CommandSequence        Status = 0x00c
	DataLengthInvalid      Status = 0x00f
	HostIDInconsistent     Status = 0x018
	WriteProtected         Status = 0x020
	CommandInterrupted     Status = 0x021
	TransientTransport     Status = 0x022
	LBAOutOfRange          Status = 0x080
	CapacityExceeded       Status = 0x081
	NamespaceNotReady      Status = 0x082
	ReservationConflict    Status = 0x083
	FormatInProgress       Status = 0x084
	InternalPath           Status = 0x300
	ANAPersistentLoss      Status = 0x301
	ANAInaccessible        Status = 0x302
	ANATransition          Status = 0x303
	ControllerPathingError Status = 0x360
	HostPathingError       Status = 0x370
	HostAborted            Status = 0x371
)

// Bits of a status beside the code and its type.
const (
	codeMask     Status = 0x7ff
	DoNotRetry   Status = 1 << 14
	More         Status = 1 << 13
	delayShift          = 11
	delayMask    Status = 3
	mediaErrors  Status = 0x200
	typeMask     Status = 0x700
	vendorErrors Status = 0x700
)

// Code is the status code with its type, without what comes beside: a conflict is 4083h
// or 6083h as often as it is 83h.
func (s Status) Code() Status { return s & codeMask }

// Delay is which of the three command retry delays of the controller is to be waited
// for before another try; 0 is none.
func (s Status) Delay() int { return int(s >> delayShift & delayMask) }

// Final reports whether the controller says that another try would fail, too.
func (s Status) Final() bool { return s&DoNotRetry != 0 }

// String names the code as the standard does.
func (s Status) String() string {
	if known, ok := meaningOf(s.Code()); ok {
		return known.name
	}
	return fmt.Sprintf("status %03Xh", uint16(s.Code()))
}

// meaning is what a code says of the command.
type meaning struct {
	name  string
	class error
	// open says that the command may have taken effect.
	open bool
}

// meaningOf is the table of codes. The outcome is taken as known only where the command
// was refused before it did anything.
func meaningOf(code Status) (meaning, bool) {
	switch code {
	case Success:
		return meaning{"Successful Completion", nil, false}, true
	case InvalidOpcode:
		return meaning{"Invalid Command Opcode", pr.ErrUnsupported, false}, true
	case InvalidField:
		return meaning{"Invalid Field in Command", pr.ErrUnsupported, false}, true
	case DataTransferError:
		return meaning{"Data Transfer Error", pr.ErrDevice, true}, true
	case InternalError:
		return meaning{"Internal Error", pr.ErrDevice, true}, true
	case AbortRequested:
		return meaning{"Command Abort Requested", pr.ErrDevice, true}, true
	case SQDeletion:
		return meaning{"Command Aborted due to SQ Deletion", pr.ErrTransport, true}, true
	case InvalidNamespace:
		// Gone, or not attached to this controller: another one may have it.
		return meaning{"Invalid Namespace or Format", pr.ErrPathUnusable, false}, true
	case CommandSequence:
		return meaning{"Command Sequence Error", pr.ErrDevice, false}, true
	case DataLengthInvalid:
		return meaning{"Data SGL Length Invalid", pr.ErrDevice, false}, true
	case HostIDInconsistent:
		return meaning{"Host Identifier Inconsistent Format", ErrOtherFormat, false}, true
	case WriteProtected:
		return meaning{"Namespace is Write Protected", pr.ErrDevice, false}, true
	case CommandInterrupted:
		return meaning{"Command Interrupted", pr.ErrBusy, false}, true
	case TransientTransport:
		return meaning{"Transient Transport Error", pr.ErrTransport, true}, true
	case LBAOutOfRange:
		return meaning{"LBA Out of Range", pr.ErrDevice, false}, true
	case CapacityExceeded:
		return meaning{"Capacity Exceeded", pr.ErrDevice, false}, true
	case NamespaceNotReady:
		return meaning{"Namespace Not Ready", pr.ErrBusy, false}, true
	case FormatInProgress:
		return meaning{"Format In Progress", pr.ErrBusy, false}, true
	case ReservationConflict:
		return meaning{"Reservation Conflict", pr.ErrReservationConflict, false}, true
	case InternalPath:
		return meaning{"Internal Path Error", pr.ErrPathUnusable, false}, true
	case ANAPersistentLoss:
		return meaning{"Asymmetric Access Persistent Loss", pr.ErrPathUnusable, false}, true
	case ANAInaccessible:
		return meaning{"Asymmetric Access Inaccessible", pr.ErrPathUnusable, false}, true
	case ANATransition:
		return meaning{"Asymmetric Access Transition", pr.ErrBusy, false}, true
	case ControllerPathingError:
		return meaning{"Controller Pathing Error", pr.ErrTransport, true}, true
	case HostPathingError:
		return meaning{"Host Pathing Error", pr.ErrTransport, true}, true
	case HostAborted:
		return meaning{"Command Aborted By Host", pr.ErrTransport, true}, true
	}
	return meaning{class: pr.ErrDevice, open: true}, false
}

// err is nil if the command succeeded, else an *OpError of the command.
func (s Status) err(req *Request) error {
	if s.Code() == Success {
		return nil
	}
	m, _ := meaningOf(s.Code())
	e := &OpError{Op: req.Name(), Status: s, Class: m.class, outcomeUnknown: m.open}
	if !errors.Is(m.class, pr.ErrBusy) {
		return e
	}
	switch {
	case s.Code() == CommandInterrupted && req.Aborts():
		// It has removed whom it was to remove, and has given up waiting for their
		// commands: a second one would find nobody to wait for.
		e.Class, e.outcomeUnknown = pr.ErrDevice, true
	case !s.Final():
	case s.Code() == ANATransition:
		e.Class = pr.ErrPathUnusable
	default:
		// Busy for good is no state that passes.
		e.Class = pr.ErrDevice
	}
	return e
}
