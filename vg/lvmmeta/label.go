package lvmmeta

import (
	"bytes"
	"encoding/binary"
)

// Extent is a piece of a device, in bytes.
type Extent struct {
	Offset uint64
	// Size is 0 for a data area that goes on to the end of the device.
	Size uint64
}

// Label is a physical volume's label with the header in it.
type Label struct {
	// Sector is where it was found, 0 to 3.
	Sector int
	// UUID is the physical volume's.
	UUID UUID
	// DeviceSize in bytes, as it was when the volume was made or resized.
	DeviceSize uint64
	// Data and Areas are where the data and the metadata areas are.
	Data, Areas []Extent
	// ExtensionVersion is 0 without a header extension.
	ExtensionVersion uint32
	// Flags of the extension. FlagUsed: some volume group has the volume.
	Flags uint32
}

// FlagUsed of a label's extension, version 2 and later: the volume belongs to
// a volume group even if it has no metadata area that says so.
const FlagUsed = 1

// Offsets in a label.
const (
	labelSector  = 8
	labelCRC     = 16
	labelContent = 20 // where the checksummed part begins, and where the content is
	labelType    = 24
	labelHeader  = 32
)

// DecodeLabel finds the label in the first sectors of a device, of which
// LabelSize bytes are looked at. As with lvm2 the first good one counts. Errors:
// ErrNoLabel, or a *FormatError if the only labels that are there are damaged.
func DecodeLabel(head []byte) (*Label, error) {
	var damage error
	for i := range min(labelSectors, len(head)/sectorSize) {
		sector := head[i*sectorSize:][:sectorSize]
		if !bytes.HasPrefix(sector, []byte("LABELONE")) {
			continue
		}
		l, err := decodeLabel(sector, i)
		if err == nil {
			return l, nil
		}
		if damage == nil {
			damage = err
		}
	}
	if damage == nil {
		damage = ErrNoLabel
	}
	return nil, damage
}

// decodeLabel reads the label in a sector.
func decodeLabel(sector []byte, number int) (*Label, error) {
	at := int64(number * sectorSize)
	if n := binary.LittleEndian.Uint64(sector[labelSector:]); n != uint64(number) {
		return nil, malformed(PartLabel, at, "it says that it is in sector %d", n)
	}
	if binary.LittleEndian.Uint32(sector[labelCRC:]) != checksum(sector[labelContent:]) {
		return nil, &FormatError{PartLabel, at, ErrChecksum}
	}
	if kind := sector[labelType:labelHeader]; string(kind) != "LVM2 001" {
		return nil, malformed(PartLabel, at, "type %q", kind)
	}
	from := binary.LittleEndian.Uint32(sector[labelContent:])
	if from < labelHeader || from >= sectorSize {
		return nil, malformed(PartLabel, at, "content at %d", from)
	}
	l, err := decodeHeader(sector[from:], at)
	if err != nil {
		return nil, err
	}
	l.Sector = number
	return l, nil
}

// decodeHeader reads the physical volume header, which fills the rest of the
// label's sector.
func decodeHeader(b []byte, at int64) (*Label, error) {
	const fixed = 40
	if len(b) < fixed {
		return nil, malformed(PartLabel, at, "no room for the header")
	}
	l := &Label{DeviceSize: binary.LittleEndian.Uint64(b[32:])}
	var err error
	if l.UUID, err = ParseUUID(string(b[:32])); err != nil {
		return nil, &FormatError{PartLabel, at, err}
	}
	ok := false
	if l.Data, b, ok = decodeExtents(b[fixed:]); !ok {
		return nil, malformed(PartLabel, at, "list of data areas without an end")
	}
	if l.Areas, b, ok = decodeExtents(b); !ok {
		return nil, malformed(PartLabel, at, "list of metadata areas without an end")
	}
	// The extension came with lvm2 2.02.99. Before it there are zeros.
	if len(b) >= 8 {
		l.ExtensionVersion = binary.LittleEndian.Uint32(b)
		if l.ExtensionVersion > 0 {
			l.Flags = binary.LittleEndian.Uint32(b[4:])
		}
	}
	return l, nil
}

// decodeExtents reads a list that ends with an offset of zero, and returns what
// follows it.
func decodeExtents(b []byte) (list []Extent, rest []byte, ok bool) {
	const size = 16
	for len(b) >= size {
		e := Extent{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
		b = b[size:]
		if e.Offset == 0 {
			return list, b, true
		}
		list = append(list, e)
	}
	return nil, nil, false
}

// Partitioned reports whether the beginning of a device is a DOS partition
// table (GPT has one too) with a partition in it. lvm2 takes no such disk for a
// physical volume: the label is a leftover from before it was partitioned.
func Partitioned(head []byte) bool {
	const table, entry = 446, 16
	if len(head) < sectorSize || head[510] != 0x55 || head[511] != 0xaa {
		return false
	}
	found := false
	for e := head[table:510]; len(e) > 0; e = e[entry:] {
		// A boot indicator that is neither 0 nor 80h: no table but a boot sector's code.
		if e[0]&0x7f != 0 {
			return false
		}
		found = found || binary.LittleEndian.Uint32(e[12:]) != 0
	}
	return found
}
