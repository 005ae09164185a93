package sgpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"lunguard/scsi"
	"lunguard/vg"
)

// prog stands before messages.
const prog = "sg_persist"

// Opener opens a device to send commands to. What the system said against it
// is a syscall.Errno in the error.
type Opener func(path string, readOnly bool) (vg.Path, error)

// Call is what a command works with.
type Call struct {
	Out, Err io.Writer
	Open     Opener
	// Paths lists the devices of all paths to the LUN under a device.
	Paths func(device string) ([]string, error)
	// Version is what --version says.
	Version string
}

// run is one call of the command.
type run struct {
	Call
	opts *Options
	// report collects what --json prints; nil without it.
	report *report
}

func (r *run) printf(format string, args ...any) {
	if r.report == nil {
		fmt.Fprintf(r.Out, format, args...)
	}
}

func (r *run) errorf(format string, args ...any) { fmt.Fprintf(r.Err, format, args...) }

// Refused says what is wrong with the value of an option, and gives the exit
// status.
func Refused(w io.Writer, fault error) int {
	fmt.Fprintln(w, fault)
	return int(syntaxError)
}

// Misused says what getopt found wrong with the command line, and gives the
// exit status; as is what the command was called by.
func Misused(w io.Writer, as string, err error) int {
	fmt.Fprintf(w, "%s: %v\n%s", as, err, mainHelp)
	return int(syntaxError)
}

// Run carries out a command line whose options stand in o, and returns the
// exit status: the first that is not 0, with several devices.
func Run(ctx context.Context, c Call, o *Options, operands []string) int {
	r := &run{Call: c, opts: o}
	if bad := r.operands(&operands); bad != nil {
		return r.refuse(bad)
	}
	switch {
	case o.help > 1:
		r.errorf("%s", moreHelp)
		return int(success)
	case o.help == 1:
		r.errorf("%s", mainHelp)
		return int(success)
	case o.version:
		if o.verbose > 0 {
			r.errorf("Not in DEBUG mode, so '-vV' has no special action\n")
		}
		r.errorf("version: %s\n", c.Version)
		return int(success)
	case len(operands) == 0:
		return r.refuse(&misuse{"No device name given\n", true, syntaxError})
	}
	if bad := r.check(); bad != nil {
		return r.refuse(bad)
	}
	r.tellParameters()
	if o.json {
		r.report = &report{}
	}
	s := r.devices(ctx, operands)
	if r.report != nil {
		r.report.write(r.Out)
	}
	return int(s)
}

// operands puts the devices together. With --device there are no others. What
// looks like an option is no second device: with POSIXLY_CORRECT, options end
// at the first one.
func (r *run) operands(list *[]string) *misuse {
	text := ""
	for i, extra := range *list {
		if r.opts.deviceSet || i > 0 && strings.HasPrefix(extra, "-") {
			text += fmt.Sprintf("Unexpected extra argument: %s\n", extra)
		}
	}
	if r.opts.deviceSet {
		*list = []string{r.opts.device}
	}
	if text != "" {
		return &misuse{text, true, syntaxError}
	}
	return nil
}

func (r *run) refuse(m *misuse) int {
	r.errorf("%s", m.text)
	if m.usage {
		r.errorf("%s", mainHelp)
	}
	return int(m.status)
}

// devices does the work on each device.
func (r *run) devices(ctx context.Context, names []string) status {
	if r.opts.allPaths {
		var s status
		if names, s = r.allPaths(names); s != success {
			return s
		}
	}
	several := len(names) > 1 || r.opts.allPaths
	if several && r.opts.out {
		// A word that is no device must not be found out half-way.
		if s := r.tryAll(names); s != success {
			return s
		}
	}
	first := success
	for _, name := range names {
		if several {
			r.printf("%s:\n", name)
		}
		d := &device{run: r, name: name}
		if r.report != nil {
			d.entry = r.report.add(name, r.action())
		}
		s := d.work(ctx)
		if d.entry != nil {
			d.entry.Status = int(s)
		}
		if first == success {
			first = s
		}
	}
	return first
}

// action names what is asked for.
func (r *run) action() string {
	if r.opts.out {
		return r.opts.writes[0].String()
	}
	return r.opts.reads[0].String()
}

// allPaths replaces each device by its paths.
func (r *run) allPaths(names []string) ([]string, status) {
	var paths []string
	for _, name := range names {
		list, err := r.Paths(name)
		if err != nil {
			r.errorf("%s: error finding the paths of %s: %v\n", prog, name, err)
			return nil, ofError(err)
		}
		paths = append(paths, list...)
	}
	return paths, success
}

