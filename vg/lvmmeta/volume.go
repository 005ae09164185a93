package lvmmeta

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"sync"
)

// HeadSize is how much of a device's beginning is read in one piece: the label
// and, where lvm2 puts it, the header of the first metadata area. Most disks
// cost this and, if they are in a group, the text.
const HeadSize = 8 << 10

// Volume is what a physical volume has of its own.
type Volume struct {
	Label *Label
	// Groups are what the metadata texts of its areas that are in use say, checksums
	// checked, without repetitions. There are none if it is in no group or leaves the
	// metadata to others.
	Groups []*Group
	// Empty says that an area that is in use has no text: it says that the volume is
	// in no group.
	Empty bool
	// Damage says what could not be read in its areas. What is left counts.
	Damage []error
	// Partitioned says that there is a partition table before the label.
	Partitioned bool
}

// maxAreas is how many metadata areas lvm2 makes at most (pvcreate
// --pvmetadatacopies).
const maxAreas = 2

// smallText is what is read of a text in one piece, and how large one may be to be read
// beside others.
const smallText = 256 << 10

// Reader reads the devices of one machine. All volumes of a group have the same text:
// it is made sense of once. Large texts are read one after the other, so that it does
// not matter for the memory how many disks have one.
type Reader struct {
	seeds [2]maphash.Seed
	// large is held while a large text is read, parsing while one is made sense of.
	large, parsing sync.Mutex
	// parsed are by what the texts are; under parsing.
	parsed map[digest]parsedText
}

// digest stands for a text, within one run of the program: whoever has written the
// text cannot know what it will be.
type digest [2]uint64

type parsedText struct {
	group *Group
	err   error
}

// NewReader returns one that has read nothing.
func NewReader() *Reader {
	return &Reader{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, parsed: map[digest]parsedText{}}
}

func (r *Reader) digest(text string) digest {
	return digest{maphash.String(r.seeds[0], text), maphash.String(r.seeds[1], text)}
}

// Read reads a device. Nothing is read but HeadSize bytes of its beginning and,
// of each metadata area, the header, if it is not among them, and the newest
// text.
//
// Errors: ErrNoLabel; *FormatError for a damaged label; those of the device.
// Errors of a metadata area are in Damage.
func (r *Reader) Read(from io.ReaderAt, size int64) (*Volume, error) {
	head := make([]byte, max(0, min(size, HeadSize)))
	if _, err := from.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	label, err := DecodeLabel(head)
	if err != nil {
		return nil, err
	}
	v := &Volume{Label: label, Partitioned: Partitioned(head)}
	d := disk{Reader: r, r: from, size: size, head: head}
	for i, e := range label.Areas {
		if i == maxAreas {
			v.Damage = append(v.Damage, malformed(PartLabel, int64(label.Sector*sectorSize), "%d metadata areas", len(label.Areas)))
			break
		}
		err := d.area(v, e.Offset)
		// Whoever changes the group writes over texts that are out of date. One
		// that we have been told of just now can only be half overwritten if a
		// newer one is there.
		if errors.Is(err, ErrChecksum) {
			d.head = nil
			err = d.area(v, e.Offset)
		}
		if err != nil {
			v.Damage = append(v.Damage, err)
		}
	}
	return v, nil
}

// add keeps what a text says, if it is new.
func (v *Volume) add(g *Group) {
	if !slices.ContainsFunc(v.Groups, g.Same) {
		v.Groups = append(v.Groups, g)
	}
}

// disk is a device that is being read.
type disk struct {
	*Reader
	r    io.ReaderAt
	size int64
	head []byte
	// buffer is for pieces that are not in the head.
	buffer []byte
}

// area reads the metadata area at an offset.
func (d *disk) area(v *Volume, start uint64) error {
	header, err := d.bytes(Extent{start, AreaHeaderSize})
	if err != nil {
		return err
	}
	a, err := DecodeArea(header, start)
	switch {
	case err != nil:
		return err
	case a.Text == nil:
		v.Empty = true
		return nil
	case a.Text.Ignored:
		return nil
	}
	g, err := d.group(a)
	if err != nil {
		return err
	}
	v.add(g)
	return nil
}

// group reads the text of an area and makes sense of it.
func (d *disk) group(a *Area) (*Group, error) {
	if a.Text.Size > smallText {
		d.large.Lock()
		defer d.large.Unlock()
	}
	text, err := d.text(a)
	if err != nil {
		return nil, err
	}
	sum := d.digest(text)
	d.parsing.Lock()
	defer d.parsing.Unlock()
	p, known := d.parsed[sum]
	if !known {
		p.group, p.err = d.ParseGroup(text)
		d.parsed[sum] = p
	}
	return p.group, p.err
}

// text reads the text of an area, without the zero at its end.
func (d *disk) text(a *Area) (string, error) {
	pieces := a.Pieces()
	for _, e := range pieces {
		// Before there is any memory for it.
		if err := d.fits(e); err != nil {
			return "", err
		}
	}
	var text strings.Builder
	text.Grow(int(a.Text.Size))
	sum := uint32(checksumStart)
	for _, e := range pieces {
		for e.Size > 0 {
			b, err := d.bytes(Extent{e.Offset, min(e.Size, smallText)})
			if err != nil {
				return "", err
			}
			sum = checksumMore(sum, b)
			text.Write(b)
			e.Offset, e.Size = e.Offset+uint64(len(b)), e.Size-uint64(len(b))
		}
	}
	if sum != a.Text.Checksum {
		return "", &FormatError{PartText, int64(a.Start + a.Text.Offset), ErrChecksum}
	}
	all, _, _ := strings.Cut(text.String(), "\x00")
	return all, nil
}

// fits makes sure that a piece lies on the device.
func (d *disk) fits(e Extent) error {
	if e.Offset > uint64(d.size) || e.Size > uint64(d.size)-e.Offset {
		return malformed(PartArea, int64(min(e.Offset, 1<<62)), "%d bytes beyond the device, which has %d", e.Size, d.size)
	}
	return nil
}

// bytes reads a small piece, from the head if it is there. It is good until the next
// one is read.
func (d *disk) bytes(e Extent) ([]byte, error) {
	if err := d.fits(e); err != nil {
		return nil, err
	}
	if e.Offset+e.Size <= uint64(len(d.head)) {
		return d.head[e.Offset:][:e.Size], nil
	}
	if uint64(len(d.buffer)) < e.Size {
		d.buffer = make([]byte, e.Size)
	}
	b := d.buffer[:e.Size]
	if _, err := d.r.ReadAt(b, int64(e.Offset)); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %d bytes at %d: %w", e.Size, e.Offset, err)
	}
	return b, nil
}
