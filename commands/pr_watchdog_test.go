package commands

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lunguard/commands/watchdog"
	"lunguard/commands/words"
	"lunguard/scsi/simlun"
)

// watchProcess is pr_watchdog as a process on the simulated host jack3.
type watchProcess struct {
	*rig
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan error
}

// lockedBuffer is what a process has printed so far.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// watchTwo is the config of the tests: two packages of one LUN each.
const watchTwo = `CLUSTER_PR_TAG 0xbcb0
NODE_NAME jack3
NODE_ID 1
NODE_NAME jack4
NODE_ID 2
package_name pkg1
pv /dev/sda
package_name pkg2
pv /dev/sdb
`

// newWatchRig is an array with two LUNs, of pkg1 and of pkg2, of which jack3
// has pkg1 up.
func newWatchRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, 2, 1)
	r.configure(watchTwo)
	r.mustHere("jack3", "pr_start", "pkg1")
	return r
}

func (r *rig) configure(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.conf, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// watch starts pr_watchdog, with an interval of 0.1 s and a grace of 0.6 s, and
// waits until it feeds.
func (r *rig) watch(env []string, args ...string) *watchProcess {
	r.t.Helper()
	return r.watchBy([]string{"pr_watchdog"}, env, args...)
}

// watchBy is watch with the words of the command given.
func (r *rig) watchBy(command, env []string, args ...string) *watchProcess {
	r.t.Helper()
	p := &watchProcess{rig: r, done: make(chan error, 1)}
	argv := slices.Concat(command, []string{"--interval", "0.1", "--grace", "0.6", "--watchdog-timeout", "1"}, args)
	p.cmd, _ = r.process("jack3", argv...)
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	r.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.until("it feeds", func() bool { return p.feeds() >= 2 })
	return p
}

// device is what was done to the watchdog device.
func (p *watchProcess) device() string {
	text, err := os.ReadFile(filepath.Join(p.dir, "jack3/dev/watchdog"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	return string(text)
}

func (p *watchProcess) feeds() int { return strings.Count(p.device(), "fed\n") }

// until waits for something, for as long as the tests may take.
func (p *watchProcess) until(what string, f func() bool) {
	p.t.Helper()
	limit, limited := p.t.Deadline()
	for limit = limit.Add(-time.Minute); !f(); time.Sleep(10 * time.Millisecond) {
		if limited && time.Now().After(limit) {
			p.t.Fatalf("%s did not come; printed:\n%s", what, &p.out)
		}
	}
}

func (p *watchProcess) says(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q", text), func() bool { return strings.Contains(p.out.String(), text) })
}

func (p *watchProcess) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// goesOn checks that it feeds.
func (p *watchProcess) goesOn() {
	p.t.Helper()
	n := p.feeds()
	p.until("more feeding", func() bool { return p.feeds() >= n+10 })
}

// wantDead checks that it feeds no more and does not end, whatever the signal.
func (p *watchProcess) wantDead() {
	p.t.Helper()
	p.says(watchdog.Deadman)
	n := p.feeds()
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM} {
		p.signal(s)
		time.Sleep(150 * time.Millisecond)
	}
	select {
	case err := <-p.done:
		p.t.Errorf("it has ended: %v\n%s", err, &p.out)
	default:
	}
	if p.feeds() != n || strings.Contains(p.device(), "closed") {
		p.t.Errorf("the device:\n%s", p.device())
	}
}

// wantEnd checks that it ends in order on SIGTERM.
func (p *watchProcess) wantEnd() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if status := exitOf(p.t, <-p.done); status != words.ExitOK || !strings.HasSuffix(p.device(), "closed in order\n") {
		p.t.Errorf("exit status %d; the device:\n%s\nprinted:\n%s", status, p.device(), &p.out)
	}
}

// A node that another one has fenced is given up, and says who has its LUN.
func TestWatchdogFenced(t *testing.T) {
	t.Parallel()
	p := newWatchRig(t).watch(nil)
	p.goesOn()
	p.mustHere("jack4", "pr_start", "pkg1")
	p.says("pr_watchdog: warning: /dev/sda: the key 0xbcb00001 of this node is gone, registered are 0xbcb00002 (jack4); unless it comes back within")
	p.wantDead()
	p.says("pr_watchdog: error: /dev/sda: the key 0xbcb00001 is gone for")
	p.mustHere("jack4", "pr_halt", "pkg1")
	p.says("pr_watchdog: warning: /dev/sda: nobody is registered")
	p.mustHere("jack3", "pr_start", "pkg1")
	p.says("pr_watchdog: warning: /dev/sda: registered are 0xbcb00001 (jack3)")
	p.wantDead()
}

// A node that boots while a LUN does not answer yet has lost nothing when it answers, and
// has never been up here. One that was started here is another matter.
func TestWatchdogUnknownAtFirst(t *testing.T) {
	t.Parallel()
	for _, started := range []bool{false, true} {
		t.Run(fmt.Sprint(started), func(t *testing.T) {
			t.Parallel()
			r := newWatchRig(t)
			if started {
				r.mustHere("jack3", "pr_start", "pkg2")
				r.mustHere("jack4", "pr_start", "pkg2")
			}
			r.mustHere("jack3", "lunguard", "sim", "fail-path", "/dev/sdb")
			p := r.watch(nil)
			p.says("/dev/sdb: unknown")
			r.mustHere("jack3", "lunguard", "sim", "restore-path", "/dev/sdb")
			if started {
				p.says("pr_watchdog: error: /dev/sdb: the key 0xbcb00001 is gone")
				p.wantDead()
				return
			}
			// Longer than the pause before the paths are looked for again, and the grace.
			for range 8 {
				p.goesOn()
			}
			p.wantEnd()
		})
	}
}

// Stopped before, a halt is no fence.
func TestWatchdogHalt(t *testing.T) {
	t.Parallel()
	p := newWatchRig(t).watch(nil, "pkg1")
	p.wantEnd()
	p.mustHere("jack3", "pr_halt", "pkg1")
}

// A process that was stopped while the node was fenced does not feed once more
// when it goes on; one that was only stopped goes on.
func TestWatchdogStopped(t *testing.T) {
	t.Parallel()
	// On a machine that is late itself, a look needs more than a few milliseconds.
	p := newWatchRig(t).watch(nil, "-v", "--interval", "0.2")
	p.signal(syscall.SIGSTOP)
	time.Sleep(1200 * time.Millisecond)
	p.signal(syscall.SIGCONT)
	p.goesOn()
	p.signal(syscall.SIGSTOP)
	time.Sleep(50 * time.Millisecond)
	p.mustHere("jack4", "pr_start", "pkg1")
	n := p.feeds()
	time.Sleep(1200 * time.Millisecond)
	p.signal(syscall.SIGCONT)
	p.wantDead()
	if got := p.feeds(); got != n {
		t.Errorf("fed %d times after it went on", got-n)
	}
}

// SIGHUP takes in what was started since, leaves out what the config no longer
// has, and changes nothing if that cannot be told.
func TestWatchdogReload(t *testing.T) {
	t.Parallel()
	p := newWatchRig(t).watch(nil)
	p.says("watching 1 LUN of pkg1 as jack3")
	p.mustHere("jack3", "pr_start", "pkg2")
	p.signal(syscall.SIGHUP)
	p.says("reloaded: watching 2 LUNs of pkg1, pkg2 as jack3")
	for _, bad := range []string{"nonsense\n", strings.ReplaceAll(watchTwo, "/dev/sdb", "/dev/sdz"), strings.ReplaceAll(watchTwo, "NODE_ID 1", "NODE_ID 7"), strings.ReplaceAll(watchTwo, "jack3", "jack7")} {
		p.configure(bad)
		before := strings.Count(p.out.String(), "reload failed")
		p.signal(syscall.SIGHUP)
		p.until("a failed reload", func() bool { return strings.Count(p.out.String(), "reload failed") == before+1 })
	}
	p.says("reload failed: goes on with what it has watched, watching 2 LUNs of pkg1, pkg2")
	p.goesOn()
	p.configure(watchTwo[:strings.Index(watchTwo, "package_name pkg2")])
	p.signal(syscall.SIGHUP)
	p.says("reloaded: watching 1 LUN of pkg1 as jack3")
	p.mustHere("jack4", "pr_start", "-C", p.dir+".conf", "pkg1")
	p.wantDead()
}

// What was fenced is not left out by SIGHUP.
func TestWatchdogReloadFenced(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t)
	r.mustHere("jack3", "pr_start", "pkg2")
	p := r.watch(nil)
	p.mustHere("jack4", "pr_start", "pkg1")
	p.says("is gone")
	p.signal(syscall.SIGHUP)
	p.says("reloaded: watching 2 LUNs of pkg1, pkg2 as jack3")
	p.wantDead()
}

