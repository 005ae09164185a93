package commands

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/commands/picture"
	"lunguard/commands/words"
)

// Streams are the standard streams of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Syslog is the socket of the system log; /dev/log if empty.
	Syslog string
}

// applet is one command of the binary.
type applet struct {
	name string
	// summary stands in the list of applets, usage is the whole help.
	summary, usage string
	flags          []cli.Flag
	// operands lists what an operand can be, for the completions of shells.
	operands completer
	// run does the work. The error decides the exit status.
	run func(*call) error
	// main replaces the parsing, messages and exit statuses that the others
	// have, for a command whose own are an interface.
	main func(c *call, args []string) int
	// planJSON says that --json is for the plan of --dry-run alone.
	planJSON bool
	// ownSignals says that signals do not change the exit status.
	ownSignals bool
	// as is argv[0], empty if it was not looked at.
	as string
}

// calledAs is argv[0], or the name of the applet if that is not known.
func (a *applet) calledAs() string {
	if a.as == "" {
		return a.name
	}
	return a.as
}

// call is one call of an applet.
type call struct {
	Streams
	ctx    context.Context
	applet *applet
	flags  *cli.Context
	getenv func(string) string
	// unnamed says that messages need not say which command they are of.
	unnamed bool
	// status is raised by what has been reported already.
	status int
	// hinted are the hints that have been given.
	hinted map[string]bool
	shared *shared
	// said are the errors that have been reported, for the document, which is
	// what --json prints at the end.
	said     []picture.Problem
	document document
}

// shared is what a call shares with its copies.
type shared struct {
	// mu is held while something is said of what goes on at the same time.
	mu  sync.Mutex
	rec *recorder
	// plans are those of a dry run, for the document.
	plans []any
}

// prog is the name of the command.
func (c *call) prog() string { return c.applet.name }

// label is what stands before messages: the name of the command, unless what they
// go into says that by itself.
func (c *call) label() string {
	if c.unnamed {
		return ""
	}
	return c.prog() + ": "
}

// operands are the arguments behind the options.
func (c *call) operands() []string { return c.flags.Args().Slice() }

func (c *call) verbose() bool { return c.flags.Bool("verbose") }

func (c *call) printf(format string, args ...any) { fmt.Fprintf(c.Out, format, args...) }

// warn says something on the error stream that does not change the status.
func (c *call) warn(format string, args ...any) {
	fmt.Fprintf(c.Err, "%swarning: %s\n", c.label(), picture.Printable(fmt.Sprintf(format, args...)))
}

// newCall is a call of an applet without options and operands.
func newCall(ctx context.Context, a *applet, s Streams, getenv func(string) string) *call {
	none := cli.NewContext(nil, flag.NewFlagSet(a.name, flag.ContinueOnError), nil)
	return &call{Streams: s, ctx: ctx, applet: a, flags: none, getenv: getenv, hinted: map[string]bool{}, shared: &shared{}}
}

// recorder writes the log of the call; nil writes nothing.
func (c *call) recorder() *recorder { return c.shared.rec }

// keepPlan takes a plan of a dry run for the document that programs get.
func (c *call) keepPlan(p any) { c.shared.plans = append(c.shared.plans, p) }

// alone says something of what goes on at the same time.
func (c *call) alone(say func()) {
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	say()
}

// invoke parses the arguments and runs the applet.
func (a *applet) invoke(ctx context.Context, s Streams, getenv func(string) string, args []string) int {
	c := newCall(ctx, a, s, getenv)
	if a.main != nil {
		if len(args) == 1 && args[0] == manOption {
			// Alone and in full, it means nothing to any command that has options
			// of its own.
			return c.report(c.ownPage())
		}
		c.status = a.main(c, args)
		return c.ended()
	}
	if s.In != nil {
		c.In = untilEnded{ctx, s.In}
	}
	flags := append([]cli.Flag{&cli.BoolFlag{Name: "help", Aliases: []string{"h"}}, &cli.BoolFlag{Name: "man"}}, a.flags...)
	begun := time.Now()
	canon, err := canonical(args, options(flags))
	document := wantsJSON(canon)
	if document {
		// The document alone goes to the standard output.
		c.Out = s.Err
	}
	switch {
	case err != nil:
	case slices.Contains(canon[:slices.Index(canon, "--")], "--help"):
		// Left to package cli, it would be a help of its own making.
		fmt.Fprintln(s.Out, strings.TrimSpace(a.usage))
	case slices.Contains(canon[:slices.Index(canon, "--")], manOption):
		err = c.ownPage()
	default:
		err = c.parse(flags, canon, a.run)
	}
	if err != nil {
		c.fail(err)
	}
	c.shared.rec.close()
	if document {
		c.answer(s.Out, begun)
	}
	return c.ended()
}

// ended is the exit status. Work that is done is done, whatever signal came
// meanwhile; if it is not, the signal has ended it.
func (c *call) ended() int {
	if sig := signalOf(c.ctx); sig != nil && c.status != words.ExitOK && !c.applet.ownSignals {
		return sig.status()
	}
	return c.status
}

// parse takes a canonical command line in and then runs the applet.
//
// It does without [cli.App], whose help of its own making, which nobody here
// sees, brings package text/template into the binary. That calls methods by
// names that the linker cannot know, so it would have to keep all methods there
// are: a sixth of the binary.
func (c *call) parse(flags []cli.Flag, canon []string, run func(*call) error) error {
	set := flag.NewFlagSet(c.applet.name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range flags {
		if err := f.Apply(set); err != nil {
			return err
		}
	}
	if err := set.Parse(canon); err != nil {
		return &usageError{err.Error()}
	}
	c.flags = cli.NewContext(nil, set, nil)
	return c.prepared(run)
}

// repeated is the values of an option that may be given several times. Unlike
// [cli.StringSlice] it does not divide them at commas, which file names have.
type repeated []string

// Set adds a value.
func (w *repeated) Set(value string) error {
	*w = append(*w, value)
	return nil
}

// String is what package flag wants to have.
func (w *repeated) String() string { return strings.Join(*w, " ") }

// repeatedFlag is an option that may be given several times.
func repeatedFlag(name string, aliases ...string) cli.Flag {
	return &cli.GenericFlag{Name: name, Aliases: aliases, Value: &repeated{}}
}

// several are the values of an option made by [repeatedFlag]; none if the applet has
// no such option.
func (c *call) several(name string) []string {
	if w, ok := c.flags.Generic(name).(*repeated); ok {
		return *w
	}
	return nil
}

// prepared runs the applet with what its flags ask for in general.
func (c *call) prepared(run func(*call) error) (err error) {
	if c.applet.planJSON {
		if err := c.planOnly(); err != nil {
			return err
		}
	}
	if c.shared.rec, err = c.openRecorder(); err != nil {
		return err
	}
	return run(c)
}

// Flags that several applets have.

func verboseFlag() cli.Flag {
	return &cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}}
}
