//go:build lab

package guest

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// cluster is two nodes with a config, as an administrator would write it, and a third
// initiator that is no node: it reads what the others left, and it is the stranger where a
// test needs one. What it reads does not use up the nodes' unit attentions.
type cluster struct {
	array        *Array
	jack3, jack4 *Node
	watcher      *Node
	luns         []int // that the package owns
}

// nodesText is the part of the config that does not depend on the test.
const nodesText = `CLUSTER_NAME       bla
CLUSTER_PR_TAG     0xbcb0
NODE_NAME          jack3
  NODE_ID          1
NODE_NAME          jack4
  NODE_ID          2

package_name       pkg1
package_type       failover
node_name          jack3
node_name          jack4
`

// newCluster makes an array of nLUNs and logs all three in. The package owns no LUN yet.
func newCluster(t *testing.T, nLUNs int) *cluster {
	t.Helper()
	NeedLunguard(t, "pr_start", "pr_halt", "pr_cleanup", "vg_pr_key")
	name := strings.ToLower(strings.TrimPrefix(t.Name(), "Test"))
	c := &cluster{array: NewArray(t, name, nLUNs, 64)}
	nodes := c.array.LoginAll(t, 1, "jack3", "jack4", "watcher")
	c.jack3, c.jack4, c.watcher = nodes[0], nodes[1], nodes[2]
	return c
}

// rawCluster is a cluster whose package owns all LUNs as raw disks.
func rawCluster(t *testing.T, nLUNs int) *cluster {
	t.Helper()
	c := newCluster(t, nLUNs)
	c.owns(t, "", c.array.all()...)
	return c
}

// all lists the array's LUNs.
func (a *Array) all() []int {
	luns := make([]int, len(a.luns))
	for i := range luns {
		luns[i] = i
	}
	return luns
}

// owns writes the config of both nodes: the package has a volume group, unless the name is
// empty, and raw LUNs.
func (c *cluster) owns(t *testing.T, group string, raw ...int) {
	t.Helper()
	for _, n := range []*Node{c.jack3, c.jack4} {
		var disks []string
		for _, lun := range raw {
			disks = append(disks, n.Disk(lun, 0))
		}
		configure(t, n, group, disks...)
	}
	c.luns = raw
}

// configure writes a node's config.
func configure(t *testing.T, n *Node, group string, disks ...string) {
	t.Helper()
	text := nodesText
	if group != "" {
		text += "vg                 " + group + "\n"
	}
	writeConfig(t, n, text, disks...)
}

// configureAs writes a node's config with a package of another type on raw disks.
func configureAs(t *testing.T, n *Node, kind string, disks ...string) {
	t.Helper()
	writeConfig(t, n, strings.Replace(nodesText, "failover", kind, 1), disks...)
}

