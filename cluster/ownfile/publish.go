package ownfile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Publish puts a text in the place of a file that others read, such as a web
// server: all of it or nothing, readable by all. The folder may be that of
// somebody else, who then can remove the file but not lead us elsewhere.
// Errors: *os.PathError, with ErrSymlink, ErrNotFile, or ErrNotTrusted if what
// is there belongs to somebody else, or if somebody else laid a link in the way.
func Publish(path string, text []byte) error {
	dir, err := openFolder(filepath.Dir(path), nil)
	if err != nil {
		return err
	}
	defer dir.Close()
	name := filepath.Base(path)
	if err := replaceable(dir, name); err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	// A name of its own: two that write at once do not meet.
	draft := fmt.Sprintf(".%s.%016x", name, rand.Uint64())
	fd, err := unix.Openat(int(dir.Fd()), draft, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: filepath.Join(dir.Name(), draft), Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		if err = unix.Renameat(int(dir.Fd()), draft, int(dir.Fd()), name); err != nil {
			err = &os.PathError{Op: "rename", Path: path, Err: err}
		}
	}
	if err != nil {
		return errors.Join(err, unix.Unlinkat(int(dir.Fd()), draft, 0))
	}
	return dir.Sync()
}

// replaceable refuses to replace what is no plain file of root or our own.
func replaceable(dir *os.File, name string) error {
	var st unix.Stat_t
	switch err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return err
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return ErrSymlink
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return ErrNotFile
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return ErrNotTrusted
	}
	return nil
}
