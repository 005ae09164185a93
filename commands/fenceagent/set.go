package fenceagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/cluster/corosync"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/vg"
)

// fromConfig is the key_value that takes the keys of the config.
const fromConfig = "config"

// keyValues are what key_value can be.
func keyValues() []string {
	list := make([]string, 0, 4)
	for _, d := range corosync.Derivations() {
		list = append(list, string(d))
	}
	return append(list, fromConfig)
}

// scope is the cluster and what of it a node is fenced from.
type scope struct {
	// conf has nodes and keys, of its own or of corosync's configuration.
	conf *cluster.Config
	// shared are the packages that several nodes have up at once, exclusive those
	// that one has.
	shared, exclusive []*cluster.Package
	// everyGroup says that nothing was named: a node is fenced from every volume group that
	// is for several hosts at once.
	everyGroup bool
}

// packageName is the name of the package that is made of devices and groups.
const packageName = "fence"

// newScope finds nodes, keys and packages. No device is opened. Errors: those of the
// config and of corosync's, and that they do not fit together.
func newScope(c *front.Call, v values) (*scope, error) {
	conf, err := session.OptionalConfig(c)
	if err != nil {
		return nil, err
	}
	sc := &scope{conf: conf}
	if err := sc.findNodes(c, v); err != nil {
		return nil, err
	}
	if err := sc.giveKey(v); err != nil {
		return nil, err
	}
	if err := sc.findPackages(v); err != nil {
		return nil, err
	}
	return sc, sc.check()
}

// findNodes takes nodes and keys from the config or from corosync's.
func (sc *scope) findNodes(c *front.Call, v values) error {
	by := v.get(paramKeyValue)
	switch {
	case by == "" && sc.conf != nil:
		by = fromConfig
	case by == "":
		by = string(corosync.ByPosition)
	}
	if by != fromConfig {
		return sc.derive(c, v, corosync.Derivation(by))
	}
	if sc.conf == nil {
		return front.Usagef("key_value is %s, and there is no config", fromConfig)
	}
	if sc.conf.PRDisabled {
		return &disabledError{sc.conf.Path}
	}
	return nil
}

// derive makes the nodes of the cluster those of corosync's, with keys of their names.
func (sc *scope) derive(c *front.Call, v values, by corosync.Derivation) error {
	path := v.get(paramCorosync)
	if path == "" {
		path = c.Getenv("COROSYNC_MAIN_CONFIG_FILE")
	}
	if path == "" {
		path = corosync.DefaultPath
	}
	text, err := readOwn(path, corosync.MaxSize)
	if err != nil {
		return &corosyncError{path, err}
	}
	cs, err := corosync.Parse(text)
	if err != nil {
		return &corosyncError{path, err}
	}
	nodes, err := cluster.NodesOf(cs, by)
	if err != nil {
		return &corosyncError{path, err}
	}
	conf := &cluster.Config{Path: path, Name: cs.Name, Nodes: nodes, Corosync: &cluster.FromCorosync{Path: path, Conf: cs, By: by}}
	if sc.conf != nil {
		conf.Path, conf.Packages, conf.PRDisabled = sc.conf.Path, sc.conf.Packages, sc.conf.PRDisabled
	}
	if conf.PRDisabled {
		return &disabledError{conf.Path}
	}
	sc.conf = conf
	return nil
}

// readOwn reads a file that decides what root does, at most a number of bytes and one.
func readOwn(path string, most int64) ([]byte, error) {
	f, err := ownfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}

// findPackages takes the packages that were named, those of the config, or one that is
// made of devices.
func (sc *scope) findPackages(v values) error {
	devices, groups, names := v.list(paramDevices), v.list(paramVGs), v.list(paramPackages)
	var packages []*cluster.Package
	switch {
	case len(devices)+len(groups) > 0 && len(names) > 0:
		return front.Usagef("packages are those of the config; devices and vgs stand for a cluster that has none")
	case len(devices)+len(groups) > 0:
		sc.makePackage(devices, groups)
		return nil
	case len(names) > 0:
		for _, name := range names {
			pkg, err := sc.conf.Package(name)
			if err != nil {
				return err
			}
			packages = append(packages, pkg)
		}
	default:
		for i := range sc.conf.Packages {
			// One without a LUN has nothing that could be fenced, and must not keep the
			// others from it.
			pkg := &sc.conf.Packages[i]
			if none := (*cluster.NoLUNError)(nil); !pkg.HasNoLUNs() && !errors.As(pkg.DisksKnown(), &none) {
				packages = append(packages, pkg)
			}
		}
	}
	sc.everyGroup = len(sc.conf.Packages) == 0
	for _, pkg := range packages {
		if pkg.Type == cluster.Failover {
			sc.exclusive = append(sc.exclusive, pkg)
		} else {
			sc.shared = append(sc.shared, pkg)
		}
	}
	return nil
}

// makePackage makes a package that all nodes share of devices and groups.
func (sc *scope) makePackage(devices, groups []string) {
	pkg := cluster.Package{Name: packageName, Type: cluster.SystemMultiNode, Volumes: devices}
	for _, g := range groups {
		pkg.Groups = append(pkg.Groups, strings.TrimPrefix(g, "/dev/"))
	}
	for _, n := range sc.conf.Nodes {
		pkg.Nodes = append(pkg.Nodes, n.Name)
	}
	one := *sc.conf
	one.Packages = []cluster.Package{pkg}
	sc.conf, sc.shared = &one, []*cluster.Package{&one.Packages[0]}
}

