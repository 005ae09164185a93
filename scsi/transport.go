package scsi

import (
	"context"
	"fmt"
	"time"
)

// Transport carries commands over one I_T nexus to one logical unit.
//
// Do returns an error only if no answer came back from the other side at all
// (system call failed, deadline passed). Whatever the device or the host
// adapter said stands in the Reply, good or bad; [Reply.Err] tells which. An
// error is taken to leave open whether the command took effect, unless it is
// an *OpError that says otherwise ([OutcomeUnknown]), ENOTTY or a lack of
// permission: with these it was not sent.
// At most one command may be in flight on a Transport. The deadline of ctx is
// what bounds it: the Done channel need not tell that it has passed.
//
// A Transport that cannot do the Function of a request returns an error that is
// ErrUnsupported, and sends nothing.
type Transport interface {
	Do(ctx context.Context, req *Request) (Reply, error)
}

// Direction of the data phase of a command.
type Direction uint8

// Directions, seen from the initiator.
const (
	NoData Direction = iota
	DataIn
	DataOut
)

// TaskFunction is what a Request asks for: a command, or a task management
// function of SAM-5 7 instead of one.
type TaskFunction uint8

// The functions. What they answer stands in the Reply of a command: GOOD means
// FUNCTION COMPLETE.
const (
	// Command is no function but the command in the CDB.
	Command TaskFunction = iota
	// LogicalUnitReset is LOGICAL UNIT RESET: see [Unit.Reset].
	LogicalUnitReset
)

// Request is one SCSI command on its way out, or a task management function.
type Request struct {
	// Function is Command, or what is to be done instead of a command: then
	// CDB and Data are empty.
	Function TaskFunction
	CDB      []byte
	Dir      Direction
	// Data is what is sent (DataOut) or the buffer that is filled (DataIn).
	// For DataIn its length equals the ALLOCATION LENGTH of the CDB: some
	// targets refuse anything else.
	Data []byte
	// Timeout of this command on the wire, in whole milliseconds; zero leaves
	// it to the transport.
	Timeout time.Duration
}

// Opcode returns the operation code, or 0 for an empty CDB. A task management
// function has a value of its own, which is no operation code.
func (r *Request) Opcode() Opcode {
	switch {
	case r.Function != Command:
		return functionOpcodes + Opcode(r.Function)
	case len(r.CDB) == 0:
		return 0
	}
	return Opcode(r.CDB[0])
}

// Name is the command in the standard's words, by its service action if it is one of
// those about reservations.
func (r *Request) Name() string {
	op := r.Opcode()
	if len(r.CDB) > 1 {
		switch action := r.CDB[1] & 0x1f; op {
		case OpPRIn:
			return InAction(action).String()
		case OpPROut:
			return OutAction(action).String()
		}
	}
	return op.String()
}

// Reply is what came back for a Request.
type Reply struct {
	Status Status
	Host   HostStatus
	Driver DriverStatus
	// Sense is the sense data as it came, cut to what arrived; see DecodeSense.
	Sense []byte
	// Resid is the number of bytes of Request.Data that were not transferred.
	// For DataIn only the first len(Data)-Resid bytes are the device's.
	Resid int
}

// Opcode is the first byte of a CDB, or stands for a task management function.
type Opcode uint16

// functionOpcodes and a TaskFunction make the Opcode of a request for it: behind
// all the bytes that a CDB can begin with.
const functionOpcodes Opcode = 0xff

// OpLogicalUnitReset stands for LOGICAL UNIT RESET, which has no CDB.
const OpLogicalUnitReset = functionOpcodes + Opcode(LogicalUnitReset)

// Operation codes used here.
const (
	OpTestUnitReady  Opcode = 0x00
	OpRequestSense   Opcode = 0x03
	OpInquiry        Opcode = 0x12
	OpReserve6       Opcode = 0x16
	OpRelease6       Opcode = 0x17
	OpReadCapacity10 Opcode = 0x25
	OpRead10         Opcode = 0x28
	OpWrite10        Opcode = 0x2a
	OpPRIn           Opcode = 0x5e
	OpPROut          Opcode = 0x5f
	OpReadCapacity16 Opcode = 0x9e
	// OpMaintenanceIn is MAINTENANCE IN, which here always is REPORT SUPPORTED OPERATION
	// CODES.
	OpMaintenanceIn Opcode = 0xa3
)

