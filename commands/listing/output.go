package listing

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/words"
	"lunguard/pr"
)

// view is what is shown of LUNs, and how keys and initiators are named.
type view struct {
	owners
	hosts
	luns []*lun
	// foreignOnly leaves out what is of this cluster.
	foreignOnly bool
}

// shown are the LUNs to show.
func (v *view) shown() []*lun {
	var list []*lun
	for _, l := range v.luns {
		if !v.foreignOnly || l.unknown() || len(l.foreign(v.owners)) > 0 {
			list = append(list, l)
		}
	}
	return list
}

// keys are those of a LUN to show.
func (v *view) keys(l *lun) []pr.Key {
	switch {
	case l.state == nil:
		return nil
	case v.foreignOnly:
		return l.foreign(v.owners)
	}
	return l.state.Keys()
}

// size is a number of bytes for people.
func size(n uint64) string {
	if n == 0 {
		return "?"
	}
	const units = "BKMGTPE"
	at, value := 0, float64(n)
	for value >= 1000 && at < len(units)-1 {
		value, at = value/1024, at+1
	}
	text := strconv.FormatFloat(value, 'f', 1, 64)
	return strings.TrimSuffix(text, ".0") + units[at:at+1]
}

// held says what kind of reservation there is, or why that is not known.
func (l *lun) held() string {
	switch {
	case l.unknown():
		return words.Unknown + ": " + l.reason()
	case l.state == nil:
		return l.standing()
	case l.state.Reservation == nil:
		return words.None
	}
	return l.state.Reservation.Type.String()
}

// reason is why nothing is known.
func (l *lun) reason() string { return words.JoinedLines(words.Reason(l.Device, l.err)) }

// standing is how a LUN stands in a word.
func (l *lun) standing() string {
	switch {
	case l.incapable():
		return "no reservations"
	case l.state == nil:
		return words.Unknown
	case l.state.Reservation != nil:
		return "reserved"
	case len(l.state.Registrations) > 0:
		return "registered"
	}
	return "free"
}

// table shows the LUNs, with a line for each key below.
func (v *view) table(w io.Writer) error {
	var luns bytes.Buffer
	shown := v.shown()
	err := front.PrintTable(&luns, []string{"LUN", "WWID", "SIZE", "PATHS", "STATE", "USE"}, func(add func(...string)) {
		for _, l := range shown {
			add(picture.Printable(l.Device), picture.Printable(l.WWID), size(l.Size), fmt.Sprintf("%d/%d", l.working(), len(l.paths)+len(l.Gone)), picture.Printable(l.standing()), picture.Printable(l.use()))
		}
	})
	if err != nil {
		return err
	}
	// Each row of the table is one line, and its keys are put behind it.
	line, rest, _ := strings.Cut(luns.String(), "\n")
	fmt.Fprintln(w, line)
	for _, l := range shown {
		line, rest, _ = strings.Cut(rest, "\n")
		fmt.Fprintln(w, line)
		if l.unknown() {
			fmt.Fprintln(w, "    "+picture.Printable(l.reason()))
		}
		for _, k := range v.keys(l) {
			fmt.Fprintln(w, "    "+v.keyLine(l, k))
		}
	}
	return nil
}

// keyLine says of a key how often it is registered, what it holds, and whose it is.
func (v *view) keyLine(l *lun, k pr.Key) string {
	parts := []string{fmt.Sprintf("%-18s  %dx", k, l.state.Count(k))}
	if l.state.HeldBy(k) {
		parts = append(parts, "holds "+l.state.Reservation.Type.String())
	}
	if whose := v.whose(k); whose != "" {
		parts = append(parts, whose)
	}
	return strings.Join(parts, "  ")
}

// registrations shows a line for each registration.
func (v *view) registrations(w io.Writer) error {
	return front.PrintTable(w, []string{"LUN", "KEY", "HOLDER", "PORT", "INITIATOR", "WHOSE"}, func(add func(...string)) {
		for _, l := range v.shown() {
			name, empty := picture.Printable(l.Device), true
			for _, k := range v.keys(l) {
				for _, r := range l.state.Registrations {
					if r.Key == k {
						add(name, k.String(), v.holdsBy(l, r), portOf(r), v.initiatorText(r.Initiator), v.whose(k))
						name, empty = "", false
					}
				}
			}
			if empty && l.err != nil {
				add(name, picture.Printable(l.held()))
			} else if empty {
				add(name, words.None)
			}
		}
	})
}

// holdsBy reports whether a registration is the holder's. A device that does not tell whose
// they are tells it of the key.
func (v *view) holdsBy(l *lun, r pr.Registration) string {
	if r.Holder || !l.state.Identified && l.state.HeldBy(r.Key) {
		return "yes"
	}
	return ""
}

// portOf is the device's port of a registration.
func portOf(r pr.Registration) string {
	switch {
	case r.AllPorts:
		return "all"
	case r.RelativePort == 0:
		return ""
	}
	return strconv.Itoa(int(r.RelativePort))
}

// ways shows a line for each path.
func (v *view) ways(w io.Writer) error {
	return front.PrintTable(w, []string{"LUN", "PATH", "STATE", "PORT", "INITIATOR"}, func(add func(...string)) {
		for _, l := range v.shown() {
			name := picture.Printable(l.Device)
			for _, p := range l.paths {
				add(name, picture.Printable(p.name), picture.Printable(p.state()), portOf(pr.Registration{RelativePort: p.RelativePort}), v.initiatorText(p.Initiator))
				name = ""
			}
			for _, gone := range l.Gone {
				add(name, picture.Printable(gone), "gone")
				name = ""
			}
		}
	})
}

// state says whether the path can be used.
func (p path) state() string {
	if p.err == nil {
		return "works"
	}
	return words.JoinedLines(words.Reason(p.name, p.err))
}

// csv prints a line for each registration, and one for a LUN without any, for
// spreadsheets. RFC 4180.
func (v *view) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"lun", "wwid", "bytes", "vendor", "model", "use", "paths", "paths_working", "reservation", "generation", "key", "holder", "port", "initiator", "host", "whose"})
	for _, l := range v.shown() {
		generation := ""
		if l.state != nil {
			generation = strconv.FormatUint(uint64(l.state.Generation), 10)
		}
		row := []string{picture.Printable(l.Device), picture.Printable(l.WWID), strconv.FormatUint(l.Size, 10), l.Vendor, l.Model, picture.Printable(l.use()),
			strconv.Itoa(len(l.paths) + len(l.Gone)), strconv.Itoa(l.working()), picture.Printable(l.held()), generation}
		empty := true
		for _, k := range v.keys(l) {
			for _, r := range l.state.Registrations {
				if r.Key == k {
					empty = false
					_ = out.Write(append(row[:len(row):len(row)], k.String(), v.holdsBy(l, r), portOf(r), initiatorName(r.Initiator), v.of(r.Initiator), v.whose(k)))
				}
			}
		}
		if empty {
			_ = out.Write(append(row[:len(row):len(row)], "", "", "", "", "", ""))
		}
	}
	out.Flush()
	return out.Error()
}

func initiatorName(i pr.Initiator) string {
	if i == nil {
		return ""
	}
	return i.String()
}
