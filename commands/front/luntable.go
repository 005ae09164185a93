package front

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"lunguard/commands/picture"
)

// LUNLine is a LUN in the table of [PrintLUNs]: a line, and what stands below it.
type LUNLine struct {
	LUN, WWID, Size, Paths, State, Use string
	// Trouble is why nothing is known, empty if something is.
	Trouble string
	Keys    []string
}

// LUNColumns are the headings of the lines.
func LUNColumns() []string { return []string{"LUN", "WWID", "SIZE", "PATHS", "STATE", "USE"} }

// Cells are the columns of the line.
func (l LUNLine) Cells() []string {
	return []string{picture.Printable(l.LUN), picture.Printable(l.WWID), l.Size, l.Paths, picture.Printable(l.State), picture.Printable(l.Use)}
}

// PrintLUNs prints LUNs as a table, with the keys of each below it.
func PrintLUNs(w io.Writer, list []LUNLine) error {
	var table bytes.Buffer
	err := PrintTable(&table, LUNColumns(), func(add func(...string)) {
		for _, l := range list {
			add(l.Cells()...)
		}
	})
	if err != nil {
		return err
	}
	// Each row of the table is one line, and its keys are put behind it.
	line, rest, _ := strings.Cut(table.String(), "\n")
	fmt.Fprintln(w, line)
	for _, l := range list {
		line, rest, _ = strings.Cut(rest, "\n")
		fmt.Fprintln(w, line)
		if l.Trouble != "" {
			fmt.Fprintln(w, "    "+picture.Printable(l.Trouble))
		}
		for _, k := range l.Keys {
			fmt.Fprintln(w, "    "+k)
		}
	}
	return nil
}

// KeyLine says of a key on a LUN how often it is registered, what it holds, and whose it
// is; empty for nothing and nobody known.
func KeyLine(key string, count int, holds, whose string) string {
	parts := []string{fmt.Sprintf("%-18s  %dx", key, count)}
	if holds != "" {
		parts = append(parts, "holds "+holds)
	}
	if whose != "" {
		parts = append(parts, whose)
	}
	return strings.Join(parts, "  ")
}

// Size is a number of bytes for people.
func Size(n uint64) string {
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

// Standing is how a LUN stands, in a word.
func Standing(registrations int, reserved bool) string {
	switch {
	case reserved:
		return "reserved"
	case registrations > 0:
		return "registered"
	}
	return "free"
}
