package cluster

import (
	"slices"
	"strings"

	"lunguard/protocol"
)

// UpStatus says how far a package is up, on a node or as a whole, as its keys
// on the LUNs tell. The words are the vendor's.
type UpStatus string

// Statuses of packages, and of the nodes of a package.
const (
	StatusUp   UpStatus = "up"
	StatusDown UpStatus = "down"
	// StatusStarting: the key is on some of the LUNs only, or one of them is
	// not reserved, or the key is marked taking by a take-over. A node of several
	// is up while it fences another.
	StatusStarting UpStatus = "starting"
	// StatusHalting: the key is marked leaving.
	StatusHalting UpStatus = "halting"
	// StatusFailed: the node has written down that its start or halt failed, or that it
	// has started the package, and its key is on none of the LUNs.
	StatusFailed UpStatus = "failed"
	// StatusUnknown: a LUN could not be read, or cannot tell.
	StatusUnknown UpStatus = "unknown"
)

// State is the vendor's second word for a status.
func (s UpStatus) State() string {
	switch s {
	case StatusUp:
		return "running"
	case StatusDown:
		return "halted"
	case StatusStarting, StatusHalting:
		return "changing"
	case StatusFailed:
		return "failed"
	}
	return "unknown"
}

// Present reports whether the node has a part in the package: its key is
// there, on one LUN at least.
func (s UpStatus) Present() bool {
	return s == StatusUp || s == StatusStarting || s == StatusHalting
}

// NodeView is what the LUNs of a package tell of one node.
type NodeView struct {
	Node   string
	Status UpStatus
	// Seen says that the node's key is on one of the LUNs that were read, even
	// where that is too few to tell the status.
	Seen bool
	// Holds says that the node holds the reservation of one of the LUNs.
	Holds bool
	// partly says that the node is not registered on each LUN, or that one is not reserved.
	partly bool
}

// PackageView is what the LUNs of a package tell of it.
type PackageView struct {
	Package *Package
	Mode    PRMode
	Status  UpStatus
	// Nodes are those that may run the package, in order of priority, and then
	// others whose keys are there.
	Nodes []NodeView
	LUNs  []protocol.View
}

// ViewOf tells from the LUNs of a package how far it is up. Without LUNs, and
// with such as cannot be reserved, that cannot be told: no key does not mean
// that nothing runs.
func (c *Config) ViewOf(pkg *Package, luns []protocol.View) *PackageView {
	v := &PackageView{Package: pkg, LUNs: luns}
	can := make([]protocol.Support, len(luns))
	for i, l := range luns {
		can[i] = l.Support
	}
	v.Mode = c.PRModeOf(can)
	for _, name := range pkg.Nodes {
		if n, err := c.Node(name); err == nil {
			v.Nodes = append(v.Nodes, v.node(n))
		}
	}
	for _, n := range c.Nodes {
		if one := v.node(n); one.Seen && !pkg.RunsOn(n.Name) {
			v.Nodes = append(v.Nodes, one)
		}
	}
	v.Status = v.status()
	return v
}

// node judges one node.
func (v *PackageView) node(n Node) NodeView {
	out := NodeView{Node: n.Name}
	read, on, leaving, taking, reserved := 0, 0, false, false, true
	for _, l := range v.LUNs {
		if l.State == nil {
			continue
		}
		read++
		held := l.State.Reservation
		reserved = reserved && held != nil
		if protocol.IsOn(l.State, n.Key) {
			on++
		}
		leaving = leaving || protocol.IsMarked(l.State, n.Key, protocol.LeavingMark)
		taking = taking || protocol.IsMarked(l.State, n.Key, protocol.TakingMark)
		out.Holds = out.Holds || protocol.Holds(l.State, n.Key)
	}
	out.Seen = on > 0
	switch {
	case read < len(v.LUNs), read == 0:
		out.Status = StatusUnknown
	case on == 0 && v.Mode == PRDisabled:
		out.Status = StatusUnknown
	case on == 0:
		out.Status = StatusDown
	case leaving:
		out.Status = StatusHalting
	case on < read, !reserved:
		out.Status, out.partly = StatusStarting, true
	case taking && v.Package.Type == Failover:
		out.Status = StatusStarting
	default:
		out.Status = StatusUp
	}
	return out
}

