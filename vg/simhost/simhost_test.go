package simhost

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg"
)

func create(t *testing.T, luns, paths int) (*Array, *Host) {
	t.Helper()
	a, err := CreateArray(filepath.Join(t.TempDir(), "A"), Spec{Nodes: []string{"n1", "n2"}, LUNs: luns, Paths: paths, LUN: simlun.Config{Blocks: 8}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := Open(filepath.Join(a.dir, "n1"))
	if err != nil {
		t.Fatal(err)
	}
	return a, h
}

// put writes a device file.
func put(t *testing.T, h *Host, device, text string) {
	t.Helper()
	if err := os.WriteFile(h.file(device), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Disks are named as a kernel names them: sda to sdz, then sdaa.
func TestLetters(t *testing.T) {
	for n, want := range map[int]string{0: "a", 1: "b", 25: "z", 26: "aa", 51: "az", 52: "ba", 701: "zz", 702: "aaa", 18277: "zzz", 18278: "aaaa"} {
		if got := letters(n); got != want {
			t.Errorf("letters(%d) = %s, want %s", n, got, want)
		}
	}
	seen := map[string]bool{}
	for n := range 20000 {
		if s := letters(n); seen[s] {
			t.Fatalf("%s twice", s)
		} else {
			seen[s] = true
		}
	}
}

// A device file says one thing, whole; anything else is an error, never a
// device that leads elsewhere.
func TestParseNode(t *testing.T) {
	const nexus = "nexus iqn.x:n1,i,0x1/2"
	good := map[string]string{
		"disk":         "lun ../../array/lun0\n" + nexus,
		"paths":        "paths sda sdc",
		"one path":     "paths sda",
		"part":         "part sda",
		"no end":       "part sda\n\n",
		"other nexus":  "lun x\nnexus sas,5000000000000001/1",
		"nexus before": nexus + "\nlun /tmp/lun0",
	}
	for name, text := range good {
		n, err := parseNode(magic + "\n" + text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := parseNode(n.text())
		if err != nil || again.text() != n.text() {
			t.Errorf("%s: %q reads back as %v, %v", name, n.text(), again, err)
		}
	}
	bad := map[string]string{
		"nothing":       "",
		"lun alone":     "lun x",
		"nexus alone":   nexus,
		"paths of none": "paths",
		"part of none":  "part ",
		"bad nexus":     "lun x\nnexus nonsense",
		"port 0":        "lun x\nnexus iqn.x:n1,i,0x1/0",
		"two kinds":     "lun x\n" + nexus + "\npart sda",
		"lun and paths": "lun x\npaths sda",
		"part of paths": "paths sda\npart sdb",
		"unknown word":  "part sda\nfoo bar",
		"empty line":    "part sda\n\npart sdb",
		"capitals":      "Part sda",
	}
	for name, text := range bad {
		if n, err := parseNode(magic + "\n" + text); err == nil {
			t.Errorf("%s: %+v", name, n)
		}
	}
	for _, text := range []string{"", "\n", "lunguard", magic + "x\npart sda", "\x00\x00\x00"} {
		if _, err := parseNode(text); !errors.Is(err, vg.ErrNotSCSIDisk) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever stands in a device file: no panic, and what is accepted reads back.
func FuzzParseNode(f *testing.F) {
	f.Add(magic + "\nlun ../../array/lun0\nnexus iqn.2026-01.sim:n1,i,0x800000000001/1\n")
	f.Add(magic + "\npaths sda sdc\n")
	f.Add(magic + "\npart sda\n")
	f.Add(magic + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseNode(text)
		if (n == nil) != (err != nil) {
			t.Fatalf("%v with error %v", n, err)
		}
		if err != nil {
			return
		}
		again, err := parseNode(n.text())
		if err != nil || again.text() != n.text() {
			t.Fatalf("%q reads back as %v, %v", n.text(), again, err)
		}
	})
}

// Paths of a LUN are found from a disk, a multipath device and a partition of
// either.
func TestDisk(t *testing.T) {
	_, h := create(t, 2, 2)
	put(t, h, "/dev/sdc1", magic+"\npart sdc\n")
	put(t, h, "/dev/mapper/mpathb-part1", magic+"\npart mapper/mpathb\n")
	put(t, h, "/dev/mapper/mixed", magic+"\npaths sda sdc\n")
	put(t, h, "/dev/mapper/half", magic+"\npaths sda sdq\n")
	put(t, h, "/dev/mapper/loop", magic+"\npaths mapper/loop\n")
	put(t, h, "/dev/astray", magic+"\nlun ../../array/lun7\nnexus sas,1/1\n")
	put(t, h, "/dev/text", "hello\n")
	const w0, w1 = "naa.6001405000000000", "naa.6001405000000001"
	path := func(name string) vg.Device {
		n, err := h.readNode(name)
		if err != nil {
			t.Fatal(err)
		}
		return n.device(name)
	}
	for device, want := range map[string]vg.Disk{
		"/dev/sda":                 {WWID: w0, Paths: []vg.Device{path("/dev/sda")}},
		"/dev/sdd":                 {WWID: w1, Paths: []vg.Device{path("/dev/sdd")}},
		"/dev/mapper/mpatha":       {WWID: w0, Paths: []vg.Device{path("/dev/sda"), path("/dev/sdb")}},
		"/dev/mapper/mpathb":       {WWID: w1, Paths: []vg.Device{path("/dev/sdc"), path("/dev/sdd")}},
		"/dev/sdc1":                {WWID: w1, Paths: []vg.Device{path("/dev/sdc")}},
		"/dev/mapper/mpathb-part1": {WWID: w1, Paths: []vg.Device{path("/dev/sdc"), path("/dev/sdd")}},
		"/dev/../dev//sda":         {WWID: w0, Paths: []vg.Device{path("/dev/../dev//sda")}},
	} {
		got, err := h.Disk(device)
		if err != nil {
			t.Errorf("%s: %v", device, err)
			continue
		}
		want.Device = device
		if diff := cmp.Diff(&want, got, cmp.Comparer(func(a, b vg.Device) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", device, diff)
		}
	}
	for device, want := range map[string]error{
		"/dev/sdz": fs.ErrNotExist, "/dev/mapper/half": fs.ErrNotExist, "/dev/astray": fs.ErrNotExist, "sda": fs.ErrNotExist,
		"/dev/text": vg.ErrNotSCSIDisk, "/dev/mapper": vg.ErrNotSCSIDisk, "/dev": vg.ErrNotSCSIDisk, "/vgs": vg.ErrNotSCSIDisk,
		"/dev/mapper/mixed": vg.ErrStacked, "/dev/mapper/loop": vg.ErrStacked,
		// The folder of the host is its root.
		"/../array/lun0": fs.ErrNotExist, "/dev/../../array/lun0": fs.ErrNotExist,
	} {
		d, err := h.Disk(device)
		var de *vg.DeviceError
		if d != nil || !errors.Is(err, want) || !errors.As(err, &de) {
			t.Errorf("Disk(%s) = %v, %v; %v expected", device, d, err, want)
		}
	}
}

// What a host uses stands in a table, by any device of the LUN; what is not
// understood there is not known.
func TestInUse(t *testing.T) {
	_, h := create(t, 2, 2)
	var disks []*vg.Disk
	for _, name := range []string{"/dev/mapper/mpatha", "/dev/mapper/mpathb"} {
		d, err := h.Disk(name)
		if err != nil {
			t.Fatal(err)
		}
		disks = append(disks, d)
	}
	look := func(table string) []vg.Usage {
		put(t, h, "/uses", table)
		return h.InUse(disks)
	}
	if got := h.InUse(disks); !cmp.Equal(got, make([]vg.Usage, 2)) {
		t.Errorf("without a table: %+v", got)
	}
	got := look("/dev/sda mounted /dev/vg1/lv1 /mnt/my data\n\n/dev/sdb opened /dev/vg1/lv2\n")
	want := []vg.Usage{{Uses: []vg.Use{{Kind: vg.Mounted, Device: "/dev/vg1/lv1", At: "/mnt/my data"}, {Kind: vg.Opened, Device: "/dev/vg1/lv2"}}}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for table, says := range map[string]string{
		"/dev/sda unknown the table is torn": "/dev/mapper/mpatha: the table is torn", "/dev/sda mounted": "uses: line 1", "/dev/sdq swap /dev/sdq": "/dev/sdq",
	} {
		var de *vg.DeviceError
		if got := look(table); !errors.As(got[0].Err, &de) || !strings.Contains(got[0].Err.Error(), says) {
			t.Errorf("%q: %v", table, got[0].Err)
		}
	}
}

// Opening a device file is one nexus: that of its host and path, and no other.
func TestOpenPath(t *testing.T) {
	a, h := create(t, 1, 2)
	other, err := Open(filepath.Join(a.dir, "n2"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[simlun.NexusID]bool{}
	for _, host := range []*Host{h, other} {
		for _, device := range []string{"/dev/sda", "/dev/sdb"} {
			p, err := host.OpenName(device)
			if err != nil {
				t.Fatal(err)
			}
			u := scsi.NewUnit(device, &scsi.Retry{Transport: p})
			if _, err := u.State(context.Background()); err != nil {
				t.Error(err)
			}
			lun, nexus, err := host.Nexus(device)
			if err != nil || seen[nexus] {
				t.Errorf("nexus %v, %v", nexus, err)
			}
			if same, err := filepath.Rel(lun, a.lun(0)); err != nil || same != "." {
				t.Errorf("%s leads to %s", device, lun)
			}
			seen[nexus] = true
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	put(t, h, "/dev/astray", magic+"\nlun ../../array/lun7\nnexus sas,1/1\n")
	put(t, h, "/dev/text", magic+"\nlun text\nnexus sas,1/1\n")
	for device, want := range map[string]error{
		"/dev/sdz": fs.ErrNotExist, "/dev": vg.ErrNotSCSIDisk,
		"/dev/astray": fs.ErrNotExist, "/dev/text": simlun.ErrNotSimulated,
	} {
		p, err := h.OpenName(device)
		var de *vg.DeviceError
		if p != nil || !errors.Is(err, want) || !errors.As(err, &de) || de.Device != device {
			t.Errorf("OpenName(%s) = %v, %v; %v expected", device, p, err, want)
		}
	}
	// A map is opened by its first path.
	p, err := h.OpenName("/dev/mapper/mpatha")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	// A device file that was another's when it was found is not opened.
	d, err := h.Disk("/dev/mapper/mpatha")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(h.file("/dev/sda"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[vg.Device]error{
		d.Paths[0]: nil, {Name: "/dev/sda"}: vg.ErrOtherDevice, {Name: "/dev/sda", Number: d.Paths[1].Number}: vg.ErrOtherDevice, d.Paths[1]: vg.ErrOtherDevice,
	} {
		put(t, h, "/dev/sdb", string(text))
		p, err := h.Open(path)
		if !errors.Is(err, want) || (p == nil) != (want != nil) {
			t.Errorf("Open(%v) = %v, %v; %v expected", path, p, err, want)
		}
		if p != nil {
			p.Close()
		}
	}
	if _, _, err := h.Nexus("/dev/mapper/mpatha"); !errors.Is(err, vg.ErrStacked) {
		t.Errorf("nexus of a multipath device: %v", err)
	}
}

func TestOpen(t *testing.T) {
	a, _ := create(t, 1, 1)
	for _, dir := range []string{a.dir, filepath.Join(a.dir, "n3"), filepath.Join(a.dir, lunFolder), filepath.Join(a.dir, "n1", "vgs")} {
		if h, err := Open(dir); h != nil || !errors.Is(err, ErrNotHost) {
			t.Errorf("OpenName(%s) = %v, %v", dir, h, err)
		}
	}
	for _, dir := range []string{filepath.Join(a.dir, "n1"), filepath.Join(a.dir, "absent")} {
		if _, err := OpenArray(dir); !errors.Is(err, ErrNotArray) {
			t.Errorf("OpenArray(%s): %v", dir, err)
		}
	}
	hosts, err := a.Hosts()
	if err != nil || len(hosts) != 2 {
		t.Fatalf("%d hosts, %v", len(hosts), err)
	}
	if name, err := hosts[1].Hostname(); name != "n2" || err != nil {
		t.Errorf("%s, %v", name, err)
	}
	if luns, err := a.LUNs(); err != nil || len(luns) != 1 {
		t.Errorf("LUNs %v, %v", luns, err)
	}
}

// An array is made whole or not at all, and never over another one.
func TestCreateArrayRefuses(t *testing.T) {
	for _, name := range []string{"", ".", "..", ".git", "a/b", "/a", lunFolder} {
		dir := filepath.Join(t.TempDir(), "A")
		if _, err := CreateArray(dir, Spec{Nodes: []string{"n1", name}, LUNs: 1, Paths: 1}); err == nil {
			t.Errorf("a host named %q", name)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q left something behind", name)
		}
	}
	a, h := create(t, 1, 1)
	if err := a.Extend("vg1", []string{"/dev/sda"}); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateArray(a.dir, Spec{Nodes: []string{"n1"}, LUNs: 1, Paths: 1}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over another: %v", err)
	}
	if _, err := h.Group(context.Background(), "vg1"); err != nil {
		t.Error(err)
	}
}

// A group grows on every host, or on none.
func TestExtend(t *testing.T) {
	a, h := create(t, 4, 1)
	ctx := context.Background()
	for _, s := range [][]string{{"vg1", "/dev/sda"}, {"/dev/vg1", "/dev/sdb"}, {"vg2", "/dev/sdc"}} {
		if err := a.Extend(s[0], s[1:]); err != nil {
			t.Fatal(err)
		}
	}
	hosts, err := a.Hosts()
	if err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		for _, h := range hosts {
			for name, want := range map[string]*vg.Group{
				"vg1": {Name: "vg1", Volumes: []string{"/dev/sda", "/dev/sdb"}}, "/dev/vg2": {Name: "vg2", Volumes: []string{"/dev/sdc"}},
			} {
				got, err := h.Group(ctx, name)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
				}
			}
		}
	}
	check()
	// Another group on one host only, which no command here would make.
	last, err := os.ReadFile(hosts[1].file("vgs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hosts[1].file("vgs"), append(last, "vg9 /dev/sdd\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Extend("vg1", []string{"/dev/sdd"}); err == nil {
		t.Error("a volume that is taken on one host")
	}
	check()
	if err := os.WriteFile(hosts[1].file("vgs"), last, 0o600); err != nil {
		t.Fatal(err)
	}
	// /dev/sde is on one host only.
	put(t, h, "/dev/sde", magic+"\npart sdd\n")
	for name, s := range map[string][]string{
		"taken":         {"vg1", "/dev/sdc"},
		"its own":       {"vg1", "/dev/sda"},
		"no device":     {"vg1", "/dev/sdd", "/dev/sdz"},
		"one host only": {"vg1", "/dev/sde"},
		"twice":         {"vg1", "/dev/sdd", "/dev/sdd"},
		"no name":       {"", "/dev/sdd"},
		"/dev/ alone":   {"/dev/", "/dev/sdd"},
		"a blank":       {"a b", "/dev/sdd"},
		"a path":        {"a/b", "/dev/sdd"},
	} {
		if err := a.Extend(s[0], s[1:]); err == nil {
			t.Errorf("%s: no error", name)
		}
		check()
	}
	for _, name := range []string{"vg3", "", "/dev/", "vg1 ", "VG1"} {
		var ge *vg.GroupError
		if g, err := h.Group(ctx, name); !errors.Is(err, vg.ErrNoGroup) || !errors.As(err, &ge) || ge.Group != name {
			t.Errorf("group %q = %v, %v", name, g, err)
		}
	}
	if err := os.Remove(h.file("vgs")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Group(ctx, "vg1"); !errors.Is(err, vg.ErrNoGroup) {
		t.Errorf("without a table: %v", err)
	}
	if err := os.Mkdir(h.file("vgs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Group(ctx, "vg1"); err == nil || errors.Is(err, vg.ErrNoGroup) {
		t.Errorf("a table that cannot be read: %v", err)
	}
}

// Names of LUNs ascend, so that the first one is the arbiter.
func TestArbiterIsFirst(t *testing.T) {
	_, h := create(t, 12, 1)
	last := ""
	for i := range 12 {
		d, err := h.Disk("/dev/sd" + letters(i))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Compare(last, d.WWID) >= 0 {
			t.Errorf("%s after %s", d.WWID, last)
		}
		last = d.WWID
	}
	if got := fmt.Sprint(last); got != "naa.600140500000000b" {
		t.Errorf("the last is %s", got)
	}
}
