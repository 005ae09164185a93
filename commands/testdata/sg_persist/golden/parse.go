package golden

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Lines that begin a part.
const (
	caseMark     = "== "
	originalMark = "-- original"
	oursMark     = "-- ours: "
)

// Read reads a case file.
func Read(name string) (*File, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := parseFile(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func parseFile(text string) (*File, error) {
	parts := strings.Split("\n"+text, "\n"+caseMark)
	f := &File{preamble: strings.TrimPrefix(parts[0], "\n")}
	seen := map[string]bool{}
	for _, part := range parts[1:] {
		c, err := parseCase(strings.TrimRight(part, "\n") + "\n")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part[:strings.IndexByte(part+"\n", '\n')], err)
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("two cases are called %s", c.Name)
		}
		seen[c.Name] = true
		f.Cases = append(f.Cases, c)
	}
	return f, nil
}

func parseCase(text string) (*Case, error) {
	c := &Case{}
	var original string
	if at := strings.Index(text, "\n"+oursMark); at >= 0 {
		text, c.ours = text[:at+1], text[at+1:]
	}
	if at := strings.Index(text, "\n"+originalMark); at >= 0 {
		text, original = text[:at+1], text[at+1:]
	}
	c.Name, c.hand, _ = strings.Cut(text, "\n")
	if err := c.parse(); err != nil {
		return nil, err
	}
	return c, c.parseOutcomes(original)
}

// parse reads the part of a case that is the call.
func (c *Case) parse() error {
	for _, p := range paragraphs(c.hand) {
		var err error
		switch p.word {
		case "args":
			c.Args, err = fields(p.rest)
		case "env":
			c.Env = append(c.Env, p.rest)
		case "stdin":
			c.Stdin, err = text(p.lines)
		case "file":
			f := TextFile{Name: p.rest}
			f.Text, err = text(p.lines)
			c.Files = append(c.Files, f)
		case "unrecorded":
			c.Unrecorded = p.rest
		default:
			err = c.Script.parse(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Case) parseOutcomes(original string) error {
	first, body, _ := strings.Cut(original, "\n")
	o, err := parseOurs(first, body)
	if err != nil {
		return err
	}
	c.Want = (&Case{Ours: o}).Wanted()
	if c.ours == "" {
		return nil
	}
	first, body, _ = strings.Cut(c.ours, "\n")
	c.Ours, err = parseOurs(strings.TrimPrefix(first, oursMark), body)
	return err
}

func parseOurs(reason, body string) (*Ours, error) {
	o := &Ours{Reason: reason}
	for _, p := range paragraphs(body) {
		var err error
		switch p.word {
		case "args":
			o.Args, err = fields(p.rest)
		case "wire":
			o.Wire = &p.lines
		case "stdout":
			o.Stdout, err = textOf(p)
		case "stderr":
			o.Stderr, err = textOf(p)
		case "exit":
			var status int
			status, err = strconv.Atoi(p.rest)
			o.Exit = &status
		default:
			if o.Script == nil {
				o.Script = &Script{}
			}
			err = o.Script.parse(p)
		}
		if err != nil {
			return nil, err
		}
	}
	return o, nil
}

// paragraph is a line with a word at its beginning and the indented lines
// behind it, without their indent.
type paragraph struct {
	word, rest string
	lines      []string
}

func paragraphs(text string) []paragraph {
	var all []paragraph
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line == "", line[0] == '#':
		case strings.HasPrefix(line, "  ") && len(all) > 0:
			p := &all[len(all)-1]
			p.lines = append(p.lines, line[2:])
		default:
			word, rest, _ := strings.Cut(line, " ")
			all = append(all, paragraph{word: word, rest: rest})
		}
	}
	return all
}

// fields splits as a shell does, as far as quotes of one kind go.
func fields(line string) ([]string, error) {
	var all []string
	for {
		line = strings.TrimLeft(line, " ")
		if line == "" {
			return all, nil
		}
		word := ""
		for line != "" && line[0] != ' ' {
			if line[0] != '\'' {
				word, line = word+line[:1], line[1:]
				continue
			}
			quoted, rest, ok := strings.Cut(line[1:], "'")
			if !ok {
				return nil, fmt.Errorf("quote without end: %s", line)
			}
			word, line = word+quoted, rest
		}
		all = append(all, word)
	}
}
