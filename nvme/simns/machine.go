package simns

import (
	"encoding/binary"
	"maps"
	"slices"

	"lunguard/nvme"
	"lunguard/pr"
)

// Config is what a namespace is made of.
type Config struct {
	// Names of the namespace; a UUID is made up if there is none at all.
	Names nvme.Names `json:"names"`
	// Blocks of BlockSize bytes; 2048 and 512 by default.
	Blocks    uint64 `json:"blocks"`
	BlockSize uint32 `json:"blockSize"`
	// NSID is the number of the namespace, 1 by default.
	NSID uint32 `json:"nsid"`
	// Subsystem is the name of the subsystem.
	Subsystem string `json:"subsystem"`
	Quirks    Quirks `json:"quirks"`
}

// complete fills in the defaults.
func (c Config) complete() Config {
	if c.Blocks == 0 {
		c.Blocks = 2048
	}
	if c.BlockSize == 0 {
		c.BlockSize = 512
	}
	if c.NSID == 0 {
		c.NSID = 1
	}
	if c.Subsystem == "" {
		c.Subsystem = "nqn.2026-01.sim:subsystem"
	}
	if c.Names == (nvme.Names{}) {
		c.Names.UUID = [16]byte{0x5e, 0xed, 15: 1}
	}
	return c
}

// Controller is one of a subsystem, of the host that has connected to it.
type Controller struct {
	ID   uint16
	Host nvme.HostID
}

// registrant is a host with its key.
type registrant struct {
	Host nvme.HostID
	Key  pr.Key
	// Controller is the one that it has registered through.
	Controller uint16
}

// Machine is the state of one namespace and the rules by which commands change it. A
// Machine knows no locks. It is not safe for concurrent use.
type Machine struct {
	cfg Config
	// registrants are in the order in which they came.
	registrants []registrant
	// typ is the reservation, 0 without one; holder is the host that has acquired it,
	// which under a type of all registrants is one of the holders.
	typ    pr.Type
	holder nvme.HostID
	// generation is GEN, persisting PTPLS.
	generation uint32
	persisting bool
	// controllers are those that have ever been connected, and still are.
	controllers []Controller
	// logs are the notifications that each controller has not read, counts how many
	// there ever were.
	logs   map[uint16][]nvme.Event
	counts map[uint16]uint64
	// failed are the controllers that are cut off.
	failed map[uint16]bool
	// blocks are those that were written, never changed in place.
	blocks map[uint64]string
}

// longestLog is how many notifications wait; later ones are lost.
const longestLog = 255

// NewMachine makes a namespace without registrants.
func NewMachine(cfg Config) *Machine {
	return &Machine{
		cfg: cfg.complete(), logs: map[uint16][]nvme.Event{}, counts: map[uint16]uint64{}, failed: map[uint16]bool{}, blocks: map[uint64]string{},
	}
}

// Clone returns a copy that shares nothing that changes.
func (m *Machine) Clone() *Machine {
	c := *m
	c.registrants, c.controllers = slices.Clone(m.registrants), slices.Clone(m.controllers)
	c.logs, c.counts, c.failed, c.blocks = maps.Clone(m.logs), maps.Clone(m.counts), maps.Clone(m.failed), maps.Clone(m.blocks)
	for id, log := range c.logs {
		c.logs[id] = slices.Clip(log)
	}
	return &c
}

// AppendFingerprint appends what tells states of the namespace apart: reservation and
// registrants in their order, and neither the generation, which nobody decides by, nor the
// medium, nor who is connected.
func (m *Machine) AppendFingerprint(b []byte) []byte {
	b = append(b, byte(m.typ), 0)
	if m.persisting {
		b[len(b)-1] = 1
	}
	b = append(b, m.holder.Bytes()...)
	for _, r := range m.registrants {
		b = append(b, r.Host.Bytes()...)
		b = binary.BigEndian.AppendUint64(b, uint64(r.Key))
	}
	return b
}

// Config returns what the namespace is made of.
func (m *Machine) Config() Config { return m.cfg }

// SetQuirks changes how it errs from now on.
func (m *Machine) SetQuirks(q Quirks) { m.cfg.Quirks = q }

// Connect adds a controller; one of that number is replaced.
func (m *Machine) Connect(c Controller) {
	m.Disconnect(c.ID)
	m.controllers = append(m.controllers, c)
}

