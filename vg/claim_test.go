package vg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestActiveVolumes(t *testing.T) {
	w := newStack(t)
	for i, v := range [][2]string{
		{"vg1-a", "LVM-x"}, {"vg1-b--c", "LVM-y"}, {"vg1--a-d", "LVM-z"}, {"vg1-e", "mpath-x"}, {"vg11-f", "LVM-x"}, {"vg1", "LVM-x"},
	} {
		dir := "block/dm-" + string(rune('0'+i))
		w.write(dir+"/dm/name", v[0]+"\n")
		w.write(dir+"/dm/uuid", v[1]+"\n")
		w.write(dir+"/dev", "253:0\n")
	}
	w.write("block/sda/dev", "8:0\n")
	s := &System{sysfs: w.root}
	for group, want := range map[string][]string{"vg1": {"vg1-a", "vg1-b--c", "vg1"}, "vg1-a": {"vg1--a-d"}, "vg2": nil} {
		got, err := s.ActiveVolumes(group)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", group, err, diff)
		}
	}
	// What cannot be read may be a volume of the group.
	var ge *GroupError
	for _, file := range []string{"block/dm-0/dm/uuid", "block/dm-0/dm/name"} {
		if err := os.Remove(filepath.Join(w.root, file)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.ActiveVolumes("vg1"); !errors.As(err, &ge) || got != nil {
			t.Errorf("without %s: %v, %v", file, got, err)
		}
		w.write(file, "LVM-x")
	}
	// Without sysfs nothing is known.
	s.sysfs = filepath.Join(w.root, "none")
	if got, err := s.ActiveVolumes("vg1"); !errors.As(err, &ge) || got != nil {
		t.Errorf("without sysfs: %v, %v", got, err)
	}
}

