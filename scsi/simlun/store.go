package simlun

import (
	"errors"
	"fmt"
	"io"
	"os"

	"lunguard/statefile"
)

// Files of a unit beside its state file.
const (
	dataSuffix = ".data" // the medium, sparse
	lockSuffix = statefile.LockSuffix
)

// store is a unit in files: each step on the state is a change of one of them.
type store struct {
	state *statefile.File
	data  *os.File
}

// fileMedium is the data area. What one process wrote the others read at
// once, because they share the page cache.
type fileMedium struct{ f *os.File }

// ReadAt reads; behind the end of the file there are zeros.
func (m fileMedium) ReadAt(b []byte, offset int64) error {
	n, err := m.f.ReadAt(b, offset)
	clear(b[n:])
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// WriteAt writes.
func (m fileMedium) WriteAt(b []byte, offset int64) error {
	_, err := m.f.WriteAt(b, offset)
	return err
}

// Sync makes what was written survive a crash of this computer.
func (m fileMedium) Sync() error { return m.f.Sync() }

// openStore opens a unit's files. Errors: ErrNotSimulated, ErrCorrupt, or why
// a file could not be opened.
func openStore(path string) (*store, error) {
	state, err := statefile.Open(path, magic)
	switch {
	case errors.Is(err, statefile.ErrOther):
		return nil, fmt.Errorf("%s: %w", path, ErrNotSimulated)
	case err != nil:
		return nil, err
	}
	data, err := os.OpenFile(state.Path()+dataSuffix, os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrCorrupt, err), state.Close())
	}
	return &store{state, data}, nil
}

func (s *store) close() error { return errors.Join(s.state.Close(), s.data.Close()) }

// step runs f on the state under the lock and writes the state if f changed
// it. An error means that nothing was changed.
func (s *store) step(f func(*Machine)) error {
	return s.state.Change(func(before []byte) ([]byte, error) {
		m, err := decode(before)
		if err != nil {
			return nil, err
		}
		m.medium = fileMedium{s.data}
		f(m)
		return encode(m)
	})
}
