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

	"golang.org/x/sys/unix"

	"lunguard/commands/front"
	"lunguard/commands/words"
)

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
	const can = ": PREEMPT AND ABORT yes, REGISTER AND MOVE yes, registrants only yes, kept at power loss yes\r\n"
	for name, c := range map[string]struct {
		before []string
		plan   string
		argv   []string
		waits  string
		stays  string // what stands there in the end
	}{
		"start":        {nil, "prout.reserve@1:busy;prout.reserve@2:delay=1500ms", []string{"pr_start", "pkg1"}, `pr_start: \d of 2 LUNs, 1 retry, slowest /dev/sdb \d\.\d s \(RESERVE\)`, ""},
		"halt":         {[]string{"pr_start", "pkg1"}, "prout.clear@1:delay=1500ms", []string{"pr_halt", "pkg1"}, `pr_halt: 1 of 2 LUNs, slowest /dev/sdb \d\.\d s \(CLEAR\)`, ""},
		"check":        {[]string{"pr_start", "pkg1"}, "prin@1:delay=1500ms", []string{"pr_check", "--color", "never", "pkg1"}, `pr_check: 1 of 2 LUNs, slowest /dev/sdb \d\.\d s \(READ FULL STATUS\)`, "pkg1: failover, 2 LUNs, 2 protected\r\nLUN       PATHS  jack3  jack4  STATE\r\n/dev/sda  1/1    1*     0      up\r\n/dev/sdb  1/1    1*     0      up\r\n\r\nn/m: n of this host's m paths answer; n: registrations of a node; *: holds the reservation\r\n"},
		"cleanup":      {[]string{"pr_start", "pkg1"}, "prout.clear@1:delay=1500ms", []string{"pr_cleanup", "--force", "iscsi_vg3"}, `pr_cleanup: 1 of 2 LUNs, slowest /dev/sdb \d\.\d s \(CLEAR\)`, "pr_cleanup: warning: /dev/sda: protection is gone there for jack3; run pr_check --repair, or pr_start, on each\r\npr_cleanup: warning: /dev/sdb: protection is gone there for jack3; run pr_check --repair, or pr_start, on each\r\n"},
		"keys":         {nil, "prin@1:delay=1500ms", []string{"vg_pr_key", "-g", "iscsi_vg3"}, `vg_pr_key: 1 of 2 LUNs, slowest /dev/sdb \d\.\d s \(READ FULL STATUS\)`, "/dev/sda NONE NONE NONE\r\n/dev/sdb NONE NONE NONE\r\n"},
		"step by step": {[]string{"pr_start", "pkg1"}, "prin@1:delay=1500ms", []string{"pr_check", "-v", "--color", "never", "pkg1"}, "", "pkg1: 2 LUNs, 8 SCSI commands\r\npkg1: 2 INQUIRYs more, which LUN the paths lead to\r\n" + "/dev/sda" + can + "/dev/sdb" + can + "pkg1: failover, 2 LUNs, 2 protected\r\nLUN       PATHS  jack3  jack4  STATE\r\n/dev/sda  1/1    1*     0      up\r\n/dev/sdb  1/1    1*     0      up\r\n\r\nn/m: n of this host's m paths answer; n: registrations of a node; *: holds the reservation\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 2, 1)
			if c.before != nil {
				r.mustHere("jack3", c.before...)
			}
			r.faults(1, c.plan)
			status, text := r.onTerminal(c.argv...)
			if status != words.ExitOK {
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

// Of a package whose group is missing nothing is drawn while the next one is looked at.
func TestProgressAfterMissingGroup(t *testing.T) {
	r := newRig(t, 2, 1)
	r.configure(strings.Replace(scriptConfig, "package_name", "package_name pkg0\nvg nosuch\npackage_name", 1))
	r.faults(1, "prin@1:delay=2500ms")
	status, text := r.onTerminal("pr_check", "pkg0", "pkg1")
	if status != words.ExitNode && status != words.ExitFailed || !strings.Contains(text, "volume group nosuch") {
		t.Errorf("exit status %d: %q", status, text)
	}
	if !strings.Contains(text, "1 of 2 LUNs") || strings.Contains(text, "0 LUNs opened") {
		t.Errorf("%q", text)
	}
}

// On a pipe there is nothing of it.
func TestNoProgressOnPipe(t *testing.T) {
	r := newRig(t, 1, 1)
	r.faults(0, "prout.reserve@1:delay=1300ms")
	cmd, text := r.process("jack3", "pr_start", "pkg1")
	if status := exitOf(t, cmd.Run()); status != words.ExitOK || text.Len() > 0 {
		t.Errorf("exit status %d: %q", status, text)
	}
	file := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := front.IsTerminal(f); ok {
		t.Error("a file is a terminal")
	}
	if _, ok := front.IsTerminal(&bytes.Buffer{}); ok {
		t.Error("a buffer is a terminal")
	}
}
