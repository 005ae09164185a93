package commands

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/picture"
	"lunguard/commands/words"
	"lunguard/protocol"
)

func prCheck() *applet {
	return &applet{
		name:    "pr_check",
		summary: "is every LUN, path and key as it should be?",
		usage: `
usage: pr_check [-v] [--table | --json] [--html FILE] [--prometheus FILE]
                [--repair] [-C FILE] [-n NODE] [--timeout SECONDS] [PACKAGE...]
       pr_check --watch[=SECONDS] [-C FILE] [-n NODE] [--timeout SECONDS] [PACKAGE...]
       pr_check --repair --device DEVICE [-v] [-C FILE] [-n NODE] [--timeout SECONDS]

Compares every LUN and path of the packages with the config and with each
other. Without PACKAGE, all packages of the config that this node may run.

  --table        LUNs down, nodes across: registered paths of each node on each
                 LUN, as n/m of this node's m paths, as n of another node's;
                 * holds the reservation, L is leaving
  --watch[=S]    the table again and again, every 2 seconds or S, with what
                 changed marked; Ctrl-C ends it with status 130
  --color WHEN   auto (colours on a terminal, unless NO_COLOR is set), always, never
  --json         print the findings for a program; docs/json.md has the fields
  --html FILE    write a page for a browser; - is the standard output
  --prometheus FILE
                 write metrics for node_exporter's textfile collector; - is the
                 standard output
                 With either, nothing else is printed unless --table or --json
                 asks for it
  --repair       register this node's missing paths, where its key is still
                 registered on another path or LUN, and reserve a LUN that has
                 registrations but no reservation; then check again
  --device DEVICE
                 with --repair: a path has come back; register it if this node's
                 key is still registered on another path of its LUN. For udev
` + packageOptions + `

exit status: 0 all is well; 1 something is wrong; 2 the state of a LUN is unknown;
128 + N ended by signal N`,
		flags: append(packageFlags(), &cli.BoolFlag{Name: "table"}, newWatchFlag(), colorFlag(),
			offering(&cli.StringFlag{Name: "html"}, oneOf(shellFiles)), offering(&cli.StringFlag{Name: "prometheus"}, oneOf(shellFiles)),
			&cli.BoolFlag{Name: "repair"}, offering(&cli.StringFlag{Name: "device"}, completeDisks)),
		operands: completePackages,
		run:      runCheck,
	}
}

// checker is what pr_check works with.
type checker struct {
	*session
	names []string
}

func runCheck(c *call) error {
	out, err := checkOutputs(c)
	if err != nil {
		return err
	}
	begun := time.Now()
	k, err := newChecker(c)
	stranger, named := (*cluster.UnknownNodeError)(nil), c.flags.String("node")+c.getenv("SG_NODE") != ""
	if errors.As(err, &stranger) && c.flags.String("device") != "" && !named {
		// udev asks on every host that has the config. One that is no node has no
		// key on any path.
		return nil
	}
	if err != nil {
		// That nothing could be looked at is seen by those, too, who do not
		// read the error stream.
		return errors.Join(err, out.publish(&picture.Picture{Time: begun, Errors: problems(err), Status: statusOf(err)}))
	}
	if device := c.flags.String("device"); device != "" {
		return readmit(k.session, device)
	}
	if out.every > 0 {
		w := watcher{call: c, screen: out.screen, every: out.every, look: k.look}
		return w.run()
	}
	stdout := c.Out
	if out.machine {
		c.Out = c.Err
	}
	p, err := k.look(c)
	c.Out = stdout
	if err != nil {
		return err
	}
	return out.print(p)
}

// newChecker finds out what is to be checked.
func newChecker(c *call) (*checker, error) {
	device, names := c.flags.String("device"), c.operands()
	if device != "" && (!c.flags.Bool("repair") || len(names) > 0) {
		return nil, usagef("--device goes with --repair, and without packages")
	}
	s, err := newSession(c)
	if err != nil {
		return nil, err
	}
	conf, node := s.conf, s.node
	k := &checker{session: s}
	for _, name := range names {
		if _, err := conf.Package(name); err != nil {
			return nil, err
		}
		if !slices.Contains(k.names, name) {
			k.names = append(k.names, name)
		}
	}
	if len(names) > 0 || device != "" {
		return k, nil
	}
	for _, p := range conf.Packages {
		if p.RunsOn(node.Name) {
			k.names = append(k.names, p.Name)
		}
	}
	if len(k.names) == 0 {
		// Nothing looked at must not read as all well.
		return nil, usagef("no package of the config runs on %s; name those to check", node.Name)
	}
	return k, nil
}

