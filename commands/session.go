package commands

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/words"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// session is what a command about LUNs works with.
type session struct {
	*front.Call
	// conf is nil where there is none and none is needed.
	conf *cluster.Config
	host vg.Host
	// node is this one; it has no name where this host need not be a node.
	node cluster.Node
	// owned are the LUNs of all packages, once somebody has asked for them.
	owned  *ownersOnce
	record *runRecord
}

// newSession is the session of a command about packages: the config must be there,
// and this must be one of its nodes.
func newSession(c *front.Call) (*session, error) {
	conf, err := readConfig(c)
	if err != nil {
		return nil, err
	}
	host, err := openHost(c)
	if err != nil {
		return nil, err
	}
	node, err := thisNode(c, conf, host)
	return sessionOn(c, conf, host, node), err
}

// sessionOn is a session whose parts were found otherwise.
func sessionOn(c *front.Call, conf *cluster.Config, host vg.Host, node cluster.Node) *session {
	return &session{Call: c, conf: conf, host: host, node: node, owned: &ownersOnce{}, record: &runRecord{Recorder: c.Recorder()}}
}

// by is the session for another call, such as one whose streams are others.
func (s *session) by(c *front.Call) *session {
	one := *s
	one.Call = c
	return &one
}

// openHost is the machine whose devices the command works on.
func openHost(c *front.Call) (vg.Host, error) {
	if dir := c.Simulated(); dir != "" {
		return simhost.Open(dir)
	}
	scan := c.Several("scan")
	if !c.Flags.Bool("no-lvm") && len(scan) == 0 {
		return vg.NewSystem(), nil
	}
	for _, glob := range scan {
		if _, err := filepath.Match(glob, ""); err != nil || !filepath.IsAbs(glob) {
			return nil, front.Usagef("--scan %s: a pattern of device files was expected, such as '/dev/mapper/mpath*'", glob)
		}
	}
	return vg.NewSystem().WithoutLVM(strings.Join(scan, " ")), nil
}

// thisNode tells which node of the cluster this is.
func thisNode(c *front.Call, conf *cluster.Config, host vg.Host) (cluster.Node, error) {
	name := cmp.Or(c.Flags.String("node"), c.Getenv("SG_NODE"))
	if name == "" {
		var err error
		if name, err = host.Hostname(); err != nil {
			return cluster.Node{}, err
		}
	}
	return conf.Node(name)
}

// packageName is the package that the command line or the environment names.
func packageName(c *front.Call) (string, error) {
	switch ops := c.Operands(); {
	case len(ops) == 1:
		return ops[0], nil
	case len(ops) > 1:
		return "", front.Usagef("one package was expected, not %d", len(ops))
	}
	if name := c.Getenv("SG_PACKAGE"); name != "" {
		return name, nil
	}
	return "", front.Usagef("a package is missing")
}

// packages are those that were named or, if none was, all that this node has
// up. A package of which that cannot be told counts as up: what is unknown
// must not be left out in silence.
func (s *session) packages(names []string) ([]*cluster.Package, error) {
	var list []*cluster.Package
	for _, name := range names {
		pkg, err := s.conf.Package(name)
		if err != nil {
			return nil, err
		}
		list = append(list, pkg)
	}
	if len(names) > 0 {
		return list, nil
	}
	for i := range s.conf.Packages {
		pkg := &s.conf.Packages[i]
		if !pkg.RunsOn(s.node.Name) {
			continue
		}
		up := true
		err := s.lookAt(pkg, func(run *packageRun, _ *opened) error {
			up = run.Up(s.Ctx)
			return nil
		})
		if err != nil || up {
			list = append(list, pkg)
		}
	}
	return list, nil
}

// withPackage opens the LUNs of a package, which must be in no other, and runs f
// on them.
func (s *session) withPackage(pkg *cluster.Package, f func(*packageRun, *opened) error) error {
	return s.openFor(pkg, func(disks []*vg.Disk) error { return s.soleOwner(pkg, disks) }, f)
}

// lookAt is withPackage for who changes nothing: nobody asks what else the LUNs
// belong to.
func (s *session) lookAt(pkg *cluster.Package, f func(*packageRun, *opened) error) error {
	return s.openFor(pkg, func([]*vg.Disk) error { return nil }, f)
}

// openFor opens the LUNs of a package, if they may be, and runs f on them.
func (s *session) openFor(pkg *cluster.Package, may func([]*vg.Disk) error, f func(*packageRun, *opened) error) error {
	o, err := s.begin()
	if err != nil {
		return err
	}
	o.own = s.node.Key
	disks, err := s.disksOf(pkg)
	if err == nil {
		err = may(disks)
	}
	if err == nil {
		err = o.openDisks(s.Ctx, s.host, disks, s.WarnErr)
	}
	if err != nil {
		return errors.Join(err, o.Close())
	}
	run := s.run(pkg, o)
	run.Strict = o.strict
	s.follow(run, o)
	return errors.Join(f(run, o), o.Close())
}

// run is a protocol on the LUNs that were opened; the package may be nil.
func (s *session) run(pkg *cluster.Package, o *opened) *packageRun {
	return newPackageRun(s.conf, pkg, s.node, o.luns)
}

// begin prepares for opening LUNs as the flags want it, and shows from then on how
// far the work is. Whoever closes what was opened ends that.
func (s *session) begin() (*opened, error) {
	a, err := readAccess(s.Call)
	if err != nil {
		return nil, err
	}
	o := newOpened(a)
	o.meter, o.ended = showProgress(s.Call)
	return o, nil
}

// onPackage runs a protocol on a package and tells, if asked, what it took.
func (s *session) onPackage(pkg *cluster.Package, do func(*packageRun, *opened) error) error {
	return s.withPackage(pkg, func(run *packageRun, o *opened) error {
		err := do(run, o)
		if s.Verbose() && !s.Flags.Bool("json") {
			s.sayCost(pkg, o)
		}
		return err
	})
}

// sayCost tells what the work on a package took.
func (s *session) sayCost(pkg *cluster.Package, o *opened) {
	fmt.Fprintf(s.Out, "%s: %s, %s\n", pkg.Name, words.Plural(len(o.luns), "LUN"), words.Plural(int(o.sent.Load()), "SCSI command"))
}

// devicesOf are the volumes of a package: those of its groups and those outside
// any group.
func (s *session) devicesOf(pkg *cluster.Package) ([]string, error) {
	devices := append([]string(nil), pkg.Volumes...)
	for _, g := range pkg.Groups {
		group, err := s.host.Group(s.Ctx, g)
		if err != nil {
			return nil, err
		}
		devices = append(devices, group.Volumes...)
	}
	return devices, nil
}

// disksOf are the LUNs of a package: those of its groups and those outside any
// group. Volumes that lie on one disk are one LUN.
func (s *session) disksOf(pkg *cluster.Package) ([]*vg.Disk, error) {
	devices, err := s.devicesOf(pkg)
	if err != nil {
		return nil, err
	}
	return findDisks(s.host, devices)
}

// notBegunError says which packages were not looked at.
type notBegunError struct{ packages []*cluster.Package }

func (e *notBegunError) Error() string {
	names := make([]string, len(e.packages))
	for i, p := range e.packages {
		names[i] = p.Name
	}
	return "not begun after the signal: package " + strings.Join(names, ", ")
}

func (e *notBegunError) Message() words.Message {
	return words.Message{What: e.Error(), Status: words.ExitFailed}
}