// ofError gives the status of the system call behind an error, syntaxError if
// there is none.
func ofError(err error) status {
	if errno, ok := errnoOf(err); ok {
		return ofErrno(errno)
	}
	return syntaxError
}

// errnoOf gives the system's number of an error. Simulated hosts have words
// instead.
func errnoOf(err error) (errno syscall.Errno, ok bool) {
	switch {
	case errors.As(err, &errno):
	case errors.Is(err, fs.ErrNotExist):
		errno = syscall.ENOENT
	case errors.Is(err, fs.ErrPermission):
		errno = syscall.EACCES
	}
	return errno, errno != 0
}

func (r *run) tryAll(names []string) status {
	for _, name := range names {
		p, s := r.open(name, r.opts.readonly == 1, false)
		if s != success {
			return s
		}
		p.Close()
	}
	return success
}

// open opens a device; header says that it is for INQUIRY, which has a word
// order of its own.
func (r *run) open(name string, readOnly, header bool) (vg.Path, status) {
	flags, mode := unix.O_RDWR|unix.O_NONBLOCK, "rw"
	if readOnly {
		flags, mode = unix.O_RDONLY|unix.O_NONBLOCK, "ro"
	}
	if r.opts.verbose > 1 {
		r.errorf("open %s with flags=0x%x\n", name, flags)
	}
	p, err := r.Open(name, readOnly)
	if err == nil {
		return p, success
	}
	text := err.Error()
	if errno, ok := errnoOf(err); ok {
		text = errnoText(errno)
	}
	if r.opts.verbose > 1 {
		r.errorf("scsi_pt_open_flags: open(%s, 0x%x) failed: %s\n", name, flags, text)
	}
	if header {
		r.errorf("%s: error opening file (ro): %s: %s\n", prog, name, text)
	} else {
		r.errorf("%s: error opening file %s (%s): %s\n", prog, name, mode, text)
	}
	return nil, ofError(err)
}

// device is one device of the command line.
type device struct {
	*run
	name  string
	entry *entry
}

// readOnly tells how the device is to be opened. Reading needs no more, and
// whoever opens a disk for writing makes udev read it when it is closed.
func (d *device) readOnly() bool {
	if d.opts.out {
		return d.opts.readonly == 1
	}
	return d.opts.readonly < 2
}

// work does what is asked for on one device.
func (d *device) work(ctx context.Context) status {
	if !d.opts.noInquiry {
		if s := d.inquire(ctx); s != success {
			return s
		}
	}
	p, s := d.open(d.name, d.readOnly(), false)
	if s != success {
		return s
	}
	defer p.Close()
	n := &nexus{run: d.run, path: p}
	if d.opts.out {
		s = d.write(ctx, n, d.opts.writes[0])
	} else {
		s = d.read(ctx, n, d.opts.reads[0])
	}
	if s != success && d.opts.verbose == 0 {
		text, ok := exitText(int(s), false)
		if !ok {
			text = fmt.Sprintf("Some error occurred [%d]", s)
		}
		d.errorf("%s failed: %s\n", prog, text)
	}
	return s
}

const inquiryLead = "inquiry"

// inquire prints what the device says that it is.
func (d *device) inquire(ctx context.Context) status {
	const length = 36
	p, s := d.open(d.name, true, true)
	if s != success {
		return s
	}
	defer p.Close()
	n := &nexus{run: d.run, path: p}
	data := make([]byte, length)
	arrived, s := n.do(ctx, &command{
		lead: inquiryLead, cdb: []byte{byte(scsi.OpInquiry), 0, 0, 0, length, 0}, dir: scsi.DataIn, data: data,
	})
	if s == success && arrived < 4 {
		if d.opts.verbose > 0 {
			d.errorf("sg_ll_inquiry_com: got too few bytes (%d)\n", arrived)
		}
		s = malformed
	}
	if s != success {
		d.printf("%s: SCSI INQUIRY failed on %s\n", prog, d.name)
		return s
	}
	clear(data[arrived:])
	d.printf("  %s  %s  %s\n", field(data[8:16]), field(data[16:32]), field(data[32:36]))
	kind := deviceTypeText(data[0] & 0x1f)
	if kind == "" {
		kind = fmt.Sprintf("0x%x", data[0]&0x1f)
	}
	d.printf("  Peripheral device type: %s\n", kind)
	if d.entry != nil {
		d.entry.Inquiry = &inquiry{trimmed(data[8:16]), trimmed(data[16:32]), trimmed(data[32:36]), kind}
	}
	return success
}
