package commands

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"lunguard/cluster"
)

// completeWord is the word behind lunguard that the completions of shells use.
const completeWord = "complete"

// pageWord is the word behind lunguard, and the option of every applet, that
// shows manual pages.
const pageWord = "man"

const completeUsage = `
usage: lunguard complete -- APPLET [WORD...]

What the last WORD, which may be empty, can become, one a line, with what it
means behind a tab. The completions of shells call this. A line :files or :dirs
leaves it to the shell. No device is opened; nothing is ever an error.

exit status: 0`

// complete is the applet behind lunguard complete.
func complete() *applet {
	return &applet{
		name: completeWord, summary: "what a word can become, for shells", usage: completeUsage,
		main: func(c *call, args []string) int {
			if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
				fmt.Fprintln(c.Out, strings.TrimSpace(completeUsage))
				return exitOK
			}
			if len(args) > 0 && args[0] == "--" {
				args = args[1:]
			}
			if len(args) > 0 {
				c.complete(baseName(args[0]), args[1:])
			}
			return exitOK
		},
	}
}

// Lines that leave a word to the shell.
const (
	shellFiles = ":files"
	shellDirs  = ":dirs"
)

// suggestion is what a word can become.
type suggestion struct{ word, meaning string }

// complete prints what the last word of a command line can become.
func (c *call) complete(name string, words []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	if strings.HasPrefix(name, self) {
		name = self
		if first := words[0]; len(words) > 1 && first != "" && first[0] != '-' {
			name, words = first, words[1:]
		}
	}
	a := findApplet(name)
	switch name {
	case simWord:
		a = sim()
	case pageWord:
		a = &applet{name: pageWord}
	}
	if a == nil {
		return
	}
	last := len(words) - 1
	line := completion{c: c, applet: a, opts: withCommon(options(a.flags))}
	line.walk(words[:last])
	prefix, list := line.suggestions(words[last])
	line.print(prefix, words[last], list)
}

// withCommon adds the options that every applet has, but for those that it has
// itself.
func withCommon(opts []option) []option {
	common := []option{{names: []string{"help", "h"}}, {names: []string{pageWord}}}
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
	// waiting is the option whose value the word is, if any.
	waiting string
	// ended says that no options follow.
	ended bool
}

// walk takes in the words before the one that is looked for.
func (l *completion) walk(words []string) {
	l.values = map[string]string{}
	g := getopt{opts: l.opts}
	for _, w := range words {
		switch {
		case l.waiting != "":
			l.values[l.waiting], l.waiting = w, ""
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
		l.waiting = opt.names[0]
	}
}

// suggestions lists what the word can become, and what stands before each.
func (l *completion) suggestions(word string) (prefix string, list []suggestion) {
	if l.waiting != "" {
		return "", l.valuesOf(l.waiting, word)
	}
	if l.ended || !strings.HasPrefix(word, "-") {
		return "", l.unused(l.operandsAt(word))
	}
	if name, value, glued := strings.Cut(word, "="); glued && strings.HasPrefix(name, "--") {
		g := getopt{opts: l.opts}
		if _, opt, err := g.find(name[2:], name); err == nil && opt.value {
			return name + "=", l.valuesOf(opt.names[0], value)
		}
		return "", nil
	}
	for _, opt := range l.opts {
		if opt.names[0] != supervised {
			list = append(list, suggestion{word: "--" + opt.names[0]})
		}
	}
	return "", list
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

// clusterConfig is the config that the command line means; an empty one if it
// cannot be read.
func (l *completion) clusterConfig() *cluster.Config {
	path := l.values["config"]
	if path == "" {
		path = l.values["conf"]
	}
	if path == "" {
		path = l.c.getenv(configVariable)
	}
	if path == "" {
		path = defaultConfig
	}
	// A pipe would be waited for.
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
		if conf, err := loadConfig(path); err == nil {
			return conf
		}
	}
	return &cluster.Config{}
}