// findGroups takes every volume group that is for several hosts at once, if nothing was
// named. Errors: *nothingError, and that of the host.
func (sc *scope) findGroups(ctx context.Context, host vg.Host) error {
	if !sc.everyGroup {
		return nil
	}
	all, err := host.Groups(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, g := range all {
		if g.Shared {
			names = append(names, g.Name)
		}
	}
	if len(names) == 0 {
		return &nothingError{}
	}
	sc.makePackage(nil, names)
	return nil
}

// check refuses what no fence can be made of.
func (sc *scope) check() error {
	if len(sc.shared)+len(sc.exclusive) == 0 && !sc.everyGroup {
		return &nothingError{}
	}
	return nil
}

// decides refuses to act where nothing decides between two nodes that fence each other: a
// LUN that one node has at a time does not tell a survivor from who was fenced. Errors:
// *noArbiterError.
func (sc *scope) decides() error {
	if len(sc.shared) == 0 && !sc.everyGroup {
		return &noArbiterError{}
	}
	return nil
}

// node is the node of a name, exactly as it is spelled.
func (sc *scope) node(name string) (cluster.Node, error) {
	if name == "" {
		return cluster.Node{}, front.Usagef("no node is named: %s or %s is missing", paramPlug, paramNodename)
	}
	n, err := sc.conf.Node(name)
	if err != nil {
		return n, &nodeError{name: name, conf: sc.conf}
	}
	return n, nil
}

// giveKey gives a node the key that was given by hand, in place of its own, which is
// nobody's then: where it is registered the node does not count as gone.
func (sc *scope) giveKey(v values) error {
	if v[paramKey] == "" || v.node() == "" {
		return nil
	}
	n, err := sc.node(v.node())
	if err != nil {
		return err
	}
	k, err := pr.ParseKey(v[paramKey])
	if err != nil || k&protocol.Marks != 0 {
		return front.Usagef("%s is %q: 1 to 16 hexadecimal digits were expected, not zero, below 4000000000000000", paramKey, v[paramKey])
	}
	if other, ok := sc.conf.NodeOf(k); ok && other.Name != n.Name {
		return front.Usagef("%s is %q: that is the key of %s", paramKey, v[paramKey], other.Name)
	}
	one := *sc.conf
	one.Nodes = slices.Clone(one.Nodes)
	at := slices.IndexFunc(one.Nodes, func(m cluster.Node) bool { return m.Name == n.Name })
	one.Nodes[at].Key, one.ByHand = k, n.Name
	sc.conf = &one
	return nil
}

// here is the node that this host is: by its name, by the name before the first dot, or
// by the address that corosync's configuration has for it.
func (sc *scope) here(c *front.Call, host vg.Host) (cluster.Node, error) {
	name, err := host.Hostname()
	if named := c.Getenv("SG_NODE"); named != "" {
		name, err = named, nil
	}
	if err != nil {
		return cluster.Node{}, err
	}
	n, err := sc.conf.NodeHere(name)
	if err != nil && sc.conf.Corosync != nil && c.Simulated() == "" {
		if found := sc.byAddress(); len(found) == 1 {
			return found[0], nil
		}
	}
	return n, err
}

// byAddress are the nodes whose addresses are this host's.
func (sc *scope) byAddress() []cluster.Node {
	var found []cluster.Node
	for i, n := range sc.conf.Corosync.Conf.Nodes {
		if n.IsLocal() {
			found = append(found, sc.conf.Nodes[i])
		}
	}
	return found
}

// corosyncError says what is wrong with corosync's configuration.
type corosyncError struct {
	path string
	err  error
}

func (e *corosyncError) Error() string { return e.Message().Text() }

func (e *corosyncError) Unwrap() error { return e.err }

func (e *corosyncError) Message() words.Message {
	const what = "no nodes and keys can be had from it: "
	m := words.Message{Subject: e.path, What: what + words.JoinedLines(e.err.Error()), Status: words.ExitFailed}
	var unread *fs.PathError
	if errors.As(e.err, &unread) {
		m.What, m.Hint = what+unread.Err.Error(), "nodes are those of corosync: name its file with "+paramCorosync+", or give key_value=config and a config"
	}
	return m
}

// nodeError says that a node is not one of the cluster's.
type nodeError struct {
	name string
	conf *cluster.Config
}

func (e *nodeError) Error() string {
	return fmt.Sprintf("%s is no node of %s", e.name, e.conf.Path)
}

func (e *nodeError) Message() words.Message {
	var names []string
	for _, n := range e.conf.Nodes {
		names = append(names, n.Name)
	}
	return words.Message{What: e.Error(), Hint: "it has " + strings.Join(names, ", "), Status: words.ExitFailed}
}

// disabledError says that the config switches reservations off.
type disabledError struct{ path string }

func (e *disabledError) Error() string {
	return "FORCED_PR_DISABLE is set in " + e.path + ": nobody can be fenced"
}

// nothingError says that there is nothing to fence a node from.
type nothingError struct{}

func (*nothingError) Error() string { return "there is nothing to fence a node from" }

func (e *nothingError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "name what all nodes share by devices or vgs, or in the packages of a config; no volume group here is for several hosts at once", Status: words.ExitFailed}
}

// noArbiterError says that nothing decides which of two nodes fences the other.
type noArbiterError struct{}

func (*noArbiterError) Error() string {
	return "nothing decides which of two nodes fences the other: no package is shared by several nodes"
}

func (e *noArbiterError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "give the cluster a shared package, of type system_multi_node or multi_node, with one small LUN, and let nodes be fenced from it, too", Status: words.ExitFailed}
}
