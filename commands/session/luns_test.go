package session

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"lunguard/scsi/simlun"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// A path whose name has become another LUN's after it was found is not opened: the
// other paths are worked on, and nothing of it counts as the LUN's.
func TestOpenDiskOtherDevice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	if _, err := simhost.CreateArray(dir, simhost.Spec{Nodes: []string{"jack3"}, LUNs: 2, Paths: 2, LUN: simlun.Config{Blocks: 16}}); err != nil {
		t.Fatal(err)
	}
	host, err := simhost.Open(filepath.Join(dir, "jack3"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := host.Disk("/dev/mapper/mpatha")
	if err != nil {
		t.Fatal(err)
	}
	// sdb was a path to the first LUN, and is one to the second.
	dev := filepath.Join(dir, "jack3", "dev")
	if err := os.Rename(filepath.Join(dev, "sdd"), filepath.Join(dev, "sdb")); err != nil {
		t.Fatal(err)
	}
	var warned []error
	o := newOpened(access{})
	lun, err := o.OpenDisk(t.Context(), host, d, func(err error) { warned = append(warned, err) })
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if len(lun.Paths) != 1 || lun.Paths[0].Name() != "/dev/sda" || len(warned) != 1 || !errors.Is(warned[0], vg.ErrOtherDevice) {
		t.Errorf("paths %v, warned of %v", lun.Paths, warned)
	}
	if len(lun.Unopened) != 1 || lun.Unopened[0].Name != "/dev/sdb" || lun.Unopened[0].Identity != d.Paths[1].Identity {
		t.Errorf("not opened: %+v", lun.Unopened)
	}
	if used := o.DiskOf(lun).Paths; len(used) != 1 || !used[0].Same(d.Paths[0]) {
		t.Errorf("the LUN is %v", used)
	}
	o = newOpened(access{strict: true})
	if _, err := o.OpenDisk(t.Context(), host, d, func(error) {}); !errors.Is(err, vg.ErrOtherDevice) {
		t.Errorf("strictly: %v", err)
	}
}
