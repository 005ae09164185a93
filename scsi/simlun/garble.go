package simlun

import (
	"encoding/binary"
	"slices"

	"lunguard/scsi"
)

// garbles reports whether the command is performed and GOOD, and only what it
// reads is not what the device has.
func (k ActionKind) garbles() bool {
	switch k {
	case FaultShort, FaultZero, FaultSwap, FaultCut, FaultLength, FaultGeneration, FaultStale:
		return true
	}
	return false
}

// past is what PERSISTENT RESERVE IN told at an earlier time.
type past struct {
	registrations []registration
	reserved      scsi.Type
	generation    uint32
}

// recall keeps what there is now for answers that are stale, if the plan has such.
func (m *Machine) recall() {
	m.past = nil
	if slices.ContainsFunc(m.plan, func(r Rule) bool { return r.Action.Kind == FaultStale }) {
		m.past = &past{slices.Clone(m.registrations), m.reserved, m.generation}
	}
}

// execute performs a command by do and makes the answer that the plan wants. What a
// garbled answer does not fill stays as the sender had it, as in the memory that an
// adapter did not write to.
func (m *Machine) execute(v verdict, from NexusID, req *scsi.Request, do func(*scsi.Request) scsi.Reply) scsi.Reply {
	if v.fault == nil || !v.fault.Action.Kind.garbles() || req.Dir != scsi.DataIn {
		return m.answer(v, from, req, do(req))
	}
	own := *req
	own.Data = make([]byte, len(req.Data))
	reply := do(&own)
	if reply.Status != scsi.Good || reply.Host != scsi.HostOK {
		return reply
	}
	return m.garble(v.fault.Action, from, req, own.Data[:len(own.Data)-reply.Resid])
}

// garble answers with something else than data, which is the truth.
func (m *Machine) garble(a Action, from NexusID, req *scsi.Request, data []byte) scsi.Reply {
	switch a.Kind {
	case FaultShort, FaultZero:
		n := copy(req.Data, data[:min(len(data), a.Length)])
		if a.Kind == FaultZero {
			clear(req.Data[n:])
		}
		return scsi.Reply{}
	case FaultSwap:
		data = m.dataOf(from, readOf(a.What, len(req.Data)))
	case FaultStale, FaultCut:
		if req.Opcode() == scsi.OpPRIn && (a.Kind == FaultStale || lists(req)) {
			data = m.as(a).dataOf(from, req)
		}
	case FaultLength:
		if req.Opcode() == scsi.OpPRIn && len(data) >= 8 {
			claimed := int(binary.BigEndian.Uint32(data[4:]))
			binary.BigEndian.PutUint32(data[4:], uint32(max(0, claimed+a.Length)))
		}
	case FaultGeneration:
		if req.Opcode() == scsi.OpPRIn && len(data) >= 4 && scsi.InAction(req.CDB[1]&0x1f) != scsi.InReportCapabilities {
			binary.BigEndian.PutUint32(data, uint32(a.Length))
		}
	}
	return scsi.Reply{Resid: len(req.Data) - copy(req.Data, data)}
}

// lists reports whether a PERSISTENT RESERVE IN lists registrations.
func lists(req *scsi.Request) bool {
	action := scsi.InAction(req.CDB[1] & 0x1f)
	return action == scsi.InReadKeys || action == scsi.InReadFullStatus
}

// as is the machine that a garbled answer tells of.
func (m *Machine) as(a Action) *Machine {
	c := *m
	switch {
	case a.Kind == FaultCut:
		c.registrations = m.registrations[:min(len(m.registrations), a.Length)]
	case m.past != nil:
		c.registrations, c.reserved, c.generation = m.past.registrations, m.past.reserved, m.past.generation
	}
	return &c
}

// dataOf is what a reading command answers, whatever stands in its way.
func (m *Machine) dataOf(from NexusID, req *scsi.Request) []byte {
	own := *req
	own.Data = make([]byte, len(req.Data))
	var reply scsi.Reply
	if req.Opcode() == scsi.OpPRIn {
		reply = m.prIn(&own)
	} else {
		reply = m.inquiry(from, &own)
	}
	return own.Data[:len(own.Data)-reply.Resid]
}

// readOf is the command that WHAT of a rule names, with that allocation length:
// INQUIRY, or PERSISTENT RESERVE IN.
func readOf(what string, length int) *scsi.Request {
	opcode, action, _ := commandNamed(what)
	req := &scsi.Request{Dir: scsi.DataIn, Data: make([]byte, length)}
	size := binary.BigEndian.AppendUint16(nil, uint16(min(length, 0xffff)))
	if scsi.Opcode(opcode) == scsi.OpInquiry {
		req.CDB = []byte{byte(opcode), 0, 0, size[0], size[1], 0}
	} else {
		req.CDB = []byte{byte(opcode), byte(max(0, action)), 0, 0, 0, 0, 0, size[0], size[1], 0}
	}
	return req
}
