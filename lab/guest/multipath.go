//go:build lab

package guest

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Multipath makes a true dm-multipath map over all paths of a LUN, as multipathd would
// but without it, and returns its device. From then on the node's LVM sees its maps and no
// longer the paths. The map's UUID is mpath-WWID on the first node that asks, as it is on a
// real host; on others, since the kernel's maps are one space, -NODE is added.
func (n *Node) Multipath(t testing.TB, lun int) string {
	t.Helper()
	return n.MultipathAs(t, lun, mapName(n, lun))
}

// MultipathAs is Multipath with a name for the map.
func (n *Node) MultipathAs(t testing.TB, lun int, name string) string {
	t.Helper()
	LoadModule(t, "dm-multipath")
	LoadModule(t, "dm-round-robin")
	uuid := "mpath-" + n.array.WWID(lun)
	if n.array.mapped(lun) {
		uuid += "-" + n.Name
	}
	if n.mapOf == nil {
		n.mapOf = map[int]string{}
	}
	n.mapOf[lun] = name
	return createMap(n, t, name, uuid, multipathTable(n, t, lun))
}

// multipathTable is one group of all paths that a LUN has now.
func multipathTable(n *Node, t testing.TB, lun int) string {
	t.Helper()
	disks := n.Disks(lun)
	if len(disks) == 0 {
		t.Fatalf("node %s has no path to LUN %d", n.Name, lun)
	}
	// Features, hardware handlers, groups, first group, then the path selector with its
	// arguments and the paths with one argument each.
	table := fmt.Sprintf("0 %d multipath 0 0 1 1 round-robin 0 %d 1", sectors(t, disks[0]), len(disks))
	for _, disk := range disks {
		table += " " + disk + " 1"
	}
	return table
}

// Partition maps a part of a map, in units of MiB, as kpartx does.
func (n *Node) Partition(t testing.TB, on string, number, start, size int, name string) string {
	t.Helper()
	uuid := strings.TrimSpace(n.MustRun(t, "/sbin/dmsetup", "info", "--columns", "--noheadings", "-o", "uuid", on))
	table := fmt.Sprintf("0 %d linear %s %d", size<<11, on, start<<11)
	return createMap(n, t, name, fmt.Sprintf("part%d-%s", number, uuid), table)
}

// createMap makes a device of device-mapper that goes when the node does.
func createMap(n *Node, t testing.TB, name, uuid, table string) string {
	t.Helper()
	n.MustRun(t, "/sbin/dmsetup", "create", name, "--uuid", uuid, "--table", table)
	n.maps = append(n.maps, name)
	if err := writeLVMConfig(n); err != nil {
		t.Fatalf("node %s: %v", n.Name, err)
	}
	return "/dev/mapper/" + name
}

// sectors is the size of a disk.
func sectors(t testing.TB, disk string) int {
	t.Helper()
	text, err := readAttr("/sys/block/" + strings.TrimPrefix(disk, "/dev/") + "/size")
	if err != nil {
		t.Fatal(err)
	}
	size, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// Reinstate lets the node's maps use a path again, as multipathd does when its checker finds
// it alive.
func (n *Node) Reinstate(t testing.TB, path int) {
	t.Helper()
	messageMaps(n, t, path, "reinstate_path")
}

// messageMaps says something about a path to all maps of the node.
func messageMaps(n *Node, t testing.TB, path int, word string) {
	t.Helper()
	for lun, name := range n.mapOf {
		number, err := readAttr("/sys/block/" + strings.TrimPrefix(n.Disk(lun, path), "/dev/") + "/dev")
		if err != nil {
			t.Fatal(err)
		}
		n.MustRun(t, "/sbin/dmsetup", "message", name, "0", word+" "+number)
	}
}

// ReloadMaps gives the node's maps the paths that there are now, as multipathd does when a
// disk appears or goes.
func (n *Node) ReloadMaps(t testing.TB) {
	t.Helper()
	for lun, name := range n.mapOf {
		n.MustRun(t, "/sbin/dmsetup", "reload", name, "--table", multipathTable(n, t, lun))
		n.MustRun(t, "/sbin/dmsetup", "resume", name)
	}
}

func mapName(n *Node, lun int) string {
	return n.array.Name + "-" + n.Name + "-" + strconv.Itoa(lun)
}

// mapped reports whether any node has a map of the LUN.
func (a *Array) mapped(lun int) bool {
	return slices.ContainsFunc(a.nodes, func(n *Node) bool { return n.mapOf[lun] != "" })
}

// removeMaps removes the node's maps, and before them the volumes that a failed test has
// left active and that would keep maps and disks open.
func removeMaps(n *Node) error {
	used, err := filepath.Glob("/sys/block/dm-*")
	if err != nil || len(used) == 0 {
		return err
	}
	errs := []error{n.cleanUp("/sbin/vgchange", "-an")}
	for _, name := range slices.Backward(n.maps) {
		errs = append(errs, n.cleanUp("/sbin/dmsetup", "remove", "--retry", "--force", name))
	}
	n.maps, n.mapOf = nil, nil
	return errors.Join(errs...)
}

// cleanUp runs a program outside of any test's judgement.
func (n *Node) cleanUp(args ...string) error {
	r, err := runProgram(n.Env(), n.path(), "", args)
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("%s: %v", strings.Join(args, " "), r)
	}
	return err
}
