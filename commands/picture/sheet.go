package picture

import (
	"io"
	"strings"
	"time"
)

// Mood is how a sheet is coloured.
type Mood uint8

// Moods.
const (
	Plain Mood = iota
	Good
	Warning
	Grave
)

func (m Mood) shade() shade { return [...]shade{plain, good, warning, grave}[min(int(m), 3)] }

// Sheet is a page with tables.
type Sheet struct {
	Title, Lead string
	Mood        Mood
	Time        time.Time
	// Notes are short paragraphs below the lead.
	Notes    []string
	Problems []Problem
	Tables   []Table
}

// Table is one of them. Each row has a mood and its cells.
type Table struct {
	Name, Text string
	Header     []string
	Rows       []Row
}

// Row is a line of a table.
type Row struct {
	Mood  Mood
	Cells []string
}

// HTML writes the sheet as a page that needs nothing else.
func (s *Sheet) HTML(w io.Writer) error {
	out := newPage()
	out.begin(s.Title + ": " + s.Lead)
	out.raw("<header>\n")
	out.element("h1", s.Title)
	out.element("p", s.Lead, "class", strings.TrimSpace("verdict "+s.Mood.shade().class()))
	for _, note := range s.Notes {
		out.element("p", note, "class", "sum")
	}
	out.raw("\n<p class=\"when\">Seen at ")
	out.element("time", s.Time.Format("2006-01-02 15:04:05 -07:00"), "datetime", s.Time.Format(time.RFC3339))
	out.raw(". What happened later is not on this page.</p>\n")
	out.problems(s.Problems)
	out.raw("</header>\n")
	for _, t := range s.Tables {
		out.sheetTable(&t)
	}
	out.raw("</main>\n</body>\n</html>\n")
	_, err := out.b.WriteTo(w)
	return err
}

func (o *page) sheetTable(t *Table) {
	o.raw("<section>\n")
	if t.Name != "" {
		o.element("h2", t.Name)
	}
	if t.Text != "" {
		o.element("p", t.Text, "class", "sum")
	}
	if len(t.Rows) > 0 {
		o.raw("\n<div class=\"scroll\"><table>\n<thead><tr>")
		for _, h := range t.Header {
			o.element("th", h, "scope", "col")
		}
		o.raw("</tr></thead>\n<tbody>\n")
		for _, r := range t.Rows {
			o.sheetRow(t, r)
		}
		o.raw("</tbody>\n</table></div>\n")
	}
	o.raw("</section>\n")
}

func (o *page) sheetRow(t *Table, r Row) {
	bar := r.Mood.shade().class()
	if bar != "" {
		bar = "is-" + bar
	}
	o.open("tr", "class", bar)
	for i, cell := range r.Cells {
		if i == 0 {
			o.element("th", cell, "scope", "row")
			continue
		}
		o.element("td", cell, "data-label", t.Header[i])
	}
	o.raw("</tr>\n")
}
