package golden

import (
	"fmt"
	"strconv"
	"strings"
)

// Text of a stream stands as one line each of
//
//	| a line
//	|x12 a line that comes 12 times
//	"what is none\n"
//
// the last for what would not survive an editor.

func textOf(p paragraph) (*string, error) {
	s, err := text(p.lines)
	return &s, err
}

func text(lines []string) (string, error) {
	var b strings.Builder
	for _, line := range lines {
		switch {
		case line == "|":
			b.WriteString("\n")
		case strings.HasPrefix(line, "| "):
			b.WriteString(line[2:] + "\n")
		case strings.HasPrefix(line, "|x"):
			times, line, _ := strings.Cut(line[2:], " ")
			n, err := strconv.Atoi(times)
			if err != nil {
				return "", err
			}
			b.WriteString(strings.Repeat(line+"\n", n))
		default:
			s, err := strconv.Unquote(line)
			if err != nil {
				return "", fmt.Errorf("no text: %s", line)
			}
			b.WriteString(s)
		}
	}
	return b.String(), nil
}

// plain tells whether a line stands as it is.
func plain(line string) bool {
	if !strings.HasSuffix(line, "\n") || strings.HasSuffix(line, " \n") {
		return false
	}
	for _, c := range []byte(line[:len(line)-1]) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func writeText(b *strings.Builder, name, text string) {
	if text == "" {
		return
	}
	fmt.Fprintf(b, "%s\n", name)
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n] == lines[i] {
			n++
		}
		switch line := lines[i]; {
		case !plain(line):
			fmt.Fprintf(b, "  %+q\n", line)
			n = 1
		case n > 5:
			fmt.Fprintf(b, "  |x%d %s", n, line)
		case line == "\n":
			b.WriteString("  |\n")
			n = 1
		default:
			fmt.Fprintf(b, "  | %s", line)
			n = 1
		}
		i += n
	}
}

// Format gives the file with what was recorded.
func (f *File) Format() string {
	var b strings.Builder
	b.WriteString(f.preamble)
	for i, c := range f.Cases {
		if i > 0 || !strings.HasSuffix(f.preamble, "\n\n") {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s%s\n%s\n", caseMark, c.Name, strings.TrimRight(c.hand, "\n"))
		if c.Unrecorded == "" {
			c.Want.format(&b)
		}
		b.WriteString(c.ours)
	}
	return b.String()
}

func (o *Outcome) format(b *strings.Builder) {
	b.WriteString(originalMark + "\n")
	if len(o.Wire) > 0 {
		b.WriteString("wire\n")
	}
	for _, line := range o.Wire {
		fmt.Fprintf(b, "  %s\n", line)
	}
	writeText(b, "stdout", o.Stdout)
	writeText(b, "stderr", o.Stderr)
	fmt.Fprintf(b, "exit %d\n", o.Exit)
}
