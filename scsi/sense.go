package scsi

import (
	"errors"
	"fmt"
)

// SenseKey is the class of a CHECK CONDITION. SPC-4 4.5.
type SenseKey uint8

// Sense keys.
const (
	NoSense        SenseKey = 0x0
	RecoveredError SenseKey = 0x1
	NotReady       SenseKey = 0x2
	MediumError    SenseKey = 0x3
	HardwareError  SenseKey = 0x4
	IllegalRequest SenseKey = 0x5
	UnitAttention  SenseKey = 0x6
	DataProtect    SenseKey = 0x7
	BlankCheck     SenseKey = 0x8
	CopyAborted    SenseKey = 0xa
	AbortedCommand SenseKey = 0xb
	Miscompare     SenseKey = 0xe

	// completed comes with the good status of a command that has something to
	// tell all the same.
	completed SenseKey = 0xf
)

// String names the sense key as SPC-4 spells it.
func (k SenseKey) String() string {
	switch k {
	case NoSense:
		return "NO SENSE"
	case RecoveredError:
		return "RECOVERED ERROR"
	case NotReady:
		return "NOT READY"
	case MediumError:
		return "MEDIUM ERROR"
	case HardwareError:
		return "HARDWARE ERROR"
	case IllegalRequest:
		return "ILLEGAL REQUEST"
	case UnitAttention:
		return "UNIT ATTENTION"
	case DataProtect:
		return "DATA PROTECT"
	case BlankCheck:
		return "BLANK CHECK"
	case CopyAborted:
		return "COPY ABORTED"
	case AbortedCommand:
		return "ABORTED COMMAND"
	case Miscompare:
		return "MISCOMPARE"
	}
	return fmt.Sprintf("sense key %Xh", uint8(k))
}

// ASC is an additional sense code with its qualifier: 2A03h is 2Ah/03h.
type ASC uint16

// Additional sense codes that decide something here.
const (
	BecomingReady               ASC = 0x0401
	OperationInProgress         ASC = 0x0407
	AsymmetricTransition        ASC = 0x040a
	TargetPortStandby           ASC = 0x040b
	TargetPortUnavailable       ASC = 0x040c
	CommunicationFailure        ASC = 0x0800
	ParameterListLengthError    ASC = 0x1a00
	InvalidOpcode               ASC = 0x2000
	LBAOutOfRange               ASC = 0x2100
	InvalidFieldInCDB           ASC = 0x2400
	LUNotSupported              ASC = 0x2500
	InvalidFieldInParameterList ASC = 0x2600
	InvalidRelease              ASC = 0x2604
	PowerOnOrReset              ASC = 0x2900
	BusDeviceReset              ASC = 0x2903
	ReservationsPreempted       ASC = 0x2a03
	ReservationsReleased        ASC = 0x2a04
	RegistrationsPreempted      ASC = 0x2a05
	InquiryDataChanged          ASC = 0x3f03
	DeviceIdentifierChanged     ASC = 0x3f05
	ReportedLUNsChanged         ASC = 0x3f0e
	ReservationInformationLost  ASC = 0x4401
	InsufficientRegistrations   ASC = 0x5504
)

// String gives the text of SPC-4 annex F, or the two bytes as a number.
func (a ASC) String() string {
	if text := a.text(); text != "" {
		return fmt.Sprintf("%s (%02Xh/%02Xh)", text, uint8(a>>8), uint8(a))
	}
	return fmt.Sprintf("%02Xh/%02Xh", uint8(a>>8), uint8(a))
}

func (a ASC) text() string {
	switch a {
	case BecomingReady:
		return "logical unit is in process of becoming ready"
	case OperationInProgress:
		return "logical unit not ready, operation in progress"
	case AsymmetricTransition:
		return "logical unit not accessible, asymmetric access state transition"
	case TargetPortStandby:
		return "logical unit not accessible, target port in standby state"
	case TargetPortUnavailable:
		return "logical unit not accessible, target port in unavailable state"
	case CommunicationFailure:
		return "logical unit communication failure"
	case ParameterListLengthError:
		return "parameter list length error"
	case InvalidOpcode:
		return "invalid command operation code"
	case LBAOutOfRange:
		return "logical block address out of range"
	case InvalidFieldInCDB:
		return "invalid field in CDB"
	case LUNotSupported:
		return "logical unit not supported"
	case InvalidFieldInParameterList:
		return "invalid field in parameter list"
	case InvalidRelease:
		return "invalid release of persistent reservation"
	case PowerOnOrReset:
		return "power on, reset, or bus device reset occurred"
	case BusDeviceReset:
		return "bus device reset function occurred"
	case ReservationsPreempted:
		return "reservations preempted"
	case ReservationsReleased:
		return "reservations released"
	case RegistrationsPreempted:
		return "registrations preempted"
	case InquiryDataChanged:
		return "inquiry data has changed"
	case DeviceIdentifierChanged:
		return "device identifier changed"
	case ReportedLUNsChanged:
		return "reported LUNs data has changed"
	case ReservationInformationLost:
		return "persistent reservation information lost"
	case InsufficientRegistrations:
		return "insufficient registration resources"
	}
	return ""
}

