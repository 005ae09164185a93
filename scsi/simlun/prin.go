package simlun

import (
	"encoding/binary"
	"slices"

	"lunguard/scsi"
)

// prIn is PERSISTENT RESERVE IN. SPC-4 6.15.
func (m *Machine) prIn(req *scsi.Request) scsi.Reply {
	q := m.quirks()
	alloc := int(binary.BigEndian.Uint16(req.CDB[7:]))
	action := scsi.InAction(req.CDB[1] & 0x1f)
	switch {
	case q.MinAlloc8 && alloc < 8,
		action == scsi.InReportCapabilities && q.NoCapabilities,
		action == scsi.InReadFullStatus && q.NoFullStatus:
		return m.illegal(req, scsi.InvalidFieldInCDB)
	}
	var data []byte
	var err error
	switch action {
	case scsi.InReadKeys:
		data, err = (&scsi.ReadKeysResponse{Generation: m.generation, Keys: keysOf(m.listed())}).MarshalBinary()
	case scsi.InReadReservation:
		data, err = (&scsi.ReadReservationResponse{Generation: m.generation, Reservation: m.reservation()}).MarshalBinary()
	case scsi.InReportCapabilities:
		data, err = m.capabilities()
	case scsi.InReadFullStatus:
		data, err = m.fullStatus(alloc)
	default:
		return m.illegal(req, scsi.InvalidFieldInCDB)
	}
	if err != nil {
		return m.check(req, scsi.HardwareError, 0x4400)
	}
	return m.dataIn(req, alloc, data)
}

// keys lists one key a registered nexus, in order of registration.
func (m *Machine) keys() []scsi.Key { return keysOf(m.registrations) }

func keysOf(registrations []registration) []scsi.Key {
	keys := make([]scsi.Key, len(registrations))
	for i, r := range registrations {
		keys[i] = r.key
	}
	return keys
}

// listed are the registrations in the order in which the device tells them now.
func (m *Machine) listed() []registration {
	list := m.ordered()
	if m.quirks().ShuffledList && len(list) > 1 {
		m.listings++
	}
	return list
}

// ordered is listed, but does not count as a listing.
func (m *Machine) ordered() []registration {
	if !m.quirks().NewestFirst && !m.quirks().ShuffledList {
		return m.registrations
	}
	list := slices.Clone(m.registrations)
	if m.quirks().NewestFirst {
		slices.Reverse(list)
	}
	if !m.quirks().ShuffledList {
		return list
	}
	// The listings count through all orders, so that no two in a row are alike:
	// the last digit says who of n comes first, the next who of the rest.
	rest := m.listings
	for i := range list {
		n := uint64(len(list) - i)
		at := i + int(rest%n)
		rest /= n
		first := list[at]
		copy(list[i+1:at+1], list[i:at])
		list[i] = first
	}
	return list
}

// reservation is what READ RESERVATION tells; the key is 0 for the
// all-registrants types. SPC-4 6.15.3.2.
func (m *Machine) reservation() *scsi.Reservation {
	if m.reserved == 0 {
		return nil
	}
	r := &scsi.Reservation{Type: m.reserved}
	if at := m.holder(); at >= 0 {
		r.Key = m.registrations[at].key
	}
	return r
}

// descriptors are those of READ FULL STATUS, one a nexus. Where an initiator
// port was registered through all target ports at once and still is, one
// descriptor stands for all of them. SPC-4 6.15.5.
func (m *Machine) descriptors(registrations []registration) []scsi.FullStatus {
	var list []scsi.FullStatus
	var folded []scsi.TransportID
	for _, r := range registrations {
		if slices.Contains(folded, r.nexus.port) && !r.stale {
			continue
		}
		d := scsi.FullStatus{
			Key: r.key, RelativePort: r.nexus.relative, TransportID: r.nexus.port,
			Holder: r.holder || m.reserved.AllRegistrants(),
		}
		if m.folds(r) {
			folded = append(folded, r.nexus.port)
			d.AllTgtPort, d.RelativePort = true, 0
			d.Holder = d.Holder || m.portHolds(r.nexus.port)
		}
		if d.Holder {
			d.Type = m.reserved
		}
		list = append(list, d)
	}
	return list
}

// folds reports whether r's initiator port has the same ALL_TG_PT
// registration through every target port.
func (m *Machine) folds(r registration) bool {
	if !r.allTgtPort || r.stale {
		return false
	}
	if m.quirks().AllTgPtImplicit {
		return true
	}
	for _, port := range m.cfg.TargetPorts {
		at := m.find(r.nexus.through(port))
		if at < 0 || !m.registrations[at].allTgtPort || m.registrations[at].key != r.key {
			return false
		}
	}
	return true
}

// portHolds reports whether any nexus of the initiator port is the holder.
func (m *Machine) portHolds(port scsi.TransportID) bool {
	at := m.holder()
	return at >= 0 && !m.registrations[at].stale && m.registrations[at].nexus.port == port
}

func (m *Machine) fullStatus(alloc int) ([]byte, error) {
	list := m.descriptors(m.listed())
	if m.quirks().ShortFullStatus {
		return m.shortFullStatus(list, alloc)
	}
	data, err := (&scsi.ReadFullStatusResponse{Generation: m.generation, Descriptors: list}).MarshalBinary()
	if err == nil && m.quirks().BadFullStatusLength {
		binary.BigEndian.PutUint32(data[4:], uint32(len(data)-8+64))
	}
	return data, err
}

// shortFullStatus does as LIO does: a descriptor is left out if its
// TransportID alone would not fit behind what is there, and ADDITIONAL LENGTH
// counts only those that are in, even what was cut off.
func (m *Machine) shortFullStatus(list []scsi.FullStatus, alloc int) ([]byte, error) {
	length := 0
	for i, d := range list {
		id := len(d.TransportID.Bytes())
		if length+id > alloc || alloc <= 8 {
			list = list[:i]
			break
		}
		length += 24 + id
	}
	return (&scsi.ReadFullStatusResponse{Generation: m.generation, Descriptors: list}).MarshalBinary()
}

// Capabilities is what REPORT CAPABILITIES tells. SPC-4 6.15.4.
func (m *Machine) Capabilities() scsi.Capabilities {
	q := m.quirks()
	c := scsi.Capabilities{
		CompatibleHandle: !q.Reserve6Unsupported, SpecIPT: !q.NoSpecIPT, AllTargetPorts: !q.NoAllTgPt,
		PersistCapable: !q.NoAPTPL, PersistActive: m.aptpl, TypesValid: true,
		// 100b: what table 65 of SPC-4 lets pass does pass.
		AllowCommands: 4,
	}
	for _, t := range allTypes() {
		if q.supports(t) {
			c.Types.Set(t)
		}
	}
	return c
}

func (m *Machine) capabilities() ([]byte, error) {
	if m.quirks().BadCapabilities {
		return make([]byte, 8), nil
	}
	c := m.Capabilities()
	return c.MarshalBinary()
}

// State returns registrations and reservation, as ReadState would read them next.
func (m *Machine) State() *scsi.State {
	s := &scsi.State{Generation: m.generation, Identified: true, Reservation: m.reservation().Common()}
	for _, d := range m.descriptors(m.ordered()) {
		s.Registrations = append(s.Registrations, d.Registration())
	}
	return s
}
