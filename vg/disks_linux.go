package vg

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lunguard/pr"
)

// scsiDisks are the SCSI disks of this machine, by the LUN that they lead to.
// What is known is used again for as long as lvm2's reports are, so that a
// command that asks for hundreds of LUNs looks once.
//
// There may be tens of thousands, most of them of no interest: of each nothing is
// read but its name, and more of those that share a LUN with one that is asked
// for.
type scsiDisks struct {
	mu sync.Mutex
	// names are by the SCSI address, which is how sysfs names the devices;
	// addresses are by WWID.
	names     map[string]diskNames
	addresses map[string][]string
	// initiators are the names of those whose sessions have been looked at, ports
	// the initiator ports by the folder of their session or adapter.
	initiators map[session]string
	ports      map[string]pr.Identity
	at         time.Time
}

// scsiDisk is one path to a LUN.
type scsiDisk struct{ wwid, scsiDir string }

// diskClass is the folder that lists the SCSI disks by address.
func diskClass(sysfs string) string { return filepath.Join(sysfs, "class", "scsi_disk") }

// read brings the list up to date, unless that has been done just now, and
// holds the lock when it returns.
func (d *scsiDisks) read(sysfs string) {
	d.mu.Lock()
	if d.names != nil && time.Since(d.at) < reportAge {
		return
	}
	d.names, d.addresses, d.at = map[string]diskNames{}, map[string][]string{}, time.Now()
	d.initiators, d.ports = map[session]string{}, map[string]pr.Identity{}
	class := diskClass(sysfs)
	entries, _ := os.ReadDir(class) // a machine without SCSI disks has no such folder
	for _, e := range entries {
		address := e.Name()
		of := readDiskNames(filepath.Join(class, address, "device"))
		d.names[address] = of
		if of.wwid != "" {
			d.addresses[of.wwid] = append(d.addresses[of.wwid], address)
		}
	}
}

// find finds the disk with that folder, or of the SCSI device with that folder.
func (d *scsiDisks) find(sysfs, dir string) (scsiDisk, bool) {
	if filepath.Base(filepath.Dir(dir)) == "block" {
		dir = scsiFolder(dir)
	}
	d.read(sysfs)
	defer d.mu.Unlock()
	of, ok := d.names[filepath.Base(dir)]
	return scsiDisk{of.wwid, dir}, ok
}

// others are the folders of the disks that lead to a LUN beside the paths that
// are known, for the same initiator.
func (d *scsiDisks) others(sysfs string, l lun) []string {
	if l.wwid == "" {
		return nil
	}
	d.read(sysfs)
	defer d.mu.Unlock()
	known := make([]string, len(l.paths))
	for i, p := range l.paths {
		known[i] = filepath.Base(scsiFolder(p))
	}
	var more []string
	for _, address := range d.addresses[l.wwid] {
		if slices.Contains(known, address) {
			continue
		}
		class := diskClass(sysfs)
		to, err := os.Readlink(filepath.Join(class, address))
		if err != nil {
			continue // gone meanwhile
		}
		// .../H:C:T:L/scsi_disk/H:C:T:L
		scsiDir := scsiFolder(absolute(class, to))
		if !d.sameInitiator(scsiDir, l.paths[0]) {
			continue
		}
		blocks, _ := os.ReadDir(filepath.Join(scsiDir, "block")) // gone meanwhile: it is none
		for _, b := range blocks {
			more = append(more, filepath.Join(scsiDir, "block", b.Name()))
		}
	}
	slices.SortFunc(more, byName)
	return more
}

// byName orders the folders of disks as the kernel names them: sdb before sdaa.
func byName(a, b string) int {
	x, y := filepath.Base(a), filepath.Base(b)
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
}

// scsiFolder is the folder of the SCSI device of a disk or sg device, which is
// two levels up: .../H:C:T:L/block/sda.
func scsiFolder(dir string) string { return filepath.Dir(filepath.Dir(dir)) }

// sameInitiator reports whether nothing says that two disks are those of two
// initiators. One machine has one iSCSI name as a rule; where it has more, they
// are as foreign to each other as two machines, and registrations of one are
// nothing to the other.
func (d *scsiDisks) sameInitiator(a, b string) bool {
	x, y := d.initiator(a), d.initiator(b)
	return x == "" || y == "" || strings.EqualFold(x, y)
}

// initiator is the name of the initiator of a disk, empty if it is not known.
func (d *scsiDisks) initiator(dir string) string {
	s := sessionOf(dir)
	name, ok := d.initiators[s]
	if !ok {
		name = s.initiatorName()
		d.initiators[s] = name
	}
	return name
}

// isJoined reports whether one of the disks is a path of a multipath map.
func isJoined(disks []string) bool {
	return slices.ContainsFunc(disks, func(dir string) bool {
		holders, _ := os.ReadDir(filepath.Join(dir, "holders"))
		return slices.ContainsFunc(holders, func(h os.DirEntry) bool { return isMultipath(filepath.Join(dir, "holders", h.Name())) })
	})
}
