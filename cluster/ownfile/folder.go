package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Permissions that others have.
const (
	byGroup fs.FileMode = 0o020
	byAll   fs.FileMode = 0o002
)

// MakeFolder makes a folder of our own, unless it is there, and refuses one that
// others can change, or lead elsewhere. It and all folders above it are then root's or
// our own, so that what is opened there by its name is what we put there.
func MakeFolder(path string, mode fs.FileMode) error {
	dir, err := ownFolder(path, mode, notOthers)
	if err != nil {
		return err
	}
	return dir.Close()
}

// ownFolder opens a folder of our own, which is made if it is missing; judge looks at
// those above it.
func ownFolder(path string, mode fs.FileMode, judge func(*os.File) error) (*os.File, error) {
	w, err := setOut(filepath.Dir(path), judge)
	if err != nil {
		return nil, err
	}
	w.missing = 0o755
	parent, err := w.folder()
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	name := filepath.Base(path)
	if err := unix.Mkdirat(int(parent.Fd()), name, uint32(mode)); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	fd, err := unix.Openat(int(parent.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(CheckFolder(path), &os.PathError{Op: "open", Path: path, Err: err})
	}
	dir := os.NewFile(uintptr(fd), path)
	st, err := dir.Stat()
	if err == nil {
		err = trust(path, st, byGroup|byAll)
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// CheckFolder refuses a folder that is not ours alone.
func CheckFolder(path string) error {
	st, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case st.Mode()&fs.ModeSymlink != 0:
		return &os.PathError{Op: "trust", Path: path, Err: ErrSymlink}
	case !st.IsDir():
		return &os.PathError{Op: "trust", Path: path, Err: ErrNotFolder}
	}
	return trust(path, st, byGroup|byAll)
}

// notOthers refuses a folder in which others can replace what is ours. In one with
// the sticky bit they can make files, but not replace ours.
func notOthers(dir *os.File) error { return judgeFolder(dir, byGroup|byAll) }

// notAll refuses a folder in which anybody can replace what is ours. A group may be
// able to: /var/log belongs to one on some systems. What lies in such a folder is
// therefore looked at once it is open.
func notAll(dir *os.File) error { return judgeFolder(dir, byAll) }

func judgeFolder(dir *os.File, forbidden fs.FileMode) error {
	st, err := dir.Stat()
	if err != nil {
		return err
	}
	if st.Mode()&fs.ModeSticky != 0 {
		// Its owner can replace what lies in it.
		forbidden = 0
	}
	return trust(dir.Name(), st, forbidden)
}

// trust refuses what belongs to others than root and us, or what those may
// write to.
func trust(path string, st fs.FileInfo, forbidden fs.FileMode) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || sys.Uid != 0 && int(sys.Uid) != os.Geteuid() || st.Mode()&forbidden != 0 {
		return &os.PathError{Op: "trust", Path: path, Err: ErrNotTrusted}
	}
	return nil
}
