package scsi

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/pr"
	"lunguard/pr/pending"
)

// pendingDevice is one whose kernel is the function, with a directory.
func pendingDevice(dir string, devno uint64, issue func(*sgCall) error) *SGDevice {
	d := deviceWith(issue)
	d.Grace, d.Dir, d.Gate.Number = time.Millisecond, dir, devno
	return d
}

// giveUp lets a device give a request up, and returns what makes the kernel
// return it, which ends when others can know. In a bubble of synctest no time passes before
// it has been sent.
func giveUp(t *testing.T, dir string, devno uint64, req *Request) (end func()) {
	t.Helper()
	kernel := make(chan struct{})
	d := pendingDevice(dir, devno, func(*sgCall) error { <-kernel; return nil })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := d.Do(ctx, req); !pr.StillUnderWay(err) {
		t.Errorf("%v", err)
	}
	return func() {
		close(kernel)
		for !d.Idle() {
			runtime.Gosched()
		}
	}
}

func isPending(t *testing.T, dir string, devno uint64) bool {
	t.Helper()
	got, err := pending.Pending(dir, devno)
	if err != nil {
		t.Error(err)
	}
	return got
}

// A later run sends no PERSISTENT RESERVE OUT while one of an earlier run can still
// be performed; all else it does.
func TestPending(t *testing.T) { synctest.Test(t, testPending) }

func testPending(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	devno, other := unix.Mkdev(8, 16), unix.Mkdev(8, 17)
	sent := 0
	later := func(dir string, devno uint64) *SGDevice {
		return pendingDevice(dir, devno, func(*sgCall) error { sent++; return nil })
	}
	passes := func(what string, d *SGDevice, req *Request) {
		t.Helper()
		before := sent
		if _, err := d.Do(t.Context(), req); err != nil || sent != before+1 {
			t.Errorf("%s: %v, sent %d", what, err, sent-before)
		}
	}
	passes("before there is a directory", later(dir, devno), outReq)
	if _, err := os.Lstat(dir); err == nil {
		t.Error("a directory for nothing")
	}
	end := giveUp(t, dir, devno, outReq)
	if !isPending(t, dir, devno) || isPending(t, dir, other) {
		t.Error("pending is not what was given up")
	}
	if st, err := os.Lstat(dir); err != nil || st.Mode() != os.ModeDir|0o700 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if st, err := os.Lstat(filepath.Join(dir, "8:16")); err != nil || st.Mode() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	_, err := Exec(t.Context(), later(dir, devno), "NAME", outReq)
	isClass(t, err, ErrStillUnderWay, ErrTransport)
	if pr.OutcomeUnknown(err) || pr.StillUnderWay(err) || sent != 1 {
		t.Errorf("outcome unknown of what was not sent: %v, sent %d", err, sent)
	}
	passes("a read", later(dir, devno), readReq)
	passes("a reset", later(dir, devno), resetReq)
	passes("a write", later(dir, devno), writeReq)
	passes("another device", later(dir, other), outReq)
	passes("switched off", later("", devno), outReq)
	end()
	if isPending(t, dir, devno) {
		t.Error("pending after the end")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	passes("after the end", later(dir, devno), outReq)
}

// Nobody has to know of what changes nothing for others, or if it is switched off.
func TestNotPending(t *testing.T) { synctest.Test(t, testNotPending) }

func testNotPending(t *testing.T) {
	dir := t.TempDir()
	for _, req := range []*Request{readReq, writeReq, resetReq} {
		giveUp(t, dir, 1, req)()
	}
	giveUp(t, "", 1, outReq)()
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
	// A process that was killed leaves its file, and the kernel ends the lock.
	if err := os.WriteFile(filepath.Join(dir, "8:16"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if isPending(t, dir, unix.Mkdev(8, 16)) {
		t.Error("pending by a file without a lock")
	}
}

// That it could not be told does not hide that it is under way.
func TestUntold(t *testing.T) { synctest.Test(t, testUntold) }

func testUntold(t *testing.T) {
	kernel := make(chan struct{})
	defer close(kernel)
	nowhere := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", nowhere); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(nowhere, "run")
	d := pendingDevice(dir, 1, func(*sgCall) error { <-kernel; return nil })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := Exec(ctx, d, "NAME", outReq)
	isClass(t, err, ErrStillUnderWay, ErrTimeout)
	if !pr.StillUnderWay(err) || !strings.Contains(err.Error(), nowhere) {
		t.Errorf("%v", err)
	}
}

// After a boot there is nothing in /run.
func TestPendingParent(t *testing.T) { synctest.Test(t, testPendingParent) }

func testPendingParent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lunguard", "pending")
	end := giveUp(t, dir, 1, outReq)
	defer end()
	if !isPending(t, dir, 1) {
		t.Error("not told")
	}
}

// The number is that of the device which was opened.
func TestDeviceNumber(t *testing.T) {
	d, err := OpenSG("/dev/null", OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	diff(t, "number", unix.Mkdev(1, 3), d.Gate.Number)
}
