package front

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"

	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/vg"
)

// testCall is a call of pr_start whose messages land in a buffer.
func testCall(t *testing.T) (*Call, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	return NewCall(t.Context(), &Applet{Name: "pr_start"}, Streams{Out: &out, Err: &out}, func(string) string { return "" }), &out
}

// An error is a line that says which command it is of, and so is its hint.
func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{Usagef("a package is missing"), "pr_start: error: a package is missing\npr_start: hint: --help shows the usage\n"},
		{&protocol.ForeignKeyError{LUN: "/dev/sda", Keys: []pr.Key{1}}, "ERROR: Physical Volume /dev/sda used in the VG has registration which is not from any of the cluster nodes.\n" +
			"pr_start: hint: the key is 0x1; find its owner; pr_fence --key evicts it, pr_cleanup clears an unused LUN\n"},
		{errors.Join(errors.New("a\nb"), errors.New("c\x1b[m")), "pr_start: error: a; b\npr_start: error: c\\x1b[m\n"},
	} {
		one, out := testCall(t)
		if status := one.Report(c.err); status != words.ExitFailed || out.String() != c.want {
			t.Errorf("status %d, %q, want %q", status, out, c.want)
		}
	}
}

// Several errors are several messages, their hint is said once, and what must
// not be retried elsewhere decides the exit status.
func TestMessagesTogether(t *testing.T) {
	c, out := testCall(t)
	gone := &vg.DeviceError{Device: "/dev/sda", Err: syscall.ENOENT}
	gone2 := &vg.DeviceError{Device: "/dev/sdb", Err: syscall.ENOENT}
	if status := c.Report(errors.Join(gone, errors.Join(gone2))); status != words.ExitNode {
		t.Errorf("exit status %d", status)
	}
	want := "pr_start: error: /dev/sda: no such device\npr_start: hint: is the LUN attached to this host?\npr_start: error: /dev/sdb: no such device\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
	foreign := &protocol.ForeignKeyError{LUN: "/dev/sdc", Keys: []pr.Key{1}}
	if status := c.Report(errors.Join(gone, foreign, gone2)); status != words.ExitFailed {
		t.Errorf("exit status %d", status)
	}
	if status := c.Report(nil); status != words.ExitOK {
		t.Errorf("exit status %d without an error", status)
	}
}

func TestWorse(t *testing.T) {
	for _, c := range [][3]int{{0, 0, 0}, {0, 1, 1}, {0, 2, 2}, {1, 2, 1}, {2, 1, 1}, {2, 2, 2}, {1, 0, 1}, {2, 0, 2}} {
		if got := Worse(c[0], c[1]); got != c[2] {
			t.Errorf("worse(%d, %d) = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

// What the undoing of a run meets with, too, is said once.
func TestSaidOnce(t *testing.T) {
	c, out := testCall(t)
	e := &protocol.LUNError{LUN: "/dev/sda", Err: protocol.ErrNoPath}
	if status := c.Report(errors.Join(e, &protocol.LUNError{LUN: "/dev/sda", Err: protocol.ErrNoPath}, Usagef("x"))); status != words.ExitFailed {
		t.Errorf("exit status %d", status)
	}
	if n := strings.Count(out.String(), "no usable path"); n != 1 {
		t.Errorf("%d times:\n%s", n, out)
	}
}
