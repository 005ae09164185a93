package sgpersist

import (
	"context"
	"flag"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/scsi"
)

// maxAlloc is the largest allocation length that may be asked for.
const maxAlloc = 8192

// defaultRetries is how many unit attentions in a row are passed over: as many
// as a path usually has pending after a bad day.
const defaultRetries = 5

// Options is a command line. Its flags fill it in, in the order in which they
// stand there, because the first bad one decides what is said.
type Options struct {
	// In is what --transport-id=- reads, Ctx ends the reading of a file.
	In  io.Reader
	Ctx context.Context

	// alloc is 0 if nothing was said.
	alloc    int
	allocSet bool
	// device is what --device says; the last one wins.
	device                string
	deviceSet             bool
	help, hex, verbose    int
	readonly              int
	version, noInquiry    bool
	in, out               bool
	reads                 []scsi.InAction
	writes                []scsi.OutAction
	key, actionKey        scsi.Key
	typ                   scsi.Type
	port                  uint16
	allTargetPorts, aptpl bool
	unregister            bool
	transportIDs          []scsi.TransportID
	outParameters         int
	json, allPaths        bool
	timeout               time.Duration
	retries               int
	// fault is what was wrong with the first option that could not be taken.
	fault error
}

// option is one option: a cli.Flag that calls set each time it is given.
type option struct {
	// names begins with the one that a canonical command line has.
	names []string
	// value says that a value follows, which set gets.
	value bool
	// extra says that sg3_utils lacks it, so that its abbreviations must not
	// get in the way of theirs.
	extra bool
	// values lists what the value can be, for the completions of shells.
	values front.Completer
	set    func(value string) error
	owner  *Options
}

// Apply makes the option known under its first name.
func (o *option) Apply(set *flag.FlagSet) error {
	set.Var(o, o.names[0], "")
	return nil
}

// Set takes the option from the command line.
func (o *option) Set(value string) error {
	err := o.set(value)
	if err != nil && o.owner.fault == nil {
		// Package flag makes a text of the error.
		o.owner.fault = err
	}
	return err
}

func (o *option) String() string { return "" }

// IsBoolFlag tells package flag that no value follows.
func (o *option) IsBoolFlag() bool { return !o.value }

// Names gives all spellings.
func (o *option) Names() []string { return o.names }

// IsSet is for package cli, which does not need to know.
func (o *option) IsSet() bool { return false }

// TakesValue reports whether a value follows.
func (o *option) TakesValue() bool { return o.value }

// Extra reports whether an abbreviation means another option first.
func (o *option) Extra() bool { return o.extra }

// GetUsage is for package cli, whose help is not used.
func (o *option) GetUsage() string { return "" }

// GetValue is for package cli.
func (o *option) GetValue() string { return "" }

// GetDefaultText is for package cli.
func (o *option) GetDefaultText() string { return "" }

// GetEnvVars is for package cli.
func (o *option) GetEnvVars() []string { return nil }

// NewOptions returns the options of a command line on which nothing stands.
func NewOptions() *Options {
	return &Options{Ctx: context.Background(), retries: defaultRetries, timeout: scsi.DefaultTimeout}
}

// Fault tells what was wrong with the first option that could not be taken.
func (o *Options) Fault() error { return o.fault }

// Flags are the options of the command, in the order in which the original
// lists them, for that is how it names the candidates for an abbreviation.
func (o *Options) Flags() []cli.Flag {
	list := []*option{
		o.text(o.setAlloc, "alloc-length", "alloc_length", "l"),
		o.write(scsi.OutClear, "clear", "C"),
		o.offer(session.CompleteDisks, o.text(o.setDevice, "device", "d")),
		o.count(&o.help, "help", "h"),
		o.count(&o.hex, "hex", "H"),
		o.on(&o.in, "in", "i"),
		o.text(o.setMaxLen, "maxlen", "m"),
		o.on(&o.noInquiry, "no-inquiry", "no_inquiry", "n"),
		o.on(&o.out, "out", "o"),
		o.parameter(&o.allTargetPorts, "param-alltgpt", "param_alltgpt", "Y"),
		o.parameter(&o.aptpl, "param-aptpl", "param_aptpl", "Z"),
		o.offer(session.CompleteKeys, o.text(o.setKey(&o.key, "param-rk"), "param-rk", "param_rk", "K")),
		o.offer(session.CompleteKeys, o.text(o.setKey(&o.actionKey, "param-sark"), "param-sark", "param_sark", "S")),
		o.on(&o.unregister, "param-unreg", "param_unreg", "unreg", "U"),
		o.write(scsi.OutPreempt, "preempt", "P"),
		o.write(scsi.OutPreemptAndAbort, "preempt-abort", "preempt_abort", "A"),
		o.offer(completeTypes, o.text(o.setType, "prout-type", "prout_type", "T")),
		o.read(scsi.InReadFullStatus, "read-full-status", "read_full_status", "read-status", "read_status", "s"),
		o.read(scsi.InReadKeys, "read-keys", "read_keys", "k"),
		o.count(&o.readonly, "readonly", "y"),
		o.read(scsi.InReadReservation, "read-reservation", "read_reservation", "r"),
		o.write(scsi.OutRegister, "register", "G"),
		o.write(scsi.OutRegisterAndIgnoreExistingKey, "register-ignore", "register_ignore", "I"),
		o.write(scsi.OutRegisterAndMove, "register-move", "register_move", "M"),
		o.write(scsi.OutRelease, "release", "L"),
		o.text(o.setPort, "relative-target-port", "relative_target_port", "Q"),
		o.write(scsi.OutReplaceLostReservation, "replace-lost", "replace_lost", "z", "x"),
		o.read(scsi.InReportCapabilities, "report-capabilities", "report_capabilities", "c"),
		o.write(scsi.OutReserve, "reserve", "R"),
		o.text(o.setTransportIDs, "transport-id", "transport_id", "X"),
		o.count(&o.verbose, "verbose", "v"),
		o.on(&o.version, "version", "V"),
		o.beyond(o.on(&o.allPaths, "all-paths", "all_paths")),
		o.beyond(o.on(&o.json, "json")),
		o.beyond(o.text(o.setRetries, "retries")),
		o.beyond(o.text(o.setTimeout, "timeout")),
	}
	flags := make([]cli.Flag, len(list))
	for i, opt := range list {
		opt.owner = o
		flags[i] = opt
		if opt.values != nil {
			flags[i] = front.Offering(opt, opt.values)
		}
	}
	return flags
}

func (o *Options) on(v *bool, names ...string) *option {
	return &option{names: names, set: func(string) error { *v = true; return nil }}
}

func (o *Options) count(v *int, names ...string) *option {
	return &option{names: names, set: func(string) error { *v++; return nil }}
}

func (o *Options) text(set func(string) error, names ...string) *option {
	return &option{names: names, value: true, set: set}
}

// parameter is a bit of the parameter list.
func (o *Options) parameter(v *bool, names ...string) *option {
	return &option{names: names, set: func(string) error { *v = true; o.outParameters++; return nil }}
}

func (o *Options) read(a scsi.InAction, names ...string) *option {
	return &option{names: names, set: func(string) error { o.reads = append(o.reads, a); return nil }}
}

func (o *Options) write(a scsi.OutAction, names ...string) *option {
	return &option{names: names, set: func(string) error { o.writes = append(o.writes, a); return nil }}
}

// offer makes the option bring what its value can be.
func (o *Options) offer(values front.Completer, opt *option) *option {
	opt.values = values
	return opt
}

func (o *Options) beyond(opt *option) *option {
	opt.extra = true
	return opt
}
