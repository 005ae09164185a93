// Package probe is pr_probe: does a device keep the promises that the commands rest on?
package probe

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/probe"
)

// Name is what the command is called.
const Name = "pr_probe"

// Applet is pr_probe.
func Applet() *front.Applet {
	return &front.Applet{
		Name:    Name,
		Summary: "does an array keep its promises? On a LUN that may lose all reservations",
		Usage: `
usage: pr_probe --destroy-reservations DEVICE [--scratch BLOCK] [--two-hosts]
                [--even-in-use] [--json | --html] [-v] [OPTIONS] DEVICE

Tries, on one LUN or namespace, all that the other commands rely on, and says
whether the array is fit for them. It needs two initiators: two paths of this
host, or two hosts, on which it runs at the same time with --two-hosts. Who is
registered there loses that, so the device has to be named twice.

  --destroy-reservations DEVICE
                 the device once more
  --scratch N    block N may be written; it has to be empty, and is so afterwards.
                 Without it nobody knows whether writes are fenced
  --two-hosts    meet another run on the device
  --even-in-use  on a LUN that is in use, or registered or reserved, too; and with
                 a block that is not empty, which is restored at the end
  --wait S       how long to wait for the other run (120)
  --json         the report for a program; see json.md
  --html         the report as a page
  -v             say what is being tried
  --timeout S    time for one command to a device, retries included (10)
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    the same, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)

exit status: 0 fit, in other ways, too; 1 unfit, refused, or usage; 2 unknown,
and unknown is never fit; 128 + N ended by signal N`,
		Flags: []cli.Flag{
			front.Offering(&cli.StringFlag{Name: "destroy-reservations"}, session.CompleteDisks),
			&cli.StringFlag{Name: "scratch"}, &cli.BoolFlag{Name: "two-hosts"}, &cli.BoolFlag{Name: "even-in-use"},
			&cli.StringFlag{Name: "wait", Value: "120"}, front.JSONFlag(), &cli.BoolFlag{Name: "html"}, front.VerboseFlag(),
			&cli.StringFlag{Name: "timeout", Value: "10"}, session.NoLVMFlag(), session.ScanFlag(), front.SimFlag(),
		},
		Operands: session.CompleteDisks,
		Run:      run,
	}
}

// order is what the command line asks for.
type order struct {
	device  string
	scratch *probe.Scratch
	// despite says that nothing of what is in the way counts.
	despite bool
	timeout time.Duration
	options probe.Options
}

// pause is how often runs look for each other.
const pause = 100 * time.Millisecond

// readOrder reads the command line.
func readOrder(c *front.Call) (*order, error) {
	ops := c.Operands()
	if len(ops) != 1 {
		return nil, front.Usagef("one device was expected, not %d", len(ops))
	}
	o := &order{device: ops[0], despite: c.Flags.Bool("even-in-use")}
	switch again := c.Flags.String("destroy-reservations"); {
	case again == "":
		return nil, front.Usagef("all reservations of the device will be lost: name it once more, with --destroy-reservations")
	case again != o.device:
		return nil, front.Usagef("--destroy-reservations names another device than the operand")
	case c.Flags.Bool("html") && c.Flags.Bool(front.JSONOption):
		return nil, front.Usagef("--html and --json exclude each other")
	}
	var err error
	if o.timeout, err = session.Timeout(c); err != nil {
		return nil, err
	}
	if text := c.Flags.String("scratch"); c.Flags.IsSet("scratch") {
		lba, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, front.Usagef("--scratch %s: the number of a block was expected", text)
		}
		o.scratch = &probe.Scratch{LBA: uint32(lba), Anything: o.despite}
	}
	wait, err := strconv.ParseUint(c.Flags.String("wait"), 10, 16)
	if err != nil || wait == 0 {
		return nil, front.Usagef("--wait %s: seconds were expected", c.Flags.String("wait"))
	}
	o.options = probe.Options{
		TwoHosts: c.Flags.Bool("two-hosts"), Run: uint16(rand.Uint32()), ID: rand.Uint32(), Scratch: o.scratch, Now: time.Now,
		Wait: probe.Wait{Pause: sleep, Patience: int(time.Duration(wait) * time.Second / pause)},
	}
	if c.Verbose() {
		o.options.Say = func(check probe.Check) { c.Printf("trying: %s\n", check) }
	}
	return o, nil
}

// sleep lets a moment pass.
func sleep(ctx context.Context) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func run(c *front.Call) error {
	o, err := readOrder(c)
	if err != nil {
		return err
	}
	host, err := session.OpenHost(c)
	if err != nil {
		return err
	}
	t, err := find(c, host, o)
	if err != nil {
		return err
	}
	defer t.Close()
	report, err := t.try(c)
	if report == nil {
		return err
	}
	r := &result{Report: report, target: t, cut: t.cut}
	switch report.Verdict() {
	case probe.Fit, probe.FitWith:
	case probe.Unfit:
		c.Status = words.ExitFailed
	default:
		c.Status = words.ExitNode
	}
	if err != nil {
		err = &trialError{lun: t.disk.Device, err: err}
	}
	return errors.Join(r.print(c), err)
}
