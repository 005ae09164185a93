package syslog

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is the socket of a log daemon.
func daemon(t *testing.T) (string, *net.UnixConn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, conn
}

// next is the next line that the daemon gets.
func next(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func open(t *testing.T, path string) *Log {
	t.Helper()
	l, err := Open(path, "pr_start", 4711)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSay(t *testing.T) {
	path, conn := daemon(t)
	l := open(t, path)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l.Say(Notice, now, "action=start result=ok")
	l.Say(Warning, now, "a")
	l.Say(Err, now, "b")
	for _, want := range []string{
		"<29>Jan  2 03:04:05 pr_start[4711]: action=start result=ok",
		"<28>Jan  2 03:04:05 pr_start[4711]: a",
		"<27>Jan  2 03:04:05 pr_start[4711]: b",
	} {
		if got := next(t, conn); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if lost := l.Close(time.Second); lost != 0 {
		t.Errorf("%d lines lost", lost)
	}
	if l.Say(Notice, now, "late"); l.lost != 1 {
		t.Error("a line after the end is not counted")
	}
}

func TestNobodyListens(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), "x", 1); err != unix.ENOENT {
		t.Errorf("no socket: %v", err)
	}
	path, conn := daemon(t)
	conn.Close()
	if _, err := Open(path, "x", 1); err == nil {
		t.Error("nobody listens, and that is no error")
	}
}

// A daemon that does not read holds nobody up. What it reads late comes in
// order, what it does not read is counted.
func TestHungDaemon(t *testing.T) {
	const lines = 3000
	for _, reads := range []bool{false, true} {
		t.Run(fmt.Sprint(reads), func(t *testing.T) {
			path, conn := daemon(t)
			l := open(t, path)
			begin := time.Now()
			for i := range lines {
				l.Say(Notice, begin, fmt.Sprintf("line %d", i))
			}
			// Nobody has read a line so far: whoever waits for that waits for ever.
			if !reads {
				lost := l.Close(50 * time.Millisecond)
				if lost == 0 || lost > lines {
					t.Errorf("%d lines lost", lost)
				}
				return
			}
			got := make(chan string, lines)
			go func() {
				buf := make([]byte, 1<<16)
				for range lines {
					n, err := conn.Read(buf)
					if err != nil {
						close(got)
						return
					}
					got <- string(buf[:n])
				}
			}()
			if lost := l.Close(30 * time.Second); lost != 0 {
				t.Fatalf("%d lines lost", lost)
			}
			for i := range lines {
				if text := <-got; !strings.HasSuffix(text, fmt.Sprintf(": line %d", i)) {
					t.Fatalf("%q in place of line %d", text, i)
				}
			}
		})
	}
}

// More lines than can be kept are counted, not kept.
func TestFullQueue(t *testing.T) {
	path, _ := daemon(t)
	l := open(t, path)
	const more = 100
	for range queued + more + 2000 {
		l.Say(Notice, time.Now(), "x")
	}
	if len(l.queue) > queued {
		t.Errorf("%d lines are kept", len(l.queue))
	}
	if lost := l.Close(0); lost < more {
		t.Errorf("%d lines lost", lost)
	}
}

// A daemon that was started anew gets the lines from then on.
func TestDaemonStartedAnew(t *testing.T) {
	path, conn := daemon(t)
	l := open(t, path)
	l.Say(Notice, time.Now(), "before")
	next(t, conn)
	conn.Close()
	l.Say(Notice, time.Now(), "between")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l.Say(Notice, time.Now(), "after")
	if got := next(t, conn); !strings.HasSuffix(got, ": after") {
		t.Errorf("got %q", got)
	}
	if lost := l.Close(time.Second); lost != 1 {
		t.Errorf("%d lines lost, 1 expected", lost)
	}
}

func TestLine(t *testing.T) {
	for _, c := range [][2]string{
		{"/dev/sda", "/dev/sda"}, {"0xbcb00001,0xbcb00002", "0xbcb00001,0xbcb00002"}, {"", ""},
		{"two words", `"two words"`}, {"a\nb", `"a\nb"`}, {`say "x"`, `"say \"x\""`}, {`a\b`, `"a\\b"`},
		{"a=b", `"a=b"`}, {"\x1b[2J", `"\x1b[2J"`}, {"J\u00e4ck", `"J\u00e4ck"`}, {"\xff", `"\xff"`}, {"\u2028", `"\u2028"`},
		{"x result=ok\nNov 1 host pr_start[1]: action=clear", `"x result=ok\nNov 1 host pr_start[1]: action=clear"`},
		{strings.Repeat("x", longestValue+1), strings.Repeat("x", longestValue) + "..."},
	} {
		var l Line
		l.Add("before", "1")
		l.Add("v", c[0])
		l.Add("after", "2")
		want := "before=1 v=" + c[1] + " after=2"
		if c[1] == "" {
			want = "before=1 after=2"
		}
		if l.String() != want {
			t.Errorf("%q: got %s, want %s", c[0], &l, want)
		}
	}
}

// Whatever a value is, a line is one line of printable letters in which no
// field is to be seen that was not added.
func FuzzLine(f *testing.F) {
	for _, v := range []string{"", "a b=c", "\"", "\\", "\\\"", "\n", "\x00", "\u00a0x=y", "a\" x=\"b"} {
		f.Add(v)
	}
	one := regexp.MustCompile(`^a=1( v=([!#-<>-\[\]-~]+|"([ !#-\[\]-~]|\\.)*"))? z=2$`)
	f.Fuzz(func(t *testing.T, v string) {
		var l Line
		l.Add("a", "1")
		l.Add("v", v)
		l.Add("z", "2")
		if !one.MatchString(l.String()) {
			t.Errorf("%q: %s", v, &l)
		}
	})
}
