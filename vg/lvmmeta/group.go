package lvmmeta

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Group is what a metadata text says of a volume group.
type Group struct {
	Name string
	UUID UUID
	// Seqno grows with every change.
	Seqno uint64
	// Volumes are the physical volumes, at least one, in the order of the text.
	Volumes []Member
	// Logical are the names of the logical volumes, those of which others are made
	// included.
	Logical []string
	// sum is of the group's section: what follows it, such as the time, may differ
	// between the areas of one change.
	sum digest
}

// Same reports whether two texts say the same of a group, word for word.
func (g *Group) Same(o *Group) bool { return g == o || g.Name == o.Name && g.sum == o.sum }

// Member is a physical volume as its group knows it.
type Member struct {
	UUID UUID
	// Hint is the device that it was on when the group was changed last, maybe
	// on another host; safe to print, maybe empty.
	Hint string
	// Size of the device in bytes; 0 if the text does not say it.
	Size uint64
	// Missing says that the group was changed while the volume was not there.
	Missing bool
	// Used says that extents of it belong to logical volumes.
	Used bool
}

// ParseGroup reads a metadata text. Nothing that it returns shares the text's memory.
// Errors: *FormatError.
func (r *Reader) ParseGroup(text string) (*Group, error) {
	top, err := parse(text, needed)
	if err != nil {
		return nil, err
	}
	g, err := readGroup(top)
	if err != nil {
		return nil, malformed(PartText, 0, "%v", err)
	}
	s := top.Sections[0]
	g.sum = r.digest(text[s.start:s.end])
	return g, nil
}

// needed tells what of a text a group is read from: the group's own settings, its
// physical volumes, and on which of them segments of logical volumes lie.
func needed(in []string, name string, section bool) bool {
	is := func(names ...string) bool { return slices.Contains(names, name) }
	switch len(in) {
	case 0:
		return section || is("contents", "version")
	case 1:
		return section && is("physical_volumes", "logical_volumes") || !section && is("id", "seqno")
	case 2:
		return section
	case 3:
		return section && in[1] == "logical_volumes" || !section && in[1] == "physical_volumes" && is("id", "device", "dev_size", "status", "flags")
	}
	return !section && in[1] == "logical_volumes" && is("stripes", "mirrors")
}

// readGroup picks out what is needed.
func readGroup(top *Section) (*Group, error) {
	if c, v := top.str("contents"), top.str("version"); c != "Text Format Volume Group" || v != "1" {
		return nil, fmt.Errorf("contents %q, version %q", clip(c), clip(v))
	}
	if len(top.Sections) != 1 {
		return nil, fmt.Errorf("%d sections", len(top.Sections))
	}
	s := top.Sections[0]
	g := &Group{Name: strings.Clone(s.Name)}
	if !isGroupName(g.Name) {
		return nil, fmt.Errorf("group name %q", clip(g.Name))
	}
	var err error
	if g.UUID, err = ParseUUID(s.str("id")); err != nil {
		return nil, err
	}
	if g.Seqno, err = strconv.ParseUint(s.str("seqno"), 10, 32); err != nil {
		return nil, fmt.Errorf("seqno %q", clip(s.str("seqno")))
	}
	seen := map[UUID]bool{}
	pvs := s.Section("physical_volumes")
	if pvs == nil || len(pvs.Sections) == 0 {
		return nil, fmt.Errorf("group %s has no physical volumes", g.Name)
	}
	lvs := s.Section("logical_volumes")
	used := usedVolumes(pvs, lvs)
	if lvs != nil {
		for _, lv := range lvs.Sections {
			if isGroupName(lv.Name) {
				g.Logical = append(g.Logical, strings.Clone(lv.Name))
			}
		}
	}
	g.Volumes = make([]Member, 0, len(pvs.Sections))
	for _, pv := range pvs.Sections {
		m, err := readMember(pv)
		if err != nil {
			return nil, fmt.Errorf("physical volume %q: %v", clip(pv.Name), err)
		}
		if seen[m.UUID] {
			return nil, fmt.Errorf("physical volume %v is there twice", m.UUID)
		}
		seen[m.UUID] = true
		m.Used = used[pv.Name]
		g.Volumes = append(g.Volumes, m)
	}
	return g, nil
}

// readMember reads the section of a physical volume.
func readMember(s *Section) (Member, error) {
	id, err := ParseUUID(s.str("id"))
	if err != nil {
		return Member{}, err
	}
	m := Member{UUID: id, Hint: printable(s.str("device"))}
	if size := s.str("dev_size"); size != "" {
		sectors, err := strconv.ParseUint(size, 10, 54)
		if err != nil {
			return Member{}, fmt.Errorf("dev_size %q", clip(size))
		}
		m.Size = sectors * sectorSize
	}
	// The flag is in status in old metadata and in flags in newer.
	m.Missing = slices.Contains(s.strings("status", "flags"), "MISSING")
	return m, nil
}

// usedVolumes are the names of physical volumes that segments of logical
// volumes lie on. lvm2 takes a name there for a physical volume's first.
func usedVolumes(pvs, volumes *Section) map[string]bool {
	used := map[string]bool{}
	if volumes == nil {
		return used
	}
	for _, lv := range volumes.Sections {
		for _, segment := range lv.Sections {
			for _, name := range segment.strings("stripes", "mirrors") {
				if pvs.Section(name) != nil {
					used[name] = true
				}
			}
		}
	}
	return used
}

// str is a single value, empty if it is not there or is an array.
func (s *Section) str(key string) string {
	if v, ok := s.value(key); ok && !v.Array {
		return v.Items[0].Text
	}
	return ""
}

// strings are the strings of settings, arrays or not.
func (s *Section) strings(keys ...string) []string {
	var list []string
	for _, key := range keys {
		v, _ := s.value(key)
		for _, i := range v.Items {
			if !i.Number {
				list = append(list, i.Text)
			}
		}
	}
	return list
}

// isGroupName knows lvm2's rules, so that a name is safe to print.
func isGroupName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) < 128 && name[0] != '-' &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("+_.-", r)
		})
}

// printable quotes what is no plain ASCII.
func printable(text string) string {
	const most = 256
	if len(text) > most {
		text = text[:most]
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return strconv.QuoteToASCII(text)
	}
	return strings.Clone(text)
}