// isConnected reports whether a controller of that number is that host's.
func (m *Machine) isConnected(c Controller) bool { return slices.Contains(m.controllers, c) }

// Disconnect takes a controller away. A host stays registered without any.
func (m *Machine) Disconnect(id uint16) {
	m.controllers = slices.DeleteFunc(m.controllers, func(c Controller) bool { return c.ID == id })
	delete(m.logs, id)
}

// PowerCycle switches the subsystem off and on. Without PTPL all reservations are gone.
func (m *Machine) PowerCycle() {
	if !m.persisting {
		m.registrants, m.typ, m.holder = nil, 0, nvme.HostID{}
	}
	m.generation, m.logs = 0, map[uint16][]nvme.Event{}
}

// State is what there is, in the words of package pr.
func (m *Machine) State() *pr.State {
	s, err := m.Report().State()
	if err != nil {
		// Key 0, which no state can tell of.
		return nil
	}
	return s
}

// Execute performs one command that came through a controller, or refuses it, as one
// step. It fills Data of the request for commands that read.
func (m *Machine) Execute(from Controller, req *nvme.Request) nvme.Reply {
	q := &m.cfg.Quirks
	if q.ShortHostIDs {
		from.Host = short(from.Host)
	}
	reservation := false
	switch req.Opcode {
	case nvme.OpRegister, nvme.OpAcquire, nvme.OpRelease, nvme.OpReport:
		reservation = true
	}
	if reservation && q.NoReservations {
		return fail(nvme.InvalidOpcode)
	}
	switch req.Opcode {
	case nvme.OpRegister:
		return m.register(from, req)
	case nvme.OpAcquire:
		return m.acquire(from, req)
	case nvme.OpRelease:
		return m.release(from, req)
	case nvme.OpReport:
		return m.sendReport(req)
	case nvme.OpIdentify:
		return m.identify(from, req)
	case nvme.OpGetFeatures:
		return m.getFeatures(from, req)
	case nvme.OpGetLogPage:
		return m.getLog(from, req)
	case nvme.OpRead, nvme.OpWrite, nvme.OpFlush:
		return m.access(from, req)
	}
	return fail(nvme.InvalidOpcode)
}

// short is a host identifier on a controller that knows 8 bytes only.
func short(h nvme.HostID) nvme.HostID {
	s, err := nvme.MakeHostID(h.Bytes()[:8])
	if err != nil {
		return h
	}
	return s
}

// fail is a status that another try will not change.
func fail(s nvme.Status) nvme.Reply { return nvme.Reply{Status: s | nvme.DoNotRetry} }

// find is the registrant of a host, -1 for none.
func (m *Machine) find(host nvme.HostID) int {
	return slices.IndexFunc(m.registrants, func(r registrant) bool { return r.Host == host })
}

// holds reports whether a host is a holder of the reservation.
func (m *Machine) holds(host nvme.HostID) bool {
	return m.typ != 0 && m.find(host) >= 0 && (m.typ.AllRegistrants() || m.holder == host)
}

// allows reports whether the reservation lets a read or a write of the host pass.
// Section 8.1.22.
func (m *Machine) allows(host nvme.HostID, writes bool) bool {
	switch {
	case m.typ == 0, m.holds(host), !writes && !m.typ.Exclusive():
		return true
	}
	return m.typ.RegistrantsOnly() && m.find(host) >= 0
}

// access is Read, Write or Flush.
func (m *Machine) access(from Controller, req *nvme.Request) nvme.Reply {
	writes := req.Opcode != nvme.OpRead
	first, count := uint64(req.Words[1])<<32|uint64(req.Words[0]), uint64(req.Words[2]&0xffff)+1
	size := int(m.cfg.BlockSize)
	switch {
	case !m.allows(from.Host, writes):
		return fail(nvme.ReservationConflict)
	case writes && m.cfg.Quirks.WriteProtected:
		return fail(nvme.WriteProtected)
	case req.Opcode == nvme.OpFlush:
		return nvme.Reply{}
	case first+count > m.cfg.Blocks:
		return fail(nvme.LBAOutOfRange)
	case len(req.Data) < int(count)*size:
		return fail(nvme.DataLengthInvalid)
	}
	for i := range count {
		b := req.Data[int(i)*size : int(i+1)*size]
		if writes {
			m.blocks[first+i] = string(b)
		} else {
			clear(b)
			copy(b, m.blocks[first+i])
		}
	}
	return nvme.Reply{}
}
