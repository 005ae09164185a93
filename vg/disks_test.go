package vg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/scsi"
)

// adapter is a made-up host bus adapter and what sysfs says of it: the folder of
// its targets is at, below which the disks are.
type adapter struct {
	at    string
	files map[string]string
}

func fcAdapter(n int, wwpn string) adapter {
	host := fmt.Sprintf("devices/pci0/host%d", n)
	return adapter{host + "/rport-1:0-2", map[string]string{fmt.Sprintf("%s/fc_host/host%d/port_name", host, n): wwpn + "\n"}}
}

func sasAdapter(n int, phys ...string) adapter {
	host := fmt.Sprintf("devices/pci0/host%d", n)
	a := adapter{host + "/port-1:0/end_device-1:0", map[string]string{}}
	for i, address := range phys {
		a.files[fmt.Sprintf("%s/phy-%d:%d/sas_phy/phy-%[2]d:%d/sas_address", host, n, i)] = address + "\n"
	}
	return a
}

func iscsiSession(n int, name, isid string) adapter {
	at := fmt.Sprintf("devices/platform/host%d/session%d", n, n)
	a := adapter{at, map[string]string{fmt.Sprintf("%s/iscsi_session/session%d/initiatorname", at, n): name + "\n"}}
	if isid != "" {
		a.files[fmt.Sprintf("%s/iscsi_session/session%d/isid", at, n)] = isid + "\n"
	}
	return a
}

// tree is a made-up sysfs as the kernel lays it out, with the numbers of its
// device files.
type tree struct {
	*stack
	numbers map[string]string
}

func newTree(t testing.TB) *tree {
	return &tree{&stack{t, t.TempDir()}, map[string]string{}}
}

// system is the machine whose sysfs this is.
func (tr *tree) system() *System {
	return &System{sysfs: tr.root, number: func(device string) (string, string, error) {
		if n := tr.numbers[device]; n != "" {
			return "block", n, nil
		}
		return "", "", os.ErrNotExist
	}}
}

func (tr *tree) link(name, to string) {
	tr.t.Helper()
	path := filepath.Join(tr.root, name)
	target, err := filepath.Rel(filepath.Dir(path), filepath.Join(tr.root, to))
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, path))
	}
	if err != nil {
		tr.t.Fatal(err)
	}
}

// number gives a device file its number.
func (tr *tree) number(device, dir string) {
	n := fmt.Sprintf("8:%d", len(tr.numbers))
	tr.numbers[device] = n
	tr.link("dev/block/"+n, dir)
}

// sd makes a SCSI disk behind an adapter, a path to a LUN through a port.
func (tr *tree) sd(name string, a adapter, lun, port int) string {
	address := fmt.Sprintf("%d:0:0:%d", len(tr.numbers), lun)
	scsiDir := a.at + "/target0:0:0/" + address
	dir := scsiDir + "/block/" + name
	for file, text := range a.files {
		tr.write(file, text)
	}
	page := page83(designator(1, 0x14, string([]byte{0, 0, 0, byte(port)})))
	if lun > 0 {
		page = page83(designator(1, 3, string([]byte{0x60, 0x01, 0x40, 0x50, 14: byte(lun >> 8), 15: byte(lun)})),
			designator(1, 0x14, string([]byte{0, 0, 0, byte(port)})))
	}
	tr.write(scsiDir+"/type", "0\n")
	tr.write(scsiDir+"/scsi_level", "7\n")
	tr.write(scsiDir+"/vpd_pg83", page)
	tr.write(dir+"/size", "131072\n")
	tr.write(dir+"/dev", fmt.Sprintf("8:%d\n", len(tr.numbers)))
	tr.link(dir+"/device", scsiDir)
	tr.write(scsiDir+"/scsi_disk/"+address+"/FUA", "0\n")
	tr.link(scsiDir+"/scsi_disk/"+address+"/device", scsiDir)
	tr.link("class/scsi_disk/"+address, scsiDir+"/scsi_disk/"+address)
	tr.number("/dev/"+name, dir)
	return dir
}

// dm makes a device-mapper device over others.
func (tr *tree) dm(name, uuid, nice string, below ...string) string {
	dir := "devices/virtual/block/" + name
	tr.write(dir+"/dm/uuid", uuid+"\n")
	for _, b := range below {
		tr.link(dir+"/slaves/"+filepath.Base(b), b)
		tr.link(b+"/holders/"+name, dir)
	}
	tr.number(nice, dir)
	return dir
}

