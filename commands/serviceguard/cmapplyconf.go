package serviceguard

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
)

func applyFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		front.VerboseFlag(),
		front.Offering(&cli.StringFlag{Name: "cluster", Aliases: []string{"C"}}, front.OneOf(front.ShellFiles)),
		front.Offering(front.Repeated("package", "P"), front.OneOf(front.ShellFiles)),
		front.Offering(&cli.StringFlag{Name: "keys-from"}, front.OneOf(front.ShellFiles)),
		front.Offering(&cli.StringFlag{Name: "reference", Aliases: []string{"p"}}, front.OneOf(front.ShellFiles)),
		// The vendor's way with volume group locks, of which there are none.
		&cli.BoolFlag{Name: "skip-groups", Aliases: []string{"k"}}, &cli.BoolFlag{Name: "skip-volumes", Aliases: []string{"K"}},
		front.Offering(&cli.StringFlag{Name: "conf"}, front.OneOf(front.ShellFiles)), session.NodeFlag(), session.TimeoutFlag(), front.SimFlag(), session.NoLVMFlag(), session.ScanFlag(),
	}, more...)
}

const applyOptions = `
  -v             say what is looked at, and the PR mode of each package
  -C, --cluster FILE
                 the cluster and its nodes
  -P, --package FILE
                 a package; may be given again
  -p, --reference FILE
                 a file that lists package files, one a line
  --keys-from FILE
                 what cmviewcl of a running Serviceguard cluster has printed:
                 its nodes keep their keys
  -k, --skip-groups, -K, --skip-volumes
                 without effect, for scripts that give them
  --conf FILE    the config that they go into (else $LUNGUARD_CONF,
                 /etc/lunguard/cluster.conf)
  -n NODE        which node this is (else $SG_NODE, the short host name)
  --timeout S    time for one command to a device, retries included (60)
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)`

// CmApplyConf is cmapplyconf.
func CmApplyConf() *front.Applet {
	return &front.Applet{
		Name:    "cmapplyconf",
		Summary: "merge cluster and package files into the config",
		Usage: `
usage: cmapplyconf [-f] [-v] [-C FILE [--keys-from FILE]] [-P FILE]... [-p FILE]
                   [-n NODE]

Checks as cmcheckconf does, writes the config, and, for each package that is up
on this node, copies the keys to physical volumes that are new. What was there
is kept as FILE.bak. Keys and ids of nodes do not change.
` + applyOptions + `
  -f, --force    do not ask
  --log WHERE    log changes to syslog (the default), stderr or none

exit status: 0 applied; 1 faults, foreign keys, not confirmed; 2 a device
cannot be read, or keys could not be copied; 128 + N ended by signal N`,
		Flags: applyFlags(&cli.BoolFlag{Name: "force", Aliases: []string{"f"}}, front.LogFlag()),
		Run:   runApplyConf,
	}
}

// application is a check of files that may be applied.
type application struct {
	*session.Session
	merge *cluster.Merge
	// up are the packages that this node has up.
	up []*cluster.Package
	// mode is that of the cluster, looked has those of the packages.
	mode   cluster.PRMode
	looked []lookedAtPackage
	// sound says that no fault was found.
	sound bool
	// drafted is a file that has the new config, for scripts that look at it
	// before it is in its place.
	drafted string
}

// draft writes the new config where scripts can read it.
func (a *application) draft() (string, error) {
	if a.drafted != "" {
		return a.drafted, nil
	}
	f, err := os.CreateTemp("", "cluster.conf-")
	if err != nil {
		return "", err
	}
	a.drafted = f.Name()
	_, err = f.Write(a.merge.Text)
	return a.drafted, errors.Join(err, f.Close())
}

// close removes the draft.
func (a *application) close() {
	if a.drafted != "" {
		os.Remove(a.drafted)
	}
}

func runApplyConf(c *front.Call) error {
	named, err := namedFiles(c)
	if err != nil {
		return err
	}
	path := named.conf
	held, err := hold(c, path)
	if err != nil {
		return err
	}
	defer held.Release()
	a, err := checkConfig(c, named)
	if err != nil || !a.sound {
		return err
	}
	if a.merge.Changed() {
		if !c.Flags.Bool("force") && !confirmed(c, a.merge) {
			return &unconfirmedError{path}
		}
		begin := time.Now()
		err := held.Replace(a.merge.Text, a.merge.Old)
		e := front.NewEntry(front.DeedApply)
		e.Field(front.FieldFile, path)
		e.Field(front.FieldNode, a.Node.Name)
		e.Took(begin)
		if c.Recorder().End(e, err, nil); err != nil {
			return &session.ConfigFileError{Err: err}
		}
	}
	for i, pkg := range a.up {
		if c.Ctx.Err() != nil {
			c.Fail(session.NotBegun(a.up[i:]))
			break
		}
		if err := a.copyToNew(pkg); err != nil {
			c.Fail(err)
		}
	}
	if c.Status != words.ExitOK {
		return nil
	}
	if a.merge.Changed() {
		c.Printf("Completed the cluster update.\n")
		tellKeys(c, a.merge)
		if others := otherNodes(a.merge.Config, a.Node); len(others) > 0 {
			c.Printf("Copy %s to %s.\n", path, strings.Join(others, ", "))
		}
		return nil
	}
	c.Printf("The configuration has not changed.\n")
	return nil
}

