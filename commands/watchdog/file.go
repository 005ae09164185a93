package watchdog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// File is the watchdog device of a simulated host: a file to which each step
// is appended as a line. Nothing is ever restarted.
type File struct {
	// Path is the file, Name what the host calls it.
	Path, Name string
	f          *os.File
}

// Arm opens the file and makes it if there is none. The error is a
// *DeviceError: ErrNotWatchdog, ErrInUse, or that of the file system.
func (d *File) Arm(timeout time.Duration) error {
	if err := d.arm(timeout); err != nil {
		return &DeviceError{Device: d.Name, Err: err}
	}
	return nil
}

func (d *File) arm(timeout time.Duration) error {
	if st, err := os.Stat(d.Path); err == nil && !st.Mode().IsRegular() {
		return ErrNotWatchdog
	}
	if err := os.MkdirAll(filepath.Dir(d.Path), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(d.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
		return errors.Join(err, f.Close())
	}
	d.f = f
	return d.line("open, timeout %v", timeout)
}

func (d *File) line(format string, args ...any) error {
	_, err := fmt.Fprintf(d.f, format+"\n", args...)
	return err
}

// Feed writes that the device was fed.
func (d *File) Feed() error { return d.line("fed") }

// Close writes that the device was disarmed.
func (d *File) Close() error { return errors.Join(d.line("closed in order"), d.f.Close()) }
