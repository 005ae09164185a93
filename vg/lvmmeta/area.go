package lvmmeta

import (
	"encoding/binary"
)

// Area is the header of a metadata area. The rest of the area is a ring of
// texts, of which the newest counts.
type Area struct {
	// Start of the area, header included, from the start of the device, and
	// its size, header included.
	Start, Size uint64
	// Text is where the newest text lies; nil if there is none, for the volume
	// is in no group.
	Text *Location
}

// Location is where a text lies in an area's ring.
type Location struct {
	// Offset from the start of the area.
	Offset uint64
	// Size in bytes, with the zero at the end.
	Size uint64
	// Checksum of the text.
	Checksum uint32
	// Ignored says that lvm2 was told not to use the area: what is in it is
	// old (pvchange --metadataignore y).
	Ignored bool
}

const (
	areaMagic   = " LVM2 x[5A%r0N*>"
	areaVersion = 1
	areaList    = 40 // where the list of locations begins
	flagIgnored = 1
)

// DecodeArea reads the header of the metadata area that lies at start on the
// device. Errors: *FormatError.
func DecodeArea(b []byte, start uint64) (*Area, error) {
	at := int64(start)
	if len(b) < AreaHeaderSize {
		return nil, malformed(PartArea, at, "header of %d bytes", len(b))
	}
	b = b[:AreaHeaderSize]
	if binary.LittleEndian.Uint32(b) != checksum(b[4:]) {
		return nil, &FormatError{PartArea, at, ErrChecksum}
	}
	if string(b[4:20]) != areaMagic {
		return nil, malformed(PartArea, at, "magic %q", b[4:20])
	}
	if v := binary.LittleEndian.Uint32(b[20:]); v != areaVersion {
		return nil, malformed(PartArea, at, "version %d", v)
	}
	a := &Area{Start: binary.LittleEndian.Uint64(b[24:]), Size: binary.LittleEndian.Uint64(b[32:])}
	if a.Start != start {
		return nil, malformed(PartArea, at, "it says that it is at %d", a.Start)
	}
	if a.Size <= AreaHeaderSize || a.Size > 1<<62 || a.Start > 1<<62 {
		return nil, malformed(PartArea, at, "size %d", a.Size)
	}
	text, err := a.decodeLocation(b[areaList:])
	if err != nil {
		return nil, err
	}
	a.Text = text
	return a, nil
}

// decodeLocation reads the first location, the text that is in force. The
// second is one that is being written.
func (a *Area) decodeLocation(b []byte) (*Location, error) {
	l := &Location{
		Offset: binary.LittleEndian.Uint64(b), Size: binary.LittleEndian.Uint64(b[8:]),
		Checksum: binary.LittleEndian.Uint32(b[16:]), Ignored: binary.LittleEndian.Uint32(b[20:])&flagIgnored != 0,
	}
	at := int64(a.Start)
	switch {
	case l.Ignored:
		// Nobody reads it, so it may be as wrong as it likes.
		return l, nil
	case l.Offset == 0:
		return nil, nil
	case l.Offset < AreaHeaderSize || l.Offset >= a.Size || l.Size == 0 || l.Size > a.Size-AreaHeaderSize:
		return nil, malformed(PartArea, at, "text of %d bytes at %d in an area of %d", l.Size, l.Offset, a.Size)
	case l.Size > MaxText:
		return nil, &FormatError{PartArea, at, ErrTooLarge}
	}
	return l, nil
}

// Pieces are where on the device the text lies, in order: one piece, or two if
// it goes over the end of the ring, whose beginning is behind the header. There
// are none without a text, or if the area is to be ignored.
func (a *Area) Pieces() []Extent {
	if a.Text == nil || a.Text.Ignored {
		return nil
	}
	first := Extent{a.Start + a.Text.Offset, min(a.Text.Size, a.Size-a.Text.Offset)}
	if rest := a.Text.Size - first.Size; rest > 0 {
		return []Extent{first, {a.Start + AreaHeaderSize, rest}}
	}
	return []Extent{first}
}
