//go:build lab

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newerFenceScsi is where the machine has fence_scsi of Debian 13, which registers in order
// to fence. Older ones do not.
const newerFenceScsi = "/opt/fence-agents-4.16"

// useNewerFenceScsi puts it where Pacemaker looks, with the library that it loads.
func useNewerFenceScsi(t *testing.T) {
	t.Helper()
	must(t, runAll([][]string{
		{"cp", newerFenceScsi + "/usr/sbin/fence_scsi", "/usr/sbin/fence_scsi"},
		{"sh", "-c", "cp " + newerFenceScsi + "/usr/share/fence/*.py /usr/share/fence/"},
	}))
}

// TestPacemakerMigration: a cluster changes from fence_scsi in maintenance mode: nothing
// stops, nobody is fenced, all nodes stay in by the keys that they had, and the next split has
// one winner.
func TestPacemakerMigration(t *testing.T) {
	needEngine(t)
	useNewerFenceScsi(t)
	e := dropIn(t, "fence_scsi")
	has, _ := e.owner(t, "writer")
	writer := has.pidOf(t, "writer")

	must(t, has.sh("crm_attribute --name maintenance-mode --update true"))
	must(t, has.sh("cibadmin --delete --scope resources --xml-text \"<primitive id=\\\"fence\\\"/>\""))
	// By another name: as long as Pacemaker remembers a device of that name and another type,
	// it wants everybody to be let in anew, and what needs that to be stopped before.
	device := strings.ReplaceAll(fenceDevice("fence_lunguard", "devices=/dev/lun0 /dev/lun1 /dev/lun2 /dev/lun3"), `id="fence`, `id="`+anotherFence)
	must(t, os.WriteFile(filepath.Join(engineDir, "fence.xml"), []byte(device), 0o644))
	// The nodes' /run is their own.
	must(t, runAll([][]string{{"cp", filepath.Join(engineDir, "fence.xml"), "/root/fence.xml"}}))
	must(t, has.sh("cibadmin --create --scope resources --xml-file /root/fence.xml"))
	// Not before all nodes have been let in by the new device, or what runs is stopped.
	has.until(t, "let in", func(monitorXML) bool {
		r, err := has.run("attrd_updater -Q -A -n '#digests-all'")
		return err == nil && strings.Count(r.Stdout, anotherFence+":fence_lunguard:") == len(e.nodes)
	})
	must(t, has.sh("crm_attribute --name maintenance-mode --update false"))
	e.together(t)
	e.wantIn(t, e.nodes...)
	if now := has.pidOf(t, "writer"); now != writer {
		why, err := has.run("grep -E 'writer_(stop|start)_0|Actions:|nfenc' /var/log/pacemaker/pacemaker.log | grep -v cib_ | tail -n 20")
		t.Errorf("the writer was process %q and is %q\n%s%v", writer, now, why.Stdout, err)
	}
	_, loser := e.split(t)
	e.join(t)
	e.restart(t, loser)
}

