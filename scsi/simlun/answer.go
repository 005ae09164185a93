package simlun

import (
	"encoding/binary"
	"slices"

	"lunguard/scsi"
	"lunguard/scsi/simlun/fault"
	"lunguard/scsi/simlun/model"
	"lunguard/scsi/simlun/registry"
)

// SetPlan replaces the fault plan and begins counting anew.
func (m *Machine) SetPlan(p Plan) {
	m.faults.Set(p)
	recall(m)
}

// Plan returns the fault plan and how many commands matched each rule.
func (m *Machine) Plan() (Plan, []int) { return m.faults.Plan, m.faults.Hits }

// past is what PERSISTENT RESERVE IN told at an earlier time.
type past struct {
	registrations []registry.Registration
	reserved      scsi.Type
	generation    uint32
}

// recall keeps what there is now for answers that are stale, if the plan has such.
func recall(m *Machine) {
	m.past = nil
	if m.faults.Has(fault.Stale) {
		m.past = &past{slices.Clone(m.Registrations), m.Reserved, m.Generation}
	}
}

// answer makes the faulty answer out of the true one.
func answer(m *Machine, v fault.Verdict, from NexusID, req *scsi.Request, reply scsi.Reply) scsi.Reply {
	if v.Fault == nil {
		return reply
	}
	switch a := v.Fault.Action; a.Kind {
	case fault.Elsewhere:
		return stranger(m).Execute(from, req)
	case fault.Status:
		return m.Status(req, a.Status)
	case fault.Sense:
		return m.Check(req, a.Sense.Key, a.Sense.ASC)
	case fault.Host:
		return m.Fail(req, a.Host)
	case fault.Late:
		return m.Fail(req, scsi.HostTimeOut)
	case fault.Die:
		// Nobody sees this answer, unless Exit was replaced.
		return m.Fail(req, scsi.HostError)
	case fault.Truncate:
		if req.Dir == scsi.DataIn {
			reply.Resid = max(reply.Resid, len(req.Data)-a.Length)
			clear(req.Data[len(req.Data)-reply.Resid:])
		}
	}
	return reply
}

// stranger is another unit of the same make, with another name.
func stranger(m *Machine) *Machine {
	cfg := m.Config()
	cfg.Serial = "ELSEWHERE"
	cfg.WWID = model.WWIDOf(cfg.Serial)
	cfg.Quirks.Busy, cfg.Quirks.FirstCmdUA = 0, 0
	// What its own configuration was made of makes another one.
	other, _ := NewMachine(cfg, nil)
	other.now = m.now
	return other
}

// execute performs a command by do and makes the answer that the plan wants. What a
// garbled answer does not fill stays as the sender had it, as in the memory that an
// adapter did not write to.
func execute(m *Machine, v fault.Verdict, from NexusID, req *scsi.Request, do func(*scsi.Request) scsi.Reply) scsi.Reply {
	if v.Fault == nil || !v.Fault.Action.Kind.Garbles() || req.Dir != scsi.DataIn {
		return answer(m, v, from, req, do(req))
	}
	own := *req
	own.Data = make([]byte, len(req.Data))
	reply := do(&own)
	if reply.Status != scsi.Good || reply.Host != scsi.HostOK {
		return reply
	}
	return garble(m, v.Fault.Action, from, req, own.Data[:len(own.Data)-reply.Resid])
}

// garble answers with something else than data, which is the truth.
func garble(m *Machine, a Action, from NexusID, req *scsi.Request, data []byte) scsi.Reply {
	switch a.Kind {
	case fault.Short, fault.Zero:
		n := copy(req.Data, data[:min(len(data), a.Length)])
		if a.Kind == fault.Zero {
			clear(req.Data[n:])
		}
		return scsi.Reply{}
	case fault.Swap:
		data = dataOf(m, from, readOf(a.What, len(req.Data)))
	case fault.Stale, fault.Cut:
		if req.Opcode() == scsi.OpPRIn && (a.Kind == fault.Stale || lists(req)) {
			data = dataOf(asTold(m, a), from, req)
		}
	case fault.Length:
		if req.Opcode() == scsi.OpPRIn && len(data) >= 8 {
			claimed := int(binary.BigEndian.Uint32(data[4:]))
			binary.BigEndian.PutUint32(data[4:], uint32(max(0, claimed+a.Length)))
		}
	case fault.Generation:
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

// asTold is the machine that a garbled answer tells of.
func asTold(m *Machine, a Action) *Machine {
	c := *m
	switch {
	case a.Kind == fault.Cut:
		c.Registrations = m.Registrations[:min(len(m.Registrations), a.Length)]
	case m.past != nil:
		c.Registrations, c.Reserved, c.Generation = m.past.registrations, m.past.reserved, m.past.generation
	}
	return &c
}

// dataOf is what a reading command answers, whatever stands in its way.
func dataOf(m *Machine, from NexusID, req *scsi.Request) []byte {
	own := *req
	own.Data = make([]byte, len(req.Data))
	var reply scsi.Reply
	if req.Opcode() == scsi.OpPRIn {
		reply = m.In(&own)
	} else {
		reply = inquiry(&m.Model, from, &own)
	}
	return own.Data[:len(own.Data)-reply.Resid]
}

// readOf is the command that WHAT of a rule names, with that allocation length:
// INQUIRY, or PERSISTENT RESERVE IN.
func readOf(what string, length int) *scsi.Request {
	opcode, action, _ := fault.Command(what)
	req := &scsi.Request{Dir: scsi.DataIn, Data: make([]byte, length)}
	size := binary.BigEndian.AppendUint16(nil, uint16(min(length, 0xffff)))
	if scsi.Opcode(opcode) == scsi.OpInquiry {
		req.CDB = []byte{byte(opcode), 0, 0, size[0], size[1], 0}
	} else {
		req.CDB = []byte{byte(opcode), byte(max(0, action)), 0, 0, 0, 0, 0, size[0], size[1], 0}
	}
	return req
}
