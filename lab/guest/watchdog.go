//go:build lab

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"lunguard/lab/deadman"
)

// roleArgs are the words for the test binary of a machine with a role.
func roleArgs(role string) []string {
	if role == deadman.Role {
		return []string{"-test.run=^TestDeadmanMachine$", "-test.timeout=0"}
	}
	return hungArgs()
}

// The watchdog device and what the kernel tells of it.
const (
	watchdogDevice = "/dev/watchdog"
	watchdogFolder = "/sys/class/watchdog/watchdog0"
)

// loadSoftdog loads softdog with parameters, and first unloads it if it is there with
// others.
func loadSoftdog(t *testing.T, params string) {
	t.Helper()
	if err := unix.DeleteModule("softdog", unix.O_NONBLOCK); err != nil && !errors.Is(err, unix.ENOENT) {
		t.Fatalf("unloading softdog: %v", err)
	}
	LoadModule(t, "watchdog")
	dir, err := moduleDir()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "kernel/drivers/watchdog/softdog.ko"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), params, 0); err != nil {
		t.Fatalf("loading softdog %s: %v", params, err)
	}
}

// watchdogState is active or inactive.
func watchdogState(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(watchdogFolder, "state"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// disarm does by hand what a process that was killed has not.
func disarm(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(watchdogDevice, []byte("V"), 0); err != nil {
		t.Fatal(err)
	}
	if s := watchdogState(t); s != "inactive" {
		t.Errorf("after the magic close the watchdog is %s", s)
	}
}

// watcher is pr_watchdog on a node.
type watcher struct {
	t    *testing.T
	p    *Process
	file string // what it has printed
}

// startWatcher starts pr_watchdog and waits until it has armed the device and fed it.
func startWatcher(t *testing.T, n *Node, words string) *watcher {
	t.Helper()
	w := &watcher{t: t, file: filepath.Join(n.dir(), "watchdog.log")}
	w.p = n.Start(t, nil, "/bin/bash", "-c", "exec pr_watchdog "+words+" >"+w.file+" 2>&1")
	t.Cleanup(w.p.Kill)
	w.says("a fence restarts this node within")
	time.Sleep(time.Second)
	return w
}

func (w *watcher) text() string {
	text, err := os.ReadFile(w.file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	return string(text)
}

// says waits for a text.
func (w *watcher) says(text string) {
	w.t.Helper()
	for limit := time.Now().Add(30 * time.Second); !strings.Contains(w.text(), text); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			w.t.Fatalf("pr_watchdog does not say %q, but:\n%s", text, w.text())
		}
	}
}

func (w *watcher) signal(s syscall.Signal) {
	w.t.Helper()
	if err := syscall.Kill(w.pid(), s); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watcher) pid() int { return w.p.cmd.Process.Pid }

// runs reports whether it has not ended.
func (w *watcher) runs() bool { return len(w.p.done) == 0 }

// wantExit waits for its end.
func (w *watcher) wantExit(status int) {
	w.t.Helper()
	if r := w.p.Wait(w.t); r.Exit != status {
		w.t.Errorf("exit status %d, want %d:\n%s", r.Exit, status, w.text())
	}
}

// cpu is the processor time it has taken.
func (w *watcher) cpu() time.Duration {
	w.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.pid()))
	if err != nil {
		w.t.Fatal(err)
	}
	// The fields behind the name, which is in parentheses, begin with number 3; 14 and 15
	// are user and system time, in hundredths of a second.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			w.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// wantPrivileges checks that its memory is locked and every thread has a real-time
// priority. It returns how much memory that is, and the number of threads.
func (w *watcher) wantPrivileges() (memory string, threads int) {
	w.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.pid()))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmLck:"); ok && strings.TrimSpace(size) == "0 kB" {
			w.t.Error("its memory is not locked")
		}
		// What is locked is what it has of the address space; this is the memory.
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			memory = strings.TrimSpace(size)
		}
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", w.pid()))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			w.t.Fatal(err)
		}
		a, err := unix.SchedGetAttr(tid, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		if a.Policy != unix.SCHED_RR || a.Priority != 1 {
			w.t.Errorf("thread %d of %d has policy %d, priority %d", tid, len(tasks), a.Policy, a.Priority)
		}
	}
	return memory, len(tasks)
}

// kernelSays waits until the kernel's log has a text more often than before.
func kernelSays(t *testing.T, text string, before int, limit time.Duration) {
	t.Helper()
	for end := time.Now().Add(limit); kernelCount(t, text) <= before; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the kernel has not said %q within %v", text, limit)
		}
	}
}

func kernelCount(t *testing.T, text string) int {
	t.Helper()
	const readAll = 3
	buf := make([]byte, 1<<20)
	n, err := unix.Klogctl(readAll, buf)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(buf[:n]), text)
}
