//go:build lab

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// program is something to run.
type program struct {
	env    []string
	path   string // where it is looked up
	stdin  string
	args   []string
	uid    uint32      // 0 is root
	onLine func(n int) // called when it has printed its nth line, from 1
}

// Process is a program that runs on a node.
type Process struct {
	Started time.Time

	cmd            *exec.Cmd
	stdout, stderr *output
	done           chan error
}

// output is what a program prints. It is a file of no folder: nothing has to copy it,
// so that none of it is lost on a machine that is short of time, and a daemon that the
// program left may hold it open.
type output struct{ f *os.File }

func newOutput() (*output, error) {
	fd, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	return &output{os.NewFile(uintptr(fd), "output")}, nil
}

// take is what was printed until now; nothing can be printed by us afterwards.
func (o *output) take() (string, error) {
	text, err := io.ReadAll(io.NewSectionReader(o.f, 0, 1<<40))
	return string(text), errors.Join(err, o.f.Close())
}

// Start starts a program on the node, so that the test can do something else meanwhile.
// onLine, if it is not nil, is called each time that the program has printed a line, with
// the number of the line; it may kill the process.
func (n *Node) Start(t testing.TB, onLine func(p *Process, line int), args ...string) *Process {
	t.Helper()
	var p *Process
	prog := program{env: n.Env(), path: n.path(), args: args}
	known := make(chan struct{})
	if onLine != nil {
		prog.onLine = func(line int) { <-known; onLine(p, line) }
	}
	p, err := start(prog)
	close(known)
	if err != nil {
		t.Fatalf("on %s: %s: %v", n.Name, strings.Join(args, " "), err)
	}
	return p
}

// Kill is SIGKILL.
func (p *Process) Kill() {
	// One that has ended already is what the caller wants.
	_ = p.cmd.Process.Kill()
}

// Wait waits for the end of the process, as Run does.
func (p *Process) Wait(t testing.TB) Result {
	t.Helper()
	r, err := p.wait()
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(p.cmd.Args, " "), err)
	}
	return r
}

// RunAs is Run for a user who is not root.
func (n *Node) RunAs(t testing.TB, uid uint32, args ...string) Result {
	t.Helper()
	p, err := start(program{env: n.Env(), path: n.path(), args: args, uid: uid})
	if err != nil {
		t.Fatalf("on %s: %s: %v", n.Name, strings.Join(args, " "), err)
	}
	return p.Wait(t)
}

// start starts a program in a process group of its own.
func start(prog program) (*Process, error) {
	if len(prog.args) == 0 {
		return nil, errors.New("no program")
	}
	cmd := exec.Command(findInPath(prog.path, prog.args[0]), prog.args[1:]...)
	p := &Process{cmd: cmd, done: make(chan error, 1)}
	var err error
	if p.stdout, err = newOutput(); err != nil {
		return nil, err
	}
	if p.stderr, err = newOutput(); err != nil {
		return nil, errors.Join(err, p.stdout.f.Close())
	}
	cmd.Args[0] = prog.args[0]
	cmd.Env = prog.env
	cmd.Dir = "/root"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(prog.stdin), p.stdout.f, p.stderr.f
	if prog.onLine != nil {
		cmd.Stdout = &lineCounter{w: p.stdout.f, call: prog.onLine}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if prog.uid != 0 {
		cmd.Dir = "/" // he may not enter root's
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: prog.uid, Gid: prog.uid}
	}
	cmd.WaitDelay = 10 * time.Second // a daemon that the program left may hold the pipe of its lines
	p.Started = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.done <- cmd.Wait() }()
	return p, nil
}

// wait waits for the end, and makes it after RunTimeout.
func (p *Process) wait() (Result, error) {
	select {
	case err := <-p.done:
		return p.result(err)
	case <-time.After(RunTimeout):
	}
	// Its group, so that what it has started goes too.
	killErr := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-p.done:
		r, err := p.printed()
		return Result{}, errors.Join(fmt.Errorf("killed after %v; stdout %q, stderr %q", RunTimeout, r.Stdout, r.Stderr), killErr, err)
	case <-time.After(killGrace):
		stack, err := os.ReadFile(fmt.Sprintf("/proc/%d/stack", p.cmd.Process.Pid))
		return Result{}, errors.Join(fmt.Errorf("cannot be killed after %v, it hangs in the kernel:\n%s",
			RunTimeout, stack), killErr, err)
	}
}

// printed is all that the program has printed, after its end.
func (p *Process) printed() (Result, error) {
	out, err := p.stdout.take()
	errs, err2 := p.stderr.take()
	return Result{Stdout: out, Stderr: errs}, errors.Join(err, err2)
}

// result tells a program that failed from one that could not be run.
func (p *Process) result(err error) (Result, error) {
	r, lost := p.printed()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || lost != nil {
		return r, errors.Join(err, lost)
	}
	r.Exit = p.cmd.ProcessState.ExitCode()
	if ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		r.Exit = 128 + int(ws.Signal())
	}
	return r, nil
}

// lineCounter passes output on and tells of each complete line.
type lineCounter struct {
	w     io.Writer
	call  func(n int)
	lines int
}

func (c *lineCounter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	for range bytes.Count(b[:n], []byte("\n")) {
		c.lines++
		c.call(c.lines)
	}
	return n, err
}
