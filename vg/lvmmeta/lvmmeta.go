// Package lvmmeta reads what LVM2 has written on a physical volume: label,
// physical volume header, metadata areas and the text of the volume group in
// them. It never writes, and it takes nothing on trust: lengths, offsets and
// checksums are checked, and a hostile disk costs a bounded amount of memory.
//
// All numbers on the disk are little-endian, all offsets are in bytes. The
// format is that of lvm2 ("LVM2 001", text format), which has been the same
// since 2003; LVM1 and pool volumes are not known.
package lvmmeta

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// Classes of failure, to be tested with errors.Is.
var (
	// ErrNoLabel says that the device is no physical volume of LVM2.
	ErrNoLabel = errors.New("no LVM2 label")
	// ErrMalformed says that what is there breaks the format.
	ErrMalformed = errors.New("malformed LVM2 metadata")
	// ErrChecksum says that a checksum does not fit: half-written or damaged.
	// It is a malformation too.
	ErrChecksum = fmt.Errorf("wrong checksum: %w", ErrMalformed)
	// ErrTooLarge says that the metadata is larger than this package reads.
	ErrTooLarge = errors.New("LVM2 metadata of excessive size")
)

// Part is a piece of the format.
type Part string

// Parts that errors are about.
const (
	PartLabel Part = "label"
	PartArea  Part = "metadata area"
	PartText  Part = "metadata text"
)

// FormatError is a failure to make sense of a part. errors.Is tells the class:
// ErrMalformed, ErrChecksum or ErrTooLarge.
type FormatError struct {
	Part Part
	// Offset in bytes: of a label or an area on the device; in the text, of
	// what is wrong.
	Offset int64
	Err    error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s at byte %d: %v", e.Part, e.Offset, e.Err)
}

// Unwrap gives the class.
func (e *FormatError) Unwrap() error { return e.Err }

// malformed is an error of class ErrMalformed.
func malformed(p Part, offset int64, format string, args ...any) error {
	return &FormatError{Part: p, Offset: offset, Err: fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))}
}

// Sizes of the format, in bytes. Sectors are of 512 bytes whatever the device
// has.
const (
	sectorSize = 512
	// labelSectors is how many sectors may hold the label.
	labelSectors = 4
	// LabelSize is how much of a device's beginning may hold the label.
	LabelSize = labelSectors * sectorSize
	// AreaHeaderSize is the size of a metadata area's header.
	AreaHeaderSize = sectorSize
	// MaxText is the largest metadata text that is read. lvm2's default area
	// holds half a mebibyte, and one of 10000 logical volumes is 5 MiB.
	MaxText = 16 << 20
)

// checksum is lvm2's CRC: the usual polynomial from another start and without
// the inversions, which hash/crc32 always makes.
func checksum(b []byte) uint32 { return checksumMore(checksumStart, b) }

// checksumStart is the checksum of nothing.
const checksumStart = 0xf597a6cf

// checksumMore goes on with one.
func checksumMore(sum uint32, b []byte) uint32 { return ^crc32.Update(^sum, crc32.IEEETable, b) }

// UUID names a physical volume or a volume group: 32 characters.
type UUID [32]byte

// ParseUUID reads a UUID with dashes, as 6-4-4-4-4-4-6 characters, or without.
// The error's class is ErrMalformed.
func ParseUUID(text string) (UUID, error) {
	var u UUID
	n := 0
	for i := range len(text) {
		c := text[i]
		if c == '-' && len(text) == len(u)+6 && (i == 6 || i > 6 && i <= 31 && (i-6)%5 == 0) {
			continue
		}
		if !isUUIDChar(c) || n == len(u) {
			return UUID{}, fmt.Errorf("%w: %q is no UUID", ErrMalformed, clip(text))
		}
		u[n] = c
		n++
	}
	if n != len(u) {
		return UUID{}, fmt.Errorf("%w: %q is no UUID", ErrMalformed, clip(text))
	}
	return u, nil
}

// isUUIDChar knows lvm2's alphabet.
func isUUIDChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '!' || c == '#'
}

// String writes a UUID as lvm2 does, with dashes.
func (u UUID) String() string {
	s := string(u[:])
	return s[:6] + "-" + s[6:10] + "-" + s[10:14] + "-" + s[14:18] + "-" + s[18:22] + "-" + s[22:26] + "-" + s[26:]
}

// clip keeps what a disk says from flooding an error.
func clip(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most]
	}
	return text
}
