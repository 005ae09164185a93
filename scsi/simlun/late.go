package simlun

import (
	"time"

	"lunguard/scsi"
)

// Clock is the time of a unit. The zero value is the real time.
type Clock struct {
	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Sleep lets a duration pass; nil is time.Sleep.
	Sleep func(time.Duration)
}

func (c Clock) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c Clock) sleep(d time.Duration) {
	if c.Sleep != nil {
		c.Sleep(d)
		return
	}
	time.Sleep(d)
}

// during runs f on the unit as it is at the time of the clock.
func (m *Machine) during(c Clock, f func(*Machine)) {
	if c.Now != nil {
		m.now = c.Now
	}
	m.catchUp()
	f(m)
}

// time is now by the clock of the unit.
func (m *Machine) time() time.Time { return Clock{Now: m.now}.now() }

// Late lets a command of the nexus in, or refuses it, as Begin does, and has it
// performed later, when its host has long given it up: after that many further
// commands of any nexus have been performed, or, with commands 0, when wait is
// over. Nobody gets its answer. Until then it is a task as others are, which
// a PREEMPT AND ABORT or a LOGICAL UNIT RESET ends; what it does, it does to the
// unit as it is then: one that quotes a key that has gone meets a conflict.
func (m *Machine) Late(from NexusID, req *scsi.Request, wait time.Duration, commands int) {
	m.catchUp()
	id, _ := m.admit(from, req)
	m.tasks.postpone(id, req, m.time().Add(wait), commands)
}

// catchUp performs the late commands whose time has come, in the order of their
// times. Whoever looks at the unit does it first.
func (m *Machine) catchUp() {
	for {
		first := m.tasks.due()
		if first < 0 || m.time().Before(m.tasks[first].due) {
			return
		}
		m.performLate(first)
	}
}

// tick counts a command that was performed, and performs the late ones that
// waited for it, in the order in which they came.
func (m *Machine) tick() {
	m.tasks.count()
	for at := m.tasks.waited(); at >= 0; at = m.tasks.waited() {
		m.performLate(at)
	}
}

func (m *Machine) performLate(at int) {
	t := m.tasks.take(at)
	req := *t.late // clones of the machine share it
	if req.Dir == scsi.DataIn {
		req.Data = make([]byte, len(req.Data))
	}
	m.do(t.nexus, &req)
}
