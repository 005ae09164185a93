package commands

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"

	"lunguard/scsi/simlun"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// deviceWords says what kept a device or a volume group from being found or opened.
func deviceWords(err error) (message, bool) {
	var (
		group  *vg.GroupError
		device *vg.DeviceError
	)
	switch {
	case errors.As(err, &group):
		return groupWords(group), true
	case errors.As(err, &device):
		return diskWords(device), true
	case errors.Is(err, simhost.ErrNotHost), errors.Is(err, simhost.ErrNotArray):
		return message{what: err.Error(), hint: "lunguard sim create DIR makes an array with hosts", status: exitFailed}, true
	}
	return message{}, false
}

// groupWords says what is wrong with a volume group.
func groupWords(e *vg.GroupError) message {
	var (
		duplicate *vg.DuplicateError
		missing   *vg.MissingError
		unread    *vg.UnreadError
	)
	m := message{what: e.Error(), status: exitNode}
	switch {
	case errors.As(e, &unread):
		m.hint = "it may be on one of the devices that cannot be read; run it as root, or look at their paths and the kernel log"
	case errors.Is(e, vg.ErrNoMatch):
		m.hint = "is it mistyped, or are the LUNs not attached? ls -l /dev/mapper shows the maps"
	case errors.Is(e, vg.ErrNoGroup):
		m.hint = "pvs shows which groups this host sees; are all its LUNs attached?"
	case errors.Is(e, vg.ErrNoLVM):
		m.hint = "the package can list its LUNs with pv lines in the config instead"
	case errors.As(e, &missing) && slices.ContainsFunc(missing.Volumes, func(v vg.MissingVolume) bool { return v.Returned != "" }):
		m.hint = "lvm2 has gone on without a volume that has come back: vgextend --restoremissing takes it in again"
	case errors.Is(e, vg.ErrMissingVolume):
		m.hint = "attach the missing LUN: a group is protected whole or not at all"
	case errors.Is(e, vg.ErrSameName):
		m.hint = "rename one of them with vgrename UUID NAME"
	case errors.As(e, &duplicate) && duplicate.Paths:
		m.hint = "let multipathd join them, see multipath -ll: a LUN with several paths is reserved on all of them"
	case errors.As(e, &duplicate):
		m.hint = "detach the clone or snapshot, or give it a name of its own with vgimportclone"
	case errors.Is(e, vg.ErrDuplicateVolume):
		m.hint = "paths of one LUN need multipath above them; a clone or snapshot must not be attached beside its origin"
	case errors.Is(e, vg.ErrContradiction):
		m.hint = "the group was changed on two hosts, or a LUN is an old copy; see vgck"
	}
	return m
}

// diskWords says what is wrong with a device.
func diskWords(e *vg.DeviceError) message {
	m := message{subject: e.Device, what: e.Err.Error(), status: exitNode}
	switch {
	case errors.Is(e, vg.ErrNotSCSIDisk), errors.Is(e, simlun.ErrNotSimulated):
		m.hint, m.status = "a SCSI disk, or what lies on one LUN, was expected", exitFailed
	case errors.Is(e, vg.ErrNoPath), errors.Is(e, vg.ErrGone):
		m.hint = "look at the paths: multipath -ll, and the kernel log"
	case errors.Is(e, vg.ErrUnjoined):
		m.hint = "a LUN with several paths needs multipath above it: multipath -ll shows the maps, and the package names one of them"
	case errors.Is(e, vg.ErrStacked):
		m.hint, m.status = "name each LUN that it lies on with a pv line", exitFailed
	case errors.Is(e, syscall.ENXIO), errors.Is(e, syscall.ENODEV):
		m.what, m.hint = "the device is offline or gone", lookAtPath
	case errors.Is(e, fs.ErrNotExist):
		m.what = "no such device"
		m.hint = "is the LUN attached to this host?"
	case errors.Is(e, fs.ErrPermission):
		m.hint, m.status = "run it as root", exitFailed
	default:
		if errno := syscall.Errno(0); errors.As(e, &errno) {
			m.hint = lookAtPath
		}
	}
	return m
}

// useText says how something is used.
func useText(u vg.Use) string {
	switch {
	case u.Kind == vg.Mounted && u.At != "":
		return u.Device + " is mounted on " + u.At
	case u.Kind == vg.Mounted:
		return u.Device + " is part of a mounted file system"
	case u.Kind == vg.Swap:
		return u.Device + " is swap space"
	case u.Kind == vg.Array:
		return u.Device + " is an array that runs"
	case u.Kind == vg.Opened:
		return u.Device + " is open"
	}
	return u.Device + " is in exclusive use"
}
