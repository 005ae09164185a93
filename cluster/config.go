package cluster

import (
	"fmt"
	"slices"
	"strings"

	"lunguard/pr"
	"lunguard/protocol"
)

// Config is a cluster: its nodes and its packages.
type Config struct {
	// Path is the file the config was read from.
	Path string
	Name string
	// Tag is CLUSTER_PR_TAG, the high half of derived node keys; 0 if unset.
	Tag uint16
	// PRDisabled is FORCED_PR_DISABLE: no package makes reservations.
	PRDisabled bool
	// Retired are nodes that are no longer members.
	Retired []RetiredNode
	Nodes   []Node
	// ByHand is the name of the node whose key was given by hand, in place of its own; empty
	// if there is none.
	ByHand   string
	Packages []Package
	// Settings are the parameters of the cluster as a whole, in the order of
	// the file, those above among them.
	Settings Settings
	// Corosync is where nodes and keys were taken from, nil if they stand in the file.
	Corosync *FromCorosync
}

// Node is a member of the cluster.
type Node struct {
	Name string
	// ID is NODE_ID, 0 if the node has an explicit key.
	ID uint16
	// Key is node_pr_key: the one key of the node on every path of every LUN.
	Key pr.Key
	// Settings are its parameters, in the order of the file, those above among
	// them.
	Settings Settings
}

// HostID is NODE_NVME_HOSTID, by which NVMe namespaces know the node: 16 or 32 digits in
// lower case, empty if it is not given.
func (n Node) HostID() string {
	given, _ := n.Settings.Get(hostIDParameter)
	id, _ := PlainHostID(given)
	return id
}

// PackageType says on how many nodes a package runs at once.
type PackageType string

// Package types, in the vendor's spelling.
const (
	Failover        PackageType = "failover"
	MultiNode       PackageType = "multi_node"
	SystemMultiNode PackageType = "system_multi_node"
)

// Package is what is started and halted, with the LUNs that it owns.
type Package struct {
	Name string
	Type PackageType
	// Nodes may run the package, in order of priority.
	Nodes []string
	// Groups are volume groups, without /dev/.
	Groups []string
	// Volumes are devices outside any volume group.
	Volumes []string
	// Settings are its parameters, in the order of the file, those above among
	// them.
	Settings Settings
	// Control is what the control script of a legacy package says; nil if it was
	// not read.
	Control *Control
}

// RunsOn reports whether the package may run on the node.
func (p *Package) RunsOn(node string) bool { return slices.Contains(p.Nodes, node) }

// Node returns the node of that name. The error is *UnknownNodeError.
func (c *Config) Node(name string) (Node, error) {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return Node{}, &UnknownNodeError{Name: name, Config: c}
}

// Package returns the package of that name. The error is *UnknownPackageError.
func (c *Config) Package(name string) (*Package, error) {
	for i := range c.Packages {
		if c.Packages[i].Name == name {
			return &c.Packages[i], nil
		}
	}
	return nil, &UnknownPackageError{Name: name, Config: c}
}

// NodeOf returns the node that the key belongs to, marked or not.
// A nil config knows no node.
func (c *Config) NodeOf(k pr.Key) (Node, bool) {
	if c == nil {
		return Node{}, false
	}
	for _, n := range c.Nodes {
		if n.Key == protocol.Plain(k) {
			return n, true
		}
	}
	return Node{}, false
}

// Members are the nodes as the protocols know them.
func (c *Config) Members() protocol.Members {
	if c == nil {
		return nil
	}
	var list protocol.Members
	for _, n := range c.Nodes {
		list = append(list, n.Member())
	}
	return list
}

// Member is the node as the protocols know it.
func (n Node) Member() protocol.Member { return protocol.Member{Name: n.Name, Key: n.Key} }

// Mode says how the protocols treat the package's LUNs.
func (p *Package) Mode() protocol.Mode {
	if p.Type == Failover {
		return protocol.Exclusive
	}
	return protocol.Shared
}

// Values of pr_type.
const (
	prTypeWERO = "wero"
	prTypeWEAR = "wear"
)

// SharedType is the type of reservation that the package wants where several nodes share
// its LUNs: all registrants hold it, or one.
func (p *Package) SharedType() pr.Type {
	if v, _ := p.Settings.Get("pr_type"); strings.EqualFold(v, prTypeWEAR) {
		return pr.WriteExclusiveAllRegistrants
	}
	return pr.WriteExclusiveRegistrantsOnly
}

// NotMemberError says that a package may not run on a node.
type NotMemberError struct {
	Node    string
	Package *Package
}

func (e *NotMemberError) Error() string {
	return fmt.Sprintf("package %s does not run on node %s", e.Package.Name, e.Node)
}

// Foreign returns those keys that belong to no node.
func (c *Config) Foreign(keys []pr.Key) []pr.Key {
	var foreign []pr.Key
	for _, k := range keys {
		if _, ok := c.NodeOf(k); !ok {
			foreign = append(foreign, k)
		}
	}
	return foreign
}

// UnknownNodeError says that a node is not in the config.
type UnknownNodeError struct {
	Name   string
	Config *Config
}

func (e *UnknownNodeError) Error() string {
	return fmt.Sprintf("%s is not a node of %s", e.Name, e.Config.Path)
}

// UnknownPackageError says that a package is not in the config. The wording
// is the vendor's, scripts look for it.
type UnknownPackageError struct {
	Name   string
	Config *Config
}

func (e *UnknownPackageError) Error() string {
	return e.Name + " is not a configured package name"
}

// ConfigError is one fault of a config file.
type ConfigError struct {
	File string
	// Line counts from 1; 0 is the file as a whole.
	Line int
	// Word is the offending word, Expected what should have stood there.
	Word, Expected string
	// Near is a parameter that may have been meant.
	Near string
}

func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Word != "" {
		fmt.Fprintf(&b, "%q: ", e.Word)
	}
	return b.String() + e.Expected
}
