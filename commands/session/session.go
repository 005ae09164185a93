package session

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

// Session is what a command about LUNs works with.
type Session struct {
	*front.Call
	// Conf is nil where there is none and none is needed.
	Conf *cluster.Config
	Host vg.Host
	// Node is this one; it has no name where this host need not be a node.
	Node cluster.Node
	// owned are the LUNs of all packages, once somebody has asked for them.
	owned  *ownersOnce
	record *runRecord
}

// New is the session of a command about packages: the config must be there,
// and this must be one of its nodes. Errors: those of [ReadConfig], [OpenHost] and
// [ThisNode].
func New(c *front.Call) (*Session, error) {
	conf, err := ReadConfig(c)
	if err != nil {
		return nil, err
	}
	host, err := OpenHost(c)
	if err != nil {
		return nil, err
	}
	node, err := ThisNode(c, conf, host)
	return On(c, conf, host, node), err
}

// On is a session whose parts were found otherwise.
func On(c *front.Call, conf *cluster.Config, host vg.Host, node cluster.Node) *Session {
	return &Session{Call: c, Conf: conf, Host: host, Node: node, owned: &ownersOnce{}, record: &runRecord{Recorder: c.Recorder()}}
}

// By is the session for another call, such as one whose streams are others.
func (s *Session) By(c *front.Call) *Session {
	one := *s
	one.Call = c
	return &one
}

