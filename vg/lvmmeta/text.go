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
	Name     string
	Settings map[string]Value
	// Sections are in the order of the text, no two of one name.
	Sections []*Section
	byName   map[string]*Section
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
	// maxNodes and maxSections bound the memory: twice what the metadata of
	// 10000 logical volumes has.
	maxNodes, maxSections = 1 << 20, 64 << 10
)

// Parse reads a text. What it returns shares the text's memory. Errors:
// *FormatError of class ErrMalformed, or ErrTooLarge.
func Parse(text string) (*Section, error) {
	if len(text) > MaxText {
		return nil, &FormatError{PartText, 0, ErrTooLarge}
	}
	p := &parser{text: text}
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
}

// fail is an error at the parser's place.
func (p *parser) fail(format string, args ...any) error {
	return malformed(PartText, int64(p.at), format, args...)
}

// count takes note of a section or value.
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
// at depth 0.
func (p *parser) body(s *Section, depth int) error {
	for {
		switch c := p.peek(); c {
		case 0:
			if depth > 0 {
				return p.fail("the text ends in section %q", clip(s.Name))
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
	if err := p.count(); err != nil {
		return err
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	if _, ok := s.Settings[name]; ok || s.byName[name] != nil {
		return p.fail("%q is there twice", clip(name))
	}
	switch p.peek() {
	case '{':
		return p.section(s, name, depth+1)
	case '=':
		p.at++
		v, err := p.value()
		if err != nil {
			return err
		}
		if s.Settings == nil {
			s.Settings = map[string]Value{}
		}
		s.Settings[name] = v
		return nil
	}
	return p.fail("neither = nor { after %q", clip(name))
}

// section reads a section in another, from its brace on.
func (p *parser) section(outer *Section, name string, depth int) error {
	if depth > maxDepth {
		return p.fail("sections nested deeper than %d", maxDepth)
	}
	if p.sections++; p.sections > maxSections {
		return &FormatError{PartText, int64(p.at), ErrTooLarge}
	}
	p.at++
	s := &Section{Name: name}
	if err := p.body(s, depth); err != nil {
		return err
	}
	outer.Sections = append(outer.Sections, s)
	if outer.byName == nil {
		outer.byName = map[string]*Section{}
	}
	outer.byName[name] = s
	return nil
}

// name reads the name of a setting or section.
func (p *parser) name() (string, error) {
	if c := p.peek(); c == '"' || c == '\'' {
		return p.quoted(c)
	}
	return p.bare()
}

// bare reads a word without quotes.
func (p *parser) bare() (string, error) {
	end := strings.IndexAny(p.text[p.at:], " \t\n\r\v\f#={}[],\"'\x00")
	if end < 0 {
		end = len(p.text) - p.at
	}
	if end == 0 {
		return "", p.fail("unexpected %q", p.text[p.at:min(p.at+1, len(p.text))])
	}
	p.at += end
	return p.text[p.at-end : p.at], nil
}

// value reads a string, a number or an array of them.
func (p *parser) value() (Value, error) {
	if p.peek() != '[' {
		i, err := p.item()
		if err != nil {
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
		i, err := p.item()
		if err != nil {
			return Value{}, err
		}
		v.Items = append(v.Items, i)
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

// item reads a string or number.
func (p *parser) item() (Item, error) {
	if err := p.count(); err != nil {
		return Item{}, err
	}
	c := p.peek()
	if c == '"' || c == '\'' {
		text, err := p.quoted(c)
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

// quoted reads a string in quotes. In double quotes a backslash takes the next
// byte as it is; in single ones it is a byte like others.
func (p *parser) quoted(quote byte) (string, error) {
	start := p.at + 1
	escaped := false
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			p.at = i + 1
			if s := p.text[start:i]; !escaped {
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
