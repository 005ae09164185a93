package simlun

import (
	"slices"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// nexusLossOccurred is 29/07.
const nexusLossOccurred scsi.ASC = 0x2907

// Login makes the nexus known to the unit. It changes nothing if the nexus is
// there already. Execute does it by itself.
func (m *Machine) Login(n NexusID) {
	s := m.Session(n)
	if s.LoggedIn {
		return
	}
	s.LoggedIn = true
	if !slices.Contains(m.Cfg.TargetPorts, n.RelativePort()) {
		c := m.Config()
		c.TargetPorts = model.WithPort(c.TargetPorts, n.RelativePort())
		m.Cfg = &c
	}
	if asc := m.Quirks().FirstCmdUA; asc != 0 {
		m.Attend(n, asc)
	}
}

// NexusLoss ends the nexus: logout, cable, host gone. Registration and
// reservation stay (SPC-4 5.13.5); its RESERVE(6) and its tasks do not. When
// it comes back it finds a unit attention 29/07.
func (m *Machine) NexusLoss(n NexusID) {
	s := m.Session(n)
	if !s.LoggedIn {
		return
	}
	s.LoggedIn, s.Attentions = false, nil
	m.Attend(n, nexusLossOccurred)
	if m.legacy == n {
		m.legacy = NexusID{}
	}
	m.tasks.drop(func(t task) bool { return t.nexus == n })
	if at := m.Find(n); at >= 0 && m.Quirks().NexusLostOnRelogin {
		m.Registrations[at].Stale = true
	}
}

// ResetLU is a LOGICAL UNIT RESET: tasks and RESERVE(6) go, persistent
// reservations stay, every nexus gets a unit attention 29/03, the one that asked
// for it as well. SAM-5 6.3.3.
func (m *Machine) ResetLU() {
	m.legacy = NexusID{}
	m.tasks.abort(func(NexusID) bool { return true })
	for i := range m.Sessions {
		if m.Sessions[i].LoggedIn {
			m.Attend(m.Sessions[i].Nexus, scsi.BusDeviceReset)
		}
	}
}

// PowerCycle switches the unit off and on. Registrations and reservation
// survive it only if the last registration asked for that (APTPL), and
// PRGENERATION never does. SPC-4 5.13.5, 6.15.2.
func (m *Machine) PowerCycle() {
	m.legacy = NexusID{}
	m.tasks = nil
	m.Generation = 0
	m.busy = m.Quirks().Busy
	if !m.APTPL {
		m.Registrations, m.Reserved = nil, 0
	}
	for i := range m.Sessions {
		s := &m.Sessions[i]
		s.Attentions = nil
		if s.LoggedIn {
			s.Attentions = []scsi.ASC{scsi.PowerOnOrReset}
		}
	}
}

// FailPath cuts the path of a nexus or mends it. A cut path is a matter of
// the transport: see [LUN.Nexus].
func (m *Machine) FailPath(n NexusID, failed bool) { m.Session(n).Failed = failed }
