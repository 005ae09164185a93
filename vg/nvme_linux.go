package vg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lunguard/nvme"
)

// namespaceIn is the folder of the NVMe namespace whose block or character device has
// the folder dir. Names are looked at only for the way from /dev/ngXnY to the disk beside
// it, of which sysfs has no other trace.
func namespaceIn(dir string) (string, bool) {
	if rest, ok := strings.CutPrefix(filepath.Base(dir), "ng"); ok && !exists(filepath.Join(dir, "nsid")) {
		dir = filepath.Join(filepath.Dir(dir), "nvme"+rest)
	}
	return dir, exists(filepath.Join(dir, "nsid")) && exists(filepath.Join(dir, "wwid"))
}

// isController reports whether a sysfs folder is that of an NVMe controller.
func isController(dir string) bool {
	return exists(filepath.Join(dir, "cntlid")) && exists(filepath.Join(dir, "subsysnqn"))
}

// namespace is the LUN that the namespace in dir is, if its name is one; asked is the
// folder of the device by which it was found. With native multipath it is the head of all
// paths, else one of them.
func namespace(asked, dir string) (lun, error) {
	wwid := attribute(dir, "wwid")
	if !nvme.IsUnique(wwid) {
		return lun{}, fmt.Errorf("%w: %q", ErrNoName, wwid)
	}
	return lun{wwid: wwid, paths: []string{asked}, namespace: true}, nil
}

// nvmeDisks are the namespaces of this machine by their names. What is known is used again
// for as long as the SCSI disks are: see [scsiDisks].
type nvmeDisks struct {
	mu     sync.Mutex
	byWWID map[string][]string
	// beside are the controllers of the namespaces in a folder.
	beside map[string][]string
	at     time.Time
}

// read brings the list up to date, unless that has been done just now, and holds the lock
// when it returns.
func (d *nvmeDisks) read(sysfs string) {
	d.mu.Lock()
	if d.byWWID != nil && time.Since(d.at) < reportAge {
		return
	}
	d.byWWID, d.beside, d.at = map[string][]string{}, map[string][]string{}, time.Now()
	block := filepath.Join(sysfs, "block")
	entries, _ := os.ReadDir(block) // without it nothing was found before either
	for _, e := range entries {
		dir := filepath.Join(block, e.Name())
		if to, err := os.Readlink(dir); err == nil {
			dir = absolute(block, to)
		}
		if _, ok := namespaceIn(dir); ok && attribute(dir, "hidden") != "1" {
			wwid := attribute(dir, "wwid")
			d.byWWID[wwid] = append(d.byWWID[wwid], dir)
		}
	}
}

// others are the disks that are the same namespace by other controllers, where the kernel
// does not join them itself.
func (d *nvmeDisks) others(sysfs string, l lun) []string {
	d.read(sysfs)
	defer d.mu.Unlock()
	var more []string
	for _, dir := range d.byWWID[l.wwid] {
		if !slices.ContainsFunc(l.paths, func(p string) bool { known, _ := namespaceIn(p); return known == dir }) {
			more = append(more, dir)
		}
	}
	return more
}

// controllers is [controllersOf], which a subsystem of a thousand namespaces is asked once.
func (d *nvmeDisks) controllers(sysfs, dir string) []string {
	d.read(sysfs)
	defer d.mu.Unlock()
	above := filepath.Dir(dir)
	list, known := d.beside[above]
	if !known {
		list = controllersOf(dir)
		d.beside[above] = list
	}
	return list
}

