package model

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"lunguard/scsi"
)

// Quirks say where the device differs from SPC-4. Each was seen in a real
// device or is a bug that a client must survive. The zero value follows the
// standard.
type Quirks struct {
	// NoPR: the device knows no persistent reservations, 5/20/00.
	NoPR bool `json:"NoPR,omitempty"`
	// NoCapabilities: REPORT CAPABILITIES is refused with 5/24/00 (SPC-2).
	NoCapabilities bool `json:"NoCapabilities,omitempty"`
	// BadCapabilities: REPORT CAPABILITIES is GOOD, but eight zero bytes come,
	// LENGTH included (bridges that say GOOD to everything).
	BadCapabilities bool `json:"BadCapabilities,omitempty"`
	// NoFullStatus: READ FULL STATUS is refused with 5/24/00 (tgtd, SPC-2).
	NoFullStatus bool `json:"NoFullStatus,omitempty"`
	// ShortFullStatus: READ FULL STATUS into a short buffer understates
	// ADDITIONAL LENGTH, or overstates what was sent (LIO).
	ShortFullStatus bool `json:"ShortFullStatus,omitempty"`
	// BadFullStatusLength: READ FULL STATUS always claims 64 bytes more than
	// there are.
	BadFullStatusLength bool `json:"BadFullStatusLength,omitempty"`
	// MinAlloc8: PERSISTENT RESERVE IN with an allocation length below 8 is
	// refused with 5/24/00 (LIO, tgtd).
	MinAlloc8 bool `json:"MinAlloc8,omitempty"`
	// NoRegIgnore: REGISTER AND IGNORE EXISTING KEY is refused with 5/24/00
	// (SPC-2).
	NoRegIgnore bool `json:"NoRegIgnore,omitempty"`
	// NoRegisterMove: REGISTER AND MOVE is refused with 5/24/00.
	NoRegisterMove bool `json:"NoRegisterMove,omitempty"`
	// NoSpecIPT: SPEC_I_PT is refused with 5/26/00 and SIP_C is 0.
	NoSpecIPT bool `json:"NoSpecIPT,omitempty"`
	// SpecIPTKnownOnly: SPEC_I_PT says GOOD, but registers those TransportIDs
	// only that have logged in; REGISTER AND MOVE to any other is 5/26/00.
	SpecIPTKnownOnly bool `json:"SpecIPTKnownOnly,omitempty"`
	// NoAllTgPt: ALL_TG_PT is refused with 5/26/00 and ATP_C is 0.
	NoAllTgPt bool `json:"NoAllTgPt,omitempty"`
	// AllTgPtImplicit: one registration covers every port of a host, so that
	// REGISTER with key 0 on its second path is a conflict (EMC VNX).
	AllTgPtImplicit bool `json:"AllTgPtImplicit,omitempty"`
	// NoAPTPL: APTPL is refused with 5/26/00 and PTPL_C is 0.
	NoAPTPL bool `json:"NoAPTPL,omitempty"`
	// OldSense: 5/24/00 instead of 5/26/00 and 5/1A/00.
	OldSense bool `json:"OldSense,omitempty"`
	// MaxRegs is the most registrations there can be, 0 for no limit; beyond
	// it 5/55/04.
	MaxRegs int `json:"MaxRegs,omitempty"`
	// DropSenderOnARSelfPreempt: PREEMPT with the sender's own key under an
	// all-registrants reservation removes the sender, too. SPC-4 5.13.11.2.4
	// reads so, but every target that was looked at keeps the sender.
	DropSenderOnARSelfPreempt bool `json:"DropSenderOnARSelfPreempt,omitempty"`
	// NoUnregGenBump: unregistering does not count in PRGENERATION (LIO).
	NoUnregGenBump bool `json:"NoUnregGenBump,omitempty"`
	// DoubleGenBump: unregistering counts twice if it ends the reservation
	// (tgtd).
	DoubleGenBump bool `json:"DoubleGenBump,omitempty"`
	// PreemptUA2A03: preempted nexuses get 2A/03 instead of 2A/05 (tgtd, SPC-2).
	PreemptUA2A03 bool `json:"PreemptUA2A03,omitempty"`
	// UAInverted: the unit attention of a release comes for Write Exclusive
	// and Exclusive Access instead of the other types, and the sender gets it
	// (tgtd).
	UAInverted bool `json:"UAInverted,omitempty"`
	// FirstCmdUA is the unit attention of the first command of a new nexus,
	// 0 for none.
	FirstCmdUA scsi.ASC `json:"FirstCmdUA,omitempty"`
	// NexusLostOnRelogin: after a logout the registration stays in the list
	// but belongs to nobody (tgtd).
	NexusLostOnRelogin bool `json:"NexusLostOnRelogin,omitempty"`
	// SameIQNBlocked: while one port of an iSCSI initiator holds the
	// reservation its other ports count as unregistered (LIO).
	SameIQNBlocked bool `json:"SameIQNBlocked,omitempty"`
	// LooseFencing: the reservation keeps nobody from reading or writing.
	LooseFencing bool `json:"LooseFencing,omitempty"`
	// DIDNexus: RESERVATION CONFLICT comes with host status
	// DID_NEXUS_FAILURE (Linux before 6.1).
	DIDNexus bool `json:"DIDNexus,omitempty"`
	// Reserve6Unsupported: RESERVE and RELEASE are 5/20/00 and CRH is 0.
	Reserve6Unsupported bool `json:"Reserve6Unsupported,omitempty"`
	// NewestFirst: READ KEYS and READ FULL STATUS list the newest registration
	// first. SPC-4 leaves the order open.
	NewestFirst bool `json:"NewestFirst,omitempty"`
	// ShuffledList: they list the registrations in another order each time.
	ShuffledList bool `json:"ShuffledList,omitempty"`
	// LiesGood: PERSISTENT RESERVE OUT is GOOD, always, and does nothing (bridges
	// that say GOOD to everything).
	LiesGood bool `json:"LiesGood,omitempty"`
	// NoPreemptAndAbort: PREEMPT AND ABORT is refused with 5/20/00, as by those who have
	// its other service actions only.
	NoPreemptAndAbort bool `json:"NoPreemptAndAbort,omitempty"`
	// ReserveAnyKey: RESERVE of a registrant is done whatever key it quotes (tgtd).
	ReserveAnyKey bool `json:"ReserveAnyKey,omitempty"`
	// NoOpcodes: REPORT SUPPORTED OPERATION CODES is refused with 5/20/00 (SPC-2, bridges).
	NoOpcodes bool `json:"NoOpcodes,omitempty"`
	// NoReset: LOGICAL UNIT RESET is unsupported, as it is by adapters that can
	// reset a whole target only.
	NoReset bool `json:"NoReset,omitempty"`
	// Busy is how many commands are answered BUSY before the first other.
	Busy int `json:"Busy,omitempty"`
	// TransitioningUntil: before that time every command but INQUIRY, REPORT
	// LUNS and REQUEST SENSE is 2/04/0A (ALUA transition).
	TransitioningUntil time.Time `json:"TransitioningUntil,omitzero"`
	// OnlyTypes are the reservation types that the device knows, 0 for all
	// six; others are 5/24/00.
	OnlyTypes scsi.TypeMask `json:"OnlyTypes,omitempty"`
}