// status is that of the package as a whole: the best of its nodes.
func (v *PackageView) status() UpStatus {
	if len(v.Nodes) == 0 {
		return StatusUnknown
	}
	for _, s := range []UpStatus{StatusUp, StatusStarting, StatusHalting, StatusFailed, StatusUnknown} {
		if slices.ContainsFunc(v.Nodes, func(n NodeView) bool { return n.Status == s }) {
			return s
		}
	}
	return StatusDown
}

// Recall corrects what the LUNs say of a node by what it has written down itself: keys
// tell that LUNs are reserved, not that a start has succeeded.
func (v *PackageView) Recall(node string, m Memory) {
	i := slices.IndexFunc(v.Nodes, func(n NodeView) bool { return n.Node == node })
	if i < 0 || v.Nodes[i].Status == StatusUnknown {
		return
	}
	n := &v.Nodes[i]
	switch {
	case m.Keeps(v.Package) && n.Status == StatusUp:
		n.Status = StatusDown
	case m.Failed, m.By != "" && (n.Status == StatusDown || n.partly && !m.Unfinished):
		// A start that has ended is not under way: what is missing was taken off.
		n.Status = StatusFailed
	case m.Halting:
		n.Status = StatusHalting
	case m.Unfinished:
		n.Status = StatusStarting
	}
	v.Status = v.status()
}

// Well reports whether the package is as it should be: up on one node, or on
// all if it is for several.
func (v *PackageView) Well() bool {
	up, other := 0, 0
	for _, n := range v.Nodes {
		switch n.Status {
		case StatusUp:
			up++
		case StatusDown:
		default:
			other++
		}
	}
	if v.Package.Type == Failover {
		return up == 1 && other == 0
	}
	return up == len(v.Nodes) && up > 0
}

// Owner is the node that has a failover package, of several the one that holds
// the reservation; empty if none has it, and for other packages.
func (v *PackageView) Owner() string {
	if v.Package.Type != Failover {
		return ""
	}
	owner := ""
	for _, n := range v.Nodes {
		switch {
		case !n.Status.Present():
		case n.Holds:
			return n.Node
		case owner == "":
			owner = n.Node
		}
	}
	return owner
}

// Block is a parameter that may be repeated, with those that belong to it.
type Block struct {
	Setting
	// Inside are those of which a block has one, Repeated the others.
	Inside, Repeated Settings
}

// Outline parts the parameters of a package into those that it has once and
// those that may be repeated.
func (p *Package) Outline() (Settings, []Block) {
	return p.Settings.outline(func(name string) form {
		switch name {
		case "vg", "pv", "node_name":
			return form{many: true}
		}
		if f, ok := packageForm(name); ok || name == "package_name" || name == "package_type" {
			return f
		}
		return foreignForm()
	})
}

// Outline parts the parameters of a node.
func (n *Node) Outline() (Settings, []Block) {
	return n.Settings.outline(func(name string) form {
		f, _ := nodeForm(name)
		return f
	})
}

// Outline parts the parameters of the cluster as a whole.
func (c *Config) Outline() (Settings, []Block) {
	return c.Settings.outline(func(name string) form {
		f, _ := clusterForm(name)
		return f
	})
}

// usual is a value as the vendor's commands print it: one of several words is in small
// letters, however the file has it.
func (f form) usual(value string) string {
	if word := strings.ToLower(value); f.kind != line && slices.Contains(f.words, word) {
		return word
	}
	return value
}

func (s Settings) outline(formOf func(name string) form) (single Settings, blocks []Block) {
	// last is the present block of each head.
	last := map[string]int{}
	for _, x := range s {
		f := formOf(x.Name)
		x.Value = f.usual(x.Value)
		at, open := last[f.head]
		switch {
		case f.head != "" && open && f.many:
			blocks[at].Repeated = append(blocks[at].Repeated, x)
		case f.head != "" && open:
			blocks[at].Inside = append(blocks[at].Inside, x)
		case f.many:
			last[x.Name] = len(blocks)
			blocks = append(blocks, Block{Setting: x})
		default:
			single = append(single, x)
		}
	}
	return single, blocks
}
