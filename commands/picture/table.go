package picture

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
)

// Style says how a table is to look.
type Style struct {
	// Width is the number of columns of the terminal; 0 is no limit.
	Width int
	Color bool
	// Table makes an empty table.
	Table func(w io.Writer, header ...string) *tablewriter.Table
	// Before is the picture that this one is compared with; what changed since
	// is marked. Marks keeps the place for the mark, changed or not.
	Before *Picture
	Marks  bool
}

// Widths below which a column is not made narrower. The last one is given more
// at the cost of the names, if that can be.
const (
	leastName  = 16
	goodState  = 40
	leastState = 24
)

// changedMark stands before a LUN that is not as it was.
const changedMark = ">"

// grid is a section as a table: cells with and without paint.
type grid struct {
	style   *Style
	section *Section
	header  []string
	// names are the LUNs as they are shown.
	names []string
	rows  []gridRow
}

// gridRow is one LUN.
type gridRow struct {
	lun *LUN
	// cells are those of the nodes and of foreign keys.
	cells   []painted
	states  []painted
	changed bool
}

// Table prints the picture as tables, LUNs down and nodes across, one for each
// section. A section that is too wide for the terminal gets a block for each
// LUN instead. Lines are never wider than the terminal.
func (p *Picture) Table(w io.Writer, style Style) error {
	var b bytes.Buffer
	marks := marks{}
	for i := range p.Sections {
		if i > 0 {
			b.WriteByte('\n')
		}
		s := &p.Sections[i]
		for _, line := range Wrap(s.title(), style.Width) {
			b.WriteString(style.paint(bold, line) + "\n")
		}
		if s.whole != nil && len(s.whole.LUNs) > len(s.LUNs) {
			unchanged := ""
			if style.Marks {
				unchanged = ", unchanged"
			}
			style.lines(&b, plural(len(s.whole.LUNs)-len(s.LUNs), "LUN")+" without findings"+unchanged+", not shown")
		}
		if !s.Known {
			style.trouble(&b, s.Trouble)
			continue
		}
		style.section(&b, s, p.before(style.Before, i))
		marks.add(s)
	}
	if len(p.Sections) != 1 {
		if len(p.Sections) > 0 {
			b.WriteByte('\n')
		}
		style.lines(&b, p.tally().summary(!slices.ContainsFunc(p.Sections, func(s Section) bool { return !s.judged() })))
	}
	if legend := marks.legend(style); legend != "" {
		b.WriteByte('\n')
		style.lines(&b, legend)
	}
	_, err := b.WriteTo(w)
	return err
}

// before finds the section of the earlier picture that shows the same.
func (p *Picture) before(earlier *Picture, i int) *Section {
	if earlier == nil {
		return nil
	}
	for j := range earlier.Sections {
		if earlier.Sections[j].Name == p.Sections[i].Name {
			return &earlier.Sections[j]
		}
	}
	return &Section{}
}

// lines prints a text in the width that there is.
func (s *Style) lines(w io.Writer, text string) {
	for _, line := range Wrap(text, s.Width) {
		fmt.Fprintln(w, line)
	}
}

// trouble says why nothing is known of a section.
func (s *Style) trouble(w io.Writer, list []Problem) {
	for _, t := range list {
		for _, line := range Wrap(Unknown+": "+Printable(t.Text), s.Width) {
			fmt.Fprintln(w, s.paint(grave, line))
		}
	}
}

// section prints one table.
func (s *Style) section(w io.Writer, sec *Section, before *Section) {
	if len(sec.LUNs) == 0 {
		return
	}
	g := newGrid(s, sec, before)
	if room, ok := g.fit(); ok {
		g.table(w, room)
		return
	}
	g.blocks(w)
}

