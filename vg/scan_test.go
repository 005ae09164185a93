package vg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The devices that are looked at are those that lvm2 looks at by default.
func TestCandidates(t *testing.T) {
	m := newMachine(t)
	some := make([]byte, 4096)
	for _, name := range []string{"sda", "sdb", "sdc", "sdd", "sde", "sdf", "dm-0", "dm-1", "dm-2", "dm-3", "md0", "loop0", "vda", "ram0", "zram1", "sr0", "fd0", "fda", "cciss!c0d0", "nvme0n1", "nvme0c0n1"} {
		m.block(name, some)
	}
	for _, name := range []string{"sdz", "loop1", "nbd0"} {
		m.block(name, nil)
	}
	for _, name := range []string{"sda1", "sdb1", "sdf1"} {
		m.block(name[:3]+"/"+name, some)
	}
	m.write("nvme0c0n1/hidden", "1\n")
	m.write("nvme0n1/hidden", "0\n")
	m.over("dm-0", "dm", "mpath-36001", "sdb", "sdc")
	m.over("dm-1", "dm", "LVM-abc", "sda")
	m.over("dm-2", "dm", "part1-mpath-36001", "dm-0")
	m.over("dm-3", "dm", "CRYPT-LUKS2-x", "sda/sda1")
	m.over("md0", "md", "", "sdd", "sde")
	for name, nice := range map[string]string{"dm-0": "mpatha", "dm-2": "mpatha1", "dm-3": "no-file"} {
		m.write(name+"/dm/name", nice+"\n")
	}
	m.write("dev/mapper/mpatha", "")
	m.write("dev/mapper/mpatha1", "")
	m.hold("dm-0", "sdb", "sdc")
	m.hold("dm-1", "sda")
	m.hold("dm-2", "dm-0")
	m.hold("md0", "sdd", "sde", "sdf/sdf1")
	all, err := m.system().disks.scan.list()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	tables := map[string]bool{}
	for _, c := range all {
		name, err := filepath.Rel(filepath.Join(m.root, "dev"), c.name)
		if err != nil || c.size != 4096 || c.number == "" {
			t.Errorf("%+v, %v", c, err)
		}
		got = append(got, name)
		tables[name] = c.table
	}
	want := []string{"cciss/c0d0", "dm-3", "fda", "loop0", "mapper/mpatha", "mapper/mpatha1", "md0", "nvme0n1", "sda", "sda1", "sdf", "vda"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, want := range map[string]bool{"sda": true, "sda1": false, "mapper/mpatha": false, "md0": true} {
		if tables[name] != want {
			t.Errorf("a partition table on %s: %v", name, tables[name])
		}
	}
}

// A label that is left over before a partition table is none, except on a map.
func TestLeftoverLabel(t *testing.T) {
	content := image("p1", text("vg1", "vg1", 1, members("p1")))
	content[510], content[511], content[446+12] = 0x55, 0xaa, 1
	m := newMachine(t)
	m.block("sda", content)
	m.refuses(m.system(), "vg1", ErrNoGroup)
	m = newMachine(t)
	m.block("dm-0", content)
	m.write("dm-0/dm/uuid", "mpath-36001\n")
	m.wants(m.system(), "vg1", "dm-0")
	m = newMachine(t)
	m.block("sda/sda1", content)
	m.wants(m.system(), "vg1", "sda1")
}

// hanging hangs until the test is over.
type hanging struct{ until chan struct{} }

func (h hanging) ReadAt([]byte, int64) (int, error) { <-h.until; return 0, syscall.EIO }
func (h hanging) Close() error                      { <-h.until; return nil }

// A disk that hangs, at being opened or read, is passed over, and named if it
// may be the reason that a group is not found.
func TestHungDisks(t *testing.T) { synctest.Test(t, hungDisks) }

func hungDisks(t *testing.T) {
	m := newMachine(t)
	m.block("sda", image("p1", text("vg1", "vg1", 1, members("p1"))))
	m.block("sdb", image("p2", text("vg2", "vg2", 1, members("p2", "p3"))))
	for _, name := range []string{"sdc", "sdd", "sde", "sdf", "sdg", "dm-0", "dm-1"} {
		m.block(name, image("p3", ""))
	}
	for i := range 3 * readParallel {
		m.block(fmt.Sprintf("sdz%d", i), image("p3", ""))
	}
	m.write("dm-0/dm/suspended", "1\n")
	m.disk("sdh", 1)
	m.write("sdh/device/state", "transport-offline\n")
	m.over("dm-1", "dm", "mpath-x", "sdh")
	until := make(chan struct{})
	t.Cleanup(func() { close(until) })
	s := m.system()
	s.disks.scan.wait = 200 * time.Millisecond
	s.disks.scan.open = func(node, number string) (device, error) {
		switch name := filepath.Base(node); name {
		case "sda", "sdb":
			return openFile(node, number)
		case "sdc":
			<-until
			return nil, syscall.EIO
		case "sde":
			return nil, syscall.EIO
		case "sdf":
			return nil, syscall.ENOMEDIUM
		case "sdg":
			return nil, &fs.PathError{Op: "open", Path: node, Err: fs.ErrPermission}
		case "dm-0", "dm-1":
			t.Errorf("%s was opened", name)
		}
		return hanging{until}, nil
	}
	start := time.Now()
	m.wants(s, "vg1", "sda")
	err := m.refuses(s, "vg2", ErrMissingVolume, uuid("p3"), "/dev/sdc: i/o timeout", "/dev/sdd: i/o timeout", "/dev/sde: input/output error", "/dev/sdg: permission denied", "/dev/dm-0: suspended", "/dev/dm-1: no path to it works")
	// All wait beside each other, readParallel at a time.
	if took := time.Since(start); took != 3*s.disks.scan.wait {
		t.Errorf("it took %v", took)
	}
	var ue *UnreadError
	if !errors.As(err, &ue) || len(ue.Devices) != 6+3*readParallel || errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	m.refuses(s, "vg3", ErrNoGroup, "/dev/sdc: i/o timeout")
}

// Whoever asks can give up earlier, and the next one asks again.
func TestScanCancelled(t *testing.T) {
	m := newMachine(t)
	m.block("sda", image("p1", text("vg1", "vg1", 1, members("p1"))))
	s := m.system()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if g, err := s.Group(ctx, "vg1"); g != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", g, err)
	}
	m.wants(s, "vg1", "sda")
}

