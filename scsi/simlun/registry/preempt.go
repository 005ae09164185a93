package registry

import (
	"slices"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// preempt is PREEMPT, and with abort PREEMPT AND ABORT. SPC-4 5.13.11.2.4 to 6.
func (m *Commands) preempt(from model.NexusID, req *scsi.Request, out *scsi.PROut, abort func(of func(model.NexusID) bool)) scsi.Reply {
	victim := out.ActionKey
	shared := m.Reserved.AllRegistrants()
	takes := m.Reserved != 0 && !shared && m.Registrations[m.Holder()].Key == victim || shared && victim == 0
	switch {
	case m.Reserved != 0 && !shared && victim == 0:
		return m.Illegal(req, scsi.InvalidFieldInParameterList)
	case takes && !m.usable(out):
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	case !takes && (victim == 0 || !slices.Contains(m.Keys(), victim)):
		return m.Conflict(req)
	}
	var gone []Registration
	if takes {
		gone = m.takeOver(from, out)
	} else {
		gone = m.expel(from, victim)
	}
	for _, r := range gone {
		if !r.Stale && !m.same(r.Nexus, from) {
			m.Attend(r.Nexus, m.preemptedASC())
		}
	}
	if abort != nil {
		abort(func(n model.NexusID) bool {
			return shared && victim == 0 || slices.ContainsFunc(gone, func(r Registration) bool { return m.same(r.Nexus, n) })
		})
	}
	m.Generation++
	return m.Status(req, scsi.Good)
}

// takeOver removes the holders but the sender, which becomes the holder. The
// registrants that are left hear of a change of type only.
func (m *Commands) takeOver(from model.NexusID, out *scsi.PROut) []Registration {
	was := m.Reserved
	gone := m.remove(func(r Registration) bool {
		return (r.Key == out.ActionKey || was.AllRegistrants()) && (r.Stale || !m.same(r.Nexus, from))
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
func (m *Commands) expel(from model.NexusID, victim scsi.Key) []Registration {
	keep := m.Reserved.AllRegistrants() && !m.Quirks().DropSenderOnARSelfPreempt
	gone := m.remove(func(r Registration) bool {
		return r.Key == victim && (r.Stale || !keep || !m.same(r.Nexus, from))
	})
	if m.Reserved.AllRegistrants() && len(m.Registrations) == 0 {
		m.release()
	}
	return gone
}

func (m *Commands) preemptedASC() scsi.ASC {
	if m.Quirks().PreemptUA2A03 {
		return scsi.ReservationsPreempted
	}
	return scsi.RegistrationsPreempted
}

// registerMove is REGISTER AND MOVE. SPC-4 5.13.8.
func (m *Commands) registerMove(from model.NexusID, req *scsi.Request, move *scsi.RegisterMove) scsi.Reply {
	if move.APTPL && m.Quirks().NoAPTPL {
		return m.Illegal(req, scsi.InvalidFieldInParameterList)
	}
	at := m.registered(from)
	switch {
	case at < 0 || m.Registrations[at].Key != move.Key:
		return m.Conflict(req)
	case m.Reserved == 0:
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	case m.Reserved.AllRegistrants() || !m.Registrations[at].Holder:
		return m.Conflict(req)
	}
	to, ok := m.destination(from, move)
	if move.ActionKey == 0 || !ok {
		return m.Illegal(req, scsi.InvalidFieldInParameterList)
	}
	if m.Find(to) < 0 && !move.Unregister && m.full(1) {
		return m.Illegal(req, scsi.InsufficientRegistrations)
	}
	if was := m.Find(to); was >= 0 {
		m.Registrations[was].Key = move.ActionKey
	} else {
		m.put(to, move.ActionKey, false)
	}
	m.hold(to, m.Reserved)
	if move.Unregister {
		m.remove(func(r Registration) bool { return !r.Stale && m.same(r.Nexus, from) })
	}
	m.APTPL = move.APTPL
	m.Generation++
	return m.Status(req, scsi.Good)
}

// destination finds the nexus that a REGISTER AND MOVE names: another
// initiator port, and a target port that exists. A name that means several
// ports means none.
func (m *Commands) destination(from model.NexusID, move *scsi.RegisterMove) (model.NexusID, bool) {
	ports := m.portsOf(move.Destination)
	if len(ports) != 1 || !slices.Contains(m.Cfg.TargetPorts, move.RelativePort) {
		return model.NexusID{}, false
	}
	to := model.MakeNexus(ports[0], move.RelativePort)
	if to.Port() == from.Port() || m.same(to, from) || m.Quirks().SpecIPTKnownOnly && !m.portLoggedIn(to.Port()) {
		return model.NexusID{}, false
	}
	return to, true
}
