package registry

import (
	"slices"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// register is REGISTER and REGISTER AND IGNORE EXISTING KEY. SPC-4 5.13.7,
// tables 67 to 69.
func (m *Commands) register(from model.NexusID, req *scsi.Request, out *scsi.PROut) scsi.Reply {
	at := m.Find(from)
	ignore := out.Action == scsi.OutRegisterAndIgnoreExistingKey
	var have scsi.Key
	if at >= 0 {
		have = m.Registrations[at].Key
	}
	switch {
	case !ignore && out.Key != have:
		return m.Conflict(req)
	case at < 0 && out.ActionKey == 0:
		return m.Status(req, scsi.Good)
	case at >= 0 && out.TransportIDs != nil:
		return m.Illegal(req, scsi.InvalidFieldInParameterList)
	case out.ActionKey == 0:
		m.unregister(from, out.AllTgtPort)
	default:
		if reply, ok := m.enroll(from, req, out); !ok {
			return reply
		}
		m.Generation++
	}
	m.APTPL = out.APTPL
	return m.Status(req, scsi.Good)
}

// enroll registers the nexus and all that the parameter list names, or
// nothing.
func (m *Commands) enroll(from model.NexusID, req *scsi.Request, out *scsi.PROut) (scsi.Reply, bool) {
	targets := m.throughPorts(from, out.AllTgtPort)
	for _, id := range out.TransportIDs {
		nexuses, ok := m.named(from, id, out.AllTgtPort)
		if !ok {
			return m.Illegal(req, scsi.InvalidFieldInParameterList), false
		}
		for _, n := range nexuses {
			// Whoever is named must not be registered, nor named twice.
			if m.Find(n) >= 0 || slices.Contains(targets, n) {
				return m.Illegal(req, scsi.InvalidFieldInParameterList), false
			}
		}
		targets = append(targets, nexuses...)
	}
	added := 0
	for _, n := range targets {
		at := m.Find(n)
		switch {
		case at < 0:
			added++
		case out.Action == scsi.OutRegister && m.Registrations[at].Key != out.Key:
			// ALL_TG_PT, and through another target port this initiator port
			// is registered with another key: there it would be a conflict.
			return m.Conflict(req), false
		}
	}
	if m.full(added) {
		return m.Illegal(req, scsi.InsufficientRegistrations), false
	}
	for _, n := range targets {
		m.put(n, out.ActionKey, out.AllTgtPort)
	}
	return scsi.Reply{}, true
}

// throughPorts lists the nexuses of from's initiator port that a registration
// is for: from alone, or through all target ports.
func (m *Commands) throughPorts(from model.NexusID, all bool) []model.NexusID {
	list := []model.NexusID{from}
	if !all || m.Quirks().AllTgPtImplicit {
		return list
	}
	for _, port := range m.Cfg.TargetPorts {
		if port != from.RelativePort() {
			list = append(list, from.Through(port))
		}
	}
	return list
}

// named lists the nexuses that a TransportID of a SPEC_I_PT list means: the
// port, through the target port that the command came in by. ok is false if
// it can mean none.
func (m *Commands) named(from model.NexusID, id scsi.TransportID, all bool) (nexuses []model.NexusID, ok bool) {
	for _, port := range m.portsOf(id) {
		n := model.MakeNexus(port, from.RelativePort())
		if m.Quirks().SpecIPTKnownOnly && !m.portLoggedIn(port) {
			continue
		}
		nexuses = append(nexuses, m.throughPorts(n, all)...)
	}
	return nexuses, len(nexuses) > 0 || m.Quirks().SpecIPTKnownOnly
}

// unregister removes the nexus, with all also through the other target ports
// where it has the same key. If it held the reservation alone that ends with
// it, and so does one of an all-registrants type with the last registrant.
// SPC-4 5.13.11.2.3.
func (m *Commands) unregister(from model.NexusID, all bool) {
	key := m.Registrations[m.Find(from)].Key
	nexuses := m.throughPorts(from, all)
	gone := m.remove(func(r Registration) bool {
		return !r.Stale && (m.same(r.Nexus, from) || r.Key == key && slices.Contains(nexuses, r.Nexus))
	})
	held := slices.ContainsFunc(gone, func(r Registration) bool { return r.Holder })
	was := m.Reserved
	switch {
	case held:
		m.release()
		m.attendRelease(from, was)
	case m.Reserved.AllRegistrants() && len(m.Registrations) == 0:
		m.release()
	}
	if !m.Quirks().NoUnregGenBump {
		m.Generation++
	}
	if m.Quirks().DoubleGenBump && was != m.Reserved {
		m.Generation++
	}
}
