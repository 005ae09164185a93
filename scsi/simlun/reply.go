package simlun

import "lunguard/scsi"

// driverSense is what Linux sets for every CHECK CONDITION.
const driverSense scsi.DriverStatus = 0x08

// status answers without sense data and without having moved data in. Data
// out counts as taken: a device that refuses a command may have fetched it.
func (m *Machine) status(req *scsi.Request, s scsi.Status) scsi.Reply {
	r := scsi.Reply{Status: s}
	if req.Dir == scsi.DataIn {
		r.Resid = len(req.Data)
	}
	return r
}

// conflict is RESERVATION CONFLICT, which never carries sense data.
func (m *Machine) conflict(req *scsi.Request) scsi.Reply {
	r := m.status(req, scsi.ReservationConflict)
	if m.quirks().DIDNexus {
		r.Host = scsi.HostNexusFailure
	}
	return r
}

// check is CHECK CONDITION.
func (m *Machine) check(req *scsi.Request, key scsi.SenseKey, asc scsi.ASC) scsi.Reply {
	r := m.status(req, scsi.CheckCondition)
	r.Driver = driverSense
	r.Sense = scsi.Sense{Key: key, ASC: asc}.Fixed()
	return r
}

// illegal is CHECK CONDITION with ILLEGAL REQUEST.
func (m *Machine) illegal(req *scsi.Request, asc scsi.ASC) scsi.Reply {
	if m.quirks().OldSense && (asc == scsi.InvalidFieldInParameterList || asc == scsi.ParameterListLengthError) {
		asc = scsi.InvalidFieldInCDB
	}
	return m.check(req, scsi.IllegalRequest, asc)
}

// lost is an answer of the host adapter, not of the device.
func (m *Machine) lost(req *scsi.Request, h scsi.HostStatus) scsi.Reply {
	return scsi.Reply{Host: h, Resid: len(req.Data)}
}

// dataIn sends as much of data as the allocation length and the buffer take.
// SPC-4 4.2.5.6: a short allocation length is no error.
func (m *Machine) dataIn(req *scsi.Request, alloc int, data []byte) scsi.Reply {
	if req.Dir != scsi.DataIn {
		return m.status(req, scsi.Good)
	}
	n := copy(req.Data, data[:min(alloc, len(data))])
	return scsi.Reply{Resid: len(req.Data) - n}
}
