package simlun

import (
	"slices"

	"lunguard/scsi"
)

// preempt is PREEMPT and PREEMPT AND ABORT. SPC-4 5.13.11.2.4 to 6.
func (m *Machine) preempt(from NexusID, req *scsi.Request, out *scsi.PROut, abort bool) scsi.Reply {
	victim := out.ActionKey
	shared := m.reserved.AllRegistrants()
	takes := m.reserved != 0 && !shared && m.registrations[m.holder()].key == victim || shared && victim == 0
	switch {
	case m.reserved != 0 && !shared && victim == 0:
		return m.illegal(req, scsi.InvalidFieldInParameterList)
	case takes && !m.usable(out):
		return m.illegal(req, scsi.InvalidFieldInCDB)
	case !takes && (victim == 0 || !slices.Contains(m.keys(), victim)):
		return m.conflict(req)
	}
	var gone []registration
	if takes {
		gone = m.takeOver(from, out)
	} else {
		gone = m.expel(from, victim)
	}
	for _, r := range gone {
		if !r.stale && !m.same(r.nexus, from) {
			m.attend(r.nexus, m.preemptedASC())
		}
	}
	if abort {
		m.abortTasks(func(n NexusID) bool {
			return shared && victim == 0 || slices.ContainsFunc(gone, func(r registration) bool { return m.same(r.nexus, n) })
		})
	}
	m.generation++
	return m.status(req, scsi.Good)
}

// takeOver removes the holders but the sender, which becomes the holder. The
// registrants that are left hear of a change of type only.
func (m *Machine) takeOver(from NexusID, out *scsi.PROut) []registration {
	was := m.reserved
	gone := m.remove(func(r registration) bool {
		return (r.key == out.ActionKey || was.AllRegistrants()) && (r.stale || !m.same(r.nexus, from))
	})
	m.hold(from, out.Type)
	if was != out.Type {
		m.attendOthers(from, scsi.ReservationsReleased)
	}
	return gone
}

// expel removes registrations and leaves the reservation alone: its one
// holder is never among them. Without a reservation, or beside one of another
// nexus, a sender that names its own key expels itself.
func (m *Machine) expel(from NexusID, victim scsi.Key) []registration {
	keep := m.reserved.AllRegistrants() && !m.quirks().DropSenderOnARSelfPreempt
	gone := m.remove(func(r registration) bool {
		return r.key == victim && (r.stale || !keep || !m.same(r.nexus, from))
	})
	if m.reserved.AllRegistrants() && len(m.registrations) == 0 {
		m.release()
	}
	return gone
}

func (m *Machine) preemptedASC() scsi.ASC {
	if m.quirks().PreemptUA2A03 {
		return scsi.ReservationsPreempted
	}
	return scsi.RegistrationsPreempted
}

// registerMove is REGISTER AND MOVE. SPC-4 5.13.8.
func (m *Machine) registerMove(from NexusID, req *scsi.Request, move *scsi.RegisterMove) scsi.Reply {
	if move.APTPL && m.quirks().NoAPTPL {
		return m.illegal(req, scsi.InvalidFieldInParameterList)
	}
	at := m.registered(from)
	switch {
	case at < 0 || m.registrations[at].key != move.Key:
		return m.conflict(req)
	case m.reserved == 0:
		return m.illegal(req, scsi.InvalidFieldInCDB)
	case m.reserved.AllRegistrants() || !m.registrations[at].holder:
		return m.conflict(req)
	}
	to, ok := m.destination(from, move)
	if move.ActionKey == 0 || !ok {
		return m.illegal(req, scsi.InvalidFieldInParameterList)
	}
	if m.find(to) < 0 && !move.Unregister && m.full(1) {
		return m.illegal(req, scsi.InsufficientRegistrations)
	}
	if was := m.find(to); was >= 0 {
		m.registrations[was].key = move.ActionKey
	} else {
		m.put(to, move.ActionKey, false)
	}
	m.hold(to, m.reserved)
	if move.Unregister {
		m.remove(func(r registration) bool { return !r.stale && m.same(r.nexus, from) })
	}
	m.aptpl = move.APTPL
	m.generation++
	return m.status(req, scsi.Good)
}

// destination finds the nexus that a REGISTER AND MOVE names: another
// initiator port, and a target port that exists. A name that means several
// ports means none.
func (m *Machine) destination(from NexusID, move *scsi.RegisterMove) (NexusID, bool) {
	ports := m.portsOf(move.Destination)
	if len(ports) != 1 || !slices.Contains(m.cfg.TargetPorts, move.RelativePort) {
		return NexusID{}, false
	}
	to := MakeNexus(ports[0], move.RelativePort)
	if to.port == from.port || m.same(to, from) || m.quirks().SpecIPTKnownOnly && !m.portLoggedIn(to.port) {
		return NexusID{}, false
	}
	return to, true
}