// controllersOf are the folders of the controllers by which a namespace is reached: all of
// its subsystem below a head of native multipath, else the one that it lies below.
func controllersOf(dir string) []string {
	above := filepath.Dir(dir)
	if isController(above) {
		return []string{above}
	}
	entries, _ := os.ReadDir(above)
	var list []string
	for _, e := range entries {
		at := filepath.Join(above, e.Name())
		if to, err := os.Readlink(at); err == nil {
			at = absolute(above, to)
		}
		if isController(at) {
			list = append(list, at)
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		x, y := filepath.Base(a), filepath.Base(b)
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
	return list
}

// hostOf is which host this one is to some controllers, as sysfs knows it. It is zero if
// some do not tell, as those of PCIe: these are mute. Errors: *HostIDsError if there are
// several hosts, ErrNoHostID for one that is none.
func hostOf(controllers []string) (host nvme.HostID, mute []string, err error) {
	ids := map[string]nvme.HostID{}
	for _, dir := range controllers {
		if !exists(filepath.Join(dir, "hostid")) {
			mute = append(mute, dir)
			continue
		}
		id, err := nvme.ParseHostID(attribute(dir, "hostid"))
		if err != nil {
			return nvme.HostID{}, nil, fmt.Errorf("%s: %w", filepath.Base(dir), err)
		}
		ids[filepath.Base(dir)] = id
	}
	host, err = oneHost(ids)
	if len(mute) > 0 {
		host = nvme.HostID{}
	}
	return host, mute, err
}

// oneHost is the host that all controllers, by their names, take this one for.
func oneHost(ids map[string]nvme.HostID) (nvme.HostID, error) {
	var host nvme.HostID
	for name, id := range ids {
		switch {
		case id.IsZero():
			return nvme.HostID{}, fmt.Errorf("%w: %s", ErrNoHostID, name)
		case !host.IsZero() && id != host:
			return nvme.HostID{}, &HostIDsError{ids}
		}
		host = id
	}
	return host, nil
}

// device is the block device of a namespace, whose device file is node, or its
// character device.
func (d *nvmeDisks) device(sysfs, node, dir string) (Device, error) {
	kind := "block"
	disk, _ := namespaceIn(dir)
	if disk != dir {
		kind = "char"
	}
	host, _, err := hostOf(d.controllers(sysfs, disk))
	if err != nil {
		return Device{}, err
	}
	return Device{Name: node, Number: numbered(kind, attribute(dir, "dev")), Namespace: true, Identity: host.Identity()}, nil
}

// namespacePath is an open namespace.
type namespacePath struct {
	*nvme.Device
	host nvme.HostID
}

// Host is which host this one is to the namespace.
func (p namespacePath) Host() nvme.HostID { return p.host }

// askTimeout is how long a controller may take to tell its host identifier.
const askTimeout = 10 * time.Second

// OpenNamespace opens a namespace. Controllers whose host identifier sysfs does not have,
// those of PCIe, are asked for it. Errors: *DeviceError, ErrOtherDevice if the name does
// not lead there, *HostIDsError, ErrNoHostID.
func (s *System) OpenNamespace(path Device) (NamespacePath, error) {
	dev, err := nvme.Open(path.Name)
	if err != nil {
		return nil, deviceError(path.Name, err)
	}
	dev.Dir = s.pending
	host, err := checkNamespace(s, path, dev)
	if err != nil {
		return nil, &DeviceError{Device: path.Name, Err: errors.Join(err, dev.Close())}
	}
	return namespacePath{dev, host}, nil
}

// checkNamespace finds out whether what was opened is what was looked up, and as which
// host.
func checkNamespace(s *System, path Device, dev *nvme.Device) (nvme.HostID, error) {
	kind, number := dev.Number()
	if numbered(kind, number) != path.Number {
		return nvme.HostID{}, ErrOtherDevice
	}
	dir, err := s.folderOf(path)
	if err != nil {
		return nvme.HostID{}, ErrGone
	}
	disk, _ := namespaceIn(dir)
	controllers := controllersOf(disk)
	host, mute, err := hostOf(controllers)
	if err != nil || len(mute) == 0 && !host.IsZero() {
		return host, err
	}
	if len(controllers) == 0 {
		return nvme.HostID{}, fmt.Errorf("%w: no controller", ErrNoPath)
	}
	ids := map[string]nvme.HostID{}
	for _, c := range controllers {
		if ids[filepath.Base(c)], err = askController(filepath.Join("/dev", filepath.Base(c))); err != nil {
			return nvme.HostID{}, err
		}
	}
	return oneHost(ids)
}

// askController asks a controller which host it takes this one for.
func askController(node string) (nvme.HostID, error) {
	c, err := nvme.OpenController(node)
	if err != nil {
		return nvme.HostID{}, err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	return nvme.ReadHostID(ctx, &nvme.Retry{Transport: c, Timeout: askTimeout})
}
