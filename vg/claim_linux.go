package vg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openCount is how often a device of device-mapper is open.
func (s *System) openCount(number string) (int, error) {
	if s.opens != nil {
		return s.opens(number)
	}
	return mapperOpenCount(number)
}

// mapperOpenCount asks device-mapper. sysfs does not have the number.
func mapperOpenCount(number string) (int, error) {
	first, second, _ := strings.Cut(number, ":")
	major, err := strconv.ParseUint(first, 10, 32)
	if err != nil {
		return 0, err
	}
	minor, err := strconv.ParseUint(second, 10, 32)
	if err != nil {
		return 0, err
	}
	fd, err := retryInterrupted(func() (int, error) {
		return unix.Open(filepath.Join("/dev", unix.DM_DIR, unix.DM_CONTROL_NODE), unix.O_RDWR|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return 0, os.NewSyscallError("device-mapper", err)
	}
	defer unix.Close(fd)
	arg := unix.DmIoctl{Version: [3]uint32{4, 0, 0}, Data_size: uint32(unsafe.Sizeof(unix.DmIoctl{})), Dev: unix.Mkdev(uint32(major), uint32(minor))}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.DM_DEV_STATUS, uintptr(unsafe.Pointer(&arg))); errno != 0 {
		return 0, os.NewSyscallError("device-mapper", errno)
	}
	return int(arg.Open_count), nil
}

// isClaimed reports whether a block device is in somebody's exclusive use.
func (s *System) isClaimed(node, number string) (bool, error) {
	if s.claimed != nil {
		return s.claimed(node, number)
	}
	return blockClaimed(node, number)
}

func blockClaimed(node, number string) (bool, error) {
	fd, err := retryInterrupted(func() (int, error) {
		return unix.Open(node, unix.O_RDONLY|unix.O_EXCL|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	switch {
	case errors.Is(err, unix.EBUSY):
		return true, nil
	case err != nil:
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, os.NewSyscallError("fstat", err)
	}
	if fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)) != number {
		return false, ErrOtherDevice
	}
	return false, nil
}

// DeviceInUse reports whether the kernel has a block device in exclusive use: by
// a mount, by device-mapper and so on. The name is one that mount(8) takes. What is
// no block device, such as a share or a folder, is not used. A logical volume that
// is not active is not either; any other device that is not there may be, by a mount
// that has outlived it. Errors: *DeviceError, fs.ErrNotExist for that.
func (s *System) DeviceInUse(name string) (bool, error) {
	device, ok := deviceFile(name)
	if !ok {
		return false, nil
	}
	used, err := s.deviceInUse(device)
	if err != nil {
		return false, deviceError(name, err)
	}
	return used, nil
}

// deviceFile is the file of a device as mount(8) names it; not ok for what is
// none, as HOST:/SHARE.
func deviceFile(name string) (file string, ok bool) {
	if kind, value, found := strings.Cut(name, "="); found && !strings.Contains(kind, "/") {
		// The links that udev makes of UUID=, LABEL=, PARTUUID= and so on.
		return filepath.Join("/dev/disk", "by-"+strings.ToLower(kind), strings.Trim(value, `"`)), true
	}
	return name, filepath.IsAbs(name)
}

func (s *System) deviceInUse(device string) (bool, error) {
	number, err := blockNumber(s, device)
	switch {
	case errors.Is(err, ErrNotSCSIDisk):
		return false, nil // no block device
	case errors.Is(err, fs.ErrNotExist):
		return s.mappedInUse(device, err)
	case err != nil:
		return false, err
	}
	return s.numberInUse(device, number)
}

// numberInUse is DeviceInUse of the device file that has the number. A multipath
// map always has its paths; then it is the map that counts.
func (s *System) numberInUse(device, number string) (bool, error) {
	claimed, err := s.isClaimed(device, number)
	if err != nil || !claimed {
		return false, err
	}
	dir := filepath.Join(s.sysfs, "dev", "block", number, "holders")
	holders, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	if len(holders) != 1 {
		return true, nil
	}
	holder := filepath.Join(dir, holders[0].Name())
	if !isMultipath(holder) {
		return true, nil
	}
	return s.numberInUse(filepath.Join("/dev", holders[0].Name()), attribute(holder, "dev"))
}

// mappedInUse is DeviceInUse of a device that has no file. For one of
// device-mapper that is no proof: udev makes the files. Without such a device the
// name of a logical volume is that of one which is not active. Otherwise the error is
// the one that is given.
func (s *System) mappedInUse(device string, missing error) (bool, error) {
	name := mapperName(device)
	if name == "" {
		return false, missing
	}
	maps, err := s.mapped()
	if err != nil {
		return false, err
	}
	for _, m := range maps {
		if m.name == name {
			n, err := s.openCount(m.number)
			return n > 0, err
		}
	}
	if strings.HasPrefix(device, "/dev/mapper/") && !strings.Contains(name, "-") {
		return false, missing // a multipath map, or the like, that is gone
	}
	return false, nil
}

// DeviceExists reports whether a device is there, or will be once one of the
// groups is active, whose logical volume it is. Errors, if that is not known:
// *GroupError; *DeviceError with ErrNotYet of a name that is not a logical volume's, such as
// /dev/disk/by-uuid/..., and may be given to one once it is active; with ErrNotHere of what
// is no device of this host.
func (s *System) DeviceExists(ctx context.Context, name string, groups []string) (bool, error) {
	device, ok := deviceFile(name)
	if !ok {
		return false, &DeviceError{Device: name, Err: ErrNotHere}
	}
	_, err := blockNumber(s, device)
	if !errors.Is(err, fs.ErrNotExist) {
		return true, nil // a file can be mounted, too
	}
	mapped := mapperName(device)
	group, volume := splitVolume(mapped)
	switch {
	case slices.Contains(groups, group) && mapped != "":
	case len(groups) > 0:
		return false, &DeviceError{Device: name, Err: ErrNotYet}
	default:
		return false, nil
	}
	inv, err := s.disks.read(ctx)
	if err != nil {
		return false, &GroupError{Group: group, Err: err}
	}
	m, err := inv.find(group)
	if err != nil {
		return false, &GroupError{Group: group, Err: err}
	}
	return slices.Contains(m.Logical, volume), nil
}

// mapperName is the name that device-mapper has for a logical volume, /dev/VG/LV,
// or for what is in /dev/mapper; empty for others.
func mapperName(device string) string {
	rest, ok := strings.CutPrefix(filepath.Clean(device), "/dev/")
	dir, name, found := strings.Cut(rest, "/")
	switch {
	case !ok, !found, strings.Contains(name, "/"):
		return ""
	case dir == "mapper":
		return name
	}
	return strings.ReplaceAll(dir, "-", "--") + "-" + strings.ReplaceAll(name, "-", "--")
}

// mappedDevice is a device of device-mapper.
type mappedDevice struct{ name, uuid, number string }

// mapped lists the devices of device-mapper. What cannot be read of one that is
// there is an error.
func (s *System) mapped() ([]mappedDevice, error) {
	block := filepath.Join(s.sysfs, "block")
	entries, err := os.ReadDir(block)
	if err != nil {
		return nil, err
	}
	var list []mappedDevice
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "dm-") {
			continue
		}
		dir := filepath.Join(block, e.Name())
		m := mappedDevice{}
		for name, to := range map[string]*string{"dm/name": &m.name, "dm/uuid": &m.uuid, "dev": &m.number} {
			text, readErr := os.ReadFile(filepath.Join(dir, name))
			err = errors.Join(err, readErr)
			*to = strings.TrimSpace(string(text))
		}
		switch {
		case err == nil:
			list = append(list, m)
		case !exists(dir):
			err = nil // gone meanwhile
		default:
			return nil, err
		}
	}
	return list, nil
}

