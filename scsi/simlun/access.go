package simlun

import "lunguard/scsi"

// Operation codes that only a target needs.
const (
	opModeSelect6   scsi.Opcode = 0x15
	opModeSense6    scsi.Opcode = 0x1a
	opStartStop     scsi.Opcode = 0x1b
	opSendDiag      scsi.Opcode = 0x1d
	opPrevent       scsi.Opcode = 0x1e
	opVerify10      scsi.Opcode = 0x2f
	opPrefetch10    scsi.Opcode = 0x34
	opSyncCache10   scsi.Opcode = 0x35
	opModeSelect10  scsi.Opcode = 0x55
	opReserve10     scsi.Opcode = 0x56
	opRelease10     scsi.Opcode = 0x57
	opModeSense10   scsi.Opcode = 0x5a
	opRead16        scsi.Opcode = 0x88
	opWrite16       scsi.Opcode = 0x8a
	opSyncCache16   scsi.Opcode = 0x91
	opReportLUNs    scsi.Opcode = 0xa0
	readCapacity16A             = 0x10 // service action of 9Eh
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
	case scsi.OpInquiry, opReportLUNs, scsi.OpRequestSense, scsi.OpReadCapacity10:
		return accessFree
	case scsi.OpReadCapacity16:
		if len(cdb) < 2 || cdb[1]&0x1f != readCapacity16A {
			return accessUnknown
		}
		return accessFree
	case scsi.OpTestUnitReady:
		return accessLegacy
	case scsi.OpPRIn, scsi.OpPROut, scsi.OpReserve6, scsi.OpRelease6, opReserve10, opRelease10:
		return accessPR
	case scsi.OpRead10, opRead16, opVerify10, opPrefetch10, opModeSense6, opModeSense10:
		return accessRead
	case scsi.OpWrite10, opWrite16, opSyncCache10, opSyncCache16, opModeSelect6, opModeSelect10, opSendDiag:
		return accessWrite
	case opStartStop:
		if len(cdb) > 4 && cdb[4]&0xf1 == 1 { // START=1, POWER CONDITION=0
			return accessLegacy
		}
		return accessWrite
	case opPrevent:
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

// reservationAllows reports whether the persistent reservation lets the
// command of the nexus pass. Under Write Exclusive and Exclusive Access a
// registration gives no right at all; under the other types every registrant
// has the holder's. SPC-4 5.13.1 and table 65.
func (m *Machine) reservationAllows(from NexusID, a access) bool {
	switch {
	case a != accessRead && a != accessWrite, m.reserved == 0, m.quirks().LooseFencing:
		return true
	case a == accessRead && !m.reserved.Exclusive():
		return true
	}
	at := m.registered(from)
	if at < 0 {
		return false
	}
	return m.registrations[at].holder || m.reserved.RegistrantsOnly() || m.reserved.AllRegistrants()
}

// legacyAllows reports whether a RESERVE(6) of another nexus lets the command
// pass. SPC-2 5.5.1.
func (m *Machine) legacyAllows(from NexusID, a access) bool {
	return m.legacy.IsZero() || m.legacy == from || a == accessFree || a == accessPR
}

// legacyReserve is RESERVE(6) and (10). SPC-4 5.13.3: with CRH=1 whoever has
// the rights of a persistent reservation is told GOOD and nothing happens; as
// long as anything is registered everybody else gets a conflict.
func (m *Machine) legacyReserve(from NexusID, req *scsi.Request) scsi.Reply {
	if len(m.registrations) > 0 {
		return m.legacyBeside(from, req)
	}
	if !m.legacy.IsZero() && m.legacy != from {
		return m.conflict(req)
	}
	m.legacy = from
	return m.status(req, scsi.Good)
}

// legacyRelease is RELEASE(6) and (10); releasing what another holds is GOOD
// and does nothing.
func (m *Machine) legacyRelease(from NexusID, req *scsi.Request) scsi.Reply {
	if len(m.registrations) > 0 {
		return m.legacyBeside(from, req)
	}
	if m.legacy == from {
		m.legacy = NexusID{}
	}
	return m.status(req, scsi.Good)
}

func (m *Machine) legacyBeside(from NexusID, req *scsi.Request) scsi.Reply {
	at := m.find(from)
	if at < 0 || m.reserved == 0 || !m.registrations[at].holder && !m.reserved.RegistrantsOnly() && !m.reserved.AllRegistrants() {
		return m.conflict(req)
	}
	return m.status(req, scsi.Good)
}
