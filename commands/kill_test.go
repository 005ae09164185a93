package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/scsi/simlun"
)

// Keys of the two nodes.
const (
	keyJack3 = "0xbcb00001"
	keyJack4 = "0xbcb00002"
)

// rig is an array with two hosts and a config, for tests with processes.
type rig struct {
	t         *testing.T
	dir, conf string
	luns      int
}

func newRig(t *testing.T, luns, paths int) *rig {
	t.Helper()
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "A"), luns: luns}
	r.conf = r.dir + ".conf"
	if err := makeArray(r.dir, luns, paths); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.conf, []byte(scriptConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) lun(i int) string { return filepath.Join(r.dir, "array", fmt.Sprintf("lun%d", i)) }

// faults sets the fault plan of a LUN.
func (r *rig) faults(i int, plan string) {
	r.t.Helper()
	p, err := simlun.ParsePlan(plan)
	if err == nil {
		err = simlun.SetFaults(r.lun(i), p)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// process prepares an applet as a process on a host; its errors land in the
// buffer.
func (r *rig) process(host string, argv ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), front.SimVariable+"="+filepath.Join(r.dir, host), session.ConfigVariable+"="+r.conf)
	var text bytes.Buffer
	cmd.Stderr = &text
	return cmd, &text
}

// here runs an applet in this process.
func (r *rig) here(host string, argv ...string) (status int, text string) {
	env := map[string]string{front.SimVariable: filepath.Join(r.dir, host), session.ConfigVariable: r.conf}
	var out bytes.Buffer
	status = Run(context.Background(), front.Streams{Out: &out, Err: &out}, func(name string) string { return env[name] }, argv)
	return status, out.String()
}

func (r *rig) mustHere(host string, argv ...string) {
	r.t.Helper()
	if status, text := r.here(host, argv...); status != words.ExitOK {
		r.t.Fatalf("%v on %s: exit status %d\n%s", argv, host, status, text)
	}
}

// state describes LUN i as KEYS HOLDER.
func (r *rig) state(i int) string {
	r.t.Helper()
	keys, holder, err := lunState(r.lun(i))
	if err != nil {
		r.t.Fatal(err)
	}
	return keys + " " + holder
}

// wantOwner fails the test unless the key alone has every LUN; with NONE,
// unless nobody has one.
func (r *rig) wantOwner(key string) {
	r.t.Helper()
	for i := range r.luns {
		if got := r.state(i); got != key+" "+key {
			r.t.Errorf("LUN %d: %s, owner %s expected", i, got, key)
		}
	}
}

// exitOf is the exit status of a process that has been waited for.
func exitOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// Killed before or after any PERSISTENT RESERVE OUT, a protocol that is run
// again ends as if it had not been killed, the other node can take over, and a
// LUN that was reserved never is open in between.
func TestKilled(t *testing.T) {
	const killed = 137
	cases := map[string]struct {
		// owner starts first; then host runs applet and is killed.
		owner, host, applet string
		key                 string // who owns the LUNs when all is done
		most                int    // PR OUTs a LUN
	}{
		"start":       {"", "jack3", "pr_start", keyJack3, 2},
		"take-over":   {"jack4", "jack3", "pr_start", keyJack3, 2},
		"start again": {"jack3", "jack3", "pr_start", keyJack3, 1},
		"halt":        {"jack3", "jack3", "pr_halt", words.None, 1},
	}
	for name, c := range cases {
		for lun := range 2 {
			for n := 1; n <= c.most; n++ {
				for _, when := range []string{"", "after:"} {
					plan := fmt.Sprintf("prout@%d:%sdie", n, when)
					t.Run(fmt.Sprintf("%s/LUN %d %s", name, lun, plan), func(t *testing.T) {
						t.Parallel()
						r := newRig(t, 2, 1)
						if c.owner != "" {
							r.mustHere(c.owner, "pr_start", "pkg1")
						}
						r.faults(lun, plan)
						cmd, text := r.process(c.host, c.applet, "pkg1")
						if status := exitOf(t, cmd.Run()); status != killed {
							t.Fatalf("exit status %d, the process should have been killed\n%s", status, text)
						}
						r.faults(lun, "")
						if c.owner != "" && c.applet == "pr_start" {
							for i := range r.luns {
								if strings.HasSuffix(r.state(i), words.None) {
									t.Errorf("LUN %d is open: %s", i, r.state(i))
								}
							}
						}
						r.mustHere(c.host, c.applet, "pkg1")
						r.wantOwner(c.key)
						r.mustHere("jack4", "pr_start", "pkg1")
						r.wantOwner(keyJack4)
					})
				}
			}
		}
	}
}

// The other node takes over from one that was killed half-way, without a
// second run of that one, and a late halt there finds nothing.
func TestTakeOverFromKilled(t *testing.T) {
	for n := 1; n <= 2; n++ {
		for _, when := range []string{"", "after:"} {
			plan := fmt.Sprintf("prout@%d:%sdie", n, when)
			t.Run(plan, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, 2, 2)
				r.faults(1, plan)
				cmd, _ := r.process("jack3", "pr_start", "pkg1")
				if status := exitOf(t, cmd.Run()); status == words.ExitOK {
					t.Fatal("the process should have been killed")
				}
				r.faults(1, "")
				r.mustHere("jack4", "pr_start", "pkg1")
				two := keyJack4 + "," + keyJack4 + " " + keyJack4
				for _, halted := range []bool{false, true} {
					if halted {
						r.mustHere("jack3", "pr_halt", "pkg1")
					}
					for i := range r.luns {
						if got := r.state(i); got != two {
							t.Errorf("LUN %d: %s, want %s", i, got, two)
						}
					}
				}
			})
		}
	}
}

