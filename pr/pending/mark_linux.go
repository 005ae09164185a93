package pending

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"lunguard/pr"
)

// Pending reports whether a command for a device that changes reservations, and which
// some process of this host has given up, is still under way in the kernel. dir is the
// Dir of that process's [Gate], devno the device's number as stat tells it (st_rdev).
// Errors: pr.ErrNotTrusted if others than this user and root can change dir, so that what
// is in it proves nothing; or why dir could not be looked at. That nothing is there is no
// error.
//
// A command is known by a lock on a file MAJOR:MINOR in dir. The lock belongs to
// an open file of the process, and a thread that the kernel does not let go keeps
// the files of its process open even when that is dead: so the lock ends when the
// command does, whoever is killed, and a file without a lock means nothing. An sg
// device lets its thread go when the process is killed, and then nobody knows.
func Pending(dir string, devno uint64) (bool, error) {
	dirfd, err := openPendingDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(dirfd)
	name := markName(devno)
	fd, err := openMark(dirfd, name, unix.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "open", Path: dir + "/" + name, Err: err}
	}
	defer unix.Close(fd)
	// Whoever only asks holds no lock, so that two who ask do not see each other.
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock); err != nil {
		return false, &os.PathError{Op: "lock", Path: dir + "/" + name, Err: err}
	}
	return lock.Type != unix.F_UNLCK, nil
}

// markName is the name of the file for a device.
func markName(devno uint64) string { return fmt.Sprintf("%d:%d", unix.Major(devno), unix.Minor(devno)) }

// openPendingDir opens the directory, and refuses one in which others could put
// a link or a lock.
func openPendingDir(dir string) (int, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (st.Uid != 0 && int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0) {
		err = pr.ErrNotTrusted
	}
	if err != nil {
		unix.Close(fd)
		return -1, &os.PathError{Op: "trust", Path: dir, Err: err}
	}
	return fd, nil
}

func openMark(dirfd int, name string, mode int) (int, error) {
	// O_NONBLOCK, should it be a pipe.
	return unix.Openat(dirfd, name, mode|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
}

// mark is the lock by which other processes know of a command that was given up.
// Several may hold the one of a device at the same time.
type mark struct {
	dirfd, fd int
	name      string
}

// makeMark locks the file of the device, in a directory that it makes if need be.
func makeMark(dir string, devno uint64) (*mark, error) {
	// /run is empty after a boot, so its parent may be missing, too.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	dirfd, err := openPendingDir(dir)
	if err != nil {
		return nil, err
	}
	m := &mark{dirfd: dirfd, name: markName(devno)}
	for {
		// Between opening and locking another process may have removed the file:
		// then nobody would find the lock.
		here, err := m.lock()
		if err != nil {
			unix.Close(dirfd)
			return nil, &os.PathError{Op: "lock", Path: dir + "/" + m.name, Err: err}
		}
		if here {
			return m, nil
		}
	}
}

// lock opens and locks the file, and reports whether it still is the one of its
// name.
func (m *mark) lock() (bool, error) {
	fd, err := openMark(m.dirfd, m.name, unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		return false, err
	}
	var opened, named unix.Stat_t
	// It waits only for a process that is about to remove the file.
	err = m.set(fd, unix.F_OFD_SETLKW, unix.F_RDLCK)
	if err == nil {
		err = unix.Fstat(fd, &opened)
	}
	if err != nil {
		unix.Close(fd)
		return false, err
	}
	err = unix.Fstatat(m.dirfd, m.name, &named, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || opened.Ino != named.Ino {
		unix.Close(fd)
		return false, nil
	}
	m.fd = fd
	return true, nil
}

func (m *mark) set(fd, how int, kind int16) error {
	for {
		lock := unix.Flock_t{Type: kind, Whence: io.SeekStart}
		err := unix.FcntlFlock(uintptr(fd), how, &lock)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// remove gives the lock back, and removes the file if nobody else has locked it.
func (m *mark) remove() {
	// A file that stays means nothing: see Pending.
	if m.set(m.fd, unix.F_OFD_SETLK, unix.F_WRLCK) == nil {
		_ = unix.Unlinkat(m.dirfd, m.name, 0)
	}
	unix.Close(m.fd)
	unix.Close(m.dirfd)
}
