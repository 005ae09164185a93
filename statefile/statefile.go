// Package statefile is for a small state that several processes of a host change: each
// change is one step, and whoever is killed at any instant leaves the old state or the
// new one, whole. Simulated devices live in such files.
package statefile

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

// Files beside the state.
const (
	LockSuffix = ".lock" // held with flock while the state is looked at
	tempSuffix = ".new"  // the next state while it is being written
)

// longest bounds what is read as a state.
const longest = 16 << 20

// ErrOther says that a path names something else than the state that was looked for: a
// device, a directory, or a file of another beginning.
var ErrOther = errors.New("no such state file")

// File is a state in a file. It is safe for concurrent use.
type File struct {
	path string
	// Lock is the file that is locked. A test of what goes wrong without takes another.
	Lock *os.File
	mu   sync.Mutex // flock knows open files, not goroutines
}

// Create makes the state at path, which must not exist yet. Errors: os.ErrExist, or why
// a file could not be made.
func Create(path string, state []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, os.ErrExist)
	}
	if err := writeSynced(path+LockSuffix, nil); err != nil {
		return err
	}
	return replace(path, state)
}

// Open opens the state at path, which begins with the word magic and a blank. Errors:
// ErrOther, or why a file could not be opened. Nothing else than a regular file is ever
// opened: a device may have side effects.
func Open(path, magic string) (*File, error) {
	// The state file is replaced at every change: through a symbolic link
	// that would replace the link.
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if err := recognise(real, magic); err != nil {
		return nil, err
	}
	f := &File{path: real}
	if f.Lock, err = os.OpenFile(real+LockSuffix, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	return f, nil
}

// Path is that of the state, without symbolic links.
func (f *File) Path() string { return f.path }

// Is reports whether the file at path begins with the word; false for what cannot be
// looked at.
func Is(path, magic string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && recognise(real, magic) == nil
}

func recognise(path, magic string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, ErrOther)
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
		return fmt.Errorf("%s: %w", path, ErrOther)
	}
	return err
}

// Close gives the file back.
func (f *File) Close() error { return f.Lock.Close() }

// Change runs next on the state while nobody else can, and keeps what it returns. An
// error, that of next included, means that nothing was changed.
func (f *File) Change(next func(before []byte) ([]byte, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := flock(f.Lock, unix.LOCK_EX); err != nil {
		return fmt.Errorf("%s%s: lock: %w", f.path, LockSuffix, err)
	}
	// A lock that cannot be given back goes with the file descriptor.
	defer func() { _ = flock(f.Lock, unix.LOCK_UN) }()
	before, err := read(f.path)
	if err != nil {
		return err
	}
	after, err := next(before)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", f.path, err)
	case bytes.Equal(before, after):
		return nil
	}
	return replace(f.path, after)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, longest))
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

// replace puts content in the place of the file so that after a crash at
// any instant either the old or the new is there, whole.
func replace(path string, content []byte) error {
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