// A LUN that the config has got but pr_start has not is not taken in.
func TestWatchdogReloadNotStarted(t *testing.T) {
	t.Parallel()
	p := newWatchRig(t).watch(nil)
	p.configure(strings.Replace(watchTwo, "package_name pkg2\n", "", 1))
	p.signal(syscall.SIGHUP)
	p.says("pr_watchdog: error: package pkg1 is not up on this node: /dev/sdb does not have its key")
	p.says("reload failed")
	p.mustHere("jack3", "pr_start", "pkg1")
	p.signal(syscall.SIGHUP)
	p.says("reloaded: watching 2 LUNs of pkg1 as jack3")
	p.goesOn()
	p.wantEnd()
}

// A LUN that hangs in the middle of a read stops nothing, neither the feeding
// nor the end.
func TestWatchdogHung(t *testing.T) {
	t.Parallel()
	p := newWatchRig(t).watch(nil)
	p.faults(0, "prin@every:delay=1h")
	p.says("pr_watchdog: warning: /dev/sda: unknown: no answer in time, asked")
	p.goesOn()
	p.wantEnd()
}

// An unreadable LUN restarts the node if it is to, and not otherwise.
func TestWatchdogUnknown(t *testing.T) {
	t.Parallel()
	p := newWatchRig(t).watch(nil)
	p.faults(0, "prin@every:host=1")
	p.says("goes on feeding, a fence would not be noticed")
	p.goesOn()
	p.faults(0, "")
	p.says("/dev/sda: readable again, after")
	p.wantEnd()

	p = newWatchRig(t).watch(nil, "--on-unknown", "expire")
	p.faults(0, "prin@every:host=1")
	p.says("counts as gone, restart in")
	p.wantDead()
	p.says("/dev/sda: the key 0xbcb00001 is gone, or unknown, for")
}

