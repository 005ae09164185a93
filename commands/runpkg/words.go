package runpkg

import (
	"errors"
	"strings"

	"lunguard/cluster"
)

// errQuote says that a quote is not closed.
var errQuote = errors.New("a closing quote was expected")

// splitWords takes a command line apart as a shell does, at blanks that are not
// quoted. There is no shell: nothing is expanded.
func splitWords(text string) ([]string, error) {
	s := splitter{}
	for i := range len(text) {
		s.take(text[i])
	}
	if s.quote != 0 || s.escaped {
		return nil, errQuote
	}
	s.end()
	return s.words, nil
}

// splitter is a command line that is being taken apart.
type splitter struct {
	words []string
	word  strings.Builder
	// inWord is needed for a word that is empty: ''.
	inWord, escaped bool
	quote           byte
}

// take takes one byte: the name of a file need not be UTF-8.
func (s *splitter) take(c byte) {
	switch {
	case s.escaped:
		// In double quotes a backslash is for these only, as in a shell.
		if s.quote == '"' && strings.IndexByte(`"\$`+"`", c) < 0 {
			s.word.WriteByte('\\')
		}
		s.word.WriteByte(c)
		s.escaped = false
	case c == '\\' && s.quote != '\'':
		s.escaped, s.inWord = true, true
	case s.quote != 0:
		if c == s.quote {
			s.quote = 0
			return
		}
		s.word.WriteByte(c)
	case c == '"' || c == '\'':
		s.quote, s.inWord = c, true
	case strings.IndexByte(" \t\n", c) >= 0:
		s.end()
	default:
		s.word.WriteByte(c)
		s.inWord = true
	}
}

func (s *splitter) end() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.inWord = false
}

// joinWords is a command line that splitWords, or a shell, takes apart again.
func joinWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// expand puts the values of variables into the name of a file. The error is
// *cluster.UnsetError.
func expand(file string, env []string) (string, error) {
	return cluster.Expand(file, func(name string) (string, bool) { return lookup(env, name) })
}
