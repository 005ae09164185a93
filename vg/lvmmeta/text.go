package lvmmeta

import (
	"strings"
)

// Section is a section of LVM's config format, which metadata is written in:
//
//	name {
//		key = "string"	# comment
//		key = [ 1, "two" ]
//		inner { ... }
//	}
type Section struct {
	Name string
	// Settings and Sections are in the order of the text, no two of one name.
	Settings []Setting
	Sections []*Section
	byName   map[string]*Section
	// start and end are where the section lies in the text, braces included.
	start, end int
}

// Setting is a name with its value.
type Setting struct {
	Name  string
	Value Value
}

// Value is a setting's value.
type Value struct {
	// Array tells [ 1 ] from 1.
	Array bool
	Items []Item
}

// Item is a string or number.
type Item struct {
	// Text is a string without quotes and escapes, or a number as it stands.
	Text   string
	Number bool
}

// value returns the value of a setting.
func (s *Section) value(name string) (Value, bool) {
	for i := range s.Settings {
		if s.Settings[i].Name == name {
			return s.Settings[i].Value, true
		}
	}
	return Value{}, false
}

// Section returns the section of that name in this one, or nil.
func (s *Section) Section(name string) *Section {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// Limits of a text. lvm2 nests four deep: group, logical_volumes, volume,
// segment.
const (
	maxDepth = 16
	// maxNodes and maxSections bound the memory for what is kept: that is enough for
	// the metadata of 10000 logical volumes on 10000 physical ones.
	maxNodes, maxSections = 3 << 16, 64 << 10
)

// everything is what Parse keeps.
func everything([]string, string, bool) bool { return true }

// Parse reads a text. What it returns shares the text's memory. Errors:
// *FormatError of class ErrMalformed, or ErrTooLarge.
func Parse(text string) (*Section, error) { return parse(text, everything) }

// parse reads a text and keeps of it those settings and sections of which keep says
// so; in are the names of the sections around, and section tells which it is. The form of the others is checked, and
// nothing is allocated for them.
func parse(text string, keep func(in []string, name string, section bool) bool) (*Section, error) {
	if len(text) > MaxText {
		return nil, &FormatError{PartText, 0, ErrTooLarge}
	}
	p := &parser{text: text, keep: keep}
	top := &Section{}
	if err := p.body(top, 0); err != nil {
		return nil, err
	}
	return top, nil
}

// parser goes through a text once.
type parser struct {
	text            string
	at              int
	nodes, sections int
	keep            func(in []string, name string, section bool) bool
	// in are the names of the sections that are open and kept.
	in []string
}

// fail is an error at the parser's place.
func (p *parser) fail(format string, args ...any) error {
	return malformed(PartText, int64(p.at), format, args...)
}

// count takes note of a section or value that is kept.
func (p *parser) count() error {
	if p.nodes++; p.nodes > maxNodes {
		return &FormatError{PartText, int64(p.at), ErrTooLarge}
	}
	return nil
}

// peek skips blanks and comments and returns the byte that follows, 0 at the
// end. A zero byte is the end: lvm2 writes a C string.
func (p *parser) peek() byte {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case ' ', '\t', '\n', '\r', '\v', '\f':
			p.at++
		case '#':
			end := strings.IndexByte(p.text[p.at:], '\n')
			if end < 0 {
				p.at = len(p.text)
				return 0
			}
			p.at += end
		default:
			return c
		}
	}
	return 0
}

// body reads settings and sections up to the end of the section, or of the text
// at depth 0. s is nil for a section that is not kept.
func (p *parser) body(s *Section, depth int) error {
	for {
		switch c := p.peek(); c {
		case 0:
			if depth > 0 {
				return p.fail("the text ends in a section")
			}
			return nil
		case '}':
			if depth == 0 {
				return p.fail("} without {")
			}
			p.at++
			return nil
		}
		if err := p.entry(s, depth); err != nil {
			return err
		}
	}
}

