package simns

import (
	"slices"

	"lunguard/nvme"
	"lunguard/pr"
)

// invalidAction is the answer to a reserved action.
func (q *Quirks) invalidAction() nvme.Reply {
	if q.UnknownActions {
		return fail(nvme.InvalidOpcode)
	}
	return fail(nvme.InvalidField)
}

// register is Reservation Register. Section 7.6.
func (m *Machine) register(from Controller, req *nvme.Request) nvme.Reply {
	c, err := nvme.DecodeRegister(req)
	q := &m.cfg.Quirks
	switch {
	case err != nil:
		return fail(nvme.DataLengthInvalid)
	case c.Action > nvme.ReplaceKey:
		return m.cfg.Quirks.invalidAction()
	case !q.IgnoresPersistence && (c.Persistence == 1 || c.Persistence == nvme.PersistenceOn && q.NoPersistence):
		return fail(nvme.InvalidField)
	case c.Action != nvme.UnregisterKey && c.New == 0 && !q.TakesKeyZero:
		return fail(nvme.InvalidField)
	}
	at := m.find(from.Host)
	quoted := at >= 0 && (m.registrants[at].Key == c.Current || c.IgnoreKey)
	switch {
	case c.Action == nvme.RegisterKey && at >= 0:
		if m.registrants[at].Key != c.New {
			return fail(nvme.ReservationConflict)
		}
	case c.Action == nvme.RegisterKey, c.Action == nvme.ReplaceKey && at < 0 && c.IgnoreKey:
		m.registrants = append(m.registrants, registrant{from.Host, c.New, from.ID})
		m.count(1)
	case !quoted:
		return fail(nvme.ReservationConflict)
	case c.Action == nvme.UnregisterKey:
		m.depart(from)
		m.count(1)
	default:
		m.registrants[at].Key = c.New
	}
	if !q.CountsHosts {
		m.generation++
	}
	if !q.IgnoresPersistence && c.Persistence != nvme.PersistenceUnchanged {
		m.persisting = c.Persistence == nvme.PersistenceOn
	}
	return nvme.Reply{}
}

// count counts registrants that came or went, where the target counts these.
func (m *Machine) count(n int) {
	if m.cfg.Quirks.CountsHosts {
		m.generation += uint32(n)
	}
}

// depart takes a host's registration off, and the reservation that it held alone.
func (m *Machine) depart(from Controller) {
	m.remove(func(r registrant) bool { return r.Host == from.Host })
	switch {
	case m.typ == 0:
	case m.typ.AllRegistrants() && len(m.registrants) > 0:
		if m.holder == from.Host {
			m.holder = m.registrants[0].Host
		}
	case m.typ.AllRegistrants(), m.holder == from.Host:
		registrants := m.typ.RegistrantsOnly()
		m.unreserve()
		if registrants {
			m.notify(nvme.ReservationReleased, func(h nvme.HostID) bool { return m.find(h) >= 0 })
		}
	}
}

// remove takes registrants off, and returns them.
func (m *Machine) remove(which func(registrant) bool) []registrant {
	var gone []registrant
	m.registrants = slices.DeleteFunc(slices.Clone(m.registrants), func(r registrant) bool {
		if which(r) {
			gone = append(gone, r)
			return true
		}
		return false
	})
	return gone
}

func (m *Machine) unreserve() { m.typ, m.holder = 0, nvme.HostID{} }

// notify puts an event into the logs of the controllers of some hosts.
func (m *Machine) notify(e nvme.Event, of func(nvme.HostID) bool) {
	for _, c := range m.controllers {
		host := c.Host
		if m.cfg.Quirks.ShortHostIDs {
			host = short(host)
		}
		if !of(host) {
			continue
		}
		m.counts[c.ID]++
		if log := m.logs[c.ID]; len(log) < longestLog {
			m.logs[c.ID] = append(slices.Clip(log), e)
		}
	}
}

// acquire is Reservation Acquire. Section 7.5.
func (m *Machine) acquire(from Controller, req *nvme.Request) nvme.Reply {
	c, err := nvme.DecodeAcquisition(req)
	q := &m.cfg.Quirks
	typ := pr.Type(0)
	if err == nil {
		typ = c.Type.Common()
	}
	switch {
	case err != nil:
		return fail(nvme.DataLengthInvalid)
	case c.Action > nvme.PreemptAndAbort:
		return m.cfg.Quirks.invalidAction()
	case c.IgnoreKey, typ == 0, q.NoAllRegistrants && typ.AllRegistrants(), q.NoPreemptAndAbort && c.Action == nvme.PreemptAndAbort:
		return fail(nvme.InvalidField)
	}
	at := m.find(from.Host)
	if at < 0 || m.registrants[at].Key != c.Current {
		return fail(nvme.ReservationConflict)
	}
	if c.Action != nvme.Acquire {
		return m.preempt(from, c, typ)
	}
	switch {
	case m.typ == 0:
		m.typ, m.holder = typ, from.Host
	case m.typ != typ, !m.holds(from.Host), m.holder != from.Host && q.SecondConflicts:
		return fail(nvme.ReservationConflict)
	}
	return nvme.Reply{}
}

