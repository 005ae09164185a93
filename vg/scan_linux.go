package vg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/vg/lvmmeta"
)

// scanner finds the block devices that may be physical volumes and reads them.
type scanner struct {
	// sysfs and dev are where sysfs and the device files are.
	sysfs, dev string
	// globs, separated by blanks, choose the device files; empty for all block
	// devices.
	globs string
	// wait is how long one device may take.
	wait time.Duration
	open func(node, number string) (device, error)
}

// device is an open block device.
type device interface {
	ReadAt(p []byte, off int64) (int, error)
	Close() error
}

// readWait is how long a device may take to be opened and read. That is longer
// than a multipath map takes to go over to another path, and short enough for a
// takeover with a hung disk that has nothing to do with it.
const readWait = 10 * time.Second

// readParallel is how many devices are read at once.
const readParallel = 32

// candidate is a block device that may be a physical volume.
type candidate struct {
	// name is what lvm2 calls it, and the device file to open.
	name string
	// dir is its folder in sysfs, number its major:minor.
	dir, number string
	size        int64
	// mapped says that it is a device of device-mapper, table that a partition
	// table may be on it: neither that nor a partition.
	mapped, table bool
}

// seen is a candidate that was read. Without a volume and an error it is
// something else than a physical volume.
type seen struct {
	candidate
	volume *lvmmeta.Volume
	err    error
}

// list finds the candidates in the order of their names. Errors: *DeviceError
// for a glob that fits nothing, and what is wrong with sysfs.
func (s *scanner) list() ([]candidate, error) {
	dirs, err := s.folders()
	if err != nil {
		return nil, err
	}
	byName := map[string][]candidate{}
	for dir, found := range dirs {
		if c, ok := s.candidate(dir, found); ok {
			byName[c.name] = append(byName[c.name], c)
		}
	}
	var all []candidate
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name]...)
	}
	return all, nil
}

// folders lists the sysfs folders of block devices, each with the device file
// by which a glob has found it.
func (s *scanner) folders() (map[string]string, error) {
	dirs := map[string]string{}
	class := filepath.Join(s.sysfs, "class", "block")
	if s.globs == "" {
		entries, err := os.ReadDir(class)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			// One that has gone meanwhile is none.
			if to, err := os.Readlink(filepath.Join(class, e.Name())); err == nil {
				dirs[absolute(class, to)] = ""
			}
		}
		return dirs, nil
	}
	for _, glob := range strings.Fields(s.globs) {
		files, err := filepath.Glob(glob)
		if err == nil && len(files) == 0 {
			err = ErrNoMatch
		}
		if err != nil {
			return nil, &DeviceError{Device: glob, Err: err}
		}
		for _, file := range files {
			var st unix.Stat_t
			if unix.Stat(file, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
				continue
			}
			number := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
			if dir, err := filepath.EvalSymlinks(filepath.Join(s.sysfs, "dev", "block", number)); err == nil {
				dirs[dir] = file
			}
		}
	}
	return dirs, nil
}

// absolute is what a link in a folder points at. In sysfs no other links lie on
// the way, so that a look at each folder on it can be saved.
func absolute(dir, to string) string {
	if filepath.IsAbs(to) {
		return to
	}
	return filepath.Join(dir, to)
}

// candidate looks at the sysfs folder of a block device. It is no candidate if
// lvm2 would not look at it either, or if nothing is in it.
func (s *scanner) candidate(dir, found string) (candidate, bool) {
	kernel := filepath.Base(dir)
	if isVolatile(kernel) {
		return candidate{}, false
	}
	sectors, err := strconv.ParseInt(attribute(dir, "size"), 10, 54)
	if err != nil || sectors <= 0 {
		return candidate{}, false
	}
	// Only the paths of an NVMe multipath device are hidden: they have no device file.
	if strings.HasPrefix(kernel, "nvme") && attribute(dir, "hidden") == "1" {
		return candidate{}, false
	}
	number, part := event(dir)
	if number == "" || isPart(dir) || part && isPart(filepath.Dir(dir)) {
		return candidate{}, false
	}
	mapped := exists(filepath.Join(dir, "dm"))
	// A physical volume on a logical one is a virtual machine's: lvm2 leaves
	// them alone unless devices/scan_lvs is set.
	if mapped && strings.HasPrefix(attribute(dir, "dm/uuid"), "LVM-") {
		return candidate{}, false
	}
	// Device-mapper has no partitions of its own.
	c := candidate{dir: dir, number: number, size: sectors * 512, mapped: mapped, table: !part && !mapped}
	c.name = s.name(c, found)
	return c, true
}

// event is what the kernel tells udev of a device, as far as it matters: its
// major:minor number, and whether it is a partition. One file has it all, and
// each costs as much as a command to a fast disk.
func event(dir string) (number string, part bool) {
	var major, minor string
	for line := range strings.Lines(attribute(dir, "uevent")) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key {
		case "MAJOR":
			major = value
		case "MINOR":
			minor = value
		case "DEVTYPE":
			part = value == "partition"
		}
	}
	if major == "" || minor == "" {
		return "", part
	}
	return major + ":" + minor, part
}

