package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/vg"
)

func packageFlags() []cli.Flag {
	return []cli.Flag{verboseFlag(), configFlag(), nodeFlag(), dryRunFlag(), jsonFlag(), timeoutFlag(), simFlag(), noLVMFlag(), scanFlag(), serialFlag(), logFlag()}
}

const packageOptions = `
  -v             say each step and the number of SCSI commands
  --dry-run      list the commands that would be sent, send none but reads
  -C FILE        cluster config (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf)
  -n NODE        which node this is (else $SG_NODE, the short host name)
  --timeout S    time for one command to a device, retries included (60)
  --serial       one LUN after the other, for arrays that stall on many at once
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    the same, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)
  --log WHERE    log changes to syslog (the default), stderr or none`

// planJSON is the line about --json of those commands that show nothing else.
const planJSON = `
  --json         with --dry-run: the plan for a program`

func prStart() *applet {
	return &applet{
		name:    "pr_start",
		summary: "reserve the LUNs of a package for this node",
		usage: `
usage: pr_start [-v] [--strict] [--dry-run [--json]] [-C FILE] [-n NODE]
                [--timeout SECONDS] [PACKAGE]

Registers this node's key on every LUN of the package and reserves them Write
Exclusive - Registrants Only. A node that holds them is removed in one step,
but not while something of a failover package is in use (mounted, open) here.
A path that does not work is warned of, as long as each LUN has another.
PACKAGE is $SG_PACKAGE if not given.
` + packageOptions + planJSON + `
  --strict       fail if any path does not work, and undo what was done

exit status: 0 this node alone can write; 1 failed, do not retry elsewhere
(usage, config, foreign key, lost to another node, in use here while another has
it); 2 failed on this node; 128 + N ended by signal N, and what is left is said`,
		flags: append(packageFlags(), strictFlag()), operands: completeOnePackage, planJSON: true,
		run: func(c *call) error {
			return runPackage(c, deedStart, func(host vg.Host, run *packageRun, ctx context.Context) error { return c.startLUNs(ctx, host, run) })
		},
	}
}

func prHalt() *applet {
	return &applet{
		name:    "pr_halt",
		summary: "give the LUNs of a package up",
		usage: `
usage: pr_halt [-v] [--dry-run [--json]] [-C FILE] [-n NODE]
               [--timeout SECONDS] [PACKAGE]

Clears reservation and registrations of the package's LUNs. What another node
has taken over meanwhile is left alone. PACKAGE is $SG_PACKAGE if not given.
` + packageOptions + planJSON + `

exit status: 0 nothing of this node is left; 1 failed, do not retry elsewhere
(usage, config, foreign key); 2 failed on this node;
128 + N ended by signal N, and what is left is said`,
		flags: packageFlags(), operands: completeOnePackage, planJSON: true,
		run: func(c *call) error {
			return runPackage(c, deedHalt, func(_ vg.Host, run *packageRun, ctx context.Context) error { return run.Halt(ctx) })
		},
	}
}

// runPackage runs a protocol for the package that the command line names.
func runPackage(c *call, d deed, do func(vg.Host, *packageRun, context.Context) error) error {
	name, err := c.packageName()
	if err != nil {
		return err
	}
	conf, host, node, err := c.surroundings()
	if err != nil {
		return err
	}
	pkg, err := conf.Package(name)
	if err != nil {
		return err
	}
	return c.onPackage(conf, host, node, pkg, func(run *packageRun, o *opened) error {
		if len(run.LUNs) == 0 {
			c.warn("package %s has no vg and no pv line in %s: nothing is protected", pkg.Name, conf.Path)
		}
		if d == deedStart && conf.PRDisabled {
			c.warn("FORCED_PR_DISABLE is set in %s: nothing is protected", conf.Path)
			return nil
		}
		return c.perform(run, o, task{deed: d}, func(ctx context.Context) error { return do(host, run, ctx) })
	})
}

// startLUNs brings the LUNs up, unless that took them back while they are in use
// here.
func (c *call) startLUNs(ctx context.Context, host vg.Host, run *packageRun) error {
	if err := c.mayTake(ctx, host, run); err != nil {
		return err
	}
	return run.Start(ctx)
}

// follow makes the run tell what it does: the log, the terminal, and, as far as
// the flags want it, people.
func (c *call) follow(run *packageRun, o *opened) {
	if o.serial {
		run.Parallel = 1
	}
	if o.rehearse {
		// One LUN after the other: a rehearsal is the same each time.
		run.Parallel = 1
	}
	o.meter.watch(run)
	o.say = func(e protocol.Event) { c.sayEvent(run.Config, e) }
	run.Log = func(e protocol.Event) {
		c.shared.mu.Lock()
		defer c.shared.mu.Unlock()
		if e.Change() && !isRegistered(e) {
			o.changes[e.LUN] = append(o.changes[e.LUN], changeWords(run.Config, e)+outcomeWords(e))
		}
		if !isRegistered(e) {
			c.shared.rec.event(run, e)
		}
		o.say(e)
	}
}

// isRegistered reports whether the event is a repair that was told that the path
// is registered already, which is how it finds out.
func isRegistered(e protocol.Event) bool {
	return e.Action == protocol.Readmitted && errors.Is(e.Err, scsi.ErrReservationConflict)
}

// sayEvent says a change or a warning.
func (c *call) sayEvent(conf *cluster.Config, e protocol.Event) {
	switch {
	case e.Action == protocol.NothingLeft:
		if c.verbose() {
			fmt.Fprintln(c.Out, eventWords(conf, e))
		}
	case !e.Change():
		c.warn("%s", eventWords(conf, e))
	case c.verbose():
		fmt.Fprintln(c.Out, eventWords(conf, e)+outcomeWords(e))
	}
}

// packageName is the package that a command works on.
func (c *call) packageName() (string, error) {
	switch ops := c.operands(); {
	case len(ops) == 1:
		return ops[0], nil
	case len(ops) > 1:
		return "", usagef("one package was expected, not %d", len(ops))
	}
	if name := c.getenv("SG_PACKAGE"); name != "" {
		return name, nil
	}
	return "", usagef("a package is missing")
}

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