func newGrid(s *Style, sec *Section, before *Section) *grid {
	g := &grid{style: s, section: sec, header: []string{"LUN", "PATHS"}}
	for _, n := range sec.Nodes {
		g.header = append(g.header, Printable(n))
	}
	foreign, most := sec.foreign(), sec.foreignKeys()
	if foreign {
		word := "FOREIGN"
		if !sec.judged() {
			// Without a config nobody knows whose the keys are.
			word = "KEYS"
		}
		g.header = append(g.header, word)
	}
	g.header = append(g.header, "STATE")
	for i := range sec.LUNs {
		l := &sec.LUNs[i]
		row := gridRow{lun: l}
		old := earlier(before, l.Name)
		row.cells = append(row.cells, painted{l.pathsCell(), l.pathsShade(), old != nil && old.pathsCell() != l.pathsCell()})
		for _, n := range sec.Nodes {
			row.cells = append(row.cells, painted{l.cell(n), l.shade(n), old != nil && old.cell(n) != l.cell(n)})
		}
		if foreign {
			row.cells = append(row.cells, painted{l.foreignCell(most), l.foreignShade(), old != nil && old.foreignCell(most) != l.foreignCell(most)})
		}
		for j, text := range l.States() {
			row.states = append(row.states, painted{text, l.stateShade(j), old != nil && !slices.Contains(old.States(), text)})
		}
		row.changed = before != nil && (old == nil || len(old.States()) != len(row.states))
		for _, c := range slices.Concat(row.cells, row.states) {
			row.changed = row.changed || c.changed
		}
		g.rows = append(g.rows, row)
		g.names = append(g.names, Printable(l.Name))
	}
	return g
}

// earlier is a LUN as it was; nil if it was not there or nothing was.
func earlier(before *Section, name string) *LUN {
	if before == nil {
		return nil
	}
	for i := range before.LUNs {
		if before.LUNs[i].Name == name {
			return &before.LUNs[i]
		}
	}
	return nil
}

// margin is what stands before a LUN's name.
func (g *grid) margin(changed bool) string {
	switch {
	case !g.style.Marks:
		return ""
	case changed:
		return changedMark + " "
	}
	return "  "
}

// fit finds out whether the table has room in the width, with shortened names
// if need be, and how much of it is for the last column; 0 is all it wants.
func (g *grid) fit() (room int, ok bool) {
	if g.style.Width <= 0 {
		return 0, true
	}
	const between = 2
	fixed := 0
	for i, h := range g.header[1 : len(g.header)-1] {
		width := columns(h)
		for _, r := range g.rows {
			width = max(width, columns(r.cells[i].text))
		}
		fixed += width + between
	}
	name, state := columns(g.header[0]), columns(g.header[len(g.header)-1])
	for i, r := range g.rows {
		name = max(name, columns(g.names[i]))
		for _, s := range r.states {
			state = max(state, columns(s.text))
		}
	}
	fixed += between + len(g.margin(false))
	for _, least := range []int{min(state, goodState), min(state, leastState)} {
		over := max(fixed+name+least-g.style.Width, 0)
		if over == 0 || name-over >= leastName && g.shortenNames(name-over) {
			return g.style.Width - fixed - name + over, true
		}
	}
	return 0, false
}

// shortenNames shortens all names, unless two would become the same.
func (g *grid) shortenNames(width int) bool {
	seen := map[string]bool{}
	short := make([]string, len(g.names))
	for i, n := range g.names {
		short[i] = shorten(n, width)
		if seen[short[i]] {
			return false
		}
		seen[short[i]] = true
	}
	g.names = short
	return true
}

