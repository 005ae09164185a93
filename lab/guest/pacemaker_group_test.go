//go:build lab

package guest

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// groupConfig has one package that all nodes share and by which they fence, and two that
// one node has at a time: a disk with a file system, and a volume group.
const groupConfig = `NODES_FROM corosync
package_name lock
package_type system_multi_node
node_name *
pv /dev/lun0
pv /dev/lun1
pv /dev/lun2
pv /dev/lun3
package_name pkg1
node_name *
pv /dev/lun4
package_name pkg2
node_name *
vg vg2
`

// groupLUN is the LUN of a group.
func groupLUN(group string) int { return map[string]int{"1": 4, "2": 5}[group] }

// groupResources are a fence device without a list of disks, a clone that looks whether its
// node is in, and two groups behind it.
func groupResources() string {
	return fenceDevice("fence_lunguard") + `<clone id="member-clone">` + primitive("member", "lunguard", "package", `interval="5s" on-fail="fence"`, "package=lock") +
		`<meta_attributes id="mc-m"><nvpair id="mc-i" name="interleave" value="true"/></meta_attributes></clone>
<group id="g1">` +
		primitive("pr1", "lunguard", "package", `interval="10s"`, "package=pkg1") +
		primitive("fs1", "heartbeat", "Filesystem", `interval="20s"`, "device=/dev/lun4", "directory=/srv/1", "fstype=ext4") +
		primitive("count1", "lab", "counter", `interval="5s"`, "file=/srv/1/numbers") +
		`</group><group id="g2">` +
		primitive("pr2", "lunguard", "package", `interval="10s"`, "package=pkg2") +
		primitive("vg2", "heartbeat", "LVM-activate", `interval="20s"`, "vgname=vg2", "vg_access_mode=system_id") +
		primitive("fs2", "heartbeat", "Filesystem", `interval="20s"`, "device=/dev/vg2/lv2", "directory=/srv/2", "fstype=ext4") +
		primitive("count2", "lab", "counter", `interval="5s"`, "file=/srv/2/numbers") +
		`</group>`
}

// groupConstraints put the groups behind the clone.
func groupConstraints() string {
	var b strings.Builder
	for _, g := range []string{"g1", "g2"} {
		fmt.Fprintf(&b, `<rsc_order id="o-%s" first="member-clone" then="%[1]s"/><rsc_colocation id="c-%[1]s" rsc="%[1]s" with-rsc="member-clone" score="INFINITY"/>`, g)
	}
	return b.String()
}

// makeFileSystems puts a file system on a disk, and one in a volume group on another,
// which belongs to node1.
func makeFileSystems(disks []string) error {
	// This machine sees the disks of all nodes.
	disk, volume := disks[groupLUN("1")], disks[groupLUN("2")]
	as := fmt.Sprintf(`global/system_id_source="lvmlocal" local/system_id="node1" devices/global_filter=["a|^%s$|","r|.*|"]`, volume)
	return runAll([][]string{
		{"mkdir", "-p", "/srv/1", "/srv/2"},
		{"mke2fs", "-q", "-F", "-t", "ext4", disk, "15m"},
		{"lvm", "pvcreate", "-q", "--config", as, volume},
		{"lvm", "vgcreate", "-q", "--config", as, "vg2", volume},
		{"lvm", "lvcreate", "-q", "-y", "--config", as, "-Wn", "-Zn", "-l", "2", "-n", "lv2", "vg2"},
		{"mke2fs", "-q", "-F", "-t", "ext4", "/dev/vg2/lv2"},
		{"lvm", "vgchange", "-q", "--config", as, "-an", "vg2"},
	})
}

// ownerOf is the node on which all of a group is up, nil if none is.
func (e *Engine) ownerOf(x monitorXML, group string) *Member {
	first := ""
	for _, id := range []string{"pr", "fs", "count"} {
		at := x.on(id + group)
		if at == "" || first != "" && at != first {
			return nil
		}
		first = at
	}
	return e.named(first)
}

// wantOwner checks that one node's key alone is on the LUN of a group.
func (e *Engine) wantOwner(t *testing.T, group string, owner *Member) {
	t.Helper()
	lun := groupLUN(group)
	if keys := e.keysOf(t)[lun]; !slices.Equal(keys, []uint64{e.Key(owner.number)}) {
		t.Errorf("LUN %d has the keys %x, want that of %s", lun, keys, owner.Name)
	}
}

// counted is what a node's counter has written for certain.
func (m *Member) counted(t *testing.T, group string) int {
	t.Helper()
	r, err := m.run("cat /run/counted-count" + group)
	must(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(r.Stdout))
	must(t, err)
	return n
}

// nothingLost checks that a node has found all that another one has written for certain.
func nothingLost(t *testing.T, group string, from, to *Member) {
	t.Helper()
	before, after := from.counted(t, group), to.counted(t, group)
	t.Logf("g%s: %d numbers on %s, %d on %s", group, before, from.Name, after, to.Name)
	if after < before {
		t.Errorf("g%s: %s has written %d numbers, and %s has found %d", group, from.Name, before, to.Name, after)
	}
}

// move moves groups to the other node at the same time, and checks that nothing that was
// written has gone.
func (e *Engine) move(t *testing.T, groups ...string) {
	t.Helper()
	target := map[string]*Member{}
	for _, g := range groups {
		_, to := e.owner(t, "count"+g)
		target[g] = to
		must(t, to.sh("crm_resource --move --resource g"+g+" --node "+to.Name))
	}
	for _, g := range groups {
		to := target[g]
		to.until(t, "g"+g+" on "+to.Name, func(x monitorXML) bool { return e.ownerOf(x, g) == to })
		must(t, to.sh("crm_resource --clear --resource g"+g))
		nothingLost(t, g, e.nodes[2-to.number], to)
		e.wantOwner(t, g, to)
	}
}

