package picture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
)

// Printable makes a text safe for a terminal, in one line: what is no printable
// character, such as ESC, a line end or a mark that turns the direction of writing
// round, becomes an escape that can be read. Names come from devices and files of
// others.
func Printable(s string) string { return escaped(s, false) }

// PrintableText is Printable for a text of several lines: line ends and tabs stay.
func PrintableText(s string) string { return escaped(s, true) }

// Unprintable reports whether a character may not get to a terminal as it is. n is its
// length in bytes, for [utf8.DecodeRuneInString] has no other mark of what is no UTF-8.
func Unprintable(r rune, n int) bool {
	return r == utf8.RuneError && n == 1 || !unicode.IsPrint(r)
}

func escaped(s string, lines bool) string {
	clean := true
	for _, r := range s {
		clean = clean && r != utf8.RuneError && (unicode.IsPrint(r) || lines && (r == '\n' || r == '\t'))
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case lines && (r == '\n' || r == '\t'):
			b.WriteByte(s[0])
		case !Unprintable(r, n):
			b.WriteString(s[:n])
		case n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// plural counts things whose name takes an s.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// summary says how many LUNs there are and what is known of them.
func (t tally) summary(judged bool) string {
	if t.all == 0 && t.lost == 0 {
		return "no LUNs: nothing was looked at"
	}
	parts := []string{plural(t.all, "LUN")}
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+what)
		}
	}
	if judged {
		add(t.protected, "protected")
		add(t.all-t.protected-t.unknown, "not protected")
		add(t.findings, "with findings")
	}
	add(t.unknown, Unknown)
	if t.lost > 0 {
		parts = append(parts, t.lostWords()+" "+Unknown)
	}
	return strings.Join(parts, ", ")
}

// lostWords counts what could not be found or opened.
func (t tally) lostWords() string {
	if t.groups {
		return plural(t.lost, "volume group")
	}
	return plural(t.lost, "package")
}

// title names a section and says what is in it.
func (s *Section) title() string {
	var kind string
	if s.Type != "" {
		kind = Printable(s.Type) + ", "
	}
	if !s.Known {
		return Printable(s.Name) + ": " + kind + Unknown
	}
	t := (&Picture{Sections: []Section{*s}}).tally()
	return Printable(s.Name) + ": " + kind + t.summary(s.judged())
}

// pathsCell says how many paths of this host answer, of how many.
func (l *LUN) pathsCell() string {
	if l.Paths == nil || l.Working == nil {
		return Unknown
	}
	return strconv.Itoa(*l.Working) + "/" + strconv.Itoa(*l.Paths)
}

// pathsShade is how bad that is.
func (l *LUN) pathsShade() shade {
	switch {
	case l.Paths == nil || l.Working == nil:
		return grave
	case *l.Working < *l.Paths:
		return warning
	}
	return plain
}

// cell is what the table says of a node on a LUN.
func (l *LUN) cell(node string) string {
	n, ok := l.of(node)
	if !l.Known || !ok || n.Registered == nil {
		return Unknown
	}
	text := strconv.Itoa(*n.Registered)
	if n.AllPorts {
		text += "a"
	}
	if n.Leaving {
		text += "L"
	}
	if n.Taking {
		text += "T"
	}
	if n.Holds {
		text += "*"
	}
	return text
}

// foreignCell lists keys of no node, most of them; the finding has all. The
// holder's is marked.
func (l *LUN) foreignCell(most int) string {
	switch {
	case !l.Known:
		return Unknown
	case len(l.Foreign) == 0:
		return "none"
	}
	holders := strings.Split(l.Holder, ",")
	var list []string
	for _, k := range l.Foreign[:min(most, len(l.Foreign))] {
		if slices.Contains(holders, k) {
			k += "*"
		}
		list = append(list, k)
	}
	text := strings.Join(list, ",")
	if more := len(l.Foreign) - len(list); more > 0 {
		text += " +" + strconv.Itoa(more)
	}
	return text
}

// foreignHolds reports whether a key of no node holds the reservation.
func (l *LUN) foreignHolds() bool {
	holders := strings.Split(l.Holder, ",")
	return slices.ContainsFunc(l.Foreign, func(k string) bool { return slices.Contains(holders, k) })
}

// foreignKeys is how many keys of no node a cell has room for. Without a config
// they are all that there is to see.
func (s *Section) foreignKeys() int {
	if s.judged() {
		return 1
	}
	return 4
}

// States are the lines of the last column: the condition, and what makes it that.
func (l *LUN) States() []string {
	if len(l.Findings) == 0 {
		switch {
		case l.State != "":
			return []string{l.State}
		case !l.Known:
			return []string{Unknown}
		case l.Reserved != nil && *l.Reserved:
			return []string{"reserved: " + Printable(l.Type)}
		}
		return []string{"not reserved, every node can write"}
	}
	lines := make([]string, len(l.Findings))
	for i, f := range l.Findings {
		lines[i] = Printable(f.Text)
	}
	if l.State != "" {
		lines[0] = l.State + ": " + strings.TrimPrefix(lines[0], l.State+": ")
	}
	return lines
}

// Wrap breaks a text between words so that no line is wider than width; words
// that are wider are cut. 0 is no limit.
func Wrap(text string, width int) []string {
	if width <= 0 || columns(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
		for columns(line) > width {
			n := head(line, width)
			lines, line = append(lines, line[:n]), line[n:]
		}
	}
	return append(lines, line)
}

// columns is how wide a text without escape sequences is on a terminal.
func columns(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return tablewriter.DisplayWidth(s)
		}
	}
	return len(s)
}

// head is how many bytes at the start of a text have room in width columns:
// one character at least.
func head(s string, width int) int {
	n := 0
	for i, r := range s {
		end := i + utf8.RuneLen(r)
		if i > 0 && columns(s[:end]) > width {
			break
		}
		n = end
	}
	return n
}

// gap stands for what was taken out of a name.
const gap = "..."

// shorten takes characters out of the middle of a name: its end is what tells
// it from the next one, its beginning what it is.
func shorten(name string, width int) string {
	if columns(name) <= width || width <= len(gap) {
		return name
	}
	first := head(name, (width-len(gap))/3)
	if (width-len(gap))/3 == 0 {
		first = 0
	}
	last := first
	for columns(name[:first])+len(gap)+columns(name[last:]) > width {
		_, n := utf8.DecodeRuneInString(name[last:])
		last += n
	}
	return name[:first] + gap + name[last:]
}
