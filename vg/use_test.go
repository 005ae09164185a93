package vg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// useWorld is a made-up machine with what uses its disks.
type useWorld struct {
	*stack
	proc string
	// numbers are those of the devices, opens how often one is open, claimed why
	// one is claimed or cannot be asked.
	numbers map[string]string
	opens   map[string]int
	claimed map[string]error
	asked   []string
}

// newUseWorld makes a machine with one LUN over two paths, sda and sdb, and a
// multipath map, dm-0.
func newUseWorld(t *testing.T) *useWorld {
	w := &useWorld{stack: newStack(t), proc: t.TempDir(), numbers: map[string]string{}, opens: map[string]int{}, claimed: map[string]error{}}
	w.table("self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n23 22 0:20 / /proc rw - proc proc rw\n")
	w.table("swaps", "Filename Type Size Used Priority\n/swapfile file 1 0 -2\n")
	for _, d := range []string{"sda", "sdb"} {
		w.disk(d, 1)
		w.block(d)
	}
	w.on("dm-0", "dm", "mpatha", "sda", "sdb")
	return w
}

func (w *useWorld) table(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.proc, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		w.t.Fatal(err)
	}
}

// block gives a device what every block device has. Its number is 8:1, 8:2 and so on.
func (w *useWorld) block(name string) {
	w.t.Helper()
	number := fmt.Sprintf("8:%d", len(w.numbers)+1)
	base := filepath.Base(name)
	w.numbers["/dev/"+base] = number
	w.write(name+"/dev", number+"\n")
	link := filepath.Join(w.root, "dev", "block", number)
	if err := errors.Join(os.MkdirAll(filepath.Join(w.root, name, "holders"), 0o755), os.MkdirAll(filepath.Dir(link), 0o755),
		os.Symlink(filepath.Join(w.root, name), link)); err != nil {
		w.t.Fatal(err)
	}
}

// paths are devices as they were found.
func (w *useWorld) paths(names ...string) []Device {
	var list []Device
	for _, n := range names {
		list = append(list, Device{Name: n, Number: w.numbers[n]})
	}
	return list
}

// part makes a partition.
func (w *useWorld) part(disk, name string) string {
	w.write(disk+"/"+name+"/partition", "1\n")
	w.block(disk + "/" + name)
	return disk + "/" + name
}

