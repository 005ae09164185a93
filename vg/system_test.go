package vg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/scsi"
)

// sysTree makes files of a made-up sysfs; a name that ends in / is a folder.
func sysTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// page83 is a device identification page of the designators.
func page83(designators ...string) string {
	body := strings.Join(designators, "")
	return string([]byte{0, 0x83, byte(len(body) >> 8), byte(len(body))}) + body
}

func designator(codeSet, kind byte, value string) string {
	return string([]byte{codeSet, kind, 0, byte(len(value))}) + value
}

// The LUN under a device is found by sysfs alone, and what is no LUN is
// refused: a wrong guess would protect another disk.
func TestDiskIn(t *testing.T) {
	naa := designator(1, 3, "\x60\x01\x40\x50\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01")
	eui := designator(1, 2, "\x00\x11\x22\x33\x44\x55\x66\x77")
	t10 := designator(2, 1, "LIO-ORG disk1")
	port := designator(1, 0x14, "\x00\x00\x00\x01")
	disk := func(at, kind, page string) map[string]string {
		files := map[string]string{at + "/device/type": kind, at + "/device/scsi_level": "6\n"}
		if page != "" {
			files[at+"/device/vpd_pg83"] = page
		}
		return files
	}
	with := func(files map[string]string, more ...string) map[string]string {
		for _, m := range more {
			files[m] = "1\n"
		}
		return files
	}
	cases := map[string]struct {
		files map[string]string
		dir   string
		want  *Disk
		err   error
		says  string
	}{
		"disk":           {disk("sda", "0\n", page83(naa)), "sda", &Disk{Device: "/dev/x", WWID: "naa.60014050000000000000000000000001", Paths: onPaths("/dev/sda")}, nil, ""},
		"zoned disk":     {disk("sdb", "20\n", page83(naa)), "sdb", &Disk{Device: "/dev/x", WWID: "naa.60014050000000000000000000000001", Paths: onPaths("/dev/sdb")}, nil, ""},
		"partition":      {with(disk("sdc", "0\n", page83(naa)), "sdc/sdc1/partition"), "sdc/sdc1", &Disk{Device: "/dev/x", WWID: "naa.60014050000000000000000000000001", Paths: onPaths("/dev/sdc")}, nil, ""},
		"sg node":        {disk("sg3", "0\n", page83(naa)), "sg3", &Disk{Device: "/dev/x", WWID: "naa.60014050000000000000000000000001", Paths: onPaths("/dev/x")}, nil, ""},
		"name with !":    {disk("cciss!c0d0", "0\n", page83(naa)), "cciss!c0d0", &Disk{Device: "/dev/x", WWID: "naa.60014050000000000000000000000001", Paths: onPaths("/dev/cciss/c0d0")}, nil, ""},
		"best name wins": {disk("sda", "0\n", page83(port, t10, eui, naa)), "sda", &Disk{Device: "/dev/x", WWID: "naa.60014050000000000000000000000001", Paths: []Device{{Name: "/dev/sda", Identity: pr.Identity{RelativePort: 1}}}}, nil, ""},
		"second best":    {disk("sda", "0\n", page83(port, t10, eui)), "sda", &Disk{Device: "/dev/x", WWID: "eui.0011223344556677", Paths: []Device{{Name: "/dev/sda", Identity: pr.Identity{RelativePort: 1}}}}, nil, ""},
		"no page 83h":    {disk("sda", "0\n", ""), "sda", &Disk{Device: "/dev/x", WWID: "", Paths: onPaths("/dev/sda")}, nil, ""},
		"broken page":    {disk("sda", "0\n", page83(naa)[:12]), "sda", &Disk{Device: "/dev/x", WWID: "", Paths: onPaths("/dev/sda")}, nil, ""},
		"empty page":     {disk("sda", "0\n", page83()), "sda", &Disk{Device: "/dev/x", WWID: "", Paths: onPaths("/dev/sda")}, nil, ""},
		"a port's name":  {disk("sda", "0\n", page83(port)), "sda", &Disk{Device: "/dev/x", WWID: "", Paths: []Device{{Name: "/dev/sda", Identity: pr.Identity{RelativePort: 1}}}}, nil, ""},

		"CD-ROM":           {disk("sr0", "5\n", ""), "sr0", nil, ErrNotSCSIDisk, "type 5"},
		"tape":             {disk("st0", "1\n", ""), "st0", nil, ErrNotSCSIDisk, "type 1"},
		"enclosure sg":     {disk("sg0", "13\n", ""), "sg0", nil, ErrNotSCSIDisk, "type 13"},
		"type not a digit": {disk("sda", "\n", ""), "sda", nil, ErrNotSCSIDisk, ""},
		"NVMe":             {with(map[string]string{}, "nvme0n1/device/model"), "nvme0n1", nil, ErrNotSCSIDisk, ""},
		"virtio":           {with(map[string]string{}, "vda/device/device"), "vda", nil, ErrNotSCSIDisk, ""},
		"type, no SCSI":    {map[string]string{"mmc/device/type": "0\n"}, "mmc", nil, ErrNotSCSIDisk, ""},
		"loop":             {with(map[string]string{}, "loop0/loop/backing_file"), "loop0", nil, ErrNotSCSIDisk, ""},
		"gone":             {map[string]string{}, "sdq", nil, ErrNotSCSIDisk, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := sysTree(t, c.files)
			s := &System{sysfs: root}
			got, err := s.diskIn("/dev/x", filepath.Join(root, c.dir), false)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("error %v, %v expected", err, c.err)
			}
			var de *DeviceError
			if err != nil && (!errors.As(err, &de) || de.Device != "/dev/x" || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("error %v does not say %q of /dev/x", err, c.says)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is no disk on the real machine is refused before any command is sent.
func TestSystemRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("lunguard-sim-device\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewSystem()
	for device, want := range map[string]error{
		"/dev/null": ErrNotSCSIDisk, "/dev/zero": ErrNotSCSIDisk, "/dev": ErrNotSCSIDisk, dir: ErrNotSCSIDisk, file: ErrNotSCSIDisk,
		filepath.Join(dir, "absent"): fs.ErrNotExist, filepath.Join(file, "below"): nil, "": fs.ErrNotExist, "/dev/\x00": nil,
	} {
		d, err := s.Disk(device)
		var de *DeviceError
		if d != nil || !errors.As(err, &de) || de.Device != device {
			t.Errorf("Disk(%q) = %v, %v", device, d, err)
		}
		if want != nil && !errors.Is(err, want) {
			t.Errorf("Disk(%q): error %v, %v expected", device, err, want)
		}
	}
	for path, want := range map[string]error{dir: ErrNotSCSIDisk, file: ErrNotSCSIDisk, filepath.Join(dir, "absent"): fs.ErrNotExist} {
		p, err := s.Open(Device{Name: path})
		var de *DeviceError
		if p != nil || !errors.As(err, &de) || !errors.Is(err, want) {
			t.Errorf("Open(%q) = %v, %v", path, p, err)
		}
	}
}

// What is opened is the device that was found, or nothing is.
func TestOpenOtherDevice(t *testing.T) {
	for number, want := range map[string]error{"char 1:3": nil, "char 1:5": ErrOtherDevice, "1:3": ErrOtherDevice, "": ErrOtherDevice} {
		p, err := NewSystem().Open(Device{Name: "/dev/null", Number: number})
		var de *DeviceError
		if !errors.Is(err, want) || (p == nil) != (want != nil) || err != nil && (!errors.As(err, &de) || de.Device != "/dev/null") {
			t.Errorf("as %q: %v, %v; %v expected", number, p, err, want)
		}
		if p != nil {
			p.Close()
		}
	}
}

// A block device of this machine that is no SCSI disk is told by sysfs.
func TestSystemBlockDevice(t *testing.T) {
	found := false
	for _, name := range []string{"vda", "loop0", "zram0", "nvme0n1", "mmcblk0"} {
		_, err := os.Stat("/sys/block/" + name)
		if st, devErr := os.Stat("/dev/" + name); err != nil || devErr != nil || st.Mode()&fs.ModeDevice == 0 {
			continue
		}
		found = true
		if d, err := NewSystem().Disk("/dev/" + name); !errors.Is(err, ErrNotSCSIDisk) {
			t.Errorf("/dev/%s: %v, %v", name, d, err)
		}
	}
	if !found {
		t.Skip("this machine has no block device that is known not to speak SCSI")
	}
}

// The short host name is what the config calls the node.
func TestHostname(t *testing.T) {
	name, err := NewSystem().Hostname()
	if err != nil || name == "" || strings.Contains(name, ".") {
		t.Errorf("%q, %v", name, err)
	}
}

// Whoever may send commands tells others of those that were given up.
func TestOpenTellsOfPending(t *testing.T) {
	want := ""
	if os.Geteuid() == 0 {
		want = "/run/lunguard/pending"
	}
	if got := NewSystem().pending; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s := NewSystem()
	s.pending = "/nonexistent"
	for _, s := range []*System{s, s.WithoutLVM("")} {
		p, err := s.Open(Device{Name: "/dev/null", Number: "char 1:3"})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if got := p.(*scsi.SGDevice).Dir; got != s.pending {
			t.Errorf("%q, want %q", got, s.pending)
		}
	}
}
