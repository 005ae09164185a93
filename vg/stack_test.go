package vg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stack is a made-up sysfs of disks and what lies on them.
type stack struct {
	t    testing.TB
	root string
}

func newStack(t *testing.T) *stack { return &stack{t, t.TempDir()} }

func (s *stack) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// disk makes a SCSI disk of a LUN with that last digit; 0 is none.
func (s *stack) disk(name string, digit byte) {
	s.write(name+"/device/type", "0\n")
	s.write(name+"/device/scsi_level", "7\n")
	if digit > 0 {
		s.write(name+"/device/vpd_pg83", page83(designator(1, 3, "\x60\x01\x40\x50\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+string([]byte{digit}))))
	}
}

// over makes a device of a kind (dm or md) that lies on others.
func (s *stack) over(name, kind, uuid string, below ...string) {
	s.t.Helper()
	s.write(name+"/"+kind+"/uuid", uuid+"\n")
	if err := os.MkdirAll(filepath.Join(s.root, name, "slaves"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	for _, b := range below {
		if err := os.Symlink(filepath.Join(s.root, b), filepath.Join(s.root, name, "slaves", filepath.Base(b))); err != nil {
			s.t.Fatal(err)
		}
	}
}

// From any stack that lies on one LUN to its paths; anything else is refused,
// with the disks that it lies on.
func TestStacks(t *testing.T) {
	s := newStack(t)
	for name, digit := range map[string]byte{"sda": 1, "sdb": 1, "sdc": 2, "sdd": 2, "sde": 0, "sdf": 0} {
		s.disk(name, digit)
	}
	s.write("sda/sda1/partition", "1\n")
	s.write("loop0/loop/backing_file", "/x\n")
	s.over("dm-0", "dm", "mpath-36001", "sda", "sdb")
	s.over("dm-1", "dm", "mpath-36002", "sdc", "sdd")
	s.over("dm-2", "dm", "part1-mpath-36001", "dm-0")
	s.over("dm-3", "dm", "LVM-x", "dm-2")
	s.over("dm-4", "dm", "LVM-y", "dm-0", "dm-1")
	s.over("dm-5", "dm", "CRYPT-LUKS2-z", "dm-3")
	s.over("dm-6", "dm", "mpath-36003", "sde", "sdf")
	s.over("dm-7", "dm", "mpath-36004", "sda", "sdc")
	s.over("dm-8", "dm", "LVM-w", "sda", "sdb")
	s.over("dm-9", "dm", "LVM-v", "loop0")
	s.over("dm-10", "dm", "mpath-36005")
	s.over("dm-11", "dm", "LVM-u", "dm-0", "dm-2")
	s.over("dm-12", "dm", "", "sda/sda1")
	s.over("dm-13", "dm", "LVM-t", "dm-13")
	s.over("md0", "md", "", "sda/sda1")
	s.over("md1", "md", "", "dm-0", "dm-1")
	s.over("dm-14", "dm", "mpath-36006", "sdy", "sda", "sdb", "sdz")
	s.over("dm-15", "dm", "part1-mpath-36006", "dm-14")
	s.over("dm-16", "dm", "mpath-36007", "sdy", "sdz")
	s.over("dm-17", "dm", "LVM-s", "sda", "sdz")
	s.write("dm-0/dm-0p1/partition", "1\n")
	const one, two = "naa.60014050000000000000000000000001", "naa.60014050000000000000000000000002"
	both := onPaths("/dev/sda", "/dev/sdb")
	for name, c := range map[string]struct {
		want *Disk
		err  error
		says string
	}{
		"dm-0":        {&Disk{Device: "/dev/x", WWID: one, Paths: both}, nil, ""},
		"dm-1":        {&Disk{Device: "/dev/x", WWID: two, Paths: onPaths("/dev/sdc", "/dev/sdd")}, nil, ""},
		"dm-0/dm-0p1": {&Disk{Device: "/dev/x", WWID: one, Paths: both}, nil, ""},
		"dm-2":        {&Disk{Device: "/dev/x", WWID: one, Paths: both}, nil, ""},
		"dm-3":        {&Disk{Device: "/dev/x", WWID: one, Paths: both}, nil, ""},
		"dm-5":        {&Disk{Device: "/dev/x", WWID: one, Paths: both}, nil, ""},
		"dm-6":        {&Disk{Device: "/dev/x", WWID: "", Paths: onPaths("/dev/sde", "/dev/sdf")}, nil, ""},
		"dm-11":       {&Disk{Device: "/dev/x", WWID: one, Paths: both}, nil, ""},
		"dm-12":       {&Disk{Device: "/dev/x", WWID: one, Paths: onPaths("/dev/sda")}, nil, ""},
		"md0":         {&Disk{Device: "/dev/x", WWID: one, Paths: onPaths("/dev/sda")}, nil, ""},
		"dm-4":        {nil, ErrStacked, "dm-4 over sda+sdb, sdc+sdd"},
		"md1":         {nil, ErrStacked, "md1 over sda+sdb, sdc+sdd"},
		"dm-7":        {nil, ErrStacked, "dm-7 has paths to " + one + " and " + two},
		"dm-8":        {nil, ErrStacked, "dm-8 over sda, sdb"},
		"dm-9":        {nil, ErrNotSCSIDisk, "dm-9 lies on loop0"},
		"dm-10":       {nil, ErrNoPath, "no path is left in dm-10"},
		"dm-14":       {&Disk{Device: "/dev/x", WWID: one, Paths: both, Gone: []string{"/dev/sdy", "/dev/sdz"}}, nil, ""},
		"dm-15":       {&Disk{Device: "/dev/x", WWID: one, Paths: both, Gone: []string{"/dev/sdy", "/dev/sdz"}}, nil, ""},
		"dm-16":       {nil, ErrNoPath, "dm-16 lies on sdy, sdz, which is gone"},
		"dm-17":       {nil, ErrNoPath, "dm-17 lies on sdz, which is gone"},
		"dm-13":       {nil, errDepth, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&System{sysfs: s.root}).diskIn("/dev/x", filepath.Join(s.root, name), false)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("error %v, %v expected", err, c.err)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
