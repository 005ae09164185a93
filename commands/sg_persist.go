package commands

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/sgpersist"
	"lunguard/scsi"
	"lunguard/vg"
)

// sgPersist is the drop-in for sg3_utils' sg_persist.
func sgPersist() *front.Applet { return sgPersistOn(nil) }

// sgPersistOn is the command with devices opened by open, which is nil for
// those of the host. Errors of open wrap a syscall.Errno.
func sgPersistOn(open sgpersist.Opener) *front.Applet {
	opts := sgpersist.NewOptions()
	a := &front.Applet{
		Name:     "sg_persist",
		Summary:  "send one PERSISTENT RESERVE command, as sg3_utils does",
		Usage:    sgpersist.Help(),
		Flags:    offeringValues(opts.Flags()),
		Operands: session.CompleteDisks,
	}
	a.Main = func(c *front.Call, args []string) int {
		if c.Getenv(sgpersist.InvocationVariable) != "" {
			sgpersist.TellInvocation(c.Err, sgPersistVersion(), a.CalledAs(), args)
		}
		opts.In = c.In
		canon, bad := front.Canonicalise(args, front.Options(a.Flags), c.Getenv("POSIXLY_CORRECT") != "")
		status := 0
		err := c.Parse(a.Flags, canon, func(c *front.Call) error {
			if bad == nil {
				status = sgpersist.Run(c.Ctx, persistOn(c, open), opts, c.Operands())
			}
			return nil
		})
		switch {
		case opts.Fault() != nil:
			return sgpersist.Refused(c.Err, opts.Fault())
		case bad != nil:
			return sgpersist.Misused(c.Err, a.CalledAs(), bad)
		case err != nil:
			return c.Report(err)
		}
		return status
	}
	return a
}

// offeringValues makes the flags bring what their values can be.
func offeringValues(flags []cli.Flag) []cli.Flag {
	list := make([]cli.Flag, len(flags))
	for i, f := range flags {
		var values front.Completer
		switch f.Names()[0] {
		case "device":
			values = session.CompleteDisks
		case "param-rk", "param-sark":
			values = session.CompleteKeys
		case "prout-type":
			values = completeTypes
		}
		list[i] = f
		if values != nil {
			list[i] = front.Offering(f, values)
		}
	}
	return list
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
func persistOn(c *front.Call, open sgpersist.Opener) sgpersist.Call {
	if open == nil {
		open = func(path string, readOnly bool) (vg.Path, error) { return openRaw(c, path, readOnly) }
	}
	return sgpersist.Call{Out: c.Out, Err: c.Err, Open: open, Version: sgPersistVersion(), Paths: func(device string) ([]string, error) {
		host, err := session.OpenHost(c)
		if err != nil {
			return nil, err
		}
		disk, err := host.Disk(device)
		if err != nil {
			return nil, err
		}
		return disk.Paths, nil
	}}
}

// openRaw opens whatever is named, as the command line wants it. On a
// simulated host every device can be written to.
func openRaw(c *front.Call, path string, readOnly bool) (vg.Path, error) {
	if c.Simulated() != "" {
		host, err := session.OpenHost(c)
		if err != nil {
			return nil, err
		}
		return host.Open(path)
	}
	mode := scsi.OpenReadWrite
	if readOnly {
		mode = scsi.OpenReadOnly
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

// notDevice is a folder or file that could be opened. It answers commands as
// the kernel would.
type notDevice string

// Do fails: no commands here.
func (n notDevice) Do(context.Context, *scsi.Request) (scsi.Reply, error) {
	return scsi.Reply{}, &os.PathError{Op: "SG_IO", Path: string(n), Err: syscall.ENOTTY}
}

// Close has nothing to do.
func (notDevice) Close() error { return nil }

// sgPersistVersion is a version in the shape that sg3_utils' commands have:
// number and date.
func sgPersistVersion() string {
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
