package simlun

import (
	"encoding/binary"
	"fmt"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// inquiry is INQUIRY with the pages 00h, 80h and 83h. SPC-4 6.6.
func inquiry(m *model.Model, from NexusID, req *scsi.Request) scsi.Reply {
	alloc := int(binary.BigEndian.Uint16(req.CDB[3:]))
	page := req.CDB[2]
	if req.CDB[1]&1 == 0 {
		if page != 0 {
			return m.Illegal(req, scsi.InvalidFieldInCDB)
		}
		data, err := (&scsi.InquiryData{Vendor: m.Cfg.Vendor, Product: m.Cfg.Product, Revision: m.Cfg.Revision}).MarshalBinary()
		if err != nil {
			return m.Illegal(req, scsi.InvalidFieldInCDB)
		}
		return m.DataIn(req, alloc, data)
	}
	var data []byte
	switch page {
	case 0x00:
		data = []byte{0, 0, 0, 3, 0x00, 0x80, 0x83}
	case 0x80:
		data = append([]byte{0, 0x80, 0, byte(len(m.Cfg.Serial))}, m.Cfg.Serial...)
	case 0x83:
		data = identification(m, from)
	}
	if data == nil {
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	}
	return m.DataIn(req, alloc, data)
}

// identification is VPD page 83h: the unit's NAA name and the target port
// that is asked. SPC-4 7.8.6.
func identification(m *model.Model, from NexusID) []byte {
	naa, err := m.Cfg.NAA()
	if err != nil {
		return nil
	}
	port := binary.BigEndian.AppendUint32(nil, uint32(from.RelativePort()))
	data, err := scsi.Designators{
		{Type: scsi.DesignatorNAA, CodeSet: 1, Value: naa},
		{Type: scsi.DesignatorRelativePort, Association: 1, CodeSet: 1, Value: port},
		{Type: scsi.DesignatorSCSIName, Association: 1, CodeSet: 3, Value: fmt.Appendf(nil, "iqn.2026-01.sim:target,t,0x%04x", from.RelativePort())},
	}.MarshalBinary()
	if err != nil {
		return nil
	}
	return data
}

// requestSense is REQUEST SENSE: it hands out a pending unit attention as
// data. SPC-4 6.39.
func (m *Machine) requestSense(from NexusID, req *scsi.Request) scsi.Reply {
	s := scsi.Sense{Key: scsi.NoSense}
	if asc := m.TakeAttention(from); asc != 0 {
		s = scsi.Sense{Key: scsi.UnitAttention, ASC: asc}
	}
	if req.CDB[1]&1 != 0 {
		return m.DataIn(req, int(req.CDB[4]), s.Descriptor())
	}
	return m.DataIn(req, int(req.CDB[4]), s.Fixed())
}

// reportLUNs is REPORT LUNS of a target with LUN 0 alone. SPC-4 6.33.
func reportLUNs(m *model.Model, req *scsi.Request) scsi.Reply {
	b := make([]byte, 16)
	binary.BigEndian.PutUint32(b, 8)
	return m.DataIn(req, int(min(binary.BigEndian.Uint32(req.CDB[6:]), 1<<16)), b)
}

// opcodesAction is the service action REPORT SUPPORTED OPERATION CODES.
const opcodesAction = 0x0c

// reportOpcodes is REPORT SUPPORTED OPERATION CODES, of all commands, of which those about
// reservations are told by their service actions. SPC-4 6.35.
func reportOpcodes(m *model.Model, req *scsi.Request) scsi.Reply {
	if req.CDB[2]&7 != 0 {
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	}
	q := m.Quirks()
	list := scsi.SupportedOpcodes{{Opcode: scsi.OpTestUnitReady}, {Opcode: scsi.OpInquiry}, {Opcode: scsi.OpRead10}, {Opcode: scsi.OpWrite10}}
	add := func(op scsi.Opcode, action byte) {
		list = append(list, scsi.SupportedOpcode{Opcode: op, HasAction: true, Action: uint16(action)})
	}
	for action := scsi.InReadKeys; action <= scsi.InReadFullStatus && !q.NoPR; action++ {
		if !(action == scsi.InReportCapabilities && q.NoCapabilities || action == scsi.InReadFullStatus && q.NoFullStatus) {
			add(scsi.OpPRIn, byte(action))
		}
	}
	for action := scsi.OutRegister; action <= scsi.OutRegisterAndMove && !q.NoPR; action++ {
		lacks := action == scsi.OutPreemptAndAbort && q.NoPreemptAndAbort || action == scsi.OutRegisterAndMove && q.NoRegisterMove ||
			action == scsi.OutRegisterAndIgnoreExistingKey && q.NoRegIgnore
		if !lacks {
			add(scsi.OpPROut, byte(action))
		}
	}
	data, err := list.MarshalBinary()
	if err != nil {
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	}
	return m.DataIn(req, int(min(binary.BigEndian.Uint32(req.CDB[6:]), 1<<16)), data)
}