// statusOf is the exit status that an error means.
func statusOf(err error) int {
	status := words.ExitOK
	for _, leaf := range words.Leaves(err) {
		status = worse(status, words.Of(leaf).Status)
	}
	return status
}

// look checks the packages once. What is found raises the exit status.
func (k *checker) look(c *call) (*picture.Picture, error) {
	p := &picture.Picture{Time: time.Now(), Cluster: k.conf.Name, Node: k.node.Name}
	s := k.by(c)
	// The next look of --watch may come after a change of the groups.
	s.forgetOwners()
	packages, err := s.packages(k.names)
	if err != nil {
		return nil, err
	}
	for _, pkg := range packages {
		section, err := checkSection(s, pkg)
		if err != nil {
			section = unopened(pkg.Name, string(pkg.Type), err)
			c.fail(err)
		}
		p.Sections = append(p.Sections, section)
	}
	p.Took, p.Errors, p.Status = time.Since(p.Time), c.said, c.status
	return p, nil
}

// checkSection checks one package. LUNs that cannot be opened are unknown, and do
// not keep the others from being looked at; but then nothing is repaired.
func checkSection(s *session, pkg *cluster.Package) (picture.Section, error) {
	o, err := s.begin()
	if err != nil {
		return picture.Section{}, err
	}
	o.own = s.node.Key
	devices, err := s.devicesOf(pkg)
	if err != nil {
		return picture.Section{}, err
	}
	reports, at := o.openEach(s.ctx, s.host, devices, s.warnErr)
	run := s.run(pkg, o)
	s.follow(run, o)
	shared := make([]error, len(o.luns))
	for i, l := range o.luns {
		shared[i] = s.owners().twoPackages(pkg, diskOf(l))
	}
	if s.flags.Bool("repair") && len(at) == len(reports) {
		err := errors.Join(shared...)
		if err == nil {
			err = s.perform(run, o, task{deed: deedRepair}, run.Repair)
		}
		if err != nil {
			s.fail(err)
		}
	}
	for i, rep := range run.Check(s.ctx) {
		if shared[i] != nil && !rep.Unknown() {
			rep.Findings = append(rep.Findings, protocol.Finding{Kind: words.InTwoPackages, Err: shared[i]})
		}
		reports[at[i]] = rep
	}
	judge(s.call, reports, at)
	if s.verbose() {
		s.sayCost(pkg, o)
	}
	drawn := packageSection(s.conf, pkg, s.node, reports)
	for i := range drawn.LUNs {
		if !slices.Contains(at, i) {
			drawn.LUNs[i].Paths, drawn.LUNs[i].Working = nil, nil
		}
	}
	if err := o.Close(); err != nil {
		s.fail(err)
	}
	return drawn, nil
}

// judge raises the exit status by what was found: what is unknown outweighs
// what is wrong. at are the LUNs that were opened; the errors of the others are
// reported, and may mean that no node should try.
func judge(c *call, reports []protocol.Report, at []int) {
	for i, rep := range reports {
		switch {
		case !slices.Contains(at, i):
			if status := c.report(rep.Findings[0].Err); status == words.ExitNode {
				c.status = words.ExitNode
			} else {
				c.status = worse(c.status, status)
			}
		case rep.Unknown():
			c.status = words.ExitNode
		case len(rep.Findings) > 0 && c.status != words.ExitNode:
			c.status = words.ExitFailed
		}
	}
}

// readmit registers a path that has come back. Which package the LUN belongs to
// does not matter, and the package's other LUNs need not be there: the key on
// another path is the proof that this node runs what is on it.
func readmit(s *session, device string) error {
	if !strings.HasPrefix(device, "/") {
		// udev names devices without the folder.
		device = "/dev/" + device
	}
	disk, err := s.host.Paths(device)
	if err != nil {
		return err
	}
	o, err := s.begin()
	if err != nil {
		return err
	}
	o.own = s.node.Key
	lun, err := o.openDisk(s.ctx, s.host, disk, s.warnErr)
	if err != nil {
		return errors.Join(err, o.Close())
	}
	o.luns = append(o.luns, lun)
	run := s.run(&cluster.Package{Type: cluster.MultiNode}, o)
	s.follow(run, o)
	var paths []string
	err = s.perform(run, o, task{deed: deedReadmit}, func(ctx context.Context) (err error) {
		paths, err = run.Readmit(ctx)
		return err
	})
	for _, p := range paths {
		if !o.rehearse {
			s.printf("%s: registered again\n", p)
		}
	}
	return errors.Join(err, o.Close())
}