// tellKeys says which keys nodes got.
func tellKeys(c *front.Call, m *cluster.Merge) {
	list := func(nodes []cluster.Node) string {
		var words []string
		for _, n := range nodes {
			words = append(words, n.Name+" "+n.Key.String())
		}
		return strings.Join(words, ", ")
	}
	if len(m.Taken) > 0 {
		c.Printf("keys taken: %s\n", list(m.Taken))
	}
	if len(m.Made) > 0 {
		c.Printf("keys made: %s\n", list(m.Made))
		if m.Before == nil && len(m.Taken) == 0 {
			c.Printf("A running Serviceguard cluster has other keys on its LUNs: --keys-from takes those.\n")
		}
	}
}

// hold takes the right to write the config, before it is read: what another run
// writes meanwhile would be lost.
func hold(c *front.Call, path string) (*ownfile.Held, error) {
	patience, err := session.Timeout(c)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(c.Ctx, patience)
	defer stop()
	held, err := ownfile.Hold(ctx, path, func() { c.Warn("%s: another process is writing it, which is waited for", path) })
	if err != nil {
		return nil, &session.ConfigFileError{Err: err}
	}
	return held, nil
}

// otherNodes are all but this one. The config of each must be the same.
func otherNodes(conf *cluster.Config, node cluster.Node) []string {
	var names []string
	for _, n := range conf.Nodes {
		if n.Name != node.Name {
			names = append(names, n.Name)
		}
	}
	return names
}

// unconfirmedError says that nobody said yes.
type unconfirmedError struct{ path string }

func (e *unconfirmedError) Error() string { return "not confirmed, " + e.path + " is as it was" }

func (e *unconfirmedError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "-f does not ask", Status: words.ExitFailed}
}

// confirmed asks for a yes. An empty line is one, the end of input is none.
func confirmed(c *front.Call, m *cluster.Merge) bool {
	what := "Modify"
	if m.Before == nil {
		what = "Create"
	}
	c.Printf("%s the configuration %s ([y]/n)? ", what, m.Config.Path)
	in := bufio.NewReader(c.In)
	for {
		answer, err := in.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return true
		case "n", "no":
			return false
		case "":
			if err == nil {
				return true
			}
		}
		if err != nil {
			c.Printf("\n")
			return false
		}
		c.Printf("([y]/n)? ")
	}
}

// checkConfig merges the files and looks at everything that can be looked at
// on this node. Faults are reported; an error is one that ends the check.
func checkConfig(c *front.Call, named files) (*application, error) {
	var saved *cluster.SavedKeys
	var err error
	if named.keys != "" {
		if saved, err = cluster.LoadKeys(c.Ctx, named.keys); err != nil {
			return nil, inputFault(named, err)
		}
	}
	if named.cluster == "" {
		// Nobody else names nodes.
		if _, err := os.Lstat(named.conf); errors.Is(err, fs.ErrNotExist) {
			return nil, &session.ConfigFileError{Err: &fs.PathError{Op: "open", Path: named.conf, Err: syscall.ENOENT}}
		}
	}
	m, err := cluster.MergeWithKeys(c.Ctx, named.conf, named.cluster, named.packages, saved)
	if err != nil {
		return nil, inputFault(named, err)
	}
	for _, name := range m.Left {
		c.Warn("node %s of %s is not in the cluster: its key on a LUN will be a foreign one", name, named.keys)
	}
	session.TakeControlScripts(c, m.Config)
	host, err := session.OpenHost(c)
	if err != nil {
		return nil, err
	}
	node, err := session.ThisNode(c, m.Config, host)
	if err != nil {
		return nil, err
	}
	a := &application{Session: session.On(c, m.Config, host, node), merge: m}
	defer a.close()
	var modes []cluster.PRMode
	for i := range m.Config.Packages {
		pkg := &m.Config.Packages[i]
		a.judge(pkg, named.asked(pkg))
		if !pkg.RunsOn(a.Node.Name) || a.Conf.DisksKnown(pkg) != nil {
			continue
		}
		mode, err := a.checkLUNs(pkg)
		if err != nil {
			c.Fail(err)
		}
		modes = append(modes, mode)
	}
	a.mode = cluster.ClusterPRMode(m.Config, modes)
	if c.Verbose() {
		c.Printf("cluster_pr_mode=%s\n", a.mode)
	}
	a.sound = c.Status == words.ExitOK
	return a, nil
}