// entry reads one setting or section.
func (p *parser) entry(s *Section, depth int) error {
	name, err := p.name(s != nil)
	if err != nil {
		return err
	}
	next := p.peek()
	if s != nil && !p.keep(p.in, name, next == '{') {
		s = nil
	}
	if s != nil {
		if _, ok := s.value(name); ok || s.byName[name] != nil {
			return p.fail("%q is there twice", clip(name))
		}
		if err := p.count(); err != nil {
			return err
		}
	}
	switch next {
	case '{':
		return p.section(s, name, depth+1)
	case '=':
		p.at++
		v, err := p.value(s != nil)
		if err == nil && s != nil {
			s.Settings = append(s.Settings, Setting{name, v})
		}
		return err
	}
	return p.fail("neither = nor { after %q", clip(name))
}

// section reads a section in another, from its brace on; outer is nil if it is not
// kept.
func (p *parser) section(outer *Section, name string, depth int) error {
	if depth > maxDepth {
		return p.fail("sections nested deeper than %d", maxDepth)
	}
	start := p.at
	p.at++
	if outer == nil {
		return p.body(nil, depth)
	}
	if p.sections++; p.sections > maxSections {
		return &FormatError{PartText, int64(p.at), ErrTooLarge}
	}
	s := &Section{Name: name}
	p.in = append(p.in, name)
	if err := p.body(s, depth); err != nil {
		return err
	}
	p.in = p.in[:len(p.in)-1]
	s.start, s.end = start, p.at
	outer.Sections = append(outer.Sections, s)
	if outer.byName == nil {
		outer.byName = map[string]*Section{}
	}
	outer.byName[name] = s
	return nil
}

// name reads the name of a setting or section, or only goes over it.
func (p *parser) name(keep bool) (string, error) {
	if c := p.peek(); c == '"' || c == '\'' {
		return p.quoted(c, keep)
	}
	return p.bare()
}

// bare reads a word without quotes.
func (p *parser) bare() (string, error) {
	start := p.at
	for p.at < len(p.text) && !endsWord(p.text[p.at]) {
		p.at++
	}
	if p.at == start {
		return "", p.fail("unexpected %q", p.text[p.at:min(p.at+1, len(p.text))])
	}
	return p.text[start:p.at], nil
}

// endsWord knows what cannot be in a word without quotes.
func endsWord(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', '\v', '\f', '#', '=', '{', '}', '[', ']', ',', '"', '\'', 0:
		return true
	}
	return false
}

// value reads a string, a number or an array of them, or only goes over it.
func (p *parser) value(keep bool) (Value, error) {
	if p.peek() != '[' {
		i, err := p.item(keep)
		if err != nil || !keep {
			return Value{}, err
		}
		return Value{Items: []Item{i}}, nil
	}
	p.at++
	v := Value{Array: true}
	if p.peek() == ']' {
		p.at++
		return v, nil
	}
	for {
		i, err := p.item(keep)
		if err != nil {
			return Value{}, err
		}
		if keep {
			v.Items = append(v.Items, i)
		}
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			return v, nil
		default:
			return Value{}, p.fail("array without an end")
		}
	}
}

// item reads a string or number, or only goes over it.
func (p *parser) item(keep bool) (Item, error) {
	if keep {
		if err := p.count(); err != nil {
			return Item{}, err
		}
	}
	c := p.peek()
	if c == '"' || c == '\'' {
		text, err := p.quoted(c, keep)
		return Item{Text: text}, err
	}
	text, err := p.bare()
	return Item{Text: text, Number: isNumber(text)}, err
}

// isNumber knows integers and fractions.
func isNumber(text string) bool {
	text = strings.TrimLeft(text, "+-")
	digits := strings.Replace(text, ".", "", 1)
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// quoted reads a string in quotes, or only goes over it. In double quotes a backslash takes the next
// byte as it is; in single ones it is a byte like others.
func (p *parser) quoted(quote byte, keep bool) (string, error) {
	start := p.at + 1
	escaped := false
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			p.at = i + 1
			if s := p.text[start:i]; !escaped || !keep {
				return s, nil
			}
			return unescape(p.text[start:i]), nil
		case c == '\\' && quote == '"':
			escaped = true
			i++
		}
	}
	return "", p.fail("string without an end")
}

// unescape takes the backslashes out.
func unescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
