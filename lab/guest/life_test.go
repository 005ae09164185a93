//go:build lab

package guest

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFailoverLife is the main job from the first start of a package to its last halt, as
// an administrator would type it. With -v the log is the transcript of it.
func TestFailoverLife(t *testing.T) {
	c := newCluster(t, 4)
	jack3, jack4 := c.jack3, c.jack4
	mustType(t, jack3, "pvcreate "+jack3.Disk(0, 0)+" "+jack3.Disk(1, 0))
	mustType(t, jack3, "vgcreate iscsi_vg3 "+jack3.Disk(0, 0)+" "+jack3.Disk(1, 0))
	c.owns(t, "iscsi_vg3", 2)
	c.luns = []int{0, 1, 2}
	mustType(t, jack3, "cat "+jack3.ConfigFile())
	wantKeys(t, jack3, 2, nil, 0)
	if got := jack3.MustRun(t, "vg_pr_key", "-g", "/dev/iscsi_vg3"); strings.Count(got, " NONE NONE NONE\n") != 2 {
		t.Errorf("vg_pr_key -g /dev/iscsi_vg3 printed %q", got)
	}
	drain(t, jack3, c.luns)
	drain(t, jack4, c.luns)

	out := mustType(t, jack3, "pr_start -v pkg1")
	wantFew(t, out, c.luns, 6)
	wantKeys(t, jack3, 2, jack3, 2)
	wantKeys(t, jack4, 2, jack3, 2)
	c.wantOwner(t, jack3)
	wantWriter(t, c, jack3)

	mustType(t, jack3, "pvcreate "+jack3.Disk(3, 0))
	mustType(t, jack3, "vgextend iscsi_vg3 "+jack3.Disk(3, 0))
	wantKeys(t, jack3, 3, jack3, 2)
	c.luns = []int{0, 1, 2, 3}
	mustType(t, jack3, "pr_start pkg1")
	wantKeys(t, jack3, 3, jack3, 3)
	c.wantOwner(t, jack3)

	takeOver(t, c)
	wantKeys(t, jack4, 3, jack4, 3)
	wantWriter(t, c, jack4)

	before := c.look(t)
	lateHalt := mustType(t, jack3, "pr_halt -v pkg1")
	if !strings.Contains(lateHalt, "nothing") {
		t.Errorf("the late halt does not say that nothing of jack3 was left: %q", lateHalt)
	}
	c.wantSame(t, before)
	c.wantOwner(t, jack4)

	mustType(t, jack4, "pr_halt -v pkg1")
	wantKeys(t, jack4, 3, nil, 0)
	c.wantNothing(t)
}

// takeOver starts the package on jack4 while jack3 still writes, to a volume of the group
// and to the raw LUN.
func takeOver(t *testing.T, c *cluster) {
	t.Helper()
	jack3, jack4 := c.jack3, c.jack4
	drain(t, jack4, c.luns)
	writers := map[int]*Writer{}
	for _, lun := range []int{0, 2} {
		writers[lun] = StartWriter(t, jack3.Disk(lun, 0), WriterOffset)
	}
	out := mustType(t, jack4, "pr_start -v pkg1")
	wantFew(t, out, c.luns, 7)
	// From here on the disk is jack4's. What jack3 still had in flight must not come.
	for lun, w := range writers {
		found := ReadNumber(t, jack4.Disk(lun, 0), WriterOffset)
		jack4.MustRun(t, directWrite(jack4.Disk(lun, 0), WriterOffset)...)
		last, err := w.Wait(30 * time.Second)
		fmt.Fprintf(t.Output(), "jack3's writer on LUN %d: %d writes, then: %v\n", lun, last, err)
		if !errors.Is(err, ErrReservationConflict) {
			t.Errorf("LUN %d: jack3's writer ended with %v, want a reservation conflict", lun, err)
		}
		// The write that was aborted may have reached the disk, but it was not
		// acknowledged.
		if last == 0 || found != last && found != last+1 {
			t.Errorf("LUN %d has number %d after the take-over, jack3 was acknowledged %d", lun, found, last)
		}
		if got := ReadNumber(t, jack4.Disk(lun, 0), WriterOffset); got != 0 {
			t.Errorf("LUN %d: jack3 has written %d after jack4's take-over", lun, got)
		}
	}
	c.wantOwner(t, jack4)
}

