package watchdog

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// listen opens a datagram socket; receive gives the next datagram, or "".
func listen(t *testing.T, name string) (receive func() string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() string {
		data := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(data)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		return string(data[:n])
	}
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// The service manager is told over both kinds of sockets, and as often as it
// wants to hear.
func TestNotifier(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@lunguard-test-%d", os.Getpid())} {
		receive := listen(t, socket)
		now := 10 * time.Second
		n := NewNotifier(environment("NOTIFY_SOCKET", socket, "WATCHDOG_USEC", "8000000", "WATCHDOG_PID", strconv.Itoa(os.Getpid())), func() time.Duration { return now })
		n.Tell("READY=1\nSTATUS=x")
		if got := receive(); got != "READY=1\nSTATUS=x" {
			t.Errorf("%s: %q", socket, got)
		}
		told := 0
		for range 40 {
			now += time.Second
			n.Alive()
			if got := receive(); got == "WATCHDOG=1" {
				told++
			} else if got != "" {
				t.Errorf("%q", got)
			}
			if t.Failed() || now > 20*time.Second {
				break
			}
		}
		if told < 5 {
			t.Errorf("alive %d times in 10 s", told)
		}
	}
}

// Nobody to tell, somebody else's watchdog, and nobody who listens: nothing
// happens, and nothing waits.
func TestNotifierNobody(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	receive := listen(t, socket)
	for _, env := range [][]string{
		{}, {"NOTIFY_SOCKET", socket}, {"NOTIFY_SOCKET", socket, "WATCHDOG_USEC", "8000000", "WATCHDOG_PID", "1"},
		{"NOTIFY_SOCKET", socket, "WATCHDOG_USEC", "often"}, {"NOTIFY_SOCKET", socket, "WATCHDOG_USEC", "-1"},
	} {
		NewNotifier(environment(env...), Boottime).Alive()
		if got := receive(); got != "" {
			t.Errorf("%q: %q", env, got)
		}
	}
	NewNotifier(environment("NOTIFY_SOCKET", socket+".not"), Boottime).Tell("READY=1")
	NewNotifier(environment("NOTIFY_SOCKET", strings.Repeat("x", 200)), Boottime).Tell("READY=1")
	// A manager that has stopped reading: to wait for it would have no end.
	full := NewNotifier(environment("NOTIFY_SOCKET", socket), Boottime)
	for range 5000 {
		full.Tell("STATUS=" + strings.Repeat("x", 500))
	}
}

// The alarm lands on console and syslog, or in the kernel's log where nobody
// listens, and a place that cannot be written to does not keep the others.
func TestAlarm(t *testing.T) {
	dir := t.TempDir()
	console, socket, kmsg := filepath.Join(dir, "console"), filepath.Join(dir, "log"), filepath.Join(dir, "kmsg")
	for _, f := range []string{console, kmsg} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raise := func(a Alarm) map[string]error {
		type result struct {
			place string
			err   error
		}
		results := make(chan result, 2)
		a.Raise("pr_watchdog", Deadman, func(place string, err error) { results <- result{place, err} })
		got := map[string]error{}
		for range 2 {
			r := <-results
			got[r.place] = r.err
		}
		return got
	}
	got := raise(Alarm{Console: console, Socket: socket, KernelLog: kmsg})
	if err, ok := got[kmsg]; !ok || err != nil || got[console] != nil {
		t.Errorf("%v", got)
	}
	text, err := os.ReadFile(kmsg)
	if want := "<26>pr_watchdog: DEADMAN: Time expired, initiating system restart.\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
	if text, err = os.ReadFile(console); err != nil || !strings.Contains(string(text), "\nDEADMAN: Time expired, initiating system restart.\r\n") {
		t.Errorf("%q, %v", text, err)
	}
	receive := listen(t, socket)
	if got = raise(Alarm{Console: console + ".not", Socket: socket}); !errors.Is(got[console+".not"], fs.ErrNotExist) || got[socket] != nil {
		t.Errorf("%v", got)
	}
	if want := fmt.Sprintf("<24>pr_watchdog[%d]: %s", os.Getpid(), Deadman); receive() != want {
		t.Error("the system's log has something else")
	}
	Alarm{}.Raise("x", Deadman, func(string, error) { t.Error("an alarm that goes nowhere went somewhere") })
}
