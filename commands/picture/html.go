package picture

import (
	"bytes"
	_ "embed" // the style of the page
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

//go:embed page.css
var pageStyle string

// page writes XHTML-compatible HTML. Package html/template would make the
// binary larger and every start of every command slower; here all text goes
// through one method.
type page struct {
	b      bytes.Buffer
	escape *strings.Replacer
}

func newPage() *page {
	return &page{escape: strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")}
}

// raw writes markup.
func (p *page) raw(markup string) { p.b.WriteString(markup) }

// text writes a text. Everything that means something to HTML, in text and in
// quoted attributes, is escaped, and what is not printable becomes readable.
func (p *page) text(s string) {
	p.b.WriteString(p.escape.Replace(Printable(s)))
}

// open begins an element; pairs are names of attributes and their values.
func (p *page) open(tag string, pairs ...string) {
	p.raw("<" + tag)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		p.raw(" " + pairs[i] + `="`)
		p.text(pairs[i+1])
		p.raw(`"`)
	}
	p.raw(">")
}

// element writes an element with a text in it.
func (p *page) element(tag, text string, pairs ...string) {
	p.open(tag, pairs...)
	p.text(text)
	p.raw("</" + tag + ">")
}

// class is the name of a shade in the style.
func (s shade) class() string {
	switch s {
	case faint:
		return "faint"
	case good:
		return "good"
	case warning:
		return "warn"
	case grave:
		return "grave"
	}
	return ""
}

// verdict says in a few words how it stands, by the exit status.
func (p *Picture) verdict() (string, shade) {
	t := p.tally()
	switch {
	case t.unknown > 0 || t.lost > 0:
		words := "The state of " + t.unknownWords() + " is " + Unknown
		if t.findings > 0 {
			words += ", and there are findings on " + plural(t.findings, "LUN")
		}
		return words, grave
	case p.Status != 0 || len(p.Errors) > 0:
		return "Something is wrong", p.worst()
	case t.all == 0:
		return "Nothing was looked at", grave
	case t.protected == t.all:
		return "All LUNs are protected", good
	}
	return fmt.Sprintf("Nothing is wrong; %d of %s protected", t.protected, plural(t.all, "LUN")), plain
}

func (t tally) unknownWords() string {
	var parts []string
	if t.unknown > 0 {
		parts = append(parts, plural(t.unknown, "LUN"))
	}
	if t.lost > 0 {
		parts = append(parts, t.lostWords())
	}
	return strings.Join(parts, " and ")
}

// worst is how bad the findings are.
func (p *Picture) worst() shade {
	for _, s := range p.Sections {
		for _, l := range s.LUNs {
			if slices.ContainsFunc(l.Findings, func(f Finding) bool { return f.Grave }) {
				return grave
			}
		}
	}
	return warning
}

// statuses are the exit statuses with their meaning.
func statuses() []string {
	return []string{"all is well", "something is wrong", "the state of a LUN is unknown"}
}

// HTML writes the picture as one page that needs nothing else: no network, no
// scripts.
func (p *Picture) HTML(w io.Writer) error {
	out := newPage()
	words, shade := p.verdict()
	out.begin(p.where() + ": " + words)
	out.head(p, words, shade)
	for i := range p.Sections {
		out.section(&p.Sections[i])
	}
	out.legend(p)
	out.raw("</main>\n</body>\n</html>\n")
	_, err := out.b.WriteTo(w)
	return err
}

// begin writes what stands before the first word of a page.
func (o *page) begin(title string) {
	o.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n" +
		"<meta name=\"color-scheme\" content=\"light dark\"/>\n" +
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n")
	o.element("title", title)
	o.raw("\n<style>\n" + pageStyle + "</style>\n</head>\n<body>\n<main>\n")
}

// where names the cluster, or the node if it has no name.
func (p *Picture) where() string {
	switch {
	case p.Cluster != "":
		return "Cluster " + p.Cluster
	case p.Node != "":
		return "Node " + p.Node
	}
	return "pr_check"
}

// head writes what is to be seen first.
func (o *page) head(p *Picture, words string, c shade) {
	o.raw("<header>\n")
	o.element("h1", p.where())
	o.raw("\n")
	o.element("p", words, "class", strings.TrimSpace("verdict "+c.class()))
	o.raw("\n")
	o.element("p", p.tally().summary(true), "class", "sum")
	o.raw("\n<p class=\"when\">")
	if p.Node != "" {
		o.text("Seen from node ")
		o.element("b", p.Node)
		o.text(" at ")
	} else {
		o.text("Seen at ")
	}
	o.element("time", p.Time.Format("2006-01-02 15:04:05 -07:00"), "datetime", p.Time.Format(time.RFC3339))
	o.text(". What happened later is not on this page.")
	o.raw("</p>\n")
	o.problems(p.Errors)
	o.raw("</header>\n")
}

// problems writes errors with their hints.
func (o *page) problems(list []Problem) {
	if len(list) == 0 {
		return
	}
	o.raw("<ul class=\"problems\">\n")
	for _, e := range list {
		o.open("li", "class", "grave")
		o.text(e.Text)
		o.hint(e.Hint)
		o.raw("</li>\n")
	}
	o.raw("</ul>\n")
}

func (o *page) hint(hint string) {
	if hint != "" {
		o.element("span", hint, "class", "hint")
	}
}

// section writes a package. On a narrow screen the style turns its rows into
// cards, for which each cell carries its heading.
func (o *page) section(s *Section) {
	o.raw("<section>\n<h2>")
	o.text(s.Name)
	if s.Type != "" {
		o.element("small", s.Type)
	}
	o.raw("</h2>\n")
	if !s.Known {
		o.element("p", Unknown, "class", "grave verdict")
		o.problems(s.Trouble)
		o.raw("</section>\n")
		return
	}
	o.element("p", (&Picture{Sections: []Section{*s}}).tally().summary(s.judged()), "class", "sum")
	var trouble, well []*LUN
	for i := range s.LUNs {
		if l := &s.LUNs[i]; l.well() {
			well = append(well, l)
		} else {
			trouble = append(trouble, l)
		}
	}
	if len(well) <= manyWell {
		well, trouble = nil, nil
		for i := range s.LUNs {
			trouble = append(trouble, &s.LUNs[i])
		}
	}
	o.table(s, trouble)
	if len(well) > 0 {
		o.raw("<details>")
		o.element("summary", "No findings on "+plural(len(well), "LUN"))
		o.table(s, well)
		o.raw("</details>\n")
	}
	o.raw("</section>\n")
}

// manyWell is how many LUNs without findings may stand among the others; more
// are folded away, so that those with findings need not be looked for.
const manyWell = 12

func (o *page) table(s *Section, luns []*LUN) {
	if len(luns) == 0 {
		return
	}
	foreign := s.foreign()
	o.raw("\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">LUN</th><th scope=\"col\">paths</th>")
	for _, n := range s.Nodes {
		o.element("th", n, "scope", "col")
	}
	if foreign {
		o.raw("<th scope=\"col\">foreign</th>")
	}
	o.raw("<th scope=\"col\">state</th></tr></thead>\n<tbody>\n")
	for _, l := range luns {
		bar := l.stateShade(0).class()
		if bar != "" {
			bar = "is-" + bar
		}
		o.open("tr", "class", bar)
		o.raw("<th scope=\"row\">")
		o.element("code", l.Name)
		if l.WWID != "" {
			o.element("small", l.WWID, "class", "faint")
		}
		o.raw("</th>")
		o.element("td", l.pathsCell(), "data-label", "paths", "class", strings.TrimSpace("n "+l.pathsShade().class()))
		for _, n := range s.Nodes {
			o.element("td", l.cell(n), "data-label", n, "class", l.cellClass(n))
		}
		if foreign {
			o.element("td", l.foreignCell(s.foreignKeys()), "data-label", "foreign", "class", l.foreignShade().class())
		}
		o.raw("<td class=\"state\">")
		o.states(l)
		o.nexuses(l)
		o.raw("</td></tr>\n")
	}
	o.raw("</tbody>\n</table></div>\n")
}

// nexuses writes who is registered, folded away.
func (o *page) nexuses(l *LUN) {
	if len(l.Nexuses) == 0 {
		return
	}
	o.raw("<details>")
	o.element("summary", plural(len(l.Nexuses), "registration"))
	o.raw("<ul>")
	for _, x := range l.Nexuses {
		words := []string{x.Key}
		if x.Node != "" {
			words = append(words, x.Node)
		}
		if x.Initiator != "" {
			words = append(words, x.Initiator)
		}
		if x.Port != nil {
			words = append(words, fmt.Sprintf("port %d", *x.Port))
		}
		if x.Holds {
			words = append(words, "holds")
		}
		o.element("li", strings.Join(words, " "))
	}
	o.raw("</ul></details>")
}

// cellClass is the style of a node's cell.
func (l *LUN) cellClass(node string) string {
	class := "n " + l.shade(node).class()
	if n, ok := l.of(node); ok && l.Known && n.Holds {
		class += " holds"
	}
	return strings.TrimSpace(class)
}

// states writes what is to be said of a LUN, each finding with its hint.
func (o *page) states(l *LUN) {
	if len(l.Findings) == 0 {
		for i, text := range l.States() {
			o.element("p", text, "class", l.stateShade(i).class())
		}
		return
	}
	for i, f := range l.Findings {
		o.open("p", "class", l.stateShade(i).class())
		if l.State != "" && i == 0 {
			o.element("b", l.State)
			o.raw(": ")
		}
		o.text(strings.TrimPrefix(f.What, "unknown: "))
		o.hint(f.Hint)
		o.raw("</p>")
	}
}

// legend explains signs and statuses.
func (o *page) legend(p *Picture) {
	o.raw("<footer>\n<h2>Legend</h2>\n<dl>\n")
	for _, e := range [][2]string{
		{"2/2", "paths of this host that answer, of those that it has"},
		{"2", "registrations of a node"},
		{"*", "holds the reservation"},
		{"L", "leaving: a halt is under way or was killed"},
		{"T", "taking: a take-over or fence is under way or was killed"},
		{"a", "one registration stands for all target ports"},
		{Unknown, "could not be read; it may be anything, protected or not"},
	} {
		o.element("dt", e[0])
		o.element("dd", e[1])
		o.raw("\n")
	}
	o.raw("</dl>\n<h2>Exit status</h2>\n<dl>\n")
	for i, words := range statuses() {
		class := ""
		if i == p.Status {
			class = "now"
		}
		o.element("dt", fmt.Sprint(i), "class", class)
		o.element("dd", words, "class", class)
		o.raw("\n")
	}
	o.raw("</dl>\n</footer>\n")
}
