package serviceguard

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
	"lunguard/commands/words"
)

const jobOptions = `
  -v             show the package's log as it is written
  -n NODE        refuse to work on any other node than this
  -C FILE        cluster config (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf)
  --dry-run      list the steps and each SCSI command that would be sent, and do
                 nothing
  --json         with --dry-run: the plan for a program
  --timeout S    time for one command to a device, retries included (60)
  --serial       one LUN after the other, for arrays that stall on many at once
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on the LUNs of a simulated host (else $LUNGUARD_SIM)
  --log WHERE    log changes to syslog (the default), stderr or none`

// CmRunPkg is cmrunpkg.
func CmRunPkg() *front.Applet {
	return &front.Applet{
		Name:    "cmrunpkg",
		Summary: "start packages on this node",
		Usage: `
usage: cmrunpkg [-v] [-n NODE] [-C FILE] [--takeover] [--dry-run [--json]]
                [--timeout SECONDS] PACKAGE...

Starts each package on this node: external_pre_scripts, reservations, volume
groups, file systems, external_scripts, services; or reservations and the
run_script of a legacy package. A step that fails undoes those before it.

  --takeover     start a package although another node has its LUNs: that node
                 must be dead, it is cut off from them
  --strict       fail if any path to a LUN does not work
` + jobOptions + `
  --supervise F  what cmrunpkg starts for each service; not for people

exit status: 0 all run here; 1 failed, do not retry elsewhere; 2 failed, and
another node may try; 128 + N ended by signal N`,
		Flags: append(jobFlags(), session.StrictFlag(), &cli.BoolFlag{Name: "takeover"}, &cli.StringFlag{Name: "supervise", Hidden: true}), Operands: session.CompletePackages, PlanJSON: true,
		Run: func(c *front.Call) error {
			if record := c.Flags.String("supervise"); record != "" {
				return runpkg.Supervise(record)
			}
			return eachJob(c, (*job).start, func() { c.Printf("cmrunpkg: All specified packages are running\n") })
		},
	}
}

func jobFlags() []cli.Flag {
	node := front.Offering(front.Repeated("node", "n"), session.CompleteNodes)
	return []cli.Flag{front.VerboseFlag(), session.ConfigFlag(), node, session.DryRunFlag(), front.JSONFlag(), session.TimeoutFlag(), front.SimFlag(), session.NoLVMFlag(), session.ScanFlag(), session.SerialFlag(), front.LogFlag()}
}

// eachJob works on the packages of the command line, one after the other. One
// that fails does not keep the others from theirs. If none fails, the end says
// so.
func eachJob(c *front.Call, work func(*job, context.Context) error, end func()) error {
	conf, err := session.ReadConfig(c)
	if err != nil {
		return err
	}
	host, err := session.OpenHost(c)
	if err != nil {
		return err
	}
	node, err := nodeHere(c, conf, host)
	if err != nil {
		return err
	}
	packages, err := namedPackages(c, conf)
	if err != nil {
		return err
	}
	s := session.On(c, conf, host, node)
	ctx, stop := untilSignal(c.Ctx)
	defer stop()
	for i, pkg := range packages {
		if ctx.Err() != nil {
			c.Fail(session.NotBegun(packages[i:]))
			break
		}
		j, err := newJob(s, pkg)
		if err != nil {
			c.Fail(&jobError{pkg: pkg.Name, err: err})
			continue
		}
		j.fail(work(j, ctx))
	}
	if sig := front.SignalOf(ctx); sig != nil && c.Status != words.ExitOK {
		c.Status = sig.Status()
		return nil
	}
	if c.Status == words.ExitOK && !c.Flags.Bool("dry-run") {
		end()
	}
	return nil
}

// namedPackages lists the packages of the command line, once each. If one does not
// exist, nothing is done with any.
func namedPackages(c *front.Call, conf *cluster.Config) ([]*cluster.Package, error) {
	if len(c.Operands()) == 0 {
		return nil, front.Usagef("a package is missing")
	}
	var list []*cluster.Package
	for _, name := range c.Operands() {
		pkg, err := conf.Package(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, pkg) {
			list = append(list, pkg)
		}
	}
	return list, nil
}

// start starts one package.
func (j *job) start(ctx context.Context) error {
	if !j.pkg.RunsOn(j.s.Node.Name) {
		return &cluster.NotMemberError{Node: j.s.Node.Name, Package: j.pkg}
	}
	if j.s.Flags.Bool("dry-run") {
		return j.rehearseStart(ctx)
	}
	if err := j.open(); err != nil {
		return err
	}
	defer j.close()
	up, err := j.mayStart(ctx, j.runner.State)
	if err != nil {
		return err
	}
	if up {
		j.s.Printf("Package %s is already running on node %s\n", j.pkg.Name, j.s.Node.Name)
		for _, how := range j.runner.Ended() {
			j.s.Warn("package %s runs without service %s", j.pkg.Name, how)
		}
		return nil
	}
	j.s.Printf("Running package %s on node %s\n", j.pkg.Name, j.s.Node.Name)
	if err := j.carryOut(ctx, front.DeedRun, j.runner.Start); err != nil {
		return err
	}
	j.s.Printf("Successfully started package %s on node %s\n", j.pkg.Name, j.s.Node.Name)
	return nil
}

