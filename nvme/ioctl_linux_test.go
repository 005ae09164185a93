package nvme

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"lunguard/pr"
	"lunguard/pr/pending"
)

// The struct is C's: offsets of include/uapi/linux/nvme_ioctl.h.
func TestPassthruLayout(t *testing.T) {
	var p passthru
	got := []uintptr{
		unsafe.Sizeof(p), unsafe.Offsetof(p.nsid), unsafe.Offsetof(p.metadata), unsafe.Offsetof(p.addr), unsafe.Offsetof(p.metadataLen),
		unsafe.Offsetof(p.dataLen), unsafe.Offsetof(p.words), unsafe.Offsetof(p.timeout), unsafe.Offsetof(p.result),
	}
	if diff := cmp.Diff([]uintptr{80, 4, 16, 24, 32, 36, 40, 64, 72}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// deviceWith is a Device whose kernel is the function.
func deviceWith(issue func(*call) error) *Device {
	return &Device{Gate: pending.Gate{Path: "/dev/fake", Grace: time.Millisecond}, nsid: 7, issue: issue}
}

// While the kernel has no path it does not tell the namespace's number: that is no other
// kind of device, nothing is sent, and it is asked again before each command.
func TestNumber(t *testing.T) {
	answers := []error{unix.EAGAIN, unix.EAGAIN, nil}
	var sent []uint32
	d := deviceWith(func(c *call) error { sent = append(sent, c.cmd.nsid); return nil })
	d.nsid, d.ask = 0, func() (int, error) {
		err := answers[0]
		answers = answers[1:]
		return 9, err
	}
	req := (&Register{New: 1}).Encode()
	for range 2 {
		if _, err := Exec(t.Context(), d, req); !errors.Is(err, ErrNoPath) || pr.OutcomeUnknown(err) {
			t.Errorf("without a path: %v", err)
		}
	}
	if _, err := d.Do(t.Context(), req); err != nil {
		t.Error(err)
	}
	if _, err := d.Do(t.Context(), req); err != nil || len(answers) > 0 {
		t.Error(err)
	}
	if diff := cmp.Diff([]uint32{9, 9}, sent); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for answer, want := range map[error]error{unix.ENOTTY: ErrNotNamespace, unix.EINVAL: ErrNotNamespace, unix.EACCES: unix.EACCES, unix.EIO: unix.EIO} {
		d := deviceWith(func(*call) error { t.Error("a command was sent"); return nil })
		d.nsid, d.ask = 0, func() (int, error) { return -1, answer }
		if _, err := d.Do(t.Context(), req); !errors.Is(err, want) {
			t.Errorf("%v: %v", answer, err)
		}
	}
}

// What the kernel is given, and what is taken from it.
func TestCall(t *testing.T) {
	for name, c := range map[string]struct {
		req  *Request
		want call
	}{
		"report":          {EncodeReport(ExtendedReport, 64), call{cmd: passthru{opcode: 0x0e, nsid: 7, dataLen: 64, words: [6]uint32{15, 1}, timeout: 120000}}},
		"release":         {(&Releasing{Action: Clear, Current: 1}).Encode(), call{cmd: passthru{opcode: 0x15, nsid: 7, dataLen: 8, words: [6]uint32{1}, timeout: 120000}}},
		"host identifier": {EncodeHostID(true), call{admin: true, cmd: passthru{opcode: 0x0a, dataLen: 16, words: [6]uint32{0x81, 1}, timeout: 120000}}},
		"no data":         {&Request{Opcode: OpFlush, Timeout: 200 * time.Second}, call{cmd: passthru{nsid: 7, timeout: 200000}}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen call
			sent := append([]byte(nil), c.req.Data...)
			d := deviceWith(func(k *call) error {
				seen = *k
				if c.req.Opcode.ReadsData() && !IsBlank(k.data) {
					t.Error("the buffer is not blank")
				}
				for i := range k.data {
					if c.req.Opcode.ReadsData() {
						k.data[i] = 0xaa
					}
				}
				k.status, k.cmd.result = 0x4083, 5
				return nil
			})
			reply, err := d.Do(t.Context(), c.req)
			if err != nil || reply != (Reply{Status: 0x4083, Result: 5}) {
				t.Fatalf("%+v, %v", reply, err)
			}
			if (seen.cmd.addr == nil) != (len(sent) == 0) || len(sent) > 0 && seen.cmd.addr != &seen.data[0] {
				t.Error("the address is not that of the data")
			}
			seen.cmd.addr, seen.data, seen.status, seen.cmd.result = nil, nil, 0, 0
			if diff := cmp.Diff(c.want, seen, cmp.AllowUnexported(call{}, passthru{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if came := len(sent) > 0 && c.req.Data[0] == 0xaa; came != c.req.Opcode.ReadsData() {
				t.Errorf("data in: %x", c.req.Data)
			}
		})
	}
}

// EINTR is what the kernel says of a command that it has cancelled: it is not repeated.
func TestNoSecondCall(t *testing.T) {
	n := 0
	d := deviceWith(func(*call) error { n++; return syscall.EINTR })
	_, err := Exec(t.Context(), d, (&Releasing{Action: Clear, Current: 1}).Encode())
	if !errors.Is(err, ErrCancelled) || !pr.OutcomeUnknown(err) || n != 1 {
		t.Errorf("%v after %d calls", err, n)
	}
}

// A command that the kernel does not return is given up long before the kernel would
// reset the controller, and nothing is sent after it, by others either.
func TestGivenUp(t *testing.T) {
	kernel := make(chan struct{})
	defer close(kernel)
	dir := filepath.Join(t.TempDir(), "pending")
	d := deviceWith(func(c *call) error {
		if c.cmd.timeout < 120000 {
			t.Errorf("%d ms", c.cmd.timeout)
		}
		<-kernel
		return nil
	})
	d.Dir = dir
	req := (&Acquisition{Action: PreemptAndAbort, Current: 1, Victim: 2, Type: 3}).Encode()
	req.Timeout = time.Millisecond
	_, err := Exec(t.Context(), d, req)
	if !pr.StillUnderWay(err) || !pr.OutcomeUnknown(err) || !errors.Is(err, pr.ErrTimeout) || d.Idle() {
		t.Errorf("%v", err)
	}
	if _, err := Exec(t.Context(), d, EncodeReport(ExtendedReport, 64)); !errors.Is(err, pr.ErrTimeout) || pr.OutcomeUnknown(err) || pr.StillUnderWay(err) {
		t.Errorf("a report behind it: %v", err)
	}
	sent := 0
	other := deviceWith(func(*call) error { sent++; return nil })
	other.Dir = dir
	if _, err := Exec(t.Context(), other, (&Releasing{Action: Clear}).Encode()); !errors.Is(err, pr.ErrStillUnderWay) || pr.StillUnderWay(err) || sent != 0 {
		t.Errorf("another process: %v, sent %d", err, sent)
	}
	if _, err := other.Do(t.Context(), EncodeReport(ExtendedReport, 64)); err != nil || sent != 1 {
		t.Errorf("another process's report: %v, sent %d", err, sent)
	}
}

func TestPatience(t *testing.T) {
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for name, c := range map[string]struct {
		ctx      context.Context
		timeout  time.Duration
		from, to time.Duration
	}{
		"neither":           {t.Context(), 0, DefaultTimeout, DefaultTimeout},
		"its own":           {t.Context(), time.Hour, time.Hour, time.Hour},
		"the deadline":      {soon, time.Hour, time.Second, time.Minute},
		"before a deadline": {soon, time.Millisecond, time.Millisecond, time.Millisecond},
	} {
		if got := patience(c.ctx, &Request{Timeout: c.timeout}); got < c.from || got > c.to {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What is no namespace is not opened.
func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{"/dev/null": ErrNotNamespace, file: ErrNotDevice, file + "x": os.ErrNotExist} {
		if d, err := Open(path); !errors.Is(err, want) || d != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	// A command reaches the kernel, which knows none on this device.
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "/dev/null")
	c := newCall(EncodeReport(ExtendedReport, 64), 1, KernelTimeout)
	if err := c.run(f); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("%v", err)
	}
	if err := errors.Join(f.Close(), c.run(f)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}
