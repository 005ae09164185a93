//go:build lab

package guest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Keys of the two nodes, as fence_scsi takes them.
const fenceKey1, fenceKey2 = "a1", "a2"

// fenceFault is a fault of docs/honesty.md that a real target or a real path can show, and
// what fence_scsi of Debian 12 answers then.
type fenceFault struct {
	// name is that of the fault on the page; how says how the laboratory makes it.
	name, how string
	// make makes it for node1, after both were unfenced.
	make func(t *testing.T, array *Array, node1, node2 *Node)
	// want has the exit statuses of node1's "off" of node2, "status" of node2, and
	// "monitor"; behind each that said what is not so stands why.
	want string
}

func fenceFaults() []fenceFault {
	return []fenceFault{
		{"none", "nothing is wrong", func(*testing.T, *Array, *Node, *Node) {}, "off 0, status 2, monitor 0"},
		{"all forgotten", "a power loss of the array, without APTPL", func(t *testing.T, array *Array, _, _ *Node) { array.PowerCycle(t) },
			"off 0 FALSE: the node can write, status 2 FALSE: the node can write, monitor 0 FALSE: this node is not registered"},
		{"no connection", "the path is offline", func(t *testing.T, _ *Array, node1, _ *Node) { node1.FailPath(t, 0) }, "off 1, status 1, monitor 0"},
		{"timeout, not performed", "the session is cut, commands hang until the kernel gives it up", func(t *testing.T, _ *Array, node1, _ *Node) { node1.BreakPath(t, 0) }, "off 1, status 1, monitor 0"},
		{"unit attentions", "a reset of the LUN by the other node", func(t *testing.T, _ *Array, node1, node2 *Node) {
			node2.MustRun(t, "sg_reset", "--device", node2.Disk(0, 0))
		}, "off 0, status 2, monitor 0"},
		{"state changed", "the other node has given the reservation up", func(t *testing.T, _ *Array, _, node2 *Node) {
			node2.MustRun(t, "sg_persist", "-n", "-o", "-L", "-K", fenceKey2, "-T", "5", node2.Disk(0, 0))
		}, "off 0, status 2, monitor 0"},
		{"RESERVATION CONFLICT", "node1's key was taken off by the other node", func(t *testing.T, _ *Array, _, node2 *Node) {
			node2.MustRun(t, "sg_persist", "-n", "-o", "-A", "-K", fenceKey2, "-S", fenceKey1, "-T", "5", node2.Disk(0, 0))
		}, "off 1, status 0, monitor 0 FALSE: this node is not registered"},
	}
}

// TestFenceScsiFaults shows what fence_scsi says under faults, judged by who can write: a
// status of success, or "off", of a node that can write is a false one. The rows are those
// of honesty/testdata/fence_scsi.md.
func TestFenceScsiFaults(t *testing.T) {
	if run := flag.Lookup("test.run").Value.String(); !strings.Contains(run, "FenceScsi") {
		t.Skip("it tests another project's program: make lab-fence")
	}
	t.Cleanup(func() { must(t, copyMemory(t.TempDir(), fenceStore)) })
	for i, f := range fenceFaults() {
		array := NewArray(t, fmt.Sprintf("faults%d", i), 1, 64)
		nodes := array.LoginAll(t, 1, "node1", "node2", "watcher")
		node1, node2 := nodes[0], nodes[1]
		memories := []string{t.TempDir(), t.TempDir()}
		fence := func(n *Node, memory string, words ...string) int {
			t.Helper()
			must(t, copyMemory(memory, fenceStore))
			r, err := runProgram(baseEnv(systemPath), systemPath, "", append([]string{"fence_scsi", "-d", n.Disk(0, 0)}, words...))
			must(t, err)
			must(t, copyMemory(fenceStore, memory))
			fmt.Fprintf(t.Output(), "%s: fence_scsi %s: exit %d %s\n", f.name, strings.Join(words, " "), r.Exit, strings.TrimSpace(r.Stderr))
			return r.Exit
		}
		if fence(node1, memories[0], "-o", "on", "-k", fenceKey1) != 0 || fence(node2, memories[1], "-o", "on", "-k", fenceKey2) != 0 {
			t.Fatal("unfencing failed")
		}
		f.make(t, array, node1, node2)
		writes := func() bool { return DirectWrite(t, node2.Disk(0, 0)) == WriteOK }
		var got []string
		for _, action := range []string{"off", "status", "monitor"} {
			words := []string{"-o", action}
			if action != "monitor" {
				words = append(words, "-k", fenceKey2)
			}
			status := fence(node1, memories[0], words...)
			text := fmt.Sprintf("%s %d", action, status)
			said := action == "off" && status == 0 || action == "status" && status == 2
			if can := writes(); said && can {
				text += " FALSE: the node can write"
			} else if action == "monitor" && status == 0 && !slices.ContainsFunc(WitnessFull(t, nodes[2].Disk(0, 0)), func(r Registration) bool { return r.Initiator == node1.IQN() }) {
				text += " FALSE: this node is not registered"
			}
			got = append(got, text)
		}
		row := strings.Join(got, ", ")
		fmt.Fprintf(os.Stdout, "| %s | %s | %s |\n", f.name, f.how, row)
		if row != f.want {
			t.Errorf("%s: %s, want %s", f.name, row, f.want)
		}
	}
}
