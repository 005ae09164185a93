package vg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// lun is a logical unit under a block device, with the sysfs folders of the
// disks that are its paths.
type lun struct {
	wwid  string
	paths []string
	// gone are the names of disks that the kernel has removed and a map still
	// has. By now another disk may have that name.
	gone []string
	// namespace says that it is one of NVMe.
	namespace bool
}

// errDepth says that devices lie on one another without end, which sysfs
// cannot show unless somebody changes it meanwhile.
var errDepth = errors.New("too many devices lie on one another")

// maxDepth of a stack: partition on crypt on linear on multipath, and some.
const maxDepth = 16

// lunsUnder follows the stack below the block device whose sysfs folder is dir
// down to SCSI disks and NVMe namespaces, by sysfs alone: names mean nothing. A LUN that is reached
// in several ways stands in the list once.
func (s *System) lunsUnder(dir string, depth int) ([]lun, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	if disk, ok := s.scsi.find(s.sysfs, dir); ok {
		return disk.lun(dir)
	}
	if exists(filepath.Join(dir, "partition")) {
		dir = filepath.Dir(dir)
	}
	if disk, ok := namespaceIn(dir); ok {
		l, err := namespace(dir, disk)
		if err != nil {
			return nil, err
		}
		return []lun{l}, nil
	}
	if isController(dir) {
		return nil, ErrController
	}
	if !exists(filepath.Join(dir, "dm")) && !exists(filepath.Join(dir, "md")) {
		disk, err := unlisted(s, dir)
		if err != nil {
			return nil, err
		}
		return disk.lun(dir)
	}
	slaves := filepath.Join(dir, "slaves")
	below, err := os.ReadDir(slaves)
	multipath := isMultipath(dir)
	switch {
	case err == nil && len(below) == 0 && multipath:
		return nil, fmt.Errorf("%w in %s", ErrNoPath, filepath.Base(dir))
	case err != nil || len(below) == 0:
		return nil, fmt.Errorf("%w: %s lies on nothing", ErrStacked, filepath.Base(dir))
	}
	var all []lun
	var gone []string
	for _, entry := range below {
		under, err := os.Readlink(filepath.Join(slaves, entry.Name()))
		if err == nil {
			under = absolute(slaves, under)
		}
		if err != nil || !exists(under) {
			gone = append(gone, entry.Name())
			continue
		}
		luns, err := s.lunsUnder(under, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s lies on %s: %w", filepath.Base(dir), entry.Name(), err)
		}
		all = merge(all, luns)
	}
	switch {
	case len(gone) > 0 && (len(all) == 0 || !multipath):
		return nil, fmt.Errorf("%w: %s lies on %s, which is gone", ErrNoPath, filepath.Base(dir), strings.Join(gone, ", "))
	case !multipath:
		return all, nil
	}
	joined, err := joinPaths(dir, all)
	if err == nil {
		// A disk that the kernel has removed stays in a map until that is
		// reloaded: a dead path.
		joined[0].gone = append(joined[0].gone, gone...)
	}
	return joined, err
}

// isMultipath reports whether a device is a dm-multipath map. Its UUID says
// so, which multipathd and the kernel's own tools rely on.
func isMultipath(dir string) bool {
	return strings.HasPrefix(attribute(dir, "dm/uuid"), "mpath-")
}

// merge adds what is new.
func merge(all, more []lun) []lun {
	for _, l := range more {
		if !slices.ContainsFunc(all, func(o lun) bool { return slices.Equal(o.paths, l.paths) }) {
			all = append(all, l)
		}
	}
	return all
}

// joinPaths makes one LUN of the disks under a multipath map. Two that say
// that they are different LUNs are not believed to be one.
func joinPaths(dir string, disks []lun) ([]lun, error) {
	joined := lun{}
	for _, d := range disks {
		if joined.wwid != "" && d.wwid != "" && d.wwid != joined.wwid {
			return nil, fmt.Errorf("%w: %s has paths to %s and %s", ErrStacked, filepath.Base(dir), joined.wwid, d.wwid)
		}
		if joined.wwid == "" {
			joined.wwid = d.wwid
		}
		joined.namespace = d.namespace
		joined.paths = append(joined.paths, d.paths...)
		joined.gone = append(joined.gone, d.gone...)
	}
	return []lun{joined}, nil
}

// unlisted is the SCSI disk or sg device whose folder is dir.
func unlisted(s *System, dir string) (scsiDisk, error) {
	scsiDir := filepath.Join(dir, "device")
	if !exists(filepath.Join(scsiDir, "scsi_level")) {
		return scsiDisk{}, ErrNotSCSIDisk
	}
	if to, err := os.Readlink(scsiDir); err == nil {
		scsiDir = absolute(dir, to)
	}
	if disk, ok := s.scsi.find(s.sysfs, scsiDir); ok {
		return disk, nil
	}
	return scsiDisk{readDiskNames(scsiDir).wwid, scsiDir}, nil
}

// lun is the LUN that the disk or sg device whose folder is dir is a path to.
func (d scsiDisk) lun(dir string) ([]lun, error) {
	// 0 is a disk, 14h a zoned one. SPC-4 table 142.
	switch kind := attribute(d.scsiDir, "type"); kind {
	case "0", "20":
		return []lun{{wwid: d.wwid, paths: []string{dir}}}, nil
	case "":
		return nil, ErrNotSCSIDisk
	default:
		return nil, fmt.Errorf("%w: SCSI device of type %s", ErrNotSCSIDisk, kind)
	}
}

// names lists the disks of LUNs, the paths of one joined by a plus sign.
func names(luns []lun) string {
	list := make([]string, len(luns))
	for i, l := range luns {
		list[i] = strings.Join(bases(l.paths), "+")
	}
	return strings.Join(list, ", ")
}

// bases are the last elements of paths.
func bases(paths []string) []string {
	list := make([]string, len(paths))
	for i, p := range paths {
		list[i] = filepath.Base(p)
	}
	return list
}
