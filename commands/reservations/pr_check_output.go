package reservations

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// stdoutName is the standard output in the place of a file name.
const stdoutName = "-"

// checkOutput is where and how pr_check shows what it found.
type checkOutput struct {
	*front.Call
	screen front.Screen
	// every is the pause of --watch, 0 without it.
	every               time.Duration
	table, lines, asked bool
	// problems leaves out what is well.
	problems      bool
	html, metrics string
	// machine says that the standard output is for a program, and nothing
	// else may be printed there.
	machine bool
}

// checkOutputs reads the options that say where and how.
func checkOutputs(c *front.Call) (*checkOutput, error) {
	o := &checkOutput{Call: c, table: c.Flags.Bool("table"), asked: c.Flags.Bool(front.JSONOption),
		html: c.Flags.String("html"), metrics: c.Flags.String("prometheus"), problems: c.Flags.Bool("problems")}
	var err error
	if o.every, err = c.WatchEvery(); err != nil {
		return nil, err
	}
	if o.screen, err = c.Screen(); err != nil {
		return nil, err
	}
	files := c.Flags.IsSet("html") || c.Flags.IsSet("prometheus")
	if !o.table && !o.asked && !files {
		o.table, o.lines = o.screen.Terminal(), !o.screen.Terminal()
	}
	toStdout := 0
	for _, used := range []bool{o.table, o.asked, o.html == stdoutName, o.metrics == stdoutName} {
		if used {
			toStdout++
		}
	}
	o.machine = toStdout > 0 && !o.table
	switch {
	case c.Flags.IsSet("html") && o.html == "", c.Flags.IsSet("prometheus") && o.metrics == "":
		return nil, front.Usagef("--html and --prometheus need the name of a file, or - for the standard output")
	case o.problems && (o.asked || files):
		return nil, front.Usagef("--problems goes with lines and tables: what is for programs has all")
	case c.Flags.Bool("table") && o.asked:
		return nil, front.Usagef("--table and --json exclude each other")
	case toStdout > 1:
		return nil, front.Usagef("only one of --table, --json, --html - and --prometheus - can have the standard output")
	case o.every > 0 && (o.asked || files || c.Flags.Bool("repair")):
		return nil, front.Usagef("--watch shows the table and nothing else, and changes nothing")
	case files && (c.Flags.Bool("dry-run") || c.Flags.String("device") != ""):
		return nil, front.Usagef("--html and --prometheus show the LUNs as they are: not with --dry-run, not with --device")
	}
	return o, nil
}

// print shows a picture everywhere it was asked for. What cannot be written
// does not keep the others from being.
func (o *checkOutput) print(p *picture.Picture) error {
	errs := []error{o.publish(p)}
	switch {
	case o.asked:
		o.Document = newCheckDocument(p)
	case o.table:
		errs = append(errs, o.chosen(p).Table(front.Raw(o.Out), o.Style(o.screen)))
	case o.lines:
		errs = append(errs, printChecked(o.Out, o.chosen(p)))
	}
	return errors.Join(errs...)
}

// chosen is the part of a picture that is wanted.
func (o *checkOutput) chosen(p *picture.Picture) *picture.Picture {
	if o.problems {
		return p.Problems()
	}
	return p
}

// publish writes the page and the metrics if they were asked for.
func (o *checkOutput) publish(p *picture.Picture) error {
	return errors.Join(o.file(o.html, p.HTML), o.file(o.metrics, p.Metrics))
}

// publishError says that a page or metrics could not be written.
type publishError struct{ err error }

func (e *publishError) Error() string { return "not written: " + e.err.Error() }

func (e *publishError) Unwrap() error { return e.err }

func (e *publishError) Message() words.Message {
	return words.Message{What: e.Error(), Status: words.ExitFailed,
		Hint: "what stands there may be of the past; a plain file of this user was expected, in a directory that is there"}
}

