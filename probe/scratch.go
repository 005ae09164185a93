package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// writer is who has written the scratch block last.
type writer string

const (
	firstWriter  writer = "first"
	secondWriter writer = "second"
	lastWriter   writer = "last"
)

// Scratch is a block that may be written.
type Scratch struct {
	LBA uint32
	// Anything says that it may hold what is no zeros: that is kept by [Memory], and
	// restored at the end.
	Anything bool
	// size is that of a block, in bytes; 0 if it is not known yet.
	size int
	// held is what stood there, nil if it was not written; saved says that it is no zeros.
	held  []byte
	saved bool
}

// What is written begins with scratchText. Whether there were zeros before is said for runs
// that know nothing of the one which wrote it.
const (
	scratchText = "lunguard pr_probe scratch block, to be "
	zerosText   = scratchText + "zeros again"
	savedText   = scratchText + "restored by pr_probe on the host that wrote it"
)

// block is what the writer writes.
func (s *Scratch) block(w writer) []byte {
	b := make([]byte, s.size)
	text := zerosText
	if s.saved {
		text = savedText
	}
	copy(b, text+"; written by the "+string(w)+" initiator\n")
	return b
}

// has reports whether a block is the writer's.
func (s *Scratch) has(b []byte, w writer) bool { return bytes.Equal(b, s.block(w)) }

// LeftOver reports whether a block is what a run has left there.
func LeftOver(block []byte) bool { return bytes.HasPrefix(block, []byte(scratchText)) }

// restored is what is to be left of the block that stands there. Errors: ErrScratchInUse,
// ErrScratchElsewhere.
func (s *Scratch) restored(block []byte) ([]byte, error) {
	zeros := make([]byte, len(block))
	switch {
	case bytes.Equal(block, zeros), bytes.HasPrefix(block, []byte(zerosText)):
		return zeros, nil
	case s.Anything:
		return block, nil
	case LeftOver(block):
		return nil, ErrScratchElsewhere
	}
	return nil, ErrScratchInUse
}

// ErrScratchInUse says that the scratch block has something in it.
var ErrScratchInUse = errors.New("the scratch block is not empty")

// ErrScratchElsewhere says that a run has left the scratch block, and that another host
// knows what stood there.
var ErrScratchElsewhere = errors.New("another host knows what stood in the scratch block")

// ErrNoBlock says that the device has no such block.
var ErrNoBlock = errors.New("the device has no such block")

// Held is what stood in a scratch block.
type Held struct {
	LBA   uint32
	Block []byte
}

// Memory is where a host keeps what stood in the scratch block of a device, so that it
// is not lost with the run.
type Memory struct {
	// Left is what a run that was killed has kept there, nil for none, and once it is
	// restored.
	Left   *Held
	Save   func(Held) error
	Forget func() error
}

// ScratchError says that a scratch block is not what it was before.
type ScratchError struct {
	LBA uint32
	Err error
}

func (e *ScratchError) Error() string {
	return fmt.Sprintf("block %d is not what it was: %v", e.LBA, e.Err)
}

// Unwrap gives the reason.
func (e *ScratchError) Unwrap() error { return e.Err }

// ErrNotWritten says that a write was GOOD, and the block is another one.
var ErrNotWritten = errors.New("a write is GOOD, and the block has not changed")

// measure finds the size of the scratch block, and whether there is one.
func (a *actor) measure(ctx context.Context) error {
	if a.scratch == nil {
		return nil
	}
	blocks, size, err := a.capacity(ctx)
	if err == nil && uint64(a.scratch.LBA) >= blocks {
		err = ErrNoBlock
	}
	a.scratch.size = size
	return err
}

// keep reads what stands in the scratch block, and saves it before it is written.
func (a *actor) keep(ctx context.Context, m *Memory) error {
	s := a.scratch
	if s == nil {
		return nil
	}
	block, err := a.read(ctx)
	if err != nil {
		return err
	}
	held, err := s.restored(block)
	if err != nil {
		return err
	}
	s.saved = !bytes.Equal(held, make([]byte, len(held)))
	if m != nil {
		err = m.Save(Held{s.LBA, held})
	} else if s.saved {
		err = ErrScratchInUse
	}
	if err == nil {
		s.held = held
	}
	return err
}

// restore writes what stood in the scratch block.
func (a *actor) restore(ctx context.Context, m *Memory) error {
	if a.scratch == nil || a.scratch.held == nil {
		return nil
	}
	return a.put(ctx, Held{a.scratch.LBA, a.scratch.held}, m)
}

// put writes what stood in a block, and reads it back. Errors: *ScratchError.
func (a *actor) put(ctx context.Context, k Held, m *Memory) error {
	err := a.writeBlock(ctx, k.LBA, k.Block)
	if err == nil {
		var block []byte
		if block, err = a.readBlock(ctx, k.LBA, len(k.Block)); err == nil && !bytes.Equal(block, k.Block) {
			err = ErrNotWritten
		}
	}
	if err != nil {
		return &ScratchError{k.LBA, err}
	}
	if m != nil {
		return m.Forget()
	}
	return nil
}

// LeftBlock is a block that a run which was killed has written.
type LeftBlock struct {
	LBA uint32
	// Since says that somebody else has written it since, so that it was left alone.
	Since bool
}

// putBack restores what an earlier run has left of a block; nil if it has left none.
func (a *actor) putBack(ctx context.Context, m *Memory) (*LeftBlock, error) {
	if m == nil || m.Left == nil {
		return nil, nil
	}
	left := *m.Left
	block, err := a.readBlock(ctx, left.LBA, len(left.Block))
	if err != nil {
		return nil, &ScratchError{left.LBA, err}
	}
	var found *LeftBlock
	if LeftOver(block) {
		found, err = &LeftBlock{LBA: left.LBA}, a.put(ctx, left, m)
	} else {
		// Else it was killed before it wrote, or after it had restored it.
		if !bytes.Equal(block, left.Block) {
			found = &LeftBlock{LBA: left.LBA, Since: true}
		}
		err = m.Forget()
	}
	if err == nil {
		m.Left = nil
	}
	return found, err
}

// longestBlock is room for a block of any device.
const longestBlock = 4096

// read reads the scratch block, or the first one.
func (a *actor) read(ctx context.Context) ([]byte, error) {
	if a.scratch == nil {
		return a.readBlock(ctx, 0, longestBlock)
	}
	return a.readBlock(ctx, a.scratch.LBA, a.scratch.size)
}

// write writes the scratch block.
func (a *actor) write(ctx context.Context, by writer) Answer {
	return a.answer(a.writeBlock(ctx, a.scratch.LBA, a.scratch.block(by)))
}
