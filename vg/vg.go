// Package vg finds the LUNs behind the names that people use: from a volume
// group to its physical volumes, from a physical volume to the logical unit
// that it lies on, from there to this host's paths.
//
// A [Host] is either the machine that the process runs on ([System]) or a
// simulated one (package simhost).
package vg

import (
	"context"
	"errors"
	"fmt"
	"io"

	"lunguard/nvme"
	"lunguard/pr"
	"lunguard/scsi"
)

// Host is a machine with block devices and volume groups.
type Host interface {
	// Hostname is the short name of the host.
	Hostname() (string, error)
	// Group lists the physical volumes of a volume group, which is named as
	// VG or /dev/VG. Errors: *GroupError.
	Group(ctx context.Context, name string) (*Group, error)
	// Disk finds the LUN under a device. It sends no SCSI command. Errors:
	// *DeviceError.
	Disk(device string) (*Disk, error)
	// Paths is Disk for a path that has come back: it does not mind if no
	// multipath map joins the paths of the LUN (yet).
	Paths(device string) (*Disk, error)
	// LUNs lists the LUNs of this host. It sends no SCSI command.
	LUNs() ([]Listed, error)
	// Groups lists the volume groups with a volume here, as far as they can be told.
	Groups(ctx context.Context) ([]Group, error)
	// InUse tells what of this host uses each of the LUNs, in their order. It
	// sends no SCSI command.
	InUse(disks []*Disk) []Usage
	// Open opens one of a Disk's paths, if its name still leads to the device that
	// it was found as. It sends no SCSI command. Errors: *DeviceError,
	// ErrOtherDevice if it does not.
	Open(path Device) (Path, error)
	// OpenNamespace is Open for a device of an NVMe namespace. Controllers that nobody
	// but themselves knows the host identifier of are asked for it.
	OpenNamespace(path Device) (NamespacePath, error)
}

// Path is an open path to a LUN.
type Path interface {
	scsi.Transport
	io.Closer
}

// NamespacePath is an open NVMe namespace.
type NamespacePath interface {
	nvme.Transport
	io.Closer
	// Host is which host this one is to the namespace. It is never zero.
	Host() nvme.HostID
}

// Group is a volume group.
type Group struct {
	// Name is without /dev/.
	Name string
	// Volumes are the devices of its physical volumes.
	Volumes []string
	// Shared says that the group is for several hosts at once, by a lock manager, as lvm2
	// has it: only [Host.Groups] tells, and where lvm2 is not asked, of none.
	Shared bool
	// Warnings are what there is to say although the volumes were found, a line each.
	// Those of lvm2 may be about other groups.
	Warnings []string
}

// Device is one of this host's devices: by which name it is opened, which one it is,
// and what is known of its I_T nexus without asking it. All three were found at one
// time. A name can lead to another device later.
type Device struct {
	Name string
	// Number is the kernel's major:minor of a block device, with "char " before it
	// that of a character device, as sg is. A simulated host has something of its
	// own. Empty if it is not known; then nothing is opened by the name.
	Number string
	// Namespace says that it is an NVMe namespace, for OpenNamespace.
	Namespace bool
	// Identity has zeros for what is not known.
	Identity pr.Identity
}

// Same reports whether both are one device, by one name.
func (d Device) Same(o Device) bool { return d.Name == o.Name && d.Number == o.Number }

// Disk is a logical unit as this host sees it.
type Disk struct {
	// Device is the name by which it was asked for.
	Device string
	// WWID is the worldwide name of the logical unit; empty if nobody but the
	// device itself can tell it.
	WWID string
	// Paths are the devices of its paths, at least one, each a single I_T
	// nexus, or a namespace by whatever controllers the kernel joins in it.
	Paths []Device
	// Gone are those that the kernel has removed, by the names that they had:
	// nothing must be opened by these.
	Gone []string
	// Stated is the worldwide name that Device states, which the LUN has to answer to
	// as well; empty for none. See [CheckName].
	Stated string
}

