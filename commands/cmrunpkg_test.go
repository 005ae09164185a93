package commands

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/words"
)

// packageRig is a rig whose package has scripts that are watched.
type packageRig struct {
	*rig
	bin string
}

func newPackageRig(t *testing.T, more string) *packageRig {
	t.Helper()
	r := &packageRig{rig: newRig(t, 2, 1), bin: t.TempDir()}
	for name, script := range map[string]string{"vgchange": "tool.sh", "pre": "tool.sh", "app": "tool.sh", "app.sh": "app.sh"} {
		text, err := os.ReadFile(filepath.Join("testdata", "scripts", script))
		if err == nil {
			err = os.WriteFile(filepath.Join(r.bin, name), text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r.will("")
	conf := scriptConfig + strings.ReplaceAll(more, "BIN", r.bin)
	if err := os.WriteFile(r.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.wait(r.command("jack3", "cmhaltpkg", "pkg1")) })
	return r
}

func (r *packageRig) path(name string) string { return filepath.Join(r.bin, name) }

// will says what a call does from now on.
func (r *packageRig) will(line string) {
	r.t.Helper()
	if err := os.WriteFile(r.path("do"), []byte(line+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// command prepares a command with the scripts in reach.
func (r *packageRig) command(host string, argv ...string) *exec.Cmd {
	cmd, _ := r.process(host, argv...)
	cmd.Stderr = nil
	cmd.Env = append(cmd.Env, "PATH="+r.bin+":"+os.Getenv("PATH"), "DO="+r.path("do"), "TRACE="+r.path("trace"), "HERE="+r.path("here"))
	return cmd
}

// wait runs a command to its end.
func (r *packageRig) wait(cmd *exec.Cmd) (status int, text string) {
	r.t.Helper()
	out, err := cmd.CombinedOutput()
	return exitOf(r.t, err), string(out)
}

func (r *packageRig) phase(host string) runpkg.Phase {
	r.t.Helper()
	p, err := runpkg.Peek(filepath.Join(r.dir, host, "run", "packages"), "pkg1")
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// until starts a command and waits until a script says that it is there.
func (r *packageRig) until(cmd *exec.Cmd) {
	r.t.Helper()
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		if err := os.Remove(r.path("here")); err == nil {
			return
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			r.t.Fatal("the script was not run")
		}
	}
}

// hang is what a script does that never ends.
const hang = `: >$HERE; sleep 60`

// A signal ends a start: what is running is killed, the rest undone, and the
// exit status is that of the signal. Later ones change nothing.
func TestRunSignal(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		r := newPackageRig(t, "external_script BIN/app\npackage_name pkg2\n")
		r.will("app start=" + hang)
		cmd := r.command("jack3", "cmrunpkg", "pkg1", "pkg2")
		var text strings.Builder
		cmd.Stderr = &text
		r.until(cmd)
		r.wantOwner(keyJack3)
		for range 3 {
			if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
		if got := exitOf(t, cmd.Wait()); got != want {
			t.Errorf("%v: exit status %d", sig, got)
		}
		r.wantOwner(words.None)
		if p := r.phase("jack3"); p != runpkg.Down {
			t.Errorf("%v: %s", sig, p)
		}
		if got := text.String(); !strings.Contains(got, "killed: ended by "+front.SignalName(sig)) || !strings.Contains(got, "not begun after the signal: package pkg2\n") {
			t.Errorf("%v:\n%s", sig, got)
		}
	}
}

// A signal ends a halt, too; what is left of the package stays protected.
func TestHaltSignal(t *testing.T) {
	r := newPackageRig(t, "external_script BIN/app\n")
	if status, text := r.wait(r.command("jack3", "cmrunpkg", "pkg1")); status != words.ExitOK {
		t.Fatal(text)
	}
	r.will("app stop=" + hang)
	cmd := r.command("jack3", "cmhaltpkg", "pkg1")
	r.until(cmd)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := exitOf(t, cmd.Wait()); got != 143 {
		t.Errorf("exit status %d", got)
	}
	r.wantOwner(keyJack3)
	if p := r.phase("jack3"); p != runpkg.Failed {
		t.Error(p)
	}
	r.will("")
}

// While a command works on a package another one is refused; killed, it leaves
// what the next halt clears, what it had running included.
func TestRunKilled(t *testing.T) {
	r := newPackageRig(t, "external_script BIN/app\n")
	r.will(`app start=` + hang + `; : >$HERE.late`)
	cmd := r.command("jack3", "cmrunpkg", "pkg1")
	r.until(cmd)
	for _, other := range []string{"cmrunpkg", "cmhaltpkg"} {
		status, text := r.wait(r.command("jack3", other, "pkg1"))
		if status != words.ExitFailed || text != other+": error: another command is starting or halting package pkg1\n"+other+": hint: wait until it has ended; its log says how far it is\n" {
			t.Errorf("%s: exit status %d\n%s", other, status, text)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	status, text := r.wait(r.command("jack3", "cmrunpkg", "pkg1"))
	if status != words.ExitFailed || !strings.Contains(text, "its start did not come to an end") {
		t.Errorf("exit status %d\n%s", status, text)
	}
	r.wantOwner(keyJack3)
	r.will("")
	if status, text := r.wait(r.command("jack3", "cmhaltpkg", "pkg1")); status != words.ExitOK {
		t.Errorf("exit status %d\n%s", status, text)
	}
	r.wantOwner(words.None)
	if status, text := r.wait(r.command("jack3", "cmrunpkg", "pkg1")); status != words.ExitOK {
		t.Errorf("exit status %d\n%s", status, text)
	}
	if _, err := os.Stat(r.path("here.late")); err == nil {
		t.Error("what was left running was not ended")
	}
}

// Nobody reads what is said: the package is started all the same.
func TestRunUnread(t *testing.T) {
	r := newPackageRig(t, "external_script BIN/app\n")
	for _, name := range []string{"cmrunpkg", "cmhaltpkg"} {
		cmd := r.command("jack3", name, "-v", "pkg1")
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = write, write
		read.Close()
		err = cmd.Run()
		write.Close()
		if got := exitOf(t, err); got != words.ExitOK {
			t.Errorf("%s: exit status %d", name, got)
		}
	}
	r.wantOwner(words.None)
}

// The sample scripts are scripts.
func TestSampleSyntax(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.sh")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		if out, err := exec.Command("/bin/sh", "-n", f).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", f, err, out)
		}
	}
}

// The sample script in a package with a service, over two nodes.
func TestSampleScript(t *testing.T) {
	r := newPackageRig(t, "external_script BIN/app.sh\npev_app_dir BIN/dir\nservice_name s1\nservice_cmd \"exec sleep 60\"\nservice_halt_timeout 30\n")
	status, text := r.wait(r.command("jack3", "cmrunpkg", "pkg1"))
	if status != words.ExitNode || !strings.Contains(text, "app.sh start: exit status 2") {
		t.Errorf("exit status %d\n%s", status, text)
	}
	r.wantOwner(words.None)
	if err := os.Mkdir(r.path("dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"jack3", "jack4"} {
		if status, text := r.wait(r.command(host, "cmrunpkg", "pkg1")); status != words.ExitOK {
			t.Fatalf("exit status %d\n%s", status, text)
		}
		if _, err := os.Stat(r.path("dir/running")); err != nil {
			t.Error(err)
		}
		if status, text := r.wait(r.command(host, "cmhaltpkg", "pkg1")); status != words.ExitOK {
			t.Fatalf("exit status %d\n%s", status, text)
		}
		r.wantOwner(words.None)
	}
	log, err := os.ReadFile(filepath.Join(r.dir, "jack4", "run", "log", "pkg1.log"))
	if err != nil || !strings.Contains(string(log), "\napp.sh: stopping, because of user_halt\n") {
		t.Errorf("%v\n%s", err, log)
	}
}

// A service that has ended is told of.
func TestEndedService(t *testing.T) {
	r := newPackageRig(t, "service_name s1\nservice_cmd \": >$HERE; exit 3\"\n")
	r.until(r.command("jack3", "cmrunpkg", "pkg1"))
	want := "cmrunpkg: warning: package pkg1 runs without service s1: exit status 3\n"
	var text string
	for deadline := time.Now().Add(5 * time.Minute); !strings.Contains(text, want) && time.Now().Before(deadline); {
		_, text = r.wait(r.command("jack3", "cmrunpkg", "pkg1"))
	}
	if !strings.Contains(text, want) {
		t.Error(text)
	}
}

// Two nodes start at once: one of them has the package. It may have taken it
// from the other, which had just come up.
func TestRunRace(t *testing.T) {
	r := newPackageRig(t, "external_script BIN/app\n")
	keys := map[string]string{"jack3": keyJack3, "jack4": keyJack4}
	var commands []*exec.Cmd
	for host := range keys {
		cmd := r.command(host, "cmrunpkg", "pkg1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cmd)
	}
	for _, cmd := range commands {
		_ = cmd.Wait() // one may fail
	}
	up := 0
	for host, key := range keys {
		if r.state(0) != key+" "+key {
			continue
		}
		up++
		r.wantOwner(key)
		if p := r.phase(host); p != runpkg.Up {
			t.Errorf("%s: %s", host, p)
		}
		if status, text := r.wait(r.command(host, "cmhaltpkg", "pkg1")); status != words.ExitOK {
			t.Errorf("exit status %d\n%s", status, text)
		}
	}
	if up != 1 {
		t.Errorf("up on %d nodes: %s", up, r.state(0))
	}
}