// TestPacemakerFaults: what a node is told to do that has lost its storage, whose
// configuration is broken, or that finds a stranger on a LUN: nobody is fenced, nobody is
// called off, and where all is well again the cluster is.
func TestPacemakerFaults(t *testing.T) {
	needEngine(t)
	e := dropIn(t, "fence_lunguard")
	one, two := e.nodes[0], e.nodes[1]
	never := func(what string, from, victim *Member) {
		t.Helper()
		for _, action := range []string{"off", "status"} {
			r, err := from.run("fence_lunguard -o " + action + " -n " + victim.Name + " " + e.Devices)
			if err != nil || r.Exit != 1 || strings.Contains(r.Stdout, "Success") || strings.Contains(r.Stdout, "OFF") {
				t.Errorf("%s: %s of %s: %v, %v", what, action, victim.Name, r, err)
			}
		}
		e.wantIn(t, e.nodes...)
	}

	stranger := []string{debianSgPersist, "-n", "-o", "-I", "-S", "deadbeef", e.disks()[1]}
	must(t, runAll([][]string{stranger}))
	if r, err := one.run("fence_lunguard -o monitor " + e.Devices); err != nil || r.Exit != 1 || !strings.Contains(r.Stderr, "0xdeadbeef") {
		t.Errorf("a stranger: monitor: %v, %v", r, err)
	}
	r, err := one.run("fence_lunguard -o off -n " + two.Name + " " + e.Devices)
	if err != nil || r.Exit != 1 || strings.Contains(r.Stdout, "Success") {
		t.Errorf("a stranger: off: %v, %v", r, err)
	}
	must(t, runAll([][]string{{debianSgPersist, "-n", "-o", "-G", "-K", "deadbeef", "-S", "0", e.disks()[1]}}))
	e.wantIn(t, e.nodes...)

	must(t, two.sh("mv /etc/corosync/corosync.conf /etc/corosync/away && echo nonsense >/etc/corosync/corosync.conf"))
	never("nonsense for a configuration", two, one)
	must(t, two.sh("mv /etc/corosync/away /etc/corosync/corosync.conf"))

	two.FailPath(t, 0)
	never("no storage", two, one)
	if r, err := two.run("fence_lunguard -o monitor " + e.Devices); err != nil || r.Exit != 1 {
		t.Errorf("no storage: monitor: %v, %v", r, err)
	}
	two.RestorePath(t, 0)
	e.together(t)
}

// threeConfig has a package by which nodes fence, and one that all of them write to.
const threeConfig = `NODES_FROM corosync
package_name lock
package_type system_multi_node
node_name *
pv /dev/lun0
package_name all
package_type multi_node
node_name *
pv /dev/lun1
pv /dev/lun2
`

// TestPacemakerThree: three nodes write to what they share; one dies, and one hangs.
func TestPacemakerThree(t *testing.T) {
	needEngine(t)
	clone := func(id, resource string) string {
		return `<clone id="` + id + `-clone">` + resource + `<meta_attributes id="` + id + `-mm"><nvpair id="` + id + `-mi" name="interleave" value="true"/></meta_attributes></clone>`
	}
	var constraints strings.Builder
	for _, c := range [][2]string{{"lock", "all"}, {"all", "writer"}} {
		fmt.Fprintf(&constraints, `<rsc_order id="o-%s" first="%[1]s-clone" then="%s-clone"/><rsc_colocation id="c-%[1]s" rsc="%[2]s-clone" with-rsc="%[1]s-clone" score="INFINITY"/>`, c[0], c[1])
	}
	e := NewEngine(t, EngineSpec{Nodes: 3, LUNs: 3, Shared: 3, Config: threeConfig, Key: nodeIDKey, Resource: "fence",
		Properties: `<nvpair id="p-f" name="fence-reaction" value="panic"/>`, Constraints: constraints.String(),
		Resources: fenceDevice("fence_lunguard") + clone("lock", primitive("lock", "lunguard", "package", `interval="5s" on-fail="fence"`, "package=lock")) +
			clone("all", primitive("all", "lunguard", "package", `interval="10s"`, "package=all")) +
			clone("writer", primitive("writer", "lab", "writer", `interval="10s"`, "device=/dev/lun1"))})
	e.together(t)
	first := e.nodes[0].pidOf(t, "writer")

	dead := e.nodes[2]
	must(t, dead.powerOff())
	e.nodes[0].until(t, dead.Name+" fenced", func(monitorXML) bool { return e.areIn(t, e.nodes[:2]...) })
	must(t, dead.powerOn())
	e.together(t)

	hung := e.nodes[1]
	must(t, hung.freeze(true))
	e.nodes[0].until(t, hung.Name+" fenced", func(monitorXML) bool { return e.areIn(t, e.nodes[0], dead) })
	must(t, hung.freeze(false))
	for lun := range e.Shared {
		if hung.write(lun) {
			t.Errorf("LUN %d: a node that was fenced can write", lun)
		}
	}
	e.awaitRestart(t, hung)
	if now := e.nodes[0].pidOf(t, "writer"); now != first || now == "" {
		t.Errorf("the writer of %s was process %s and is %s", e.nodes[0].Name, first, now)
	}
}
