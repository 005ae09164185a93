//go:build lab

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	LoadModule(t, "dm-multipath")
	LoadModule(t, "dm-round-robin")
	disks := n.Disks(lun)
	if len(disks) == 0 {
		t.Fatalf("node %s has no path to LUN %d", n.Name, lun)
	}
	sectors, err := os.ReadFile("/sys/block/" + strings.TrimPrefix(disks[0], "/dev/") + "/size")
	if err != nil {
		t.Fatal(err)
	}
	// One group of all paths: features, hardware handlers, groups, first group, then the
	// path selector with its arguments and the paths with one argument each.
	table := fmt.Sprintf("0 %s multipath 0 0 1 1 round-robin 0 %d 1",
		strings.TrimSpace(string(sectors)), len(disks))
	for _, disk := range disks {
		table += " " + disk + " 1"
	}
	uuid := "mpath-" + n.array.WWID(lun)
	if n.array.mapped(lun) {
		uuid += "-" + n.Name
	}
	name := n.mapName(lun)
	n.MustRun(t, "/sbin/dmsetup", "create", name, "--uuid", uuid, "--table", table)
	n.maps = append(n.maps, name)
	if err := n.writeLVMConfig(); err != nil {
		t.Fatalf("node %s: %v", n.Name, err)
	}
	return "/dev/mapper/" + name
}

func (n *Node) mapName(lun int) string {
	return n.array.Name + "-" + n.Name + "-" + strconv.Itoa(lun)
}

// mapped reports whether any node has a map of the LUN.
func (a *Array) mapped(lun int) bool {
	for _, n := range a.nodes {
		for _, m := range n.maps {
			if m == n.mapName(lun) {
				return true
			}
		}
	}
	return false
}

// removeMaps removes the node's maps, and before them the volumes that a failed test has
// left active and that would keep maps and disks open.
func (n *Node) removeMaps() error {
	used, err := filepath.Glob("/sys/block/dm-*")
	if err != nil || len(used) == 0 {
		return err
	}
	errs := []error{n.cleanUp("/sbin/vgchange", "-an")}
	for _, name := range n.maps {
		errs = append(errs, n.cleanUp("/sbin/dmsetup", "remove", "--retry", "--force", name))
	}
	n.maps = nil
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