// Nobody who reads what it prints, or nobody any more, stops nothing.
func TestWatchdogOutput(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{true, false} {
		r := newWatchRig(t)
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		if closed {
			reader.Close()
		} else if _, err := writer.Write(make([]byte, 1<<16)); err != nil { // full
			t.Fatal(err)
		}
		cmd, _ := r.process("jack3", "pr_watchdog", "-v", "--interval", "0.1", "--watchdog-timeout", "1")
		cmd.Stdout, cmd.Stderr = writer, writer
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		writer.Close()
		p := &watchProcess{rig: r, cmd: cmd, done: make(chan error, 1)}
		go func() { p.done <- cmd.Wait() }()
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		p.until("it feeds", func() bool { return p.feeds() >= 2 })
		p.faults(0, "prin@every:host=1")
		p.goesOn()
		p.wantEnd()
	}
}

// The service manager hears that it is ready, alive and about to end.
func TestWatchdogNotify(t *testing.T) {
	t.Parallel()
	socket := fmt.Sprintf("@lunguard-pr-watchdog-%d", os.Getpid())
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var mu sync.Mutex
	var told []string
	go func() {
		data := make([]byte, 4096)
		for {
			n, err := conn.Read(data)
			if err != nil {
				return
			}
			mu.Lock()
			told = append(told, string(data[:n]))
			mu.Unlock()
		}
	}()
	has := func(want string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, want) })
		}
	}
	p := newWatchRig(t).watch([]string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=400000"})
	p.until("READY", has("READY=1\nSTATUS=watching 1 LUN of pkg1"))
	p.until("WATCHDOG", has("WATCHDOG=1"))
	p.mustHere("jack4", "pr_start", "pkg1")
	p.until("STATUS", has("STATUS=/dev/sda: the key 0xbcb00001 of this node is gone"))
	p.until("the end", has("STATUS=DEADMAN: "))
	// The service manager must not end what holds the device.
	mu.Lock()
	told = nil
	mu.Unlock()
	p.until("WATCHDOG", has("WATCHDOG=1"))

	p = newWatchRig(t).watch([]string{"NOTIFY_SOCKET=" + socket})
	p.wantEnd()
	p.until("STOPPING", has("STOPPING=1"))
}

