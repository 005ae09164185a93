package vg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// InUse tells what uses each of the LUNs: the kernel's tables of mounts and of
// swap space, arrays, open devices of device-mapper, and disks and partitions
// that are claimed. What lies on a LUN and nobody has open, such as an active
// logical volume, is no use. Nor is a disk that a process has opened without a
// claim, which the kernel does not tell.
func (s *System) InUse(disks []*Disk) []Usage {
	list := make([]Usage, len(disks))
	t, err := s.useTables()
	var group errgroup.Group
	// Each may wait for a use that is over in a moment.
	group.SetLimit(usesAtOnce)
	for i, d := range disks {
		group.Go(func() error {
			if err != nil {
				list[i].Err = deviceError(d.Device, err)
			} else {
				list[i] = s.usage(d, t)
			}
			return nil
		})
	}
	_ = group.Wait() // none has an error
	return list
}

// useTables are what the kernel lists of uses.
type useTables struct {
	// mounts are the folders on which something is mounted, by the device's
	// major:minor.
	mounts map[string][]string
	// swaps are by major:minor, and by the last part of the name.
	swaps map[string]bool
	// btrfs are the kernel's names of devices of mounted file systems, which may
	// have several and name one of them only.
	btrfs map[string]bool
}

func procFile(s *System, name string) string {
	if s.proc == "" {
		return filepath.Join("/proc", name)
	}
	return filepath.Join(s.proc, name)
}