// Every path to a LUN belongs to it, those too that the map has not yet got.
// Disks that no map joins are refused by name, unless a path is asked about.
func TestDisksOfOneLUN(t *testing.T) {
	tr := newTree(t)
	a, b := fcAdapter(1, "0x2100000000000001"), fcAdapter(2, "0x2100000000000002")
	sda, sdb := tr.sd("sda", a, 1, 1), tr.sd("sdb", b, 1, 2)
	tr.sd("sdc", a, 1, 3) // not in the map yet
	tr.dm("dm-0", "mpath-36001", "/dev/mapper/mpatha", sda, sdb)
	tr.dm("dm-1", "part1-mpath-36001", "/dev/mapper/mpatha_part1", "devices/virtual/block/dm-0")
	tr.sd("sdd", a, 2, 1)
	tr.sd("sde", b, 2, 2) // no map
	sdf := tr.sd("sdf", a, 3, 1)
	tr.dm("dm-2", "LVM-x", "/dev/mapper/vg-lv", sdf)
	tr.sd("sdg", b, 3, 1)                                         // no map
	tr.sd("sdh", a, 4, 1)                                         // one path
	tr.sd("sdi", a, 0, 1)                                         // no name
	tr.sd("sdj", b, 0, 1)                                         // no name
	tr.sd("sdk", iscsiSession(5, "iqn.2026-01.test:a", ""), 5, 1) // two initiators in one machine
	tr.sd("sdl", iscsiSession(6, "iqn.2026-01.test:b", ""), 5, 1)
	sdm := tr.sd("sdm", iscsiSession(7, "iqn.2026-01.test:a", ""), 6, 1)
	tr.sd("sdn", iscsiSession(8, "IQN.2026-01.test:a", ""), 6, 2)
	tr.sd("sdo", iscsiSession(9, "iqn.2026-01.test:b", ""), 6, 3) // a stranger's
	tr.write(sdm+"/sdmp1/partition", "1\n")
	tr.number("/dev/sdmp1", sdm+"/sdmp1")
	all := []string{"/dev/sda", "/dev/sdb", "/dev/sdc"}
	for device, c := range map[string]struct {
		want, loose []string
		says        string
	}{
		"/dev/mapper/mpatha":       {want: all, loose: all},
		"/dev/mapper/mpatha_part1": {want: all, loose: all},
		"/dev/sda":                 {want: all, loose: all},
		"/dev/sdc":                 {want: []string{"/dev/sdc", "/dev/sda", "/dev/sdb"}, loose: []string{"/dev/sdc", "/dev/sda", "/dev/sdb"}},
		"/dev/sdd":                 {loose: []string{"/dev/sdd", "/dev/sde"}, says: "sdd, sde (naa.60014050000000000000000000000002)"},
		"/dev/mapper/vg-lv":        {loose: []string{"/dev/sdf", "/dev/sdg"}, says: "sdf, sdg ("},
		"/dev/sdh":                 {want: []string{"/dev/sdh"}, loose: []string{"/dev/sdh"}},
		"/dev/sdi":                 {want: []string{"/dev/sdi"}, loose: []string{"/dev/sdi"}},
		"/dev/sdk":                 {want: []string{"/dev/sdk"}, loose: []string{"/dev/sdk"}},
		"/dev/sdmp1":               {loose: []string{"/dev/sdm", "/dev/sdn"}, says: "sdm, sdn ("},
	} {
		s := tr.system()
		d, err := s.Disk(device)
		switch {
		case c.want == nil:
			if d != nil || !errors.Is(err, ErrUnjoined) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, %v; want a refusal that says %q", device, d, err, c.says)
			}
		case err != nil:
			t.Errorf("%s: %v", device, err)
		default:
			if diff := cmp.Diff(c.want, named(d.Paths)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", device, diff)
			}
		}
		if d, err = s.Paths(device); err != nil || !slices.Equal(named(d.Paths), c.loose) {
			t.Errorf("Paths(%s): %v, %v; want %v", device, d, err, c.loose)
		}
	}
}

