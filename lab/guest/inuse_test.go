//go:build lab

package guest

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestInUse is a node that has lost a failover package and has it in use: by a mount, by an
// open volume, by a claim of a disk. It does not take the package back before that is over,
// and an active volume that nobody has open does not keep it from that.
func TestInUse(t *testing.T) {
	if err := loadModule("ext4"); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, 2)
	jack3, jack4 := c.jack3, c.jack4
	const volume = "/dev/mapper/iscsi_vg3-lvol1"
	for _, line := range []string{
		"pvcreate " + jack3.Disk(0, 0), "vgcreate iscsi_vg3 " + jack3.Disk(0, 0),
		"lvcreate -L 32m -n lvol1 -Zn -Wn iscsi_vg3", "mke2fs -q -t ext4 " + volume, "vgchange -a n iscsi_vg3",
	} {
		jack3.MustRun(t, strings.Fields(line)...)
	}
	c.owns(t, "iscsi_vg3", 1)
	mustType(t, jack3, "pr_start pkg1")
	mustType(t, jack3, "vgchange -a y iscsi_vg3")
	dir := t.TempDir()
	mustType(t, jack3, "mount -o ro "+volume+" "+dir)
	mustType(t, jack3, "pr_start pkg1") // who has it may start it again

	lost := func(says string) {
		t.Helper()
		mustType(t, jack4, "pr_start pkg1")
		before := c.look(t)
		r := typed(t, jack3, "pr_start pkg1")
		if wantExit(t, r, 1); !strings.Contains(r.Stderr, "reserved by 0xbcb00002 (jack4), and in use on this node: "+says) {
			t.Errorf("it does not say that %s: %v", says, r)
		}
		c.wantSame(t, before)
	}
	lost(volume + " is mounted on " + dir)
	mustType(t, jack3, "umount "+dir)
	mustType(t, jack3, "pr_start pkg1") // the volume is active, and nobody has it open

	f, err := os.Open(volume)
	if err != nil {
		t.Fatal(err)
	}
	lost(volume + " is open")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	mustType(t, jack3, "pr_start pkg1")

	fd, err := unix.Open(jack3.Disk(1, 0), unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	lost(jack3.Disk(1, 0) + " is in exclusive use")
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
	mustType(t, jack3, "pr_start pkg1")
	mustType(t, jack3, "vgchange -a n iscsi_vg3")
	mustType(t, jack3, "pr_halt pkg1")
}