// newForgetful is newWatchRig on an array that keeps nothing through power loss.
func newForgetful(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, 2, 1)
	r.configure(watchTwo)
	for i := range 2 {
		if err := simlun.SetQuirks(r.lun(i), simlun.Quirks{NoAPTPL: true}); err != nil {
			t.Fatal(err)
		}
	}
	r.mustHere("jack3", "pr_start", "pkg1")
	return r
}

// forget makes a LUN lose its registrations.
func (r *rig) forget(lun int) {
	r.t.Helper()
	if err := simlun.PowerCycle(r.lun(lun)); err != nil {
		r.t.Fatal(err)
	}
}

// An array that forgets its keys restarts nobody: an alarm says so, the metrics, the log
// and the service manager, and a take-over after that is a fence.
func TestWatchdogForgotten(t *testing.T) {
	t.Parallel()
	r := newForgetful(t)
	metrics := filepath.Join(t.TempDir(), "watchdog.prom")
	p := r.watch(nil, "--log", "stderr", "--prometheus", metrics)
	p.forget(0)
	p.says("pr_watchdog: error: " + watchdog.Forgotten)
	p.says("pr_watchdog: error: /dev/sda: nobody is registered any more, which no fence leaves: the LUN has lost its reservations, and keeps nobody out; this node goes on: see that no other one has begun, then run pr_start pkg1 here")
	p.says("action=keys-lost node=jack3 key=0xbcb00001 dev=/dev/sda")
	p.until("the metrics say so", func() bool {
		text, _ := os.ReadFile(metrics)
		return strings.Contains(string(text), `lunguard_watchdog_lun_state{package="pkg1",lun="/dev/sda",state="empty"} 1`)
	})
	p.goesOn()
	// What it says to do mends it.
	p.mustHere("jack3", "pr_start", "pkg1")
	p.says("/dev/sda: the key 0xbcb00001 is back, after")
	p.goesOn()
	p.forget(0)
	p.until("a second alarm", func() bool { return strings.Count(p.out.String(), watchdog.Forgotten) == 2 })
	p.mustHere("jack4", "pr_start", "pkg1")
	p.wantDead()
	p.says("registered are 0xbcb00002 (jack4); unless it comes back within")
}

// With --on-empty register it is registered again, and reserved, as long as nobody else
// is there.
func TestWatchdogRegisters(t *testing.T) {
	t.Parallel()
	r := newForgetful(t)
	p := r.watch(nil, "--on-empty", "register", "--log", "stderr")
	p.forget(0)
	p.says("this node registers again, unless another one is there")
	p.says("package pkg1: registered again")
	p.says("/dev/sda: the key 0xbcb00001 is back, after")
	p.says("action=restore pkg=pkg1 node=jack3 result=ok")
	p.goesOn()
	if got := p.state(0); got != keyJack3+" "+keyJack3 {
		t.Errorf("LUN 0 is %s", got)
	}
	p.wantEnd()
}

// With --on-empty expire the node is restarted.
func TestWatchdogEmptyExpires(t *testing.T) {
	t.Parallel()
	p := newForgetful(t).watch(nil, "--on-empty", "expire")
	p.forget(0)
	p.says("keeps nobody out; unless that ends within")
	p.wantDead()
}