// All groups are found by one look at the disks, for a while, by all that ask.
func TestOneScan(t *testing.T) {
	m := newMachine(t)
	m.block("sda", image("p1", text("vg1", "vg1", 1, members("p1"))))
	s := m.system()
	opened := 0
	s.disks.scan.open = func(node, number string) (device, error) { opened++; return openFile(node, number) }
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { m.wants(s, "vg1", "sda") })
	}
	wg.Wait()
	if opened != 1 {
		t.Errorf("opened %d times", opened)
	}
	s.disks.at = s.disks.at.Add(-reportAge)
	m.wants(s, "vg1", "sda")
	if opened != 2 {
		t.Errorf("an old look: opened %d times", opened)
	}
}

// Without lvm2 the disks are read; with one that fails they are not.
func TestLVMAbsent(t *testing.T) {
	m := newMachine(t)
	m.block("sda", image("p1", text("vg1", "vg1", 1, members("p1"))))
	s := m.system()
	s.noLVM = false
	s.lvm.run = runLVM
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	m.wants(s, "vg1", "sda")
	m.refuses(s, "vg2", ErrNoGroup)
	if err := os.WriteFile(filepath.Join(dir, "lvm"), []byte("#!/bin/sh\nexit 5\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.refuses(s, "vg1", ErrNoLVM)
	own := NewSystem().WithoutLVM("/dev/x*")
	if !own.noLVM || own.disks.scan.globs != "/dev/x*" || own.sysfs != "/sys" {
		t.Errorf("%+v", &own.disks.scan)
	}
}

// A glob that fits nothing is an error: it was mistyped.
func TestGlob(t *testing.T) {
	dir := t.TempDir()
	for _, globs := range []string{dir + "/*", "/dev/null " + dir + "/x"} {
		_, err := NewSystem().WithoutLVM(globs).Group(context.Background(), "vg1")
		var de *DeviceError
		if !errors.Is(err, ErrNoMatch) || !errors.As(err, &de) {
			t.Errorf("%s: %v", globs, err)
		}
	}
	if _, err := NewSystem().WithoutLVM("/dev/[").Group(context.Background(), "vg1"); !errors.Is(err, filepath.ErrBadPattern) {
		t.Errorf("bad glob: %v", err)
	}
	if _, err := NewSystem().WithoutLVM("/dev/null").Group(context.Background(), "vg1"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("no block device: %v", err)
	}
}

// What is no block device, or another than sysfs says, is not read.
func TestOpenBlock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{file, "/dev/null"} {
		if d, err := openBlock(node, "1:3"); d != nil || !errors.Is(err, ErrOtherDevice) {
			t.Errorf("%s: %v, %v", node, d, err)
		}
	}
	if _, err := openBlock(filepath.Join(file, "x"), ""); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%v", err)
	}
}

// Any bytes are read by whole sectors.
func TestBlockReadAt(t *testing.T) {
	content := make([]byte, 5*4096+512)
	for i := range content {
		content[i] = byte(i * 7 / 3)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, align := range []int64{512, 4096, 16384} {
		d := &blockDevice{fd: int(f.Fd()), align: align}
		for _, r := range [][2]int{{0, 8192}, {0, 1}, {511, 2}, {4097, 3000}, {20000, 992}, {20992, 0}} {
			p := make([]byte, r[1])
			if n, err := d.ReadAt(p, int64(r[0])); err != nil || n != len(p) || string(p) != string(content[r[0]:][:r[1]]) {
				t.Errorf("%v by %d: %d, %v", r, align, n, err)
			}
		}
		for _, r := range [][3]int{{20000, 1000, 992}, {20992, 1, 0}, {30000, 10, 0}} {
			if n, err := d.ReadAt(make([]byte, r[1]), int64(r[0])); err == nil || n != r[2] {
				t.Errorf("%v by %d: %d, %v", r, align, n, err)
			}
		}
	}
}
