// Package registry is the persistent reservations of a simulated unit: SPC-4 5.13 to the
// letter, but for the quirks of its model. A [Registry] has the registrations and the
// reservation, and tells them (PERSISTENT RESERVE IN); [Commands] change it (PERSISTENT
// RESERVE OUT); [Nexuses] have the unit attentions. It knows no other command.
package registry

import (
	"slices"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// Registry is what a unit keeps of persistent reservations: SPC-4 5.13. It is not safe
// for concurrent use.
type Registry struct {
	Nexuses
	Registrations []Registration
	// Reserved is the type of the reservation, 0 without one. The scope is
	// always LU_SCOPE. Who holds it stands in registrations: a holder is
	// always registered.
	Reserved   scsi.Type
	Generation uint32
	APTPL      bool
	// Listings counts what Quirks.ShuffledList has shuffled.
	Listings uint64
}

// Registration is one registered I_T nexus.
type Registration struct {
	Nexus model.NexusID
	Key   scsi.Key
	// AllTgtPort remembers that it was made with ALL_TG_PT.
	AllTgtPort bool
	// Holder marks the one holder of a reservation that is not of an
	// all-registrants type.
	Holder bool
	// Stale marks a registration that no nexus has any more
	// (Quirks.NexusLostOnRelogin).
	Stale bool
}

// Find returns the index of the nexus's registration, or -1.
func (m *Registry) Find(n model.NexusID) int {
	for i := range m.Registrations {
		if r := &m.Registrations[i]; !r.Stale && m.same(r.Nexus, n) {
			return i
		}
	}
	return -1
}

// same reports whether a registration of nexus a counts for nexus b.
func (m *Registry) same(a, b model.NexusID) bool {
	return a == b || m.Quirks().AllTgPtImplicit && sameInitiator(a.Port(), b.Port())
}

// sameInitiator reports whether two ports belong to one host, as far as their
// names tell.
func sameInitiator(a, b scsi.TransportID) bool {
	if a == b {
		return true
	}
	nameA, _, okA := a.ISCSIName()
	nameB, _, okB := b.ISCSIName()
	return okA && okB && nameA == nameB
}

// Holder returns the index of the one holder's registration, or -1 if there
// is none or all registrants are.
func (m *Registry) Holder() int {
	return slices.IndexFunc(m.Registrations, func(r Registration) bool { return r.Holder })
}

// holds reports whether the registration at index at holds the reservation.
func (m *Registry) holds(at int) bool {
	return m.Reserved != 0 && at >= 0 && (m.Reserved.AllRegistrants() || m.Registrations[at].Holder)
}

// blocked reports whether LIO would not know the nexus because another port
// of the same iSCSI name holds the reservation (Quirks.SameIQNBlocked).
func (m *Registry) blocked(n model.NexusID) bool {
	at := m.Holder()
	if !m.Quirks().SameIQNBlocked || at < 0 || m.Registrations[at].Nexus.Port() == n.Port() {
		return false
	}
	return sameInitiator(m.Registrations[at].Nexus.Port(), n.Port())
}

// registered returns the index of the registration by whose rights the nexus
// acts, or -1.
func (m *Registry) registered(n model.NexusID) int {
	if m.blocked(n) {
		return -1
	}
	return m.Find(n)
}

// put registers the nexus with the key, or changes its key. Changing a key
// disturbs no reservation. SPC-4 5.13.7.
func (m *Registry) put(n model.NexusID, key scsi.Key, allTgtPort bool) {
	allTgtPort = allTgtPort || m.Quirks().AllTgPtImplicit
	if at := m.Find(n); at >= 0 {
		m.Registrations[at].Key, m.Registrations[at].AllTgtPort = key, allTgtPort
		return
	}
	m.Session(n)
	m.Registrations = append(m.Registrations, Registration{Nexus: n, Key: key, AllTgtPort: allTgtPort})
}

// remove takes the registrations away for which drop says so and returns
// them. It does not look at the reservation.
func (m *Registry) remove(drop func(Registration) bool) []Registration {
	var gone []Registration
	m.Registrations = slices.DeleteFunc(m.Registrations, func(r Registration) bool {
		if drop(r) {
			gone = append(gone, r)
			return true
		}
		return false
	})
	return gone
}

// attendOthers makes a unit attention pending for every registrant but one.
func (m *Registry) attendOthers(but model.NexusID, asc scsi.ASC) {
	for _, r := range m.Registrations {
		if !r.Stale && !m.same(r.Nexus, but) {
			m.Attend(r.Nexus, asc)
		}
	}
}

// release ends the reservation.
func (m *Registry) release() {
	m.Reserved = 0
	for i := range m.Registrations {
		m.Registrations[i].Holder = false
	}
}

// hold makes the registration of the nexus the holder of a reservation.
func (m *Registry) hold(n model.NexusID, t scsi.Type) {
	m.release()
	m.Reserved = t
	if at := m.Find(n); at >= 0 && !t.AllRegistrants() {
		m.Registrations[at].Holder = true
	}
}

// attendRelease tells the other registrants that a reservation of type t was
// released: only for the types by which they had rights. SPC-4 5.13.11.2.2.
func (m *Registry) attendRelease(from model.NexusID, t scsi.Type) {
	shared := t.RegistrantsOnly() || t.AllRegistrants()
	if !m.Quirks().UAInverted {
		if shared {
			m.attendOthers(from, scsi.ReservationsReleased)
		}
		return
	}
	if shared {
		return
	}
	// tgtd: for each registrant, everybody but that registrant.
	for _, r := range slices.Clone(m.Registrations) {
		for _, s := range slices.Clone(m.Sessions) {
			if s.LoggedIn && s.Nexus != r.Nexus {
				m.Attend(s.Nexus, scsi.ReservationsReleased)
			}
		}
	}
}

// full reports whether n more registrations are too many.
func (m *Registry) full(n int) bool {
	limit := m.Quirks().MaxRegs
	return limit > 0 && len(m.Registrations)+n > limit
}

// Exact returns the index of the registration made by this very nexus.
func (m *Registry) Exact(n model.NexusID) int {
	for i := range m.Registrations {
		if r := &m.Registrations[i]; !r.Stale && r.Nexus == n {
			return i
		}
	}
	return -1
}

// Allows reports whether the reservation lets a command of the nexus pass that reads
// or writes the medium. Under Write Exclusive and Exclusive Access a registration
// gives no right at all; under the other types every registrant has the holder's.
// SPC-4 5.13.1 and table 65.
func (m *Registry) Allows(from model.NexusID, writes bool) bool {
	switch {
	case m.Reserved == 0, m.Quirks().LooseFencing:
		return true
	case !writes && !m.Reserved.Exclusive():
		return true
	}
	at := m.registered(from)
	if at < 0 {
		return false
	}
	return m.Registrations[at].Holder || m.Reserved.RegistrantsOnly() || m.Reserved.AllRegistrants()
}
