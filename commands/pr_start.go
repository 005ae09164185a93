package commands

import (
	"context"
	"fmt"
	"sync"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
)

func packageFlags() []cli.Flag {
	return []cli.Flag{verboseFlag(), configFlag(), nodeFlag(), dryRunFlag(), timeoutFlag(), simFlag(), noLVMFlag(), scanFlag(), serialFlag()}
}

const packageOptions = `
  -v             say each step and the number of SCSI commands
  --dry-run      print each command that would be sent, send none but reads
  -C FILE        cluster config (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf)
  -n NODE        which node this is (else $SG_NODE, the short host name)
  --timeout S    time for one command to a device, retries included (60)
  --serial       one LUN after the other, for arrays that stall on many at once
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    the same, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)`

func prStart() *applet {
	return &applet{
		name:    "pr_start",
		summary: "reserve the LUNs of a package for this node",
		usage: `
usage: pr_start [-v] [--strict] [--dry-run] [-C FILE] [-n NODE] [PACKAGE]

Registers this node's key on every LUN of the package and reserves them Write
Exclusive - Registrants Only. A node that holds them is removed in one step.
A path that does not work is warned of, as long as each LUN has another.
PACKAGE is $SG_PACKAGE if not given.
` + packageOptions + `
  --strict       fail if any path does not work, and undo what was done

exit status: 0 this node alone can write; 1 failed, do not retry elsewhere
(usage, config, foreign key, lost to another node); 2 failed on this node`,
		flags: append(packageFlags(), strictFlag()),
		run: func(c *call) error {
			return runPackage(c, func(run *cluster.Run, ctx context.Context) error {
				if run.Config.PRDisabled {
					c.warn("FORCED_PR_DISABLE is set in %s: nothing is protected", run.Config.Path)
					return nil
				}
				return run.Start(ctx)
			})
		},
	}
}

func prHalt() *applet {
	return &applet{
		name:    "pr_halt",
		summary: "give the LUNs of a package up",
		usage: `
usage: pr_halt [-v] [--dry-run] [-C FILE] [-n NODE] [--timeout SECONDS] [PACKAGE]

Clears reservation and registrations of the package's LUNs. What another node
has taken over meanwhile is left alone. PACKAGE is $SG_PACKAGE if not given.
` + packageOptions + `

exit status: 0 nothing of this node is left; 1 failed, do not retry elsewhere
(usage, config, foreign key); 2 failed on this node`,
		flags: packageFlags(),
		run:   func(c *call) error { return runPackage(c, (*cluster.Run).Halt) },
	}
}

// runPackage runs a protocol for the package that the command line names.
func runPackage(c *call, protocol func(*cluster.Run, context.Context) error) error {
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
	return c.onPackage(conf, host, node, pkg, func(run *cluster.Run) error {
		if len(run.LUNs) == 0 {
			c.warn("package %s has no vg and no pv line in %s: nothing is protected", pkg.Name, conf.Path)
		}
		return protocol(run, c.ctx)
	})
}

// follow makes the run tell what it does, as far as the flags want it.
func (c *call) follow(run *cluster.Run, o *opened) {
	if o.serial {
		run.Parallel = 1
	}
	if o.rehearse {
		// One LUN after the other, so that the list can be read.
		run.Parallel = 1
	}
	var mu sync.Mutex
	run.Log = func(e cluster.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case e.Action == cluster.NothingLeft:
			if c.verbose() {
				fmt.Fprintln(c.Out, eventWords(run.Config, e))
			}
		case !e.Change():
			c.warn("%s", eventWords(run.Config, e))
		case o.rehearse:
			c.printf("would send: %s\n", eventWords(run.Config, e))
		case c.verbose():
			fmt.Fprintln(c.Out, eventWords(run.Config, e)+outcomeWords(e))
		}
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
