package runpkg

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// shell runs a script of a world, with a limit of time.
func (w *world) shell(limit time.Duration, script string) error {
	w.t.Helper()
	w.write("script", "#!/bin/sh\n"+script+"\n", 0o755)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return w.r.runScript(ctx, w.path("script"), Start)
}

// pid reads a number that a script has left.
func (w *world) pid(name string) int {
	w.t.Helper()
	text, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func running(pid int) bool {
	p, err := readProcess(pid)
	return err == nil && !p.ended
}

const long = time.Minute

// A script that leaves a child which keeps its output open holds nobody up,
// and the child stays.
func TestLeavesChild(t *testing.T) {
	w := newWorld(t, packageConfig)
	if err := w.shell(long, `sleep 1000 & echo $! >"$FAKE/pid"; echo done`); err != nil {
		t.Fatal(err)
	}
	pid := w.pid("pid")
	defer unix.Kill(pid, unix.SIGKILL)
	if !running(pid) {
		t.Error("it was waited for, or killed")
	}
	w.wantLog("done\n")
}

// What hangs is killed with its children, even if they do not listen to
// SIGTERM or have a process group of their own.
func TestKillsAll(t *testing.T) {
	for name, script := range map[string]string{
		"plain":           `sleep 1000`,
		"deaf":            `trap '' TERM; sleep 1000`,
		"child":           `sleep 1000 & echo $! >"$FAKE/pid"; wait`,
		"deaf child":      `sh -c 'trap "" TERM; echo $$ >"$FAKE/pid"; while :; do sleep 1; done' & trap 'exit 0' TERM; wait`,
		"group":           `set -m; sleep 1000 & echo $! >"$FAKE/pid"; set +m; wait`,
		"leader has left": `(trap "" TERM; echo $$ >/dev/null; sleep 1000) & echo $! >"$FAKE/pid"; exec sleep 1000`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, packageConfig)
			w.r.Grace = 30 * time.Millisecond
			err := w.shell(50*time.Millisecond, script)
			var killed *KilledError
			if !errors.As(err, &killed) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			// A slow machine may not have come so far.
			if w.file("pid") != "" && running(w.pid("pid")) {
				unix.Kill(w.pid("pid"), unix.SIGKILL)
				t.Error("its child runs")
			}
		})
	}
}

// What a process of ours that was killed has left running is ended before a
// halt.
func TestEndsWhatWasLeft(t *testing.T) {
	w := newWorld(t, packageConfig)
	w.will("app1 start", `(setsid sleep 1000 &); touch "$FAKE/here"; sleep 1000`)
	left, err := newRecord(w.r.State.boot, "app1 start")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(w.path("app1"), "start")
	cmd.Env = append(w.r.environment(Start), tokenVariable+"="+left.Token)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	eventually(t, "it runs", func() bool { return exists(w.path("here")) })
	if err := errors.Join(w.r.State.set(Starting), save(w.r.State.commandPath(left.Token), left)); err != nil {
		t.Fatal(err)
	}
	w.trace()
	if err := w.r.Halt(context.Background()); err != nil {
		t.Fatal(err)
	}
	if list, err := left.processes(); err != nil || len(list) > 0 {
		t.Errorf("%v are left, %v", list, err)
	}
	w.wantTrace(strings.NewReplacer("umount DIR/fs/b\n", "", "umount DIR/fs/a\n", "").Replace(halted))
	w.wantPhase(Down)
	if exists(w.r.State.commandPath(left.Token)) {
		t.Error("still recorded")
	}
}

// SIGKILL is sent until nothing is left; what stays is named.
func TestStuck(t *testing.T) {
	w := newWorld(t, packageConfig)
	calls := 0
	list := func() ([]process, error) {
		if calls++; calls == 2 || calls > 3 {
			return nil, nil
		}
		return []process{{identity: identity{PID: 1 << 22, Start: 1}}}, nil
	}
	if err := w.r.await("x", list, 0); err != nil || calls != 5 {
		t.Errorf("%v, %d calls", err, calls)
	}
	if err := stuck("x", []process{{identity: identity{1, 1}}, {identity: identity{2, 1}}}).Error(); err != "x: cannot be killed, processes 1 2 are left" {
		t.Error(err)
	}
}

func TestLogName(t *testing.T) {
	for setting, want := range map[string]string{
		"": "/logs/pkg1.log", "script_log_file $FAKE/$SG_PACKAGE.log": "DIR/pkg1.log", "script_log_file /x/y": "/x/y",
		"script_log_file $PACKAGE/x": "", "script_log_file $NOSUCH/x": "",
	} {
		w := newWorld(t, packageConfig+setting+"\n")
		got, named, err := w.r.LogName("/logs")
		if strings.ReplaceAll(got, w.dir, "DIR") != want || (err != nil) != (want == "") || named != (setting != "") {
			t.Errorf("%q: %q, %v, %v", setting, got, named, err)
		}
	}
}

