package reservations

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// PRCheck is pr_check.
func PRCheck() *front.Applet {
	return &front.Applet{
		Name:    "pr_check",
		Summary: "is every LUN, path and key as it should be?",
		Usage: `
usage: pr_check [-v] [--table | --json] [--problems] [--html FILE]
                [--prometheus FILE] [--repair] [-C FILE] [-n NODE] [--timeout SECONDS] [PACKAGE...]
       pr_check --watch[=SECONDS] [-C FILE] [-n NODE] [--timeout SECONDS] [PACKAGE...]
       pr_check --repair --device DEVICE [-v] [-C FILE] [-n NODE] [--timeout SECONDS]

Compares every LUN and path of the packages with the config and with each
other. Without PACKAGE, all packages of the config that this node may run.

  --table        LUNs down, nodes across: how many registrations each node has on
                 each LUN; * holds the reservation, L is leaving. On a terminal
                 it is the default; elsewhere that is a line for each LUN
  --problems     show only what is not well
  --watch[=S]    the table again and again, every 2 seconds or S, with what
                 changed marked; Ctrl-C ends it with status 130
  --color WHEN   auto (colours on a terminal, unless NO_COLOR is set), always, never
  --json         print the findings for a program; json.md has the fields
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
` + session.PackageOptions + `

exit status: 0 all is well; 1 something is wrong; 2 the state of a LUN is unknown;
128 + N ended by signal N`,
		Flags: append(session.PackageFlags(), &cli.BoolFlag{Name: "table"}, &cli.BoolFlag{Name: "problems"}, front.NewWatchFlag(), front.ColorFlag(),
			front.Offering(&cli.StringFlag{Name: "html"}, front.OneOf(front.ShellFiles)), front.Offering(&cli.StringFlag{Name: "prometheus"}, front.OneOf(front.ShellFiles)),
			&cli.BoolFlag{Name: "repair"}, front.Offering(&cli.StringFlag{Name: "device"}, session.CompleteDisks)),
		Operands: session.CompletePackages,
		Run:      runCheck,
	}
}

// checker is what pr_check works with.
type checker struct {
	*session.Session
	names []string
}