// table prints the grid as a table.
func (g *grid) table(w io.Writer, room int) {
	var b bytes.Buffer
	header := slices.Clone(g.header)
	header[0] = g.margin(false) + header[0]
	t := g.style.Table(&b, header...)
	for i, r := range g.rows {
		row := []string{g.style.paint(r.nameShade(), g.margin(r.changed)+g.names[i])}
		for _, c := range r.cells {
			row = append(row, g.style.cell(c))
		}
		for _, s := range r.states {
			for _, line := range Wrap(s.text, room) {
				t.Append(append(row, g.style.cell(painted{line, s.shade, s.changed})))
				row = make([]string, len(g.header)-1)
			}
		}
	}
	t.Render()
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

// blocks prints a few lines for each LUN: its name, its nodes, its state.
func (g *grid) blocks(w io.Writer) {
	width := g.style.Width
	for i, r := range g.rows {
		name := shorten(g.names[i], max(width-len(g.margin(false)), len(gap)+1))
		fmt.Fprintln(w, g.style.paint(r.nameShade(), g.margin(r.changed)+name))
		for _, line := range g.cellLines(r, width-len(indent)) {
			fmt.Fprintln(w, indent+line)
		}
		for _, s := range r.states {
			for _, text := range Wrap(s.text, max(width-len(indent), 1)) {
				fmt.Fprintln(w, indent+g.style.cell(painted{text, s.shade, s.changed}))
			}
		}
	}
}

// indent stands before the lines of a block.
const indent = "  "

// cellLines are the cells of a LUN, each behind its heading, as many in a line
// as have room.
func (g *grid) cellLines(r gridRow, width int) []string {
	var lines []string
	line, used := "", 0
	for j, c := range r.cells {
		label := shorten(g.header[j+1], max(width-1-columns(c.text), len(gap)+1))
		need := columns(label) + 1 + columns(c.text)
		if used > 0 && used+2+need > width {
			lines, line, used = append(lines, line), "", 0
		}
		if used > 0 {
			line, used = line+"  ", used+2
		}
		line, used = line+label+" "+g.style.cell(c), used+need
	}
	if used > 0 {
		lines = append(lines, line)
	}
	return lines
}

// marks are the signs that stand in a table and have to be explained.
type marks struct{ paths, count, holds, leaving, taking, ports bool }

func (m *marks) add(s *Section) {
	for _, l := range s.LUNs {
		m.holds = m.holds || l.foreignHolds()
		m.paths = m.paths || l.Paths != nil
		for _, n := range l.Nodes {
			if !l.Known || n.Registered == nil {
				continue
			}
			m.count = true
			m.holds = m.holds || n.Holds
			m.leaving = m.leaving || n.Leaving
			m.taking = m.taking || n.Taking
			m.ports = m.ports || n.AllPorts
		}
	}
}

// legend explains the signs that were used.
func (m marks) legend(s Style) string {
	var parts []string
	add := func(used bool, text string) {
		if used {
			parts = append(parts, text)
		}
	}
	add(m.paths, "n/m: n of this host's m paths answer")
	add(m.count, "n: registrations of a node")
	add(m.holds, "*: holds the reservation")
	add(m.leaving, "L: leaving, a halt under way or killed")
	add(m.taking, "T: taking, a take-over or fence under way or killed")
	add(m.ports, "a: registered for all target ports")
	add(s.Marks && s.Before != nil, changedMark+": changed since the last reading")
	return strings.Join(parts, "; ")
}

// Trim gives the picture without the LUNs that have no findings and did not change,
// for a screen that has no room for all. The table says how many there are.
func (p *Picture) Trim(before *Picture) *Picture {
	out := *p
	out.Sections = slices.Clone(p.Sections)
	for i := range out.Sections {
		s := &out.Sections[i]
		old := p.before(before, i)
		s.LUNs = slices.DeleteFunc(slices.Clone(s.LUNs), func(l LUN) bool {
			was := earlier(old, l.Name)
			return l.well() && (old == nil || was != nil && l.same(was, s.Nodes))
		})
		s.whole = &p.Sections[i]
	}
	return &out
}

// Problems gives the picture without the LUNs that have no findings.
func (p *Picture) Problems() *Picture {
	out := *p
	out.Sections = slices.Clone(p.Sections)
	for i := range out.Sections {
		s := &out.Sections[i]
		s.LUNs = slices.DeleteFunc(slices.Clone(s.LUNs), func(l LUN) bool { return l.well() })
		s.whole = &p.Sections[i]
	}
	return &out
}

// same reports whether a LUN looks as it did.
func (l *LUN) same(old *LUN, nodes []string) bool {
	for _, n := range nodes {
		if l.cell(n) != old.cell(n) {
			return false
		}
	}
	return l.pathsCell() == old.pathsCell() && slices.Equal(l.Foreign, old.Foreign) && l.foreignHolds() == old.foreignHolds() && slices.Equal(l.States(), old.States())
}