// useTables reads the tables. One that this kernel does not have is empty, but
// for the one of mounts.
func (s *System) useTables() (*useTables, error) {
	t := &useTables{mounts: map[string][]string{}, swaps: map[string]bool{}, btrfs: map[string]bool{}}
	mounts, err := os.ReadFile(procFile(s, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("mountinfo: %w", errors.Unwrap(err))
	}
	for line := range strings.Lines(string(mounts)) {
		takeMount(s, t, line)
	}
	swaps, err := os.ReadFile(procFile(s, "swaps"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("swaps: %w", errors.Unwrap(err))
	}
	for line := range strings.Lines(string(swaps)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "partition" {
			file := unescapeProc(f[0])
			if number, err := blockNumber(s, file); err == nil {
				t.swaps[number] = true
			}
			// The file may have gone since.
			t.swaps[filepath.Base(file)] = true
		}
	}
	members, err := filepath.Glob(filepath.Join(s.sysfs, "fs", "btrfs", "*", "devices", "*"))
	for _, m := range members {
		t.btrfs[filepath.Base(m)] = true
	}
	return t, err
}

// takeMount takes one line of mountinfo, see proc_pid_mountinfo(5). File systems
// that can be on several devices, such as btrfs, have a number of their own there,
// and name a device behind it.
func takeMount(s *System, t *useTables, line string) {
	const number, directory, source = 2, 4, 1
	mount, kind, _ := strings.Cut(line, " - ")
	f, g := strings.Fields(mount), strings.Fields(kind)
	if len(f) <= directory {
		return
	}
	at := unescapeProc(f[directory])
	t.mounts[f[number]] = append(t.mounts[f[number]], at)
	if !strings.HasPrefix(f[number], "0:") || len(g) <= source || !strings.HasPrefix(g[source], "/dev/") {
		return
	}
	if of, err := blockNumber(s, unescapeProc(g[source])); err == nil {
		t.mounts[of] = append(t.mounts[of], at)
	}
}

// unescapeProc undoes how the kernel writes names in its tables.
func unescapeProc(name string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(name)
}

// blockNumber is the major:minor number of a block device's file.
func blockNumber(s *System, device string) (string, error) {
	number := s.number
	if number == nil {
		number = deviceNumber
	}
	kind, of, err := number(device)
	if err == nil && kind != "block" {
		err = ErrNotSCSIDisk
	}
	return of, err
}

// usage looks at one LUN.
func (s *System) usage(d *Disk, t *useTables) Usage {
	w := &useWalk{sys: s, tables: t, seen: map[string]bool{}}
	err := w.disk(d)
	if err == nil && len(w.uses) == 0 {
		err = w.claims()
	}
	u := Usage{Uses: w.uses}
	if err != nil {
		u.Err = deviceError(d.Device, err)
	}
	return u
}

// useWalk goes from a LUN's disks up to what lies on them.
type useWalk struct {
	sys    *System
	tables *useTables
	seen   map[string]bool
	uses   []Use
	// bare are the disks and partitions on which nothing lies.
	bare []string
}

func (w *useWalk) disk(d *Disk) error {
	for _, path := range d.Paths {
		dir, err := w.sys.folderOf(path)
		if err != nil {
			return err
		}
		if disk, ok := namespaceIn(dir); ok {
			dir = disk
		}
		dirs := []string{dir}
		if isSG(dir) {
			// The disk beside an sg device.
			if dirs, err = filepath.Glob(filepath.Join(dir, "device", "block", "*")); err != nil {
				return err
			}
		}
		for _, dir := range dirs {
			if _, err := w.device(dir, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// device looks at a block device and all that lies on it, and reports whether
// anything does.
func (w *useWalk) device(dir string, depth int) (covered bool, err error) {
	if depth > maxDepth {
		return false, errDepth
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if w.seen[dir] {
		return true, nil
	}
	w.seen[dir] = true
	parts, err := filepath.Glob(filepath.Join(dir, "*", "partition"))
	if err != nil {
		return false, err
	}
	for _, p := range parts {
		on, err := w.device(filepath.Dir(p), depth+1)
		if err != nil {
			return false, err
		}
		covered = covered || on
	}
	holders, err := os.ReadDir(filepath.Join(dir, "holders"))
	if err != nil {
		return false, fmt.Errorf("%s: holders: %w", filepath.Base(dir), errors.Unwrap(err))
	}
	for _, h := range holders {
		if _, err := w.device(filepath.Join(dir, "holders", h.Name()), depth+1); err != nil {
			return false, err
		}
	}
	covered = covered || len(holders) > 0
	return covered, w.judge(dir, len(holders), covered)
}

// judge finds out how a block device with so many holders is used itself.
func (w *useWalk) judge(dir string, holders int, covered bool) error {
	number, name := attribute(dir, "dev"), useName(w.sys, dir)
	if number == "" {
		return fmt.Errorf("%s: %w", filepath.Base(dir), ErrGone)
	}
	before := len(w.uses)
	for _, at := range w.tables.mounts[number] {
		w.uses = append(w.uses, Use{Kind: Mounted, Device: name, At: at})
	}
	if w.tables.btrfs[filepath.Base(dir)] && len(w.uses) == before {
		w.uses = append(w.uses, Use{Kind: Mounted, Device: name})
	}
	if w.tables.swaps[number] || w.tables.swaps[filepath.Base(dir)] || w.tables.swaps[filepath.Base(name)] {
		w.uses = append(w.uses, Use{Kind: Swap, Device: name})
	}
	switch {
	case exists(filepath.Join(dir, "md")):
		if state := attribute(dir, "md/array_state"); state != "clear" && state != "inactive" {
			w.uses = append(w.uses, Use{Kind: Array, Device: name})
		}
	case exists(filepath.Join(dir, "dm")):
		if len(w.uses) > before {
			return nil
		}
		open, err := lasting(func() (bool, error) {
			n, err := w.sys.openCount(number)
			// Each device that lies on it has it open once.
			return n > holders, err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if open {
			w.uses = append(w.uses, Use{Kind: Opened, Device: name})
		}
	case !covered:
		w.bare = append(w.bare, dir)
	}
	return nil
}

// claims looks whether those disks and partitions on which nothing lies belong
// to somebody all the same: a mount in another name space, or a file system of
// which the tables do not tell the disks.
func (w *useWalk) claims() error {
	for _, dir := range w.bare {
		node := filepath.Join("/dev", strings.ReplaceAll(filepath.Base(dir), "!", "/"))
		claimed, err := lasting(func() (bool, error) { return w.sys.isClaimed(node, attribute(dir, "dev")) })
		if err != nil {
			return fmt.Errorf("%s: %w", node, err)
		}
		if claimed && !slices.ContainsFunc(w.uses, func(u Use) bool { return strings.HasPrefix(u.Device, node) }) {
			// A partition that is claimed keeps its disk from being so.
			w.uses = append(w.uses, Use{Kind: Claimed, Device: node})
		}
	}
	return nil
}

// useName is the device file of what is used, of a device of device-mapper the one
// that people know.
func useName(s *System, dir string) string {
	if alias := attribute(dir, "dm/name"); alias != "" {
		return filepath.Join("/dev/mapper", alias)
	}
	return filepath.Join("/dev", strings.ReplaceAll(filepath.Base(dir), "!", "/"))
}

// Looks at a use that may be over in a moment, such as that of a program which
// reads what is on a new device.
const (
	useLooks = 3
	usePause = 200 * time.Millisecond
	// usesAtOnce is how many LUNs are looked at, at the same time.
	usesAtOnce = 256
)

// lasting reports whether something is so, and stays so.
func lasting(is func() (bool, error)) (bool, error) {
	for n := 1; ; n++ {
		yes, err := is()
		if err != nil || !yes || n == useLooks {
			return yes, err
		}
		time.Sleep(usePause)
	}
}