// What sysfs says of a nexus, and nothing that it does not say.
func TestSystemIdentity(t *testing.T) {
	const iqn = "iqn.2026-01.test:a"
	for name, c := range map[string]struct {
		a    adapter
		want pr.Identity
	}{
		"FC":              {fcAdapter(1, "0x2100000000000001"), pr.Identity{Initiator: scsi.FCTransportID(0x2100000000000001), RelativePort: 2}},
		"FC, no name":     {fcAdapter(1, ""), pr.Identity{RelativePort: 2}},
		"iSCSI":           {iscsiSession(17, iqn, ""), pr.Identity{Initiator: scsi.ISCSIPortTransportID(iqn, 0x00023d000011), Guessed: true, RelativePort: 2}},
		"iSCSI, ISID":     {iscsiSession(17, iqn, "80123d0000ab"), pr.Identity{Initiator: scsi.ISCSIPortTransportID(iqn, 0x80123d0000ab), RelativePort: 2}},
		"iSCSI, no name":  {iscsiSession(17, "", ""), pr.Identity{RelativePort: 2}},
		"iSCSI, null":     {iscsiSession(17, "(null)", ""), pr.Identity{RelativePort: 2}},
		"SAS, wide port":  {sasAdapter(1, "0x5000000000000001", "0x5000000000000001"), pr.Identity{Initiator: scsi.SASTransportID(0x5000000000000001), RelativePort: 2}},
		"SAS, two ports":  {sasAdapter(1, "0x5000000000000001", "0x5000000000000002"), pr.Identity{RelativePort: 2}},
		"other transport": {adapter{at: "devices/pci0/host3"}, pr.Identity{RelativePort: 2}},
	} {
		tr := newTree(t)
		tr.sd("sda", c.a, 1, 2)
		want := []Device{{Name: "/dev/sda", Number: "8:0", Identity: c.want}}
		if d, err := tr.system().Disk("/dev/sda"); err != nil || !slices.Equal(d.Paths, want) {
			t.Errorf("%s: %+v, %v, want %+v", name, d, err, want)
		}
	}
}

// named are the names of paths.
func named(paths []Device) []string {
	var list []string
	for _, p := range paths {
		list = append(list, p.Name)
	}
	return list
}

// onPaths are paths of which nothing is known but the names, as of a sysfs that lacks
// the numbers.
func onPaths(names ...string) []Device {
	var list []Device
	for _, n := range names {
		list = append(list, Device{Name: n})
	}
	return list
}

// manyLUNs is a machine with LUNs of four paths each and their maps, and the
// names of the maps.
func manyLUNs(t testing.TB, luns int) (*tree, []string) {
	tr := newTree(t)
	var maps []string
	for lun := range luns {
		var paths []string
		for path := range 4 {
			a := fcAdapter(path/2, fmt.Sprintf("0x210000000000000%d", path/2))
			paths = append(paths, tr.sd(fmt.Sprintf("sd%d_%d", lun, path), a, lun+1, path))
		}
		nice := fmt.Sprintf("/dev/mapper/mpath%d", lun)
		tr.dm(fmt.Sprintf("dm-%d", lun), fmt.Sprintf("mpath-3600%d", lun), nice, paths...)
		maps = append(maps, nice)
	}
	return tr, maps
}

// findAll finds the paths of maps, as a command does that has just been started.
func findAll(t testing.TB, s *System, maps []string) {
	for _, m := range maps {
		if d, err := s.Disk(m); err != nil || len(d.Paths) != 4 {
			t.Fatalf("%s: %v, %v", m, d, err)
		}
	}
}

// BenchmarkFindPaths goes from names to nexuses: 256 LUNs with 4 paths each.
func BenchmarkFindPaths(b *testing.B) {
	tr, maps := manyLUNs(b, 256)
	for b.Loop() {
		findAll(b, tr.system(), maps)
	}
}

// From name to nexuses costs the same for each path, however many there are. What it
// allocates stands for the work, and is the same wherever it runs; BenchmarkFindPaths
// has the time.
func TestFindPathsCost(t *testing.T) {
	const few, many, paths = 16, 64, 4
	each := func(luns int) float64 {
		tr, maps := manyLUNs(t, luns)
		return testing.AllocsPerRun(1, func() { findAll(t, tr.system(), maps) }) / float64(luns*paths)
	}
	of16, of64 := each(few), each(many)
	t.Logf("%.1f allocations a path of %d LUNs, %.1f of %d", of16, few, of64, many)
	if of64 > 1.1*of16 || of64 > 60 {
		t.Errorf("%.1f allocations a path of %d LUNs, %.1f of %d", of64, many, of16, few)
	}
}
