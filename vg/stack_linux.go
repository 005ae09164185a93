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
}

// errDepth says that devices lie on one another without end, which sysfs
// cannot show unless somebody changes it meanwhile.
var errDepth = errors.New("too many devices lie on one another")

// maxDepth of a stack: partition on crypt on linear on multipath, and some.
const maxDepth = 16

// lunsUnder follows the stack below the block device whose sysfs folder is dir
// down to SCSI disks, by sysfs alone: names mean nothing. A LUN that is reached
// in several ways stands in the list once.
func (s *System) lunsUnder(dir string, depth int) ([]lun, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	if exists(filepath.Join(dir, "partition")) {
		dir = filepath.Dir(dir)
	}
	if !exists(filepath.Join(dir, "dm")) && !exists(filepath.Join(dir, "md")) {
		disk, err := scsiDisk(dir)
		if err != nil {
			return nil, err
		}
		return []lun{disk}, nil
	}
	below, err := os.ReadDir(filepath.Join(dir, "slaves"))
	if err != nil || len(below) == 0 {
		return nil, fmt.Errorf("%w: %s lies on nothing", ErrStacked, filepath.Base(dir))
	}
	var all []lun
	for _, entry := range below {
		under, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("%w: %s lies on %s, which is gone", ErrStacked, filepath.Base(dir), entry.Name())
		}
		luns, err := s.lunsUnder(under, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s lies on %s: %w", filepath.Base(dir), entry.Name(), err)
		}
		all = merge(all, luns)
	}
	if isMultipath(dir) {
		return joinPaths(dir, all)
	}
	return all, nil
}

// isMultipath reports whether a device is a dm-multipath map. Its UUID says
// so, which multipathd and the kernel's own tools rely on.
func isMultipath(dir string) bool {
	uuid, err := os.ReadFile(filepath.Join(dir, "dm", "uuid"))
	return err == nil && strings.HasPrefix(string(uuid), "mpath-")
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
		joined.paths = append(joined.paths, d.paths...)
	}
	return []lun{joined}, nil
}

// scsiDisk is the LUN of a SCSI disk or sg device.
func scsiDisk(dir string) (lun, error) {
	scsiDir := filepath.Join(dir, "device")
	kind, err := os.ReadFile(filepath.Join(scsiDir, "type"))
	if err != nil || !exists(filepath.Join(scsiDir, "scsi_level")) {
		return lun{}, ErrNotSCSIDisk
	}
	// 0 is a disk, 14h a zoned one. SPC-4 table 142.
	if t := strings.TrimSpace(string(kind)); t != "0" && t != "20" {
		return lun{}, fmt.Errorf("%w: SCSI device of type %s", ErrNotSCSIDisk, t)
	}
	return lun{wwid: wwid(scsiDir), paths: []string{dir}}, nil
}

// names lists the disks of LUNs, the paths of one joined by a plus sign.
func names(luns []lun) string {
	list := make([]string, len(luns))
	for i, l := range luns {
		paths := make([]string, len(l.paths))
		for j, p := range l.paths {
			paths[j] = filepath.Base(p)
		}
		list[i] = strings.Join(paths, "+")
	}
	return strings.Join(list, ", ")
}