// tgtd is the text of what the target of userspace, tgt 1.0.85, does otherwise.
const tgtd = "NoFullStatus,MinAlloc8,NoRegisterMove,NoSpecIPT,NoAllTgPt,NoAPTPL,OldSense,DoubleGenBump,PreemptUA2A03,UAInverted,FirstCmdUA=29/00,NexusLostOnRelogin,NoPreemptAndAbort,ReserveAnyKey"

// ErrBadQuirk says that a text is no list of quirks.
var ErrBadQuirk = errors.New("not a quirk")

// keepSender is the other spelling of DropSenderOnARSelfPreempt.
const keepSender = "KeepSenderOnARSelfPreempt"

// ParseQuirks reads "NoFullStatus,MaxRegs=3,FirstCmdUA=29/00": the fields of
// Quirks by their names, with commas between them. Switches take =true and
// =false, too; TransitioningUntil takes an RFC 3339 time or, as +5s, the time
// from now; OnlyTypes takes the numbers of the types, as 5+7. The word tgt stands for all
// that this target does otherwise.
// The error is ErrBadQuirk.
func ParseQuirks(text string) (Quirks, error) {
	var q Quirks
	if err := q.take(strings.ReplaceAll(","+text+",", ",tgt,", ","+tgtd+",")); err != nil {
		return Quirks{}, err
	}
	return q, nil
}

// take adds what a text says.
func (q *Quirks) take(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		name, value, hasValue := strings.Cut(word, "=")
		if err := q.set(name, value, hasValue); err != nil {
			return fmt.Errorf("%q: %w", word, err)
		}
	}
	return nil
}

