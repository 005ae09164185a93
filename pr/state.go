package pr

import "slices"

// Registration is one key, and whose.
type Registration struct {
	Key Key
	// Holder says that it holds the reservation.
	Holder bool
	// AllPorts says that it is one for all ports of the device, RelativePort which
	// one else; 0 if the device does not tell.
	AllPorts     bool
	RelativePort uint16
	// Initiator is nil where the device does not tell: see [State.Identified].
	Initiator Initiator
}

// SameNexus reports whether two registrations are those of one initiator at one port of
// the device.
func (r Registration) SameNexus(o Registration) bool {
	return Same(r.Initiator, o.Initiator) && (r.AllPorts || o.AllPorts || r.RelativePort == o.RelativePort)
}

// Reservation is the one that is in force.
type Reservation struct {
	// Key is the holder's; 0 if every registrant holds.
	Key  Key
	Type Type
	// Part says that it is not for the whole device, which no standard has any more.
	Part bool
}

// State is all that a device tells of its registrations and reservation at
// one moment.
type State struct {
	// Generation counts the changes of registrations, modulo 2^32; RESERVE and
	// RELEASE do not count.
	Generation uint32
	// Registrations has one entry a registered initiator and port. Where the device
	// does not tell whose they are the entries carry keys only.
	Registrations []Registration
	// Identified says that each registration carries its initiator.
	Identified bool
	// Reservation is nil if there is none.
	Reservation *Reservation
}

// Keys returns the different registered keys in ascending order.
func (s *State) Keys() []Key {
	keys := make([]Key, 0, len(s.Registrations))
	for _, r := range s.Registrations {
		keys = append(keys, r.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Count tells how many registrations have the key.
func (s *State) Count(k Key) int {
	n := 0
	for _, r := range s.Registrations {
		if r.Key == k {
			n++
		}
	}
	return n
}

// Has reports whether the key is registered.
func (s *State) Has(k Key) bool { return s.Count(k) > 0 }

// Empty reports whether nobody is registered and nobody holds.
func (s *State) Empty() bool { return len(s.Registrations) == 0 && s.Reservation == nil }

// HeldBy reports whether the key's registrant holds the reservation, or is one of
// the holders: under an all-registrants type every registered key is. Registrants
// that share one key cannot be told apart by it.
func (s *State) HeldBy(k Key) bool {
	if s.Reservation == nil {
		return false
	}
	if s.Reservation.Type.AllRegistrants() {
		return s.Has(k)
	}
	return s.Reservation.Key == k
}

// Equal reports whether two readings tell the same. The order of registrations means
// nothing, and where one of the readings does not tell whose they are only the keys
// are compared.
func (s *State) Equal(o *State) bool {
	if s.Generation != o.Generation || len(s.Registrations) != len(o.Registrations) {
		return false
	}
	if (s.Reservation == nil) != (o.Reservation == nil) || s.Reservation != nil && *s.Reservation != *o.Reservation {
		return false
	}
	left := slices.Clone(o.Registrations)
	for _, r := range s.Registrations {
		i := slices.IndexFunc(left, func(l Registration) bool {
			return l.Key == r.Key && (!s.Identified || !o.Identified || l.SameNexus(r) && l.Holder == r.Holder)
		})
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}
