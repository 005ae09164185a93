package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"lunguard/cluster/ownfile"
	"lunguard/probe"
)

// defaultMemory is where a host keeps what stood in scratch blocks. It survives a restart.
const defaultMemory = "/var/lib/lunguard/pr_probe"

// longestKept is room for a block and for what is written with it, in bytes.
const longestKept = 1 << 16

// memory is the file about one device. It begins with a line of the block's number and the
// device's name; the block is behind that.
type memory struct{ path, wwid string }

// memoryOf reads what this host has kept for a device; nil for one that has no name. A
// simulated host, whose directory is sim, has its own.
func memoryOf(ctx context.Context, sim, wwid string) (*probe.Memory, error) {
	if wwid == "" {
		return nil, nil
	}
	folder := defaultMemory
	if sim != "" {
		var err error
		if folder, err = filepath.Abs(filepath.Join(sim, "lib", "pr_probe")); err != nil {
			return nil, err
		}
	}
	sum := fnv.New128a()
	_, _ = sum.Write([]byte(wwid)) // it never fails
	m := memory{filepath.Join(folder, fmt.Sprintf("%x", sum.Sum(nil))), wwid}
	left, err := m.read(ctx)
	if err != nil {
		return nil, &memoryError{m.path, err}
	}
	return &probe.Memory{Left: left, Save: m.save, Forget: m.forget}, nil
}

// errNotKept says that a file is none of these.
var errNotKept = errors.New("it is not what pr_probe has written")

// read is nil for no file.
func (m memory) read(ctx context.Context) (*probe.Held, error) {
	text, err := ownfile.Read(ctx, m.path, longestKept)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	line, block, ok := bytes.Cut(text, []byte("\n"))
	number, _, _ := bytes.Cut(line, []byte(" "))
	lba, err := strconv.ParseUint(string(number), 10, 32)
	if !ok || err != nil || len(block) == 0 || !bytes.Equal(line, m.head(uint32(lba))) {
		return nil, errNotKept
	}
	return &probe.Held{LBA: uint32(lba), Block: block}, nil
}

// head is the first line.
func (m memory) head(lba uint32) []byte { return fmt.Appendf(nil, "%d %q", lba, m.wwid) }

func (m memory) save(k probe.Held) error {
	folder := filepath.Dir(m.path)
	// What a disk holds is nobody's to read.
	err := ownfile.MakeFolder(folder, 0o700)
	if err == nil {
		err = ownfile.Publish(m.path, append(append(m.head(k.LBA), '\n'), k.Block...))
	}
	if err != nil {
		return &memoryError{m.path, err}
	}
	return nil
}

func (m memory) forget() error {
	if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &memoryError{m.path, err}
	}
	return nil
}