// pr_cleanup killed half-way leaves no key that was not there, but this node's, and
// repairs.
func TestCleanupKilled(t *testing.T) {
	for n := 1; n <= 2; n++ {
		for _, when := range []string{"", "after:"} {
			plan := fmt.Sprintf("prout@%d:%sdie", n, when)
			t.Run(plan, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, 1, 1)
				if err := registerByHand(filepath.Join(r.dir, "jack4"), "/dev/sda", 0xdead, 5); err != nil {
					t.Fatal(err)
				}
				r.faults(0, plan)
				cmd, _ := r.process("jack3", "pr_cleanup", "lun", "/dev/sda")
				if status := exitOf(t, cmd.Run()); status == words.ExitOK {
					t.Fatal("the process should have been killed")
				}
				r.faults(0, "")
				switch got := r.state(0); got {
				case "0xdead 0xdead", "0xdead,0xc0000000bcb00001 0xdead", words.None + " " + words.None:
				default:
					t.Errorf("%s", got)
				}
				r.mustHere("jack3", "pr_cleanup", "lun", "/dev/sda")
				r.wantOwner(words.None)
			})
		}
	}
}

// Two starts at once, as processes, whatever the order of their commands: one
// owner of all LUNs, who said ok. A start that lost says to whom and leaves
// nothing. Both may say ok only if one took over from the other.
func TestTwoStarts(t *testing.T) {
	nexus := func(node string) string { return "%iqn.2026-01.sim:" + node + ",i,0x800000000001" }
	plans := []string{
		"any@every:delay=3ms",
		"prout@every:delay=8ms",
		"prin@every:after:delay=8ms",
		"prout" + nexus("jack3") + "@every:delay=10ms",
		"prout.reserve@every:delay=20ms",
		"prout.register-ignore@every:after:delay=20ms",
		"prout.preempt-abort@every:delay=20ms",
		"prin.full" + nexus("jack4") + "@every:after:delay=15ms",
	}
	for i, plan := range plans {
		for _, owner := range []string{"", "jack3"} {
			t.Run(fmt.Sprintf("%d from %s", i, owner), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, 3, 1)
				if owner != "" {
					r.mustHere(owner, "pr_start", "pkg1")
				}
				for i := range r.luns {
					r.faults(i, plan)
				}
				a, textA := r.process("jack3", "pr_start", "pkg1")
				b, textB := r.process("jack4", "pr_start", "pkg1")
				if err := errors.Join(a.Start(), b.Start()); err != nil {
					t.Fatal(err)
				}
				statusA, statusB := exitOf(t, a.Wait()), exitOf(t, b.Wait())
				key := strings.Fields(r.state(0))[0]
				r.wantOwner(key)
				for _, n := range []struct {
					status     int
					key, other string
					text       string
				}{{statusA, keyJack3, "jack4 (" + keyJack4 + ")", textA.String()}, {statusB, keyJack4, "jack3 (" + keyJack3 + ")", textB.String()}} {
					switch {
					case n.key == key && n.status != words.ExitOK:
						t.Errorf("%s has the LUNs, but exit status %d\n%s", key, n.status, n.text)
					case n.key != key && n.status == words.ExitFailed && !strings.Contains(n.text, "node "+n.other+" has taken the package's LUNs"):
						t.Errorf("the loser does not say to whom:\n%s", n.text)
					case n.status == words.ExitNode:
						t.Errorf("exit status 2\n%s", n.text)
					}
				}
			})
		}
	}
}

// A start that stood still between registering and reserving finds itself
// preempted: it says who won, and leaves nothing.
func TestStoppedStart(t *testing.T) {
	const attempts = 20
	for range attempts {
		r := newRig(t, 3, 1)
		r.faults(0, "prout.reserve@1:delay=1s")
		cmd, text := r.process("jack3", "pr_start", "pkg1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		inFlight := func() int {
			d, err := simlun.Describe(r.lun(0))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, s := range d.Nexuses {
				n += s.InFlight
			}
			return n
		}
		for range 5000 {
			if inFlight() > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		waitStopped(t, cmd.Process.Pid)
		// The RESERVE has to be still under way; else it was too late, and
		// nothing has been learnt.
		caught := inFlight() > 0
		if caught {
			r.mustHere("jack4", "pr_start", "pkg1")
			r.wantOwner(keyJack4)
		}
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		status := exitOf(t, cmd.Wait())
		if !caught {
			continue
		}
		if status != words.ExitFailed || !strings.Contains(text.String(), "/dev/sda: node jack4 ("+keyJack4+") has taken the package's LUNs") {
			t.Errorf("exit status %d\n%s", status, text)
		}
		r.wantOwner(keyJack4)
		return
	}
	t.Fatalf("the process could not be stopped in time in %d attempts", attempts)
}

// waitStopped waits until the kernel has stopped every thread of a process.
func waitStopped(t *testing.T, pid int) {
	t.Helper()
	for range 300_000 {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(tasks) == 0 {
			t.Fatal("no threads", err)
		}
		stopped := true
		for _, file := range tasks {
			text, err := os.ReadFile(file)
			// PID (NAME) STATE ...; a thread that has ended is no matter.
			_, rest, _ := strings.Cut(string(text), ") ")
			stopped = stopped && (err != nil || strings.HasPrefix(rest, "T"))
		}
		if stopped {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the process does not stop")
}
