package runpkg

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/cluster"
)

// serve starts a service of a world and makes sure that it ends.
func (w *world) serve(s cluster.Service) error {
	w.t.Helper()
	w.t.Cleanup(func() {
		if rec, _, err := readRecord(w.r, s.Name); err == nil && rec != nil {
			if err := w.r.stopService(context.Background(), cluster.Service{Name: s.Name}); err != nil {
				w.t.Error(err)
			}
		}
	})
	return w.r.startService(context.Background(), s)
}

func (w *world) mustServe(s cluster.Service) {
	w.t.Helper()
	if err := w.serve(s); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) record(name string) *record {
	w.t.Helper()
	rec, _, err := readRecord(w.r, name)
	if err != nil || rec == nil {
		w.t.Fatalf("%v, %v", rec, err)
	}
	return rec
}

// halt stops a service and checks that nothing of it is left.
func (w *world) halt(s cluster.Service) {
	w.t.Helper()
	rec := w.record(s.Name)
	if err := w.r.stopService(context.Background(), s); err != nil {
		w.t.Fatal(err)
	}
	if left, err := rec.processes(); err != nil || len(left) > 0 {
		w.t.Errorf("%v are left, %v", left, err)
	}
	if rec, _, err := readRecord(w.r, s.Name); err != nil || rec != nil {
		w.t.Errorf("still recorded: %v, %v", rec, err)
	}
}

func (w *world) file(name string) string {
	text, _ := os.ReadFile(w.path(name))
	return string(text)
}

