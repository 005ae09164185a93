package nvme

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lunguard/pr"
	"lunguard/pr/pending"
)

// From Linux's include/uapi/linux/nvme_ioctl.h.
const (
	ioctlID      = 0x4e40     // NVME_IOCTL_ID: the number of the namespace
	ioctlAdmin64 = 0xc0504e47 // NVME_IOCTL_ADMIN64_CMD
	ioctlIO64    = 0xc0504e48 // NVME_IOCTL_IO64_CMD
)

// KernelTimeout is the least that the kernel is told for a command. When it is over on
// fabrics, the kernel resets the controller, and with it all that goes on there: so it
// must not be what ends a PREEMPT AND ABORT that waits for a host which hangs, and of
// which the target hears nothing for some keep-alive times. A command of ours is given up
// before that, without any harm to others.
const KernelTimeout = 120 * time.Second

// passthru is struct nvme_passthru_cmd64. Its pointer is typed, so that the garbage
// collector and a growing stack keep it right.
type passthru struct {
	opcode      uint8
	flags       uint8
	_           uint16
	nsid        uint32
	cdw2, cdw3  uint32
	metadata    uint64
	addr        *byte
	_           [8 - unsafe.Sizeof(uintptr(0))]byte
	metadataLen uint32
	dataLen     uint32
	words       [6]uint32
	timeout     uint32 // milliseconds
	_           uint32
	result      uint64
}

// Device is a Transport over the ioctl of Linux, for a namespace's block device
// (/dev/nvme0n1), its character device (/dev/ng0n1), or those of the head that native
// multipath makes of several paths: the kernel chooses the path. Root needs no more than
// to read.
type Device struct {
	// Gate keeps order when a command is given up. Reservation commands but Report are
	// changes that other processes have to know of.
	pending.Gate

	file *os.File
	char bool
	// nsid is 0 as long as it is not known.
	nsid uint32
	// ask has the kernel tell the number; tests replace it.
	ask func() (int, error)
	// issue hands a command to the kernel; tests replace it.
	issue func(*call) error
}

// Errors of opening.
var (
	// ErrNotNamespace says that a device is no NVMe namespace: NVME_IOCTL_ID has no
	// answer, or it is a controller, /dev/nvme0.
	ErrNotNamespace = errors.New("not an NVMe namespace")
	// ErrNotDevice says that a name is no block or character device.
	ErrNotDevice = errors.New("not a device")
)

// Open opens a namespace. The kernel is asked for its number, no command is sent; while it
// has no path it does not tell that either, and is asked before the first command. A
// partition stands for its whole disk. Errors: *os.PathError, or ErrNotNamespace or
// ErrNotDevice wrapped with the name.
func Open(path string) (*Device, error) {
	d, err := open(path)
	if err != nil {
		return nil, err
	}
	if err := d.number(); err != nil && !errors.Is(err, unix.EAGAIN) {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// number finds the number of the namespace out. Errors: *os.PathError, which is EAGAIN
// while the kernel has no path; ErrNotNamespace.
func (d *Device) number() error {
	nsid, err := d.ask()
	switch {
	case err == nil && nsid > 0:
		d.nsid = uint32(nsid)
		return nil
	case err == nil, errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%s: %w", d.Path, ErrNotNamespace)
	}
	return &os.PathError{Op: "NVME_IOCTL_ID", Path: d.Path, Err: err}
}

// OpenController opens a controller, such as /dev/nvme0, for commands OfController; it
// has no namespace. Errors: *os.PathError, or ErrNotDevice wrapped with the name.
func OpenController(path string) (*Device, error) { return open(path) }

func open(path string) (*Device, error) {
	// O_NONBLOCK keeps the open itself from waiting.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFBLK && kind != unix.S_IFCHR {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", path, ErrNotDevice)
	}
	// Blocking again, or the os package puts a character device into its poller.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "fcntl", Path: path, Err: err}
	}
	d := &Device{
		Gate: pending.Gate{Path: path, Number: uint64(st.Rdev), Grace: abandonGrace},
		file: os.NewFile(uintptr(fd), path), char: kind == unix.S_IFCHR,
	}
	d.issue = func(c *call) error { return c.run(d.file) }
	d.ask = func() (int, error) { return unix.IoctlRetInt(int(d.file.Fd()), ioctlID) }
	return d, nil
}

