package sgpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/scsi"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// Applet is the drop-in for sg3_utils' sg_persist.
func Applet() *front.Applet { return appletOn(nil) }

// appletOn is the command with devices opened by open, which is nil for
// those of the host. Errors of open wrap a syscall.Errno.
func appletOn(open Opener) *front.Applet {
	opts := NewOptions()
	a := &front.Applet{
		Name:     "sg_persist",
		Summary:  "send one PERSISTENT RESERVE command, as sg3_utils does",
		Usage:    Help(),
		Flags:    opts.Flags(),
		Verbatim: true, OutputStatus: int(fileError),
		Operands: session.CompleteDisks,
	}
	a.Main = func(c *front.Call, args []string) int {
		if c.Getenv(InvocationVariable) != "" {
			TellInvocation(c.Err, version(), a.CalledAs(), args)
		}
		opts.In, opts.Ctx = c.In, c.Ctx
		canon, bad := front.Canonicalise(args, front.Options(a.Flags), c.Getenv("POSIXLY_CORRECT") != "")
		status := 0
		err := c.Parse(a.Flags, canon, func(c *front.Call) error {
			if bad == nil {
				status = Run(c.Ctx, persistOn(c, open), opts, c.Operands())
			}
			return nil
		})
		switch {
		case opts.Fault() != nil:
			return Refused(c.Err, opts.Fault())
		case bad != nil:
			return Misused(c.Err, a.CalledAs(), bad)
		case err != nil:
			return c.Report(err)
		}
		return status
	}
	return a
}

// completeTypes offers the types of reservations. They are those of SPC-4, table 213.
func completeTypes(*front.Completion, string) []front.Suggestion {
	var list []front.Suggestion
	for t := scsi.Type(1); t <= 8; t++ {
		if t != 2 && t != 4 {
			list = append(list, front.Suggestion{Word: strconv.Itoa(int(t)), Meaning: t.String()})
		}
	}
	return list
}

// persistOn is what sg_persist works with on the host.
func persistOn(c *front.Call, open Opener) Call {
	found := map[string]vg.Device{}
	if open == nil {
		open = func(path string, readOnly bool) (vg.Path, error) { return openRaw(c, path, found[path], readOnly) }
	}
	return Call{Out: c.Out, Err: c.Err, Open: open, Version: version(), Paths: func(device string) ([]string, error) {
		host, err := session.OpenHost(c)
		if err != nil {
			return nil, err
		}
		disk, err := host.Disk(device)
		if err != nil {
			return nil, err
		}
		names := make([]string, len(disk.Paths))
		for i, p := range disk.Paths {
			names[i], found[p.Name] = p.Name, p
		}
		return names, nil
	}}
}

// errNamespace says what to use for what is no SCSI device.
var errNamespace = errors.New("an NVMe namespace, which takes no SCSI commands: pr_list --keys and vg_pr_key -g show its keys, pr_start, pr_halt, pr_fence and pr_cleanup change them; nvme resv-report shows registrants")

// isNamespace reports whether a device file, or what links lead to from it, is called as
// NVMe namespaces and controllers are.
func isNamespace(path string) bool {
	node := regexp.MustCompile(`^/dev/(nvme|ng)\d`)
	const mostLinks = 8
	for range mostLinks {
		if node.MatchString(path) {
			return true
		}
		to, err := os.Readlink(path)
		if err != nil {
			return false
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return false
}

// checkName refuses a name that states another LUN than it leads to.
func checkName(c *front.Call, path string) error {
	if !strings.HasPrefix(path, "/dev/disk/") && !strings.HasPrefix(path, "/dev/mapper/") {
		return nil
	}
	host, err := session.OpenHost(c)
	if err != nil {
		return err
	}
	if _, err = host.Paths(path); !errors.Is(err, vg.ErrMisnamed) {
		return nil
	}
	return err
}

// openRaw opens whatever is named, as the command line wants it, or the path that
// was found if it was. On a simulated host every device can be written to.
func openRaw(c *front.Call, path string, found vg.Device, readOnly bool) (vg.Path, error) {
	if found.Namespace || isNamespace(path) {
		return nil, errNamespace
	}
	if err := checkName(c, path); err != nil && !readOnly {
		return nil, err
	}
	if dir := c.Simulated(); dir != "" {
		host, err := simhost.Open(dir)
		if err != nil {
			return nil, err
		}
		if found.Name != "" {
			return host.Open(found)
		}
		return host.OpenName(path)
	}
	mode := scsi.OpenReadWrite
	if readOnly {
		mode = scsi.OpenReadOnly
	}
	if found.Name != "" {
		// By another name it would be another device.
		return opened(found.OpenSG(mode))
	}
	d, err := scsi.OpenSG(path, mode)
	switch {
	case errors.Is(err, scsi.ErrNotBlockDevice):
		return notDevice(path), nil
	case err != nil:
		return nil, err
	}
	return d, nil
}

// opened keeps a device that is none from being taken for one.
func opened(d *scsi.SGDevice, err error) (vg.Path, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// notDevice is a folder or file that could be opened. It answers commands as
// the kernel would.
type notDevice string

// Do fails: no commands here.
func (n notDevice) Do(context.Context, *scsi.Request) (scsi.Reply, error) {
	return scsi.Reply{}, &os.PathError{Op: "SG_IO", Path: string(n), Err: syscall.ENOTTY}
}

// Close has nothing to do.
func (notDevice) Close() error { return nil }

// version is a version in the shape that sg3_utils' commands have:
// number and date.
func version() string {
	number, _, _ := strings.Cut(strings.TrimPrefix(front.Version(), "v"), "-")
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if day, _, _ := strings.Cut(s.Value, "T"); s.Key == "vcs.time" {
				return number + " " + strings.ReplaceAll(day, "-", "")
			}
		}
	}
	return number
}

// InvocationVariable makes the sg3_utils show how they were called.
const InvocationVariable = "SG3_UTILS_INVOCATION"

// TellInvocation shows the command line; as is what the command was called by.
func TellInvocation(w io.Writer, version, as string, args []string) {
	text := fmt.Sprintf("vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv\n"+
		"utility_given=%s: \nversion_string=%s\ninvocation_arguments:\n  %s\n", prog, version, as)
	for _, a := range args {
		text += "  " + a + "\n"
	}
	fmt.Fprint(w, text+"^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv\n")
}
