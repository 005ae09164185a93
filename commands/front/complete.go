package front

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"
)

// Lines that leave a word to the shell.
const (
	ShellFiles = ":files"
	ShellDirs  = ":dirs"
)

// Suggestion is what a word can become.
type Suggestion struct{ Word, Meaning string }

// Completer lists what a word can become where it stands.
type Completer func(l *Completion, word string) []Suggestion

// offeredFlag is a flag that brings what its value can be.
type offeredFlag struct {
	cli.Flag
	values Completer
}

// Offering makes a flag bring what its value can be.
func Offering(f cli.Flag, values Completer) cli.Flag {
	return &offeredFlag{f, values}
}

// OneOf offers words.
func OneOf(words ...string) Completer {
	return func(*Completion, string) []Suggestion { return WordList(words...) }
}

// Complete prints what the last word of a command line can become.
func (b *Program) Complete(c *Call, name string, line []string) {
	if len(line) == 0 {
		line = []string{""}
	}
	if strings.HasPrefix(name, Self) {
		name = Self
		if first := line[0]; len(line) > 1 && first != "" && first[0] != '-' {
			name, line = first, line[1:]
		}
	}
	a := b.Find(name)
	if a == nil {
		a = b.Behind(name)
	}
	if a == nil {
		return
	}
	last := len(line) - 1
	l := Completion{Call: c, applet: a, opts: withCommon(Options(a.Flags))}
	l.walk(line[:last])
	prefix, list := l.suggestions(line[last])
	l.print(prefix, line[last], list)
}

// withCommon adds the options that every applet has, but for those that it has
// itself.
func withCommon(opts []option) []option {
	common := []option{{names: []string{"help", "h"}}, {names: []string{ManWord}}, {names: []string{"version"}}}
	for _, o := range opts {
		common = slices.DeleteFunc(common, func(c option) bool { return c.names[0] == o.names[0] })
	}
	return append(common, opts...)
}

// Completion is a command line whose last word is looked for.
type Completion struct {
	Call   *Call
	applet *Applet
	opts   []option
	// Operands and Values are what stands before it. Values has the last one
	// of each option, by its first name.
	Operands []string
	Values   map[string]string
	// waiting is the option whose value the word is, nil if it is none's.
	waiting *option
	// ended says that no options follow.
	ended bool
}

// walk takes in the words before the one that is looked for.
func (l *Completion) walk(words []string) {
	l.Values = map[string]string{}
	g := getopt{opts: l.opts}
	for _, w := range words {
		switch {
		case l.waiting != nil:
			l.Values[l.waiting.names[0]], l.waiting = w, nil
		case l.ended || w == "-" || !strings.HasPrefix(w, "-"):
			l.Operands = append(l.Operands, w)
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
func (l *Completion) letters(g *getopt, letters string) {
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
func (l *Completion) option(opt option, value string, given bool) {
	switch {
	case !opt.value:
	case given:
		l.Values[opt.names[0]] = value
	default:
		l.waiting = &opt
	}
}

// suggestions lists what the word can become, and what stands before each.
func (l *Completion) suggestions(word string) (prefix string, list []Suggestion) {
	if l.waiting != nil {
		return "", l.offers(l.waiting.values, word)
	}
	if l.ended || !strings.HasPrefix(word, "-") {
		return "", l.unused(l.offers(l.applet.Operands, word))
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
			list = append(list, Suggestion{"--" + opt.names[0], l.applet.meaning(opt)})
		}
	}
	return "", list
}

// offers is what a completer lists, nothing if there is none.
func (l *Completion) offers(values Completer, word string) []Suggestion {
	if values == nil {
		return nil
	}
	return values(l, word)
}

// unused leaves out the operands that are there already.
func (l *Completion) unused(list []Suggestion) []Suggestion {
	return slices.DeleteFunc(list, func(s Suggestion) bool { return slices.Contains(l.Operands, s.Word) })
}

// print prints those that begin as the word does. What could not be typed, or
// would do something to a terminal, is left out.
func (l *Completion) print(prefix, word string, list []Suggestion) {
	seen := map[string]bool{}
	for _, s := range list {
		text := prefix + s.Word
		switch {
		case s.Word == ShellFiles, s.Word == ShellDirs:
			text = s.Word
		case seen[text], !strings.HasPrefix(text, word), strings.HasPrefix(text, ":"), !plain(text):
			continue
		}
		seen[text] = true
		if s.Meaning != "" && plain(strings.ReplaceAll(s.Meaning, " ", "")) {
			text += "\t" + s.Meaning
		}
		fmt.Fprintln(l.Call.Out, text)
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

// WordList makes suggestions of words.
func WordList(words ...string) []Suggestion {
	list := make([]Suggestion, len(words))
	for i, w := range words {
		list[i].Word = w
	}
	return list
}
