package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/protocol"
	"lunguard/scsi"
)

// frames are what a meter has drawn, the erasing of it as <>.
func frames(out string) []string {
	return strings.Split(strings.ReplaceAll(strings.TrimPrefix(out, "\r"), "\r\x1b[K", "\r<>\x1b[K"), "\r")
}

// shown reports whether a line is drawn.
func (m *meter) shown() bool {
	m.out.Lock()
	defer m.out.Unlock()
	return m.drawn
}

func begins(lun string) protocol.Step { return protocol.Step{LUN: lun} }
func ends(lun string) protocol.Step   { return protocol.Step{LUN: lun, Done: true} }

// The clock of this is synctest's: no time passes outside.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := newMeter(&out, "pr_start", 200, time.Now, nil)
		m.begin(3)
		m.step(begins("/dev/sda"))
		m.step(begins("/dev/sdb"))
		m.sends("/dev/sda", &scsi.Request{CDB: []byte{byte(scsi.OpPROut), 6}})
		time.Sleep(meterDelay - time.Millisecond)
		synctest.Wait()
		if m.shown() {
			t.Fatal("shown within the first second")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		m.step(ends("/dev/sdb"))
		m.retries("/dev/sda", &scsi.OpError{Reply: scsi.Reply{Status: scsi.Busy}})
		time.Sleep(meterTick)
		synctest.Wait()
		m.retries("/dev/sda", &scsi.OpError{Reply: scsi.Reply{Host: scsi.HostReset}})
		time.Sleep(meterTick)
		synctest.Wait()
		// Something is said, and then the next pass over the LUNs begins.
		fmt.Fprint(m.over(&out), "said\n")
		m.step(ends("/dev/sda"))
		m.step(begins("/dev/sdb"))
		time.Sleep(meterTick)
		synctest.Wait()
		m.stop()
		m.stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{
			"pr_start: 0 of 3 LUNs, slowest /dev/sda 1.0 s (REGISTER AND IGNORE EXISTING KEY)\x1b[K",
			"pr_start: 1 of 3 LUNs, 1 retry, slowest /dev/sda 1.2 s (again after BUSY)\x1b[K",
			"pr_start: 1 of 3 LUNs, 2 retries, slowest /dev/sda 1.4 s (again after " + scsi.HostReset.String() + ")\x1b[K",
			"<>\x1b[Ksaid\n",
			"pr_start: 0 of 3 LUNs, 2 retries, slowest /dev/sdb 0.2 s\x1b[K",
			"<>\x1b[K",
		}
		if got := frames(out.String()); !equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func equal(a, b []string) bool { return strings.Join(a, "\r") == strings.Join(b, "\r") }

// Work that takes less than a second draws nothing, and five times a second
// is the most.
func TestMeterCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := newMeter(&out, "x", 80, time.Now, nil)
		m.begin(1)
		time.Sleep(meterDelay - time.Millisecond)
		m.stop()
		time.Sleep(time.Hour)
		if out.Len() > 0 {
			t.Errorf("drawn: %q", out.String())
		}
		m = newMeter(&out, "x", 80, time.Now, nil)
		m.begin(1)
		m.step(begins("/dev/sda"))
		time.Sleep(11*time.Second + time.Millisecond)
		m.stop()
		if n := len(frames(out.String())) - 1; n > 51 || n < 40 {
			t.Errorf("drawn %d times in 10 seconds", n)
		}
	})
}

// stopped is a terminal that somebody has stopped: it takes nothing until it
// goes on.
type stopped struct{ on chan struct{} }

func (s stopped) Write(text []byte) (int, error) {
	<-s.on
	return len(text), nil
}

// A terminal that is stopped does not hold the work up, and one that belongs to
// another job gets nothing.
func TestMeterStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stopped{make(chan struct{})}
		m := newMeter(w, "x", 80, time.Now, nil)
		m.begin(1)
		time.Sleep(2 * meterDelay)
		synctest.Wait()
		begin := time.Now()
		m.step(begins("/dev/sda"))
		m.sends("/dev/sda", &scsi.Request{CDB: []byte{byte(scsi.OpInquiry), 0}})
		m.retries("/dev/sda", &scsi.OpError{Reply: scsi.Reply{Status: scsi.Busy}})
		m.step(ends("/dev/sda"))
		if time.Since(begin) > 0 {
			t.Error("the work has waited for the terminal")
		}
		close(w.on)
		m.stop()
		var out bytes.Buffer
		m = newMeter(&out, "x", 80, time.Now, func() bool { return true })
		time.Sleep(time.Minute)
		if m.stop(); out.Len() > 0 {
			t.Errorf("drawn over another job: %q", out.String())
		}
	})
}

// A line is never longer than the terminal is wide, and a name moves no cursor.
func TestMeterLine(t *testing.T) {
	m := &meter{prog: "pr_start", total: 1, now: time.Now, luns: map[string]*lunProgress{}}
	m.step(begins("/dev/a\x1b[2Jb"))
	if got := m.text(); !strings.Contains(got, "/dev/a?[2Jb") {
		t.Errorf("%q", got)
	}
	for _, width := range []int{1, 10, 40} {
		var out bytes.Buffer
		m.w, m.width = &out, width
		m.draw()
		if n := len(strings.TrimSuffix(strings.TrimPrefix(out.String(), "\r"), "\x1b[K")); n >= width {
			t.Errorf("%d letters in %d columns", n, width)
		}
	}
	m = &meter{prog: "pr_start", now: time.Now, luns: map[string]*lunProgress{}}
	m.step(begins("/dev/sda"))
	m.step(ends("/dev/sda"))
	m.step(begins("/dev/sdb"))
	if got := m.text(); !strings.HasPrefix(got, "pr_start: 1 LUN opened, slowest /dev/sdb 0.0 s") {
		t.Errorf("%q", got)
	}
}

