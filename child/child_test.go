package child

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const long = time.Hour

// sh runs a script, which finds a folder of its own.
func sh(t *testing.T, ctx context.Context, limit time.Duration, dir, script string) (Answer, error) {
	t.Helper()
	return Run(ctx, limit, []string{"PATH=/usr/bin:/bin", "DIR=" + dir}, "/bin/sh", "-c", script)
}

func TestRun(t *testing.T) {
	a, err := sh(t, t.Context(), long, "", "echo out; echo err >&2; cat; [ -z \"$HOME\" ]")
	if err != nil || string(a.Out) != "out\n" || string(a.Err) != "err\n" {
		t.Errorf("%q, %q, %v", a.Out, a.Err, err)
	}
	var exit *exec.ExitError
	if a, err = sh(t, t.Context(), long, "", "echo why >&2; exit 5"); !errors.As(err, &exit) || exit.ExitCode() != 5 || string(a.Err) != "why\n" {
		t.Errorf("%q, %v", a.Err, err)
	}
	if _, err := Run(t.Context(), long, nil, "no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v", err)
	}
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := sh(t, ctx, long, "", "true"); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if got := Lines([]byte("\n  one\n two  \n\n")); strings.Join(got, ",") != "one,two" {
		t.Errorf("%q", got)
	}
}

// hang writes down the numbers of two processes and waits for ever.
const hang = `sleep 1000 & echo $! >$DIR/two; echo $$ >$DIR/one; mv $DIR/one $DIR/first; wait`

// pid is the process whose number is in a file.
func pid(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// awaitEnd returns when both processes have ended: they were killed, or it never does.
func awaitEnd(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"first", "two"} {
		for n := pid(t, filepath.Join(dir, name)); ; time.Sleep(time.Millisecond) {
			// Who has no parent any more may wait to be reaped.
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(n) + "/stat")
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
		}
	}
}

// A program that hangs is killed when its time is over, with its children.
func TestRunHangs(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(dir, "first")); err == nil {
				cancel(why)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := sh(t, ctx, long, dir, hang); !errors.Is(err, why) {
		t.Errorf("taken back: %v", err)
	}
	awaitEnd(t, dir)
	var hung *HungError
	if _, err := sh(t, t.Context(), time.Millisecond, t.TempDir(), "while :; do sleep 1000; done"); !errors.As(err, &hung) || hung.PID != 0 {
		t.Errorf("after its time: %v", err)
	}
}

// What a program leaves behind is killed, and keeps nobody waiting.
func TestRunLeaves(t *testing.T) {
	dir := t.TempDir()
	a, err := sh(t, t.Context(), long, dir, `sleep 1000 & echo $! >$DIR/two; echo $$ >$DIR/first; echo done`)
	if err != nil || string(a.Out) != "done\n" {
		t.Errorf("%q, %v", a.Out, err)
	}
	awaitEnd(t, dir)
	// One that has left the session is not ours to kill, but nobody waits for it.
	a, err = sh(t, t.Context(), long, dir, `setsid sleep 1000 & echo $! >$DIR/two; echo done`)
	if err != nil || string(a.Out) != "done\n" {
		t.Errorf("%q, %v", a.Out, err)
	}
	if err := unix.Kill(pid(t, filepath.Join(dir, "two")), unix.SIGKILL); err != nil {
		t.Error(err)
	}
}
