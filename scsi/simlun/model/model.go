// Package model is what a simulated unit is made of ([Config]), where it differs from
// the standard ([Quirks]), who speaks to it ([NexusID]), and how it answers ([Model]).
package model

import (
	"slices"

	"lunguard/scsi"
)

// Model is a kind of unit: what it is made of, where it errs, and how it answers.
type Model struct {
	Cfg *Config // shared by clones, never changed in place
}

// Config returns the configuration with its defaults filled in.
func (m *Model) Config() Config {
	c := *m.Cfg
	c.TargetPorts = slices.Clone(c.TargetPorts)
	return c
}

// Quirks are the device's errors; not to be changed.
func (m *Model) Quirks() *Quirks { return &m.Cfg.Quirks }

// Knows reports whether a quirk took the command away.
func (m *Model) Knows(op scsi.Opcode) bool {
	switch op {
	case scsi.OpPRIn, scsi.OpPROut:
		return !m.Quirks().NoPR
	case scsi.OpMaintenanceIn:
		return !m.Quirks().NoOpcodes
	case scsi.OpReserve6, scsi.OpRelease6, OpReserve10, OpRelease10:
		return !m.Quirks().Reserve6Unsupported
	}
	return true
}

// driverSense is what Linux sets for every CHECK CONDITION.
const driverSense scsi.DriverStatus = 0x08

// Status answers without sense data and without having moved data in. Data
// out counts as taken: a device that refuses a command may have fetched it.
func (m *Model) Status(req *scsi.Request, s scsi.Status) scsi.Reply {
	r := scsi.Reply{Status: s}
	if req.Dir == scsi.DataIn {
		r.Resid = len(req.Data)
	}
	return r
}

// Conflict is RESERVATION CONFLICT, which never carries sense data.
func (m *Model) Conflict(req *scsi.Request) scsi.Reply {
	r := m.Status(req, scsi.ReservationConflict)
	if m.Quirks().DIDNexus {
		r.Host = scsi.HostNexusFailure
	}
	return r
}

// Check is CHECK CONDITION.
func (m *Model) Check(req *scsi.Request, key scsi.SenseKey, asc scsi.ASC) scsi.Reply {
	r := m.Status(req, scsi.CheckCondition)
	r.Driver = driverSense
	r.Sense = scsi.Sense{Key: key, ASC: asc}.Fixed()
	return r
}

// Illegal is CHECK CONDITION with ILLEGAL REQUEST.
func (m *Model) Illegal(req *scsi.Request, asc scsi.ASC) scsi.Reply {
	if m.Quirks().OldSense && (asc == scsi.InvalidFieldInParameterList || asc == scsi.ParameterListLengthError) {
		asc = scsi.InvalidFieldInCDB
	}
	return m.Check(req, scsi.IllegalRequest, asc)
}

// Fail is an answer of the host adapter, not of the device.
func (m *Model) Fail(req *scsi.Request, h scsi.HostStatus) scsi.Reply {
	return scsi.Reply{Host: h, Resid: len(req.Data)}
}

// DataIn sends as much of data as the allocation length and the buffer take.
// SPC-4 4.2.5.6: a short allocation length is no error.
func (m *Model) DataIn(req *scsi.Request, alloc int, data []byte) scsi.Reply {
	if req.Dir != scsi.DataIn {
		return m.Status(req, scsi.Good)
	}
	n := copy(req.Data, data[:min(alloc, len(data))])
	return scsi.Reply{Resid: len(req.Data) - n}
}
