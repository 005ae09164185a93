//go:build lab

package guest

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"lunguard/lab/deadman"
)

// TestWatchdog is pr_watchdog with the kernel's softdog, which here only says when it would
// restart the machine; TestDeadman lets it.
func TestWatchdog(t *testing.T) {
	NeedLunguard(t, "pr_watchdog")
	const triggered = "softdog: Triggered - Reboot ignored"
	const flags = "-v --interval 0.5 --grace 2 --watchdog-timeout 4"
	loadSoftdog(t, "soft_noboot=1")
	c := rawCluster(t, 2)

	wantExit(t, typed(t, c.jack3, "pr_watchdog pkg1"), 2)
	if s := watchdogState(t); s != "inactive" {
		t.Errorf("a package that is not up, and the watchdog is %s", s)
	}
	mustType(t, c.jack3, "pr_start pkg1")

	// Armed, fed, disarmed; nobody else can have it meanwhile.
	ignored := kernelCount(t, triggered)
	ForgetCommands(t)
	w := startWatcher(t, c.jack3, flags)
	memory, threads := w.wantPrivileges()
	t.Logf("%s of memory, locked, %d threads", memory, threads)
	if s := watchdogState(t); s != "active" {
		t.Errorf("the watchdog is %s while it is fed", s)
	}
	r := typed(t, c.jack3, "pr_watchdog pkg1")
	if wantExit(t, r, 2); !strings.Contains(r.Stderr, "/dev/watchdog: in use by another process") {
		t.Errorf("a second one: %v", r)
	}
	time.Sleep(6 * time.Second)
	wantReadKeys(t, c.jack3.Commands(t))
	w.signal(syscall.SIGTERM)
	w.wantExit(0)
	if s := watchdogState(t); s != "inactive" {
		t.Errorf("ended in order, and the watchdog is %s", s)
	}
	if n := kernelCount(t, triggered); n != ignored {
		t.Error("a healthy node would have been restarted")
	}

	// Killed, it leaves the watchdog armed, and no other one hides that.
	w = startWatcher(t, c.jack3, flags)
	w.p.Kill()
	w.wantExit(128 + 9)
	r = typed(t, c.jack3, "pr_watchdog pkg1")
	if wantExit(t, r, 2); !strings.Contains(r.Stderr, "the watchdog runs already, and nobody feeds it") {
		t.Errorf("after one that was killed: %v", r)
	}
	kernelSays(t, triggered, ignored, 10*time.Second)
	disarm(t)

	// Paths that hang restart nobody, and do not keep it from ending.
	w = startWatcher(t, c.jack3, flags)
	ignored = kernelCount(t, triggered)
	c.jack3.BreakPath(t, 0)
	w.says("unknown: ")
	time.Sleep(5 * time.Second)
	w.signal(syscall.SIGTERM)
	w.wantExit(0)
	if n := kernelCount(t, triggered); n != ignored {
		t.Error("a LUN that cannot be read would have restarted the node")
	}

	// Fenced, it is given up, whatever the signal.
	mustType(t, c.jack4, "pr_start pkg1")
	w = startWatcher(t, c.jack4, flags)
	mustType(t, c.jack4, "pr_start pkg1") // a start that finds everything done is no fence
	time.Sleep(time.Second)
	fencing := time.Now()
	wipe(t, c)
	w.says("is gone")
	w.says(deadman.Last)
	w.signal(syscall.SIGTERM)
	kernelSays(t, triggered, ignored, 10*time.Second)
	t.Logf("would have been restarted %.1f s after the fence, 6.5 s were promised", time.Since(fencing).Seconds())
	if !w.runs() {
		t.Error("pr_watchdog has ended")
	}
	w.p.Kill()
	w.wantExit(128 + 9)
	disarm(t)

	// Nothing disarms one that has no way out, and that is said.
	loadSoftdog(t, "soft_noboot=1 nowayout=1")
	mustType(t, c.jack4, "pr_start pkg1")
	w = startWatcher(t, c.jack4, flags)
	w.says("nothing disarms it (nowayout)")
	w.signal(syscall.SIGTERM)
	w.wantExit(2)
	w.says("the watchdog cannot be stopped (nowayout)")
}