// abandonGrace is what the end of a command may take to be told.
const abandonGrace = time.Second

// Number is the kind, block or char, and the major:minor number of what was opened,
// which a name that is looked up later need not lead to.
func (d *Device) Number() (kind, number string) {
	kind = "block"
	if d.char {
		kind = "char"
	}
	return kind, fmt.Sprintf("%d:%d", unix.Major(d.Gate.Number), unix.Minor(d.Gate.Number))
}

// NSID is the number of the namespace on its subsystem.
func (d *Device) NSID() uint32 { return d.nsid }

// Close closes the device, without waiting: a command that was abandoned keeps it open
// until the kernel returns.
func (d *Device) Close() error { return d.file.Close() }

// Do sends one command and waits for its completion, at most as long as the command's
// timeout says, or what is left until the deadline of ctx if that is less or there is no
// timeout, or DefaultTimeout if there is neither; and a grace. A command that outlives
// that is abandoned, and so is the device: every later Do fails. The kernel is told at
// least KernelTimeout.
//
// A ctx that is cancelled while the command is under way does not end the wait. Errors
// are those of the system call in an *os.PathError, one that is pr.ErrStillUnderWay and
// context.DeadlineExceeded for an abandoned command, and an *OpError for one that was not
// sent: see [pending.Gate.Refuse].
func (d *Device) Do(ctx context.Context, req *Request) (Reply, error) {
	if err := d.Refuse(ctx, changes(req)); err != nil {
		return Reply{}, &OpError{Device: d.Path, Class: err}
	}
	if d.nsid == 0 && !req.OfController {
		if err := d.number(); err != nil {
			return Reply{}, err
		}
	}
	timeout := patience(ctx, req)
	c := newCall(req, d.nsid, max(timeout, KernelTimeout))
	err := d.Run(timeout, changes(req), func() error { return d.issue(c) })
	switch {
	case err == nil:
		return c.reply(req), nil
	case errors.Is(err, pr.ErrStillUnderWay):
		return Reply{}, err
	}
	return Reply{}, &os.PathError{Op: "NVMe ioctl", Path: d.Path, Err: err}
}

// changes reports whether other processes have to know of the request if it is given up.
func changes(req *Request) bool {
	switch req.Opcode {
	case OpRegister, OpAcquire, OpRelease:
		return true
	}
	return false
}

// patience is how long the request may take.
func patience(ctx context.Context, req *Request) time.Duration {
	timeout := req.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		left := max(time.Until(deadline), time.Millisecond)
		if timeout == 0 || left < timeout {
			timeout = left
		}
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return timeout
}

// call owns the memory of one command: an abandoned one outlives its caller.
type call struct {
	admin  bool
	cmd    passthru
	data   []byte
	status Status
}

func newCall(req *Request, nsid uint32, timeout time.Duration) *call {
	c := &call{admin: req.Opcode.Admin(), data: append([]byte(nil), req.Data...)}
	if req.Opcode.ReadsData() {
		Blank(c.data)
	}
	if req.OfController {
		nsid = 0
	}
	c.cmd = passthru{
		opcode: req.Opcode.Byte(), nsid: nsid, dataLen: uint32(len(c.data)), words: req.Words,
		timeout: uint32(timeout.Milliseconds()),
	}
	if len(c.data) > 0 {
		c.cmd.addr = &c.data[0]
	}
	return c
}

// run is the one place where this package calls the kernel with a command.
func (c *call) run(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	request := uintptr(ioctlIO64)
	if c.admin {
		request = ioctlAdmin64
	}
	var result uintptr
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		// Never repeated on EINTR: it is how the kernel says that it has cancelled a
		// command, which may have been performed.
		result, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&c.cmd)))
	})
	runtime.KeepAlive(c)
	if err != nil {
		// Control fails only before it calls, on a file that was closed.
		return os.ErrClosed
	}
	if errno != 0 {
		return errno
	}
	c.status = Status(result)
	return nil
}

// reply takes the completion over into the caller's memory.
func (c *call) reply(req *Request) Reply {
	if req.Opcode.ReadsData() {
		copy(req.Data, c.data)
	}
	return Reply{Status: c.status, Result: c.cmd.result}
}
