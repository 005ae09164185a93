package serviceguard

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
	"lunguard/vg"
)

// CmViewCl is cmviewcl.
func CmViewCl() *front.Applet {
	return &front.Applet{
		Name:    "cmviewcl",
		Summary: "show the cluster, its nodes and packages",
		Usage: `
usage: cmviewcl [-v] [-f line|table] [-l cluster|node|package] [-s config]
                [-c CLUSTER] [-r RELEASE] [-n NODE... | -p PACKAGE...] [PACKAGE]

Shows what the config says of the cluster and what the LUNs tell: a package is
up on a node when the node's key is on all of its LUNs and they are reserved.
Nothing is changed.

  -v, --verbose  show the parameters of the config, too
  -f line        one attribute a line, for scripts: [TYPE:NAME|]...ATTRIBUTE=VALUE
  -f table       for people; this is the default
  --json         the attributes as a tree, see json.md
  -l LEVEL       show the cluster, the nodes or the packages alone
  -s config      show what the config says; no device is opened
  -c CLUSTER     the cluster, which must be that of the config
  -n NODE        show this node and the packages that it has, or may have, up;
                 may be repeated
  -p PACKAGE     show this package; may be repeated
  -r RELEASE, -S SITE   accepted; there is one release, and there are no sites
  -C FILE        the cluster config
  --timeout S    time for one command to a device, retries included (60)
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on a simulated host, see lunguard sim
With -f line, what is named by one -p or one -n is left out of the prefix.

exit status: 0 shown, whatever it is; 1 error in the command line or config;
2 a LUN could not be read, its package is shown as unknown; 128 + N ended by
signal N`,
		Flags: []cli.Flag{
			front.VerboseFlag(),
			front.Offering(&cli.StringFlag{Name: "format", Aliases: []string{"f"}}, front.OneOf(string(formatLine), string(formatTable))),
			front.Offering(&cli.StringFlag{Name: "level", Aliases: []string{"l"}}, front.OneOf(string(levelCluster), string(levelNode), string(levelPackage))),
			front.Offering(&cli.StringFlag{Name: "source", Aliases: []string{"s"}}, front.OneOf(sourceConfig)),
			front.Offering(&cli.StringFlag{Name: "cluster", Aliases: []string{"c"}}, session.CompleteCluster),
			&cli.StringFlag{Name: "release", Aliases: []string{"r"}},
			front.Offering(front.Repeated("node", "n"), session.CompleteNodes),
			front.Offering(front.Repeated("package", "p"), session.CompletePackages),
			front.Repeated("site", "S"),
			front.JSONFlag(),
			session.ConfigFlag(), session.TimeoutFlag(), front.SimFlag(), session.NoLVMFlag(), session.ScanFlag(),
		},
		Operands: session.CompleteOnePackage,
		Run:      runView,
	}
}

// sourceConfig is the one value of -s.
const sourceConfig = "config"

// viewFormat is how cmviewcl prints.
type viewFormat string

const (
	formatTable viewFormat = "table"
	formatLine  viewFormat = "line"
	formatJSON  viewFormat = "json"
)

// viewLevel is what cmviewcl is limited to.
type viewLevel string

const (
	levelAll     viewLevel = ""
	levelCluster viewLevel = "cluster"
	levelNode    viewLevel = "node"
	levelPackage viewLevel = "package"
	// levelNone is of what does not exist here.
	levelNone viewLevel = "none"
)

// viewRequest is a command line of cmviewcl.
type viewRequest struct {
	format   viewFormat
	level    viewLevel
	nodes    []string
	packages []string
	// operand is the package that was named without -p.
	operand string
	// live says that the LUNs are read.
	live, verbose bool
}