func runCheck(c *front.Call) error {
	out, err := checkOutputs(c)
	if err != nil {
		return err
	}
	begun := time.Now()
	k, err := newChecker(c)
	stranger, named := (*cluster.UnknownNodeError)(nil), c.Flags.String("node")+c.Getenv("SG_NODE") != ""
	if errors.As(err, &stranger) && c.Flags.String("device") != "" && !named {
		// udev asks on every host that has the config. One that is no node has no
		// key on any path.
		return nil
	}
	if err != nil {
		// That nothing could be looked at is seen by those, too, who do not
		// read the error stream.
		return errors.Join(err, out.publish(&picture.Picture{Time: begun, Errors: problems(err), Status: statusOf(err)}))
	}
	if device := c.Flags.String("device"); device != "" {
		return readmit(k.Session, device)
	}
	if out.every > 0 {
		w := front.Watcher{Call: c, Screen: out.screen, Every: out.every, Look: func(c *front.Call) (*picture.Picture, error) {
			p, err := k.look(c)
			if err != nil {
				return nil, err
			}
			return out.chosen(p), nil
		}}
		return w.Run()
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
func newChecker(c *front.Call) (*checker, error) {
	device, names := c.Flags.String("device"), c.Operands()
	if device != "" && (!c.Flags.Bool("repair") || len(names) > 0) {
		return nil, front.Usagef("--device goes with --repair, and without packages")
	}
	s, err := session.New(c)
	if err != nil {
		return nil, err
	}
	conf, node := s.Conf, s.Node
	k := &checker{Session: s}
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
		if p.RunsOn(node.Name) && !p.HasNoLUNs() {
			k.names = append(k.names, p.Name)
		}
	}
	if len(k.names) == 0 {
		// Nothing looked at must not read as all well.
		return nil, front.Usagef("no package of the config that has LUNs runs on %s; name those to check", node.Name)
	}
	return k, nil
}

// statusOf is the exit status that an error means.
func statusOf(err error) int {
	status := words.ExitOK
	for _, leaf := range words.Leaves(err) {
		status = front.Worse(status, words.Of(leaf).Status)
	}
	return status
}

// look checks the packages once. What is found raises the exit status.
func (k *checker) look(c *front.Call) (*picture.Picture, error) {
	p := &picture.Picture{Time: time.Now(), Cluster: k.Conf.Name, Node: k.Node.Name}
	s := k.By(c)
	// The next look of --watch may come after a change of the groups.
	s.ForgetOwners()
	packages, err := s.Packages(k.names)
	if err != nil {
		return nil, err
	}
	for _, pkg := range packages {
		section, err := checkSection(s, pkg)
		if err != nil {
			section = unopened(pkg.Name, string(pkg.Type), err)
			c.Fail(err)
		}
		p.Sections = append(p.Sections, section)
	}
	if len(c.Operands()) == 0 {
		if err := session.Unlisted(s); err != nil {
			c.Fail(err)
		}
	}
	p.Took, p.Errors, p.Status = time.Since(p.Time), c.Said, c.Status
	return p, nil
}

// checkSection checks one package. LUNs that cannot be opened are unknown, and do
// not keep the others from being looked at; but then nothing is repaired.
func checkSection(s *session.Session, pkg *cluster.Package) (picture.Section, error) {
	o, err := s.Begin()
	if err != nil {
		return picture.Section{}, err
	}
	o.Own = s.Node.Key
	devices, err := s.DevicesOf(pkg)
	if err != nil {
		return picture.Section{}, errors.Join(err, o.Close())
	}
	reports, at := o.OpenEach(s.Ctx, s.Host, devices, s.WarnErr, nil, nil)
	run := s.Run(pkg, o)
	s.Follow(run, o)
	shared := func(l *protocol.LUN) error { return s.Owners().TwoPackages(pkg, o.DiskOf(l)) }
	if s.Flags.Bool("repair") && len(at) == len(reports) {
		var err error
		for _, l := range o.LUNs {
			err = errors.Join(err, shared(l))
		}
		if err == nil {
			err = s.Perform(run, o, session.Task{Deed: front.DeedRepair}, func(ctx context.Context) error { return session.DiaryOf(s).Repair(ctx, run) })
		}
		if err != nil {
			s.Fail(err)
		}
	}
	memory, memoryErr := s.Memory(pkg)
	outside := len(reports)
	if len(at) == outside {
		reports, at = o.OpenEach(s.Ctx, s.Host, outsideOf(s, o, memory), s.WarnErr, reports, at)
		run.LUNs = o.LUNs
	}
	for i, rep := range run.Check(s.Ctx) {
		if err := shared(o.LUNs[i]); err != nil && !rep.Unknown() {
			rep.Findings = append(rep.Findings, protocol.Finding{Kind: words.InTwoPackages, Err: err})
		}
		reports[at[i]] = rep
	}
	recalled := memory
	if memoryErr == nil && memory.By == "" && pkg.Type != cluster.Failover {
		var in bool
		if in, memoryErr = session.DiaryOf(s).LetIn(o.LUNs); in {
			recalled.By = cluster.LetIn
		}
	}
	if memoryErr != nil {
		s.Status = words.ExitNode
		s.Report(memoryErr)
	}
	recalled.Recall(reports, pkg, s.Node.Key)
	for i := outside; i < len(reports); i++ {
		// What it says of all others is of use when it is in the package again.
		found, rest := []protocol.Finding{{Kind: cluster.StartedOutside}}, reports[i].Findings
		if reports[i].Unknown() {
			found, rest = rest, found
		}
		reports[i].Findings = append(found, rest...)
	}
	judge(s.Call, reports, at)
	if s.Verbose() {
		s.SayCost(pkg, o)
	}
	drawn := packageSection(s.Conf, pkg, s.Node, reports)
	if s.Verbose() {
		sayCan(s.Call, drawn.LUNs)
	}
	drawn.StartedBy = memory.By
	if memoryErr != nil {
		drawn.State = string(cluster.ConditionUnknown)
	}
	for i, l := range o.LUNs {
		drawn.LUNs[at[i]].WWID = l.WWID
	}
	for i := range drawn.LUNs {
		if !slices.Contains(at, i) {
			drawn.LUNs[i].Paths, drawn.LUNs[i].Working = nil, nil
		}
	}
	if err := o.Close(); err != nil {
		s.Fail(err)
	}
	return drawn, nil
}

// outsideOf are devices of the LUNs on which this node has started a package that does not
// have them any more, or their worldwide names if this host does not see them. Who runs on
// them is protected there or not, whatever the config says by now.
func outsideOf(s *session.Session, o *session.Opened, memory cluster.Memory) []string {
	names := map[string]string{}
	for _, wwid := range memory.LUNs {
		names[wwid] = wwid
	}
	for _, l := range o.LUNs {
		delete(names, l.WWID)
	}
	delete(names, "")
	if len(names) == 0 {
		return nil
	}
	listed, _ := s.Host.LUNs() // what is not found there is not found
	for _, l := range listed {
		if names[l.WWID] != "" {
			names[l.WWID] = l.Device
		}
	}
	return slices.Sorted(maps.Values(names))
}

// sayCan tells what a failover needs of the devices.
func sayCan(c *front.Call, luns []picture.LUN) {
	for _, l := range luns {
		if can := l.Can; can != nil {
			fmt.Fprintf(c.Out, "%s: PREEMPT AND ABORT %s, REGISTER AND MOVE %s, registrants only %s, kept at power loss %s\n",
				l.Name, can.PreemptAndAbort, can.Move, can.RegistrantsOnly, can.Persist)
		}
		var hosts []string
		for _, n := range l.Nodes {
			if n.HostID != "" {
				hosts = append(hosts, n.Node+" "+n.HostID)
			}
		}
		if len(hosts) > 0 {
			fmt.Fprintf(c.Out, "%s: host identifier of %s\n", l.Name, strings.Join(hosts, ", of "))
		}
	}
}

// judge raises the exit status by what was found: what is unknown outweighs
// what is wrong. at are the LUNs that were opened; the errors of the others are
// reported, and may mean that no node should try.
func judge(c *front.Call, reports []protocol.Report, at []int) {
	for i, rep := range reports {
		switch {
		case !slices.Contains(at, i):
			if status := c.Report(rep.Findings[0].Err); status == words.ExitNode {
				c.Status = words.ExitNode
			} else {
				c.Status = front.Worse(c.Status, status)
			}
		case rep.Unknown():
			c.Status = words.ExitNode
		case len(rep.Findings) > 0 && c.Status != words.ExitNode:
			c.Status = words.ExitFailed
		}
	}
}

// readmit registers a path that has come back. Which package the LUN belongs to
// does not matter, and the package's other LUNs need not be there: the key on
// another path is the proof that this node runs what is on it.
func readmit(s *session.Session, device string) error {
	if !strings.HasPrefix(device, "/") {
		// udev names devices without the folder.
		device = "/dev/" + device
	}
	disk, err := s.Host.Paths(device)
	if err != nil {
		return err
	}
	o, err := s.Begin()
	if err != nil {
		return err
	}
	o.Own = s.Node.Key
	lun, err := o.OpenDisk(s.Ctx, s.Host, disk, s.WarnErr)
	if err != nil {
		return errors.Join(err, o.Close())
	}
	o.LUNs = append(o.LUNs, lun)
	run := s.Run(&cluster.Package{Type: cluster.MultiNode}, o)
	s.Follow(run, o)
	var paths []string
	err = s.Perform(run, o, session.Task{Deed: front.DeedReadmit}, func(ctx context.Context) (err error) {
		paths, err = run.Readmit(ctx)
		return err
	})
	for _, p := range paths {
		if !o.Rehearse {
			s.Printf("%s: registered again\n", p)
		}
	}
	return errors.Join(err, o.Close())
}
