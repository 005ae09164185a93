package scsi

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lunguard/pr"
	"lunguard/pr/pending"
)

// The layout is that of struct sg_io_hdr in Linux's include/scsi/sg.h.
func TestSGIOHdrLayout(t *testing.T) {
	var h sgIOHdr
	got := map[string]uintptr{
		"size": unsafe.Sizeof(h), "interface_id": unsafe.Offsetof(h.interfaceID),
		"dxfer_direction": unsafe.Offsetof(h.dxferDirection), "cmd_len": unsafe.Offsetof(h.cmdLen),
		"mx_sb_len": unsafe.Offsetof(h.mxSBLen), "iovec_count": unsafe.Offsetof(h.iovecCount),
		"dxfer_len": unsafe.Offsetof(h.dxferLen), "dxferp": unsafe.Offsetof(h.dxferp),
		"cmdp": unsafe.Offsetof(h.cmdp), "sbp": unsafe.Offsetof(h.sbp), "timeout": unsafe.Offsetof(h.timeout),
		"flags": unsafe.Offsetof(h.flags), "pack_id": unsafe.Offsetof(h.packID), "usr_ptr": unsafe.Offsetof(h.usrPtr),
		"status": unsafe.Offsetof(h.status), "masked_status": unsafe.Offsetof(h.maskedStatus),
		"msg_status": unsafe.Offsetof(h.msgStatus), "sb_len_wr": unsafe.Offsetof(h.sbLenWr),
		"host_status": unsafe.Offsetof(h.hostStatus), "driver_status": unsafe.Offsetof(h.driverStatus),
		"resid": unsafe.Offsetof(h.resid), "duration": unsafe.Offsetof(h.duration), "info": unsafe.Offsetof(h.info),
	}
	want := map[string]uintptr{
		"size": 88, "interface_id": 0, "dxfer_direction": 4, "cmd_len": 8, "mx_sb_len": 9, "iovec_count": 10,
		"dxfer_len": 12, "dxferp": 16, "cmdp": 24, "sbp": 32, "timeout": 40, "flags": 44, "pack_id": 48,
		"usr_ptr": 56, "status": 64, "masked_status": 65, "msg_status": 66, "sb_len_wr": 67,
		"host_status": 68, "driver_status": 70, "resid": 72, "duration": 76, "info": 80,
	}
	if unsafe.Sizeof(uintptr(0)) == 4 {
		want = map[string]uintptr{
			"size": 64, "interface_id": 0, "dxfer_direction": 4, "cmd_len": 8, "mx_sb_len": 9, "iovec_count": 10,
			"dxfer_len": 12, "dxferp": 16, "cmdp": 20, "sbp": 24, "timeout": 28, "flags": 32, "pack_id": 36,
			"usr_ptr": 40, "status": 44, "masked_status": 45, "msg_status": 46, "sb_len_wr": 47,
			"host_status": 48, "driver_status": 50, "resid": 52, "duration": 56, "info": 60,
		}
	}
	diff(t, "layout", want, got)
}