// A service runs with the package: it is started by one process and halted by
// another, gets SIGTERM once, and has its time to end.
func TestServiceLife(t *testing.T) {
	w := newWorld(t, packageConfig+"pev_x y\n"+`service_name s1
service_cmd "trap 'echo term >>$FAKE/ended; sleep 0.02; echo over >>$FAKE/ended; exit 0' TERM; echo \"$SG_PACKAGE $PEV_X\"; touch $FAKE/up; while :; do sleep 0.01; done"
service_halt_timeout 60
`)
	if err := w.r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	rec := w.record("s1")
	eventually(t, "it runs", func() bool { return exists(w.path("up")) })
	w.wantLog("\npkg1 y\n")
	p, err := readProcess(rec.Child.PID)
	if err != nil || p.session != rec.Supervisor.PID || p.session == os.Getpid() || p.group != rec.Child.PID {
		t.Errorf("%+v, %v; %+v", p, err, rec)
	}
	if got := w.r.Ended(); len(got) > 0 {
		t.Errorf("%q", got)
	}
	w.trace()
	w.reopen()
	if err := w.r.Halt(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.wantTrace(halted)
	if got := w.file("ended"); got != "term\nover\n" {
		t.Errorf("%q", got)
	}
	w.wantPhase(Down)
	// Once more there is nothing to do.
	if err := w.r.Halt(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A service hears SIGHUP, whatever ours do with it.
func TestServiceHears(t *testing.T) {
	w := newWorld(t, packageConfig)
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	s := cluster.Service{Name: "s1", Command: "trap 'echo hup; exit 7' HUP; touch $FAKE/up; while :; do sleep 0.01; done"}
	w.mustServe(s)
	eventually(t, "it runs", func() bool { return exists(w.path("up")) })
	for _, id := range []identity{w.record("s1").Supervisor, w.record("s1").Child} {
		if err := id.kill(unix.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it has ended", func() bool { return w.record("s1").Ended == "exit status 7" })
	w.wantLog("hup\n")
}

// It is killed with everything that it has started: what is deaf, what has a
// group or a session of its own, what has closed its streams.
func TestServiceKilled(t *testing.T) {
	for name, command := range map[string]string{
		"at once": "sleep 1000",
		"deaf":    "trap '' TERM; touch $FAKE/up; while :; do sleep 0.1; done",
		"group":   "set -m; sleep 1000 & sleep 1000",
		"session": "setsid sleep 1000 & sleep 1000",
		"daemon":  "(setsid sleep 1000 >/dev/null 2>&1 </dev/null &) ; exec sleep 1000",
		"env":     "env -i sleep 1000 & wait",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, packageConfig)
			s := cluster.Service{Name: "s1", Command: command}
			w.mustServe(s)
			if name == "deaf" {
				s.HaltTimeout = 30 * time.Millisecond
				eventually(t, "it runs", func() bool { return exists(w.path("up")) })
			}
			w.halt(s)
		})
	}
}

func TestServiceRestarts(t *testing.T) {
	for _, restarts := range []int{0, 2} {
		w := newWorld(t, packageConfig)
		s := cluster.Service{Name: "s1", Command: "echo x >>$FAKE/ran; sleep 1000 & exit 3", Restarts: restarts}
		w.mustServe(s)
		eventually(t, "it has ended", func() bool { return w.record("s1").Ended != "" })
		rec := w.record("s1")
		if rec.Ended != "exit status 3" || rec.Restarted != restarts || strings.Count(w.file("ran"), "x") != restarts+1 {
			t.Errorf("%+v, %q", rec, w.file("ran"))
		}
		// What it has left before a restart is gone, what it left at the end is
		// for the halt.
		if left, err := rec.others(); err != nil || len(left) != 1 {
			t.Errorf("%v are left, %v", left, err)
		}
		w.wantLog("\tERROR:  Function service_monitor\n\tERROR:  Service s1 has ended (exit status 3) and is not started again; package pkg1 stays up without it\n")
		if !rec.Supervisor.alive() {
			t.Error("nobody stays with it")
		}
		w.halt(s)
	}
	// With nothing left the supervisor ends, too.
	w := newWorld(t, packageConfig)
	s := cluster.Service{Name: "s1", Command: "exit 0"}
	w.mustServe(s)
	eventually(t, "its supervisor has ended", func() bool { rec := w.record("s1"); return rec.Ended != "" && !rec.Supervisor.alive() })
	w.halt(s)
	// For ever, and halted in the middle of it.
	w = newWorld(t, packageConfig)
	s = cluster.Service{Name: "s1", Command: "echo x >>$FAKE/ran", Restarts: -1, HaltTimeout: time.Minute}
	w.mustServe(s)
	eventually(t, "it has ended often", func() bool { return strings.Count(w.file("ran"), "x") > 5 })
	w.halt(s)
	n := w.file("ran")
	time.Sleep(20 * time.Millisecond)
	if w.file("ran") != n {
		t.Error("it was started again")
	}
}

// The supervisor is killed: the service is found all the same.
func TestSupervisorKilled(t *testing.T) {
	w := newWorld(t, packageConfig+"service_name s1\nservice_cmd x\nservice_name s2\nservice_cmd \"sleep 1\"\n")
	s := cluster.Service{Name: "s1", Command: "env -i sleep 1000 & sleep 1000"}
	w.mustServe(s)
	rec := w.record("s1")
	eventually(t, "all run", func() bool { list, _ := rec.processes(); return len(list) == 4 })
	if err := rec.Supervisor.kill(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "killed", func() bool { return !rec.Supervisor.alive() })
	if got := strings.Join(w.r.Ended(), "; "); got != "s1: nothing looks after it any more; s2: was not started" {
		t.Errorf("%q", got)
	}
	if err := w.serve(s); err == nil || !strings.Contains(err.Error(), "of an earlier start still runs") {
		t.Errorf("%v", err)
	}
	w.halt(s)
}

// The numbers of a record have been given to others meanwhile: those are left
// alone.
func TestServiceNumbersReused(t *testing.T) {
	other := exec.Command("sleep", "1000")
	other.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	p, err := readProcess(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, rec := range map[string]record{
		"supervisor":  {Supervisor: identity{p.PID, p.Start - 1}},
		"child":       {Supervisor: identity{p.PID, p.Start - 1}, Child: identity{p.PID, p.Start + 1}},
		"other boot":  {Supervisor: p.identity, Child: p.identity, Boot: "other"},
		"not started": {},
	} {
		w := newWorld(t, packageConfig)
		_, path, err := readRecord(w.r, "s1")
		if err != nil {
			t.Fatal(err)
		}
		if rec.Boot == "" {
			rec.Boot = w.r.State.boot
		}
		rec.Token = "none of them"
		if err := save(path, rec); err != nil {
			t.Fatal(err)
		}
		if err := w.r.stopService(context.Background(), cluster.Service{Name: "s1"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !p.alive() {
			t.Fatalf("%s: another process was killed", name)
		}
		if exists(path) {
			t.Errorf("%s: still recorded", name)
		}
	}
}

// A service that does not start fails the start, which is undone.
func TestServiceDoesNotStart(t *testing.T) {
	w := newWorld(t, packageConfig+"service_name s1\nservice_cmd \"sleep 1000\"\nservice_name s2\nservice_cmd \"sleep 1\"\n")
	w.r.Supervisor = []string{"/bin/sh", "sh", "-c", `case $0 in *s2) echo -n no >&3; exit 1 ;; esac; exec "` + w.r.Supervisor[0] + `" --supervise "$0"`}
	err := w.r.Start(context.Background())
	var bad *ServiceError
	if !errors.As(err, &bad) || bad.Error() != "service s2: it could not be started: no" {
		t.Errorf("%v", err)
	}
	w.wantTrace(started + halted)
	w.wantPhase(Down)
	if got := strings.Join(w.r.Ended(), "; "); got != "s1: was not started; s2: was not started" {
		t.Errorf("%q", got)
	}

	// One that hangs is given up when the time is over.
	w.r.Supervisor = []string{"/bin/sh", "sh", "-c", "sleep 1000 # "}
	ctx, cancel := context.WithTimeoutCause(context.Background(), 30*time.Millisecond, errPlanned)
	defer cancel()
	s := w.r.Package.Services()[0]
	if err := w.r.startService(ctx, s); !errors.Is(err, errPlanned) {
		t.Errorf("%v", err)
	}
	w.halt(s)

	// One that cannot even be run.
	w.r.Supervisor = []string{"/no/such/file", "x"}
	if err := w.r.startService(context.Background(), s); err == nil {
		t.Error("no error")
	}
}

func TestSuperviseErrors(t *testing.T) {
	w := newWorld(t, packageConfig)
	cmd := exec.Command(w.r.Supervisor[0], "--supervise", w.path("nosuch"))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "no such file") {
		t.Errorf("%v: %s", err, out)
	}
}