func (q *Quirks) set(name, value string, hasValue bool) error {
	if strings.EqualFold(name, keepSender) {
		on, err := parseSwitch(value, hasValue)
		q.DropSenderOnARSelfPreempt = !on
		return err
	}
	field := reflect.ValueOf(q).Elem().FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
	if !field.IsValid() {
		return fmt.Errorf("%w: known are %s", ErrBadQuirk, strings.Join(QuirkNames(), ", "))
	}
	switch p := field.Addr().Interface().(type) {
	case *bool:
		on, err := parseSwitch(value, hasValue)
		*p = on
		return err
	case *int:
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 1<<20 {
			return fmt.Errorf("%w: a number expected", ErrBadQuirk)
		}
		*p = n
		return nil
	case *scsi.ASC:
		asc, err := parseASC(value)
		*p = asc
		return err
	case *time.Time:
		until, err := parseUntil(value)
		*p = until
		return err
	case *scsi.TypeMask:
		mask, err := parseTypes(value)
		*p = mask
		return err
	}
	return fmt.Errorf("%w: no text form", ErrBadQuirk)
}

func parseSwitch(value string, hasValue bool) (bool, error) {
	if !hasValue {
		return true, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("%w: true or false expected", ErrBadQuirk)
	}
	return on, nil
}

// parseASC reads "29/00".
func parseASC(text string) (scsi.ASC, error) {
	high, low, ok := strings.Cut(text, "/")
	asc, err1 := strconv.ParseUint(high, 16, 8)
	ascq, err2 := strconv.ParseUint(low, 16, 8)
	if !ok || err1 != nil || err2 != nil || asc == 0 && ascq == 0 {
		return 0, fmt.Errorf("%w: an additional sense code as 29/00 expected", ErrBadQuirk)
	}
	return scsi.ASC(asc<<8 | ascq), nil
}

func parseUntil(text string) (time.Time, error) {
	if wait, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(wait)
		if err != nil {
			return time.Time{}, fmt.Errorf("%w: a duration as +5s expected", ErrBadQuirk)
		}
		return time.Now().Add(d).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: a time as 2030-01-02T03:04:05Z or +5s expected", ErrBadQuirk)
	}
	return t, nil
}

func parseTypes(text string) (scsi.TypeMask, error) {
	var mask scsi.TypeMask
	for word := range strings.SplitSeq(text, "+") {
		n, err := strconv.ParseUint(word, 16, 8)
		if err != nil || !scsi.Type(n).Valid() {
			return 0, fmt.Errorf("%w: types as 5+7 expected, of 1, 3, 5, 6, 7 and 8", ErrBadQuirk)
		}
		mask.Set(scsi.Type(n))
	}
	return mask, nil
}

// QuirkNames lists the names that ParseQuirks knows.
func QuirkNames() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Quirks]()) {
		names = append(names, f.Name)
	}
	return names
}

// String gives the text that ParseQuirks reads; empty for a device that
// follows the standard.
func (q Quirks) String() string {
	var words []string
	v := reflect.ValueOf(q)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			continue
		}
		name := v.Type().Field(i).Name
		switch x := v.Field(i).Interface().(type) {
		case bool:
			words = append(words, name)
		case scsi.ASC:
			words = append(words, fmt.Sprintf("%s=%02x/%02x", name, uint8(x>>8), uint8(x)))
		case time.Time:
			words = append(words, name+"="+x.Format(time.RFC3339Nano))
		case scsi.TypeMask:
			words = append(words, name+"="+formatTypes(x))
		default:
			words = append(words, fmt.Sprintf("%s=%d", name, x))
		}
	}
	return strings.Join(words, ",")
}

func formatTypes(mask scsi.TypeMask) string {
	var words []string
	for _, t := range AllTypes() {
		if mask.Has(t) {
			words = append(words, strconv.Itoa(int(t)))
		}
	}
	return strings.Join(words, "+")
}

// AllTypes lists the six reservation types.
func AllTypes() []scsi.Type {
	return []scsi.Type{scsi.WriteExclusive, scsi.ExclusiveAccess, scsi.WriteExclusiveRegistrantsOnly,
		scsi.ExclusiveAccessRegistrantsOnly, scsi.WriteExclusiveAllRegistrants, scsi.ExclusiveAccessAllRegistrants}
}

// Supports reports whether the device knows a reservation type.
func (q *Quirks) Supports(t scsi.Type) bool {
	return t.Valid() && (q.OnlyTypes == 0 || q.OnlyTypes.Has(t))
}
