package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/scsi/simlun"
)

// multiConfig makes the package of scriptConfig one that nodes share.
const multiConfig = "package_type multi_node\n"

// onItsWay is how long the command that a signal is for is on its way.
const onItsWay = 40 * time.Millisecond

// watched looks at a LUN again and again.
type watched struct {
	rig *rig
	lun int
	// before is when the first fault of the LUN had not met its command yet.
	before time.Time
}

// isOnItsWay reports whether the LUN has been sent the command of its first fault,
// number at, and not answered it. One that will be refused, such as by a unit
// attention, is not in flight for the simulated LUN, and is delayed all the same:
// it is on its way if it came since the last look, and that is not long ago.
func (w *watched) isOnItsWay(at int) bool {
	w.rig.t.Helper()
	look := time.Now()
	d, err := simlun.Describe(w.rig.lun(w.lun))
	if err != nil {
		w.rig.t.Fatal(err)
	}
	if d.Faults[0].Hits < at {
		w.before = look
	}
	for _, s := range d.Nexuses {
		if s.InFlight > 0 {
			return true
		}
	}
	return d.Faults[0].Hits >= at && time.Since(w.before) < onItsWay
}

// interrupted runs a process and sends it a signal while its command number at
// is on its way to a LUN, which takes that one a while. caught says that the
// signal came in time, sent that there was such a command.
func (r *rig) interrupted(cmd *exec.Cmd, lun, at int, sig syscall.Signal) (status int, caught, sent bool) {
	r.t.Helper()
	r.faults(lun, fmt.Sprintf("any@%d:delay=%v", at, onItsWay))
	w := watched{rig: r, lun: lun}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			sent = r.hits(lun) >= at
			r.faults(lun, "")
			return exitOf(r.t, err), caught, sent
		case <-tick.C:
			if caught || !w.isOnItsWay(at) {
				continue
			}
			caught = true
			if err := cmd.Process.Signal(sig); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

// hits is how many commands the first fault of a LUN has counted.
func (r *rig) hits(lun int) int {
	r.t.Helper()
	d, err := simlun.Describe(r.lun(lun))
	if err != nil {
		r.t.Fatal(err)
	}
	return d.Faults[0].Hits
}

// deviceOf is the device of a LUN of an array with one path each.
func deviceOf(lun int) string { return "/dev/sd" + diskLetters(lun) }

// wantSaid checks that each LUN is as it was before or named on the error
// stream with its state as it is.
func (r *rig) wantSaid(before []string, text, key string) {
	r.t.Helper()
	for i := range r.luns {
		now := r.state(i)
		if now == before[i] {
			continue
		}
		want := ""
		switch keys, holder, _ := strings.Cut(now, " "); {
		case !strings.Contains(keys, key):
			// Nothing of this node is left.
			continue
		case holder == key:
			want = deviceOf(i) + ": registered and reserved by this node"
		case holder == words.None:
			want = deviceOf(i) + ": registered by this node, not reserved"
		default:
			want = deviceOf(i) + ": registered by this node, reserved by "
		}
		if !strings.Contains(text, "error: "+want) {
			r.t.Errorf("LUN %d was %q, is %q, and that is not said:\n%s", i, before[i], now, text)
		}
	}
}

// A signal at any command of a protocol: what is left is as before or said,
// the exit status tells, a reserved LUN is never open, and running it again
// repairs.
func TestInterrupted(t *testing.T) {
	const luns, most = 3, 40
	cases := map[string]struct {
		multi      bool
		up         []string // nodes that have the package up
		host       string
		argv       []string
		key, other string // of the host; who has to be on each LUN at the end
		reserved   bool   // every LUN stays reserved all the time
	}{
		"start":       {host: "jack3", argv: []string{"pr_start", "pkg1"}, key: keyJack3, other: keyJack3 + " " + keyJack3},
		"take-over":   {up: []string{"jack4"}, host: "jack3", argv: []string{"pr_start", "pkg1"}, key: keyJack3, other: keyJack3 + " " + keyJack3, reserved: true},
		"halt":        {up: []string{"jack3"}, host: "jack3", argv: []string{"pr_halt", "pkg1"}, key: keyJack3, other: words.None + " " + words.None},
		"join":        {multi: true, up: []string{"jack4"}, host: "jack3", argv: []string{"pr_start", "pkg1"}, key: keyJack3, other: keyJack3 + "," + keyJack4 + " " + keyJack4, reserved: true},
		"shared halt": {multi: true, up: []string{"jack3", "jack4"}, host: "jack3", argv: []string{"pr_halt", "pkg1"}, key: keyJack3, other: keyJack4 + " " + keyJack4, reserved: true},
		"fence":       {multi: true, up: []string{"jack4", "jack3"}, host: "jack3", argv: []string{"pr_fence", "jack4", "pkg1"}, key: keyJack4, other: keyJack3 + " " + keyJack3, reserved: true},
	}
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	for name, c := range cases {
		for lun := range luns {
			t.Run(fmt.Sprintf("%s/LUN %d", name, lun), func(t *testing.T) {
				t.Parallel()
				n, late := 1, 0
				for ; n <= most && late < 20; n++ {
					r := newRig(t, luns, 1)
					if c.multi {
						r.config(multiConfig)
					}
					for _, host := range c.up {
						r.mustHere(host, "pr_start", "pkg1")
					}
					var before []string
					for i := range luns {
						before = append(before, r.state(i))
					}
					cmd, text := r.process(c.host, c.argv...)
					sig := signals[(n+lun)%len(signals)]
					status, caught, sent := r.interrupted(cmd, lun, n, sig)
					if !sent {
						break
					}
					if !caught {
						late++
						n--
						continue
					}
					done := true
					for i := range luns {
						done = done && r.state(i) == c.other
						if c.reserved && strings.HasSuffix(r.state(i), " "+words.None) {
							t.Errorf("command %d: LUN %d is open: %s", n, i, r.state(i))
						}
					}
					switch status {
					case words.ExitOK:
						if !done {
							t.Errorf("command %d: said to be done, and is not\n%s", n, text)
						}
					case 128 + int(sig):
						if !strings.Contains(text.String(), ": error: ended by "+front.SignalName(sig)) {
							t.Errorf("command %d: the signal is not named\n%s", n, text)
						}
						if name == "fence" {
							r.wantFenceSaid(text.String())
						} else {
							r.wantSaid(before, text.String(), c.key)
						}
					default:
						t.Errorf("command %d: exit status %d\n%s", n, status, text)
					}
					r.mustHere(c.host, c.argv...)
					for i := range luns {
						if got := r.state(i); got != c.other {
							t.Errorf("command %d: run again, LUN %d is %s, %s expected", n, i, got, c.other)
						}
					}
				}
				t.Logf("signals at %d commands", n-1)
				if n < 3 || n > most || late == 20 {
					t.Errorf("signals at %d commands, %d came too late", n-1, late)
				}
			})
		}
	}
}

// config adds to the cluster of the rig.
func (r *rig) config(more string) {
	r.t.Helper()
	if err := os.WriteFile(r.conf, []byte(scriptConfig+more), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// wantFenceSaid checks that each LUN is named on which jack4 still is.
func (r *rig) wantFenceSaid(text string) {
	r.t.Helper()
	for i := range r.luns {
		named := strings.Contains(text, "error: "+deviceOf(i)+": ")
		if on := strings.Contains(r.state(i), keyJack4); on != named {
			r.t.Errorf("LUN %d: %s, said: %v\n%s", i, r.state(i), named, text)
		}
	}
}

// A copy that is ended is taken up again by the next one.
func TestCopyInterrupted(t *testing.T) {
	const want = keyJack3 + "," + keyJack4 + " " + keyJack4
	n, late := 1, 0
	for ; n < 40 && late < 20; n++ {
		r := newRig(t, 2, 1)
		r.config(multiConfig)
		r.mustHere("jack4", "pr_start", "pkg1")
		r.mustHere("jack3", "pr_start", "pkg1")
		r.mustHere("jack3", "pr_cleanup", "--force", "lun", deviceOf(1))
		cmd, text := r.process("jack3", "vg_pr_key", "-s", "iscsi_vg3")
		status, caught, sent := r.interrupted(cmd, 1, n, syscall.SIGTERM)
		if !sent {
			break
		}
		if !caught {
			late++
			n--
			continue
		}
		switch {
		case status == words.ExitOK && r.state(1) != want:
			t.Errorf("command %d: said to be done, and is %s\n%s", n, r.state(1), text)
		case status == 128+int(syscall.SIGTERM) && !strings.Contains(text.String(), "error: "+deviceOf(1)+": "):
			t.Errorf("command %d: it is not said what is left\n%s", n, text)
		case status != words.ExitOK && status != 128+int(syscall.SIGTERM):
			t.Errorf("command %d: exit status %d\n%s", n, status, text)
		}
		r.mustHere("jack3", "vg_pr_key", "-s", "iscsi_vg3")
		if got := r.state(1); got != want {
			t.Errorf("command %d: run again, it is %s", n, got)
		}
	}
	if n < 5 || n == 40 || late == 20 {
		t.Errorf("signals at %d commands, %d came too late", n-1, late)
	}
}

// The second signal ends the retries of a LUN that is brought to its end, and
// the undoing of a start. Without it they would go on for an hour, longer than the
// test.
func TestSecondSignal(t *testing.T) {
	for name, c := range map[string]struct {
		up   []string
		plan string
		argv []string
		want string
	}{
		"halt":                              {[]string{"jack3"}, "prout@1:busy;prout@every:busy", []string{"pr_halt", "--timeout", "3600", "pkg1"}, "/dev/sdb: registered and reserved by this node"},
		"start":                             {nil, "prout.reserve@1:busy;prout.reserve@every:busy;prout.register@every:busy", []string{"pr_start", "--timeout", "3600", "pkg1"}, "/dev/sdb: registered by this node, not reserved"},
		"start, and its undoing is refused": {nil, "prout.reserve@1:busy;prout.reserve@every:busy;prout.register@every:conflict", []string{"pr_start", "--timeout", "3600", "pkg1"}, "/dev/sdb: registered by this node, not reserved"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 2, 1)
			for _, host := range c.up {
				r.mustHere(host, "pr_start", "pkg1")
			}
			r.faults(1, c.plan)
			cmd, _ := r.process("jack3", c.argv...)
			cmd.Stderr = nil
			out, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			r.waitBusy(1)
			var text bytes.Buffer
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			// It says at once that it has seen the first one.
			line := make([]byte, 4096)
			k, err := out.Read(line)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(line[:k])
			if !strings.Contains(text.String(), c.argv[0]+": SIGINT: ") || !strings.Contains(text.String(), "interrupt again to stop at once") {
				t.Errorf("first said:\n%s", &text)
			}
			over := make(chan struct{})
			go func() {
				// One that comes too early counts as the first once more.
				for tick := time.NewTicker(50 * time.Millisecond); ; {
					select {
					case <-tick.C:
						_ = cmd.Process.Signal(syscall.SIGINT)
					case <-over:
						return
					}
				}
			}()
			_, err = text.ReadFrom(out)
			close(over)
			if err != nil {
				t.Fatal(err)
			}
			status := exitOf(t, cmd.Wait())
			if strings.Contains(text.String(), "nother node") || strings.Contains(text.String(), "a node has registered") {
				t.Errorf("a node is blamed that is not there:\n%s", &text)
			}
			if status != 130 || !strings.Contains(text.String(), "error: "+c.want+"\n") {
				t.Errorf("exit status %d, state %s\n%s", status, r.state(1), &text)
			}
		})
	}
}

// waitBusy waits until a LUN has answered BUSY.
func (r *rig) waitBusy(lun int) {
	r.t.Helper()
	for range 300_000 {
		if r.hits(lun) > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	r.t.Fatal("the fault is not met")
}

// What is done is done: a signal that came meanwhile does not make it fail, nor
// does one hide what went wrong before.
func TestStatusAfterSignal(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(&front.SignalError{Signal: syscall.SIGTERM})
	for name, c := range map[string]struct {
		status int
		own    bool
		want   int
	}{
		"done":                       {words.ExitOK, false, words.ExitOK},
		"failed":                     {words.ExitFailed, false, 143},
		"failed on this node":        {words.ExitNode, false, 143},
		"with signals of its own":    {words.ExitNode, true, words.ExitNode},
		"ended in order by a signal": {words.ExitOK, true, words.ExitOK},
	} {
		call := &front.Call{Ctx: ctx, Applet: &front.Applet{OwnSignals: c.own}, Status: c.status}
		if got := call.Ended(); got != c.want {
			t.Errorf("%s: %d, %d expected", name, got, c.want)
		}
	}
}

// A signal between the last word and the exit, such as the second one of
// timeout(1), does not make a failure of what has succeeded.
func TestSignalAtTheExit(t *testing.T) {
	r := newRig(t, 2, 1)
	r.configure(watchTwo)
	t.Setenv("LUNGUARD_RUN", t.TempDir())
	for _, argv := range []string{"pr_start pkg1", "pr_check --repair pkg1", "pr_halt pkg1", "cmrunpkg pkg1", "cmhaltpkg pkg1"} {
		cmd, text := r.process("jack3", append([]string{"outlived"}, strings.Fields(argv)...)...)
		if status := exitOf(t, cmd.Run()); status != words.ExitOK {
			t.Errorf("%s: exit status %d\n%s", argv, status, text)
		}
	}
	p := newWatchRig(t).watchBy([]string{"outlived", "pr_watchdog"}, nil)
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := exitOf(t, <-p.done); status != words.ExitOK || !strings.Contains(p.out.String(), "disarmed, ended in order") {
		t.Errorf("pr_watchdog: exit status %d\n%s", status, &p.out)
	}
}

// Who waits for input that nobody types ends with the signal.
func TestInputInterrupted(t *testing.T) {
	r := newRig(t, 1, 1)
	in, typist, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer typist.Close()
	defer in.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	env := map[string]string{front.SimVariable: r.dir + "/jack3", session.ConfigVariable: r.conf}
	var out bytes.Buffer
	reads := make(chan struct{})
	ended := make(chan int)
	go func() {
		ended <- Run(ctx, front.Streams{In: told{in, reads}, Out: &out, Err: &out}, func(name string) string { return env[name] }, []string{"pr_cleanup", "-f", "-"})
	}()
	<-reads
	cancel(&front.SignalError{Signal: syscall.SIGINT})
	if status := <-ended; status != 130 {
		t.Errorf("exit status %d\n%s", status, &out)
	}
}

// told tells when somebody begins to read.
type told struct {
	r     *os.File
	reads chan struct{}
}

func (t told) Read(text []byte) (int, error) {
	close(t.reads)
	return t.r.Read(text)
}

// sg_persist brings a command that is on its way to its end, and sends none
// after the signal.
func TestPersistInterrupted(t *testing.T) {
	for n, c := range map[int]struct {
		status int
		keys   string
	}{1: {143, words.None}, 2: {words.ExitOK, "0xabc"}} {
		for try := 0; ; try++ {
			r := newRig(t, 1, 1)
			cmd, text := r.process("jack3", "sg_persist", "-o", "-G", "-S", "abc", "/dev/sda")
			status, caught, _ := r.interrupted(cmd, 0, n, syscall.SIGTERM)
			if !caught && try < 20 {
				continue
			}
			if got := r.state(0); status != c.status || got != c.keys+" "+words.None {
				t.Errorf("at command %d: exit status %d, %s\n%s", n, status, got, text)
			}
			break
		}
	}
}

// A fence of several packages begins no further one after a signal, and names
// those that it has not begun.
func TestFenceOfSeveralInterrupted(t *testing.T) {
	r := newRig(t, 2, 1)
	conf := strings.Replace(scriptConfig, "vg             iscsi_vg3", "package_type multi_node\npv /dev/sda", 1) + "package_name pkg2\npackage_type multi_node\npv /dev/sdb\n"
	if err := os.WriteFile(r.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	for try := range 20 {
		for _, host := range []string{"jack3", "jack4"} {
			r.mustHere(host, "pr_start", "pkg1")
			r.mustHere(host, "pr_start", "pkg2")
		}
		cmd, text := r.process("jack3", "pr_fence", "jack4", "pkg1", "pkg2")
		status, caught, _ := r.interrupted(cmd, 0, 3, syscall.SIGTERM)
		if !caught && try < 19 {
			continue
		}
		if status != 143 || !strings.Contains(text.String(), "error: not begun after the signal: package pkg2") || !strings.Contains(r.state(1), keyJack4) || strings.Contains(r.state(0), keyJack4) {
			t.Errorf("exit status %d, %s, %s\n%s", status, r.state(0), r.state(1), text)
		}
		return
	}
}
