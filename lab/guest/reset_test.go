//go:build lab

package guest

import (
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestStartResets is a start on a LUN where a mark of this node says that it is not known
// whether the commands of nodes that were removed are over: LOGICAL UNIT RESET ends them. The
// kernels on both sides do it, registrations and reservation stay, and who writes goes on.
func TestStartResets(t *testing.T) {
	c := rawCluster(t, 1)
	for _, n := range []*Node{c.jack3, c.jack4} {
		configureAs(t, n, "multi_node", n.Disk(0, 0))
	}
	mustType(t, c.jack4, "pr_start pkg1")
	mustType(t, c.jack3, "pr_start pkg1")
	want := c.look(t)
	c.jack3.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--register", "--param-aptpl",
		"--param-rk="+hex1, "--param-sark=0x40000000bcb00001", c.jack3.Disk(0, 0))
	writer := StartWriter(t, c.jack4.Disk(0, 0), WriterOffset)
	before := c.resets(t)
	begin := time.Now()
	out := mustType(t, c.jack3, "pr_start -v pkg1")
	took := time.Since(begin)
	if !strings.Contains(out, "LOGICAL UNIT RESET: done") {
		t.Error("no reset was sent")
	}
	if n := c.resets(t) - before; n != 1 {
		t.Errorf("the target counts %d resets", n)
	}
	stopped(t, c.jack4, writer)
	got := c.look(t)
	t.Logf("a start with a reset: %v", took)
	want[0].Generation, got[0].Generation = 0, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after the reset\n now %+v\n was %+v", got, want)
	}
	for _, n := range []*Node{c.jack3, c.jack4} {
		if got := DirectWrite(t, n.Disk(0, 0)); got != WriteOK {
			t.Errorf("write of %s: %v", n.Name, got)
		}
		mustType(t, n, "pr_halt pkg1")
	}
	c.wantNothing(t)
}

// TestFenceResets is a fence of a node that does not hold: PREEMPT AND ABORT does not end
// its commands here (TestStuckMember), so that a reset has to. Who stays goes on writing.
func TestFenceResets(t *testing.T) {
	c := rawCluster(t, 1)
	for _, n := range []*Node{c.jack3, c.jack4} {
		configureAs(t, n, "multi_node", n.Disk(0, 0))
	}
	mustType(t, c.jack4, "pr_start pkg1")
	mustType(t, c.jack3, "pr_start pkg1")
	writer := StartWriter(t, c.jack4.Disk(0, 0), WriterOffset)
	before := c.resets(t)
	if out := mustType(t, c.jack4, "pr_fence -v jack3 pkg1"); !strings.Contains(out, "LOGICAL UNIT RESET: done") {
		t.Error("no reset was sent")
	}
	if n := c.resets(t) - before; n != 2 {
		t.Errorf("the target counts %d resets, of PREEMPT AND ABORT and of the fence's own", n)
	}
	stopped(t, c.jack4, writer)
	if got := DirectWrite(t, c.jack3.Disk(0, 0)); got == WriteOK {
		t.Error("the fenced node writes")
	}
	mustType(t, c.jack4, "pr_halt pkg1")
	c.wantNothing(t)
}

// resets is how many resets the target has counted; each PREEMPT AND ABORT is one, too.
func (c *cluster) resets(t *testing.T) int {
	t.Helper()
	text, err := readAttr(filepath.Join(c.array.backend(0), "statistics/scsi_tgt_dev/resets"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTakeOverInResets takes a package over while another host resets its LUN again and
// again: what is said is so.
func TestTakeOverInResets(t *testing.T) {
	c := rawCluster(t, 1)
	for round := range 3 {
		owner, other := c.jack3, c.jack4
		if round%2 == 1 {
			owner, other = other, owner
		}
		owner.MustRun(t, "pr_start", "pkg1")
		storm := startResets(c.watcher, c.luns)
		e := endOf(t, other, "pr_start -v --timeout 5 pkg1", stuckLimit)
		resets, err := storm.stop()
		if err != nil {
			t.Error(err)
		}
		t.Logf("round %d: %d resets", round, resets)
		switch e.Exit {
		case 0:
			c.wantOwner(t, other)
		case 2: // and said so
		default:
			t.Errorf("exit status %d", e.Exit)
		}
		other.MustRun(t, "pr_start", "pkg1")
		c.wantOwner(t, other)
		other.MustRun(t, "pr_halt", "pkg1")
	}
}
