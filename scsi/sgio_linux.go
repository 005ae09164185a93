package scsi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lunguard/pr/pending"
)

// From Linux's include/scsi/sg.h.
const (
	sgReset       = 0x2284
	sgResetDevice = 0x001 // the logical unit, in the words of SAM
	sgNoEscalate  = 0x100 // and never the target or the bus after it
	sgIO          = 0x2285
	sgInterfaceID = 'S'
	sgDxferNone   = -1
	sgDxferToDev  = -2
	// sgDxferBoth is SG_DXFER_TO_FROM_DEV: the device sends, and what is in the buffer
	// before stays where it sends nothing. Block devices take it for FROM_DEV.
	sgDxferBoth = -4
	// sgDxferFromDev is for sg character devices, which answer the other one with ENOMEM:
	// their driver has a buffer of its own in between.
	sgDxferFromDev = -3
	senseMax       = 96
	maxCDB         = 16
	// abandonGrace is what the kernel's error recovery may take on top.
	abandonGrace = 5 * time.Second
	// longestTimeout is the most that can be told the kernel: for it 31 bits of
	// milliseconds are the future.
	longestTimeout = math.MaxInt32 * time.Millisecond
)

// sgIOHdr is struct sg_io_hdr. Its pointers are typed, so that the garbage
// collector and a growing stack keep them right, and so that Go aligns it as C
// does wherever pointers have 4 or 8 bytes.
type sgIOHdr struct {
	interfaceID    int32
	dxferDirection int32
	cmdLen         uint8
	mxSBLen        uint8
	iovecCount     uint16
	dxferLen       uint32
	dxferp         *byte
	cmdp           *byte
	sbp            *byte
	timeout        uint32 // milliseconds
	flags          uint32
	packID         int32
	usrPtr         *byte
	status         uint8
	maskedStatus   uint8
	msgStatus      uint8
	sbLenWr        uint8
	hostStatus     uint16
	driverStatus   uint16
	resid          int32
	duration       uint32
	info           uint32
}

// SGDevice is a Transport over Linux's SG_IO on a block or sg device.
type SGDevice struct {
	// Gate keeps order when a command is given up. A PERSISTENT RESERVE OUT is a change
	// that other processes have to know of.
	pending.Gate

	file *os.File
	char bool
	// issue hands a command to the kernel; tests replace it.
	issue func(*sgCall) error
}

// OpenMode says how a device is opened.
type OpenMode int

// Modes. Opening a disk for writing makes udev read it over again when it is
// closed, some sixty commands; nothing here needs it as root.
const (
	OpenReadOnly  OpenMode = unix.O_RDONLY
	OpenReadWrite OpenMode = unix.O_RDWR
)

// ErrNotBlockDevice says that a name is no block or character device.
var ErrNotBlockDevice = errors.New("not a device")

// OpenSG opens a block device or an sg device. It sends no command, so what it
// opens may still be something that takes none: the first command then gives
// ErrUnsupported. A partition stands for its whole disk. Errors: *os.PathError
// (errors.Is with os.ErrNotExist, os.ErrPermission), or ErrNotBlockDevice
// wrapped with the name.
func OpenSG(path string, mode OpenMode) (*SGDevice, error) {
	// O_NONBLOCK keeps the open itself from waiting for a medium.
	fd, err := unix.Open(path, int(mode)|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFBLK && kind != unix.S_IFCHR {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", path, ErrNotBlockDevice)
	}
	// Blocking again, or the os package puts an sg device into its poller, and
	// Close then waits for a command that has been abandoned.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "fcntl", Path: path, Err: err}
	}
	d := &SGDevice{
		Gate: pending.Gate{Path: path, Number: uint64(st.Rdev), Grace: abandonGrace},
		file: os.NewFile(uintptr(fd), path), char: st.Mode&unix.S_IFMT == unix.S_IFCHR,
	}
	d.issue = func(c *sgCall) error { return c.run(d.file) }
	return d, nil
}

// Number is the kind, block or char, and the major:minor number of what was opened,
// which a name that is looked up later need not lead to.
func (d *SGDevice) Number() (kind, number string) {
	kind = "block"
	if d.char {
		kind = "char"
	}
	return kind, fmt.Sprintf("%d:%d", unix.Major(d.Gate.Number), unix.Minor(d.Gate.Number))
}

// Close closes the device, without waiting: a command that was abandoned keeps
// it open until the kernel returns.
func (d *SGDevice) Close() error { return d.file.Close() }

// Do sends one command and waits for its answer, at most as long as the
// command's timeout says, or what is left until the deadline of ctx if that is
// less or there is no timeout, or DefaultTimeout if there is neither; and a grace
// for the kernel's error recovery. A command that outlives that is abandoned, and
// so is the device: every later Do fails. LOGICAL UNIT RESET is sent by the
// kernel, which knows no timeout for it: it is abandoned as a command is.
//
// A ctx that is cancelled while the command is under way does not end the wait,
// for its answer is worth more. Errors are those of the system call in an
// *os.PathError, one that is [ErrStillUnderWay] and context.DeadlineExceeded for
// an abandoned command, and an *OpError for one that was not sent: of class
// ErrTimeout, ErrUnsupported for one that cannot be, or ErrTransport if the Dir of its
// Gate cannot be used. It is ErrStillUnderWay, too, if an earlier one is. A reset that the host
// adapter could not do is an *OpError of class ErrDevice, and its outcome is
// unknown.
func (d *SGDevice) Do(ctx context.Context, req *Request) (Reply, error) {
	if err := d.refuse(ctx, req); err != nil {
		return Reply{}, err
	}
	timeout := patience(ctx, req)
	call := newSGCall(req, timeout)
	if d.char && req.Dir == DataIn && len(req.Data) > 0 {
		call.hdr.dxferDirection = sgDxferFromDev
	}
	err := d.Run(timeout, changes(req), func() error { return d.issue(call) })
	switch {
	case err == nil:
		return call.reply(req), nil
	case errors.Is(err, ErrStillUnderWay):
		return Reply{}, err
	case req.Function != Command:
		return Reply{}, d.resetErr(err)
	}
	return Reply{}, &os.PathError{Op: "SG_IO", Path: d.Path, Err: err}
}

