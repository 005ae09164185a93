//go:build lab

package guest

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// key5 is the key of the third node.
const key5 = 0xbcb00003

// sharedCluster is three nodes with a multi-node package, and a fourth nexus that is
// nobody's and may never write.
type sharedCluster struct {
	array    *Array
	nodes    []*Node // jack3, jack4, jack5
	stranger *Node
}

func newSharedCluster(t *testing.T, nLUNs int) *sharedCluster {
	t.Helper()
	NeedLunguard(t, "pr_start", "pr_halt", "pr_fence", "pr_check", "vg_pr_key")
	name := strings.ToLower(strings.TrimPrefix(t.Name(), "Test"))
	c := &sharedCluster{array: NewArray(t, name, nLUNs, 64)}
	all := c.array.LoginAll(t, 1, "jack3", "jack4", "jack5", "stranger")
	c.nodes, c.stranger = all[:3], all[3]
	return c
}

// configure writes every node's config: raw LUNs, or a group.
func (c *sharedCluster) configure(t *testing.T, group string, raw ...int) {
	t.Helper()
	for _, n := range c.nodes {
		text := "CLUSTER_PR_TAG 0xbcb0\nNODE_NAME jack3\nNODE_ID 1\nNODE_NAME jack4\nNODE_ID 2\nNODE_NAME jack5\nNODE_ID 3\n" +
			"package_name pkg1\npackage_type multi_node\n"
		if group != "" {
			text += "vg " + group + "\n"
		}
		for _, lun := range raw {
			text += "pv " + n.Disk(lun, 0) + "\n"
		}
		if err := os.WriteFile(n.ConfigFile(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// wantShared checks with Debian's sg_persist that these nodes, and no other nexus, are
// registered on the LUN, and that one of them holds the reservation.
func (c *sharedCluster) wantShared(t *testing.T, lun int, nodes ...int) {
	t.Helper()
	keys := []uint64{key1, key2, key5}
	var want, got []string
	holders := 0
	for _, i := range nodes {
		want = append(want, c.nodes[i].IQN())
	}
	for _, r := range WitnessFull(t, c.stranger.Disk(lun, 0)) {
		got = append(got, r.Initiator)
		i := slices.IndexFunc(c.nodes, func(n *Node) bool { return n.IQN() == r.Initiator })
		if i < 0 || r.Key != keys[i] {
			t.Errorf("LUN %d: %+v has a key that is not its own", lun, r)
		}
		if r.Holder {
			if holders++; r.Type != TypeWERO {
				t.Errorf("LUN %d: %+v", lun, r)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) || holders != min(1, len(nodes)) {
		t.Errorf("LUN %d: registered are %v with %d holders, want %v", lun, got, holders, want)
	}
}

// hammer writes as the stranger for as long as the test lasts. It returns a function that
// ends it and checks that not one write went through.
func (c *sharedCluster) hammer(t *testing.T, lun int) func() {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	tries := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			w := StartWriter(t, c.stranger.Disk(lun, 0), WriterOffset+8<<20)
			n, err := w.Wait(stuckAfter)
			if tries++; n > 0 || !errors.Is(err, ErrReservationConflict) {
				t.Errorf("LUN %d: a stranger wrote %d times: %v", lun, n, err)
				return
			}
		}
	})
	return func() {
		t.Helper()
		close(stop)
		wg.Wait()
		t.Logf("LUN %d: %d writes of a stranger, none succeeded", lun, tries)
		if tries == 0 {
			t.Error("the stranger did not even try")
		}
	}
}

// stuckAfter is how long one refused write may take.
const stuckAfter = 30 * 1e9

// write begins the counters of some nodes on a LUN.
func (c *sharedCluster) write(t *testing.T, lun int, nodes ...int) map[int]*Writer {
	t.Helper()
	writers := map[int]*Writer{}
	for _, i := range nodes {
		writers[i] = StartWriter(t, c.nodes[i].Disk(lun, 0), WriterOffset+int64(i)<<20)
	}
	return writers
}

// stopped ends a counter of a node that may write.
func stopped(t *testing.T, n *Node, w *Writer) {
	t.Helper()
	if acked, err := w.Stop(); err != nil || acked == 0 {
		t.Errorf("%s: %d writes, then %v", n.Name, acked, err)
	}
}

// TestHandOver shows that a reservation passes from node to node while all of them write:
// no write of a running node fails, and a stranger's never succeeds.
func TestHandOver(t *testing.T) {
	c := newSharedCluster(t, 2)
	c.configure(t, "", 0, 1)
	for _, n := range c.nodes {
		mustType(t, n, "pr_start -v pkg1")
	}
	for lun := range 2 {
		c.wantShared(t, lun, 0, 1, 2)
	}
	quiet := c.hammer(t, 0)
	writers := c.write(t, 0, 0, 1, 2)
	for round := range 3 {
		// The holder leaves and comes back: the next one holds then.
		leaver := round % 2
		stopped(t, c.nodes[leaver], writers[leaver])
		mustType(t, c.nodes[leaver], "pr_halt -v pkg1")
		for lun := range 2 {
			c.wantShared(t, lun, 1-leaver, 2)
		}
		mustType(t, c.nodes[leaver], "pr_start pkg1")
		writers[leaver] = c.write(t, 0, leaver)[leaver]
		mustType(t, c.nodes[2], "pr_check pkg1")
	}
	for i := range 3 {
		stopped(t, c.nodes[i], writers[i])
	}
	quiet()
	c.haltAll(t, 2)
}

// haltAll halts the package on all nodes, one after the other, and wants nothing left.
func (c *sharedCluster) haltAll(t *testing.T, nLUNs int) {
	t.Helper()
	for _, n := range c.nodes {
		mustType(t, n, "pr_halt pkg1")
	}
	for lun := range nLUNs {
		c.wantShared(t, lun)
	}
}

// TestFence shows that a failed node's writes stop with an error, and nobody else's do.
func TestFence(t *testing.T) {
	c := newSharedCluster(t, 2)
	c.configure(t, "", 0, 1)
	for _, n := range c.nodes {
		mustType(t, n, "pr_start pkg1")
	}
	quiet := c.hammer(t, 0)
	for _, victim := range []int{0, 2} {
		writers := c.write(t, 0, 0, 1, 2)
		mustType(t, c.nodes[1], "pr_fence -v "+c.nodes[victim].Name)
		if _, err := writers[victim].Wait(stuckAfter); !errors.Is(err, ErrReservationConflict) {
			t.Errorf("the fenced node's writes ended with %v", err)
		}
		others := []int{0, 1, 2}
		others = slices.Delete(others, victim, victim+1)
		for _, i := range others {
			stopped(t, c.nodes[i], writers[i])
		}
		for lun := range 2 {
			c.wantShared(t, lun, others...)
		}
		r := typed(t, c.nodes[1], "pr_fence "+c.nodes[victim].Name)
		wantExit(t, r, 0)
		mustType(t, c.nodes[victim], "pr_halt pkg1")
		mustType(t, c.nodes[victim], "pr_start pkg1")
	}
	quiet()
	c.haltAll(t, 2)
}

// TestCopy shows that after a real vgextend one node copies every node's registrations.
func TestCopy(t *testing.T) {
	c := newSharedCluster(t, 2)
	// LIO keeps a reference to each initiator that SPEC_I_PT has named, for good.
	c.array.Abandon()
	first := c.nodes[0]
	mustType(t, first, "pvcreate "+first.Disk(0, 0)+" "+first.Disk(1, 0))
	mustType(t, first, "vgcreate shared_vg "+first.Disk(0, 0))
	c.configure(t, "shared_vg")
	for _, n := range c.nodes {
		mustType(t, n, "pr_start pkg1")
	}
	c.wantShared(t, 0, 0, 1, 2)
	mustType(t, first, "vgextend shared_vg "+first.Disk(1, 0))
	c.wantShared(t, 1)
	runner := c.nodes[2]
	out := mustType(t, runner, "vg_pr_key -s -v /dev/shared_vg")
	disk := runner.Disk(1, 0)
	want := "Volume Group: /dev/shared_vg\n" +
		"Successfully copied registration key 0xbcb00001 to " + disk + "\n" +
		"Successfully copied registration key 0xbcb00002 to " + disk + "\n" +
		"Successfully copied registration key 0xbcb00003 to " + disk + "\n" +
		"Successfully copied reservation key 0xbcb00001 to " + disk + "\n" +
		"Successfully copied PR keys to all physical volumes in volume group /dev/shared_vg\n"
	if out != want {
		t.Errorf("vg_pr_key -s -v printed\n%swant\n%s", out, want)
	}
	for lun := range 2 {
		c.wantShared(t, lun, 0, 1, 2)
		for _, n := range c.nodes {
			if got := DirectWrite(t, n.Disk(lun, 0)); got != WriteOK {
				t.Errorf("LUN %d: write of %s: %v", lun, n.Name, got)
			}
		}
		if got := DirectWrite(t, c.stranger.Disk(lun, 0)); got != WriteConflict {
			t.Errorf("LUN %d: write of a stranger: %v", lun, got)
		}
	}
	mustType(t, c.nodes[1], "pr_check pkg1")
	c.haltAll(t, 2)
}