// wantWriter checks with real writes, shown, that the owner can write to all LUNs of the
// package, that the other node cannot, and that it can read.
func wantWriter(t *testing.T, c *cluster, owner *Node) {
	t.Helper()
	for _, lun := range c.luns {
		for _, n := range []*Node{c.jack3, c.jack4} {
			r := typed(t, n, strings.Join(directWrite(n.Disk(lun, 0), DirectOffset), " "))
			refused := r.Exit == 1 && strings.Contains(r.Stderr, "Invalid exchange")
			if n == owner && r.Exit != 0 || n != owner && !refused {
				t.Errorf("write of %s to LUN %d of %s: %v", n.Name, lun, owner.Name, r)
			}
			n.MustRun(t, "dd", "if="+n.Disk(lun, 0), "of=/dev/null", "bs=4k", "count=1", "iflag=direct", "status=none")
		}
	}
}

// directWrite is a command line that writes a block of zeros past the page cache.
func directWrite(disk string, offset int) []string {
	return []string{"dd", "if=/dev/zero", "of=" + disk, "bs=4k", "count=1",
		fmt.Sprintf("seek=%d", offset/4096), "oflag=direct", "status=none"}
}

// wantKeys checks the exact text of vg_pr_key: of the group's LUNs, 0, 1 and, once it has
// been extended, 3, the first ones belong to the owner alone, the others to nobody.
func wantKeys(t *testing.T, n *Node, all int, owner *Node, owned int) {
	t.Helper()
	words := map[string][2]string{}
	for i, lun := range []int{0, 1, 3}[:all] {
		words[n.Disk(lun, 0)] = [2]string{"NONE", "NONE"}
		if i < owned {
			words[n.Disk(lun, 0)] = [2]string{fmt.Sprintf("%#x", nodeKey(owner)), owner.Name}
		}
	}
	want := "Volume Group: /dev/iscsi_vg3\n"
	for _, disk := range slices.Sorted(maps.Keys(words)) {
		key, holder := words[disk][0], words[disk][1]
		want += fmt.Sprintf(" -Physical Volume: %s\n REGISTERED KEYS : %s\n RESERVED KEYS : %s\n RESERVED FROM NODE : %s\n",
			disk, key, key, holder)
	}
	if got := mustType(t, n, "vg_pr_key -g -v iscsi_vg3"); got != want {
		t.Errorf("vg_pr_key -g -v on %s printed\n%s\nwant\n%s", n.Name, got, want)
	}
}

// drain takes note of a node's unit attentions, which would cost a command each.
func drain(t *testing.T, n *Node, luns []int) {
	t.Helper()
	var disks []string
	for _, lun := range luns {
		disks = append(disks, n.Disk(lun, 0))
	}
	sgPersistAll(t, disks, "--read-keys")
}

// sentCount finds the number of SCSI commands in what -v printed.
func sentCount(t *testing.T, out string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^pkg1: \d+ LUNs, (\d+) SCSI commands$`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no number of commands in %q", out)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// inquiryCount finds the number of INQUIRYs in what -v printed, which are beside the others.
func inquiryCount(t *testing.T, out string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^pkg1: (\d+) INQUIRYs? more, `).FindStringSubmatch(out)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantFew checks that a start sent no more commands a LUN, and two more to the
// arbiter. With one path a LUN they are 5, one more for a take-over, and one more for either if it is the
// first since the boot, which asks what commands the device has.
func wantFew(t *testing.T, out string, luns []int, each int) {
	t.Helper()
	if got, most := sentCount(t, out), len(luns)*each+2; got > most {
		t.Errorf("%d commands to %d LUNs, at most %d were expected", got, len(luns), most)
	}
}

// TestCommandCount compares what -v tells with what the kernel has dispatched: opening a
// disk costs no command, and nothing goes uncounted.
func TestCommandCount(t *testing.T) {
	c := rawCluster(t, 3)
	for _, step := range []struct {
		node *Node
		line string
		most int
	}{
		{c.jack3, "pr_start -v pkg1", 3*6 + 2}, // the first one since the boot
		{c.jack3, "pr_start -v pkg1", 3*5 + 2}, // again
		{c.jack4, "pr_start -v pkg1", 3*7 + 2}, // a take-over, the first one since the boot
		{c.jack4, "pr_halt -v pkg1", 3 * 4},
	} {
		drain(t, step.node, c.luns)
		ForgetCommands(t)
		out := mustType(t, step.node, step.line)
		told, inquiries := sentCount(t, out), inquiryCount(t, out)
		seen := step.node.Commands(t)
		const inquiry = 0x12
		asked := 0
		for _, c := range seen {
			if c.CDB[0] == inquiry {
				asked++
			}
		}
		if told != len(seen)-asked || inquiries != asked {
			t.Errorf("%s tells %d commands and %d INQUIRYs, the kernel has sent %d and %d: %v", step.line, told, inquiries, len(seen)-asked, asked, seen)
		}
		if told == 0 || told > step.most {
			t.Errorf("%s on %s: %d commands, at most %d were expected", step.line, step.node.Name, told, step.most)
		}
	}
}
