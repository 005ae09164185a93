package vg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"lunguard/child"
	"lunguard/nvme"
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
	scsi  scsiDisks
	nvme  nvmeDisks
	// pending is where processes tell each other of commands that were given up;
	// see [pending.Gate].
	pending string
	// proc replaces /proc, byID /dev/disk/by-id, number deviceNumber, opens mapperOpenCount and claimed
	// blockClaimed in tests.
	proc    string
	byID    string
	number  func(device string) (kind, number string, err error)
	opens   func(number string) (int, error)
	claimed func(node, number string) (bool, error)
}

// pendingDir is the place of root's processes. Nobody else can send the commands
// that it is about.
const pendingDir = "/run/lunguard/pending"

// NewSystem returns the machine that this process runs on.
func NewSystem() *System {
	s := &System{sysfs: "/sys", lvm: lvmReports{run: runLVM}, disks: inventories{scan: newScanner("/sys", "")}}
	if os.Geteuid() == 0 {
		s.pending = pendingDir
	}
	return s
}

// WithoutLVM returns the same machine, whose groups are found without lvm2: what
// it has written on the disks is read. The globs, separated by blanks, choose
// the device files; if scan is empty all block devices are read that lvm2 would
// read by default.
func (s *System) WithoutLVM(scan string) *System {
	return &System{sysfs: s.sysfs, disks: inventories{scan: newScanner(s.sysfs, scan)}, noLVM: true, pending: s.pending}
}

// Hostname returns the host name up to its first dot.
func (s *System) Hostname() (string, error) {
	name, err := os.Hostname()
	short, _, _ := strings.Cut(name, ".")
	return short, err
}

// Group asks lvm2. If it is not installed or does not answer in time, what it has
// written on the disks is read without it. Errors: *GroupError with a reason of this
// package.
func (s *System) Group(ctx context.Context, name string) (*Group, error) {
	var hung *child.HungError
	var unread *UnreadError
	missing := false
	if !s.noLVM {
		g, err := s.lvm.group(ctx, name)
		missing = errors.Is(err, exec.ErrNotFound)
		if !missing && !errors.As(err, &hung) {
			return g, err
		}
	}
	g, err := s.groupOnDisks(ctx, name)
	switch {
	case missing && errors.Is(err, ErrNoGroup) && !errors.As(err, &unread):
		return nil, &GroupError{Group: name, Err: fmt.Errorf("%w: %w", err, ErrReadWithoutLVM)}
	case err != nil && hung != nil:
		return nil, &GroupError{Group: name, Err: fmt.Errorf("%w; read without it, %w: %w", err, ErrNoLVM, hung)}
	case err != nil:
		return nil, &GroupError{Group: name, Err: err}
	case hung != nil:
		g.Warnings = append(g.Warnings, hung.Error()+"; the volume groups were read without it")
	}
	return g, nil
}

