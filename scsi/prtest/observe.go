package prtest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lunguard/scsi"
)

// observation is all that the unit tells of its registrations and
// reservation. Its text is "A:1* B:2 WERO APTPL": who is registered with
// which key, a star at the one holder, an @ at what ALL_TG_PT made, the type,
// and whether APTPL is active; "-" is nothing at all.
type observation struct {
	generation uint32
	regs       []registered
	typ        scsi.Type
	aptpl      bool
	// strange are nexuses that no case registered.
	strange []string
}

type registered struct {
	who    nexus
	key    scsi.Key
	holder bool
	all    bool
}

// String gives the text of the tables.
func (o observation) String() string {
	var words []string
	for _, r := range o.regs {
		word := fmt.Sprintf("%s:%x", r.who, uint64(r.key))
		if r.all {
			word += "@"
		}
		if r.holder && !o.typ.AllRegistrants() {
			word += "*"
		}
		words = append(words, word)
	}
	slices.Sort(words)
	words = slices.Compact(words)
	words = append(words, o.strange...)
	if o.typ != 0 {
		words = append(words, typeName(o.typ))
	}
	if o.aptpl {
		words = append(words, "APTPL")
	}
	if words == nil {
		return "-"
	}
	return strings.Join(words, " ")
}

func typeName(t scsi.Type) string {
	for _, n := range typeNames() {
		if n.typ == t {
			return n.name
		}
	}
	return t.String()
}

type namedType struct {
	name string
	typ  scsi.Type
}

func typeNames() []namedType {
	return []namedType{
		{"WE", scsi.WriteExclusive}, {"EA", scsi.ExclusiveAccess},
		{"WERO", scsi.WriteExclusiveRegistrantsOnly}, {"EARO", scsi.ExclusiveAccessRegistrantsOnly},
		{"WEAR", scsi.WriteExclusiveAllRegistrants}, {"EAAR", scsi.ExclusiveAccessAllRegistrants},
	}
}

// parseState reads the text of the tables.
func parseState(text string) (observation, error) {
	var o observation
words:
	for _, word := range strings.Fields(text) {
		switch word {
		case "-":
			continue
		case "APTPL":
			o.aptpl = true
			continue
		}
		for _, n := range typeNames() {
			if n.name == word {
				o.typ = n.typ
				continue words
			}
		}
		who, key, ok := strings.Cut(word, ":")
		at := strings.Index("ABCX", who)
		digits := strings.TrimRight(key, "*@")
		v, err := strconv.ParseUint(digits, 16, 64)
		if !ok || len(who) != 1 || at < 0 || err != nil {
			return o, fmt.Errorf("%q: no state", word)
		}
		o.regs = append(o.regs, registered{who: nexus(at), key: scsi.Key(v), holder: strings.HasSuffix(key, "*"), all: strings.Contains(key, "@")})
	}
	return o, nil
}

// normal brings the text of a table into the order of String.
func normal(text string) string {
	o, err := parseState(text)
	if err != nil {
		return err.Error()
	}
	return o.String()
}

// observe reads everything through C and checks that the answers agree.
func observe(ctx context.Context, bench *Bench) (observation, error) {
	t := bench.Paths[c].Transport
	keys, err := scsi.ReadKeys{}.Execute(ctx, t)
	if err != nil {
		return observation{}, err
	}
	held, err := scsi.ReadReservation{}.Execute(ctx, t)
	if err != nil {
		return observation{}, err
	}
	full, err := scsi.ReadFullStatus{}.Execute(ctx, t)
	if err != nil {
		return observation{}, err
	}
	caps, err := scsi.ReportCapabilities{}.Execute(ctx, t)
	if err != nil {
		return observation{}, err
	}
	o := observation{generation: keys.Generation, aptpl: caps.PersistActive}
	if held.Reservation != nil {
		o.typ = held.Reservation.Type
	}
	if held.Generation != keys.Generation || full.Generation != keys.Generation {
		return o, fmt.Errorf("PRGENERATION is %d, %d and %d in three answers", keys.Generation, held.Generation, full.Generation)
	}
	for _, d := range full.Descriptors {
		name := bench.nameOf(d)
		if name[0] == '?' {
			o.strange = append(o.strange, name)
			continue
		}
		o.regs = append(o.regs, registered{nexus(strings.Index("ABCX", name)), d.Key, d.Holder, d.AllTgtPort})
	}
	return o, o.agrees(keys, held, full)
}

// agrees compares the three answers with each other. SPC-4 6.15.2 to 6.15.5.
func (o observation) agrees(keys *scsi.ReadKeysResponse, held *scsi.ReadReservationResponse, full *scsi.ReadFullStatusResponse) error {
	var fromFull []scsi.Key
	folded := false
	holders := 0
	for _, d := range full.Descriptors {
		fromFull = append(fromFull, d.Key)
		folded = folded || d.AllTgtPort
		if !d.Holder {
			continue
		}
		holders++
		switch {
		case held.Reservation == nil:
			return fmt.Errorf("R_HOLDER of key %s without a reservation", d.Key)
		case d.Type != o.typ:
			return fmt.Errorf("R_HOLDER of key %s with %s under %s", d.Key, d.Type, o.typ)
		case o.typ.AllRegistrants() && held.Reservation.Key != 0:
			return fmt.Errorf("READ RESERVATION tells key %s under %s", held.Reservation.Key, o.typ)
		case !o.typ.AllRegistrants() && held.Reservation.Key != d.Key:
			return fmt.Errorf("READ RESERVATION tells key %s, the holder has %s", held.Reservation.Key, d.Key)
		}
	}
	if o.typ.AllRegistrants() && holders != len(full.Descriptors) || o.typ != 0 && holders == 0 {
		return fmt.Errorf("%d of %d descriptors have R_HOLDER under %s", holders, len(full.Descriptors), o.typ)
	}
	fromKeys := slices.Sorted(slices.Values(keys.Keys))
	slices.Sort(fromFull)
	if folded { // one descriptor may stand for many nexuses
		fromKeys, fromFull = slices.Compact(fromKeys), slices.Compact(fromFull)
	}
	if !slices.Equal(fromKeys, fromFull) {
		return fmt.Errorf("READ KEYS tells %v, READ FULL STATUS %v", fromKeys, fromFull)
	}
	return nil
}
