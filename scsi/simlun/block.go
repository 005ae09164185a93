package simlun

import (
	"encoding/binary"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// extent reads where a READ, WRITE or VERIFY begins and how long it is.
func extent(cdb []byte) (lba, blocks uint64) {
	if scsi.Opcode(cdb[0])>>5 == 4 { // 16-byte CDB
		return binary.BigEndian.Uint64(cdb[2:]), uint64(binary.BigEndian.Uint32(cdb[10:]))
	}
	return uint64(binary.BigEndian.Uint32(cdb[2:])), uint64(binary.BigEndian.Uint16(cdb[7:]))
}

// readWrite is READ, WRITE and VERIFY, of which VERIFY moves nothing.
// SBC-4 5.11 to 5.13, 5.35, 5.45 to 5.47.
func (m *Machine) readWrite(req *scsi.Request) scsi.Reply {
	lba, blocks := extent(req.CDB)
	if lba > m.Cfg.Blocks || blocks > m.Cfg.Blocks-lba {
		return m.Illegal(req, scsi.LBAOutOfRange)
	}
	op := req.Opcode()
	if op == model.OpVerify10 || blocks == 0 {
		return m.Status(req, scsi.Good)
	}
	size := int64(blocks) * int64(m.Cfg.BlockSize)
	reads := op == scsi.OpRead10 || op == model.OpRead16
	if int64(len(req.Data)) < size || reads && req.Dir != scsi.DataIn || !reads && req.Dir != scsi.DataOut {
		// The host set up fewer bytes than the CDB asks for.
		return m.Fail(req, scsi.HostError)
	}
	offset := int64(lba) * int64(m.Cfg.BlockSize)
	if reads {
		if err := m.medium.ReadAt(req.Data[:size], offset); err != nil {
			return m.Check(req, scsi.MediumError, unrecoveredRead)
		}
	} else if err := m.medium.WriteAt(req.Data[:size], offset); err != nil {
		return m.Check(req, scsi.MediumError, writeError)
	}
	return scsi.Reply{Resid: len(req.Data) - int(size)}
}

// Additional sense codes of a medium that fails.
const (
	writeError      scsi.ASC = 0x0c00
	unrecoveredRead scsi.ASC = 0x1100
)

// synchronize is SYNCHRONIZE CACHE. SBC-4 5.30.
func (m *Machine) synchronize(req *scsi.Request) scsi.Reply {
	if err := m.medium.Sync(); err != nil {
		return m.Check(req, scsi.MediumError, writeError)
	}
	return m.Status(req, scsi.Good)
}

// readCapacity10 is READ CAPACITY(10). SBC-4 5.15.
func readCapacity10(m *model.Model, req *scsi.Request) scsi.Reply {
	b := make([]byte, 8)
	binary.BigEndian.PutUint32(b, uint32(min(m.Cfg.Blocks-1, 0xffffffff)))
	binary.BigEndian.PutUint32(b[4:], m.Cfg.BlockSize)
	return m.DataIn(req, len(b), b)
}

// readCapacity16 is READ CAPACITY(16). SBC-4 5.16.
func readCapacity16(m *model.Model, req *scsi.Request) scsi.Reply {
	b := make([]byte, 32)
	binary.BigEndian.PutUint64(b, m.Cfg.Blocks-1)
	binary.BigEndian.PutUint32(b[8:], m.Cfg.BlockSize)
	return m.DataIn(req, int(min(binary.BigEndian.Uint32(req.CDB[10:]), 1<<16)), b)
}

// modeSense is MODE SENSE(6) and (10) with the Control mode page alone:
// TAS=1, so that aborted tasks say so, and NUAR=0. SPC-4 6.13, 7.5.8.
func modeSense(m *model.Model, req *scsi.Request) scsi.Reply {
	if page := req.CDB[2] & 0x3f; page != 0x0a && page != 0x3f || req.CDB[2]>>6 == 3 {
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	}
	control := make([]byte, 12)
	control[0], control[1] = 0x0a, 10
	if req.CDB[2]>>6 != 1 { // changeable values: none
		control[5] = 0x40
	}
	if req.Opcode() == model.OpModeSense6 {
		return m.DataIn(req, int(req.CDB[4]), append([]byte{byte(3 + len(control)), 0, 0, 0}, control...))
	}
	head := make([]byte, 8)
	binary.BigEndian.PutUint16(head, uint16(6+len(control)))
	return m.DataIn(req, int(binary.BigEndian.Uint16(req.CDB[7:])), append(head, control...))
}
