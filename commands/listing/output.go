package listing

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/words"
	"lunguard/pr"
)

// view is what is shown of LUNs, and how keys and initiators are named.
type view struct {
	owners
	hosts
	// host is the name of this one.
	host string
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
	}
	return front.Standing(len(l.state.Registrations), l.state.Reservation != nil)
}

// table shows the LUNs, with a line for each key below.
func (v *view) table(w io.Writer) error { return front.PrintLUNs(w, v.lines()) }

// lines are the LUNs of the table.
func (v *view) lines() []front.LUNLine {
	var list []front.LUNLine
	for _, l := range v.shown() {
		line := front.LUNLine{
			LUN: l.Device, WWID: l.WWID, Size: front.Size(l.Size), Paths: fmt.Sprintf("%d/%d", l.working(), len(l.paths)+len(l.Gone)),
			State: l.standing(), Use: l.use(),
		}
		if l.unknown() {
			line.Trouble = l.reason()
		}
		for _, k := range v.keys(l) {
			holds := ""
			if l.state.HeldBy(k) {
				holds = l.state.Reservation.Type.String()
			}
			line.Keys = append(line.Keys, front.KeyLine(k.String(), l.state.Count(k), holds, v.whose(k)))
		}
		list = append(list, line)
	}
	return list
}

// columns of a registration.
func keyColumns() []string { return []string{"LUN", "KEY", "HOLDER", "PORT", "INITIATOR", "WHOSE"} }

// registrations shows a line for each registration.
func (v *view) registrations(w io.Writer) error {
	return front.PrintTable(w, keyColumns(), v.eachRegistration)
}

// eachRegistration adds a row for each registration, and one for a LUN without any.
func (v *view) eachRegistration(add func(...string)) {
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
}

// sheet shows LUNs and registrations as a page.
func (v *view) sheet(host string) *picture.Sheet {
	luns := picture.Table{Name: "LUNs", Header: front.LUNColumns()}
	unknown := 0
	for _, l := range v.lines() {
		row := picture.Row{Cells: l.Cells()}
		if l.Trouble != "" {
			unknown++
			row.Mood, row.Cells[4] = picture.Grave, l.State+": "+l.Trouble
		}
		luns.Rows = append(luns.Rows, row)
	}
	keys := picture.Table{Name: "Registrations", Header: keyColumns()}
	v.eachRegistration(func(cells ...string) {
		for len(cells) < len(keys.Header) {
			cells = append(cells, "")
		}
		keys.Rows = append(keys.Rows, picture.Row{Cells: cells})
	})
	s := &picture.Sheet{Title: "LUNs of " + host, Lead: words.Plural(len(luns.Rows), "LUN"), Time: time.Now(), Tables: []picture.Table{luns, keys}}
	if unknown > 0 {
		s.Lead, s.Mood = s.Lead+", of which "+strconv.Itoa(unknown)+" are "+words.Unknown, picture.Grave
	}
	return s
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
