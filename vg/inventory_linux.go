package vg

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"lunguard/vg/lvmmeta"
)

// inventory is what LVM2 has written on the disks of this machine.
type inventory struct {
	// volumes are the devices with a physical volume's label, by its UUID.
	volumes map[lvmmeta.UUID][]seen
	// groups have the newest metadata of each group, by its UUID.
	groups map[lvmmeta.UUID]*metadata
	// unread are devices of which something could not be read.
	unread []*DeviceError
}

// metadata is a group's metadata and a device that it was found on.
type metadata struct {
	*lvmmeta.Group
	device string
	// rival is another device with as new but other metadata; empty if there is
	// none.
	rival string
}

// newInventory puts together what was read.
func newInventory(list []seen) *inventory {
	inv := &inventory{volumes: map[lvmmeta.UUID][]seen{}, groups: map[lvmmeta.UUID]*metadata{}}
	parsed := map[string]*lvmmeta.Group{}
	for _, d := range list {
		if d.err != nil {
			inv.unread = append(inv.unread, &DeviceError{Device: d.name, Err: d.err})
		}
		if d.volume == nil {
			continue
		}
		inv.volumes[d.volume.Label.UUID] = append(inv.volumes[d.volume.Label.UUID], d)
		for _, err := range d.volume.Damage {
			inv.unread = append(inv.unread, &DeviceError{Device: d.name, Err: err})
		}
		for _, text := range d.volume.Texts {
			// All volumes of a group have the same text.
			g := parsed[text]
			if g == nil {
				var err error
				if g, err = lvmmeta.ParseGroup(text); err != nil {
					inv.unread = append(inv.unread, &DeviceError{Device: d.name, Err: err})
					continue
				}
				parsed[text] = g
			}
			inv.add(g, d.name)
		}
		d.volume.Texts = nil
	}
	return inv
}

// add takes note of metadata. The newest count, wherever they are.
func (inv *inventory) add(g *lvmmeta.Group, device string) {
	old := inv.groups[g.UUID]
	switch {
	case old == nil || g.Seqno > old.Seqno:
		inv.groups[g.UUID] = &metadata{Group: g, device: device}
	case g.Seqno == old.Seqno && !sameMembers(g, old.Group):
		old.rival = device
	}
}

// sameMembers reports whether it makes no difference which of two metadata are
// believed.
func sameMembers(a, b *lvmmeta.Group) bool {
	return a == b || a.Name == b.Name && slices.EqualFunc(a.Volumes, b.Volumes, func(x, y lvmmeta.Member) bool {
		return x.UUID == y.UUID && x.Missing == y.Missing
	})
}

// group finds the devices of a group, by name or UUID.
func (inv *inventory) group(name string, s *System) (*Group, error) {
	m, err := inv.find(name)
	if err != nil {
		return nil, err
	}
	if m.rival != "" {
		return nil, fmt.Errorf("%w: %s and %s differ about change %d of %v", ErrContradiction, m.device, m.rival, m.Seqno, m.UUID)
	}
	g := &Group{Name: m.Name}
	var missing []MissingVolume
	for _, v := range m.Volumes {
		if other := inv.claims(v.UUID, m.UUID); other != nil {
			return nil, fmt.Errorf("%w: %s and %s (%s) both have the physical volume %v", ErrContradiction, m.Name, other.Name, other.device, v.UUID)
		}
		devices := inv.volumes[v.UUID]
		switch {
		case len(devices) == 0:
			missing = append(missing, MissingVolume{UUID: v.UUID.String(), Hint: v.Hint})
			continue
		// lvm2 forgets the flag by itself if nothing was on the volume.
		case v.Missing && v.Used:
			missing = append(missing, MissingVolume{UUID: v.UUID.String(), Hint: v.Hint, Returned: devices[0].name})
			continue
		}
		d, err := s.onlyDevice(v.UUID, devices)
		if err != nil {
			return nil, err
		}
		g.Volumes = append(g.Volumes, d)
	}
	if len(missing) > 0 {
		return nil, inv.blame(&MissingError{Volumes: missing})
	}
	// lvm2's reports are in the order of the names.
	slices.Sort(g.Volumes)
	return g, nil
}

// find finds the one group of that name or UUID.
func (inv *inventory) find(name string) (*metadata, error) {
	var found []*metadata
	for _, m := range inv.groups {
		if m.Name == name || m.UUID.String() == name {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return nil, inv.blame(ErrNoGroup)
	case 1:
		return found[0], nil
	}
	uuids := make([]string, len(found))
	for i, m := range found {
		uuids[i] = m.UUID.String()
	}
	slices.Sort(uuids)
	return nil, fmt.Errorf("%w: %s", ErrSameName, strings.Join(uuids, ", "))
}

// claims finds another group that says that a physical volume is its own: it
// was moved while some disks of its old group were away.
func (inv *inventory) claims(pv, group lvmmeta.UUID) *metadata {
	for _, m := range inv.groups {
		if m.UUID != group && slices.ContainsFunc(m.Volumes, func(v lvmmeta.Member) bool { return v.UUID == pv }) {
			return m
		}
	}
	return nil
}

// blame adds the devices that could not be read to an error that may be due to
// them.
func (inv *inventory) blame(err error) error {
	if len(inv.unread) == 0 {
		return err
	}
	return &UnreadError{Err: err, Devices: inv.unread}
}

// onlyDevice is the device of a physical volume. Several are the same if they
// lie on the same disks, for instance on one multipath map: then it is the one
// that lies uppermost, as far as that can be told by what lvm2 prefers, a device
// of device-mapper.
func (s *System) onlyDevice(pv lvmmeta.UUID, devices []seen) (string, error) {
	first := devices[0]
	if len(devices) == 1 {
		return first.name, nil
	}
	e := &DuplicateError{UUID: pv.String(), Paths: true}
	same := true
	base, baseErr := s.lunsUnder(first.dir, 0)
	for _, d := range devices {
		e.Devices = append(e.Devices, d.name)
		luns, err := s.lunsUnder(d.dir, 0)
		if err != nil || baseErr != nil || len(luns) != 1 || len(base) != 1 {
			same, e.Paths = false, false
			continue
		}
		same = same && samePaths(luns[0], base[0])
		e.Paths = e.Paths && luns[0].wwid != "" && luns[0].wwid == base[0].wwid
	}
	if !same {
		return "", e
	}
	return slices.MinFunc(devices, func(a, b seen) int {
		switch {
		case a.mapped && !b.mapped:
			return -1
		case b.mapped && !a.mapped:
			return 1
		}
		return cmp.Compare(a.name, b.name)
	}).name, nil
}

// samePaths reports whether two devices lie on the same disks.
func samePaths(a, b lun) bool {
	x, y := slices.Sorted(slices.Values(a.paths)), slices.Sorted(slices.Values(b.paths))
	return slices.Equal(x, y)
}
