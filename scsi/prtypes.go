package scsi

import "fmt"

// Scope of a reservation; only the whole logical unit is defined.
type Scope uint8

// LUScope is the whole logical unit. SPC-4 6.15.3.3.
const LUScope Scope = 0

// String names the scope as SPC-4 spells it.
func (s Scope) String() string {
	if s == LUScope {
		return "LU_SCOPE"
	}
	return fmt.Sprintf("scope %Xh", uint8(s))
}

// InAction is a service action of PERSISTENT RESERVE IN. SPC-4 6.15.1.
type InAction uint8

// PERSISTENT RESERVE IN service actions.
const (
	InReadKeys           InAction = 0
	InReadReservation    InAction = 1
	InReportCapabilities InAction = 2
	InReadFullStatus     InAction = 3
)

// String names the service action as SPC-4 spells it.
func (a InAction) String() string {
	switch a {
	case InReadKeys:
		return "READ KEYS"
	case InReadReservation:
		return "READ RESERVATION"
	case InReportCapabilities:
		return "REPORT CAPABILITIES"
	case InReadFullStatus:
		return "READ FULL STATUS"
	}
	return fmt.Sprintf("service action %02Xh", uint8(a))
}

// OutAction is a service action of PERSISTENT RESERVE OUT. SPC-4 6.16.2.
type OutAction uint8

// PERSISTENT RESERVE OUT service actions.
const (
	OutRegister                     OutAction = 0
	OutReserve                      OutAction = 1
	OutRelease                      OutAction = 2
	OutClear                        OutAction = 3
	OutPreempt                      OutAction = 4
	OutPreemptAndAbort              OutAction = 5
	OutRegisterAndIgnoreExistingKey OutAction = 6
	OutRegisterAndMove              OutAction = 7
	OutReplaceLostReservation       OutAction = 8
)

// String names the service action as SPC-4 spells it.
func (a OutAction) String() string {
	switch a {
	case OutRegister:
		return "REGISTER"
	case OutReserve:
		return "RESERVE"
	case OutRelease:
		return "RELEASE"
	case OutClear:
		return "CLEAR"
	case OutPreempt:
		return "PREEMPT"
	case OutPreemptAndAbort:
		return "PREEMPT AND ABORT"
	case OutRegisterAndIgnoreExistingKey:
		return "REGISTER AND IGNORE EXISTING KEY"
	case OutRegisterAndMove:
		return "REGISTER AND MOVE"
	case OutReplaceLostReservation:
		return "REPLACE LOST RESERVATION"
	}
	return fmt.Sprintf("service action %02Xh", uint8(a))
}
