package pr

import "fmt"

// Type is the kind of a persistent reservation. The numbers are those of SCSI,
// SPC-4 6.15.3.4; NVMe has the same six kinds, NVM Express Base 2.0 figure 411.
type Type uint8

// Reservation types.
const (
	WriteExclusive                 Type = 1
	ExclusiveAccess                Type = 3
	WriteExclusiveRegistrantsOnly  Type = 5
	ExclusiveAccessRegistrantsOnly Type = 6
	WriteExclusiveAllRegistrants   Type = 7
	ExclusiveAccessAllRegistrants  Type = 8
)

// Valid reports whether the type is one of the six that are defined.
func (t Type) Valid() bool {
	switch t {
	case WriteExclusive, ExclusiveAccess, WriteExclusiveRegistrantsOnly,
		ExclusiveAccessRegistrantsOnly, WriteExclusiveAllRegistrants, ExclusiveAccessAllRegistrants:
		return true
	}
	return false
}

// AllRegistrants reports whether every registrant is a reservation holder.
func (t Type) AllRegistrants() bool {
	return t == WriteExclusiveAllRegistrants || t == ExclusiveAccessAllRegistrants
}

// RegistrantsOnly reports whether registrants that do not hold the
// reservation have its holder's rights, while one nexus alone holds it.
func (t Type) RegistrantsOnly() bool {
	return t == WriteExclusiveRegistrantsOnly || t == ExclusiveAccessRegistrantsOnly
}

// Shared reports whether all registrants have the holder's rights.
func (t Type) Shared() bool { return t.RegistrantsOnly() || t.AllRegistrants() }

// Exclusive reports whether the type keeps others from reading, too.
func (t Type) Exclusive() bool {
	return t == ExclusiveAccess || t == ExclusiveAccessRegistrantsOnly || t == ExclusiveAccessAllRegistrants
}

// String names the type as SPC-4 spells it.
func (t Type) String() string {
	switch t {
	case WriteExclusive:
		return "Write Exclusive"
	case ExclusiveAccess:
		return "Exclusive Access"
	case WriteExclusiveRegistrantsOnly:
		return "Write Exclusive - Registrants Only"
	case ExclusiveAccessRegistrantsOnly:
		return "Exclusive Access - Registrants Only"
	case WriteExclusiveAllRegistrants:
		return "Write Exclusive - All Registrants"
	case ExclusiveAccessAllRegistrants:
		return "Exclusive Access - All Registrants"
	}
	return fmt.Sprintf("type %Xh", uint8(t))
}