// Sense is decoded sense data, of either format. SPC-4 4.5.
type Sense struct {
	Key SenseKey
	// ASC is 0 where the sense data is too short to hold it.
	ASC ASC
	// Deferred says that all this is about an earlier command, and that the
	// one it came back for was not performed.
	Deferred bool
}

// ErrNoSense says that sense data is absent, cut short or of no known format.
var ErrNoSense = errors.New("no usable sense data")

// DecodeSense reads fixed (70h, 71h) and descriptor (72h, 73h) sense data.
// Only Key, ASC and Deferred are kept of it. The error is ErrNoSense.
func DecodeSense(b []byte) (Sense, error) {
	if len(b) == 0 {
		return Sense{}, ErrNoSense
	}
	switch code := b[0] & 0x7f; code {
	case 0x70, 0x71:
		if len(b) < 3 {
			return Sense{}, ErrNoSense
		}
		s := Sense{Key: SenseKey(b[2] & 0x0f), Deferred: code == 0x71}
		// ADDITIONAL SENSE LENGTH says how far the fields go; the codes are
		// at 12 and 13.
		if len(b) >= 14 && b[7] >= 6 {
			s.ASC = ASC(b[12])<<8 | ASC(b[13])
		}
		return s, nil
	case 0x72, 0x73:
		if len(b) < 4 {
			return Sense{}, ErrNoSense
		}
		return Sense{Key: SenseKey(b[1] & 0x0f), ASC: ASC(b[2])<<8 | ASC(b[3]), Deferred: code == 0x73}, nil
	}
	return Sense{}, ErrNoSense
}

// Fixed encodes the sense data in the 18-byte fixed format, as targets do.
func (s Sense) Fixed() []byte {
	b := make([]byte, 18)
	b[0] = 0x70
	if s.Deferred {
		b[0] = 0x71
	}
	b[2] = byte(s.Key)
	b[7] = 10
	b[12], b[13] = byte(s.ASC>>8), byte(s.ASC)
	return b
}

// Descriptor encodes the sense data in the descriptor format.
func (s Sense) Descriptor() []byte {
	b := make([]byte, 8)
	b[0] = 0x72
	if s.Deferred {
		b[0] = 0x73
	}
	b[1], b[2], b[3] = byte(s.Key), byte(s.ASC>>8), byte(s.ASC)
	return b
}

// String gives key and code in words.
func (s Sense) String() string {
	text := s.Key.String() + ", " + s.ASC.String()
	if s.Deferred {
		return "deferred " + text
	}
	return text
}

// StateChanged reports whether the sense is a unit attention by which the
// device says that others changed registrations or the reservation. Targets
// differ in which of the three codes they use for what, so they mean one
// thing: read again. SPC-4 5.13.11.
func (s Sense) StateChanged() bool {
	return s.Key == UnitAttention &&
		(s.ASC == ReservationsPreempted || s.ASC == ReservationsReleased || s.ASC == RegistrationsPreempted)
}

// MayTellOfAnother reports whether the sense is a unit attention after which another
// unit may answer: the device says that its names, its inquiry data or its list of
// units have changed, or it was switched on or lost the nexus, and nobody knows what was
// done to it meanwhile. A reset of the unit alone changes nothing of that.
func (s Sense) MayTellOfAnother() bool {
	if s.Key != UnitAttention {
		return false
	}
	switch s.ASC {
	case InquiryDataChanged, DeviceIdentifierChanged, ReportedLUNsChanged:
		return true
	case BusDeviceReset:
		return false
	}
	return s.ASC&0xff00 == PowerOnOrReset
}

// Transitional reports whether the condition goes away by itself: becoming
// ready, or an ALUA transition.
func (s Sense) Transitional() bool {
	return s.Key == NotReady &&
		(s.ASC == BecomingReady || s.ASC == OperationInProgress || s.ASC == AsymmetricTransition)
}
