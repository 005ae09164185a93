package simlun

import (
	"slices"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun/fault"
	"lunguard/scsi/simlun/model"
	"lunguard/scsi/simlun/registry"
)

// Machine is the state of one logical unit and the rules by which commands
// change it. Execute does a whole command as one indivisible step, as SPC-4
// 5.13 demands. A Machine knows neither locks nor files nor faults: see [LUN]
// and [Device]. It is not safe for concurrent use.
type Machine struct {
	registry.Commands
	// now is the clock of TransitioningUntil and of late commands; nil is
	// time.Now.
	now func() time.Time

	// legacy is the owner of a RESERVE(6), zero without one.
	legacy NexusID
	tasks  tasks
	// lastTask is the highest task number that was given out.
	lastTask TaskID
	busy     int

	faults fault.Faults
	// past is what stale answers tell, nil if the plan has none; never changed in
	// place.
	past *past

	medium Medium
}

// NewMachine makes a unit without registrations. The medium is in memory if
// none is given. The error is ErrBadConfig.
func NewMachine(cfg Config, medium Medium) (*Machine, error) {
	cfg, err := cfg.Complete()
	if err != nil {
		return nil, err
	}
	if medium == nil {
		medium = newMemoryMedium(cfg.BlockSize)
	}
	return &Machine{Commands: registry.New(&cfg), medium: medium, busy: cfg.Quirks.Busy}, nil
}

// SetQuirks changes how the device errs from now on.
func (m *Machine) SetQuirks(q Quirks) {
	c := *m.Cfg
	c.Quirks = q
	m.Cfg, m.busy = &c, q.Busy
}

// Clone returns a copy that shares nothing that changes. It is cheap: an
// explorer makes millions. The medium is copied if it is in memory, and shared
// otherwise.
func (m *Machine) Clone() *Machine {
	c := *m
	c.Commands = m.Commands.Clone()
	c.tasks = slices.Clone(m.tasks)
	c.faults = m.faults.Clone()
	if cloner, ok := m.medium.(interface{ clone() Medium }); ok {
		c.medium = cloner.clone()
	}
	return &c
}

// Execute performs one command of the nexus, or refuses it, as one step. It
// fills Data of the request for commands that read. LOGICAL UNIT RESET is
// [Machine.ResetLU], and GOOD.
func (m *Machine) Execute(from NexusID, req *scsi.Request) scsi.Reply {
	m.catchUp()
	if reply, refused := m.refuse(from, req); refused {
		return reply
	}
	return m.perform(from, req)
}

// refuse makes the checks that come before a command is looked at closely, in
// the order in which a device makes them. A command that passed them is never
// refused later for the same reasons, however long it takes (SPC-4 5.13.1).
func (m *Machine) refuse(from NexusID, req *scsi.Request) (scsi.Reply, bool) {
	m.Login(from)
	op := req.Opcode()
	if req.Function != scsi.Command {
		// A task management function waits for nothing: it meets no queue, no
		// reservation and no unit attention.
		if op != scsi.OpLogicalUnitReset || m.Quirks().NoReset {
			return m.Illegal(req, scsi.InvalidOpcode), true
		}
		return scsi.Reply{}, false
	}
	exempt := op == scsi.OpInquiry || op == model.OpReportLUNs || op == scsi.OpRequestSense
	switch {
	case len(req.CDB) < cdbLength(op):
		return m.Fail(req, scsi.HostError), true
	case m.busy > 0:
		m.busy--
		return m.Status(req, scsi.Busy), true
	case !exempt && transitioning(m):
		return m.Check(req, scsi.NotReady, scsi.AsymmetricTransition), true
	case !m.legacy.IsZero() && (op == scsi.OpPRIn || op == scsi.OpPROut):
		return m.Conflict(req), true
	}
	if !exempt {
		if asc := m.TakeAttention(from); asc != 0 {
			return m.Check(req, scsi.UnitAttention, asc), true
		}
	}
	access := accessOf(req.CDB)
	switch {
	case access == accessUnknown || !m.Knows(op):
		return m.Illegal(req, scsi.InvalidOpcode), true
	case !legacyAllows(m, from, access) || !reservationAllows(m, from, access):
		return m.Conflict(req), true
	}
	return scsi.Reply{}, false
}

func transitioning(m *Machine) bool {
	until := m.Quirks().TransitioningUntil
	if until.IsZero() {
		return false
	}
	return m.time().Before(until)
}

// perform does a command that was not refused, and what waited for that.
func (m *Machine) perform(from NexusID, req *scsi.Request) scsi.Reply {
	reply := m.do(from, req)
	m.tick()
	return reply
}

func (m *Machine) do(from NexusID, req *scsi.Request) scsi.Reply {
	switch op := req.Opcode(); op {
	case scsi.OpLogicalUnitReset:
		m.ResetLU()
	case scsi.OpPRIn:
		return m.In(req)
	case scsi.OpPROut:
		return m.Out(from, req, m.tasks.abort)
	case scsi.OpReserve6, model.OpReserve10:
		return legacyReserve(m, from, req)
	case scsi.OpRelease6, model.OpRelease10:
		return legacyRelease(m, from, req)
	case scsi.OpInquiry:
		return inquiry(&m.Model, from, req)
	case scsi.OpRequestSense:
		return m.requestSense(from, req)
	case model.OpReportLUNs:
		return reportLUNs(&m.Model, req)
	case scsi.OpMaintenanceIn:
		return reportOpcodes(&m.Model, req)
	case model.OpModeSense6, model.OpModeSense10:
		return modeSense(&m.Model, req)
	case scsi.OpReadCapacity10:
		return readCapacity10(&m.Model, req)
	case scsi.OpReadCapacity16:
		return readCapacity16(&m.Model, req)
	case scsi.OpRead10, model.OpRead16, scsi.OpWrite10, model.OpWrite16, model.OpVerify10:
		return m.readWrite(req)
	case model.OpSyncCache10, model.OpSyncCache16:
		return m.synchronize(req)
	}
	// The rest does nothing to a simulated medium.
	return m.Status(req, scsi.Good)
}
