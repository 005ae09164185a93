package cluster

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reasons why a config is not read or written, to be tested with errors.Is.
var (
	// ErrNotTrusted says that a file, or the folder that it lies in, decides
	// what root does and can be changed by others.
	ErrNotTrusted = errors.New("others than root can change it")
	// ErrSymlink says that a symbolic link stands where the config belongs.
	ErrSymlink = errors.New("it is a symbolic link")
	// ErrBeingWritten says that another process is writing the config.
	ErrBeingWritten = errors.New("another process is writing it")
	// ErrChanged says that the config is no longer what was read.
	ErrChanged = errors.New("it has changed meanwhile")
)

// openTrusted opens a file for reading. Root does not take words from a file
// that others own or may write to. Errors: *os.PathError, with ErrNotTrusted.
func openTrusted(path string) (*os.File, error) {
	// A fifo in the place of a file must not hold us.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		err = trusted(path, st)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// trusted refuses, for root, what others than root can change. In a folder
// with the sticky bit others can make files, but not replace root's.
func trusted(path string, st fs.FileInfo) error {
	const byOthers = 0o022
	sys, ok := st.Sys().(*syscall.Stat_t)
	if os.Geteuid() != 0 || !ok || !st.IsDir() && !st.Mode().IsRegular() {
		return nil
	}
	writable := st.Mode()&byOthers != 0 && st.Mode()&fs.ModeSticky == 0
	if sys.Uid != 0 || writable {
		return &os.PathError{Op: "trust", Path: path, Err: ErrNotTrusted}
	}
	return nil
}

// WriteConfig puts a config in its place: all of it or nothing, with what was
// there before beside it as FILE.bak. old is what was read; nil is no file.
// Errors: *os.PathError, with one of the reasons above.
func WriteConfig(path string, text, old []byte) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	st, err := dir.Stat()
	if err != nil {
		return err
	}
	if err := trusted(dir.Name(), st); err != nil {
		return err
	}
	// The lock ends with the process, however that ends.
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return &os.PathError{Op: "lock", Path: path, Err: ErrBeingWritten}
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