// ActiveVolumes lists the active logical volumes of a group, by the names that
// device-mapper has for them. Errors: *GroupError, if not all can be seen.
func (s *System) ActiveVolumes(group string) ([]string, error) {
	maps, err := s.mapped()
	if err != nil {
		return nil, &GroupError{Group: group, Err: err}
	}
	var active []string
	for _, m := range maps {
		if g, _ := splitVolume(m.name); g == group && strings.HasPrefix(m.uuid, "LVM-") {
			active = append(active, m.name)
		}
	}
	return active, nil
}

// splitVolume takes the name that device-mapper has for a logical volume apart:
// GROUP-VOLUME, where a dash in either is doubled.
func splitVolume(name string) (group, volume string) {
	for i := 0; i < len(name); i++ {
		if name[i] != '-' {
			continue
		}
		if i+1 < len(name) && name[i+1] == '-' {
			i++
			continue
		}
		return strings.ReplaceAll(name[:i], "--", "-"), strings.ReplaceAll(name[i+1:], "--", "-")
	}
	return strings.ReplaceAll(name, "--", "-"), ""
}

// errNoMounts says that the table of mounts has not even a root.
var errNoMounts = errors.New("the table of mounts is empty")

// Mounts lists the folders on which something is mounted, as this process sees
// them. See proc_pid_mountinfo(5).
func (s *System) Mounts() ([]string, error) {
	text, err := os.ReadFile(procFile(s, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("mountinfo: %w", errors.Unwrap(err))
	}
	var dirs []string
	for line := range strings.Lines(string(text)) {
		const directory = 4
		if f := strings.Fields(line); len(f) > directory {
			dirs = append(dirs, unescapeProc(f[directory]))
		}
	}
	if len(dirs) == 0 {
		return nil, errNoMounts
	}
	return dirs, nil
}
