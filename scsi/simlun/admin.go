package simlun

import (
	"errors"
	"slices"

	"lunguard/scsi"
)

// change runs f on the unit at path.
func change(path string, f func(*Machine)) error {
	s, err := openStore(path)
	if err != nil {
		return err
	}
	return errors.Join(s.step(func(m *Machine) { m.during(Clock{}, f) }), s.close())
}

// PowerCycle switches the unit at path off and on: [Machine.PowerCycle].
func PowerCycle(path string) error { return change(path, (*Machine).PowerCycle) }

// ResetLU resets the unit at path: [Machine.ResetLU].
func ResetLU(path string) error { return change(path, (*Machine).ResetLU) }

// Logout ends a nexus of the unit at path: [Machine.NexusLoss].
func Logout(path string, n NexusID) error {
	return change(path, func(m *Machine) { m.NexusLoss(n) })
}

// FailPath cuts a nexus of the unit at path, or mends it. Commands of a cut
// one come back with DID_NO_CONNECT and do not reach the unit.
func FailPath(path string, n NexusID, failed bool) error {
	return change(path, func(m *Machine) { m.FailPath(n, failed) })
}

// Load makes a unit in memory of the one at path, as that is now, without its medium.
// Nothing that is done to it is done to the other.
func Load(path string) (*LUN, error) {
	var l *LUN
	err := change(path, func(m *Machine) {
		c := m.Clone()
		c.medium = newMemoryMedium(c.Cfg.BlockSize)
		l = &LUN{machine: c}
	})
	return l, err
}

// SetFaults replaces the fault plan of the unit at path.
func SetFaults(path string, p Plan) error {
	return change(path, func(m *Machine) { m.SetPlan(p) })
}

// SetQuirks changes how the unit at path errs.
func SetQuirks(path string, q Quirks) error {
	return change(path, func(m *Machine) { m.SetQuirks(q) })
}

// SetWWID gives the unit at path another name. The error is ErrBadConfig, or why its
// files could not be changed.
func SetWWID(path, wwid string) error {
	var bad error
	err := change(path, func(m *Machine) {
		c := m.Config()
		c.WWID = wwid
		if _, bad = c.NAA(); bad == nil {
			m.Cfg = &c
		}
	})
	return errors.Join(bad, err)
}

// Description is the state of a unit, for showing it.
type Description struct {
	Config        Config               `json:"config"`
	Generation    uint32               `json:"generation"`
	APTPL         bool                 `json:"aptpl"`
	Registrations []RegistrationStatus `json:"registrations"`
	// Type of the reservation, 0 without one.
	Type scsi.Type `json:"type"`
	// Legacy is the owner of a RESERVE(6).
	Legacy  NexusID       `json:"legacy,omitzero"`
	Nexuses []NexusStatus `json:"nexuses"`
	Faults  []RuleStatus  `json:"faults,omitempty"`
}

// RegistrationStatus is one registration.
type RegistrationStatus struct {
	Nexus      NexusID  `json:"nexus"`
	Key        scsi.Key `json:"key"`
	AllTgtPort bool     `json:"allTgtPort,omitempty"`
	Holder     bool     `json:"holder,omitempty"`
	// Stale: no nexus has it any more.
	Stale bool `json:"stale,omitempty"`
}

// NexusStatus is what the unit knows of one nexus.
type NexusStatus struct {
	Nexus    NexusID `json:"nexus"`
	LoggedIn bool    `json:"loggedIn"`
	// Failed: the path is cut.
	Failed bool `json:"failed,omitempty"`
	// Attentions are the pending unit attentions, oldest first.
	Attentions []scsi.ASC `json:"attentions,omitempty"`
	// InFlight counts the commands that wait to be performed.
	InFlight int `json:"inFlight,omitempty"`
}

// RuleStatus is one rule of the plan and how many commands it counted.
type RuleStatus struct {
	Rule string `json:"rule"`
	Hits int    `json:"hits"`
}

// Describe shows the unit at path.
func Describe(path string) (Description, error) {
	var d Description
	err := change(path, func(m *Machine) { d = m.Describe() })
	return d, err
}

// Describe shows the state of the unit.
func (m *Machine) Describe() Description {
	d := Description{Config: m.Config(), Generation: m.Generation, APTPL: m.APTPL, Type: m.Reserved, Legacy: m.legacy}
	for _, r := range m.Registrations {
		d.Registrations = append(d.Registrations, RegistrationStatus{
			Nexus: r.Nexus, Key: r.Key, AllTgtPort: r.AllTgtPort, Stale: r.Stale,
			Holder: r.Holder || m.Reserved.AllRegistrants(),
		})
	}
	for _, s := range m.Sessions {
		n := NexusStatus{Nexus: s.Nexus, LoggedIn: s.LoggedIn, Failed: s.Failed, Attentions: slices.Clone(s.Attentions)}
		for _, t := range m.tasks {
			if t.nexus == s.Nexus {
				n.InFlight++
			}
		}
		d.Nexuses = append(d.Nexuses, n)
	}
	for i, r := range m.faults.Plan {
		d.Faults = append(d.Faults, RuleStatus{Rule: r.String(), Hits: m.faults.Hits[i]})
	}
	return d
}