func TestOpenSG(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(file, make([]byte, 512), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		path string
		mode OpenMode
		want error
	}{
		{"regular file", file, OpenReadOnly, ErrNotBlockDevice},
		{"regular file to write", file, OpenReadWrite, ErrNotBlockDevice},
		{"directory", dir, OpenReadOnly, ErrNotBlockDevice},
		{"directory to write", dir, OpenReadWrite, unix.EISDIR},
		{"absent", filepath.Join(dir, "absent"), OpenReadOnly, os.ErrNotExist},
		{"below a file", filepath.Join(file, "x"), OpenReadOnly, unix.ENOTDIR},
		{"no name", "", OpenReadOnly, os.ErrNotExist},
		{"NUL in the name", "/dev/\x00null", OpenReadOnly, unix.EINVAL},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := len(openFiles())
			d, err := OpenSG(tc.path, tc.mode)
			if !errors.Is(err, tc.want) || d != nil {
				t.Fatalf("%v, %v, want %v", d, err, tc.want)
			}
			if !strings.Contains(err.Error(), tc.path) {
				t.Errorf("%q does not name %q", err, tc.path)
			}
			if after := len(openFiles()); after != before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

// /dev/null opens, but the kernel takes no SCSI command for it.
func TestSGDeviceOnNull(t *testing.T) {
	before := len(openFiles())
	d, err := OpenSG("/dev/null", OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, err = ReadKeys{}.Execute(ctx, d)
	isClass(t, err, ErrUnsupported, unix.ENOTTY)
	if pr.OutcomeUnknown(err) || !strings.Contains(err.Error(), "/dev/null") {
		t.Errorf("error %v, outcome unknown %v", err, pr.OutcomeUnknown(err))
	}
	_, err = ReadState(ctx, &Retry{Transport: d})
	isClass(t, err, ErrUnsupported)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if after := len(openFiles()); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	_, err = ReadKeys{}.Execute(ctx, d)
	isClass(t, err, ErrTransport, os.ErrClosed)
}

// The signal mask that holds while the kernel has a command is undone.
func TestSignalMaskIsRestored(t *testing.T) {
	d, err := OpenSG("/dev/null", OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var inner error
	done := make(chan unix.Sigset_t)
	go func() {
		inner = newSGCall(readReq, time.Second).run(d.file)
		var now unix.Sigset_t
		_ = unix.PthreadSigmask(unix.SIG_BLOCK, nil, &now)
		done <- now
	}()
	mask := <-done
	if !errors.Is(inner, unix.ENOTTY) || mask.Val[0]&(1<<(unix.SIGTERM-1)) != 0 {
		t.Errorf("error %v, mask %x", inner, mask.Val)
	}
}

// deviceWith is an SGDevice whose kernel is the function.
func deviceWith(issue func(*sgCall) error) *SGDevice {
	return &SGDevice{Gate: pending.Gate{Path: "/dev/fake", Grace: 20 * time.Millisecond}, issue: issue}
}

func TestSGCall(t *testing.T) {
	sense := Sense{Key: UnitAttention, ASC: RegistrationsPreempted}.Fixed()
	var seen sgIOHdr
	d := deviceWith(func(c *sgCall) error {
		seen = c.hdr
		if c.hdr.dxferDirection == sgDxferBoth {
			copy(c.data, "answer")
		}
		copy(c.sense[:], sense)
		c.hdr.status, c.hdr.hostStatus, c.hdr.driverStatus = 2, 0x11, 8
		c.hdr.sbLenWr, c.hdr.resid = uint8(len(sense)), 2
		return nil
	})
	wantReply := Reply{Status: CheckCondition, Host: HostNexusFailure, Driver: driverSense, Sense: sense, Resid: 2}
	for _, tc := range []struct {
		name      string
		req       Request
		direction int32
		length    uint32
		timeout   uint32
		data      string // of the request, afterwards
	}{
		{"no data", Request{CDB: make([]byte, 6)}, sgDxferNone, 0, 60000, ""},
		{"no direction", Request{CDB: make([]byte, 6), Data: []byte("ignored")}, sgDxferNone, 0, 60000, "ignored"},
		{"in", Request{CDB: make([]byte, 10), Dir: DataIn, Data: []byte("........"), Timeout: 5 * time.Second}, sgDxferBoth, 8, 5000, "answer.."},
		{"in, no bytes", Request{CDB: make([]byte, 10), Dir: DataIn}, sgDxferNone, 0, 60000, ""},
		{"out", Request{CDB: make([]byte, 16), Dir: DataOut, Data: []byte("parameter list")}, sgDxferToDev, 14, 60000, "parameter list"},
		{"less than a millisecond", Request{CDB: make([]byte, 6), Timeout: 1}, sgDxferNone, 0, 1, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reply, err := d.Do(context.Background(), &tc.req)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "reply", wantReply, reply)
			diff(t, "direction", tc.direction, seen.dxferDirection)
			diff(t, "length", tc.length, seen.dxferLen)
			diff(t, "CDB length", len(tc.req.CDB), int(seen.cmdLen))
			diff(t, "timeout", tc.timeout, seen.timeout)
			diff(t, "data", tc.data, string(tc.req.Data))
			diff(t, "interface and sense buffer", []int{'S', senseMax}, []int{int(seen.interfaceID), int(seen.mxSBLen)})
		})
	}
	for _, n := range []int{0, 17, 260} {
		_, err := Exec(context.Background(), d, "NAME", &Request{CDB: make([]byte, n)})
		isClass(t, err, ErrUnsupported)
	}
}

// A command may take what is left until the deadline, and no more than it says
// itself.
func TestPatience(t *testing.T) {
	in := func(d time.Duration) lateTimer { return lateTimer{time.Now().Add(d)} }
	for _, tc := range []struct {
		name     string
		ctx      context.Context
		timeout  time.Duration
		from, to time.Duration
	}{
		{"neither", context.Background(), 0, DefaultTimeout, DefaultTimeout},
		{"its own", context.Background(), 5 * time.Minute, 5 * time.Minute, 5 * time.Minute},
		{"the deadline", in(2 * time.Hour), 0, time.Hour, 2 * time.Hour},
		{"the deadline is later", in(time.Hour), time.Second, time.Second, time.Second},
		{"the deadline is earlier", in(time.Hour), 2 * time.Hour, time.Minute, time.Hour},
		{"the deadline has just passed", in(-1), 0, time.Millisecond, time.Millisecond},
		{"a deadline that 32 bits do not hold", in(100 * 365 * 24 * time.Hour), 0, longestTimeout, longestTimeout},
		{"a timeout that 32 bits do not hold", context.Background(), 1 << 62, longestTimeout, longestTimeout},
	} {
		got := patience(tc.ctx, &Request{Timeout: tc.timeout})
		if got < tc.from || got > tc.to {
			t.Errorf("%s: %v, %v to %v expected", tc.name, got, tc.from, tc.to)
		}
	}
}

// A reset has no header, and its errors are not those of a command.
func TestSGReset(t *testing.T) {
	for _, tc := range []struct {
		errno   error
		class   string
		unknown bool
	}{
		{nil, "", false},
		{unix.EIO, "device", true},
		{unix.EOPNOTSUPP, "unsupported", false},
		{unix.EINVAL, "unsupported", false},
		{unix.ENOTTY, "unsupported", false},
		{unix.EPERM, "transport", false},
		{unix.EACCES, "transport", false},
		{unix.EAGAIN, "busy", false},
		{unix.ENODEV, "transport", true},
	} {
		var seen sgCall
		d := deviceWith(func(c *sgCall) error { seen = *c; return tc.errno })
		err := NewUnit("/dev/sdq", d).Reset(context.Background())
		diff(t, "class", tc.class, classOf(err))
		diff(t, "outcome unknown", tc.unknown, pr.OutcomeUnknown(err))
		if tc.errno != nil && (!errors.Is(err, tc.errno) || !strings.Contains(err.Error(), "LOGICAL UNIT RESET") || !strings.Contains(err.Error(), "/dev/")) {
			t.Errorf("%v is not %v", err, tc.errno)
		}
		diff(t, "asked for", int32(0x101), seen.reset)
		if seen.hdr != (sgIOHdr{}) {
			t.Errorf("header %+v", seen.hdr)
		}
	}
	never := deviceWith(func(*sgCall) error { t.Error("sent"); return nil })
	_, err := Exec(context.Background(), never, "NAME", &Request{Function: LogicalUnitReset + 1})
	isClass(t, err, ErrUnsupported)
	reset, command := newSGCall(resetReq, time.Second), newSGCall(readReq, time.Second)
	for call, want := range map[*sgCall]uintptr{reset: 0x2284, command: 0x2285} {
		if request, _ := call.ioctl(); request != want {
			t.Errorf("ioctl %#x, want %#x", request, want)
		}
	}
	if _, argument := reset.ioctl(); *(*int32)(argument) != 0x101 {
		t.Errorf("the kernel is asked for %#x", *(*int32)(argument))
	}
	// /dev/null takes neither.
	null, err := OpenSG("/dev/null", OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	err = NewUnit("/dev/null", null).Reset(context.Background())
	isClass(t, err, ErrUnsupported, unix.ENOTTY)
	if !strings.Contains(err.Error(), "SG_SCSI_RESET") {
		t.Errorf("%v", err)
	}
}

func TestSGDeadline(t *testing.T) {
	var seen uint32
	sent := 0
	d := deviceWith(func(c *sgCall) error { seen = c.hdr.timeout; sent++; return nil })
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if _, err := d.Do(ctx, outReq); err != nil || seen > 3_600_000 || seen < 1_800_000 {
		t.Errorf("timeout %d ms, %v", seen, err)
	}
	for _, ctx := range []context.Context{lateTimer{time.Now().Add(-time.Second)}, func() context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx
	}()} {
		_, err := Exec(ctx, d, "NAME", outReq)
		isClass(t, err, ErrTimeout)
		if pr.OutcomeUnknown(err) {
			t.Error("outcome unknown of a command that was not sent")
		}
	}
	diff(t, "sent", 1, sent)
}

// A command that outlives its time keeps its own memory, and the device takes
// no other one after it.
func TestAbandoned(t *testing.T) {
	release, finished := make(chan bool), make(chan bool)
	sent := 0
	d := deviceWith(func(c *sgCall) error {
		sent++
		<-release
		copy(c.data, "late answer")
		close(finished)
		return nil
	})
	buf := []byte("untouched..")
	req := &Request{CDB: prInCDB(InReadKeys, len(buf)), Dir: DataIn, Data: buf, Timeout: time.Millisecond}
	_, err := Exec(context.Background(), d, "NAME", req)
	isClass(t, err, ErrTimeout, ErrTransport, context.DeadlineExceeded)
	if !pr.OutcomeUnknown(err) || !pr.StillUnderWay(err) {
		t.Error("outcome known of a command that may still be under way")
	}
	_, err = Exec(context.Background(), d, "NAME", outReq)
	isClass(t, err, ErrTimeout, ErrStillUnderWay)
	if pr.OutcomeUnknown(err) || pr.StillUnderWay(err) {
		t.Error("outcome unknown of a command that was not sent")
	}
	close(release)
	<-finished
	diff(t, "buffer", "untouched..", string(buf))
	// The order of commands is lost for good, even if the answer came at last.
	_, err = (&Retry{Transport: d}).Do(context.Background(), readReq)
	isClass(t, err, ErrTimeout)
	diff(t, "sent", 1, sent)
}

// A reset is given up as a command is, though the kernel knows no timeout for it.
func TestAbandonedReset(t *testing.T) {
	release := make(chan bool)
	defer close(release)
	d := deviceWith(func(*sgCall) error { <-release; return nil })
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := NewUnit("/dev/sdq", d).Reset(ctx)
	isClass(t, err, ErrTimeout, ErrTransport, context.DeadlineExceeded)
	if !pr.OutcomeUnknown(err) || !pr.StillUnderWay(err) || d.Idle() {
		t.Errorf("%v, idle %v", err, d.Idle())
	}
}

// Close does not wait for the kernel: neither on a device that can be polled,
// as sg devices can, nor with a command under way.
func TestCloseDoesNotWait(t *testing.T) {
	d, err := OpenSG("/dev/ptmx", OpenReadWrite)
	if err != nil {
		t.Skip(err)
	}
	raw, err := d.file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	started, release, ended := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		_ = raw.Control(func(uintptr) { close(started); <-release })
		close(ended)
	}()
	<-started
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
		close(release)
	case <-time.After(time.Minute):
		t.Error("Close waits for the command")
		close(release)
		<-closed
	}
	<-ended
}

// The kernel's refusal is an error of the call, whatever the header says.
func TestSGErrno(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EIO, unix.ENODEV, unix.EINTR, unix.ENOMEM, unix.EPERM} {
		d := deviceWith(func(c *sgCall) error { return errno })
		keys, err := ReadKeys{}.Execute(context.Background(), &Retry{Transport: d})
		isClass(t, err, ErrTransport, errno)
		if keys != nil || pr.OutcomeUnknown(err) == pr.HostRefused(errno) {
			t.Errorf("%v: %+v, outcome unknown %v", errno, keys, pr.OutcomeUnknown(err))
		}
	}
}
