package simlun

import (
	"slices"
	"time"

	"lunguard/scsi"
)

// nexusLossOccurred is 29/07.
const nexusLossOccurred scsi.ASC = 0x2907

// Login makes the nexus known to the unit. It changes nothing if the nexus is
// there already. Execute does it by itself.
func (m *Machine) Login(n NexusID) {
	s := m.session(n)
	if s.loggedIn {
		return
	}
	s.loggedIn = true
	if !slices.Contains(m.cfg.TargetPorts, n.relative) {
		c := m.Config()
		c.TargetPorts = slices.Sorted(slices.Values(append(c.TargetPorts, n.relative)))
		m.cfg = &c
	}
	if asc := m.quirks().FirstCmdUA; asc != 0 {
		m.attend(n, asc)
	}
}

// NexusLoss ends the nexus: logout, cable, host gone. Registration and
// reservation stay (SPC-4 5.13.5); its RESERVE(6) and its tasks do not. When
// it comes back it finds a unit attention 29/07.
func (m *Machine) NexusLoss(n NexusID) {
	s := m.session(n)
	if !s.loggedIn {
		return
	}
	s.loggedIn, s.attentions = false, nil
	m.attend(n, nexusLossOccurred)
	if m.legacy == n {
		m.legacy = NexusID{}
	}
	m.tasks = slices.DeleteFunc(m.tasks, func(t task) bool { return t.nexus == n })
	if at := m.find(n); at >= 0 && m.quirks().NexusLostOnRelogin {
		m.registrations[at].stale = true
	}
}

// ResetLU is a LOGICAL UNIT RESET: tasks and RESERVE(6) go, persistent
// reservations stay, every nexus gets a unit attention 29/03, the one that asked
// for it as well. SAM-5 6.3.3.
func (m *Machine) ResetLU() {
	m.legacy = NexusID{}
	m.abortTasks(func(NexusID) bool { return true })
	for i := range m.sessions {
		if m.sessions[i].loggedIn {
			m.attend(m.sessions[i].nexus, scsi.BusDeviceReset)
		}
	}
}

// PowerCycle switches the unit off and on. Registrations and reservation
// survive it only if the last registration asked for that (APTPL), and
// PRGENERATION never does. SPC-4 5.13.5, 6.15.2.
func (m *Machine) PowerCycle() {
	m.legacy = NexusID{}
	m.tasks = nil
	m.generation = 0
	m.busy = m.quirks().Busy
	if !m.aptpl {
		m.registrations, m.reserved = nil, 0
	}
	for i := range m.sessions {
		s := &m.sessions[i]
		s.attentions = nil
		if s.loggedIn {
			s.attentions = []scsi.ASC{scsi.PowerOnOrReset}
		}
	}
}

// FailPath cuts the path of a nexus or mends it. A cut path is a matter of
// the transport: see [LUN.Nexus].
func (m *Machine) FailPath(n NexusID, failed bool) { m.session(n).failed = failed }

// TaskID numbers a command in flight. 0 is none.
type TaskID uint64

// task is a command that was let in and has not been performed yet.
type task struct {
	id       TaskID
	nexus    NexusID
	function scsi.TaskFunction
	// late is the command if nobody waits for it any more, else nil: see
	// [Machine.Late]. It is never changed in place.
	late *scsi.Request
	// due is when a late command is performed; zero if it is after so many
	// commands.
	due      time.Time
	commands int
}

// mostTasks bounds the task set; processes that were killed leave theirs.
const mostTasks = 1024

// Begin lets a command of the nexus into the task set, or answers at once.
// With id 0 the command is over and reply is its answer; else Finish performs
// it, or Withdraw forgets it.
//
// The reservation is looked at here and never again, as SPC-4 5.13.1 has it:
// a write that has begun reaches the medium after a PREEMPT, but not after a
// PREEMPT AND ABORT. A task management function is no task: it is done at once.
func (m *Machine) Begin(from NexusID, req *scsi.Request) (id TaskID, reply scsi.Reply) {
	if req.Function != scsi.Command {
		return 0, m.Execute(from, req)
	}
	m.catchUp()
	return m.admit(from, req)
}

// admit is Begin, for task management functions, too.
func (m *Machine) admit(from NexusID, req *scsi.Request) (id TaskID, reply scsi.Reply) {
	if reply, refused := m.refuse(from, req); refused {
		return 0, reply
	}
	if len(m.tasks) >= mostTasks {
		return 0, m.status(req, scsi.TaskSetFull)
	}
	m.lastTask++
	m.tasks = append(m.tasks, task{id: m.lastTask, nexus: from, function: req.Function})
	return m.lastTask, scsi.Reply{}
}

// Finish performs a command that Begin let in. If it was aborted meanwhile
// nothing happens and the status is TASK ABORTED.
func (m *Machine) Finish(id TaskID, req *scsi.Request) scsi.Reply {
	m.catchUp()
	at := slices.IndexFunc(m.tasks, func(t task) bool { return t.id == id })
	if at < 0 {
		return m.status(req, scsi.TaskAborted)
	}
	from := m.tasks[at].nexus
	m.tasks = slices.Delete(m.tasks, at, at+1)
	return m.perform(from, req)
}

// Withdraw takes a command back, as an initiator does after a timeout.
func (m *Machine) Withdraw(id TaskID) {
	m.tasks = slices.DeleteFunc(m.tasks, func(t task) bool { return t.id == id })
}

// abortTasks ends the commands in flight of the nexuses that of picks. A task
// management function is none.
func (m *Machine) abortTasks(of func(NexusID) bool) {
	m.tasks = slices.DeleteFunc(m.tasks, func(t task) bool { return t.function == scsi.Command && of(t.nexus) })
}