// OpenHost is the machine whose devices the command works on. Errors: that of a
// simulated host which is none, and a --scan that is no pattern.
func OpenHost(c *front.Call) (vg.Host, error) {
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

// ThisNode tells which node of the cluster this is. Errors:
// *cluster.UnknownNodeError, or that the host's name cannot be read.
func ThisNode(c *front.Call, conf *cluster.Config, host vg.Host) (cluster.Node, error) {
	if name := cmp.Or(c.Flags.String("node"), c.Getenv("SG_NODE")); name != "" {
		return conf.Node(name)
	}
	name, err := host.Hostname()
	if err != nil {
		return cluster.Node{}, err
	}
	return conf.NodeHere(name)
}

// PackageName is the package that the command line or the environment names.
func PackageName(c *front.Call) (string, error) {
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

// Packages are those that were named or, if none was, all that this node has
// up. A package of which that cannot be told counts as up: what is unknown
// must not be left out in silence. Errors: *cluster.UnknownPackageError; that a package
// which was named has no LUNs on purpose.
func (s *Session) Packages(names []string) ([]*cluster.Package, error) {
	var list []*cluster.Package
	for _, name := range names {
		pkg, err := s.Conf.Package(name)
		if err != nil {
			return nil, err
		}
		if pkg.HasNoLUNs() {
			return nil, &lunlessError{pkg.Name}
		}
		list = append(list, pkg)
	}
	if len(names) > 0 {
		return list, nil
	}
	for i := range s.Conf.Packages {
		pkg := &s.Conf.Packages[i]
		if !pkg.RunsOn(s.Node.Name) {
			continue
		}
		up := true
		err := s.LookAt(pkg, func(run *PackageRun, _ *Opened) error {
			up = run.Up(s.Ctx)
			return nil
		})
		if none := (*cluster.NoLUNError)(nil); errors.As(err, &none) {
			// There is nothing that it could have up, and the others are not to wait for it.
			s.WarnErr(err)
			continue
		}
		if err != nil || up {
			list = append(list, pkg)
		}
	}
	return list, nil
}

// lunlessError says that there is nothing to look at or to fence in a package, which
// must not read as done.
type lunlessError struct{ pkg string }

func (e *lunlessError) Error() string { return "package " + e.pkg + " has no LUNs, by its no_luns" }

func (e *lunlessError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "there is nothing to look at and nothing to fence; leave it out", Status: words.ExitFailed}
}

// WarnLUNless tells of a package that has no LUNs on purpose.
func (s *Session) WarnLUNless(pkg *cluster.Package) {
	if pkg.HasNoLUNs() {
		s.Warn("%v: nothing is protected", &lunlessError{pkg.Name})
	}
}

// WithPackage opens the LUNs of a package, which must be in no other, and runs f
// on them.
func (s *Session) WithPackage(pkg *cluster.Package, f func(*PackageRun, *Opened) error) error {
	return s.WithSet([]*cluster.Package{pkg}, f)
}

// WithSet opens the LUNs of packages of one mode together, so that one of them is the
// arbiter of all, and runs f on them. Each must be in no other package.
func (s *Session) WithSet(packages []*cluster.Package, f func(*PackageRun, *Opened) error) error {
	return s.openFor(packages, s.SoleOwner, f)
}

// LookAt is [Session.WithPackage] for who changes nothing: nobody asks what else the
// LUNs belong to.
func (s *Session) LookAt(pkg *cluster.Package, f func(*PackageRun, *Opened) error) error {
	return s.LookAtSet([]*cluster.Package{pkg}, f)
}

// LookAtSet is [Session.WithSet] for who changes nothing.
func (s *Session) LookAtSet(packages []*cluster.Package, f func(*PackageRun, *Opened) error) error {
	return s.openFor(packages, func(*cluster.Package, []*vg.Disk) error { return nil }, f)
}

// openFor opens the LUNs of packages, if they may be, and runs f on them. Of several
// packages the run has none.
func (s *Session) openFor(packages []*cluster.Package, may func(*cluster.Package, []*vg.Disk) error, f func(*PackageRun, *Opened) error) error {
	o, err := s.Begin()
	if err != nil {
		return err
	}
	o.Own = s.Node.Key
	var all []*vg.Disk
	for _, pkg := range packages {
		disks, err := s.DisksOf(pkg)
		if err == nil {
			err = may(pkg, disks)
		}
		if err != nil {
			return errors.Join(err, o.Close())
		}
		all = append(all, disks...)
	}
	if err := o.OpenDisks(s.Ctx, s.Host, all, s.WarnErr); err != nil {
		return errors.Join(err, o.Close())
	}
	run := s.Run(nil, o)
	if len(packages) == 1 {
		run = s.Run(packages[0], o)
	}
	run.Mode, run.SharedType = packages[0].Mode(), packages[0].SharedType()
	run.Strict = o.strict
	s.Follow(run, o)
	return errors.Join(f(run, o), o.Close())
}

// Run is a protocol on the LUNs that were opened; the package may be nil.
func (s *Session) Run(pkg *cluster.Package, o *Opened) *PackageRun {
	return NewPackageRun(s.Conf, pkg, s.Node, o)
}

// Begin prepares for opening LUNs as the flags want it, and shows from then on how
// far the work is. Whoever closes what was opened ends that.
func (s *Session) Begin() (*Opened, error) {
	a, err := readAccess(s.Call)
	if err != nil {
		return nil, err
	}
	o := newOpened(a)
	o.meter, o.ended = showProgress(s.Call)
	return o, nil
}

// OnPackage runs a protocol on a package and tells, if asked, what it took.
func (s *Session) OnPackage(pkg *cluster.Package, do func(*PackageRun, *Opened) error) error {
	return s.WithPackage(pkg, func(run *PackageRun, o *Opened) error {
		err := do(run, o)
		if s.Verbose() && !s.Flags.Bool("json") {
			s.SayCost(pkg, o)
		}
		return err
	})
}

// SayCost tells what the work on a package took.
func (s *Session) SayCost(pkg *cluster.Package, o *Opened) {
	command, question, leads := o.kind().words()
	fmt.Fprintf(s.Out, "%s: %s, %s\n", pkg.Name, words.Plural(len(o.LUNs), "LUN"), words.Plural(int(o.sent.Load()), command))
	if n := int(o.asked.Load()); n > 0 {
		fmt.Fprintf(s.Out, "%s: %s more, %s\n", pkg.Name, words.Plural(n, question), leads)
	}
}

// Group finds the physical volumes of a volume group, and tells what there is to
// warn of. Errors: *vg.GroupError.
func (s *Session) Group(name string) (*vg.Group, error) { return GroupOf(s.Call, s.Host, name) }

// GroupOf is [Session.Group] without a session.
func GroupOf(c *front.Call, host vg.Host, name string) (*vg.Group, error) {
	g, err := host.Group(c.Ctx, name)
	if err != nil {
		return nil, err
	}
	if len(g.Volumes) == 0 {
		// Nothing that was protected must not read as all of it.
		return nil, &vg.GroupError{Group: name, Err: &vg.MissingError{Volumes: []vg.MissingVolume{{UUID: "[unknown]"}}}}
	}
	for _, text := range g.Warnings {
		// They come with each group.
		c.WarnOnce(text)
	}
	return g, nil
}

// DevicesOf are the volumes of a package: those of its groups and those outside
// any group. Errors: *vg.GroupError, *cluster.ControlError; *cluster.NoLUNError, unless
// nothing is to be protected.
func (s *Session) DevicesOf(pkg *cluster.Package) ([]string, error) {
	if err := s.Conf.DisksKnown(pkg); err != nil {
		return nil, err
	}
	devices := append([]string(nil), pkg.Volumes...)
	for _, g := range pkg.Groups {
		group, err := s.Group(g)
		if err != nil {
			return nil, err
		}
		devices = append(devices, group.Volumes...)
	}
	return devices, nil
}

// DisksOf are the LUNs of a package: those of its groups and those outside any
// group. Volumes that lie on one disk are one LUN.
func (s *Session) DisksOf(pkg *cluster.Package) ([]*vg.Disk, error) {
	devices, err := s.DevicesOf(pkg)
	if err != nil {
		return nil, err
	}
	return FindDisks(s.Host, devices)
}

// NotBegun is the error of packages that were not looked at, because a signal came.
func NotBegun(packages []*cluster.Package) error { return &notBegunError{packages} }

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