// judge tells what is wrong with a package. What is wrong with one that was not
// asked about is no reason not to apply another.
func (a *application) judge(pkg *cluster.Package, asked bool) {
	errs := a.checkPackage(pkg, asked)
	var none *cluster.NoLUNError
	switch err := a.Conf.DisksKnown(pkg); {
	case err == nil:
	case pkg.RunsOn(a.Node.Name), errors.As(err, &none):
		errs = append(errs, err)
	default:
		// Where a package does not run its control script need not be.
		a.WarnErr(err)
	}
	if !asked {
		for _, err := range errs {
			a.WarnErr(err)
		}
		return
	}
	for _, err := range errs {
		a.Fail(err)
	}
	for _, err := range remarks(pkg) {
		a.Warn("%s", err)
	}
	if k := pkg.Control; k != nil {
		a.tellControl(pkg, k)
	}
}

// tellControl says what was read of control scripts.
func (a *application) tellControl(pkg *cluster.Package, k *cluster.Control) {
	if len(k.Groups) > 0 && !a.Flags.Bool(front.JSONOption) {
		names := make([]string, len(k.Groups))
		for i, g := range k.Groups {
			names[i] = g.Value
		}
		a.Printf("Package %s: volume groups of its control script %s: %s\n", pkg.Name, k.Groups[0].At.File, strings.Join(names, ", "))
	}
	if k.Fault == nil {
		for _, err := range k.Unread {
			a.WarnErr(err)
		}
	}
}

// checkLUNs looks at the LUNs of a package: they are there, they can be read,
// they have no foreign keys. It tells the package's PR mode.
func (a *application) checkLUNs(pkg *cluster.Package) (mode cluster.PRMode, err error) {
	mode = cluster.PRUnknown
	var luns *int
	defer func() { a.looked = append(a.looked, lookedAtPackage{pkg.Name, mode, luns}) }()
	err = a.WithPackage(pkg, func(run *session.PackageRun, _ *session.Opened) error {
		n := len(run.LUNs)
		luns = &n
		mode = a.merge.Config.PRModeOf(run.Supports(a.Ctx))
		if a.Verbose() {
			a.Printf("Package %s: %s, pkg_pr_mode=%s\n", pkg.Name, words.Plural(len(run.LUNs), "LUN"), mode)
		}
		if a.merge.Config.PRDisabled {
			if len(run.LUNs) > 0 {
				a.Warn("package %s makes no reservations: FORCED_PR_DISABLE is set", pkg.Name)
			}
			return nil
		}
		up, errs := false, []error{validateNames(run.LUNs), a.compareHosts(run.LUNs)}
		// What one path tells is compared with what the others do.
		for _, rep := range run.Check(a.Ctx) {
			if rep.State != nil {
				up = up || rep.State.Has(a.Node.Key) || rep.State.Has(protocol.Taking(a.Node.Key))
			}
			if rep.Capabilities != nil && !rep.Capabilities.Persists {
				a.Warn("%s", words.Forgets(rep.LUN))
			}
			for _, f := range rep.Findings {
				errs = append(errs, faultOf(rep, f))
			}
		}
		if mode == cluster.PRUnknown && errors.Join(errs...) == nil {
			errs = append(errs, &unknownModeError{pkg})
		}
		if up && errors.Join(errs...) == nil {
			a.up = append(a.up, pkg)
		}
		return errors.Join(errs...)
	})
	return mode, err
}

// faultOf is what a finding on a LUN means for a start, nil if that gets over it.
func faultOf(rep protocol.Report, f protocol.Finding) error {
	switch f.Kind {
	case protocol.Unreadable, protocol.Contradiction, protocol.SameHost:
		return f.Err
	case protocol.ForeignKeys:
		return &protocol.ForeignKeyError{LUN: rep.LUN, Keys: f.Keys}
	case protocol.NoType:
		return &protocol.LUNError{LUN: rep.LUN, Err: protocol.ErrNoReservationType}
	case protocol.NoAbort:
		return &protocol.LUNError{LUN: rep.LUN, Err: protocol.ErrNoAbort}
	}
	return nil
}

// copyToNew copies the keys of a package that is up to its LUNs that have none.
func (a *application) copyToNew(pkg *cluster.Package) error {
	return a.WithPackage(pkg, func(run *session.PackageRun, o *session.Opened) error {
		say := o.Say
		o.Say = func(e protocol.Event) {
			if !e.Change() {
				say(e)
			}
		}
		var copied []protocol.Copied
		err := a.Perform(run, o, session.Task{Deed: front.DeedCopy}, func(ctx context.Context) (err error) {
			copied, err = run.CopyKeys(ctx)
			return err
		})
		if len(copied) > 0 || err != nil {
			session.PrintCopiedKeys(a.Call, copied)
		}
		return err
	})
}
