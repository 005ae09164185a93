package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a path may lead through.
const maxLinks = 40

// way is a path that is gone step by step, from one open folder to the next: what
// was looked at cannot be exchanged for something else before it is used. A symbolic
// link is followed only if nobody else can have laid it: its folder is root's or our
// own, and others cannot write to it.
type way struct {
	dir *os.File
	// steps are still to be gone.
	steps []string
	links int
	// judge refuses a folder; nil takes any.
	judge func(*os.File) error
	// missing is the mode of folders that are made where there is none; 0 makes none.
	missing fs.FileMode
}

// setOut begins a way at the root. Whoever ends it closes dir.
func setOut(path string, judge func(*os.File) error) (*way, error) {
	if path == "" {
		return nil, &os.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	w := &way{judge: judge, steps: strings.Split(path, "/")}
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		w.steps = append(strings.Split(here, "/"), w.steps...)
	}
	return w, w.atRoot()
}

// atRoot goes to the root.
func (w *way) atRoot() error {
	root, err := os.Open("/")
	if err == nil && w.judge != nil {
		err = w.judge(root)
	}
	if err != nil {
		return err
	}
	w.moveTo(root)
	return nil
}

func (w *way) moveTo(dir *os.File) {
	if w.dir != nil {
		w.dir.Close()
	}
	w.dir = dir
}

// next is the step that comes now; last says that none is left behind it.
func (w *way) next() (step string, last bool) {
	step, w.steps = w.steps[0], w.steps[1:]
	return step, len(w.steps) == 0
}

// openFolder opens a folder. Errors: *os.PathError.
func openFolder(path string, judge func(*os.File) error) (*os.File, error) {
	w, err := setOut(path, judge)
	if err != nil {
		return nil, err
	}
	return w.folder()
}

// folder goes to the end, which is a folder.
func (w *way) folder() (*os.File, error) {
	for len(w.steps) > 0 {
		step, _ := w.next()
		if err := w.into(step); err != nil {
			w.dir.Close()
			return nil, err
		}
	}
	return w.dir, nil
}

// into goes into a folder, or to where a link leads.
func (w *way) into(step string) error {
	if step == "" || step == "." {
		return nil
	}
	fd, err := w.openat(step)
	if errors.Is(err, unix.ENOENT) && w.missing != 0 {
		if err := unix.Mkdirat(int(w.dir.Fd()), step, uint32(w.missing)); err != nil && !errors.Is(err, unix.EEXIST) {
			return w.fail("mkdir", step, err)
		}
		fd, err = w.openat(step)
	}
	if err != nil {
		return w.follow(step, err)
	}
	next := os.NewFile(uintptr(fd), filepath.Join(w.dir.Name(), step))
	if w.judge != nil {
		if err := w.judge(next); err != nil {
			next.Close()
			return err
		}
	}
	w.moveTo(next)
	return nil
}

func (w *way) openat(step string) (int, error) {
	return unix.Openat(int(w.dir.Fd()), step, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func (w *way) fail(op, step string, err error) error {
	return &os.PathError{Op: op, Path: filepath.Join(w.dir.Name(), step), Err: err}
}

// follow puts what a link says in the place of its step. why is the error if it is
// none.
func (w *way) follow(step string, why error) error {
	target, err := trustedLink(w.dir, step)
	switch {
	case errors.Is(err, unix.EINVAL):
		// It is no link.
		return w.fail("open", step, why)
	case errors.Is(err, ErrNotTrusted):
		return w.fail("trust", step, err)
	case err != nil:
		return w.fail("open", step, err)
	case w.links == maxLinks:
		return w.fail("open", step, unix.ELOOP)
	}
	w.links++
	w.steps = append(strings.Split(target, "/"), w.steps...)
	if filepath.IsAbs(target) {
		return w.atRoot()
	}
	return nil
}

// place goes to the folder of what the path names, and through the links that stand
// in its place: what is there then is no link, or not there at all.
func (w *way) place() (dir *os.File, name string, err error) {
	for len(w.steps) > 0 {
		step, last := w.next()
		if last && step != "" && step != "." && step != ".." {
			var st unix.Stat_t
			err := unix.Fstatat(int(w.dir.Fd()), step, &st, unix.AT_SYMLINK_NOFOLLOW)
			switch {
			case errors.Is(err, unix.ENOENT), err == nil && st.Mode&unix.S_IFMT != unix.S_IFLNK, err == nil && inProc(w.dir):
				return w.dir, step, nil
			case err == nil:
				err = w.follow(step, unix.ELOOP)
			default:
				err = w.fail("open", step, err)
			}
			if err != nil {
				w.dir.Close()
				return nil, "", err
			}
			continue
		}
		if err := w.into(step); err != nil {
			w.dir.Close()
			return nil, "", err
		}
	}
	return w.dir, ".", nil
}

// inProc reports whether the folder is one of the kernel's: what looks like a link
// there leads to a file that a process has open, as in /dev/fd.
func inProc(dir *os.File) bool { return strings.HasPrefix(dir.Name(), "/proc/") }

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
