package scsi

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/pr"
)

// pendingDevice is one whose kernel is the function, with a directory.
func pendingDevice(dir string, devno uint64, issue func(*sgCall) error) *SGDevice {
	d := deviceWith(issue)
	d.grace, d.PendingDir, d.devno = time.Millisecond, dir, devno
	return d
}

// giveUp lets a device give a request up, and returns what makes the kernel
// return it, which ends when others can know.
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

func pending(t *testing.T, dir string, devno uint64) bool {
	t.Helper()
	got, err := Pending(dir, devno)
	if err != nil {
		t.Error(err)
	}
	return got
}

// A later run sends no PERSISTENT RESERVE OUT while one of an earlier run can still
// be performed; all else it does.
func TestPending(t *testing.T) {
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
	if !pending(t, dir, devno) || pending(t, dir, other) {
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
	if pending(t, dir, devno) {
		t.Error("pending after the end")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	passes("after the end", later(dir, devno), outReq)
}

// Nobody has to know of what changes nothing for others, or if it is switched off.
func TestNotPending(t *testing.T) {
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
	if pending(t, dir, unix.Mkdev(8, 16)) {
		t.Error("pending by a file without a lock")
	}
}

// Two that were sent at the same time and given up do not hide each other.
func TestTwoPending(t *testing.T) {
	dir := t.TempDir()
	var marks []*mark
	for range 2 {
		m, err := makeMark(dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		marks = append(marks, m)
	}
	for _, m := range marks {
		if !pending(t, dir, 1) {
			t.Error("not pending")
		}
		m.remove()
	}
	if pending(t, dir, 1) {
		t.Error("pending after the end of both")
	}
}

// A lock on a file that is being removed would be found by nobody.
func TestMarkOfARemovedFile(t *testing.T) {
	dir := t.TempDir()
	remover, err := makeMark(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remover.set(remover.fd, unix.F_OFD_SETLK, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	made := make(chan *mark)
	go func() {
		m, err := makeMark(dir, 1)
		if err != nil {
			t.Error(err)
		}
		made <- m
	}()
	var st unix.Stat_t
	if err := unix.Fstat(remover.fd, &st); err != nil {
		t.Fatal(err)
	}
	// The kernel lists who waits for a lock, with the number of the file.
	for waits := false; !waits; runtime.Gosched() {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Skip(err)
		}
		for line := range strings.Lines(string(locks)) {
			waits = waits || strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino))
		}
	}
	remover.remove()
	m := <-made
	if !pending(t, dir, 1) {
		t.Error("the lock is on a file that is gone")
	}
	m.remove()
}

// In a directory that others can change nothing is believed and nothing is made.
func TestUnsafePendingDir(t *testing.T) {
	top := t.TempDir()
	folder := func(name string, change func(path string) error) string {
		path := filepath.Join(top, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	target := filepath.Join(top, "target")
	dirs := map[string]string{
		"the group may write": folder("group", func(p string) error { return os.Chmod(p, 0o720) }),
		"others may write":    folder("others", func(p string) error { return os.Chmod(p, 0o702) }),
		"a link as the file":  folder("link", func(p string) error { return os.Symlink(target, filepath.Join(p, "0:1")) }),
	}
	safe := folder("safe", func(string) error { return nil })
	dirs["a link as the directory"] = filepath.Join(top, "alias")
	if err := os.Symlink(safe, dirs["a link as the directory"]); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		dirs["of another user"] = folder("owner", func(p string) error { return os.Chown(p, 65534, 65534) })
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			if got, err := Pending(dir, 1); err == nil || got {
				t.Errorf("%v, %v", got, err)
			}
			never := pendingDevice(dir, 1, func(*sgCall) error { t.Error("sent"); return nil })
			_, err := Exec(t.Context(), never, "NAME", outReq)
			isClass(t, err, ErrTransport)
			if pr.OutcomeUnknown(err) {
				t.Error("outcome unknown of what was not sent")
			}
			if m, err := makeMark(dir, 1); err == nil {
				t.Error("a file was made")
				m.remove()
			}
		})
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("the link was followed")
	}
}

// That it could not be told does not hide that it is under way.
func TestUntold(t *testing.T) {
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
func TestPendingParent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lunguard", "pending")
	end := giveUp(t, dir, 1, outReq)
	defer end()
	if !pending(t, dir, 1) {
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
	diff(t, "file", "1:3", markName(d.devno))
}
