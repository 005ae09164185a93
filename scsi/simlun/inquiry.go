package simlun

import (
	"encoding/binary"
	"fmt"

	"lunguard/scsi"
)

// inquiry is INQUIRY with the pages 00h, 80h and 83h. SPC-4 6.6.
func (m *Machine) inquiry(from NexusID, req *scsi.Request) scsi.Reply {
	alloc := int(binary.BigEndian.Uint16(req.CDB[3:]))
	page := req.CDB[2]
	if req.CDB[1]&1 == 0 {
		if page != 0 {
			return m.illegal(req, scsi.InvalidFieldInCDB)
		}
		data, err := (&scsi.InquiryData{Vendor: m.cfg.Vendor, Product: m.cfg.Product, Revision: m.cfg.Revision}).MarshalBinary()
		if err != nil {
			return m.illegal(req, scsi.InvalidFieldInCDB)
		}
		return m.dataIn(req, alloc, data)
	}
	var data []byte
	switch page {
	case 0x00:
		data = []byte{0, 0, 0, 3, 0x00, 0x80, 0x83}
	case 0x80:
		data = append([]byte{0, 0x80, 0, byte(len(m.cfg.Serial))}, m.cfg.Serial...)
	case 0x83:
		data = m.identification(from)
	}
	if data == nil {
		return m.illegal(req, scsi.InvalidFieldInCDB)
	}
	return m.dataIn(req, alloc, data)
}

// identification is VPD page 83h: the unit's NAA name and the target port
// that is asked. SPC-4 7.8.6.
func (m *Machine) identification(from NexusID) []byte {
	naa, err := m.cfg.naa()
	if err != nil {
		return nil
	}
	port := binary.BigEndian.AppendUint32(nil, uint32(from.relative))
	data, err := scsi.Designators{
		{Type: scsi.DesignatorNAA, CodeSet: 1, Value: naa},
		{Type: scsi.DesignatorRelativePort, Association: 1, CodeSet: 1, Value: port},
		{Type: scsi.DesignatorSCSIName, Association: 1, CodeSet: 3, Value: fmt.Appendf(nil, "iqn.2026-01.sim:target,t,0x%04x", from.relative)},
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
	if asc := m.takeAttention(from); asc != 0 {
		s = scsi.Sense{Key: scsi.UnitAttention, ASC: asc}
	}
	if req.CDB[1]&1 != 0 {
		return m.dataIn(req, int(req.CDB[4]), s.Descriptor())
	}
	return m.dataIn(req, int(req.CDB[4]), s.Fixed())
}

// reportLUNs is REPORT LUNS of a target with LUN 0 alone. SPC-4 6.33.
func (m *Machine) reportLUNs(req *scsi.Request) scsi.Reply {
	b := make([]byte, 16)
	binary.BigEndian.PutUint32(b, 8)
	return m.dataIn(req, int(min(binary.BigEndian.Uint32(req.CDB[6:]), 1<<16)), b)
}