func writeConfig(t *testing.T, n *Node, text string, disks ...string) {
	t.Helper()
	for _, disk := range disks {
		text += "pv                 " + disk + "\n"
	}
	if err := os.WriteFile(n.ConfigFile(), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// nodeKey is the key of a node of the config.
func nodeKey(n *Node) uint64 {
	switch n.Name {
	case "jack3":
		return key1
	case "jack4":
		return key2
	}
	panic("node " + n.Name + " has no key")
}

// look asks Debian's sg_persist for everything, of all LUNs of the package.
func (c *cluster) look(t *testing.T) []Picture {
	t.Helper()
	return WitnessAll(t, c.watched()...)
}

// watched are the watcher's disks of the package's LUNs.
func (c *cluster) watched() []string {
	var disks []string
	for _, lun := range c.luns {
		disks = append(disks, c.watcher.Disk(lun, 0))
	}
	return disks
}

// wantOwner checks that every LUN of the package belongs to one node alone: its key on its
// one path, the reservation's type and holder, and persistence through power loss.
func (c *cluster) wantOwner(t *testing.T, owner *Node) {
	t.Helper()
	key := nodeKey(owner)
	for i, s := range c.look(t) {
		if !slices.Equal(s.Keys, []uint64{key}) || s.Holder != key || s.Type != TypeWERO || !s.APTPL {
			t.Errorf("LUN %d does not belong to %s: %+v", c.luns[i], owner.Name, s)
		}
		if !ownedBy(s.Full, owner) {
			t.Errorf("LUN %d: nexuses are not those of %s: %+v", c.luns[i], owner.Name, s.Full)
		}
	}
}

// ownedBy reports whether the one registered nexus is the node's and holds the reservation.
func ownedBy(regs []Registration, owner *Node) bool {
	return len(regs) == 1 && regs[0].Initiator == owner.IQN() && regs[0].Key == nodeKey(owner) &&
		regs[0].Holder && regs[0].Type == TypeWERO && regs[0].Port == 1
}

// wantPaths checks each LUN with Debian's sg_persist: these paths of the nodes are registered,
// with the node's key, and no other nexus, and the reservation is the holder's.
func (c *cluster) wantPaths(t *testing.T, holder *Node, jack3, jack4 []int) {
	t.Helper()
	var want []string
	for n, paths := range map[*Node][]int{c.jack3: jack3, c.jack4: jack4} {
		for _, path := range paths {
			want = append(want, fmt.Sprintf("%s path %d %#x", n.IQN(), path, nodeKey(n)))
		}
	}
	slices.Sort(want)
	for lun, p := range c.look(t) {
		var got []string
		held := false
		for _, r := range p.Full {
			got = append(got, fmt.Sprintf("%s path %d %#x", r.Initiator, r.Port-1, r.Key))
			held = held || r.Holder && r.Type == TypeWERO && r.Initiator == holder.IQN()
		}
		slices.Sort(got)
		if !slices.Equal(got, want) || !held || !p.APTPL || p.Type != TypeWERO || p.Holder != nodeKey(holder) {
			t.Errorf("LUN %d: want %v, held by %s: %+v", lun, want, holder.Name, p)
		}
	}
}

// wantNothing checks that nobody is registered on any LUN of the package.
func (c *cluster) wantNothing(t *testing.T) {
	t.Helper()
	for i, s := range c.look(t) {
		if len(s.Keys) != 0 || s.Holder != 0 || len(s.Full) != 0 {
			t.Errorf("LUN %d is not clear: %+v", c.luns[i], s)
		}
	}
}

// wantSame checks that no LUN was touched, PRGENERATION included.
func (c *cluster) wantSame(t *testing.T, before []Picture) {
	t.Helper()
	for i, s := range c.look(t) {
		if !reflect.DeepEqual(s, before[i]) {
			t.Errorf("LUN %d was changed:\n now %+v\n was %+v", c.luns[i], s, before[i])
		}
	}
}

// typed runs a command line on a node and shows it in the test's log, as a terminal would,
// with what it printed.
func typed(t *testing.T, n *Node, line string) Result {
	t.Helper()
	r := n.Run(t, strings.Fields(line)...)
	out := fmt.Sprintf("%s# %s\n%s%s", n.Name, line, r.Stdout, r.Stderr)
	if r.Exit != 0 {
		out += fmt.Sprintf("[exit status %d]\n", r.Exit)
	}
	fmt.Fprint(t.Output(), out)
	return r
}

// wantExit checks an exit status.
func wantExit(t *testing.T, r Result, status int) {
	t.Helper()
	if r.Exit != status {
		t.Errorf("exit status %d, want %d: %v", r.Exit, status, r)
	}
}

// mustType is typed for a command that has to succeed without a word on stderr, but for
// what lvm2 says of a volume that is active on another host's paths: one kernel is both.
func mustType(t *testing.T, n *Node, line string) string {
	t.Helper()
	r := typed(t, n, line)
	said := slices.DeleteFunc(strings.Split(strings.TrimSuffix(r.Stderr, "\n"), "\n"), func(text string) bool {
		return text == "" || strings.Contains(text, "WARNING: Device mismatch detected for ")
	})
	if r.Exit != 0 || len(said) > 0 {
		t.Fatalf("%s# %s: %v", n.Name, line, r)
	}
	return r.Stdout
}
