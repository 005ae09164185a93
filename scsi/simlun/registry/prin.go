package registry

import (
	"encoding/binary"
	"slices"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// In is PERSISTENT RESERVE IN. SPC-4 6.15.
func (m *Registry) In(req *scsi.Request) scsi.Reply {
	q := m.Quirks()
	alloc := int(binary.BigEndian.Uint16(req.CDB[7:]))
	action := scsi.InAction(req.CDB[1] & 0x1f)
	switch {
	case q.MinAlloc8 && alloc < 8,
		action == scsi.InReportCapabilities && q.NoCapabilities,
		action == scsi.InReadFullStatus && q.NoFullStatus:
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	}
	var data []byte
	var err error
	switch action {
	case scsi.InReadKeys:
		data, err = (&scsi.ReadKeysResponse{Generation: m.Generation, Keys: KeysOf(m.listed())}).MarshalBinary()
	case scsi.InReadReservation:
		data, err = (&scsi.ReadReservationResponse{Generation: m.Generation, Reservation: m.reservation()}).MarshalBinary()
	case scsi.InReportCapabilities:
		data, err = m.capabilities()
	case scsi.InReadFullStatus:
		data, err = m.fullStatus(alloc)
	default:
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	}
	if err != nil {
		return m.Check(req, scsi.HardwareError, 0x4400)
	}
	return m.DataIn(req, alloc, data)
}

// Keys lists one key a registered nexus, in order of registration.
func (m *Registry) Keys() []scsi.Key { return KeysOf(m.Registrations) }

func KeysOf(registrations []Registration) []scsi.Key {
	keys := make([]scsi.Key, len(registrations))
	for i, r := range registrations {
		keys[i] = r.Key
	}
	return keys
}

// listed are the registrations in the order in which the device tells them now.
func (m *Registry) listed() []Registration {
	list := m.Ordered()
	if m.Quirks().ShuffledList && len(list) > 1 {
		m.Listings++
	}
	return list
}

// Ordered is listed, but does not count as a listing.
func (m *Registry) Ordered() []Registration {
	if !m.Quirks().NewestFirst && !m.Quirks().ShuffledList {
		return m.Registrations
	}
	list := slices.Clone(m.Registrations)
	if m.Quirks().NewestFirst {
		slices.Reverse(list)
	}
	if !m.Quirks().ShuffledList {
		return list
	}
	// The listings count through all orders, so that no two in a row are alike:
	// the last digit says who of n comes first, the next who of the rest.
	rest := m.Listings
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
func (m *Registry) reservation() *scsi.Reservation {
	if m.Reserved == 0 {
		return nil
	}
	r := &scsi.Reservation{Type: m.Reserved}
	if at := m.Holder(); at >= 0 {
		r.Key = m.Registrations[at].Key
	}
	return r
}

// descriptors are those of READ FULL STATUS, one a nexus. Where an initiator
// port was registered through all target ports at once and still is, one
// descriptor stands for all of them. SPC-4 6.15.5.
func (m *Registry) descriptors(registrations []Registration) []scsi.FullStatus {
	var list []scsi.FullStatus
	var folded []scsi.TransportID
	for _, r := range registrations {
		if slices.Contains(folded, r.Nexus.Port()) && !r.Stale {
			continue
		}
		d := scsi.FullStatus{
			Key: r.Key, RelativePort: r.Nexus.RelativePort(), TransportID: r.Nexus.Port(),
			Holder: r.Holder || m.Reserved.AllRegistrants(),
		}
		if m.folds(r) {
			folded = append(folded, r.Nexus.Port())
			d.AllTgtPort, d.RelativePort = true, 0
			d.Holder = d.Holder || m.portHolds(r.Nexus.Port())
		}
		if d.Holder {
			d.Type = m.Reserved
		}
		list = append(list, d)
	}
	return list
}

// folds reports whether r's initiator port has the same ALL_TG_PT
// registration through every target port.
func (m *Registry) folds(r Registration) bool {
	if !r.AllTgtPort || r.Stale {
		return false
	}
	if m.Quirks().AllTgPtImplicit {
		return true
	}
	for _, port := range m.Cfg.TargetPorts {
		at := m.Find(r.Nexus.Through(port))
		if at < 0 || !m.Registrations[at].AllTgtPort || m.Registrations[at].Key != r.Key {
			return false
		}
	}
	return true
}

// portHolds reports whether any nexus of the initiator port is the holder.
func (m *Registry) portHolds(port scsi.TransportID) bool {
	at := m.Holder()
	return at >= 0 && !m.Registrations[at].Stale && m.Registrations[at].Nexus.Port() == port
}

func (m *Registry) fullStatus(alloc int) ([]byte, error) {
	list := m.descriptors(m.listed())
	if m.Quirks().ShortFullStatus {
		return m.shortFullStatus(list, alloc)
	}
	data, err := (&scsi.ReadFullStatusResponse{Generation: m.Generation, Descriptors: list}).MarshalBinary()
	if err == nil && m.Quirks().BadFullStatusLength {
		binary.BigEndian.PutUint32(data[4:], uint32(len(data)-8+64))
	}
	return data, err
}

// shortFullStatus does as LIO does: a descriptor is left out if its
// TransportID alone would not fit behind what is there, and ADDITIONAL LENGTH
// counts only those that are in, even what was cut off.
func (m *Registry) shortFullStatus(list []scsi.FullStatus, alloc int) ([]byte, error) {
	length := 0
	for i, d := range list {
		id := len(d.TransportID.Bytes())
		if length+id > alloc || alloc <= 8 {
			list = list[:i]
			break
		}
		length += 24 + id
	}
	return (&scsi.ReadFullStatusResponse{Generation: m.Generation, Descriptors: list}).MarshalBinary()
}

// Capabilities is what REPORT CAPABILITIES tells. SPC-4 6.15.4.
func (m *Registry) Capabilities() scsi.Capabilities {
	q := m.Quirks()
	c := scsi.Capabilities{
		CompatibleHandle: !q.Reserve6Unsupported, SpecIPT: !q.NoSpecIPT, AllTargetPorts: !q.NoAllTgPt,
		PersistCapable: !q.NoAPTPL, PersistActive: m.APTPL, TypesValid: true,
		// 100b: what table 65 of SPC-4 lets pass does pass.
		AllowCommands: 4,
	}
	for _, t := range model.AllTypes() {
		if q.Supports(t) {
			c.Types.Set(t)
		}
	}
	return c
}

func (m *Registry) capabilities() ([]byte, error) {
	if m.Quirks().BadCapabilities {
		return make([]byte, 8), nil
	}
	c := m.Capabilities()
	return c.MarshalBinary()
}

// State returns registrations and reservation, as ReadState would read them next.
func (m *Registry) State() *scsi.State {
	s := &scsi.State{Generation: m.Generation, Identified: true, Reservation: m.reservation().Common()}
	for _, d := range m.descriptors(m.Ordered()) {
		s.Registrations = append(s.Registrations, d.Registration())
	}
	return s
}
