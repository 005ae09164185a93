package words

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi/simlun"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// deviceWords says what kept a device or a volume group from being found or opened.
func deviceWords(err error) (Message, bool) {
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
		return Message{What: err.Error(), Hint: "lunguard sim create DIR makes an array with hosts", Status: ExitFailed}, true
	}
	return Message{}, false
}

// groupWords says what is wrong with a volume group.
func groupWords(e *vg.GroupError) Message {
	var (
		duplicate *vg.DuplicateError
		missing   *vg.MissingError
		unread    *vg.UnreadError
	)
	m := Message{What: e.Error(), Status: ExitNode}
	switch {
	case errors.As(e, &unread):
		m.Hint = "it may be on one of the devices that cannot be read; run it as root, or look at their paths and the kernel log"
	case errors.Is(e, vg.ErrNoMatch):
		m.Hint = "is it mistyped, or are the LUNs not attached? ls -l /dev/mapper shows the maps"
	case errors.Is(e, vg.ErrNoGroup) && volumeName(e.Group) != "":
		m.Hint = "that is the name of " + volumeName(e.Group) + ", and a volume group was expected; pr_list shows what lies on a device"
	case errors.Is(e, vg.ErrReadWithoutLVM):
		m.Hint = "pr_list shows which groups the disks of this host have; are all its LUNs attached?"
	case errors.Is(e, vg.ErrNoGroup):
		m.Hint = "pvs shows which groups this host sees; are all its LUNs attached?"
	case errors.Is(e, vg.ErrNoLVM):
		m.Hint = "the package can list its LUNs with pv lines in the config instead"
	case errors.As(e, &missing) && slices.ContainsFunc(missing.Volumes, func(v vg.MissingVolume) bool { return v.Returned != "" }):
		m.Hint = "lvm2 has gone on without a volume that has come back: vgextend --restoremissing takes it in again, if what is on it is of now"
	case errors.Is(e, vg.ErrMissingVolume):
		m.Hint = "attach the missing LUN: a group is protected whole or not at all"
	case errors.Is(e, vg.ErrSameName):
		m.Hint = "rename one of them with vgrename UUID NAME"
	case errors.As(e, &duplicate) && duplicate.Paths:
		m.Hint = "let multipathd join them, see multipath -ll: a LUN with several paths is reserved on all of them"
	case errors.As(e, &duplicate):
		m.Hint = "detach the clone or snapshot, or give it a name of its own with vgimportclone"
	case errors.Is(e, vg.ErrDuplicateVolume):
		m.Hint = "paths of one LUN need multipath above them; a clone or snapshot must not be attached beside its origin"
	case errors.Is(e, vg.ErrContradiction):
		m.Hint = "the group was changed on two hosts, or a LUN is an old copy; see vgck"
	}
	return m
}

// volumeName says what a name is of that no volume group can have, by its form; empty if
// it may be a group's.
func volumeName(name string) string {
	name, inDev := strings.CutPrefix(name, "/dev/")
	group, rest, deeper := strings.Cut(name, "/")
	switch {
	case !deeper && !inDev:
		return ""
	case deeper && inDev && !slices.Contains([]string{"mapper", "disk", "block"}, group) && rest != "":
		return "a logical volume of group " + group
	case deeper, isDisk(name):
		return "a device"
	}
	return ""
}

// isDisk reports whether a name is one that the kernel gives to disks.
func isDisk(name string) bool {
	for _, kind := range []string{"sd", "vd", "dm-", "nvme"} {
		rest, ok := strings.CutPrefix(name, kind)
		digits := strings.ContainsAny(rest, "0123456789")
		if ok && rest != "" && (digits || kind == "sd" || kind == "vd") && (digits || len(rest) <= 2) {
			return true
		}
	}
	return false
}

// diskWords says what is wrong with a device.
func diskWords(e *vg.DeviceError) Message {
	m := Message{Subject: e.Device, What: e.Err.Error(), Status: ExitNode}
	if what, hint, refused := hostWords(e); refused {
		m.Hint = hint
		if !errors.Is(e, fs.ErrPermission) {
			m.What = what
		}
		return m
	}
	switch {
	case errors.Is(e, vg.ErrNotSCSIDisk), errors.Is(e, simlun.ErrNotSimulated), errors.Is(e, simns.ErrNotSimulated):
		m.Hint, m.Status = "a SCSI disk, an NVMe namespace, or what lies on one of them, was expected", ExitFailed
	case errors.Is(e, vg.ErrController):
		m.Hint, m.Status = "name its namespace, such as "+e.Device+"n1", ExitFailed
	case errors.Is(e, vg.ErrNoName):
		m.Hint, m.Status = "give the namespace a UUID or NGUID on its target: by what the kernel calls it, nodes could take another one for it", ExitFailed
	case errors.Is(e, vg.ErrNoHostID):
		m.Hint, m.Status = "give each of its controllers that of this host, by a udev rule: nvme set-feature -f 0x81, with the 16 bytes of /etc/nvme/hostid; see lunguard(8)", ExitFailed
	case errors.Is(e, vg.ErrHostIDs):
		m.Hint, m.Status = "to the namespace this node is several, and a fence would leave one of them: connect all of its controllers with one hostid", ExitFailed
	case errors.Is(e, vg.ErrNoSysfs):
		m.Hint = "no disk of this host can be seen without; mount -t sysfs sysfs /sys"
	case errors.Is(e, vg.ErrNoPath), errors.Is(e, vg.ErrGone):
		m.Hint = "look at the paths: multipath -ll, and the kernel log"
	case errors.Is(e, vg.ErrOtherDevice):
		m.Hint = "disks come and go, and their names with them: run it again"
	case errors.Is(e, vg.ErrMisnamed):
		m.Hint = "the link is of the past, or the disk has become another: let udev make it anew (udevadm trigger, then ls -l), or name the right LUN; pr_list shows them"
	case errors.Is(e, vg.ErrUnjoined):
		m.Hint = "a LUN with several paths needs multipath above it: multipath -ll shows the maps, and the package names one of them"
	case errors.Is(e, vg.ErrStacked):
		m.Hint, m.Status = "name each LUN that it lies on with a pv line", ExitFailed
	case errors.Is(e, syscall.ENXIO), errors.Is(e, syscall.ENODEV):
		m.What, m.Hint = "the device is offline or gone", lookAtPath
	case errors.Is(e, fs.ErrNotExist):
		m.What = "no such device"
		m.Hint = "is the LUN attached to this host?"
		if !strings.HasPrefix(e.Device, "/") {
			m.Hint = "name its device file, such as /dev/" + e.Device + " or /dev/mapper/" + e.Device
		}
	default:
		if errno := syscall.Errno(0); errors.As(e, &errno) {
			m.Hint = lookAtPath
		}
	}
	return m
}

// hostWords says what this host refuses, if it does: see [pr.HostRefused].
func hostWords(err error) (what, hint string, refused bool) {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "this process may not open more files", "it says nothing of the path; raise the limit, ulimit -n or LimitNOFILE= of the unit, and run it again", true
	case errors.Is(err, syscall.ENFILE):
		return "this host cannot open more files", "it says nothing of the path; raise the limit, sysctl fs.file-max, and run it again", true
	case errors.Is(err, syscall.ENOMEM):
		return "this host has no memory for it", "it says nothing of the path; free some, or raise the limit of who runs it, and run it again", true
	case pr.HostRefused(err):
		return "not permitted", "run it as root", true
	}
	return "", "", false
}

// Use says how something is used.
func Use(u vg.Use) string {
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
