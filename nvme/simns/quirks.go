package simns

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Quirks are what a target does otherwise than the standard says. The zero value is one
// that follows it. Each name stands in the text form, see [ParseQuirks].
type Quirks struct {
	// NoReservations: RESCAP is 0, and the commands are unknown. Most namespaces.
	NoReservations bool
	// NotShared: NMIC is 0, no second controller can have it.
	NotShared bool
	// NoPersistence: RESCAP bit 0 is 0. nvmet.
	NoPersistence bool
	// NoAllRegistrants: the types of all registrants are missing.
	NoAllRegistrants bool
	// NoPreemptAndAbort: RACQA 2 is Invalid Field. SPDK before 26.01.
	NoPreemptAndAbort bool
	// ShortHostIDs: host identifiers have 8 bytes, so EDS is refused. Old PCIe drives.
	ShortHostIDs bool
	// WriteProtected: it takes no writes.
	WriteProtected bool

	// TakesKeyZero: key 0 can be registered. nvmet; elsewhere Invalid Field.
	TakesKeyZero bool
	// UnknownActions: reserved actions are Invalid Opcode and not Invalid Field. nvmet.
	UnknownActions bool
	// IgnoresPersistence: CPTPL is not looked at. nvmet.
	IgnoresPersistence bool
	// SecondConflicts: under a type of all registrants another one's acquire is a
	// conflict, although it holds. nvmet.
	SecondConflicts bool
	// AcquirerReleases: under a type of all registrants only the one that has acquired
	// can release; the others are told that it is done. nvmet.
	AcquirerReleases bool
	// OtherTypeConflicts: a release of another type is a conflict, not Invalid Field.
	// nvmet.
	OtherTypeConflicts bool
	// NamesakesStay: who holds and preempts its own key changes the type only; others
	// with the key stay. nvmet, SPDK.
	NamesakesStay bool
	// HolderPreemptsNobody: a preempt by the one that holds alone changes the type and
	// removes nobody, whoever is named, and is success. nvmet, up to 7.2 at least.
	HolderPreemptsNobody bool
	// OneEntry: a report has one entry a host, whatever its controllers. nvmet, SPDK.
	OneEntry bool
	// NoControllers: entries name no controller. nvmet.
	NoControllers bool
	// OneHolder: under a type of all registrants a report marks one holder. SPDK.
	OneHolder bool
	// PreemptsNobody: a preempt of a key that nobody has is success. SPDK.
	PreemptsNobody bool
	// VictimZeroConflicts: a preempt of key 0 is a conflict where it is Invalid Field.
	// SPDK.
	VictimZeroConflicts bool
	// KeepsType: a preempt of key 0 under a type of all registrants leaves the type as it
	// is. SPDK.
	KeepsType bool
	// CountsHosts: the generation counts each registrant that comes or goes, and no
	// replacement. SPDK.
	CountsHosts bool
	// GivesUp: PREEMPT AND ABORT that removes somebody is Command Interrupted, as if
	// their commands had not ended in time. SPDK.
	GivesUp bool
	// Inflates: a report tells two registrants more than it has.
	Inflates bool
}

// NVMet is Linux's target, as of 7.2: no reservation there outlives a restart.
func NVMet() Quirks {
	return Quirks{
		NoPersistence: true, TakesKeyZero: true, UnknownActions: true, IgnoresPersistence: true,
		SecondConflicts: true, AcquirerReleases: true, OtherTypeConflicts: true, NamesakesStay: true,
		HolderPreemptsNobody: true, OneEntry: true, NoControllers: true,
	}
}

// SPDK is the target of the Storage Performance Development Kit, as of 26.08.
func SPDK() Quirks {
	return Quirks{
		NamesakesStay: true, OneEntry: true, OneHolder: true, PreemptsNobody: true,
		VictimZeroConflicts: true, KeepsType: true, CountsHosts: true,
	}
}

// ErrBadQuirk says that a text is no list of quirks.
var ErrBadQuirk = errors.New("not a quirk")

// ParseQuirks reads names of quirks, separated by commas, and the names of the targets,
// nvmet and spdk, which stand for theirs. The error is ErrBadQuirk.
func ParseQuirks(text string) (Quirks, error) {
	var q Quirks
	v := reflect.ValueOf(&q).Elem()
	for word := range strings.SplitSeq(text, ",") {
		switch word = strings.TrimSpace(word); {
		case word == "":
		case word == "nvmet":
			q.add(NVMet())
		case word == "spdk":
			q.add(SPDK())
		case slices.Contains(QuirkNames(), word):
			v.FieldByName(word).SetBool(true)
		default:
			return Quirks{}, fmt.Errorf("%q: %w: known are nvmet, spdk, %s", word, ErrBadQuirk, strings.Join(QuirkNames(), ", "))
		}
	}
	return q, nil
}

func (q *Quirks) add(other Quirks) {
	v, o := reflect.ValueOf(q).Elem(), reflect.ValueOf(other)
	for i := range v.NumField() {
		v.Field(i).SetBool(v.Field(i).Bool() || o.Field(i).Bool())
	}
}

// QuirkNames lists the names that ParseQuirks knows.
func QuirkNames() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Quirks]()) {
		names = append(names, f.Name)
	}
	return names
}

// String gives the text that ParseQuirks reads; empty for a target that follows the
// standard.
func (q Quirks) String() string {
	var words []string
	v := reflect.ValueOf(q)
	for i, name := range QuirkNames() {
		if v.Field(i).Bool() {
			words = append(words, name)
		}
	}
	return strings.Join(words, ",")
}