// preempt is Preempt, and Preempt and Abort. Section 8.1.22.7.
func (m *Machine) preempt(from Controller, c *nvme.Acquisition, typ pr.Type) nvme.Reply {
	q := &m.cfg.Quirks
	all := m.typ.AllRegistrants()
	if q.HolderPreemptsNobody && m.typ != 0 && !all && m.holder == from.Host {
		return retype(m, from, typ)
	}
	victims := func(r registrant) bool { return r.Key == c.Victim }
	others := func(r registrant) bool { return r.Key == c.Victim && r.Host != from.Host }
	takes := false
	switch known := slices.ContainsFunc(m.registrants, victims); {
	case all && c.Victim == 0:
		victims, takes = func(r registrant) bool { return r.Host != from.Host }, true
		if q.KeepsType {
			typ = m.typ
		}
	case m.typ != 0 && !all && c.Victim == 0:
		if q.VictimZeroConflicts {
			return fail(nvme.ReservationConflict)
		}
		return fail(nvme.InvalidField)
	case !known && q.PreemptsNobody && !all:
		return nvme.Reply{}
	case !known:
		return fail(nvme.ReservationConflict)
	case m.typ != 0 && !all && m.registrants[m.find(m.holder)].Key == c.Victim:
		victims, takes = others, true
		if m.holder == from.Host && q.NamesakesStay {
			victims = func(registrant) bool { return false }
		}
	}
	was := m.typ
	gone := m.remove(victims)
	if takes {
		m.typ, m.holder = typ, from.Host
	} else if all && len(m.registrants) == 0 {
		m.unreserve()
	} else if all && m.find(m.holder) < 0 {
		m.holder = m.registrants[0].Host
	}
	m.notify(nvme.RegistrationPreempted, func(h nvme.HostID) bool {
		return h != from.Host && slices.ContainsFunc(gone, func(r registrant) bool { return r.Host == h })
	})
	if takes && was != m.typ {
		m.notify(nvme.ReservationReleased, func(h nvme.HostID) bool { return h != from.Host && m.find(h) >= 0 })
	}
	if m.count(len(gone)); !q.CountsHosts {
		m.generation++
	}
	if q.GivesUp && c.Action == nvme.PreemptAndAbort && len(gone) > 0 {
		return nvme.Reply{Status: nvme.CommandInterrupted}
	}
	return nvme.Reply{}
}

// retype gives the reservation of who holds alone another type.
func retype(m *Machine, from Controller, typ pr.Type) nvme.Reply {
	if m.typ != typ {
		m.notify(nvme.ReservationReleased, func(h nvme.HostID) bool { return h != from.Host && m.find(h) >= 0 })
	}
	m.typ = typ
	if m.count(0); !m.cfg.Quirks.CountsHosts {
		m.generation++
	}
	return nvme.Reply{}
}

// release is Reservation Release. Section 7.7.
func (m *Machine) release(from Controller, req *nvme.Request) nvme.Reply {
	c, err := nvme.DecodeReleasing(req)
	switch {
	case err != nil:
		return fail(nvme.DataLengthInvalid)
	case c.Action > nvme.Clear:
		return m.cfg.Quirks.invalidAction()
	case c.IgnoreKey:
		return fail(nvme.InvalidField)
	}
	at := m.find(from.Host)
	if at < 0 || m.registrants[at].Key != c.Current {
		return fail(nvme.ReservationConflict)
	}
	if c.Action == nvme.Clear {
		m.clear(from)
		return nvme.Reply{}
	}
	switch {
	case !m.holds(from.Host), m.cfg.Quirks.AcquirerReleases && m.holder != from.Host:
	case c.Type.Common() != m.typ && m.cfg.Quirks.OtherTypeConflicts:
		return fail(nvme.ReservationConflict)
	case c.Type.Common() != m.typ:
		return fail(nvme.InvalidField)
	default:
		told := m.typ.RegistrantsOnly() || m.typ.AllRegistrants()
		m.unreserve()
		if told {
			m.notify(nvme.ReservationReleased, func(h nvme.HostID) bool { return h != from.Host && m.find(h) >= 0 })
		}
	}
	return nvme.Reply{}
}

// clear removes everything at once.
func (m *Machine) clear(from Controller) {
	gone := m.remove(func(registrant) bool { return true })
	m.unreserve()
	m.notify(nvme.ReservationPreempted, func(h nvme.HostID) bool {
		return h != from.Host && slices.ContainsFunc(gone, func(r registrant) bool { return r.Host == h })
	})
	if m.count(len(gone)); !m.cfg.Quirks.CountsHosts {
		m.generation++
	}
}
