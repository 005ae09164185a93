package simlun

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Files of a unit beside its state file.
const (
	dataSuffix = ".data" // the medium, sparse
	lockSuffix = ".lock" // held with flock while the state is looked at
	tempSuffix = ".new"  // the next state while it is being written
)

// longestState bounds what is read as a state file.
const longestState = 16 << 20

// store is a unit in files: who holds the lock reads the state, changes it
// and puts the new one in the place of the old in one step.
type store struct {
	path string
	lock *os.File
	data *os.File

	mu sync.Mutex // flock knows open files, not goroutines
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
	// The state file is replaced at every change: through a symbolic link
	// that would replace the link.
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if err := recognise(real); err != nil {
		return nil, err
	}
	s := &store{path: real}
	if s.lock, err = os.OpenFile(real+lockSuffix, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	if s.data, err = os.OpenFile(real+dataSuffix, os.O_RDWR, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrCorrupt, err), s.lock.Close())
	}
	return s, nil
}

// recognise reports whether the path is a regular file that begins as a state
// file does. It never opens anything else: a device may have side effects.
func recognise(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, ErrNotSimulated)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	head := make([]byte, len(magic)+1)
	_, err = io.ReadFull(f, head)
	if closeErr := f.Close(); closeErr != nil {
		return closeErr
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), err == nil && string(head) != magic+" ":
		return fmt.Errorf("%s: %w", path, ErrNotSimulated)
	}
	return err
}

func (s *store) close() error { return errors.Join(s.lock.Close(), s.data.Close()) }

// step runs f on the state under the lock and writes the state if f changed
// it. An error means that nothing was changed.
func (s *store) step(f func(*Machine)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := flock(s.lock, unix.LOCK_EX); err != nil {
		return fmt.Errorf("%s%s: lock: %w", s.path, lockSuffix, err)
	}
	// A lock that cannot be given back goes with the file descriptor.
	defer func() { _ = flock(s.lock, unix.LOCK_UN) }()
	before, err := readState(s.path)
	if err != nil {
		return err
	}
	m, err := decode(before)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	m.medium = fileMedium{s.data}
	f(m)
	after, err := encode(m)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if bytes.Equal(before, after) {
		return nil
	}
	return replaceFile(s.path, after)
}

func readState(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, longestState))
	return b, errors.Join(err, f.Close())
}

// flock waits for the lock as long as it takes: nobody holds it while time
// passes.
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// replaceFile puts content in the place of the file so that after a crash at
// any instant either the old or the new is there, whole.
func replaceFile(path string, content []byte) error {
	temp := path + tempSuffix
	if err := writeSynced(temp, content); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
