package vg

// UseKind is how something uses a LUN.
type UseKind string

// Kinds of use.
const (
	// Mounted: a file system is mounted, or is part of one that is.
	Mounted UseKind = "mounted"
	// Swap: the kernel swaps to it.
	Swap UseKind = "swap"
	// Array: it is an array (md) that runs.
	Array UseKind = "array"
	// Opened: a device-mapper device is open that nothing of the above has and on
	// which no other lies: by a process, a virtual machine, or a mount that is
	// not seen from here.
	Opened UseKind = "opened"
	// Claimed: the kernel has given a disk or partition away for exclusive use, and
	// nothing tells to whom.
	Claimed UseKind = "claimed"
)

// Use is something of this host that uses a LUN.
type Use struct {
	Kind UseKind
	// Device is what is used: the disk, a partition, or what lies on it.
	Device string
	// At is the folder on which it is mounted, empty if that is not known.
	At string
}

// Usage is all that is known of the use of a LUN.
type Usage struct {
	Uses []Use
	// Err is why it is not known whether there are more. It is a *DeviceError.
	Err error
}
