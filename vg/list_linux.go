package vg

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"lunguard/child"
)

// LUNs lists every SCSI disk and NVMe namespace of this machine, by sysfs alone. One that vanishes meanwhile
// is left out. Errors: ErrNoSysfs.
func (s *System) LUNs() ([]Listed, error) {
	if !exists(filepath.Join(s.sysfs, "class")) {
		return nil, &DeviceError{Device: s.sysfs, Err: ErrNoSysfs}
	}
	links := lastingNames(s.byID)
	var list []Listed
	seen := map[string]bool{}
	for _, dir := range append(s.scsi.folders(s.sysfs), namespaces(s.sysfs)...) {
		if seen[attribute(dir, "dev")] {
			continue
		}
		top, name := dir, s.node("", dir)
		if m := mapOver(dir); m != "" {
			top, name = m, filepath.Join("/dev/mapper", attribute(m, "dm/name"))
		}
		d, err := s.diskIn(name, top, true)
		if err != nil {
			// A map over several LUNs, or one that is being taken down: its disks are there.
			top, name = dir, s.node("", dir)
			if d, err = s.diskIn(name, top, true); err != nil {
				continue
			}
		}
		for _, p := range d.Paths {
			seen[p.Number] = true
		}
		l := Listed{Disk: d, Links: honest(s, links[filepath.Base(top)], d)}
		l.Vendor, l.Model = printable(attribute(filepath.Join(dir, "device"), "vendor")), printable(attribute(filepath.Join(dir, "device"), "model"))
		if sectors, err := strconv.ParseUint(attribute(top, "size"), 10, 54); err == nil {
			l.Size = sectors * 512
		}
		list = append(list, l)
	}
	return list, nil
}

// Groups lists the volume groups that have a volume here, as far as they can be told: what
// is said of them is not good enough to reserve anything by.
func (s *System) Groups(ctx context.Context) ([]Group, error) {
	if !s.noLVM {
		r, err := s.lvm.read(ctx)
		var hung *child.HungError
		switch {
		case err == nil:
			return r.groups(), nil
		case !errors.Is(err, exec.ErrNotFound) && !errors.As(err, &hung):
			return nil, err
		}
	}
	inv, err := s.disks.read(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Collect(maps.Values(inv.groups))
	slices.SortFunc(all, func(a, b *metadata) int { return strings.Compare(a.Name, b.Name) })
	var list []Group
	for _, m := range all {
		g := Group{Name: m.Name}
		for _, v := range m.Volumes {
			for _, d := range inv.volumes[v.UUID] {
				g.Volumes = append(g.Volumes, d.name)
			}
		}
		list = append(list, g)
	}
	return list, nil
}

// folders are the sysfs folders of all SCSI disks, in the order of their names.
func (d *scsiDisks) folders(sysfs string) []string {
	d.read(sysfs)
	defer d.mu.Unlock()
	var list []string
	class := diskClass(sysfs)
	for address := range d.names {
		to, err := os.Readlink(filepath.Join(class, address))
		if err != nil {
			continue // gone meanwhile
		}
		block := filepath.Join(scsiFolder(absolute(class, to)), "block")
		entries, _ := os.ReadDir(block) // as above
		for _, e := range entries {
			list = append(list, filepath.Join(block, e.Name()))
		}
	}
	slices.SortFunc(list, byName)
	return list
}

// namespaces are the sysfs folders of all NVMe namespaces, in the order of their names. What
// the kernel keeps for itself, the paths of one, are not among them.
func namespaces(sysfs string) []string {
	class := filepath.Join(sysfs, "class", "block")
	entries, _ := os.ReadDir(class) // without any there is none
	var list []string
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(class, e.Name()))
		if err != nil || !strings.HasPrefix(e.Name(), "nvme") {
			continue
		}
		dir := absolute(class, to)
		if disk, ok := namespaceIn(dir); ok && disk == dir && attribute(dir, "hidden") != "1" {
			list = append(list, dir)
		}
	}
	slices.SortFunc(list, byName)
	return list
}

// mapOver is the folder of the multipath map over a disk, empty if there is none.
func mapOver(dir string) string {
	holders, _ := os.ReadDir(filepath.Join(dir, "holders")) // without any there is none
	for _, h := range holders {
		at := filepath.Join(dir, "holders", h.Name())
		if to, err := os.Readlink(at); err == nil && isMultipath(at) {
			return absolute(filepath.Dir(at), to)
		}
	}
	return ""
}

// lastingNames are those in /dev/disk/by-id, by the kernel's name of what they lead to; in
// replaced, if that is not empty. A machine without udev has none.
func lastingNames(replaced string) map[string][]string {
	const folder = "/dev/disk/by-id"
	at := cmp.Or(replaced, folder)
	list := map[string][]string{}
	entries, _ := os.ReadDir(at)
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(at, e.Name())); err == nil {
			kernel := filepath.Base(to)
			list[kernel] = append(list[kernel], filepath.Join(folder, e.Name()))
		}
	}
	return list
}

// honest are those links to a LUN that do not state another one.
func honest(s *System, links []string, d *Disk) []string {
	known := knownNames(s, d)
	return slices.DeleteFunc(links, func(link string) bool {
		_, err := CheckName(link, func(string) (string, error) { return "", fs.ErrNotExist }, known)
		return err != nil
	})
}

// printable leaves what can be shown: the text is a device's.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, text)
}