// Open opens a path for SG_IO, without any command.
func (s *System) Open(path Device) (Path, error) {
	d, err := path.OpenSG(scsi.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	d.Dir = s.pending
	return d, nil
}

// OpenSG opens the device for SG_IO, if its name still leads to it. Errors:
// *DeviceError, ErrOtherDevice if it does not.
func (d Device) OpenSG(mode scsi.OpenMode) (*scsi.SGDevice, error) {
	sg, err := scsi.OpenSG(d.Name, mode)
	if err != nil {
		return nil, deviceError(d.Name, err)
	}
	kind, number := sg.Number()
	if numbered(kind, number) != d.Number {
		return nil, deviceError(d.Name, errors.Join(ErrOtherDevice, sg.Close()))
	}
	return sg, nil
}

// numbered is the number of a device in a [Device]; empty for none.
func numbered(kind, number string) string {
	if kind == "char" && number != "" {
		return "char " + number
	}
	return number
}

// deviceError keeps the reason and leaves out what *os.PathError repeats.
func deviceError(device string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if errors.Is(err, scsi.ErrNotBlockDevice) || errors.Is(err, nvme.ErrNotDevice) || errors.Is(err, nvme.ErrNotNamespace) {
		err = ErrNotSCSIDisk
	}
	return &DeviceError{Device: device, Err: err}
}

// folder is the sysfs folder of a device file, which its number leads to.
func (s *System) folder(device string) (string, error) {
	number := s.number
	if number == nil {
		number = deviceNumber
	}
	kind, of, err := number(device)
	if err != nil {
		return "", deviceError(device, err)
	}
	dir, err := s.folderOf(Device{Name: device, Number: numbered(kind, of)})
	if err != nil {
		return "", &DeviceError{Device: device, Err: ErrNotSCSIDisk}
	}
	return dir, nil
}

// folderOf is the sysfs folder of a device, by its number alone. Errors:
// *DeviceError, ErrGone if the kernel has no such device any more.
func (s *System) folderOf(d Device) (string, error) {
	at, number := filepath.Join(s.sysfs, "dev", "block"), d.Number
	if char, ok := strings.CutPrefix(number, "char "); ok {
		at, number = filepath.Join(s.sysfs, "dev", "char"), char
	}
	to, err := os.Readlink(filepath.Join(at, number))
	if err != nil || number == "" {
		return "", &DeviceError{Device: d.Name, Err: ErrGone}
	}
	return absolute(at, to), nil
}

// deviceNumber is the kind (block or char) and the major:minor number of a
// device file.
func deviceNumber(device string) (kind, number string, err error) {
	var st unix.Stat_t
	if err := unix.Stat(device, &st); err != nil {
		return "", "", err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		kind = "block"
	case unix.S_IFCHR:
		kind = "char"
	default:
		return "", "", ErrNotSCSIDisk
	}
	return kind, fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil
}

// Disk finds the LUN under a disk, a partition or an sg device, or under what
// lies on one, by sysfs alone: names mean nothing.
//
// The paths are all that this machine has to the LUN: those of a multipath map,
// and disks that the map does not have yet. Several disks that no map joins are
// refused, since what is written to one of them knows nothing of the others, and so is
// a name that states another LUN.
func (s *System) Disk(device string) (*Disk, error) { return lookUp(s, device, false) }

// Paths is Disk without the first refusal.
func (s *System) Paths(device string) (*Disk, error) { return lookUp(s, device, true) }

// lookUp finds the LUN that a name leads to, and states if it states one.
func lookUp(s *System, device string, loose bool) (*Disk, error) {
	dir, err := s.folder(device)
	if err != nil {
		return nil, err
	}
	d, err := s.diskIn(device, dir, loose)
	if err != nil {
		return nil, err
	}
	if d.Stated, err = CheckName(device, os.Readlink, knownNames(s, d)); err != nil {
		return nil, &DeviceError{Device: device, Err: err}
	}
	return d, nil
}

// knownNames are what the kernel knows a LUN by.
func knownNames(s *System, d *Disk) []string {
	known := []string{d.WWID}
	dir, err := s.folderOf(d.Paths[0])
	if err != nil {
		return known // gone meanwhile
	}
	names, err := scsi.DecodeDesignators(attributeBytes(filepath.Join(dir, "device"), "vpd_pg83"))
	if err != nil {
		return known // it has no copy of them, or it is a namespace
	}
	return append(known, names.Names()...)
}

// diskIn finds the LUN of the device whose sysfs folder is dir. loose says that
// no multipath map is needed to join its paths.
func (s *System) diskIn(device, dir string, loose bool) (*Disk, error) {
	luns, err := s.lunsUnder(dir, 0)
	if err != nil {
		return nil, &DeviceError{Device: device, Err: err}
	}
	if len(luns) > 1 {
		return nil, &DeviceError{Device: device, Err: fmt.Errorf("%w: %s over %s", ErrStacked, filepath.Base(dir), names(luns))}
	}
	paths := luns[0].paths
	others := s.scsi.others
	if luns[0].namespace {
		others = s.nvme.others
	}
	if more := others(s.sysfs, luns[0]); len(more) > 0 {
		paths = slices.Concat(paths, more)
		if !loose && !isJoined(paths) {
			return nil, &DeviceError{Device: device, Err: &UnjoinedError{WWID: luns[0].wwid, Disks: bases(paths)}}
		}
	}
	d := &Disk{Device: device, WWID: luns[0].wwid}
	for _, path := range paths {
		of, err := s.device(device, path)
		if err != nil {
			return nil, &DeviceError{Device: device, Err: err}
		}
		d.Paths = append(d.Paths, of)
	}
	for _, name := range luns[0].gone {
		d.Gone = append(d.Gone, s.node(device, name))
	}
	return d, nil
}

// device is the path whose sysfs folder is dir, to a LUN that was asked for as asked.
func (s *System) device(asked, dir string) (Device, error) {
	if _, ok := namespaceIn(dir); ok {
		return s.nvme.device(s.sysfs, s.node(asked, dir), dir)
	}
	kind := "block"
	if isSG(dir) {
		kind = "char"
	}
	return Device{Name: s.node(asked, dir), Number: numbered(kind, attribute(dir, "dev")), Identity: s.scsi.identity(s.sysfs, dir)}, nil
}

// isSG reports whether a sysfs folder is that of an sg device.
func isSG(dir string) bool { return strings.HasPrefix(filepath.Base(dir), "sg") }

// node names the device file of a whole disk. An sg device stands for itself, and so
// does the character device of a namespace.
func (s *System) node(device, dir string) string {
	if disk, ok := namespaceIn(dir); isSG(dir) || ok && disk != dir {
		return device
	}
	// sysfs writes ! for the / of names such as cciss/c0d0.
	return filepath.Join("/dev", strings.ReplaceAll(filepath.Base(dir), "!", "/"))
}

// diskNames is what the device identification page says of a disk.
type diskNames struct {
	// wwid is the LUN's name in the world, empty if it has none.
	wwid string
	// port is the relative identifier of the target port, 0 if it is not told.
	port uint16
}

// readDiskNames reads the kernel's copy of the page, so that no command is needed. It
// is empty if the kernel has none.
func readDiskNames(scsiDir string) diskNames {
	names, err := scsi.DecodeDesignators(attributeBytes(scsiDir, "vpd_pg83"))
	if err != nil {
		return diskNames{}
	}
	return diskNames{names.WWID(), names.TargetPort().Relative}
}

func exists(path string) bool { return unix.Access(path, unix.F_OK) == nil }
