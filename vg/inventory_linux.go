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
	// groups have all metadata of each group, by its UUID.
	groups map[lvmmeta.UUID]*metadata
	// unread are devices of which something could not be read.
	unread []*DeviceError
}

// metadata is the newest metadata of a group and a device that it was found on.
type metadata struct {
	*lvmmeta.Group
	device string
	// all are the devices that have metadata of the group, with what each has.
	all []copyOf
}

// copyOf is metadata of a group on a device.
type copyOf struct {
	*lvmmeta.Group
	device string
	// volume is the physical volume that the device is by its label.
	volume lvmmeta.UUID
}

// newInventory puts together what was read.
func newInventory(list []seen) *inventory {
	inv := &inventory{volumes: map[lvmmeta.UUID][]seen{}, groups: map[lvmmeta.UUID]*metadata{}}
	for _, d := range list {
		if d.err != nil {
			inv.unread = append(inv.unread, &DeviceError{Device: d.name, Err: d.err})
		}
		if d.volume == nil {
			continue
		}
		id := d.volume.Label.UUID
		inv.volumes[id] = append(inv.volumes[id], d)
		for _, err := range d.volume.Damage {
			inv.unread = append(inv.unread, &DeviceError{Device: d.name, Err: err})
		}
		for _, g := range d.volume.Groups {
			inv.add(copyOf{g, d.name, id})
		}
	}
	return inv
}

// add takes note of metadata.
func (inv *inventory) add(c copyOf) {
	m := inv.groups[c.UUID]
	if m == nil {
		m = &metadata{}
		inv.groups[c.UUID] = m
	}
	if m.Group == nil || c.Seqno > m.Seqno {
		m.Group, m.device = c.Group, c.device
	}
	m.all = append(m.all, c)
}

// has reports whether a physical volume is a member.
func (m *metadata) has(pv lvmmeta.UUID) bool {
	return slices.ContainsFunc(m.Volumes, func(v lvmmeta.Member) bool { return v.UUID == pv })
}

// agree makes sure that all that the disks say of a group is one thing: which is the
// newest does not tell which is right. The volumes that the group has are members of
// it by every text, and nobody else has one. Errors: ErrContradiction.
func (m *metadata) agree() error {
	for _, c := range m.all {
		switch {
		case !m.has(c.volume):
			return fmt.Errorf("%w: %s (change %d) is no volume of the group that %s has (change %d)", ErrContradiction, c.device, c.Seqno, m.device, m.Seqno)
		case c.Seqno != m.Seqno:
			return fmt.Errorf("%w: %s is of change %d, %s of change %d", ErrContradiction, c.device, c.Seqno, m.device, m.Seqno)
		case !c.Same(m.Group):
			return fmt.Errorf("%w: %s and %s differ about change %d of %v", ErrContradiction, m.device, c.device, m.Seqno, m.UUID)
		}
	}
	return nil
}

// whole makes sure that a volume of the group has what the group has, in each of its
// metadata areas that are in use. Errors: ErrContradiction, or what is wrong with an
// area.
func (m *metadata) whole(d seen) error {
	for _, g := range d.volume.Groups {
		if g.UUID != m.UUID {
			return fmt.Errorf("%w: %s is of %s by what is on it, and of %s by %s", ErrContradiction, d.name, g.Name, m.Name, m.device)
		}
	}
	switch {
	case len(d.volume.Damage) > 0:
		return fmt.Errorf("%w: %w", ErrContradiction, &DeviceError{Device: d.name, Err: d.volume.Damage[0]})
	case d.volume.Empty:
		return fmt.Errorf("%w: %s is in no group by what is on it, and in %s by %s", ErrContradiction, d.name, m.Name, m.device)
	}
	return nil
}

// group finds the devices of a group, by name or UUID.
func (inv *inventory) group(name string, s *System) (*Group, error) {
	m, err := inv.find(name)
	if err != nil {
		return nil, err
	}
	g := &Group{Name: m.Name}
	var missing []MissingVolume
	var doubts []error
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
		for _, one := range devices {
			doubts = append(doubts, m.whole(one))
		}
		g.Volumes = append(g.Volumes, d)
	}
	// What is missing may be what makes the others disagree.
	if len(missing) > 0 {
		return nil, inv.blame(&MissingError{Volumes: missing})
	}
	for _, err := range append([]error{m.agree()}, doubts...) {
		if err != nil {
			return nil, err
		}
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
		if m.UUID != group && m.has(pv) {
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
