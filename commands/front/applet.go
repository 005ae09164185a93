package front

import (
	"cmp"
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

// Applet is one command of the binary.
type Applet struct {
	Name string
	// Summary stands in the list of applets, Usage is the whole help.
	Summary, Usage string
	Flags          []cli.Flag
	// Operands lists what an operand can be, for the completions of shells.
	Operands Completer
	// Run does the work. The error decides the exit status.
	Run func(*Call) error
	// Main replaces the parsing, messages and exit statuses that the others
	// have, for a command whose own are an interface.
	Main func(c *Call, args []string) int
	// Verbatim says that what is printed is another project's, byte by byte, and made
	// safe for terminals nowhere else.
	Verbatim bool
	// OutputStatus is the exit status of Main when its output cannot be written.
	OutputStatus int
	// PlanJSON says that --json is for the plan of --dry-run alone.
	PlanJSON bool
	// FirstEnds says that the first operand ends the options: what stands behind
	// it is another command.
	FirstEnds bool
	// OwnSignals says that signals do not change the exit status.
	OwnSignals bool
	// as is argv[0], empty if it was not looked at.
	as string
}

// CalledAs is argv[0], or the name of the applet if that is not known.
func (a *Applet) CalledAs() string {
	if a.as == "" {
		return a.Name
	}
	return a.as
}

// Call is one call of an applet.
type Call struct {
	Streams
	Ctx    context.Context
	Applet *Applet
	Flags  *cli.Context
	Getenv func(string) string
	// Unnamed says that messages need not say which command they are of.
	Unnamed bool
	// Status is raised by what has been reported already.
	Status int
	// hinted are the hints that have been given.
	hinted map[string]bool
	shared *shared
	// Said are the errors that have been reported, for the document, which is
	// what --json prints at the end.
	Said []picture.Problem
	// Document is the answer for programs, nil until the applet has made it.
	Document document
}

// shared is what a call shares with its copies.
type shared struct {
	// mu is held while something is said of what goes on at the same time.
	mu  sync.Mutex
	rec *Recorder
	// plans are those of a dry run, for the document.
	plans []any
}

// Prog is the name of the command.
func (c *Call) Prog() string { return c.Applet.Name }

// label is what stands before messages: the name of the command, unless what they
// go into says that by itself.
func (c *Call) label() string {
	if c.Unnamed {
		return ""
	}
	return c.Prog() + ": "
}

// Operands are the arguments behind the options.
func (c *Call) Operands() []string { return c.Flags.Args().Slice() }

// Verbose says that -v was given.
func (c *Call) Verbose() bool { return c.Flags.Bool("verbose") }

// Printf prints on the standard output.
func (c *Call) Printf(format string, args ...any) { fmt.Fprintf(c.Out, format, args...) }

// Warn says something on the error stream that does not change the status.
func (c *Call) Warn(format string, args ...any) {
	fmt.Fprintf(c.Err, "%swarning: %s\n", c.label(), picture.Printable(fmt.Sprintf(format, args...)))
}

// WarnOnce is Warn of a whole text, unless it was given already.
func (c *Call) WarnOnce(text string) {
	if key := "warning: " + text; !c.hinted[key] {
		c.hinted[key] = true
		c.Warn("%s", text)
	}
}

// NewCall is a call of an applet without options and operands.
func NewCall(ctx context.Context, a *Applet, s Streams, getenv func(string) string) *Call {
	none := cli.NewContext(nil, flag.NewFlagSet(a.Name, flag.ContinueOnError), nil)
	return &Call{Streams: s, Ctx: ctx, Applet: a, Flags: none, Getenv: getenv, hinted: map[string]bool{}, shared: &shared{}}
}

// Beside is a call for work that goes on beside this one: it has no options, and
// streams, hints and a status of its own. It logs where this one does.
func (c *Call) Beside(ctx context.Context, s Streams) *Call {
	one := NewCall(ctx, c.Applet, s, c.Getenv)
	one.shared = c.shared
	return one
}

// Recorder writes the log of the call; nil writes nothing.
func (c *Call) Recorder() *Recorder { return c.shared.rec }

// KeepPlan takes a plan of a dry run for the document that programs get.
func (c *Call) KeepPlan(p any) { c.shared.plans = append(c.shared.plans, p) }

// Alone says something of what goes on at the same time.
func (c *Call) Alone(say func()) {
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	say()
}

// Invoke parses the arguments and runs the applet.
func (a *Applet) Invoke(ctx context.Context, s Streams, getenv func(string) string, args []string) int {
	out, errs := Guard(s.Out), Guard(s.Err)
	out.verbatim, errs.verbatim = a.Verbatim, a.Verbatim
	s.Out, s.Err = out, errs
	c := NewCall(ctx, a, s, getenv)
	if a.Main != nil {
		if len(args) == 1 && args[0] == manOption {
			// Alone and in full, it means nothing to any command that has options
			// of its own.
			return c.Report(c.ownPage())
		}
		c.Status = a.Main(c, args)
		c.shared.rec.close()
		c.incomplete(out.end(), cmp.Or(a.OutputStatus, words.ExitFailed))
		return c.Ended()
	}
	if s.In != nil {
		c.In = untilEnded{ctx, s.In}
	}
	flags := append([]cli.Flag{&cli.BoolFlag{Name: "help", Aliases: []string{"h"}}, &cli.BoolFlag{Name: "man"}, &cli.BoolFlag{Name: "version"}}, a.Flags...)
	begun := time.Now()
	canon, err := Canonicalise(args, Options(flags), a.FirstEnds)
	document := wantsJSON(canon)
	if document {
		// The document alone goes to the standard output.
		c.Out = s.Err
	}
	switch {
	case err != nil:
	case slices.Contains(canon[:slices.Index(canon, "--")], "--help"):
		// Left to package cli, it would be a help of its own making.
		fmt.Fprintln(s.Out, strings.TrimSpace(a.Usage))
	case slices.Contains(canon[:slices.Index(canon, "--")], manOption):
		err = c.ownPage()
	case slices.Contains(canon[:slices.Index(canon, "--")], versionOption):
		c.sayVersion(s.Out)
	default:
		err = c.Parse(flags, canon, a.Run)
	}
	if err != nil {
		c.Fail(err)
	}
	c.shared.rec.close()
	if document {
		c.answer(out, begun)
	}
	c.incomplete(out.end(), words.ExitFailed)
	return c.Ended()
}

// incomplete reports that the output could not be written, unless who wrote it did, and
// makes a success of it that status.
func (c *Call) incomplete(err error, status int) {
	if err == nil {
		return
	}
	told := slices.ContainsFunc(c.Said, func(p picture.Problem) bool { return p.Text == picture.Printable(words.Of(err).Text()) })
	if !told {
		c.Report(err)
	}
	if c.Status == words.ExitOK {
		c.Status = status
	}
}

// Ended is the exit status. Work that is done is done, whatever signal came
// meanwhile; if it is not, the signal has ended it.
func (c *Call) Ended() int {
	if sig := SignalOf(c.Ctx); sig != nil && c.Status != words.ExitOK && !c.Applet.OwnSignals {
		return sig.Status()
	}
	return c.Status
}

// Parse takes a canonical command line in and then runs the applet.
//
// It does without [cli.App], whose help of its own making, which nobody here
// sees, brings package text/template into the binary. That calls methods by
// names that the linker cannot know, so it would have to keep all methods there
// are: a sixth of the binary.
func (c *Call) Parse(flags []cli.Flag, canon []string, run func(*Call) error) error {
	set := flag.NewFlagSet(c.Applet.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range flags {
		if err := f.Apply(set); err != nil {
			return err
		}
	}
	if err := set.Parse(canon); err != nil {
		return &usageError{what: err.Error()}
	}
	c.Flags = cli.NewContext(nil, set, nil)
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

// Repeated is an option that may be given several times.
func Repeated(name string, aliases ...string) cli.Flag {
	return &cli.GenericFlag{Name: name, Aliases: aliases, Value: &repeated{}}
}

// Several are the values of an option made by [Repeated]; none if the applet has
// no such option.
func (c *Call) Several(name string) []string {
	if w, ok := c.Flags.Generic(name).(*repeated); ok {
		return *w
	}
	return nil
}

// prepared runs the applet with what its flags ask for in general.
func (c *Call) prepared(run func(*Call) error) (err error) {
	if c.Applet.PlanJSON {
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

// VerboseFlag is -v.
func VerboseFlag() cli.Flag {
	return &cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}}
}
