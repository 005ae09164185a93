// Package ownfile opens and writes files that decide what root does, or that
// root writes for others to read. None of it follows a link that somebody
// else laid, or believes what somebody else may have written.
package ownfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reasons of a *os.PathError, to be tested with errors.Is.
var (
	// ErrNotTrusted says that a file, or a folder that it lies in, can be
	// changed by others than root.
	ErrNotTrusted = errors.New("writable by others")
	// ErrSymlink says that a symbolic link stands where a file or folder
	// belongs.
	ErrSymlink = errors.New("it is a symbolic link")
	// ErrNotFile says that something else than a plain file with one name is
	// there.
	ErrNotFile = errors.New("it is not a plain file, or has several names")
	// ErrNotFolder says that something else than a folder is there.
	ErrNotFolder = errors.New("it is not a directory")
	// ErrBeingWritten says that another process is writing in the folder.
	ErrBeingWritten = errors.New("another process is writing it")
	// ErrChanged says that a file is no longer what was read.
	ErrChanged = errors.New("it has changed meanwhile")
	// ErrTooLarge says that a file is larger than any that is wanted.
	ErrTooLarge = errors.New("it is too large")
)

// Open opens a plain file, or a pipe, for reading. Root does not take words from what
// others own or may write to, or could exchange for something else: the file, each
// folder above it, and each symbolic link on the way and those folders. Nothing else is
// opened, for that alone may do something: a watchdog starts, a tape is wound back. A
// pipe that nobody writes to does not hold us. Errors: *os.PathError, with ErrNotTrusted
// or ErrNotFile.
func Open(path string) (*os.File, error) {
	if os.Geteuid() != 0 {
		return openIn(unix.AT_FDCWD, path, path, 0)
	}
	dir, name, err := placeOf(path, notOthers)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	follow := unix.O_NOFOLLOW
	if inProc(dir) {
		// What looks like a link is a file that a process has open.
		follow = 0
	}
	f, err := openIn(int(dir.Fd()), name, path, follow)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		err = trust(path, st, byGroup|byAll)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openIn opens a plain file or a pipe in a folder. path is its name for people, flags
// are further ones for the opening.
func openIn(dir int, name, path string, flags int) (*os.File, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, 0)
	if err == nil {
		err = readable(&st)
	}
	fd := -1
	if err == nil {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC|flags, 0)
	}
	if err == nil {
		// By now it may be another.
		if err = unix.Fstat(fd, &st); err == nil {
			err = readable(&st)
		}
		if err != nil {
			unix.Close(fd)
		}
	}
	switch {
	case errors.Is(err, unix.EISDIR):
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// readable refuses what is neither a plain file nor a pipe.
func readable(st *unix.Stat_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFIFO:
		return nil
	case unix.S_IFDIR:
		return unix.EISDIR
	}
	return ErrNotFile
}

// Trust refuses, for root, a program that others can change, or exchange for something
// else. Errors: those of Open.
func Trust(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	f, err := Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// Read reads a file whole, see Open and ReadAll.
func Read(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := ReadAll(ctx, f, limit)
	var named *os.PathError
	if err != nil && ctx.Err() == nil && !errors.As(err, &named) {
		err = &os.PathError{Op: "read", Path: path, Err: err}
	}
	return text, err
}

// ReadAll reads to the end of what may be a pipe that somebody holds, or a terminal:
// the end of ctx ends it, and its cause is the error then. More than limit bytes is
// ErrTooLarge.
func ReadAll(ctx context.Context, r io.Reader, limit int64) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(r, limit+1))
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case got := <-done:
		if got.err == nil && int64(len(got.text)) > limit {
			return nil, ErrTooLarge
		}
		return got.text, got.err
	}
}

// Append opens a file to write behind what is there, or makes it. own says that the
// folder it lies in is made if it is missing, and has to be ours alone; else its group
// may write there, but the file has to be ours. Errors: *os.PathError, with
// ErrNotTrusted, ErrSymlink, ErrNotFolder or ErrNotFile.
func Append(path string, own bool) (*os.File, error) {
	var dir *os.File
	var err error
	if own {
		dir, err = ownFolder(filepath.Dir(path), 0o755, notAll)
	} else {
		dir, err = openFolder(filepath.Dir(path), notAll)
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	// A fifo in the place of the file must not hold us.
	fd, err := unix.Openat(int(dir.Fd()), filepath.Base(path), unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o640)
	if errors.Is(err, unix.ELOOP) {
		err = ErrSymlink
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	st, err := f.Stat()
	if err == nil {
		err = plain(path, st)
	}
	if err == nil {
		err = trust(path, st, byAll)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// plain refuses what is not a regular file, or one that has another name: it
// may be a file that somebody wants to be overwritten.
func plain(path string, st fs.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.Mode().IsRegular() || sys.Nlink != 1 {
		return &os.PathError{Op: "open", Path: path, Err: ErrNotFile}
	}
	return nil
}

// placeOf opens the folder of what a path names, see way.place.
func placeOf(path string, judge func(*os.File) error) (dir *os.File, name string, err error) {
	w, err := setOut(path, judge)
	if err == nil {
		dir, name, err = w.place()
	}
	var there *os.PathError
	switch {
	case !errors.As(err, &there):
	case errors.Is(err, ErrNotTrusted):
		err = &os.PathError{Op: "trust", Path: path, Err: &WayError{there.Path}}
	default:
		err = &os.PathError{Op: there.Op, Path: path, Err: there.Err}
	}
	return dir, name, err
}

// WayError says that others can change the way to a file, at a folder or a link.
type WayError struct{ At string }

func (e *WayError) Error() string { return e.At + " is writable by others" }

// Is makes it ErrNotTrusted.
func (e *WayError) Is(target error) bool { return target == ErrNotTrusted }
