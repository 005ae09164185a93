//go:build lab

package guest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCleanup clears what dead nodes have left, by volume group, by device and by a list,
// with and without a key.
func TestCleanup(t *testing.T) {
	c := newCluster(t, 3)
	jack3, jack4 := c.jack3, c.jack4
	jack3.MustRun(t, "pvcreate", jack3.Disk(0, 0), jack3.Disk(1, 0))
	jack3.MustRun(t, "vgcreate", "dead_vg", jack3.Disk(0, 0), jack3.Disk(1, 0))
	partition := makePartition(t, jack4, 2)
	c.owns(t, "dead_vg", 2)
	c.luns = []int{0, 1, 2}
	jack3.MustRun(t, "pr_start", "pkg1")
	jack3.Logout(t, 0)
	c.wantOwner(t, jack3)

	t.Run("volume group", func(t *testing.T) {
		r := typed(t, jack4, "pr_cleanup -v --force dead_vg")
		wantExit(t, r, 0)
		for _, lun := range []int{0, 1} {
			wantLine(t, r.Stdout, jack4.Disk(lun, 0), "cleared 0xbcb00001")
			wantLine(t, r.Stderr, "warning", jack4.Disk(lun, 0), "jack3")
		}
		wantKeysOn(t, c, nil, nil, []uint64{key1})
	})
	t.Run("wrong key", func(t *testing.T) {
		before := c.look(t)
		r := typed(t, jack4, "pr_cleanup lun -k 0xbcb00002 "+partition)
		wantExit(t, r, 1)
		wantLine(t, r.Stderr, partition, "left alone")
		r = typed(t, jack4, "pr_cleanup lun -k key01 "+partition)
		wantExit(t, r, 1)
		wantLine(t, r.Stderr, "key01")
		r = typed(t, jack4, "pr_cleanup -v --dry-run --force lun "+partition)
		wantExit(t, r, 0)
		wantLine(t, r.Stdout, "2. CLEAR by")
		c.wantSame(t, before)
	})
	t.Run("right key, partition", func(t *testing.T) {
		r := typed(t, jack4, "pr_cleanup --force "+partition+" lun -k bcb00001")
		wantExit(t, r, 0)
		wantLine(t, r.Stderr, "warning", partition, "jack3")
		c.wantNothing(t)
	})
	t.Run("file", func(t *testing.T) {
		jack4.MustRun(t, "pr_start", "pkg1")
		jack4.Logout(t, 0)
		jack3.Relogin(t, 0)
		list := filepath.Join(t.TempDir(), "list")
		text := "# what jack4 had\n\n" + jack3.Disk(0, 0) + "\n  " + jack3.Disk(2, 0) + " # raw\n"
		if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		r := typed(t, jack3, "pr_cleanup --force -f "+list)
		wantExit(t, r, 0)
		wantLine(t, r.Stderr, "warning", jack3.Disk(0, 0), "jack4")
		wantLine(t, r.Stderr, "warning", jack3.Disk(2, 0), "jack4")
		wantKeysOn(t, c, nil, []uint64{key2}, nil)
	})
	t.Run("key on some", func(t *testing.T) {
		register(t, c.watcher, c.watcher.Disk(0, 0), strangerKey)
		before := c.look(t)
		wantExit(t, typed(t, jack3, "pr_cleanup -k 0xbcb00002 dead_vg"), 1)
		c.wantSame(t, before)
		r := typed(t, jack3, "pr_cleanup --force -k 0xbcb00002 dead_vg")
		wantExit(t, r, 1)
		wantLine(t, r.Stderr, jack3.Disk(0, 0), "left alone")
		wantKeysOn(t, c, []uint64{0x5717a9ec}, nil, nil)
		wantExit(t, typed(t, jack3, "pr_cleanup --force dead_vg"), 0)
		c.wantNothing(t)
	})
}

// wantLine checks that one line has all words.
func wantLine(t *testing.T, text string, words ...string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return
		}
	}
	t.Errorf("no line with %q in %q", words, text)
}

// wantKeysOn checks the keys of each LUN of the package.
func wantKeysOn(t *testing.T, c *cluster, want ...[]uint64) {
	t.Helper()
	for i, s := range c.look(t) {
		if !slices.Equal(s.Keys, want[i]) {
			t.Errorf("LUN %d has %+v, want the keys %x", c.luns[i], s, want[i])
		}
	}
}

// makePartition writes a partition table with one partition to a LUN and returns the
// partition's device on the node.
func makePartition(t *testing.T, n *Node, lun int) string {
	t.Helper()
	disk := n.Disk(lun, 0)
	// Status, first sector's address (unused), type, last sector's address (unused),
	// first sector 2048 and number of sectors 32768, little-endian.
	table := make([]byte, 512)
	copy(table[446:], []byte{0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0x80, 0, 0})
	table[510], table[511] = 0x55, 0xaa
	if err := os.WriteFile(disk, table, 0); err != nil {
		t.Fatal(err)
	}
	n.MustRun(t, "blockdev", "--flushbufs", disk)
	n.MustRun(t, "blockdev", "--rereadpt", disk)
	if _, err := os.Stat(disk + "1"); err != nil {
		t.Fatalf("the kernel has not found the partition: %v", err)
	}
	return disk + "1"
}