func runView(c *front.Call) error {
	req, err := newViewRequest(c)
	if err != nil {
		return err
	}
	conf, err := session.ReadConfig(c)
	if err != nil {
		return err
	}
	if err := req.check(conf, c.Flags.String("cluster")); err != nil {
		return err
	}
	p := &portrait{conf: conf, verbose: req.verbose, live: req.live, views: map[string]*cluster.PackageView{}, switches: map[string]runpkg.Switches{}, services: map[string]map[string]*runpkg.ServiceState{}}
	if p.live && req.level != levelNone {
		host, err := session.OpenHost(c)
		if err != nil {
			return err
		}
		// A host that is no node of the cluster may look at it, too.
		if node, err := viewer(c, conf, host); err == nil {
			p.local = node
		}
		if err := readPackages(session.On(c, conf, host, p.local), req.toRead(conf), p); err != nil {
			return err
		}
		if err := p.recall(c); err != nil {
			return err
		}
	}
	return printView(c, req, p)
}

// recall reads what this host has noted: by cmmodpkg, and of services. Who may not read that sees
// what the config says.
func (p *portrait) recall(c *front.Call) error {
	run, _, err := session.RunFolders(c)
	if err != nil {
		return err
	}
	for _, pkg := range p.conf.Packages {
		root := filepath.Join(run, "packages")
		if s, err := runpkg.PeekSwitches(root, pkg.Name); err == nil {
			p.switches[pkg.Name] = s
		}
		p.services[pkg.Name] = map[string]*runpkg.ServiceState{}
		for _, s := range pkg.Services() {
			if state, err := runpkg.PeekService(root, pkg.Name, s.Name); err == nil {
				p.services[pkg.Name][s.Name] = state
			}
		}
	}
	return nil
}

// newViewRequest reads the command line.
func newViewRequest(c *front.Call) (*viewRequest, error) {
	r := &viewRequest{
		format: viewFormat(c.Flags.String("format")), level: viewLevel(c.Flags.String("level")),
		nodes: c.Several("node"), packages: c.Several("package"),
		live: true, verbose: c.Verbose(),
	}
	switch ops := c.Operands(); {
	case len(ops) > 1:
		return nil, front.Usagef("one package was expected, not %d; name several with -p", len(ops))
	case len(ops) == 1:
		r.operand, r.packages = ops[0], append(r.packages, ops[0])
	}
	switch {
	case c.Flags.Bool(front.JSONOption) && r.format != "":
		return nil, front.Usagef("--json and -f exclude each other")
	case c.Flags.Bool(front.JSONOption):
		r.format = formatJSON
	case r.format == "":
		r.format = formatTable
	case r.format != formatLine && r.format != formatTable:
		return nil, front.Usagef("-f %s: line or table was expected", r.format)
	}
	switch s := c.Flags.String("source"); s {
	case "":
	case sourceConfig:
		r.live = false
	default:
		return nil, front.Usagef("-s %s: config was expected", s)
	}
	if _, err := session.Timeout(c); err != nil {
		return nil, err
	}
	return r, r.limit(len(c.Several("site")) > 0)
}

// limit judges what the request is limited to.
func (r *viewRequest) limit(sites bool) error {
	switch r.level {
	case levelAll, levelCluster, levelNode, levelPackage:
	case "group", "site":
		r.level = levelNone
	default:
		return front.Usagef("-l %s: cluster, node or package was expected", r.level)
	}
	switch {
	case len(r.nodes) > 0 && len(r.packages) > 0:
		return front.Usagef("-n and -p exclude each other")
	case r.level == levelCluster && len(r.nodes) > 0:
		return front.Usagef("-l cluster and -n exclude each other")
	case r.level == levelCluster && len(r.packages) > 0:
		return front.Usagef("-l cluster and -p exclude each other")
	case r.level == levelNode && len(r.packages) > 0:
		return front.Usagef("-l node and -p exclude each other")
	case sites:
		r.level = levelNone
	}
	return nil
}

