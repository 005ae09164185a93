package watchdog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Reasons of a *DeviceError, to be tested with errors.Is.
var (
	// ErrNotWatchdog says that what was opened is no watchdog device.
	ErrNotWatchdog = errors.New("not a watchdog device")
	// ErrInUse says that another process has the device open.
	ErrInUse = errors.New("in use by another process")
	// ErrArmed says that the device runs although nobody has it open: who had
	// it has died, and the kernel is about to restart the node.
	ErrArmed = errors.New("the watchdog runs already, and nobody feeds it")
	// ErrAlarmOnly says that the device restarts nothing.
	ErrAlarmOnly = errors.New("the watchdog only raises an alarm, it restarts nothing")
	// ErrTimeout says that the device does not take the timeout.
	ErrTimeout = errors.New("the watchdog does not take the timeout")
	// ErrStillArmed says that a device that was closed in order runs on.
	ErrStillArmed = errors.New("the watchdog cannot be stopped (nowayout)")
)

// DeviceError is a failure of the watchdog device.
type DeviceError struct {
	Device string
	Err    error
}

func (e *DeviceError) Error() string { return e.Device + ": " + e.Err.Error() }

// Unwrap gives the reason: one of this package, or an errno.
func (e *DeviceError) Unwrap() error { return e.Err }

// magicClose written to the device says that the close that follows is meant.
const magicClose = "V"

// handle is an open watchdog device, as the kernel has it.
type handle interface {
	support() (*unix.WatchdogInfo, error)
	// setTimeout and timeout count seconds.
	setTimeout(seconds int) error
	timeout() (uint32, error)
	keepAlive() error
	write(text string) error
	close() error
}

// Kernel is a watchdog device of the kernel. It is never closed but by Close:
// a process that dies leaves it armed.
type Kernel struct {
	// Path is the device, Identity its name of itself.
	Path, Identity string
	// Timeout is what the device was set to.
	Timeout time.Duration
	// NoMagic says that closing the device disarms it even if the process
	// just dies; NoWayOut that nothing disarms it.
	NoMagic, NoWayOut bool

	h             handle
	sysfs, procfs string
	open          func(path string) (handle, error)
}

// NewKernel prepares the device at path.
func NewKernel(path string) *Kernel {
	return &Kernel{Path: path, sysfs: "/sys", procfs: "/proc", open: openHandle}
}

// Arm opens the device, which starts it, and sets its timeout. It may have to
// take a shorter one, but none shorter than least. After an error nothing is
// armed, unless the error says so (ErrArmed, ErrStillArmed). Errors:
// *DeviceError.
func (k *Kernel) Arm(timeout, least time.Duration) error {
	if err := k.arm(timeout, least); err != nil {
		return &DeviceError{Device: k.Path, Err: err}
	}
	return nil
}

func (k *Kernel) arm(timeout, least time.Duration) error {
	attributes, err := k.attributes()
	if err != nil {
		return err
	}
	k.NoWayOut = attribute(attributes, "nowayout") == "1"
	if attribute(attributes, "state") == "active" {
		// Opening it would feed it. Nothing is touched, for who has it may be
		// about to close it.
		if k.held(attributes) {
			return ErrInUse
		}
		return ErrArmed
	}
	if k.h, err = k.open(k.Path); err != nil {
		return err
	}
	info, err := k.h.support()
	if err != nil {
		// Nothing that is no watchdog gets a byte written to it.
		return errors.Join(fmt.Errorf("%w: %w", ErrNotWatchdog, err), k.h.close())
	}
	k.Identity = unix.ByteSliceToString(info.Identity[:])
	k.NoMagic = info.Options&unix.WDIOF_MAGICCLOSE == 0
	if info.Options&unix.WDIOF_ALARMONLY != 0 {
		return errors.Join(ErrAlarmOnly, k.disarm())
	}
	if err := k.setTimeout(timeout, least); err != nil {
		return errors.Join(err, k.disarm())
	}
	return nil
}

