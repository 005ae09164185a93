package simlun

import (
	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// access is how a command stands to reservations of others.
type access uint8

const (
	accessUnknown access = iota // not a command of this device
	accessFree                  // never conflicts: SPC-4 table 65, SBC-4 table 13
	accessLegacy                // never conflicts with a PR, but with RESERVE(6)
	accessRead                  // conflicts with Exclusive Access types
	accessWrite                 // conflicts with all types
	accessPR                    // PERSISTENT RESERVE and RESERVE: rules of their own
)

// accessOf sorts a command into SPC-4 table 65 or SBC-4 table 13.
func accessOf(cdb []byte) access {
	if len(cdb) == 0 {
		return accessUnknown
	}
	switch scsi.Opcode(cdb[0]) {
	case scsi.OpInquiry, model.OpReportLUNs, scsi.OpRequestSense, scsi.OpReadCapacity10:
		return accessFree
	case scsi.OpReadCapacity16:
		if len(cdb) < 2 || cdb[1]&0x1f != model.ReadCapacity16A {
			return accessUnknown
		}
		return accessFree
	case scsi.OpMaintenanceIn:
		if len(cdb) < 2 || cdb[1]&0x1f != opcodesAction {
			return accessUnknown
		}
		return accessFree
	case scsi.OpTestUnitReady:
		return accessLegacy
	case scsi.OpPRIn, scsi.OpPROut, scsi.OpReserve6, scsi.OpRelease6, model.OpReserve10, model.OpRelease10:
		return accessPR
	case scsi.OpRead10, model.OpRead16, model.OpVerify10, model.OpPrefetch10, model.OpModeSense6, model.OpModeSense10:
		return accessRead
	case scsi.OpWrite10, model.OpWrite16, model.OpSyncCache10, model.OpSyncCache16, model.OpModeSelect6, model.OpModeSelect10, model.OpSendDiag:
		return accessWrite
	case model.OpStartStop:
		if len(cdb) > 4 && cdb[4]&0xf1 == 1 { // START=1, POWER CONDITION=0
			return accessLegacy
		}
		return accessWrite
	case model.OpPrevent:
		if len(cdb) > 4 && cdb[4]&3 == 0 {
			return accessLegacy
		}
		return accessWrite
	}
	return accessUnknown
}

// cdbLength is how long the CDB of an operation code must be. SPC-4 4.2.5.1.
func cdbLength(op scsi.Opcode) int {
	switch op >> 5 {
	case 0:
		return 6
	case 1, 2:
		return 10
	case 4:
		return 16
	case 5:
		return 12
	}
	return 1
}

// reservationAllows reports whether the persistent reservation lets the command of
// the nexus pass.
func reservationAllows(m *Machine, from NexusID, a access) bool {
	return a != accessRead && a != accessWrite || m.Allows(from, a == accessWrite)
}

// legacyAllows reports whether a RESERVE(6) of another nexus lets the command
// pass. SPC-2 5.5.1.
func legacyAllows(m *Machine, from NexusID, a access) bool {
	return m.legacy.IsZero() || m.legacy == from || a == accessFree || a == accessPR
}

// legacyReserve is RESERVE(6) and (10). SPC-4 5.13.3: with CRH=1 whoever has
// the rights of a persistent reservation is told GOOD and nothing happens; as
// long as anything is registered everybody else gets a conflict.
func legacyReserve(m *Machine, from NexusID, req *scsi.Request) scsi.Reply {
	if len(m.Registrations) > 0 {
		return legacyBeside(m, from, req)
	}
	if !m.legacy.IsZero() && m.legacy != from {
		return m.Conflict(req)
	}
	m.legacy = from
	return m.Status(req, scsi.Good)
}

// legacyRelease is RELEASE(6) and (10); releasing what another holds is GOOD
// and does nothing.
func legacyRelease(m *Machine, from NexusID, req *scsi.Request) scsi.Reply {
	if len(m.Registrations) > 0 {
		return legacyBeside(m, from, req)
	}
	if m.legacy == from {
		m.legacy = NexusID{}
	}
	return m.Status(req, scsi.Good)
}

func legacyBeside(m *Machine, from NexusID, req *scsi.Request) scsi.Reply {
	at := m.Find(from)
	if at < 0 || m.Reserved == 0 || !m.Registrations[at].Holder && !m.Reserved.RegistrantsOnly() && !m.Reserved.AllRegistrants() {
		return m.Conflict(req)
	}
	return m.Status(req, scsi.Good)
}
