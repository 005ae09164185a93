package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Permissions that others have.
const (
	byGroup fs.FileMode = 0o020
	byAll   fs.FileMode = 0o002
)

// MakeFolder makes a folder of our own, unless it is there, and refuses one
// that others can change, or lead elsewhere.
func MakeFolder(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := TrustFolders(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return CheckFolder(path)
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

// TrustFolders refuses a folder if it, or one above it, could be replaced by
// somebody who should not: then a link in a folder that is ours is theirs.
func TrustFolders(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return err
	}
	for ; ; real = filepath.Dir(real) {
		st, err := os.Lstat(real)
		if err != nil {
			return err
		}
		// In a folder with the sticky bit others cannot replace what is ours.
		// A group is not looked at: /var/log belongs to one on some systems.
		if st.Mode()&fs.ModeSticky == 0 {
			if err := trust(real, st, byAll); err != nil {
				return err
			}
		}
		if real == filepath.Dir(real) {
			return nil
		}
	}
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