// Reasons of a *GroupError or *DeviceError, to be tested with errors.Is.
var (
	ErrNoGroup = errors.New("no such volume group")
	// ErrSameName says that several groups have the name.
	ErrSameName = errors.New("several volume groups have this name")
	// ErrMissingVolume says that a physical volume of the group is not there.
	ErrMissingVolume = errors.New("a physical volume is missing")
	// ErrDuplicateVolume says that several devices claim to be one physical
	// volume of the group: copies of a LUN, or its paths without a multipath
	// map.
	ErrDuplicateVolume = errors.New("several devices are the same physical volume")
	// ErrContradiction says that the metadata on the disks contradict one
	// another about the group.
	ErrContradiction = errors.New("the metadata contradict one another")
	// ErrReadWithoutLVM says that lvm2 is not installed, so that the disks were looked at.
	ErrReadWithoutLVM = errors.New("lvm2 is not installed, what it has written on the disks was read")
	// ErrNoLVM says that lvm2 is not installed or does not work.
	ErrNoLVM = errors.New("lvm2 gave no report")
	// ErrNotSCSIDisk says that a device is there but is no SCSI disk.
	ErrNotSCSIDisk = errors.New("not a SCSI disk")
	// ErrStacked says that a device lies on others in a way that is not
	// followed.
	ErrStacked = errors.New("a stacked device, not a LUN")
	// ErrNoMatch says that a pattern of device files fits none.
	ErrNoMatch = errors.New("no device file fits this pattern")
	// ErrNoSysfs says that the kernel's view of its devices is not to be seen.
	ErrNoSysfs = errors.New("sysfs is not mounted there")
	// ErrNoPath says that the disks under a device are gone.
	ErrNoPath = errors.New("no path is left")
	// ErrOtherDevice says that a name leads to another device than it did when it
	// was looked up.
	ErrOtherDevice = errors.New("the device file is another device's")
	// ErrMisnamed says that a name states another LUN than it leads to.
	ErrMisnamed = errors.New("the name is another LUN's")
	// ErrNotHere says that something is no device of this host.
	ErrNotHere = errors.New("it is no device of this host")
	// ErrNotYet says that there is no such device, which may come with a volume group.
	ErrNotYet = errors.New("it is not there before the volume groups are active")
	// ErrGone says that the kernel has removed a disk.
	ErrGone = errors.New("the kernel has removed this disk")
	// ErrController says that a device is an NVMe controller.
	ErrController = errors.New("an NVMe controller, and no namespace")
	// ErrNoName says that an NVMe namespace has no name that is its own: what Linux calls
	// it can be the name of others, too.
	ErrNoName = errors.New("the namespace has no name of its own")
	// ErrNoHostID says that an NVMe controller has no host identifier, by which the
	// namespace would know who is registered.
	ErrNoHostID = errors.New("the controller has no host identifier")
	// ErrHostIDs says that the controllers of a namespace take this host for several.
	ErrHostIDs = errors.New("its controllers have different host identifiers")
	// ErrUnjoined says that a LUN has several paths and no multipath map.
	ErrUnjoined = errors.New("several disks are one LUN, and no multipath map joins them")
)

// GroupError is a failure to find the physical volumes of a group.
type GroupError struct {
	Group string
	Err   error
}

func (e *GroupError) Error() string { return fmt.Sprintf("volume group %s: %v", e.Group, e.Err) }

// Unwrap gives the reason.
func (e *GroupError) Unwrap() error { return e.Err }

// DeviceError is a failure to find or open a device.
type DeviceError struct {
	Device string
	Err    error
}

func (e *DeviceError) Error() string { return fmt.Sprintf("%s: %v", e.Device, e.Err) }

// Unwrap gives the reason: one of this package, or an errno.
func (e *DeviceError) Unwrap() error { return e.Err }
