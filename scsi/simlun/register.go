package simlun

import (
	"slices"

	"lunguard/scsi"
)

// register is REGISTER and REGISTER AND IGNORE EXISTING KEY. SPC-4 5.13.7,
// tables 67 to 69.
func (m *Machine) register(from NexusID, req *scsi.Request, out *scsi.PROut) scsi.Reply {
	at := m.find(from)
	ignore := out.Action == scsi.OutRegisterAndIgnoreExistingKey
	var have scsi.Key
	if at >= 0 {
		have = m.registrations[at].key
	}
	switch {
	case !ignore && out.Key != have:
		return m.conflict(req)
	case at < 0 && out.ActionKey == 0:
		return m.status(req, scsi.Good)
	case at >= 0 && out.TransportIDs != nil:
		return m.illegal(req, scsi.InvalidFieldInParameterList)
	case out.ActionKey == 0:
		m.unregister(from, out.AllTgtPort)
	default:
		if reply, ok := m.enroll(from, req, out); !ok {
			return reply
		}
		m.generation++
	}
	m.aptpl = out.APTPL
	return m.status(req, scsi.Good)
}

// enroll registers the nexus and all that the parameter list names, or
// nothing.
func (m *Machine) enroll(from NexusID, req *scsi.Request, out *scsi.PROut) (scsi.Reply, bool) {
	targets := m.throughPorts(from, out.AllTgtPort)
	for _, id := range out.TransportIDs {
		nexuses, ok := m.named(from, id, out.AllTgtPort)
		if !ok {
			return m.illegal(req, scsi.InvalidFieldInParameterList), false
		}
		for _, n := range nexuses {
			// Whoever is named must not be registered, nor named twice.
			if m.find(n) >= 0 || slices.Contains(targets, n) {
				return m.illegal(req, scsi.InvalidFieldInParameterList), false
			}
		}
		targets = append(targets, nexuses...)
	}
	added := 0
	for _, n := range targets {
		at := m.find(n)
		switch {
		case at < 0:
			added++
		case out.Action == scsi.OutRegister && m.registrations[at].key != out.Key:
			// ALL_TG_PT, and through another target port this initiator port
			// is registered with another key: there it would be a conflict.
			return m.conflict(req), false
		}
	}
	if m.full(added) {
		return m.illegal(req, scsi.InsufficientRegistrations), false
	}
	for _, n := range targets {
		m.put(n, out.ActionKey, out.AllTgtPort)
	}
	return scsi.Reply{}, true
}

// throughPorts lists the nexuses of from's initiator port that a registration
// is for: from alone, or through all target ports.
func (m *Machine) throughPorts(from NexusID, all bool) []NexusID {
	list := []NexusID{from}
	if !all || m.quirks().AllTgPtImplicit {
		return list
	}
	for _, port := range m.cfg.TargetPorts {
		if port != from.relative {
			list = append(list, from.through(port))
		}
	}
	return list
}

// named lists the nexuses that a TransportID of a SPEC_I_PT list means: the
// port, through the target port that the command came in by. ok is false if
// it can mean none.
func (m *Machine) named(from NexusID, id scsi.TransportID, all bool) (nexuses []NexusID, ok bool) {
	for _, port := range m.portsOf(id) {
		n := MakeNexus(port, from.relative)
		if m.quirks().SpecIPTKnownOnly && !m.portLoggedIn(port) {
			continue
		}
		nexuses = append(nexuses, m.throughPorts(n, all)...)
	}
	return nexuses, len(nexuses) > 0 || m.quirks().SpecIPTKnownOnly
}

// portsOf lists the initiator ports of a TransportID: itself, or for an iSCSI
// device name (format 00b) each of its ports that logged in.
func (m *Machine) portsOf(id scsi.TransportID) []scsi.TransportID {
	id = id.Canonical()
	name, isid, ok := id.ISCSIName()
	if !ok || isid != "" {
		return []scsi.TransportID{id}
	}
	var ports []scsi.TransportID
	for _, s := range m.sessions {
		if got, _, ok := s.nexus.port.ISCSIName(); ok && got == name && s.loggedIn && !slices.Contains(ports, s.nexus.port) {
			ports = append(ports, s.nexus.port)
		}
	}
	return ports
}

func (m *Machine) portLoggedIn(port scsi.TransportID) bool {
	return slices.ContainsFunc(m.sessions, func(s session) bool { return s.loggedIn && s.nexus.port == port })
}

// unregister removes the nexus, with all also through the other target ports
// where it has the same key. If it held the reservation alone that ends with
// it, and so does one of an all-registrants type with the last registrant.
// SPC-4 5.13.11.2.3.
func (m *Machine) unregister(from NexusID, all bool) {
	key := m.registrations[m.find(from)].key
	nexuses := m.throughPorts(from, all)
	gone := m.remove(func(r registration) bool {
		return !r.stale && (m.same(r.nexus, from) || r.key == key && slices.Contains(nexuses, r.nexus))
	})
	held := slices.ContainsFunc(gone, func(r registration) bool { return r.holder })
	was := m.reserved
	switch {
	case held:
		m.release()
		m.attendRelease(from, was)
	case m.reserved.AllRegistrants() && len(m.registrations) == 0:
		m.release()
	}
	if !m.quirks().NoUnregGenBump {
		m.generation++
	}
	if m.quirks().DoubleGenBump && was != m.reserved {
		m.generation++
	}
}
