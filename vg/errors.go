package vg

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"lunguard/nvme"
)

// MissingError names the physical volumes of a group that are not there. It is
// an ErrMissingVolume.
type MissingError struct{ Volumes []MissingVolume }

// MissingVolume is a physical volume that is not there.
type MissingVolume struct {
	// UUID as lvm2 writes it.
	UUID string
	// Hint is the device that the volume was on once, maybe on another host;
	// empty if nobody knows.
	Hint string
	// Returned is the device that the volume is on. It was not there when the
	// group was changed, and lvm2 goes on without it until it is told otherwise
	// (vgextend --restoremissing). Empty if the volume is really missing.
	Returned string
}

func (v MissingVolume) String() string {
	switch {
	case v.Returned != "":
		return v.UUID + " (returned as " + v.Returned + ")"
	case v.Hint != "":
		return v.UUID + " (last seen as " + v.Hint + ")"
	}
	return v.UUID
}

func (e *MissingError) Error() string {
	list := make([]string, len(e.Volumes))
	for i, v := range e.Volumes {
		list[i] = v.String()
	}
	return fmt.Sprintf("%v: %s", ErrMissingVolume, strings.Join(list, ", "))
}

// Unwrap gives the class.
func (e *MissingError) Unwrap() error { return ErrMissingVolume }

// DuplicateError names devices that are the same physical volume, and are not
// the same multipath map. It is an ErrDuplicateVolume.
type DuplicateError struct {
	// UUID of the physical volume, as lvm2 writes it.
	UUID    string
	Devices []string
	// Paths says that they are paths to one LUN, which no multipath map joins.
	// Otherwise they are copies, such as clones and snapshots of a LUN.
	Paths bool
}

func (e *DuplicateError) Error() string {
	what := "copies"
	if e.Paths {
		what = "paths to one LUN without a multipath map"
	}
	return fmt.Sprintf("%v: %s: %s (%s)", ErrDuplicateVolume, e.UUID, strings.Join(e.Devices, ", "), what)
}

// Unwrap gives the class.
func (e *DuplicateError) Unwrap() error { return ErrDuplicateVolume }

// UnjoinedError says that several disks are paths to one LUN, and that no
// multipath map joins them. It is an ErrUnjoined.
type UnjoinedError struct {
	WWID string
	// Disks are the kernel's names.
	Disks []string
}

func (e *UnjoinedError) Error() string {
	return fmt.Sprintf("%v: %s (%s)", ErrUnjoined, strings.Join(e.Disks, ", "), e.WWID)
}

// Unwrap gives the class.
func (e *UnjoinedError) Unwrap() error { return ErrUnjoined }

// HostIDsError tells which host each controller of a namespace takes this one for. It is an
// ErrHostIDs.
type HostIDsError struct {
	// Hosts are by the kernel's names of the controllers.
	Hosts map[string]nvme.HostID
}

func (e *HostIDsError) Error() string {
	var list []string
	for name, id := range e.Hosts {
		list = append(list, fmt.Sprintf("%s %v", name, id))
	}
	slices.Sort(list)
	return fmt.Sprintf("%v: %s", ErrHostIDs, strings.Join(list, ", "))
}

// Unwrap gives the class.
func (e *HostIDsError) Unwrap() error { return ErrHostIDs }

// UnreadError says that a group was not found, or not all of it, while some
// devices could not be read.
type UnreadError struct {
	// Err is what would be the error without them. errors.Is sees it alone.
	Err error
	// Devices could not be read, or not all that they should hold.
	Devices []*DeviceError
}

func (e *UnreadError) Error() string {
	const most = 8
	var list []string
	for _, d := range e.Devices[:min(most, len(e.Devices))] {
		list = append(list, bareDevice(d))
	}
	if more := len(e.Devices) - most; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%v; unreadable: %s", e.Err, strings.Join(list, ", "))
}

// Unwrap gives the reason.
func (e *UnreadError) Unwrap() error { return e.Err }

// bareDevice is a device's error without what *os.PathError repeats.
func bareDevice(d *DeviceError) string {
	var pe *os.PathError
	if errors.As(d.Err, &pe) {
		return (&DeviceError{Device: d.Device, Err: pe.Err}).Error()
	}
	return d.Error()
}
