package commands

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"
)

// Lines that leave a word to the shell.
const (
	shellFiles = ":files"
	shellDirs  = ":dirs"
)

// suggestion is what a word can become.
type suggestion struct{ word, meaning string }

// completer lists what a word can become where it stands.
type completer func(l *completion, word string) []suggestion

// offeredFlag is a flag that brings what its value can be.
type offeredFlag struct {
	cli.Flag
	values completer
}

// offering makes a flag bring what its value can be.
func offering(f cli.Flag, values completer) cli.Flag {
	return &offeredFlag{f, values}
}

// oneOf offers words.
func oneOf(words ...string) completer {
	return func(*completion, string) []suggestion { return wordList(words...) }
}

// complete prints what the last word of a command line can become.
func (b *program) complete(c *call, name string, line []string) {
	if len(line) == 0 {
		line = []string{""}
	}
	if strings.HasPrefix(name, self) {
		name = self
		if first := line[0]; len(line) > 1 && first != "" && first[0] != '-' {
			name, line = first, line[1:]
		}
	}
	a := b.find(name)
	if a == nil {
		a = b.behind(name)
	}
	if a == nil {
		return
	}
	last := len(line) - 1
	l := completion{c: c, applet: a, opts: withCommon(options(a.flags))}
	l.walk(line[:last])
	prefix, list := l.suggestions(line[last])
	l.print(prefix, line[last], list)
}

// withCommon adds the options that every applet has, but for those that it has
// itself.
func withCommon(opts []option) []option {
	common := []option{{names: []string{"help", "h"}}, {names: []string{manWord}}}
	for _, o := range opts {
		common = slices.DeleteFunc(common, func(c option) bool { return c.names[0] == o.names[0] })
	}
	return append(common, opts...)
}

// completion is a command line whose last word is looked for.
type completion struct {
	c      *call
	applet *applet
	opts   []option
	// operands and values are what stands before it. values has the last one
	// of each option, by its first name.
	operands []string
	values   map[string]string
	// waiting is the option whose value the word is, nil if it is none's.
	waiting *option
	// ended says that no options follow.
	ended bool
}

// walk takes in the words before the one that is looked for.
func (l *completion) walk(words []string) {
	l.values = map[string]string{}
	g := getopt{opts: l.opts}
	for _, w := range words {
		switch {
		case l.waiting != nil:
			l.values[l.waiting.names[0]], l.waiting = w, nil
		case l.ended || w == "-" || !strings.HasPrefix(w, "-"):
			l.operands = append(l.operands, w)
		case w == "--":
			l.ended = true
		case strings.HasPrefix(w, "--"):
			name, value, glued := strings.Cut(w[2:], "=")
			if _, opt, err := g.find(name, name); err == nil {
				l.option(opt, value, glued)
			}
		default:
			l.letters(&g, w[1:])
		}
	}
}

// letters takes in the letters behind one dash.
func (l *completion) letters(g *getopt, letters string) {
	for i, r := range letters {
		opt, ok := g.short(string(r))
		rest := letters[i+len(string(r)):]
		l.option(opt, rest, rest != "")
		if !ok || opt.value {
			return
		}
	}
}

// option takes in an option, which waits for its value unless that is given.
func (l *completion) option(opt option, value string, given bool) {
	switch {
	case !opt.value:
	case given:
		l.values[opt.names[0]] = value
	default:
		l.waiting = &opt
	}
}

// suggestions lists what the word can become, and what stands before each.
func (l *completion) suggestions(word string) (prefix string, list []suggestion) {
	if l.waiting != nil {
		return "", l.offers(l.waiting.values, word)
	}
	if l.ended || !strings.HasPrefix(word, "-") {
		return "", l.unused(l.offers(l.applet.operands, word))
	}
	if name, value, glued := strings.Cut(word, "="); glued && strings.HasPrefix(name, "--") {
		g := getopt{opts: l.opts}
		if _, opt, err := g.find(name[2:], name); err == nil && opt.value {
			return name + "=", l.offers(opt.values, value)
		}
		return "", nil
	}
	for _, opt := range l.opts {
		if !opt.hidden {
			list = append(list, suggestion{word: "--" + opt.names[0]})
		}
	}
	return "", list
}

// offers is what a completer lists, nothing if there is none.
func (l *completion) offers(values completer, word string) []suggestion {
	if values == nil {
		return nil
	}
	return values(l, word)
}

// unused leaves out the operands that are there already.
func (l *completion) unused(list []suggestion) []suggestion {
	return slices.DeleteFunc(list, func(s suggestion) bool { return slices.Contains(l.operands, s.word) })
}

// print prints those that begin as the word does. What could not be typed, or
// would do something to a terminal, is left out.
func (l *completion) print(prefix, word string, list []suggestion) {
	seen := map[string]bool{}
	for _, s := range list {
		text := prefix + s.word
		switch {
		case s.word == shellFiles, s.word == shellDirs:
			text = s.word
		case seen[text], !strings.HasPrefix(text, word), strings.HasPrefix(text, ":"), !plain(text):
			continue
		}
		seen[text] = true
		if s.meaning != "" && plain(strings.ReplaceAll(s.meaning, " ", "")) {
			text += "\t" + s.meaning
		}
		fmt.Fprintln(l.c.Out, text)
	}
}

// plain says that a text has neither blanks nor control characters.
func plain(text string) bool {
	for _, r := range text {
		if r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return false
		}
	}
	return text != ""
}

// wordList makes suggestions of words.
func wordList(words ...string) []suggestion {
	list := make([]suggestion, len(words))
	for i, w := range words {
		list[i].word = w
	}
	return list
}
