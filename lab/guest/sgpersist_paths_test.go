//go:build lab

package guest

import (
	"fmt"
	"testing"
)

// TestSgPersistAllPaths registers every path of a real multipath map, and shows that one
// command to the map itself registers one path only.
func TestSgPersistAllPaths(t *testing.T) {
	NeedLunguard(t, "sg_persist")
	node := NewArray(t, "allpaths", 1, 64).Login(t, "node1", 2)
	dm := node.Multipath(t, 0)
	// Which of them is found first is up to the kernel; they are listed by name.
	sda, sdb := min(node.Disk(0, 0), node.Disk(0, 1)), max(node.Disk(0, 0), node.Disk(0, 1))
	mustType(t, node, "sg_persist -n -o -I -S a1 "+dm)
	if regs := WitnessFull(t, sda); len(regs) != 1 {
		t.Errorf("registered through the map: %+v", regs)
	}
	if got, want := mustType(t, node, "sg_persist -n -o -I -S a1 --all-paths "+dm), fmt.Sprintf("%s:\n%s:\n", sda, sdb); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if regs := WitnessFull(t, sda); len(regs) != 2 || regs[0].Key != 0xa1 || regs[1].Key != 0xa1 || regs[0].Port == regs[1].Port {
		t.Errorf("registered through every path: %+v", regs)
	}
	keys := "  PR generation=0x3, 2 registered reservation keys follow:\n    0xa1\n    0xa1\n"
	if got, want := mustType(t, node, "sg_persist -n -k --all-paths "+dm), fmt.Sprintf("%s:\n%s%s:\n%s", sda, keys, sdb, keys); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	mustType(t, node, "sg_persist -n -o -C -K a1 "+sdb)
}
