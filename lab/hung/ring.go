package hung

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Geometry of the blocks that the nodes write.
const (
	BlockSize  = 4096
	RingBlocks = 16

	ringsOffset = 9 << 20 // on the LUN, in bytes
)

// Ring is a place on a LUN for a log of the last RingBlocks numbers of a counter: number n
// is in block n modulo RingBlocks.
type Ring struct {
	LUN, Index int
}

// Offset is where a block of the ring is on its LUN, in bytes.
func (r Ring) Offset(block int) int64 {
	return ringsOffset + int64(r.Index*RingBlocks+block)*BlockSize
}

// String names the ring in messages.
func (r Ring) String() string { return fmt.Sprintf("LUN %d ring %d", r.LUN, r.Index) }

// Kind tells who has written a block.
type Kind uint64

// What a block may hold.
const (
	Blank   Kind = iota // zeros, nobody has written it
	Counter             // a number of an owner's counter
	Pattern             // the pattern of the node that has taken over
	Torn                // anything else, such as half of a write
)

// String names a kind.
func (k Kind) String() string {
	switch k {
	case Blank:
		return "blank"
	case Counter:
		return "counter"
	case Pattern:
		return "pattern"
	case Torn:
		return "torn"
	default:
		return fmt.Sprintf("Kind(%d)", uint64(k))
	}
}

// Block is what a block says. It says so in each of its sectors and more often, so that a
// write that has taken place by half is seen.
type Block struct {
	Kind   Kind
	Round  uint32
	Number uint64 // of a counter; of a pattern, the block's place in the ring
}

// recordSize is how much of a block says it all.
const recordSize = 32

// recordMagic tells a record from other data.
const recordMagic = 0x6c756e6775617264

// Encode fills a block of BlockSize bytes.
func (b Block) Encode(data []byte) {
	record := make([]byte, 0, recordSize)
	for _, v := range []uint64{recordMagic, uint64(b.Kind), uint64(b.Round), b.Number} {
		record = binary.BigEndian.AppendUint64(record, v)
	}
	for i := 0; i < len(data); i += recordSize {
		copy(data[i:], record)
	}
}

// Decode reads a block.
func Decode(data []byte) Block {
	record := data[:recordSize]
	for i := recordSize; i < len(data); i += recordSize {
		if !bytes.Equal(data[i:i+recordSize], record) {
			return Block{Kind: Torn}
		}
	}
	var v [4]uint64
	for i := range v {
		v[i] = binary.BigEndian.Uint64(record[8*i:])
	}
	kind := Kind(v[1])
	switch {
	case v == [4]uint64{}:
		return Block{}
	case v[0] != recordMagic || kind != Counter && kind != Pattern || v[2] != uint64(uint32(v[2])):
		return Block{Kind: Torn}
	}
	return Block{Kind: kind, Round: uint32(v[2]), Number: v[3]}
}

// CheckLog judges what was found in a counter's ring: that no acknowledged number is
// missing, and that no more than the one write under way is there besides. It returns the
// last number found.
func CheckLog(blocks []Block, round uint32, acked uint64) (uint64, error) {
	var last uint64
	for i, b := range blocks {
		if b.Kind == Torn {
			return 0, fmt.Errorf("block %d is torn", i)
		}
		if b.Kind == Counter && b.Round == round {
			last = max(last, b.Number)
		}
	}
	if last < acked {
		return last, fmt.Errorf("an acknowledged write is lost: the disk has %d, %d was acknowledged", last, acked)
	}
	if last > acked+1 {
		return last, fmt.Errorf("the disk has %d, though only %d was acknowledged: more than the write under way", last, acked)
	}
	for i, b := range blocks {
		// The last number up to the last that belongs here, if the counter has come
		// here at all.
		behind := (last - uint64(i)) % RingBlocks
		written := behind < last
		mine := b.Kind == Counter && b.Round == round
		if written != mine || mine && b.Number != last-behind {
			return last, fmt.Errorf("block %d holds %+v after number %d", i, b, last)
		}
	}
	return last, nil
}

// CheckPattern judges whether a ring holds the pattern of a round and nothing else.
func CheckPattern(blocks []Block, round uint32) error {
	if want := PatternBlocks(round); !slices.Equal(blocks, want) {
		return fmt.Errorf("the blocks are not what the new owner wrote:\n have %v\n want %v", blocks, want)
	}
	return nil
}

// PatternBlocks is what a node that has taken over writes to a ring.
func PatternBlocks(round uint32) []Block {
	blocks := make([]Block, RingBlocks)
	for i := range blocks {
		blocks[i] = Block{Kind: Pattern, Round: round, Number: uint64(i)}
	}
	return blocks
}