// rehearseStart lists what a start would do.
func (j *job) rehearseStart(ctx context.Context) error {
	up, err := j.mayStart(ctx, j.peek())
	switch {
	case err != nil:
		return err
	case up:
		j.idle(front.DeedRun, "Package %s is already running on node %s")
		return nil
	}
	return j.rehearse(ctx, runpkg.Start)
}

// phaser tells how far a package is on this host.
type phaser interface{ Phase() (runpkg.Phase, error) }

// mayStart judges whether the package can be started, or is up here already.
func (j *job) mayStart(ctx context.Context, state phaser) (up bool, err error) {
	phase, err := state.Phase()
	if err != nil {
		return false, &stateError{err}
	}
	if phase != runpkg.Down && phase != runpkg.Up {
		return false, &halfUpError{j.pkg.Name, j.s.Node.Name, phase}
	}
	who, err := j.look(ctx, func(run *session.PackageRun) error {
		if phase == runpkg.Up {
			return nil
		}
		return j.s.MayTake(ctx, run)
	})
	if err != nil {
		return false, err
	}
	if phase == runpkg.Up {
		if who.own < who.luns {
			return false, &cutOffError{j.pkg.Name, j.s.Node.Name, who.others}
		}
		return true, nil
	}
	if err := j.free(who); err != nil {
		return false, err
	}
	j.runner.Kept = j.keptWords(who)
	return false, nil
}

// free refuses a failover package that another node has. To take it away is a
// decision that only people can make: the other node may be well.
func (j *job) free(who standing) error {
	if j.pkg.Type == cluster.Failover && len(who.others) > 0 && !j.s.Flags.Bool("takeover") {
		return &elsewhereError{pkg: j.pkg.Name, node: j.s.Node.Name, others: who.others}
	}
	return nil
}

// keptWords tells why a start that fails has to leave the reservations as they
// are then: to whom the LUNs belonged before, they would be open again, and
// that node may only hang. A multi-node package's are the other nodes', too,
// and a halt leaves them theirs.
func (j *job) keptWords(who standing) string {
	switch {
	case j.pkg.Type == cluster.Failover && len(who.others) > 0:
		return "given up, the LUNs would be open to " + strings.Join(who.others, ", ") + ", from which they were taken"
	case who.own > 0:
		return "this node had them before"
	}
	return ""
}

// reserve makes the reservations. Who has the LUNs is looked at once more: the
// scripts that come before may have taken long.
func (j *job) reserve(ctx context.Context) error {
	return j.onLUNs(ctx, front.DeedStart, func(ctx context.Context, run *session.PackageRun) error {
		who, err := standingOf(run, run.Show(ctx))
		if err == nil {
			err = j.free(who)
		}
		if err != nil {
			return err
		}
		return j.s.StartLUNs(ctx, run)
	})
}

// elsewhereError says that other nodes have a package.
type elsewhereError struct {
	pkg, node string
	others    []string
	// halt says that it was to be halted.
	halt bool
}

func (e *elsewhereError) Error() string {
	return fmt.Sprintf("package %s is running on node %s", e.pkg, strings.Join(e.others, ", "))
}

func (e *elsewhereError) Message() words.Message {
	m := words.Message{What: e.Error(), Status: words.ExitFailed}
	m.Hint = "halt it there with cmhaltpkg, or, if that node is dead, take the package with --takeover"
	if e.halt {
		m.Hint = "run cmhaltpkg there; if that node is dead, cmrunpkg --takeover takes the package elsewhere"
	}
	return m
}

// halfUpError says that something of a package is left on this node.
type halfUpError struct {
	pkg, node string
	phase     runpkg.Phase
}

func (e *halfUpError) Error() string {
	how := "its last start or halt failed"
	switch e.phase {
	case runpkg.Starting:
		how = "its start did not come to an end"
	case runpkg.Halting:
		how = "its halt did not come to an end"
	}
	return fmt.Sprintf("something of package %s may be left on node %s, %s", e.pkg, e.node, how)
}

func (e *halfUpError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "see its log, then halt it with cmhaltpkg", Status: words.ExitFailed}
}

// cutOffError says that a package which was started here has lost its LUNs.
type cutOffError struct {
	pkg, node string
	others    []string
}

func (e *cutOffError) Error() string {
	text := fmt.Sprintf("package %s was started on node %s, but not all its LUNs are registered for it any more", e.pkg, e.node)
	if len(e.others) > 0 {
		text += "; it is on node " + strings.Join(e.others, ", ")
	}
	return text
}

func (e *cutOffError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "pr_check shows what is wrong; what is left of it here goes with cmhaltpkg", Status: words.ExitFailed}
}
