package scsi

import (
	"slices"

	"lunguard/pr"
)

// What package pr has for any storage is the same here.
type (
	// Key is a reservation key: 8 bytes on the wire, big-endian.
	Key = pr.Key
	// Type is the kind of a persistent reservation, a nibble on the wire.
	// SPC-4 6.15.3.4.
	Type = pr.Type
	// State is what a device tells of its registrations and reservation.
	State = pr.State
	// Registration is one entry of it.
	Registration = pr.Registration
	// Identity is what a host knows of one of its own I_T nexuses.
	Identity = pr.Identity
)

// Reservation types.
const (
	WriteExclusive                 = pr.WriteExclusive
	ExclusiveAccess                = pr.ExclusiveAccess
	WriteExclusiveRegistrantsOnly  = pr.WriteExclusiveRegistrantsOnly
	ExclusiveAccessRegistrantsOnly = pr.ExclusiveAccessRegistrantsOnly
	WriteExclusiveAllRegistrants   = pr.WriteExclusiveAllRegistrants
	ExclusiveAccessAllRegistrants  = pr.ExclusiveAccessAllRegistrants
)

// Types are all six types of reservation.
func Types() []Type {
	return []Type{
		WriteExclusive, ExclusiveAccess, WriteExclusiveRegistrantsOnly,
		ExclusiveAccessRegistrantsOnly, WriteExclusiveAllRegistrants, ExclusiveAccessAllRegistrants,
	}
}

// Common is what the answer says in the words of package pr.
func (c *Capabilities) Common() *pr.Capabilities {
	return &pr.Capabilities{
		Persists: c.PersistCapable, Persisting: c.PersistActive, Introduces: c.SpecIPT,
		TypesKnown: c.TypesValid, Types: slices.DeleteFunc(Types(), func(t Type) bool { return !c.Types.Has(t) }),
	}
}

// Registration is what the descriptor says in the words of package pr.
func (d FullStatus) Registration() Registration {
	r := Registration{Key: d.Key, Holder: d.Holder, AllPorts: d.AllTgtPort, RelativePort: d.RelativePort}
	if !d.TransportID.IsZero() {
		r.Initiator = d.TransportID
	}
	return r
}

// Common is what the answer says in the words of package pr.
func (r *Reservation) Common() *pr.Reservation {
	if r == nil {
		return nil
	}
	return &pr.Reservation{Key: r.Key, Type: r.Type, Part: r.Scope != LUScope}
}