// file writes to a file, as a whole, or to the standard output.
func (o *checkOutput) file(name string, write func(io.Writer) error) error {
	switch name {
	case "":
		return nil
	case stdoutName:
		return write(o.Out)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if err := ownfile.Publish(name, b.Bytes()); err != nil {
		return &publishError{err}
	}
	return nil
}

// checkDocument is what pr_check --json prints.
type checkDocument struct {
	front.Envelope
	Cluster  string           `json:"cluster"`
	Node     string           `json:"local_node"`
	Took     float64          `json:"duration_seconds"`
	Packages []checkedPackage `json:"packages"`
	LUNs     []checkedLUN     `json:"luns"`
}

type checkedPackage struct {
	Package   string            `json:"package"`
	Type      string            `json:"type"`
	Known     bool              `json:"known"`
	State     string            `json:"state"`
	StartedBy string            `json:"started_here_by,omitempty"`
	Protected *bool             `json:"protected"`
	LUNs      *int              `json:"luns"`
	Errors    []picture.Problem `json:"errors"`
}

type checkedLUN struct {
	Package string `json:"package"`
	picture.LUN
}

func newCheckDocument(p *picture.Picture) *checkDocument {
	d := &checkDocument{Cluster: p.Cluster, Node: p.Node, Took: p.Took.Seconds(), Packages: []checkedPackage{}, LUNs: []checkedLUN{}}
	for i := range p.Sections {
		s := &p.Sections[i]
		pkg := checkedPackage{Package: s.Name, Type: s.Type, State: s.State, StartedBy: s.StartedBy, Known: s.AllKnown(), Errors: []picture.Problem{}}
		if s.Known {
			n, protected := len(s.LUNs), s.Protected()
			pkg.LUNs = &n
			if s.AllKnown() {
				pkg.Protected = &protected
			}
		} else {
			pkg.Errors = append(pkg.Errors, s.Trouble...)
		}
		d.Packages = append(d.Packages, pkg)
		for _, l := range linesOf(s) {
			d.LUNs = append(d.LUNs, checkedLUN{s.Name, l})
		}
	}
	return d
}

// linesOf are the LUNs of a section. One that could not be opened has one that
// stands for all: who reads LUNs only must not take it for well.
func linesOf(s *picture.Section) []picture.LUN {
	if s.Known {
		return s.LUNs
	}
	l := picture.LUN{Name: picture.Unknown, State: s.State, Nodes: []picture.OfNode{}, Findings: []picture.Finding{}}
	for _, t := range s.Trouble {
		text := "unknown: " + strings.ReplaceAll(t.Text, "\n", "; ")
		l.Findings = append(l.Findings, picture.Finding{Kind: string(protocol.Unreadable), Text: text, What: text, Hint: t.Hint, Grave: true})
	}
	return []picture.LUN{l}
}

// printChecked prints one line for each LUN, and one for each further finding.
func printChecked(w io.Writer, p *picture.Picture) error {
	if !slices.ContainsFunc(p.Sections, func(s picture.Section) bool { return !s.Known || len(s.LUNs) > 0 }) {
		return nil
	}
	return front.PrintTable(w, []string{"PACKAGE", "LUN", "PATHS", "KEYS", "HOLDER", "STATE"}, func(add func(...string)) {
		for i := range p.Sections {
			s := &p.Sections[i]
			for _, l := range linesOf(s) {
				paths, holder, keys := words.Unknown, words.None, words.None
				if l.Paths != nil {
					paths = strconv.Itoa(*l.Working) + "/" + strconv.Itoa(*l.Paths)
				}
				if l.HolderNode != "" {
					holder = l.HolderNode
				}
				if len(l.Keys) > 0 {
					keys = strings.Join(l.Keys, ",")
				}
				if !l.Known {
					holder, keys = words.Unknown, words.Unknown
				}
				name := picture.Printable(l.Name)
				states := l.States()
				add(s.Name, name, paths, keys, holder, states[0])
				for _, more := range states[1:] {
					add(s.Name, name, "", "", "", more)
				}
			}
		}
	})
}