// check looks the names of the request up in the config.
func (r *viewRequest) check(conf *cluster.Config, name string) error {
	if name != "" && name != conf.Name {
		return &otherClusterError{name: name, conf: conf}
	}
	var errs []error
	for _, n := range r.nodes {
		if _, err := conf.Node(n); err != nil {
			errs = append(errs, err)
		}
	}
	for _, p := range r.packages {
		if _, err := conf.Package(p); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// otherClusterError says that the config is that of another cluster.
type otherClusterError struct {
	name string
	conf *cluster.Config
}

func (e *otherClusterError) Error() string {
	return "cluster " + e.name + " is not configured in " + e.conf.Path
}

func (e *otherClusterError) Message() words.Message {
	m := words.Message{What: e.Error(), Status: words.ExitFailed}
	if e.conf.Name != "" {
		m.Hint = "that is the config of cluster " + e.conf.Name
	}
	return m
}

// toRead are the packages whose LUNs have to be read: all, to tell anything
// of nodes and cluster.
func (r *viewRequest) toRead(conf *cluster.Config) []*cluster.Package {
	var list []*cluster.Package
	for i := range conf.Packages {
		if p := &conf.Packages[i]; len(r.packages) == 0 || slices.Contains(r.packages, p.Name) {
			list = append(list, p)
		}
	}
	return list
}

// viewer is the node that looks. -n names others here.
func viewer(c *front.Call, conf *cluster.Config, host vg.Host) (cluster.Node, error) {
	name := c.Getenv("SG_NODE")
	if name == "" {
		var err error
		if name, err = host.Hostname(); err != nil {
			return cluster.Node{}, err
		}
	}
	return conf.Node(name)
}

// packagesAtOnce is how many packages are open at once, so that the number of
// open devices stays bounded.
const packagesAtOnce = 32

// readPackages reads the LUNs of the packages into the portrait, many at once.
// What cannot be read is reported, in the order of the packages, and makes the
// exit status 2.
func readPackages(s *session.Session, packages []*cluster.Package, p *portrait) error {
	gate := protocol.NewGate(protocol.DefaultParallel)
	views := make([]*cluster.PackageView, len(packages))
	said := make([]bytes.Buffer, len(packages))
	var g errgroup.Group
	g.SetLimit(packagesAtOnce)
	for i, pkg := range packages {
		g.Go(func() error {
			// Each package says what it has to say by itself.
			one := *s.Call
			one.Err = &said[i]
			views[i] = viewPackage(s.By(&one), pkg, gate)
			return nil
		})
	}
	_ = g.Wait() // no function has an error
	for i, v := range views {
		if _, err := said[i].WriteTo(s.Err); err != nil {
			return err
		}
		for _, l := range v.LUNs {
			if l.Err != nil {
				s.Report(l.Err)
				s.Status = words.ExitNode
			}
		}
		if none := (*cluster.NoLUNError)(nil); errors.As(s.Conf.DisksKnown(v.Package), &none) {
			// What is unknown outweighs it.
			s.Status = max(s.Status, s.Report(none))
		}
		p.views[v.Package.Name] = v
	}
	return nil
}

// viewPackage looks at one package. One that cannot be opened is like one with
// a LUN that cannot be read.
func viewPackage(s *session.Session, pkg *cluster.Package, gate protocol.Gate) *cluster.PackageView {
	if none := (*cluster.NoLUNError)(nil); s.Conf.PRDisabled || errors.As(pkg.DisksKnown(), &none) {
		return s.Conf.ViewOf(pkg, nil)
	}
	var view *cluster.PackageView
	err := s.LookAt(pkg, func(run *session.PackageRun, _ *session.Opened) error {
		view = s.Conf.ViewOf(pkg, run.View(s.Ctx, gate))
		return nil
	})
	if view == nil {
		view = s.Conf.ViewOf(pkg, []protocol.View{{Err: err}})
	}
	if s.Node.Name == "" {
		return view
	}
	memory, err := s.Memory(pkg)
	if err != nil {
		return s.Conf.ViewOf(pkg, []protocol.View{{Err: err}})
	}
	view.Recall(s.Node.Name, memory)
	return view
}