// terminal opens a pseudo-terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// onTerminal runs an applet whose streams are a terminal and returns what is
// written to it.
func (r *rig) onTerminal(argv ...string) (status int, text string) {
	r.t.Helper()
	master, slave := terminal(r.t)
	cmd, _ := r.process("jack3", argv...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	err := cmd.Start()
	slave.Close()
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := io.ReadAll(master)
	// A terminal that nobody has any more reads as a failed device.
	if err != nil && !errors.Is(err, unix.EIO) {
		r.t.Fatal(err)
	}
	return exitOf(r.t, cmd.Wait()), string(out)
}

// On a terminal slow work shows how far it is; what is written stands on lines
// of its own, and at the end nothing of it is left.
func TestProgressOnTerminal(t *testing.T) {
	for name, c := range map[string]struct {
		before []string
		plan   string
		argv   []string
		waits  string
		stays  string // what stands there in the end
	}{
		"start":        {nil, "prout.reserve@1:busy;prout.reserve@2:delay=1500ms", []string{"pr_start", "pkg1"}, `pr_start: \d of 2 LUNs, 1 retry, slowest /dev/sdb \d\.\d s \(RESERVE\)`, ""},
		"halt":         {[]string{"pr_start", "pkg1"}, "prout.clear@1:delay=1500ms", []string{"pr_halt", "pkg1"}, `pr_halt: 1 of 2 LUNs, slowest /dev/sdb \d\.\d s \(CLEAR\)`, ""},
		"check":        {[]string{"pr_start", "pkg1"}, "prin@1:delay=1500ms", []string{"pr_check", "pkg1"}, `pr_check: 1 of 2 LUNs, slowest /dev/sdb \d\.\d s \(READ FULL STATUS\)`, "PACKAGE  LUN       PATHS  KEYS        HOLDER  STATE \r\npkg1     /dev/sda  1/1    0xbcb00001  jack3   ok     \r\npkg1     /dev/sdb  1/1    0xbcb00001  jack3   ok     \r\n"},
		"cleanup":      {[]string{"pr_start", "pkg1"}, "prout.clear@1:delay=1500ms", []string{"pr_cleanup", "iscsi_vg3"}, `pr_cleanup: 1 of 2 LUNs, slowest /dev/sdb \d\.\d s \(CLEAR\)`, "pr_cleanup: warning: /dev/sda: protection is gone there for jack3; restart the packages that run on it\r\npr_cleanup: warning: /dev/sdb: protection is gone there for jack3; restart the packages that run on it\r\n"},
		"keys":         {nil, "prin@1:delay=1500ms", []string{"vg_pr_key", "-g", "iscsi_vg3"}, `vg_pr_key: 1 of 2 LUNs, slowest /dev/sdb \d\.\d s \(READ FULL STATUS\)`, "/dev/sda NONE NONE NONE\r\n/dev/sdb NONE NONE NONE\r\n"},
		"step by step": {[]string{"pr_start", "pkg1"}, "prin@1:delay=1500ms", []string{"pr_check", "-v", "pkg1"}, "", "pkg1: 2 LUNs, 4 SCSI commands\r\nPACKAGE  LUN       PATHS  KEYS        HOLDER  STATE \r\npkg1     /dev/sda  1/1    0xbcb00001  jack3   ok     \r\npkg1     /dev/sdb  1/1    0xbcb00001  jack3   ok     \r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 2, 1)
			if c.before != nil {
				r.mustHere("jack3", c.before...)
			}
			r.faults(1, c.plan)
			status, text := r.onTerminal(c.argv...)
			if status != exitOK {
				t.Errorf("exit status %d", status)
			}
			drawn := regexp.MustCompile(`\r[^\r\n]*\x1b\[K`)
			left := drawn.ReplaceAllString(text, "")
			if left != c.stays {
				t.Errorf("at the end:\n%q\nwant\n%q", left, c.stays)
			}
			if c.waits == "" {
				if left != text {
					t.Errorf("drawn: %q", text)
				}
				return
			}
			if !regexp.MustCompile(`\r` + c.waits + `\x1b\[K`).MatchString(text) {
				t.Errorf("%s is not shown:\n%q", c.waits, text)
			}
			// Whatever is not drawn comes behind an erased line.
			if at := strings.Index(text, "\x1b[K"+c.stays); c.stays != "" && (at < 1 || text[at-1] != '\r') {
				t.Errorf("not erased before the rest: %q", text)
			}
			if !strings.HasSuffix(text, "\r\x1b[K"+c.stays) {
				t.Errorf("something of it is left: %q", text)
			}
		})
	}
}

// On a pipe there is nothing of it.
func TestNoProgressOnPipe(t *testing.T) {
	r := newRig(t, 1, 1)
	r.faults(0, "prout.reserve@1:delay=1300ms")
	cmd, text := r.process("jack3", "pr_start", "pkg1")
	if status := exitOf(t, cmd.Run()); status != exitOK || text.Len() > 0 {
		t.Errorf("exit status %d: %q", status, text)
	}
	file := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := isTerminal(f); ok {
		t.Error("a file is a terminal")
	}
	if _, ok := isTerminal(&bytes.Buffer{}); ok {
		t.Error("a buffer is a terminal")
	}
}
