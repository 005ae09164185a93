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

// Held is the right to replace files of one folder, which one process has at a
// time.
type Held struct {
	path string
	// dir is the folder of the file, which is called name there. Where the path is a
	// symbolic link, it is that of the file that it leads to.
	dir  *os.File
	name string
}

// Hold takes the right to replace a file. Whoever reads the file, decides, and
// replaces it under one Held loses nothing that others write. If another process
// has the right, busy is called, and then it is waited for until ctx is over. The
// right ends with the process, however that ends. Errors: *os.PathError, with
// ErrBeingWritten if ctx is over, and ErrNotTrusted if, for root, others can change a
// folder or a symbolic link on the way to the file.
func Hold(ctx context.Context, path string, busy func()) (*Held, error) {
	judge := notOthers
	if os.Geteuid() != 0 {
		judge = nil
	}
	dir, name, err := placeOf(path, judge)
	if err != nil {
		return nil, err
	}
	h := &Held{path, dir, name}
	if unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return h, nil
	}
	busy()
	if ctx.Err() != nil {
		// Who does not wait must not come to have it later, if only for an instant.
		dir.Close()
		return nil, &os.PathError{Op: "lock", Path: path, Err: ErrBeingWritten}
	}
	// There is no way to end the wait of a thread for a lock; its own descriptor,
	// which nobody else closes, gives the lock back if it comes too late.
	had := make(chan error)
	go func() {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX)
		select {
		case had <- err:
		case <-ctx.Done():
			h.Release()
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

// Release gives the right up, at once: a child that was forked meanwhile, and has not got
// to its own program yet, has the descriptor, too.
func (h *Held) Release() {
	_ = unix.Flock(int(h.dir.Fd()), unix.LOCK_UN)
	h.dir.Close()
}

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

// Replace puts a text in the place of the file: all of it or nothing, with what was
// there before beside it as FILE.bak. Both have the mode and the owner that the file
// had; a new one is readable by all. Where the path is a symbolic link of ours, that
// stays, and the file that it leads to is replaced. old is what was read; nil is no
// file. Errors: *os.PathError, with ErrNotFile, or ErrChanged if somebody who does not
// ask for the right has written.
func (h *Held) Replace(text, old []byte) error {
	d := draft{dir: h.dir, mode: 0o644, uid: -1, gid: -1}
	now, err := d.like(h.name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case !bytes.Equal(now, old):
		return &os.PathError{Op: "write", Path: h.path, Err: ErrChanged}
	}
	if now != nil {
		if err := d.put(h.name+".bak", now); err != nil {
			return err
		}
	}
	if err := d.put(h.name, text); err != nil {
		return err
	}
	return h.dir.Sync()
}

// draft is what is written beside its place before it is moved there, with the mode and
// the owner that it will have; -1 leaves that as it is.
type draft struct {
	dir      *os.File
	mode     fs.FileMode
	uid, gid int
}

// like reads a file, and gives what is written from then on its mode and owner.
func (d *draft) like(name string) ([]byte, error) {
	path := filepath.Join(d.dir.Name(), name)
	fd, err := unix.Openat(int(d.dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.Mode().IsRegular() {
		return nil, &os.PathError{Op: "write", Path: path, Err: ErrNotFile}
	}
	d.mode, d.uid, d.gid = st.Mode().Perm(), int(sys.Uid), int(sys.Gid)
	text := bytes.NewBuffer([]byte{})
	_, err = text.ReadFrom(f)
	return text.Bytes(), err
}

// put writes a file beside its place and then moves it there. What a killed run left, or
// somebody else put there, is removed and not followed.
func (d *draft) put(name string, text []byte) error {
	at, beside := int(d.dir.Fd()), name+".new"
	fail := func(op string, err error) error {
		if err == nil {
			return nil
		}
		return &os.PathError{Op: op, Path: filepath.Join(d.dir.Name(), beside), Err: err}
	}
	if err := unix.Unlinkat(at, beside, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fail("remove", err)
	}
	fd, err := unix.Openat(at, beside, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fail("open", err)
	}
	f := os.NewFile(uintptr(fd), filepath.Join(d.dir.Name(), beside))
	_, err = f.Write(text)
	// Who it belongs to goes first: to change that takes bits of the mode away.
	err = errors.Join(err, f.Chown(d.uid, d.gid), f.Chmod(d.mode), f.Sync(), f.Close())
	if err == nil {
		err = fail("rename", unix.Renameat(at, beside, at, name))
	}
	if err != nil {
		err = errors.Join(err, fail("remove", unix.Unlinkat(at, beside, 0)))
	}
	return err
}