// on makes a device that lies on others, each of which it has open.
func (w *useWorld) on(name, kind, alias string, below ...string) {
	w.t.Helper()
	w.over(name, kind, "", below...)
	w.block(name)
	if kind == "dm" {
		w.write(name+"/dm/name", alias+"\n")
	}
	for _, b := range below {
		w.opens["/dev/"+filepath.Base(b)]++
		if err := os.Symlink(filepath.Join(w.root, name), filepath.Join(w.root, b, "holders", name)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *useWorld) system() *System {
	name := func(number string) string {
		for dev, n := range w.numbers {
			if n == number {
				return dev
			}
		}
		return ""
	}
	return &System{sysfs: w.root, proc: w.proc,
		number: func(device string) (string, string, error) {
			if n, ok := w.numbers[device]; ok {
				return "block", n, nil
			}
			return "", "", &fs.PathError{Op: "stat", Path: device, Err: fs.ErrNotExist}
		},
		opens: func(number string) (int, error) {
			n := w.opens[name(number)]
			if n < 0 {
				return 0, syscall.EIO
			}
			return n, nil
		},
		claimed: func(node, number string) (bool, error) {
			w.asked = append(w.asked, node)
			if name(number) != node {
				w.t.Errorf("%s was asked for by number %s", node, number)
			}
			switch err := w.claimed[node]; {
			case errors.Is(err, syscall.EBUSY):
				return true, nil
			default:
				return false, err
			}
		},
	}
}

// What uses a LUN is found wherever it lies on it, and what only lies there, such
// as an active volume that nobody has open, is no use.
func TestInUse(t *testing.T) {
	const mounted = "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
	cases := map[string]struct {
		build func(w *useWorld)
		want  []Use
		err   string
	}{
		"nothing":       {build: func(*useWorld) {}},
		"active volume": {build: func(w *useWorld) { w.on("dm-1", "dm", "vg1-lv1", "dm-0") }},
		"several active volumes": {build: func(w *useWorld) {
			w.on("dm-1", "dm", "vg1-lv1", "dm-0")
			w.on("dm-2", "dm", "vg1-lv2", "dm-0")
			w.on("dm-3", "dm", "vg1-lv2-real", "dm-2")
		}},
		"mounted volume": {func(w *useWorld) {
			w.on("dm-1", "dm", "vg1-lv1", "dm-0")
			w.opens["/dev/dm-1"]++
			w.table("self/mountinfo", mounted+"30 22 "+w.numbers["/dev/dm-1"]+` / /mnt/a\040b rw shared:1 - ext4 /dev/mapper/vg1-lv1 rw`+"\n")
		}, []Use{{Mounted, "/dev/mapper/vg1-lv1", "/mnt/a b"}}, ""},
		"mounted twice": {func(w *useWorld) {
			n := w.numbers["/dev/dm-0"]
			w.opens["/dev/dm-0"]++
			w.table("self/mountinfo", "30 22 "+n+" / /a rw - xfs /dev/x rw\n31 22 "+n+" /sub /b rw - xfs /dev/x rw\n")
		}, []Use{{Mounted, "/dev/mapper/mpatha", "/a"}, {Mounted, "/dev/mapper/mpatha", "/b"}}, ""},
		"mounted partition": {func(w *useWorld) {
			p := w.part("sda", "sda1")
			w.table("self/mountinfo", "30 22 "+w.numbers["/dev/"+filepath.Base(p)]+" / /a rw - ext4 /dev/sda1 rw\n")
		}, []Use{{Mounted, "/dev/sda1", "/a"}}, ""},
		"btrfs": {func(w *useWorld) {
			w.on("dm-1", "dm", "vg1-lv1", "dm-0")
			w.opens["/dev/dm-1"]++
			w.numbers["/dev/mapper/vg1-lv1"] = w.numbers["/dev/dm-1"]
			w.table("self/mountinfo", "30 22 0:44 /@ /a rw - btrfs /dev/mapper/vg1-lv1 rw\n")
		}, []Use{{Mounted, "/dev/mapper/vg1-lv1", "/a"}}, ""},
		"part of a btrfs": {func(w *useWorld) {
			w.write("fs/btrfs/1234/devices/dm-0", "")
			w.opens["/dev/dm-0"]++
			w.table("self/mountinfo", "30 22 0:44 /@ /a rw - btrfs /dev/sdz rw\n")
		}, []Use{{Kind: Mounted, Device: "/dev/mapper/mpatha"}}, ""},
		"swap": {func(w *useWorld) {
			p := w.part("sda", "sda1")
			w.table("swaps", "Filename Type\n/dev/"+filepath.Base(p)+" partition 1 0 -2\n")
		}, []Use{{Kind: Swap, Device: "/dev/sda1"}}, ""},
		"array": {func(w *useWorld) {
			w.on("md0", "md", "", "dm-0")
			w.write("md0/md/array_state", "clean\n")
		}, []Use{{Kind: Array, Device: "/dev/md0"}}, ""},
		"array that does not run": {build: func(w *useWorld) {
			w.on("md0", "md", "", "dm-0")
			w.write("md0/md/array_state", "inactive\n")
		}},
		"open volume": {func(w *useWorld) {
			w.on("dm-1", "dm", "vg1-lv1", "dm-0")
			w.opens["/dev/dm-1"]++
		}, []Use{{Kind: Opened, Device: "/dev/mapper/vg1-lv1"}}, ""},
		"open map below a volume": {func(w *useWorld) {
			w.on("dm-1", "dm", "vg1-lv1", "dm-0")
			w.opens["/dev/dm-0"]++
		}, []Use{{Kind: Opened, Device: "/dev/mapper/mpatha"}}, ""},
		"crypt on a partition": {func(w *useWorld) {
			w.on("dm-1", "dm", "mpatha1", "dm-0")
			w.on("dm-2", "dm", "secret", "dm-1")
			w.opens["/dev/dm-2"]++
			w.table("self/mountinfo", "30 22 "+w.numbers["/dev/dm-2"]+" / /a rw - ext4 /dev/mapper/secret rw\n")
		}, []Use{{Mounted, "/dev/mapper/secret", "/a"}}, ""},

		"no table of mounts":  {func(w *useWorld) { os.Remove(filepath.Join(w.proc, "self/mountinfo")) }, nil, "/dev/x: mountinfo: no such file"},
		"no swap":             {build: func(w *useWorld) { os.Remove(filepath.Join(w.proc, "swaps")) }},
		"swap of others":      {build: func(w *useWorld) { w.table("swaps", "F T\n/dev/sdq partition 1 0 -2\n") }},
		"swap without a file": {func(w *useWorld) { w.table("swaps", "F T\n/dev/mapper/mpatha partition 1 0 -2\n") }, []Use{{Kind: Swap, Device: "/dev/mapper/mpatha"}}, ""},
		"device-mapper silent": {func(w *useWorld) {
			w.on("dm-1", "dm", "vg1-lv1", "dm-0")
			w.opens["/dev/dm-1"] = -1
		}, nil, "/dev/x: /dev/mapper/vg1-lv1: input/output error"},
		"disk gone":    {func(w *useWorld) { os.RemoveAll(filepath.Join(w.root, "dev")) }, nil, "/dev/sda: "},
		"no holders":   {func(w *useWorld) { os.RemoveAll(filepath.Join(w.root, "sda/holders")) }, nil, "/dev/x: sda: holders: no such file"},
		"half removed": {func(w *useWorld) { os.Remove(filepath.Join(w.root, "dm-0/dev")) }, nil, "dm-0: the kernel has removed this disk"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newUseWorld(t)
			c.build(w)
			synctest.Test(t, func(t *testing.T) {
				got := w.system().InUse([]*Disk{{Device: "/dev/x", Paths: w.paths("/dev/sda", "/dev/sdb")}})
				if len(got) != 1 {
					t.Fatalf("%d answers to one question", len(got))
				}
				if diff := cmp.Diff(c.want, got[0].Uses); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				var de *DeviceError
				switch err := got[0].Err; {
				case (err == nil) != (c.err == ""):
					t.Errorf("error %v, %q expected", err, c.err)
				case err != nil && (!errors.As(err, &de) || !strings.Contains(err.Error(), c.err)):
					t.Errorf("error %v does not say %q", err, c.err)
				}
			})
		})
	}
}

// Where nothing lies on a disk and no table names it, its claim tells that a file
// system of another name space, or one that hides its disks, is on it.
func TestInUseClaimed(t *testing.T) {
	claim := func(t *testing.T, build func(w *useWorld)) (*useWorld, Usage) {
		w := &useWorld{stack: newStack(t), proc: t.TempDir(), numbers: map[string]string{}, claimed: map[string]error{}}
		w.table("self/mountinfo", "")
		w.disk("sda", 1)
		w.block("sda")
		w.part("sda", "sda1")
		build(w)
		var u Usage
		synctest.Test(t, func(*testing.T) { u = w.system().InUse([]*Disk{{Device: "/dev/sda", Paths: w.paths("/dev/sda")}})[0] })
		return w, u
	}
	w, u := claim(t, func(*useWorld) {})
	if u.Err != nil || len(u.Uses) > 0 {
		t.Errorf("unclaimed: %+v", u)
	}
	if diff := cmp.Diff([]string{"/dev/sda1", "/dev/sda"}, w.asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w, u = claim(t, func(w *useWorld) { w.claimed["/dev/sda1"], w.claimed["/dev/sda"] = syscall.EBUSY, syscall.EBUSY })
	if diff := cmp.Diff(Usage{Uses: []Use{{Kind: Claimed, Device: "/dev/sda1"}}}, u); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := []string{"/dev/sda1", "/dev/sda1", "/dev/sda1"}; !cmp.Equal(w.asked[:3], want) {
		t.Errorf("asked %q, it is to be looked at again", w.asked)
	}
	if _, u = claim(t, func(w *useWorld) { w.claimed["/dev/sda1"] = syscall.EACCES }); !errors.Is(u.Err, syscall.EACCES) {
		t.Errorf("error %v", u.Err)
	}
	// What device-mapper has is its, and is not asked for a claim.
	w, u = claim(t, func(w *useWorld) { w.opens = map[string]int{}; w.on("dm-0", "dm", "vg1-lv1", "sda/sda1") })
	if len(w.asked) > 0 || len(u.Uses) > 0 || u.Err != nil {
		t.Errorf("asked %q: %+v", w.asked, u)
	}
	// An sg device stands for the disk beside it.
	w = newUseWorld(t)
	w.write("sg3/device/type", "0\n")
	link := filepath.Join(w.root, "dev/char/21:3")
	if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(filepath.Join(w.root, "sg3"), link),
		os.MkdirAll(filepath.Join(w.root, "sg3/device/block"), 0o755), os.Symlink(filepath.Join(w.root, "sda"), filepath.Join(w.root, "sg3/device/block/sda"))); err != nil {
		t.Fatal(err)
	}
	w.opens["/dev/dm-0"]++
	s := w.system()
	synctest.Test(t, func(*testing.T) {
		u = s.InUse([]*Disk{{Device: "/dev/sg3", Paths: []Device{{Name: "/dev/sg3", Number: "char 21:3"}}}})[0]
	})
	if diff := cmp.Diff(Usage{Uses: []Use{{Kind: Opened, Device: "/dev/mapper/mpatha"}}}, u); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A program that has a device open for a moment does not use it.
func TestInUseForAMoment(t *testing.T) {
	w := newUseWorld(t)
	synctest.Test(t, func(t *testing.T) {
		s := w.system()
		looks := 0
		s.opens = func(string) (int, error) {
			looks++
			return 1 / looks, nil
		}
		if u := s.InUse([]*Disk{{Device: "/dev/x", Paths: w.paths("/dev/sda")}})[0]; u.Err != nil || len(u.Uses) > 0 || looks != 2 {
			t.Errorf("after %d looks: %+v", looks, u)
		}
	})
}

// The machine that the tests run on has a root file system, and says so.
func TestInUseHere(t *testing.T) {
	s := NewSystem()
	table, err := s.useTables()
	if err != nil || len(table.mounts) == 0 {
		t.Errorf("mounts %v, error %v", table, err)
	}
	if claimed, err := blockClaimed("/dev/null", "1:3"); claimed || err != nil {
		t.Errorf("/dev/null: %v, %v", claimed, err)
	}
	if _, err := blockClaimed("/dev/null", "1:4"); !errors.Is(err, ErrOtherDevice) {
		t.Errorf("/dev/null in place of another device: %v", err)
	}
}
