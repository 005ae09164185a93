package lvmmeta

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// HeadSize is how much of a device's beginning is read in one piece: the label
// and, where lvm2 puts it, the header of the first metadata area. Most disks
// cost this and, if they are in a group, the text.
const HeadSize = 8 << 10

// Volume is what a physical volume has of its own.
type Volume struct {
	Label *Label
	// Texts are the metadata texts of its areas that are in use, checksums
	// checked, without repetitions and without the zero at the end. There are
	// none if it is in no group or leaves the metadata to others.
	Texts []string
	// Damage says what could not be read in its areas. What is left counts.
	Damage []error
	// Partitioned says that there is a partition table before the label.
	Partitioned bool
}

// Read reads a device. Nothing is read but HeadSize bytes of its beginning and,
// of each metadata area, the header, if it is not among them, and the newest
// text, in two pieces if it goes over the end of the ring.
//
// Errors: ErrNoLabel; *FormatError for a damaged label; those of the reader.
// Errors of a metadata area are in Damage.
func Read(r io.ReaderAt, size int64) (*Volume, error) {
	head := make([]byte, max(0, min(size, HeadSize)))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	label, err := DecodeLabel(head)
	if err != nil {
		return nil, err
	}
	v := &Volume{Label: label, Partitioned: Partitioned(head)}
	d := disk{r: r, size: size, head: head}
	for _, e := range label.Areas {
		text, err := d.area(e.Offset)
		// Whoever changes the group writes over texts that are out of date. One
		// that we have been told of just now can only be half overwritten if a
		// newer one is there.
		if errors.Is(err, ErrChecksum) {
			d.head = nil
			text, err = d.area(e.Offset)
		}
		if err != nil {
			v.Damage = append(v.Damage, err)
			continue
		}
		v.add(text)
	}
	return v, nil
}

// add keeps a text that is new.
func (v *Volume) add(text string) {
	if text == "" {
		return
	}
	for _, t := range v.Texts {
		if t == text {
			return
		}
	}
	v.Texts = append(v.Texts, text)
}

// disk is a device that is being read.
type disk struct {
	r    io.ReaderAt
	size int64
	head []byte
}

// area reads the text of the metadata area at an offset, empty if there is
// none.
func (d *disk) area(start uint64) (string, error) {
	header, err := d.bytes(Extent{start, AreaHeaderSize})
	if err != nil {
		return "", err
	}
	a, err := DecodeArea(header, start)
	if err != nil {
		return "", err
	}
	var text []byte
	for _, e := range a.Pieces() {
		b, err := d.bytes(e)
		if err != nil {
			return "", err
		}
		text = append(text, b...)
	}
	if len(text) == 0 {
		return "", nil
	}
	if checksum(text) != a.Text.Checksum {
		return "", &FormatError{PartText, int64(a.Start + a.Text.Offset), ErrChecksum}
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	return string(text), nil
}

// bytes reads a piece of at most MaxText bytes, from the head if it is there.
func (d *disk) bytes(e Extent) ([]byte, error) {
	if e.Offset > uint64(d.size) || e.Size > uint64(d.size)-e.Offset {
		return nil, malformed(PartArea, int64(min(e.Offset, 1<<62)), "%d bytes beyond the device, which has %d", e.Size, d.size)
	}
	if e.Offset+e.Size <= uint64(len(d.head)) {
		return d.head[e.Offset:][:e.Size], nil
	}
	b := make([]byte, e.Size)
	if _, err := d.r.ReadAt(b, int64(e.Offset)); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %d bytes at %d: %w", e.Size, e.Offset, err)
	}
	return b, nil
}
