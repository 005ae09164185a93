//go:build lab

package guest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestStacked is a package that names what lies on a LUN: a partition, a part of it that
// device-mapper has cut out, an encrypted volume. What lies on two LUNs is refused.
func TestStacked(t *testing.T) {
	c := newCluster(t, 3)
	c.luns = c.array.all()
	jack3 := c.jack3
	for _, module := range []string{"aes_generic", "cbc", "dm-crypt", "raid1"} {
		LoadModule(t, module)
	}
	second, third := jack3.Disk(1, 0), jack3.Disk(2, 0)
	devices := []string{
		partition(t, jack3, jack3.Disk(0, 0))[1],
		createMap(jack3, t, "linear-mpath", "LAB-linear", fmt.Sprintf("0 65536 linear %s 2048", second)),
		createMap(jack3, t, "crypt", "CRYPT-PLAIN-crypt", fmt.Sprintf("0 65536 crypt aes-cbc-plain %s 0 %s 0", strings.Repeat("5a", 32), third)),
	}
	configure(t, jack3, "", devices...)
	mustType(t, jack3, "pr_start pkg1")
	c.wantOwner(t, jack3)
	for lun, device := range devices {
		stopped(t, jack3, StartWriter(t, device, 1<<20))
		if got := DirectWrite(t, c.jack4.Disk(lun, 0)); got != WriteConflict {
			t.Errorf("LUN %d: jack4's write: %v", lun, got)
		}
	}
	mustType(t, jack3, "pr_check pkg1")
	mustType(t, jack3, "pr_halt pkg1")
	c.wantNothing(t)

	jack3.MustRun(t, "dmsetup", "remove", "--retry", "linear-mpath")
	jack3.MustRun(t, "dmsetup", "remove", "--retry", "crypt")
	jack3.maps = nil
	jack3.MustRun(t, "mdadm", "--build", "/dev/md0", "--level=1", "--raid-devices=2", "--assume-clean", second, third)
	c.wantTwoLUNs(t, "/dev/md0", second, third)
	jack3.MustRun(t, "mdadm", "--stop", "/dev/md0")
	striped := createMap(jack3, t, "striped", "LAB-striped", fmt.Sprintf("0 131072 striped 2 128 %s 2048 %s 2048", second, third))
	c.wantTwoLUNs(t, striped, second, third)
}

// wantTwoLUNs checks that a device is refused, on account of the two LUNs under it.
func (c *cluster) wantTwoLUNs(t *testing.T, device, one, two string) {
	t.Helper()
	configure(t, c.jack3, "", c.jack3.Disk(0, 0), device)
	for _, line := range []string{"pr_start pkg1", "pr_cleanup lun " + device} {
		r := typed(t, c.jack3, line)
		wantExit(t, r, 1)
		for _, word := range []string{device, filepath.Base(one), filepath.Base(two)} {
			if !strings.Contains(r.Stderr, word) {
				t.Errorf("%s does not name %s: %v", line, word, r)
			}
		}
	}
	c.wantNothing(t)
}