// held reports whether a process has the device open, by any of its names.
func (k *Kernel) held(attributes string) bool {
	open, err := filepath.Glob(filepath.Join(k.procfs, "[0-9]*/fd/*"))
	if err != nil {
		return false
	}
	for _, link := range open {
		dir, err := k.attributesOf(link)
		if err == nil && dir == attributes {
			return true
		}
	}
	return false
}

// setTimeout sets the timeout and reads it back: some devices have only a few,
// and some round.
func (k *Kernel) setTimeout(want, least time.Duration) error {
	setErr := k.h.setTimeout(int(want / time.Second))
	seconds, err := k.h.timeout()
	if err != nil {
		return fmt.Errorf("%w of %v: it does not tell its own: %w", ErrTimeout, want, errors.Join(err, setErr))
	}
	k.Timeout = time.Duration(seconds) * time.Second
	switch {
	case k.Timeout > want:
		err = fmt.Errorf("%w of %v, it has %v", ErrTimeout, want, k.Timeout)
	case k.Timeout < least:
		err = fmt.Errorf("%w of %v, it has %v, and %v is the least", ErrTimeout, want, k.Timeout, least)
	default:
		return nil
	}
	if setErr != nil {
		err = fmt.Errorf("%w: %w", err, setErr)
	}
	return err
}

// Feed puts the restart off by the timeout.
func (k *Kernel) Feed() error {
	err := k.h.keepAlive()
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
		// Any byte but V does it, too.
		err = k.h.write("\x00")
	}
	if err != nil {
		return &DeviceError{Device: k.Path, Err: err}
	}
	return nil
}

// Close disarms the device. Errors: *DeviceError; ErrStillArmed if it runs on.
func (k *Kernel) Close() error {
	if err := k.disarm(); err != nil {
		return &DeviceError{Device: k.Path, Err: err}
	}
	return nil
}

func (k *Kernel) disarm() error {
	err := errors.Join(k.h.write(magicClose), k.h.close())
	if attributes, e := k.attributes(); e == nil && attribute(attributes, "state") == "active" || k.NoWayOut {
		return errors.Join(ErrStillArmed, err)
	}
	return err
}

// legacyMajor and legacyMinor are /dev/watchdog, which is watchdog0 as well.
const (
	legacyMajor = 10
	legacyMinor = 130
)

// attributes is the device's folder in sysfs, or "" if it has none there. The
// error is ErrNotWatchdog, or why there is no device.
func (k *Kernel) attributes() (string, error) { return k.attributesOf(k.Path) }

func (k *Kernel) attributesOf(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return "", ErrNotWatchdog
	}
	major, minor := unix.Major(st.Rdev), unix.Minor(st.Rdev)
	link := filepath.Join(k.sysfs, "dev/char", fmt.Sprintf("%d:%d", major, minor))
	if major == legacyMajor && minor == legacyMinor {
		link = filepath.Join(k.sysfs, "class/watchdog/watchdog0")
	}
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return "", nil
	}
	return dir, nil
}

// attribute reads an attribute; "" is one that the kernel does not show.
func attribute(dir, name string) string {
	if dir == "" {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// fd is a handle by its descriptor. It is no os.File, which the garbage
// collector would close.
type fd int

func openHandle(path string) (handle, error) {
	n, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	return fd(n), nil
}

func (f fd) support() (*unix.WatchdogInfo, error) { return unix.IoctlGetWatchdogInfo(int(f)) }

func (f fd) setTimeout(seconds int) error {
	return unix.IoctlSetPointerInt(int(f), unix.WDIOC_SETTIMEOUT, seconds)
}

func (f fd) timeout() (uint32, error) { return unix.IoctlGetUint32(int(f), unix.WDIOC_GETTIMEOUT) }

func (f fd) keepAlive() error { return unix.IoctlWatchdogKeepalive(int(f)) }

func (f fd) write(text string) error {
	n, err := unix.Write(int(f), []byte(text))
	if err == nil && n != len(text) {
		err = fmt.Errorf("%d of %d bytes were taken", n, len(text))
	}
	return err
}

func (f fd) close() error { return unix.Close(int(f)) }
