package vg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"lunguard/scsi"
)

// System is the machine that this process runs on.
type System struct {
	// sysfs is where sysfs is mounted.
	sysfs string
	lvm   lvmReports
	// disks are read if lvm2 is not installed, or, with noLVM, in any case.
	disks inventories
	noLVM bool
}

// NewSystem returns the machine that this process runs on.
func NewSystem() *System {
	return &System{sysfs: "/sys", lvm: lvmReports{run: runLVM}, disks: inventories{scan: newScanner("/sys", "")}}
}

// WithoutLVM returns the same machine, whose groups are found without lvm2: what
// it has written on the disks is read. The globs, separated by blanks, choose
// the device files; if scan is empty all block devices are read that lvm2 would
// read by default.
func (s *System) WithoutLVM(scan string) *System {
	return &System{sysfs: s.sysfs, disks: inventories{scan: newScanner(s.sysfs, scan)}, noLVM: true}
}

// Hostname returns the host name up to its first dot.
func (s *System) Hostname() (string, error) {
	name, err := os.Hostname()
	short, _, _ := strings.Cut(name, ".")
	return short, err
}

// Group asks lvm2. If it is not installed, what it has written on the disks is
// read without it. Errors: *GroupError with a reason of this package.
func (s *System) Group(ctx context.Context, name string) (*Group, error) {
	if !s.noLVM {
		g, err := s.lvm.group(ctx, name)
		if !errors.Is(err, exec.ErrNotFound) {
			return g, err
		}
	}
	g, err := s.groupOnDisks(ctx, name)
	if err != nil {
		return nil, &GroupError{Group: name, Err: err}
	}
	return g, nil
}

// Open opens a path for SG_IO, without any command.
func (s *System) Open(path string) (Path, error) {
	d, err := scsi.OpenSG(path, scsi.OpenReadOnly)
	if err != nil {
		return nil, deviceError(path, err)
	}
	return d, nil
}

// deviceError keeps the reason and leaves out what *os.PathError repeats.
func deviceError(device string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if errors.Is(err, scsi.ErrNotBlockDevice) {
		err = ErrNotSCSIDisk
	}
	return &DeviceError{Device: device, Err: err}
}

// Disk finds the LUN under a disk, a partition or an sg device by sysfs alone:
// names mean nothing.
func (s *System) Disk(device string) (*Disk, error) {
	var st unix.Stat_t
	if err := unix.Stat(device, &st); err != nil {
		return nil, deviceError(device, err)
	}
	var kind string
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		kind = "block"
	case unix.S_IFCHR:
		kind = "char"
	default:
		return nil, &DeviceError{Device: device, Err: ErrNotSCSIDisk}
	}
	link := filepath.Join(s.sysfs, "dev", kind, fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil, &DeviceError{Device: device, Err: ErrNotSCSIDisk}
	}
	return s.diskIn(device, dir)
}

// diskIn finds the LUN of the device whose sysfs folder is dir.
func (s *System) diskIn(device, dir string) (*Disk, error) {
	luns, err := s.lunsUnder(dir, 0)
	if err != nil {
		return nil, &DeviceError{Device: device, Err: err}
	}
	if len(luns) > 1 {
		return nil, &DeviceError{Device: device, Err: fmt.Errorf("%w: %s over %s", ErrStacked, filepath.Base(dir), names(luns))}
	}
	d := &Disk{Device: device, WWID: luns[0].wwid}
	for _, path := range luns[0].paths {
		d.Paths = append(d.Paths, s.node(device, path))
	}
	return d, nil
}

// node names the device file of a whole disk. An sg device stands for itself.
func (s *System) node(device, dir string) string {
	if strings.HasPrefix(filepath.Base(dir), "sg") {
		return device
	}
	// sysfs writes ! for the / of names such as cciss/c0d0.
	return filepath.Join("/dev", strings.ReplaceAll(filepath.Base(dir), "!", "/"))
}

// wwid reads the kernel's copy of the device identification page, so that no
// command is needed. It is empty if the kernel has none.
func wwid(scsiDir string) string {
	page, err := os.ReadFile(filepath.Join(scsiDir, "vpd_pg83"))
	if err != nil {
		return ""
	}
	names, err := scsi.DecodeDesignators(page)
	if err != nil {
		return ""
	}
	return names.WWID()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