// TestPacemakerGroup is a cluster with a configuration of the product: groups of a package,
// a volume group and a file system, which are moved and taken over.
func TestPacemakerGroup(t *testing.T) {
	rounds := needEngine(t)
	LoadModule(t, "ext4")
	LoadModule(t, "dm-mod")
	begin := time.Now()
	e := NewEngine(t, EngineSpec{Nodes: 2, LUNs: 7, Shared: 4, Config: groupConfig, Resources: groupResources(), Constraints: groupConstraints(),
		Properties: `<nvpair id="p-f" name="fence-reaction" value="panic"/>`, Prepare: makeFileSystems, Key: nodeIDKey, Resource: "count1"})
	t.Cleanup(func() {
		// What a node had in its kernel is in that of this machine.
		_ = exec.Command("dmsetup", "remove", "-f", "vg2-lv2").Run()
	})
	e.together(t)
	for _, g := range []string{"1", "2"} {
		e.nodes[0].until(t, "g"+g+" up", func(x monitorXML) bool { return e.ownerOf(x, g) != nil })
	}
	t.Logf("%.1f s from the start to both groups up", time.Since(begin).Seconds())

	t.Run("passive", func(t *testing.T) {
		has, other := e.owner(t, "count1")
		e.wantOwner(t, "1", has)
		if other.write(groupLUN("1")) {
			t.Errorf("%s writes to what %s has", other.Name, has.Name)
		}
		r, err := other.run("OCF_RESKEY_package=pkg1 OCF_RESKEY_CRM_meta_on_node=" + other.Name + " /usr/lib/ocf/resource.d/lunguard/package monitor")
		if err != nil || r.Exit != 7 {
			t.Errorf("the other node's monitor: %v, %v", r, err)
		}
	})

	t.Run("move", func(t *testing.T) {
		e.move(t, "1", "2")
		for range min(rounds, 10) {
			e.move(t, "1")
		}
		e.extend(t)
		// What a volume group's node had would be in this machine's kernel when it hangs.
		must(t, e.nodes[0].sh("crm_resource --resource g2 --meta --set-parameter target-role --parameter-value Stopped"))
		e.nodes[0].until(t, "g2 down", func(x monitorXML) bool { return x.on("count2")+x.on("vg2")+x.on("pr2") == "" })
	})

	t.Run("hang", func(t *testing.T) { e.hang(t) })

	for round := range min(rounds, 3) {
		t.Run(fmt.Sprint("split ", round+1), func(t *testing.T) {
			winner, loser := e.split(t, groupLUN("1"))
			e.wantOwner(t, "1", winner)
			e.join(t)
			e.restartsItself(t, loser)
		})
	}
}

// extend adds a disk to the volume group while it is up, as docs/pacemaker.md says: nothing
// stops, the monitor tells of it until it is protected, and then it is.
func (e *Engine) extend(t *testing.T) {
	t.Helper()
	has, other := e.owner(t, "count2")
	writer := has.pidOf(t, "count2")
	const monitor = "OCF_RESKEY_package=pkg2 /usr/lib/ocf/resource.d/lunguard/package monitor"
	must(t, has.sh("lvm vgextend -q vg2 /dev/lun6"))
	if r, err := has.run(monitor); err != nil || r.Exit != 190 || !strings.Contains(r.Stderr, "it was added since the package was started") {
		t.Errorf("with a new disk: %v, %v", r, err)
	}
	must(t, has.sh(lunguard+" vg_pr_key -s vg2"))
	if r, err := has.run(monitor); err != nil || r.Exit != 0 {
		t.Errorf("with a new disk that is protected: %v, %v", r, err)
	}
	if other.write(6) {
		t.Errorf("%s writes to what was added on %s", other.Name, has.Name)
	}
	if now := has.pidOf(t, "count2"); now != writer || now == "" {
		t.Errorf("the writer was process %q and is %q", writer, now)
	}
}

// pidOf is the process of a resource that writes, empty if it has ended.
func (m *Member) pidOf(t *testing.T, resource string) string {
	t.Helper()
	r, err := m.run("p=$(cat /run/*er-" + resource + "*) && kill -0 $p && echo $p")
	must(t, err)
	return strings.TrimSpace(r.Stdout)
}

// hang stops the owner of the first group in the middle of its writes, and lets it go on
// when the other one has all that it had.
func (e *Engine) hang(t *testing.T) {
	t.Helper()
	victim, other := e.owner(t, "count1")
	begin := time.Now()
	must(t, victim.freeze(true))
	other.until(t, "g1 on "+other.Name, func(x monitorXML) bool { return e.ownerOf(x, "1") == other })
	t.Logf("%.1f s from the hang to the group elsewhere", time.Since(begin).Seconds())
	e.wantOwner(t, "1", other)
	e.wantIn(t, other)
	nothingLost(t, "1", victim, other)
	must(t, victim.freeze(false))
	if victim.write(groupLUN("1")) || victim.write(0) {
		t.Error("a node that was fenced can write")
	}
	e.restartsItself(t, victim)
}

// restartsItself waits for the end of a node that was fenced, and then has the first group
// up somewhere. As long as the node has not heard of it, Pacemaker takes its resources for
// active on both nodes, and may start them anew on either: a deadman would restart it before.
func (e *Engine) restartsItself(t *testing.T, m *Member) {
	t.Helper()
	e.awaitRestart(t, m)
	has, _ := e.owner(t, "count1")
	e.wantOwner(t, "1", has)
}