// wantReadKeys checks that nothing but READ KEYS and READ RESERVATION was sent, and not too
// much of it: to two LUNs each half a second, for some seconds.
func wantReadKeys(t *testing.T, sent []Command) {
	t.Helper()
	const prIn, readReservation = 0x5e, 1
	const inquiry, deviceIdentification = 0x12, 0x83
	asked := 0
	for _, c := range sent {
		if len(c.CDB) > 2 && c.CDB[0] == inquiry && c.CDB[1] == 1 && c.CDB[2] == deviceIdentification {
			// Which LUN a path leads to, when it is opened: twice here for each of two LUNs.
			asked++
			continue
		}
		if len(c.CDB) < 2 || c.CDB[0] != prIn || c.CDB[1]&0x1f > readReservation {
			t.Errorf("pr_watchdog has sent %+v", c)
		}
	}
	if asked > 4 {
		t.Errorf("pr_watchdog has asked %d times which LUN a path leads to", asked)
	}
	if len(sent) < 40 || len(sent) > 120 {
		t.Errorf("pr_watchdog has sent %d commands", len(sent))
	}
}

// wipe takes jack4's keys off all LUNs, as another cluster's administrator would.
func wipe(t *testing.T, c *cluster) {
	t.Helper()
	for lun := range c.luns {
		disk := c.watcher.Disk(lun, 0)
		register(t, c.watcher, disk, hex1)
		c.watcher.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--preempt-abort", "--param-rk="+hex1,
			"--param-sark="+hex2, weroType, disk)
	}
}

// TestDeadmanMachine is the machine of the deadman test, which the host runs beside the
// others and judges. It does not end: the kernel restarts it.
func TestDeadmanMachine(t *testing.T) {
	role, err := hungRole()
	if err != nil {
		t.Fatal(err)
	}
	if role != deadman.Role {
		t.Skip("a machine of its own; the host runs it")
	}
	loadSoftdog(t, "")
	if err := os.Remove(logSocket); err != nil {
		t.Fatal(err)
	}
	syslog, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/dev/log", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		data := make([]byte, 1024)
		for {
			n, err := syslog.Read(data)
			if err != nil {
				return
			}
			fmt.Println(deadman.Syslog + string(data[:n]))
		}
	}()
	c := rawCluster(t, 4)
	fmt.Print(mustType(t, c.jack3, "pr_start -v pkg1"))
	w := startWatcher(t, c.jack3, fmt.Sprintf("-v --interval %v --grace %v --watchdog-timeout %v", deadman.Interval, deadman.Grace, deadman.Timeout))
	before := w.cpu()
	start := time.Now()
	// A process that stops for less than the timeout is no reason.
	w.signal(syscall.SIGSTOP)
	time.Sleep(deadman.Timeout / 2)
	w.signal(syscall.SIGCONT)
	w.signal(syscall.SIGHUP)
	w.says("reloaded: watching 4 LUNs of pkg1")
	time.Sleep(deadman.Health - time.Since(start))
	if !w.runs() || strings.Contains(w.text(), "gone") {
		t.Fatalf("after %v in health:\n%s", deadman.Health, w.text())
	}
	memory, threads := w.wantPrivileges()
	fmt.Printf("%s%.0f s, %v of processor time, %s of memory, locked, %d threads\n",
		deadman.Healthy, time.Since(start).Seconds(), w.cpu()-before, memory, threads)
	fmt.Println(deadman.Fencing)
	fmt.Print(mustType(t, c.jack4, "pr_start -v pkg1"))
	fmt.Println(deadman.Fenced)
	w.says(deadman.Last)
	time.Sleep(time.Second)
	fmt.Print(w.text())
	w.signal(syscall.SIGTERM)
	time.Sleep(deadman.Interval + deadman.Grace + deadman.Timeout)
	t.Fatal("the kernel has not restarted this machine")
}
