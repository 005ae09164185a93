package simhost

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lunguard/nvme/simns"
	"lunguard/scsi/simlun"
	"lunguard/vg"
)

// LUNs lists what the device files of the host lead to. Partitions stand for nothing here,
// and a disk under a multipath device is one of its paths. A device whose LUN has vanished
// is a disk that is gone.
func (h *Host) LUNs() ([]vg.Listed, error) {
	nodes := map[string]*node{}
	var names []string
	// Behind the slash is the folder, if /dev is a link to it.
	err := filepath.WalkDir(h.file("/dev")+"/", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		device := strings.TrimPrefix(path, h.dir)
		// What is no disk, such as the watchdog, is none of ours.
		if n, err := h.readNode(device); err == nil && n.part == "" {
			nodes[device], names = n, append(names, device)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	below := map[string]bool{}
	for _, n := range nodes {
		for _, p := range n.paths {
			below["/dev/"+p] = true
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	names = slices.DeleteFunc(names, func(device string) bool { return below[device] })
	links := h.lastingNames()
	var list []vg.Listed
	at := map[string]int{}
	for _, device := range names {
		d, err := h.Disk(device)
		if err != nil {
			// Its LUN has vanished, or cannot be read: the others are there.
			list = append(list, vg.Listed{Disk: &vg.Disk{Device: device, Gone: []string{device}}})
			continue
		}
		if i, ok := at[d.WWID]; ok {
			// No map joins its disks, or several do.
			for _, p := range d.Paths {
				if !slices.ContainsFunc(list[i].Paths, p.Same) {
					list[i].Paths = append(list[i].Paths, p)
				}
			}
			continue
		}
		at[d.WWID] = len(list)
		n, err := h.readNode(d.Paths[0].Name)
		if err != nil {
			return nil, err
		}
		l := n.listed(d)
		l.Links = links[device]
		list = append(list, l)
	}
	return list, nil
}

// listed is the LUN or namespace, as far as it can be read.
func (n *node) listed(d *vg.Disk) vg.Listed {
	l := vg.Listed{Disk: d}
	if n.namespace != "" {
		l.Vendor = "NVMe"
		if ns, err := simns.Describe(n.namespace); err == nil {
			l.Size = ns.Config.Blocks * uint64(ns.Config.BlockSize)
		}
	} else if unit, err := simlun.Describe(n.lun); err == nil {
		c := unit.Config
		l.Vendor, l.Model, l.Size = c.Vendor, c.Product, c.Blocks*uint64(c.BlockSize)
	}
	return l
}

// lastingNames are the links in byID, by the device that they lead to.
func (h *Host) lastingNames() map[string][]string {
	list := map[string][]string{}
	entries, _ := os.ReadDir(h.file(byID)) // without any there is none
	for _, e := range entries {
		name := filepath.Join(byID, e.Name())
		if to := h.resolve(name); to != name {
			list[to] = append(list[to], name)
		}
	}
	return list
}

// Groups lists the host's table of volume groups.
func (h *Host) Groups(context.Context) ([]vg.Group, error) { return h.groups() }
