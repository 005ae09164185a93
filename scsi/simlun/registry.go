package simlun

import (
	"slices"

	"lunguard/scsi"
)

// find returns the index of the nexus's registration, or -1.
func (m *Machine) find(n NexusID) int {
	for i := range m.registrations {
		if r := &m.registrations[i]; !r.stale && m.same(r.nexus, n) {
			return i
		}
	}
	return -1
}

// same reports whether a registration of nexus a counts for nexus b.
func (m *Machine) same(a, b NexusID) bool {
	return a == b || m.quirks().AllTgPtImplicit && sameInitiator(a.port, b.port)
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

// holder returns the index of the one holder's registration, or -1 if there
// is none or all registrants are.
func (m *Machine) holder() int {
	return slices.IndexFunc(m.registrations, func(r registration) bool { return r.holder })
}

// holds reports whether the registration at index at holds the reservation.
func (m *Machine) holds(at int) bool {
	return m.reserved != 0 && at >= 0 && (m.reserved.AllRegistrants() || m.registrations[at].holder)
}

// blocked reports whether LIO would not know the nexus because another port
// of the same iSCSI name holds the reservation (Quirks.SameIQNBlocked).
func (m *Machine) blocked(n NexusID) bool {
	at := m.holder()
	if !m.quirks().SameIQNBlocked || at < 0 || m.registrations[at].nexus.port == n.port {
		return false
	}
	return sameInitiator(m.registrations[at].nexus.port, n.port)
}

// registered returns the index of the registration by whose rights the nexus
// acts, or -1.
func (m *Machine) registered(n NexusID) int {
	if m.blocked(n) {
		return -1
	}
	return m.find(n)
}

// put registers the nexus with the key, or changes its key. Changing a key
// disturbs no reservation. SPC-4 5.13.7.
func (m *Machine) put(n NexusID, key scsi.Key, allTgtPort bool) {
	allTgtPort = allTgtPort || m.quirks().AllTgPtImplicit
	if at := m.find(n); at >= 0 {
		m.registrations[at].key, m.registrations[at].allTgtPort = key, allTgtPort
		return
	}
	m.session(n)
	m.registrations = append(m.registrations, registration{nexus: n, key: key, allTgtPort: allTgtPort})
}

// remove takes the registrations away for which drop says so and returns
// them. It does not look at the reservation.
func (m *Machine) remove(drop func(registration) bool) []registration {
	var gone []registration
	m.registrations = slices.DeleteFunc(m.registrations, func(r registration) bool {
		if drop(r) {
			gone = append(gone, r)
			return true
		}
		return false
	})
	return gone
}

// attendOthers makes a unit attention pending for every registrant but one.
func (m *Machine) attendOthers(but NexusID, asc scsi.ASC) {
	for _, r := range m.registrations {
		if !r.stale && !m.same(r.nexus, but) {
			m.attend(r.nexus, asc)
		}
	}
}

// release ends the reservation.
func (m *Machine) release() {
	m.reserved = 0
	for i := range m.registrations {
		m.registrations[i].holder = false
	}
}

// hold makes the registration of the nexus the holder of a reservation.
func (m *Machine) hold(n NexusID, t scsi.Type) {
	m.release()
	m.reserved = t
	if at := m.find(n); at >= 0 && !t.AllRegistrants() {
		m.registrations[at].holder = true
	}
}

// attendRelease tells the other registrants that a reservation of type t was
// released: only for the types by which they had rights. SPC-4 5.13.11.2.2.
func (m *Machine) attendRelease(from NexusID, t scsi.Type) {
	shared := t.RegistrantsOnly() || t.AllRegistrants()
	if !m.quirks().UAInverted {
		if shared {
			m.attendOthers(from, scsi.ReservationsReleased)
		}
		return
	}
	if shared {
		return
	}
	// tgtd: for each registrant, everybody but that registrant.
	for _, r := range slices.Clone(m.registrations) {
		for _, s := range slices.Clone(m.sessions) {
			if s.loggedIn && s.nexus != r.nexus {
				m.attend(s.nexus, scsi.ReservationsReleased)
			}
		}
	}
}

// full reports whether n more registrations are too many.
func (m *Machine) full(n int) bool {
	limit := m.quirks().MaxRegs
	return limit > 0 && len(m.registrations)+n > limit
}
