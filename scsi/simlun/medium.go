package simlun

import (
	"maps"

	"lunguard/scsi/simlun/model"
)

// Medium is where the blocks are. Offsets and lengths are whole blocks inside
// the unit; what was never written reads as zeros.
type Medium interface {
	ReadAt(b []byte, offset int64) error
	WriteAt(b []byte, offset int64) error
	Sync() error
}

// memoryMedium keeps the blocks that were written. Blocks are never changed
// in place, so copies share them.
type memoryMedium struct {
	size   int64
	blocks map[int64]block
}

// block is the content of one block and its digest for fingerprints.
type block struct {
	data   string
	digest [16]byte
}

func newMemoryMedium(blockSize uint32) *memoryMedium {
	return &memoryMedium{size: int64(blockSize)}
}

// ReadAt copies blocks out.
func (m *memoryMedium) ReadAt(b []byte, offset int64) error {
	for ; len(b) > 0; b, offset = b[m.size:], offset+m.size {
		if n := copy(b[:m.size], m.blocks[offset].data); n == 0 {
			clear(b[:m.size])
		}
	}
	return nil
}

// WriteAt replaces blocks.
func (m *memoryMedium) WriteAt(b []byte, offset int64) error {
	if m.blocks == nil {
		m.blocks = make(map[int64]block)
	}
	for ; len(b) > 0; b, offset = b[m.size:], offset+m.size {
		data := b[:m.size]
		m.blocks[offset] = block{string(data), model.Digest(data)}
	}
	return nil
}

// Sync has nothing to do.
func (m *memoryMedium) Sync() error { return nil }

func (m *memoryMedium) clone() Medium {
	return &memoryMedium{size: m.size, blocks: maps.Clone(m.blocks)}
}
