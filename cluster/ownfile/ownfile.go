// Package ownfile opens and writes files that decide what root does, or that
// root writes for others to read. None of it follows a link that somebody
// else laid, or believes what somebody else may have written.
package ownfile

import (
	"bytes"
	"context"
	"errors"
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
	ErrNotTrusted = errors.New("others than root can change it")
	// ErrSymlink says that a symbolic link stands where a file or folder
	// belongs.
	ErrSymlink = errors.New("it is a symbolic link")
	// ErrNotFile says that something else than a plain file with one name is
	// there.
	ErrNotFile = errors.New("it is not a plain file, or has several names")
	// ErrNotFolder says that something else than a folder is there.
	ErrNotFolder = errors.New("it is not a folder")
	// ErrBeingWritten says that another process is writing in the folder.
	ErrBeingWritten = errors.New("another process is writing it")
	// ErrChanged says that a file is no longer what was read.
	ErrChanged = errors.New("it has changed meanwhile")
)

// Open opens a file for reading. Root does not take words from a file that
// others own or may write to. Errors: *os.PathError, with ErrNotTrusted.
func Open(path string) (*os.File, error) {
	// A fifo in the place of a file must not hold us.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.Mode().IsRegular() && os.Geteuid() == 0 {
		err = trust(path, st, byGroup|byAll)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Append opens a file to write behind what is there, or makes it. Errors:
// *os.PathError, with ErrSymlink or ErrNotFile. The folder has to be trusted
// first.
func Append(path string) (*os.File, error) {
	// A fifo in the place of the file must not hold us.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o640)
	if errors.Is(err, unix.ELOOP) {
		return nil, &os.PathError{Op: "open", Path: path, Err: ErrSymlink}
	}
	if err != nil {
		return nil, err
	}
	if err := plain(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// plain refuses what is not a regular file, or one that has another name: it
// may be a file that somebody wants to be overwritten.
func plain(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.Mode().IsRegular() || sys.Nlink != 1 {
		return &os.PathError{Op: "open", Path: f.Name(), Err: ErrNotFile}
	}
	return nil
}

// Held is the right to replace files of one folder, which one process has at a
// time.
type Held struct {
	path string
	dir  *os.File
}

// Hold takes the right to replace a file. Whoever reads the file, decides, and
// replaces it under one Held loses nothing that others write. If another process
// has the right, busy is called, and then it is waited for until ctx is over. The
// right ends with the process, however that ends. Errors: *os.PathError, with
// ErrBeingWritten if ctx is over.
func Hold(ctx context.Context, path string, busy func()) (*Held, error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	h := &Held{path, dir}
	if unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return h, nil
	}
	busy()
	// There is no way to end the wait of a thread for a lock; its own descriptor,
	// which nobody else closes, gives the lock back if it comes too late.
	had := make(chan error)
	go func() {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX)
		select {
		case had <- err:
		case <-ctx.Done():
			dir.Close()
		}
	}()
	select {
	case err = <-had:
	case <-ctx.Done():
		return nil, &os.PathError{Op: "lock", Path: path, Err: ErrBeingWritten}
	}
	if err != nil {
		dir.Close()
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return h, nil
}

// Release gives the right up.
func (h *Held) Release() { h.dir.Close() }

// Replace is Held.Replace for one who does not wait for the right.
func Replace(path string, text, old []byte) error {
	now, over := context.WithCancel(context.Background())
	h, err := Hold(now, path, over)
	over()
	if err != nil {
		return err
	}
	defer h.Release()
	return h.Replace(text, old)
}

// Replace puts a text in the place of the file: all of it or nothing, with what
// was there before beside it as FILE.bak. old is what was read; nil is no
// file. Errors: *os.PathError, with ErrNotTrusted, ErrSymlink, or ErrChanged if
// somebody who does not ask for the right has written.
func (h *Held) Replace(text, old []byte) error {
	path, dir := h.path, h.dir
	if err := trustParent(dir); err != nil {
		return err
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSymlink != 0 {
		return &os.PathError{Op: "write", Path: path, Err: ErrSymlink}
	}
	now, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(now, old) {
		return &os.PathError{Op: "write", Path: path, Err: ErrChanged}
	}
	if now != nil {
		if err := replace(path+".bak", now); err != nil {
			return err
		}
	}
	if err := replace(path, text); err != nil {
		return err
	}
	return dir.Sync()
}

// trustParent refuses, for root, a folder in which others can replace files. In
// one with the sticky bit they can make files, but not replace root's.
func trustParent(dir *os.File) error {
	st, err := dir.Stat()
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	forbidden := byGroup | byAll
	if st.Mode()&fs.ModeSticky != 0 {
		forbidden = 0
	}
	if err := trust(dir.Name(), st, forbidden); err != nil {
		return err
	}
	return TrustFolders(dir.Name())
}

// replace writes a file beside its place and then moves it there. What a
// killed run left, or somebody else put there, is removed and not followed.
func replace(path string, text []byte) error {
	draft := path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		os.Remove(draft)
	}
	return err
}
