package front

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/commands/words"
)

// option is what getopt has to know of a flag.
type option struct {
	// names are the long ones and the short ones, without dashes. The first is
	// a long one.
	names []string
	value bool
	// alone is the value of an option that may stand without one, which else
	// is glued on with =.
	alone string
	// extra says that an abbreviation means another option first.
	extra bool
	// hidden says that it is not for people.
	hidden bool
	// values lists what the value can be, for the completions of shells; nil is
	// nothing.
	values Completer
}

// Options lists what getopt has to know of the flags.
func Options(flags []cli.Flag) []option {
	list := make([]option, len(flags))
	for i, f := range flags {
		var values Completer
		if o, ok := f.(*offeredFlag); ok {
			f, values = o.Flag, o.values
		}
		doc, ok := f.(cli.DocGenerationFlag)
		list[i] = option{names: f.Names(), value: ok && doc.TakesValue(), values: values}
		if v, ok := f.(cli.VisibleFlag); ok {
			list[i].hidden = !v.IsVisible()
		}
		if e, ok := f.(interface{ Extra() bool }); ok {
			list[i].extra = e.Extra()
		}
		if o, ok := f.(interface{ Alone() string }); ok {
			list[i].alone = o.Alone()
		}
	}
	return list
}

// usageError is a fault of the command line.
type usageError struct {
	what string
	// near is what may have been meant; empty if nobody knows.
	near string
}

func (e *usageError) Error() string { return e.what }

func (e *usageError) Message() words.Message {
	hint := "--help shows the usage"
	if e.near != "" {
		hint = "is " + e.near + " meant? " + hint
	}
	return words.Message{What: e.what, Hint: hint, Status: words.ExitFailed}
}

// Usagef is the error of a fault of the command line.
func Usagef(format string, args ...any) error { return &usageError{what: fmt.Sprintf(format, args...)} }

// NotAmong is the error of a word that is none of some.
func NotAmong(word string, of []string, format string, args ...any) error {
	return &usageError{what: fmt.Sprintf(format, args...), near: words.Nearest(word, of)}
}

// canonical rewrites a command line of GNU getopt_long's rules into the one
// form that package flag understands: options first, each by its first name as
// --name or --name=value, then --, then the operands. Options may follow operands,
// short ones may be clustered and have their value glued on, long ones may be
// shortened to any prefix that only one of them has. With an error come the
// options that stand before the fault.
func canonical(args []string, opts []option) ([]string, error) {
	return Canonicalise(args, opts, false)
}

// Canonicalise is canonical; with posix the first operand ends the options, as
// POSIXLY_CORRECT wants it of programs that promise to be like others.
func Canonicalise(args []string, opts []option, posix bool) ([]string, error) {
	g := getopt{opts: opts, args: args}
	for len(g.args) > 0 {
		arg := g.args[0]
		g.args = g.args[1:]
		var err error
		switch {
		case arg == "--":
			g.operands = append(g.operands, g.args...)
			g.args = nil
		case strings.HasPrefix(arg, "--"):
			err = g.long(arg[2:])
		case strings.HasPrefix(arg, "-") && arg != "-":
			err = g.cluster(arg[1:])
		default:
			g.operands = append(g.operands, arg)
			if posix {
				g.operands = append(g.operands, g.args...)
				g.args = nil
			}
		}
		if err != nil {
			return append(g.out, "--"), err
		}
	}
	return append(append(g.out, "--"), g.operands...), nil
}

// getopt is a command line that is being rewritten.
type getopt struct {
	opts          []option
	args          []string
	out, operands []string
}

// next takes the argument behind an option.
func (g *getopt) next() (string, bool) {
	if len(g.args) == 0 {
		return "", false
	}
	v := g.args[0]
	g.args = g.args[1:]
	return v, true
}

func (g *getopt) add(opt option, value string, has bool) {
	name := opt.names[0]
	if has {
		name += "=" + value
	}
	g.out = append(g.out, "--"+name)
}

func (g *getopt) long(text string) error {
	name, value, glued := strings.Cut(text, "=")
	name, opt, err := g.find(name, text)
	switch {
	case err != nil:
		return err
	case glued && !opt.value:
		return Usagef("option '--%s' doesn't allow an argument", name)
	case opt.alone != "" && !glued:
		value, glued = opt.alone, true
	case opt.value && !glued:
		if value, glued = g.next(); !glued {
			return Usagef("option '--%s' requires an argument", name)
		}
	}
	g.add(opt, value, glued)
	return nil
}

// find gives the option that a long name or its prefix means. text is the name
// with its value, for the error.
func (g *getopt) find(name, text string) (string, option, error) {
	for _, extra := range []bool{false, true} {
		full, opt, err := g.among(name, text, extra)
		var none *unknownOptionError
		if !errors.As(err, &none) {
			return full, opt, err
		}
	}
	return "", option{}, NotAmong("--"+name, g.longNames(), "unrecognized option '--%s'", text)
}

// longNames are all long names, with their dashes.
func (g *getopt) longNames() []string {
	var list []string
	for _, o := range g.opts {
		for _, n := range o.names {
			if len(n) > 1 && !o.hidden {
				list = append(list, "--"+n)
			}
		}
	}
	return list
}

// unknownOptionError says that no option has such a name.
type unknownOptionError struct{}

func (*unknownOptionError) Error() string { return "unrecognized option" }

// among looks among the extra options or the others. A name is ambiguous if
// it is the prefix of another option than the first that it fits; spellings
// of one option are not ambiguous.
func (g *getopt) among(name, text string, extra bool) (string, option, error) {
	var hits []string
	var hit option
	for _, o := range g.opts {
		if o.extra != extra {
			continue
		}
		for _, n := range o.names {
			switch {
			case len(n) < 2:
			case n == name:
				return n, o, nil
			case strings.HasPrefix(n, name) && (len(hits) == 0 || hit.names[0] != o.names[0]):
				if len(hits) == 0 {
					hit = o
				}
				hits = append(hits, n)
			}
		}
	}
	switch len(hits) {
	case 0:
		return "", option{}, &unknownOptionError{}
	case 1:
		return hits[0], hit, nil
	}
	return "", option{}, Usagef("option '--%s' is ambiguous; possibilities: '--%s'", text, strings.Join(hits, "' '--"))
}

// cluster takes the letters behind one dash.
func (g *getopt) cluster(letters string) error {
	for i, c := range letters {
		name := string(c)
		opt, ok := g.short(name)
		if !ok {
			return Usagef("invalid option -- '%s'", name)
		}
		if !opt.value {
			g.add(opt, "", false)
			continue
		}
		value := letters[i+len(name):]
		if value == "" {
			if value, ok = g.next(); !ok {
				return Usagef("option requires an argument -- '%s'", name)
			}
		}
		g.add(opt, value, true)
		return nil
	}
	return nil
}

func (g *getopt) short(name string) (option, bool) {
	for _, o := range g.opts {
		for _, n := range o.names {
			if n == name {
				return o, true
			}
		}
	}
	return option{}, false
}
