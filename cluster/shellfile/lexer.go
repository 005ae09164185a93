package shellfile

import (
	"fmt"
	"strings"
)

// word is one word of a command, as it stands in the file.
type word struct {
	raw  string
	line int
	// goesOn says that it stood in several lines, each with a backslash at its end.
	goesOn bool
}

// token is a word, or what parts commands: an operator, a line end, or the end.
type token struct {
	word
	kind tokenKind
}

type tokenKind uint8

const (
	end tokenKind = iota
	aWord
	// operator is what parts commands, a newline too.
	operator
	redirection
)

// lexer takes a shell file apart into words and operators. It knows where quotes,
// substitutions and here-documents end; what they mean is not its part.
type lexer struct {
	text string
	pos  int
	line int
	// here are here-documents that begin behind the present line.
	here []hereDocument
	// fault is the first thing that has no end.
	fault *Doubt
}

type hereDocument struct {
	end  string
	tabs bool
}

func (l *lexer) rest() string { return l.text[l.pos:] }

func (l *lexer) has(prefix string) bool { return strings.HasPrefix(l.rest(), prefix) }

// skip moves on by n bytes, and counts lines.
func (l *lexer) skip(n int) {
	n = min(n, len(l.text)-l.pos)
	l.line += strings.Count(l.text[l.pos:l.pos+n], "\n")
	l.pos += n
}

// fail notes that something has no end; nothing behind it is read.
func (l *lexer) fail(line int, what string) {
	if l.fault == nil {
		l.fault = &Doubt{Line: line, Reason: fmt.Sprintf("%s has no end", what)}
	}
	l.pos = len(l.text)
}

// next is the next word or operator.
func (l *lexer) next() token {
	l.blanks()
	at := token{word: word{line: l.line}}
	if l.pos >= len(l.text) {
		return at
	}
	if l.text[l.pos] == '\n' {
		at.kind, at.raw = operator, "\n"
		l.skip(1)
		l.documents()
		return at
	}
	for _, op := range []string{"<<<", "<<-", "<<", "<&", "<>", ">>", ">&", ">|", "<", ">"} {
		if l.has(op) {
			at.kind, at.raw = redirection, op
			l.skip(len(op))
			if op == "<<" || op == "<<-" {
				l.document(op == "<<-")
			}
			return at
		}
	}
	for _, op := range []string{"&&", "||", ";;&", ";;", ";&", "|&", "&", "|", ";", "(", ")"} {
		if l.has(op) {
			at.kind, at.raw = operator, op
			l.skip(len(op))
			return at
		}
	}
	at.kind = aWord
	start := l.pos
	l.takeWord()
	at.raw = joined(l.text[start:l.pos])
	at.goesOn = len(at.raw) < l.pos-start
	return at
}

// joined is a word without the ends of lines that go on within it.
func joined(raw string) string {
	if !strings.Contains(raw, "\\\n") {
		return raw
	}
	var b strings.Builder
	quoted := false
	for i := 0; i < len(raw); i++ {
		switch {
		case raw[i] == '\'':
			quoted = !quoted
		case !quoted && strings.HasPrefix(raw[i:], "\\\n"):
			i++
			continue
		case !quoted && raw[i] == '\\' && i+1 < len(raw):
			b.WriteByte(raw[i])
			i++
		}
		b.WriteByte(raw[i])
	}
	return b.String()
}

// blanks passes over blanks, comments, and ends of lines that go on.
func (l *lexer) blanks() {
	for l.pos < len(l.text) {
		switch {
		case strings.IndexByte(" \t\r", l.text[l.pos]) >= 0:
			l.skip(1)
		case l.has("\\\n"):
			l.skip(2)
		case l.text[l.pos] == '#':
			if i := strings.IndexByte(l.rest(), '\n'); i >= 0 {
				l.skip(i)
			} else {
				l.skip(len(l.rest()))
			}
		default:
			return
		}
	}
}

// takeWord moves behind a word.
func (l *lexer) takeWord() {
	start := l.pos
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		switch {
		case c == '(' && isArray(l.text[start:l.pos]):
			l.enclosed("(", ")", "an array")
		case strings.IndexByte(" \t\n;&|<>()", c) >= 0:
			return
		default:
			l.piece()
		}
	}
}

// piece moves behind one letter, quote or substitution.
func (l *lexer) piece() {
	line := l.line
	switch {
	case l.has("'"):
		i := strings.IndexByte(l.text[l.pos+1:], '\'')
		if i < 0 {
			l.fail(line, "a quote")
			return
		}
		l.skip(i + 2)
	case l.has(`"`):
		l.skip(1)
		for !l.has(`"`) {
			if l.pos >= len(l.text) {
				l.fail(line, "a quote")
				return
			}
			if l.has("'") {
				l.skip(1)
				continue
			}
			l.piece()
		}
		l.skip(1)
	case l.has("$(("), l.has("$("):
		l.skip(1)
		l.enclosed("(", ")", "a command substitution")
	case l.has("${"):
		l.skip(1)
		l.enclosed("{", "}", "a variable")
	case l.has("`"):
		l.skip(1)
		for !l.has("`") {
			if l.pos >= len(l.text) {
				l.fail(line, "a command in backquotes")
				return
			}
			if l.has("\\") {
				l.skip(1)
			}
			l.skip(1)
		}
		l.skip(1)
	case l.has("\\"):
		l.skip(2)
	default:
		l.skip(1)
	}
}

// enclosed moves behind the bracket that closes the one that stands here.
func (l *lexer) enclosed(open, closing, what string) {
	line := l.line
	depth := 0
	for {
		switch {
		case l.pos >= len(l.text):
			l.fail(line, what)
			return
		case l.has(open):
			depth++
			l.skip(1)
		case l.has(closing):
			depth--
			l.skip(1)
			if depth == 0 {
				return
			}
		case open == "(" && l.has("#") && strings.IndexByte(" \t\n(;", l.text[l.pos-1]) >= 0:
			l.blanks()
		default:
			l.piece()
		}
	}
}

// document takes the word behind <<, at which the document ends.
func (l *lexer) document(tabs bool) {
	for l.has(" ") || l.has("\t") {
		l.skip(1)
	}
	start := l.pos
	l.takeWord()
	raw := l.text[start:l.pos]
	l.here = append(l.here, hereDocument{strings.NewReplacer("'", "", `"`, "", "\\", "").Replace(raw), tabs})
}

// documents passes over the here-documents that the line before has announced.
func (l *lexer) documents() {
	for _, d := range l.here {
		line := l.line
		for {
			if l.pos >= len(l.text) {
				l.fail(line, "a here-document")
				break
			}
			text, _, _ := strings.Cut(l.rest(), "\n")
			l.skip(len(text) + 1)
			if d.tabs {
				text = strings.TrimLeft(text, "\t")
			}
			if strings.TrimSuffix(text, "\r") == d.end {
				break
			}
		}
	}
	l.here = nil
}
