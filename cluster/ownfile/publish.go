package ownfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Publish puts a text in the place of a file that others read, such as a web
// server: all of it or nothing, readable by all. The folder may be that of
// somebody else, who then can remove the file but not lead us elsewhere.
// Errors: *os.PathError, with ErrSymlink, ErrNotFile, or ErrNotTrusted if what
// is there belongs to somebody else, or if somebody else laid a link in the way.
func Publish(path string, text []byte) error {
	dir, err := openFolder(filepath.Dir(path))
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

// maxLinks is how many symbolic links a path may lead through.
const maxLinks = 40

// openFolder opens a folder step by step. A symbolic link on the way is
// followed only if nobody else can have laid it there: its folder is root's or
// our own, and others cannot write to it.
func openFolder(path string) (*os.File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dir, err := os.Open("/")
	if err != nil {
		return nil, err
	}
	steps := strings.Split(abs, "/")
	for links := 0; len(steps) > 0; {
		step := steps[0]
		steps = steps[1:]
		if step == "" {
			continue
		}
		fd, err := unix.Openat(int(dir.Fd()), step, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			next := os.NewFile(uintptr(fd), filepath.Join(dir.Name(), step))
			dir.Close()
			dir = next
			continue
		}
		target, linkErr := trustedLink(dir, step)
		switch {
		case errors.Is(linkErr, unix.EINVAL):
			// It is no link.
		case linkErr != nil:
			err = linkErr
		case links == maxLinks:
			err = unix.ELOOP
		default:
			links++
			steps = append(strings.Split(target, "/"), steps...)
			if !filepath.IsAbs(target) {
				continue
			}
			dir.Close()
			if dir, err = os.Open("/"); err == nil {
				continue
			}
			return nil, err
		}
		err = &os.PathError{Op: "open", Path: filepath.Join(dir.Name(), step), Err: err}
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// trustedLink reads a link in a folder; EINVAL if it is none, ErrNotTrusted if
// somebody else can have laid it.
func trustedLink(dir *os.File, name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(dir.Fd()), name, buf)
	if err != nil {
		return "", err
	}
	st, err := dir.Stat()
	if err != nil {
		return "", err
	}
	forbidden := byGroup | byAll
	if st.Mode()&fs.ModeSticky != 0 {
		// Others can lay links in it, but not where one of ours is.
		forbidden = 0
		var link unix.Stat_t
		if err := unix.Fstatat(int(dir.Fd()), name, &link, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return "", err
		}
		if link.Uid != 0 && int(link.Uid) != os.Geteuid() {
			return "", ErrNotTrusted
		}
	}
	if trust(dir.Name(), st, forbidden) != nil {
		return "", ErrNotTrusted
	}
	return string(buf[:n]), nil
}