// Whether a device is in use is known, or an error.
func TestDeviceInUse(t *testing.T) {
	w := newStack(t)
	folder := func(dir string) {
		if err := os.MkdirAll(filepath.Join(w.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mapped := func(kernel, number, name, uuid string) {
		w.write("block/"+kernel+"/dm/name", name+"\n")
		w.write("block/"+kernel+"/dm/uuid", uuid+"\n")
		w.write("block/"+kernel+"/dev", number+"\n")
		folder("dev/block/" + number + "/holders")
	}
	mapped("dm-0", "253:0", "mpatha", "mpath-36001")
	mapped("dm-1", "253:1", "vg--1-lv1", "LVM-x")
	mapped("dm-2", "253:2", "vg--1-open", "LVM-y")
	for _, number := range []string{"8:0", "8:16", "8:32", "8:48"} {
		folder("dev/block/" + number + "/holders")
	}
	for _, number := range []string{"8:16", "8:32"} {
		if err := os.Symlink(filepath.Join(w.root, "block/dm-0"), filepath.Join(w.root, "dev/block", number, "holders/dm-0")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(w.root, "dev/block/8:48")); err != nil {
		t.Fatal(err)
	}
	numbers := map[string]string{"/dev/sda": "8:0", "/dev/sdb": "8:16", "/dev/sdc": "8:32", "/dev/sdd": "8:48", "/dev/dm-0": "253:0",
		"/dev/vg-1/lv1": "253:1", "/dev/disk/by-uuid/12-34": "8:0", "/dev/sick": "8:64", "/dev/denied": "8:80"}
	var claims map[string]error
	s := &System{sysfs: w.root,
		number: func(device string) (string, string, error) {
			switch n := numbers[device]; {
			case n != "":
				return "block", n, nil
			case device == "/dev/null" || device == "/tmp":
				return "", "", ErrNotSCSIDisk
			case device == "/dev/loop":
				return "", "", &fs.PathError{Op: "stat", Path: device, Err: syscall.ELOOP}
			}
			return "", "", &fs.PathError{Op: "stat", Path: device, Err: fs.ErrNotExist}
		},
		opens: func(number string) (int, error) {
			if number == "253:2" {
				return 1, nil
			}
			return 0, nil
		},
		claimed: func(_, number string) (bool, error) {
			err := claims[number]
			if errors.Is(err, syscall.EBUSY) {
				return true, nil
			}
			return false, err
		},
	}
	busy := syscall.EBUSY
	for name, c := range map[string]struct {
		device string
		claims map[string]error
		used   bool
		err    error
	}{
		"free":                    {device: "/dev/sda"},
		"mounted":                 {"/dev/sda", map[string]error{"8:0": busy}, true, nil},
		"mounted, by UUID":        {`UUID="12-34"`, map[string]error{"8:0": busy}, true, nil},
		"path of a free map":      {"/dev/sdb", map[string]error{"8:16": busy}, false, nil},
		"path of a mounted map":   {"/dev/sdc", map[string]error{"8:32": busy, "253:0": busy}, true, nil},
		"path of a silent map":    {"/dev/sdc", map[string]error{"8:32": busy, "253:0": syscall.EIO}, false, syscall.EIO},
		"claimed, holders hidden": {"/dev/sdd", map[string]error{"8:48": busy}, false, fs.ErrNotExist},
		"unreadable":              {"/dev/sick", map[string]error{"8:64": syscall.EIO}, false, syscall.EIO},
		"not for us":              {"/dev/denied", map[string]error{"8:80": syscall.EACCES}, false, syscall.EACCES},
		"no answer":               {"/dev/loop", nil, false, syscall.ELOOP},
		"another device by now":   {"/dev/sda", map[string]error{"8:0": ErrOtherDevice}, false, ErrOtherDevice},
		"not there":               {"/no/such", nil, false, fs.ErrNotExist},
		"disk that is gone":       {"/dev/sdz", nil, false, fs.ErrNotExist},
		"map that is gone":        {"/dev/mapper/mpathz", nil, false, fs.ErrNotExist},
		"UUID that is gone":       {"UUID=99", nil, false, fs.ErrNotExist},
		"active volume":           {device: "/dev/vg-1/lv1"},
		"volume that is down":     {device: "/dev/vg-1/down"},
		"the same by its map":     {device: "/dev/mapper/vg--1-down"},
		"open, without a file":    {"/dev/vg-1/open", nil, true, nil},
		"no block device":         {device: "/dev/null"},
		"folder":                  {device: "/tmp"},
		"share":                   {device: "host:/share=1"},
		"pseudo":                  {device: "tmpfs"},
	} {
		claims = c.claims
		used, err := s.DeviceInUse(c.device)
		var de *DeviceError
		if used != c.used || !errors.Is(err, c.err) || err != nil && (!errors.As(err, &de) || de.Device != c.device) {
			t.Errorf("%s: %s is in use: %v, %v; want %v, %v", name, c.device, used, err, c.used, c.err)
		}
	}
	s.sysfs = filepath.Join(w.root, "none")
	if used, err := s.DeviceInUse("/dev/vg-1/down"); used || err == nil {
		t.Errorf("without sysfs: %v, %v", used, err)
	}
}

func TestMounts(t *testing.T) {
	s := &System{proc: t.TempDir()}
	file := filepath.Join(s.proc, "self/mountinfo")
	write := func(text string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Mounts(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a table: %v", err)
	}
	write(strings.Join([]string{"24 30 0:22 / /proc rw,nosuid shared:13 - proc proc rw", "30 1 8:1 / / rw - ext4 /dev/sda1 rw",
		`99 30 8:1 / /a\040b\134c rw - ext4 /dev/sda1 rw`, "", "short", ""}, "\n"))
	got, err := s.Mounts()
	if diff := cmp.Diff([]string{"/proc", "/", `/a b\c`}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	write("")
	if got, err := s.Mounts(); err == nil {
		t.Errorf("of an empty table: %v", got)
	}
}

// A logical volume is there before its group is active, if the group has it.
func TestDeviceExists(t *testing.T) {
	m := newMachine(t)
	used := members("p1")
	used[0].Used = true
	m.block("sda", image("p1", text("vg1", "vg1", 1, used)))
	s := m.system()
	s.number = func(device string) (string, string, error) {
		switch device {
		case "/dev/sda":
			return "block", "8:1", nil
		case "/dev/null":
			return "", "", ErrNotSCSIDisk
		}
		return "", "", &fs.PathError{Op: "stat", Path: device, Err: fs.ErrNotExist}
	}
	for device, want := range map[string]bool{
		"/dev/sda": true, "/dev/null": true, "/dev/vg1/lv0": true, "/dev/mapper/vg1-lv0": true,
		"/dev/vg1/lv1": false,
	} {
		if got, err := s.DeviceExists(t.Context(), device, []string{"vg1", "vg2"}); got != want || err != nil {
			t.Errorf("%s: %v, %v", device, got, err)
		}
	}
	// Another name may be a link to a logical volume, which comes with it.
	for _, device := range []string{"/dev/vg7/lv0", "/dev/sdq", "/dev/mapper/mpathq", "/dev/disk/by-uuid/x", "UUID=x"} {
		if got, err := s.DeviceExists(t.Context(), device, []string{"vg1"}); got || !errors.Is(err, ErrNotYet) {
			t.Errorf("%s, with a group: %v, %v", device, got, err)
		}
		if got, err := s.DeviceExists(t.Context(), device, nil); got || err != nil {
			t.Errorf("%s, without a group: %v, %v", device, got, err)
		}
	}
	if got, err := s.DeviceExists(t.Context(), "nas:/x", nil); got || !errors.Is(err, ErrNotHere) {
		t.Errorf("of another host: %v, %v", got, err)
	}
	if got, err := s.DeviceExists(t.Context(), "/dev/vg2/lv0", []string{"vg1", "vg2"}); got || !errors.Is(err, ErrNoGroup) {
		t.Errorf("in a group that is not there: %v, %v", got, err)
	}
}
