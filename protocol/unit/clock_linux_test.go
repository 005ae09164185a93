package unit

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The kernel's /proc/uptime is CLOCK_BOOTTIME, cut to hundredths. Where a sandbox
// has one of its own, nothing can be compared.
func TestUptime(t *testing.T) {
	read := func() time.Duration {
		text, err := os.ReadFile("/proc/uptime")
		if err != nil {
			t.Skip(err)
		}
		seconds, _, _ := strings.Cut(string(text), " ")
		d, err := time.ParseDuration(seconds + "s")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	before, got, after := read(), Uptime(), read()
	if got < before || got > after+10*time.Millisecond {
		t.Errorf("%v, and the kernel says %v to %v", got, before, after)
	}
}

// TestUptimeSuspended is TestUptime on a machine that was suspended for ten days:
// in a time namespace that says so.
func TestUptimeSuspended(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	suspended := func(command ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "unshare", append([]string{"--user", "--map-root-user", "--time", "--boottime", "864000"}, command...)...)
	}
	if out, err := suspended("true").CombinedOutput(); err != nil {
		t.Skipf("no time namespace: %v %s", err, out)
	}
	if out, err := suspended(self, "-test.run=^TestUptime$").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
