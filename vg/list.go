package vg

// Listed is a LUN as its host knows it without a command to it.
type Listed struct {
	// Disk has the name that people use: that of the multipath map, or of its only disk.
	// Disks of one LUN that no map joins are one entry.
	*Disk
	// Links are lasting names of the LUN, in alphabetical order: those in /dev/disk/by-id.
	Links []string
	// Vendor and Model are those of its INQUIRY data, safe to print.
	Vendor, Model string
	// Size is in bytes; 0 if it is not known.
	Size uint64
}