func TestExitErrors(t *testing.T) {
	w := newWorld(t, packageConfig)
	for script, want := range map[string]string{
		"exit 3":        "script start: exit status 3",
		"kill -KILL $$": "script start: killed by signal 9 (killed)",
	} {
		err := w.shell(long, script)
		if err == nil || strings.TrimPrefix(err.Error(), w.dir+"/") != want {
			t.Errorf("%s: %v", script, err)
		}
	}
	ctx := context.Background()
	env := w.r.environment(Start)
	for _, argv := range [][]string{{"/no/such/program"}, {"nosuchprogram"}, {w.path("do")}} {
		if err := w.r.run(ctx, argv, env); err == nil {
			t.Errorf("%v: no error", argv)
		}
	}
}

// Scripts read nothing from our input and stand in no folder of ours.
func TestSurroundings(t *testing.T) {
	w := newWorld(t, packageConfig)
	if err := w.shell(long, "pwd; read -r x && echo read; exec ls /proc/self/fd"); err != nil {
		t.Fatal(err)
	}
	// The last one is the folder that ls reads.
	if got := w.log(); got != "/\n0\n1\n2\n3\n" {
		t.Errorf("%q", got)
	}
}

// Values reach scripts as they are.
func TestEnvironment(t *testing.T) {
	odd := "a \"b\" 'c' $HOME `id` $(id) \\n ; * # é"
	w := newWorld(t, packageConfig+"pev_odd \""+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(odd)+"\"\npev_empty \"\"\n")
	for i, s := range w.r.Package.Settings {
		if s.Name == "pev_empty" {
			// No file can have it, but a name and = in a value, and lines.
			w.r.Package.Settings[i].Value = "one\ntwo=PACKAGE=x\n"
		}
	}
	w.r.Env = append(w.r.Env, "SG_PACKAGE=other", "SG_HALT_REASON=failure", "LUNGUARD_TOKEN=x", "SGCONF=/conf", "PACKAGE=other", "NODE=")
	for _, a := range []Action{Start, Stop} {
		env := w.r.environment(a)
		want := map[string]string{
			"PACKAGE": "pkg1", "NODE": "jack3", "SG_PACKAGE": "pkg1", "SG_PACKAGE_NAME": "pkg1", "SG_NODE": "jack3",
			"SG_SCRIPT_ACTION": string(a), "SG_SCRIPT_LOG_FILE": w.path("log"), "PEV_ODD": odd, "PEV_EMPTY": "one\ntwo=PACKAGE=x\n",
			"SGCONF": "/conf", "FAKE": w.dir, "GORACE": "atexit_sleep_ms=0", "PATH": w.dir + ":/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin",
		}
		if a == Stop {
			want["SG_HALT_REASON"] = "user_halt"
		}
		got := map[string]string{}
		for _, v := range env {
			name, value, _ := strings.Cut(v, "=")
			if _, twice := got[name]; twice {
				t.Errorf("%s is there twice", name)
			}
			got[name] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", a, diff)
		}
	}
	if err := w.shell(long, `printf '%s|' "$PEV_ODD" "$PEV_EMPTY"`); err != nil {
		t.Fatal(err)
	}
	if got, want := w.log(), odd+"|one\ntwo=PACKAGE=x\n|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFullPath(t *testing.T) {
	if got := fullPath(".::bin:/opt/x:/bin"); got != "/opt/x:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin" {
		t.Error(got)
	}
}

func TestParseProcess(t *testing.T) {
	for text, want := range map[string]process{
		"7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20": {identity: identity{7, 777}, group: 2, session: 3},
		"7 (x) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777":           {identity: identity{7, 777}, group: 2, session: 3, ended: true},
	} {
		got, err := parseProcess(7, text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "7 (x", "7 (x) S", "7 (x) S 1 a 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"} {
		if _, err := parseProcess(7, text); !errors.Is(err, errStat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A process of the same number but another start time is another process.
func TestIdentity(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	p, err := readProcess(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	other := p.identity
	other.Start++
	if other.alive() || !p.alive() {
		t.Error("taken for another")
	}
	if err := other.kill(unix.SIGKILL); err != nil || !p.alive() {
		t.Errorf("killed, %v", err)
	}
	if err := p.kill(unix.SIGKILL); err != nil {
		t.Error(err)
	}
	eventually(t, "killed", func() bool { return !p.alive() })
	if err := (identity{PID: 1 << 30, Start: 1}).kill(unix.SIGKILL); err != nil && !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
}
