package registry

import (
	"slices"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// Nexuses are those that a unit knows, and what it has to tell them.
type Nexuses struct {
	model.Model
	Sessions []Session // sorted by nexus
}

// Session is what the unit keeps for one I_T nexus, registered or not.
type Session struct {
	Nexus model.NexusID
	// LoggedIn says that the nexus is there; the others were only named by a
	// parameter list.
	LoggedIn bool
	// Failed says that the path to the unit is cut.
	Failed bool
	// Attentions are the pending unit attentions, oldest first. The slice is
	// shared by clones and never changed in place.
	Attentions []scsi.ASC
}

// Session returns what is kept for the nexus, and makes it if need be. The
// pointer is good until the next call.
func (m *Nexuses) Session(n model.NexusID) *Session {
	at, found := slices.BinarySearchFunc(m.Sessions, n, func(s Session, n model.NexusID) int { return s.Nexus.Compare(n) })
	if !found {
		m.Sessions = slices.Insert(m.Sessions, at, Session{Nexus: n})
	}
	return &m.Sessions[at]
}

// Attend makes a unit attention pending for the nexus, once.
func (m *Nexuses) Attend(n model.NexusID, asc scsi.ASC) {
	s := m.Session(n)
	if !slices.Contains(s.Attentions, asc) {
		s.Attentions = append(slices.Clip(s.Attentions), asc)
	}
}

// TakeAttention removes the oldest unit attention of the nexus; 0 for none.
func (m *Nexuses) TakeAttention(n model.NexusID) scsi.ASC {
	s := m.Session(n)
	if len(s.Attentions) == 0 {
		return 0
	}
	asc := s.Attentions[0]
	if s.Attentions = s.Attentions[1:]; len(s.Attentions) == 0 {
		s.Attentions = nil
	}
	return asc
}

// portsOf lists the initiator ports of a TransportID: itself, or for an iSCSI
// device name (format 00b) each of its ports that logged in.
func (m *Nexuses) portsOf(id scsi.TransportID) []scsi.TransportID {
	id = id.Canonical()
	name, isid, ok := id.ISCSIName()
	if !ok || isid != "" {
		return []scsi.TransportID{id}
	}
	var ports []scsi.TransportID
	for _, s := range m.Sessions {
		if got, _, ok := s.Nexus.Port().ISCSIName(); ok && got == name && s.LoggedIn && !slices.Contains(ports, s.Nexus.Port()) {
			ports = append(ports, s.Nexus.Port())
		}
	}
	return ports
}

func (m *Nexuses) portLoggedIn(port scsi.TransportID) bool {
	return slices.ContainsFunc(m.Sessions, func(s Session) bool { return s.LoggedIn && s.Nexus.Port() == port })
}