// String names the command as SPC-4 and SBC-4 spell it.
func (o Opcode) String() string {
	switch o {
	case OpTestUnitReady:
		return "TEST UNIT READY"
	case OpRequestSense:
		return "REQUEST SENSE"
	case OpInquiry:
		return "INQUIRY"
	case OpReserve6:
		return "RESERVE(6)"
	case OpRelease6:
		return "RELEASE(6)"
	case OpReadCapacity10:
		return "READ CAPACITY(10)"
	case OpRead10:
		return "READ(10)"
	case OpWrite10:
		return "WRITE(10)"
	case OpPRIn:
		return "PERSISTENT RESERVE IN"
	case OpPROut:
		return "PERSISTENT RESERVE OUT"
	case OpReadCapacity16:
		return "READ CAPACITY(16)"
	case OpMaintenanceIn:
		return "REPORT SUPPORTED OPERATION CODES"
	case OpLogicalUnitReset:
		return "LOGICAL UNIT RESET"
	}
	if o > functionOpcodes {
		return fmt.Sprintf("task management function %d", o-functionOpcodes)
	}
	return fmt.Sprintf("opcode %02Xh", uint8(o))
}

// Status is the SAM-5 status byte of a command.
type Status uint8

// Status codes.
const (
	Good                Status = 0x00
	CheckCondition      Status = 0x02
	ConditionMet        Status = 0x04
	Busy                Status = 0x08
	ReservationConflict Status = 0x18
	TaskSetFull         Status = 0x28
	ACAActive           Status = 0x30
	TaskAborted         Status = 0x40
)

// String names the status as SAM-5 spells it.
func (s Status) String() string {
	switch s {
	case Good:
		return "GOOD"
	case CheckCondition:
		return "CHECK CONDITION"
	case ConditionMet:
		return "CONDITION MET"
	case Busy:
		return "BUSY"
	case ReservationConflict:
		return "RESERVATION CONFLICT"
	case TaskSetFull:
		return "TASK SET FULL"
	case ACAActive:
		return "ACA ACTIVE"
	case TaskAborted:
		return "TASK ABORTED"
	}
	return fmt.Sprintf("status %02Xh", uint8(s))
}

// HostStatus is what Linux's host adapter layer says of a command (DID_...).
type HostStatus uint16

// Host status codes, include/scsi/scsi_status.h of Linux.
const (
	HostOK                 HostStatus = 0x00
	HostNoConnect          HostStatus = 0x01
	HostBusBusy            HostStatus = 0x02
	HostTimeOut            HostStatus = 0x03
	HostBadTarget          HostStatus = 0x04
	HostAbort              HostStatus = 0x05
	HostParity             HostStatus = 0x06
	HostError              HostStatus = 0x07
	HostReset              HostStatus = 0x08
	HostBadIntr            HostStatus = 0x09
	HostPassthrough        HostStatus = 0x0a
	HostSoftError          HostStatus = 0x0b
	HostImmRetry           HostStatus = 0x0c
	HostRequeue            HostStatus = 0x0d
	HostTransportDisrupted HostStatus = 0x0e
	HostTransportFailfast  HostStatus = 0x0f
	HostTargetFailure      HostStatus = 0x10
	HostNexusFailure       HostStatus = 0x11
	HostAllocFailure       HostStatus = 0x12
	HostMediumError        HostStatus = 0x13
	HostTransportMarginal  HostStatus = 0x14
)

// String gives Linux's own name of the code.
func (h HostStatus) String() string {
	names := [...]string{"DID_OK", "DID_NO_CONNECT", "DID_BUS_BUSY", "DID_TIME_OUT",
		"DID_BAD_TARGET", "DID_ABORT", "DID_PARITY", "DID_ERROR", "DID_RESET",
		"DID_BAD_INTR", "DID_PASSTHROUGH", "DID_SOFT_ERROR", "DID_IMM_RETRY",
		"DID_REQUEUE", "DID_TRANSPORT_DISRUPTED", "DID_TRANSPORT_FAILFAST",
		"DID_TARGET_FAILURE", "DID_NEXUS_FAILURE", "DID_ALLOC_FAILURE",
		"DID_MEDIUM_ERROR", "DID_TRANSPORT_MARGINAL"}
	if int(h) < len(names) {
		return names[h]
	}
	return fmt.Sprintf("host status %#02x", uint16(h))
}

// DriverStatus is what Linux's low-level driver says of a command.
type DriverStatus uint16

// driverSense says that sense data is valid; kernels set it for every CHECK
// CONDITION and it is no error by itself.
const driverSense DriverStatus = 0x08

// Failed reports whether the status is an error of its own. The upper half is
// a suggestion to the kernel, not an outcome.
func (d DriverStatus) Failed() bool {
	return d&0x0f != 0 && d&0x0f != driverSense
}

// String gives the code as a number; the names went away with Linux 5.14.
func (d DriverStatus) String() string { return fmt.Sprintf("driver status %#02x", uint16(d)) }