// refuse tells why a request is not sent, or nil.
func (d *SGDevice) refuse(ctx context.Context, req *Request) error {
	switch {
	case req.Function > LogicalUnitReset:
		return &OpError{Device: d.Path, Class: fmt.Errorf("%w: %s", ErrUnsupported, req.Opcode())}
	case req.Function == Command && (len(req.CDB) == 0 || len(req.CDB) > maxCDB):
		return &OpError{Device: d.Path, Class: fmt.Errorf("%w: CDB of %d bytes", ErrUnsupported, len(req.CDB))}
	}
	if err := d.Refuse(ctx, changes(req)); err != nil {
		return &OpError{Device: d.Path, Class: err}
	}
	return nil
}

// changes reports whether other processes have to know of the request if it is given up.
func changes(req *Request) bool { return req.Opcode() == OpPROut }

// patience is how long the request may take on the wire.
func patience(ctx context.Context, req *Request) time.Duration {
	timeout := longestTimeout
	if req.Timeout != 0 {
		timeout = min(timeout, req.Timeout)
	}
	deadline, ok := ctx.Deadline()
	switch {
	case ok:
		timeout = min(timeout, max(time.Until(deadline), time.Millisecond))
	case req.Timeout == 0:
		timeout = DefaultTimeout
	}
	return timeout
}

// resetErr is what the kernel says of a LOGICAL UNIT RESET that it did not do.
func (d *SGDevice) resetErr(err error) error {
	switch {
	case errors.Is(err, unix.EIO):
		// The adapter's driver has tried and failed, has no room for it now (see
		// mayHaveRoom), or has no way of doing it.
		return &OpError{Device: d.Path, Class: fmt.Errorf("%w: %w", ErrDevice, err), outcomeUnknown: true}
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return &OpError{Device: d.Path, Class: fmt.Errorf("%w: %w", ErrUnsupported, err)}
	case errors.Is(err, unix.EAGAIN):
		// In error recovery; the kernel lets nobody in.
		return &OpError{Device: d.Path, Class: fmt.Errorf("%w: %w", ErrBusy, err)}
	}
	return &os.PathError{Op: "SG_SCSI_RESET", Path: d.Path, Err: err}
}

// sgCall owns the memory of one command: an abandoned one outlives its caller.
type sgCall struct {
	// reset is what SG_SCSI_RESET is asked for; 0 is SG_IO.
	reset int32
	hdr   sgIOHdr
	cdb   []byte
	data  []byte
	sense [senseMax]byte
}

func newSGCall(req *Request, timeout time.Duration) *sgCall {
	if req.Function == LogicalUnitReset {
		return &sgCall{reset: sgResetDevice | sgNoEscalate}
	}
	c := &sgCall{cdb: append([]byte(nil), req.CDB...), data: make([]byte, len(req.Data))}
	c.hdr = sgIOHdr{
		interfaceID: sgInterfaceID, dxferDirection: sgDxferNone,
		cmdLen: uint8(len(c.cdb)), cmdp: &c.cdb[0],
		mxSBLen: senseMax, sbp: &c.sense[0],
		timeout: uint32(max(timeout.Milliseconds(), 1)),
	}
	if len(c.data) > 0 && req.Dir != NoData {
		c.hdr.dxferLen, c.hdr.dxferp = uint32(len(c.data)), &c.data[0]
		switch req.Dir {
		case DataOut:
			copy(c.data, req.Data)
			c.hdr.dxferDirection = sgDxferToDev
		case DataIn:
			blank(c.data)
			c.hdr.dxferDirection = sgDxferBoth
		}
	}
	return c
}

// ioctl is what the kernel is called with.
func (c *sgCall) ioctl() (request uintptr, argument unsafe.Pointer) {
	if c.reset != 0 {
		return sgReset, unsafe.Pointer(&c.reset)
	}
	return sgIO, unsafe.Pointer(&c.hdr)
}

// run is the one place where this package calls the kernel with a command.
func (c *sgCall) run(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	// A signal that this thread takes would interrupt the sg driver's wait, and
	// because the runtime's handlers have SA_RESTART the kernel would then send
	// the command a second time. Other threads take signals meanwhile.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return err
	}
	request, argument := c.ioctl()
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		// Never repeated on EINTR: the sg driver may have sent the command.
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(argument))
	})
	runtime.KeepAlive(c)
	// Cannot fail: the mask is one that the kernel gave.
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	if err != nil {
		// Control fails only before it calls, on a file that was closed.
		return os.ErrClosed
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// reply takes the answer over into the caller's memory: no more than arrived, for
// what nobody writes to takes no memory.
func (c *sgCall) reply(req *Request) Reply {
	if req.Dir == DataIn {
		copy(req.Data, c.data[:len(c.data)-min(max(int(c.hdr.resid), 0), len(c.data))])
	}
	return Reply{
		Status: Status(c.hdr.status), Host: HostStatus(c.hdr.hostStatus), Driver: DriverStatus(c.hdr.driverStatus),
		Sense: append([]byte(nil), c.sense[:min(int(c.hdr.sbLenWr), senseMax)]...),
		Resid: int(c.hdr.resid),
	}
}
