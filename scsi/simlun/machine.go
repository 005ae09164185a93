package simlun

import (
	"slices"
	"time"

	"lunguard/scsi"
)

// Machine is the state of one logical unit and the rules by which commands
// change it. Execute does a whole command as one indivisible step, as SPC-4
// 5.13 demands. A Machine knows neither locks nor files nor faults: see [LUN]
// and [Device]. It is not safe for concurrent use.
type Machine struct {
	cfg *Config // shared by clones, never changed in place
	// now is the clock of TransitioningUntil and of late commands; nil is
	// time.Now.
	now func() time.Time

	registrations []registration
	// reserved is the type of the reservation, 0 without one. The scope is
	// always LU_SCOPE. Who holds it stands in registrations: a holder is
	// always registered.
	reserved   scsi.Type
	generation uint32
	aptpl      bool

	sessions []session // sorted by nexus
	// legacy is the owner of a RESERVE(6), zero without one.
	legacy NexusID
	tasks  []task
	// lastTask is the highest task number that was given out.
	lastTask TaskID
	busy     int
	// listings counts what Quirks.ShuffledList has shuffled.
	listings uint64

	plan Plan  // shared by clones, never changed in place
	hits []int // one a rule of plan
	// past is what stale answers tell, nil if the plan has none; never changed in
	// place.
	past *past

	medium Medium
}

// registration is one registered I_T nexus.
type registration struct {
	nexus NexusID
	key   scsi.Key
	// allTgtPort remembers that it was made with ALL_TG_PT.
	allTgtPort bool
	// holder marks the one holder of a reservation that is not of an
	// all-registrants type.
	holder bool
	// stale marks a registration that no nexus has any more
	// (Quirks.NexusLostOnRelogin).
	stale bool
}

// session is what the unit keeps for one I_T nexus, registered or not.
type session struct {
	nexus NexusID
	// loggedIn says that the nexus is there; the others were only named by a
	// parameter list.
	loggedIn bool
	// failed says that the path to the unit is cut.
	failed bool
	// attentions are the pending unit attentions, oldest first. The slice is
	// shared by clones and never changed in place.
	attentions []scsi.ASC
}

// NewMachine makes a unit without registrations. The medium is in memory if
// none is given. The error is ErrBadConfig.
func NewMachine(cfg Config, medium Medium) (*Machine, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if medium == nil {
		medium = newMemoryMedium(cfg.BlockSize)
	}
	return &Machine{cfg: &cfg, medium: medium, busy: cfg.Quirks.Busy}, nil
}

// Config returns the configuration with its defaults filled in.
func (m *Machine) Config() Config {
	c := *m.cfg
	c.TargetPorts = slices.Clone(c.TargetPorts)
	return c
}

// SetQuirks changes how the device errs from now on.
func (m *Machine) SetQuirks(q Quirks) {
	c := *m.cfg
	c.Quirks = q
	m.cfg, m.busy = &c, q.Busy
}

// quirks are the device's errors; not to be changed.
func (m *Machine) quirks() *Quirks { return &m.cfg.Quirks }

// Clone returns a copy that shares nothing that changes. It is cheap: an
// explorer makes millions. The medium is copied if it is in memory, and shared
// otherwise.
func (m *Machine) Clone() *Machine {
	c := *m
	c.registrations = slices.Clone(m.registrations)
	c.sessions = slices.Clone(m.sessions)
	c.tasks = slices.Clone(m.tasks)
	c.hits = slices.Clone(m.hits)
	if cloner, ok := m.medium.(interface{ clone() Medium }); ok {
		c.medium = cloner.clone()
	}
	return &c
}

// session returns what is kept for the nexus, and makes it if need be. The
// pointer is good until the next call.
func (m *Machine) session(n NexusID) *session {
	at, found := slices.BinarySearchFunc(m.sessions, n, func(s session, n NexusID) int { return s.nexus.compare(n) })
	if !found {
		m.sessions = slices.Insert(m.sessions, at, session{nexus: n})
	}
	return &m.sessions[at]
}

// attend makes a unit attention pending for the nexus, once.
func (m *Machine) attend(n NexusID, asc scsi.ASC) {
	s := m.session(n)
	if !slices.Contains(s.attentions, asc) {
		s.attentions = append(slices.Clip(s.attentions), asc)
	}
}

// takeAttention removes the oldest unit attention of the nexus; 0 for none.
func (m *Machine) takeAttention(n NexusID) scsi.ASC {
	s := m.session(n)
	if len(s.attentions) == 0 {
		return 0
	}
	asc := s.attentions[0]
	if s.attentions = s.attentions[1:]; len(s.attentions) == 0 {
		s.attentions = nil
	}
	return asc
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
		if op != scsi.OpLogicalUnitReset || m.quirks().NoReset {
			return m.illegal(req, scsi.InvalidOpcode), true
		}
		return scsi.Reply{}, false
	}
	exempt := op == scsi.OpInquiry || op == opReportLUNs || op == scsi.OpRequestSense
	switch {
	case len(req.CDB) < cdbLength(op):
		return m.lost(req, scsi.HostError), true
	case m.busy > 0:
		m.busy--
		return m.status(req, scsi.Busy), true
	case !exempt && m.transitioning():
		return m.check(req, scsi.NotReady, scsi.AsymmetricTransition), true
	case !m.legacy.IsZero() && (op == scsi.OpPRIn || op == scsi.OpPROut):
		return m.conflict(req), true
	}
	if !exempt {
		if asc := m.takeAttention(from); asc != 0 {
			return m.check(req, scsi.UnitAttention, asc), true
		}
	}
	access := accessOf(req.CDB)
	switch {
	case access == accessUnknown || !m.knows(op):
		return m.illegal(req, scsi.InvalidOpcode), true
	case !m.legacyAllows(from, access) || !m.reservationAllows(from, access):
		return m.conflict(req), true
	}
	return scsi.Reply{}, false
}

func (m *Machine) transitioning() bool {
	until := m.quirks().TransitioningUntil
	if until.IsZero() {
		return false
	}
	return m.time().Before(until)
}

// knows reports whether a quirk took the command away.
func (m *Machine) knows(op scsi.Opcode) bool {
	switch op {
	case scsi.OpPRIn, scsi.OpPROut:
		return !m.quirks().NoPR
	case scsi.OpReserve6, scsi.OpRelease6, opReserve10, opRelease10:
		return !m.quirks().Reserve6Unsupported
	}
	return true
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
		return m.prIn(req)
	case scsi.OpPROut:
		return m.prOut(from, req)
	case scsi.OpReserve6, opReserve10:
		return m.legacyReserve(from, req)
	case scsi.OpRelease6, opRelease10:
		return m.legacyRelease(from, req)
	case scsi.OpInquiry:
		return m.inquiry(from, req)
	case scsi.OpRequestSense:
		return m.requestSense(from, req)
	case opReportLUNs:
		return m.reportLUNs(req)
	case opModeSense6, opModeSense10:
		return m.modeSense(req)
	case scsi.OpReadCapacity10:
		return m.readCapacity10(req)
	case scsi.OpReadCapacity16:
		return m.readCapacity16(req)
	case scsi.OpRead10, opRead16, scsi.OpWrite10, opWrite16, opVerify10:
		return m.readWrite(req)
	case opSyncCache10, opSyncCache16:
		return m.synchronize(req)
	}
	// The rest does nothing to a simulated medium.
	return m.status(req, scsi.Good)
}
