package simlun

import (
	"errors"
	"fmt"

	"lunguard/pr"
	"lunguard/scsi"
)

// ErrBadState says that no unit can be in a state.
var ErrBadState = errors.New("impossible state of a logical unit")

// SeedFrom makes a unit in memory that has the registrations and the
// reservation of a real one, for a rehearsal of what would be done to it.
// Registrations that carry no TransportID get ports of their own, made up;
// [Machine.NexusesWith] finds them. caps may be nil: then the rehearsal can
// do all that the standard has. Errors: ErrBadConfig, ErrBadState.
func SeedFrom(cfg Config, state *scsi.State, caps *scsi.Capabilities) (*LUN, error) {
	cfg.Quirks = quirksOf(cfg.Quirks, caps)
	l, err := NewMemory(cfg)
	if err != nil {
		return nil, err
	}
	m := l.machine
	m.generation = state.Generation
	m.aptpl = caps != nil && caps.PersistActive
	for i, r := range state.Registrations {
		if r.Key == 0 {
			return nil, fmt.Errorf("%w: a registration with key 0", ErrBadState)
		}
		m.seed(i, r)
	}
	if r := state.Reservation; r != nil {
		if err := m.seedReservation(state, r); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// quirksOf takes away what the device says it cannot do.
func quirksOf(q Quirks, caps *scsi.Capabilities) Quirks {
	if caps == nil {
		return q
	}
	q.NoAPTPL = q.NoAPTPL || !caps.PersistCapable
	q.NoAllTgPt = q.NoAllTgPt || !caps.AllTargetPorts
	q.NoSpecIPT = q.NoSpecIPT || !caps.SpecIPT
	q.Reserve6Unsupported = q.Reserve6Unsupported || !caps.CompatibleHandle
	if caps.TypesValid && caps.Types != 0 {
		q.OnlyTypes = caps.Types
	}
	return q
}

// seed takes over registration number i.
func (m *Machine) seed(i int, r scsi.Registration) {
	port := scsi.PortOf(r.Initiator)
	if port.IsZero() {
		// A locally assigned NAA 3h name: no real port has it.
		port = scsi.SASTransportID(0x3000_0000_0000_0000 + uint64(i) + 1)
	}
	n := MakeNexus(port, max(r.RelativePort, 1))
	nexuses := []NexusID{n}
	if r.AllPorts {
		n = n.through(m.cfg.TargetPorts[0])
		nexuses = m.throughPorts(n, true)
	}
	for _, n := range nexuses {
		m.Login(n)
		if m.exact(n) < 0 {
			m.registrations = append(m.registrations, registration{nexus: n, key: r.Key, allTgtPort: r.AllPorts})
		}
	}
}

// seedReservation finds the holder: the descriptor that says so, or the first
// one with the key that READ RESERVATION told.
func (m *Machine) seedReservation(state *scsi.State, r *pr.Reservation) error {
	if !r.Type.Valid() {
		return fmt.Errorf("%w: reservation of %s", ErrBadState, r.Type)
	}
	if len(m.registrations) == 0 {
		return fmt.Errorf("%w: a reservation without registrations", ErrBadState)
	}
	m.reserved = r.Type
	if r.Type.AllRegistrants() {
		return nil
	}
	for _, d := range state.Registrations {
		port := scsi.PortOf(d.Initiator)
		if !d.Holder || port.IsZero() {
			continue
		}
		for i, have := range m.registrations {
			if have.nexus.port == port.Canonical() && (d.AllPorts || have.nexus.relative == max(d.RelativePort, 1)) {
				m.registrations[i].holder = true
				return nil
			}
		}
	}
	for i := range m.registrations {
		if m.registrations[i].key == r.Key {
			m.registrations[i].holder = true
			return nil
		}
	}
	return fmt.Errorf("%w: nobody is registered with the holder's key %s", ErrBadState, r.Key)
}

// NexusesWith lists the nexuses that are registered with the key.
func (m *Machine) NexusesWith(key scsi.Key) []NexusID {
	var list []NexusID
	for _, r := range m.registrations {
		if r.key == key && !r.stale {
			list = append(list, r.nexus)
		}
	}
	return list
}
