package deadman

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/watchdog"
	"lunguard/commands/words"
	"lunguard/pr"
)

// Lines that nobody takes are counted and never waited for.
func TestLineQueue(t *testing.T) {
	reader, writer := io.Pipe()
	q := newLineQueue()
	const lines = queuedLines + 100
	for i := range lines {
		q.say(writer, "line %d\nof two", i)
	}
	// One is in the hands of the printer, or about to be.
	buf := make([]byte, 64)
	n, err := reader.Read(buf)
	if err != nil || string(buf[:n]) != "line 0; of two\n" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	var rest strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&rest, reader)
	}()
	for len(q.lines) > 0 {
		runtime.Gosched()
	}
	q.say(writer, "last")
	q.close()
	q.say(writer, "too late")
	q.close()
	writer.Close()
	<-read
	if text := rest.String(); !strings.HasSuffix(text, " lines were lost)\nlast\n") {
		t.Errorf("ends with %q", text[max(0, len(text)-100):])
	}
}

// The end waits no longer than it may for somebody to read.
func TestLineQueueEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLineQueue()
		reader, stuck := io.Pipe()
		q.say(stuck, "nobody reads this")
		start := time.Now()
		if q.close(); time.Since(start) != flushLimit {
			t.Errorf("the end took %v", time.Since(start))
		}
		reader.Close()
	})
}

// Every failure of the device has words, and what can be done.
func TestWatchdogWords(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		hint   string
	}{
		{watchdog.ErrNotWatchdog, words.ExitNode, "load the driver"},
		{syscall.ENOENT, words.ExitNode, "load the driver"},
		{watchdog.ErrInUse, words.ExitNode, "another pr_watchdog"},
		{watchdog.ErrArmed, words.ExitNode, "the kernel restarts this node"},
		{watchdog.ErrAlarmOnly, words.ExitNode, "-w"},
		{fmt.Errorf("%w of 10s, it has 60s", watchdog.ErrTimeout), words.ExitNode, "--watchdog-timeout"},
		{errors.Join(watchdog.ErrTimeout, watchdog.ErrStillArmed), words.ExitNode, "the kernel restarts this node unless"},
		{syscall.EACCES, words.ExitFailed, "root"},
		{syscall.EIO, words.ExitNode, ""},
	} {
		m := words.Of(watchdogWords(&watchdog.DeviceError{Device: "/dev/watchdog", Err: c.err}))
		if m.Status != c.status || !strings.Contains(m.Hint, c.hint) || (c.hint == "") != (m.Hint == "") || !strings.HasPrefix(m.Text(), "/dev/watchdog: ") {
			t.Errorf("%v: %+v", c.err, m)
		}
	}
	if err := watchdogWords(nil); err != nil {
		t.Error(err)
	}
}

// The watch logs what people are told of it, and severities as they matter.
func TestWatchLogged(t *testing.T) {
	var out bytes.Buffer
	c := front.NewCall(t.Context(), Applet(), front.Streams{Out: &out, Err: &out}, func(string) string { return "" })
	if err := c.Parse(Applet().Flags, []string{"--log=stderr", "--"}, func(*front.Call) error { return nil }); err != nil {
		t.Fatal(err)
	}
	d := &deadman{Call: c, node: cluster.Node{Name: "jack3", Key: 1}}
	for kind, want := range map[watchdog.Kind]string{
		watchdog.Gone: "key-gone", watchdog.Back: "key-back", watchdog.Unknown: "lun-unknown", watchdog.Known: "lun-known",
		watchdog.Expired: "deadman", watchdog.Empty: "keys-lost", watchdog.NotFed: "feed-failed", watchdog.Fed: "feed-works",
		watchdog.Holders: "", watchdog.PathFailed: "", watchdog.PathBack: "", watchdog.Late: "",
	} {
		what, ok := d.logged(kind)
		if string(what) != want || ok != (want != "") {
			t.Errorf("%s is %s", kind, what)
			continue
		}
		if !ok {
			continue
		}
		out.Reset()
		d.record(what, &watchdog.Event{Kind: kind, LUN: "/dev/sda", Reading: watchdog.Reading{Keys: []pr.Key{2}}}, nil)
		state := map[string]string{"key-gone": " state=failed", "keys-lost": " state=unprotected", "key-back": " state=up", "lun-known": " state=up", "lun-unknown": " state=unknown"}[want]
		if got := out.String(); got != "pr_watchdog: action="+want+" node=jack3 key=0x1 dev=/dev/sda"+state+" holders=0x2\n" {
			t.Errorf("got %s", got)
		}
	}
}