// isVolatile reports whether the kernel's name is that of a device that no
// physical volume can be on.
func isVolatile(kernel string) bool {
	for _, prefix := range []string{"ram", "zram", "sr", "fd"} {
		if number, ok := strings.CutPrefix(kernel, prefix); ok && number != "" && strings.Trim(number, "0123456789") == "" {
			return true
		}
	}
	return false
}

// isPart reports whether a device is part of a multipath map or an array: what
// it holds is that one's, and appears on all parts alike.
func isPart(dir string) bool {
	holders, err := os.ReadDir(filepath.Join(dir, "holders"))
	if err != nil {
		return false
	}
	for _, h := range holders {
		holder := filepath.Join(dir, "holders", h.Name())
		if isMultipath(holder) || exists(filepath.Join(holder, "md")) {
			return true
		}
	}
	return false
}

// name is what lvm2 calls a device. Where it has no file of that name (udev
// does not run) it is the one by which a glob has found it, or the kernel's.
func (s *scanner) name(c candidate, found string) string {
	if c.mapped {
		if alias := attribute(c.dir, "dm/name"); alias != "" {
			if nice := filepath.Join(s.dev, "mapper", alias); exists(nice) {
				return nice
			}
		}
	}
	name := filepath.Join(s.dev, strings.ReplaceAll(filepath.Base(c.dir), "!", "/"))
	if found != "" && !exists(name) {
		return found
	}
	return name
}

// attribute is the text of a file in sysfs, empty if there is none.
func attribute(dir, name string) string {
	return strings.TrimSpace(string(attributeBytes(dir, name)))
}

// attributeBytes is a file in sysfs, no longer than a page; nil if there is none.
func attributeBytes(dir, name string) []byte {
	// There are many of these files: what package os does beside would take
	// longer than this.
	fd, err := retryInterrupted(func() (int, error) {
		return unix.Open(filepath.Join(dir, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var b [4096]byte
	n, err := retryInterrupted(func() (int, error) { return unix.Read(fd, b[:]) })
	if err != nil {
		return nil
	}
	return bytes.Clone(b[:n])
}

// readAll reads the candidates, all at once as far as that is reasonable. It
// comes back in time, whatever the devices do: with three times what one may
// take, however many hang.
func (s *scanner) readAll(ctx context.Context, all []candidate) []seen {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*s.wait, os.ErrDeadlineExceeded)
	defer cancel()
	list, reader := make([]seen, len(all)), lvmmeta.NewReader()
	slots := make(chan struct{}, readParallel)
	var wg sync.WaitGroup
	for i, c := range all {
		slots <- struct{}{}
		wg.Go(func() {
			list[i] = s.readInTime(ctx, reader, c)
			<-slots
		})
	}
	wg.Wait()
	return list
}

// readInTime reads one device. A read that hangs cannot be called back: its
// goroutine, with a thread, stays until the kernel gives the command up.
func (s *scanner) readInTime(ctx context.Context, reader *lvmmeta.Reader, c candidate) seen {
	ctx, cancel := context.WithTimeoutCause(ctx, s.wait, os.ErrDeadlineExceeded)
	defer cancel()
	if ctx.Err() != nil {
		return seen{candidate: c, err: context.Cause(ctx)}
	}
	if why := s.wouldHang(c); why != nil {
		return seen{candidate: c, err: why}
	}
	done := make(chan seen, 1)
	go func() { done <- s.read(reader, c) }()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return seen{candidate: c, err: context.Cause(ctx)}
	}
}

// errSuspended and errNoPath are why a device is not read at all: the read would
// wait, unkillable, until somebody resumes it or a path comes back.
var (
	errSuspended = errors.New("suspended")
	errNoPath    = errors.New("no path to it works")
)

// wouldHang finds device-mapper devices that are known to hang.
func (s *scanner) wouldHang(c candidate) error {
	if !c.mapped {
		return nil
	}
	if attribute(c.dir, "dm/suspended") == "1" {
		return errSuspended
	}
	if !isMultipath(c.dir) {
		return nil
	}
	slaves, err := os.ReadDir(filepath.Join(c.dir, "slaves"))
	if err != nil {
		return nil
	}
	for _, path := range slaves {
		switch attribute(filepath.Join(c.dir, "slaves", path.Name()), "device/state") {
		case "offline", "transport-offline", "cancel", "deleted":
		default:
			return nil
		}
	}
	return errNoPath
}

// read reads a device to its end, which may take forever.
func (s *scanner) read(reader *lvmmeta.Reader, c candidate) seen {
	r := seen{candidate: c}
	d, err := s.open(c.name, c.number)
	if err == nil {
		r.volume, err = reader.Read(d, c.size)
		if closeErr := d.Close(); err == nil {
			err = closeErr
		}
	}
	switch {
	case errors.Is(err, lvmmeta.ErrNoLabel), errors.Is(err, syscall.ENOMEDIUM), errors.Is(err, syscall.ENXIO):
		return seen{candidate: c}
	case err != nil:
		return seen{candidate: c, err: err}
	case c.table && r.volume.Partitioned:
		return seen{candidate: c}
	}
	return r
}
