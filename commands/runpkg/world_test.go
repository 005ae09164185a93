package runpkg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lunguard/cluster"
)

// TestMain makes the test binary be the supervisor of services, too.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	if len(os.Args) == 3 && os.Args[1] == "--supervise" {
		if err := Supervise(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fake is every program and script of the tests. It writes down how it was
// called, and does what the file "do" says for such a call: exit with a status,
// or something of its own.
const fake = `#!/bin/sh
name=${0##*/}
echo "$name${1:+ }$*" >>"$FAKE/trace"
while IFS== read -r call what; do
	[ "$call" = "$name${1:+ }$*" ] || continue
	case $what in
	once) [ -e "$FAKE/once" ] && break; : >"$FAKE/once"; exit 1 ;;
	[0-9]*) exit "$what" ;;
	*) eval "$what" ;;
	esac
done <"$FAKE/do"
case $name in
mount) for dir; do :; done; echo "1 1 1:1 / $dir rw - ext4 /dev/x rw" >>"$FAKE/mounts" ;;
umount) for dir; do :; done; grep -v " $dir " "$FAKE/mounts" >"$FAKE/mounts.new"; mv "$FAKE/mounts.new" "$FAKE/mounts" ;;
esac
exit 0
`

// world is a host with such programs.
type world struct {
	t   *testing.T
	dir string
	r   *Runner
}

// packageConfig has two of everything. DIR is the folder of the fakes.
const packageConfig = `CLUSTER_PR_TAG bcb0
NODE_NAME jack3
NODE_ID 1
package_name pkg1
vg vg1
vg vg2
external_pre_script DIR/pre1
external_pre_script DIR/pre2
fs_name /dev/vg1/a
fs_directory DIR/fs/a
fs_type ext4
fs_mount_opt "-o rw"
fs_fsck_opt "-p"
fs_name /dev/vg2/b
fs_directory DIR/fs/b
external_script DIR/app1
external_script DIR/app2
`

func newWorld(t *testing.T, config string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	for _, name := range []string{"vgchange", "mount", "umount", "fsck", "pre1", "pre2", "app1", "app2", "run", "halt"} {
		w.write(name, fake, 0o755)
	}
	for _, name := range []string{"fs/a", "fs/b"} {
		if err := os.MkdirAll(w.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"do", "trace", "mounts"} {
		w.write(name, "", 0o600)
	}
	conf, err := cluster.ParseConfig(strings.NewReader(strings.ReplaceAll(config, "DIR", w.dir)), "config")
	if err != nil {
		t.Fatal(err)
	}
	w.r = &Runner{
		Package: &conf.Packages[0], Node: "jack3",
		Env:     []string{"PATH=" + w.dir + ":/usr/bin:/bin", "FAKE=" + w.dir, "GORACE=atexit_sleep_ms=0"},
		Reserve: func(context.Context) error { return w.call("reserve") },
		Release: func(context.Context) error { return w.call("release") },
		Mounts:  w.mounted,
		Grace:   100 * time.Millisecond, Pause: time.Millisecond,
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.r.Supervisor = []string{self, "supervisor", "--supervise"}
	w.r.LogFile = w.path("log")
	if w.r.Log, err = OpenLog(w.r.LogFile, "jack3", false); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	t.Cleanup(func() { w.r.Log.Close() })
	return w
}

// mounted lists what the fake mount has mounted.
func (w *world) mounted() ([]string, error) {
	text, err := os.ReadFile(w.path("mounts"))
	var dirs []string
	for line := range strings.Lines(string(text)) {
		dirs = append(dirs, strings.Fields(line)[4])
	}
	return dirs, err
}

// reopen opens the state as another process would.
func (w *world) reopen() {
	w.t.Helper()
	if w.r.State != nil {
		w.r.State.Close()
	}
	var err error
	if w.r.State, err = OpenState(w.path("state"), "pkg1"); err != nil {
		w.t.Fatal(err)
	}
	state := w.r.State
	w.t.Cleanup(func() { state.Close() })
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string, mode os.FileMode) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
}

// will says what a call does from now on.
func (w *world) will(call, what string) { w.write("do", call+"="+what+"\n", 0o600) }

var errPlanned = errors.New("planned")

// call is a call of a function.
func (w *world) call(name string) error {
	f, err := os.OpenFile(w.path("trace"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintln(f, name)
	plan, err := os.ReadFile(w.path("do"))
	if err == nil && strings.HasPrefix(string(plan), name+"=") {
		return errPlanned
	}
	return err
}

// trace is what was called since it was last asked for.
func (w *world) trace() string {
	w.t.Helper()
	text, err := os.ReadFile(w.path("trace"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("trace", "", 0o600)
	return strings.ReplaceAll(string(text), w.dir, "DIR")
}

func (w *world) log() string {
	w.t.Helper()
	text, err := os.ReadFile(w.path("log"))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), w.dir, "DIR")
}

func (w *world) wantPhase(want Phase) {
	w.t.Helper()
	if got, err := Peek(w.path("state"), "pkg1"); err != nil || got != want {
		w.t.Errorf("phase %s, %v; %s expected", got, err, want)
	}
}

func (w *world) wantTrace(want string) {
	w.t.Helper()
	if got := w.trace(); got != want {
		w.t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func (w *world) wantLog(want string) {
	w.t.Helper()
	if got := w.log(); !strings.Contains(got, want) {
		w.t.Errorf("the log lacks %q:\n%s", want, got)
	}
}

// eventually waits for something that another process does.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not: " + what)
		}
	}
}
