package simns

import (
	"encoding/binary"

	"lunguard/nvme"
)

// Report is what Reservation Report tells.
func (m *Machine) Report() *nvme.Report {
	r := &nvme.Report{Generation: m.generation, Type: nvme.TypeCode(m.typ), Persisting: m.persisting}
	q := &m.cfg.Quirks
	for _, host := range m.registrants {
		e := nvme.ReportEntry{Controller: nvme.DynamicController, Host: host.Host, Key: host.Key, Holder: m.holds(host.Host)}
		if q.OneHolder {
			e.Holder = m.typ != 0 && m.holder == host.Host
		}
		switch {
		case q.NoControllers:
		case q.OneEntry:
			e.Controller = host.Controller
		default:
			if more := m.entriesOf(e); len(more) > 0 {
				r.Entries = append(r.Entries, more...)
				continue
			}
		}
		r.Entries = append(r.Entries, e)
	}
	return r
}

// entriesOf is one entry for each controller of a host.
func (m *Machine) entriesOf(e nvme.ReportEntry) []nvme.ReportEntry {
	var list []nvme.ReportEntry
	for _, c := range m.controllers {
		if c.Host == e.Host || m.cfg.Quirks.ShortHostIDs && short(c.Host) == e.Host {
			e.Controller = c.ID
			list = append(list, e)
		}
	}
	return list
}

// sendReport is Reservation Report. Section 7.8.
func (m *Machine) sendReport(req *nvme.Request) nvme.Reply {
	format := nvme.ReportFormat(req.Words[1] & 1)
	if (format == nvme.ShortReport) != m.cfg.Quirks.ShortHostIDs {
		return fail(nvme.HostIDInconsistent)
	}
	b := m.Report().Encode(format)
	if m.cfg.Quirks.Inflates {
		binary.LittleEndian.PutUint16(b[5:], binary.LittleEndian.Uint16(b[5:])+2)
	}
	length := min((int(req.Words[0])+1)*4, len(req.Data))
	copy(req.Data[:length], b)
	return nvme.Reply{}
}

// Values of CNS.
const (
	cnsNamespace   = 0
	cnsController  = 1
	cnsDescriptors = 3
)

// identify is Identify. Section 5.1.13.
func (m *Machine) identify(from Controller, req *nvme.Request) nvme.Reply {
	q := &m.cfg.Quirks
	switch req.Words[0] & 0xff {
	case cnsNamespace:
		n := nvme.Namespace{
			Blocks: m.cfg.Blocks, BlockSize: m.cfg.BlockSize, Shared: !q.NotShared, WriteProtected: q.WriteProtected,
			NGUID: m.cfg.Names.NGUID, EUI64: m.cfg.Names.EUI64, Reserves: q.capabilities(),
		}
		copy(req.Data, n.Encode())
	case cnsController:
		c := nvme.Controller{ID: from.ID, LongHostIDs: !q.ShortHostIDs, Reservations: true, Subsystem: m.cfg.Subsystem}
		copy(req.Data, c.Encode())
	case cnsDescriptors:
		copy(req.Data, m.cfg.Names.Encode())
	default:
		return fail(nvme.InvalidField)
	}
	return nvme.Reply{}
}

// capabilities is RESCAP: all types, and that IEKEY is refused as since revision 1.3.
func (q *Quirks) capabilities() nvme.ReservationCapabilities {
	const persists, all, allRegistrants = 1, 0xfe, 0x60
	if q.NoReservations {
		return 0
	}
	caps := nvme.ReservationCapabilities(all | persists)
	if q.NoPersistence {
		caps &^= persists
	}
	if q.NoAllRegistrants {
		caps &^= allRegistrants
	}
	return caps
}

// getFeatures is Get Features, for the host identifier.
func (m *Machine) getFeatures(from Controller, req *nvme.Request) nvme.Reply {
	const hostID = 0x81
	long := req.Words[1]&1 != 0
	if req.Words[0]&0xff != hostID || long == m.cfg.Quirks.ShortHostIDs {
		return fail(nvme.InvalidField)
	}
	copy(req.Data, from.Host.Bytes())
	return nvme.Reply{}
}

// getLog is Get Log Page, for the notifications.
func (m *Machine) getLog(from Controller, req *nvme.Request) nvme.Reply {
	const reservations = 0x80
	if req.Words[0]&0xff != reservations {
		return fail(nvme.InvalidField)
	}
	n := nvme.Notification{}
	if log := m.logs[from.ID]; len(log) > 0 {
		n = nvme.Notification{
			Count: m.counts[from.ID] - uint64(len(log)) + 1, Event: log[0], Left: uint8(min(len(log)-1, 0xff)), NSID: m.cfg.NSID,
		}
		m.logs[from.ID] = log[1:]
	}
	copy(req.Data, n.Encode())
	return nvme.Reply{}
}
