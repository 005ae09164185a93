// Package child runs other programs for their answer: with a limit of time, and so
// that nothing of them stays. A program that waits for a device that is gone cannot
// be killed; whoever has asked it goes on all the same.
package child

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// HungError says that a program did not end in time.
type HungError struct {
	Program string
	Limit   time.Duration
	// PID is the process that has not even ended by SIGKILL, for it waits for a
	// device; 0 if it has.
	PID int
}

func (e *HungError) Error() string {
	text := fmt.Sprintf("%s: no answer in %v", e.Program, e.Limit)
	if e.PID != 0 {
		text += fmt.Sprintf(", and process %d cannot be killed", e.PID)
	}
	return text
}

const (
	// killWait is how long a program may take to vanish after SIGKILL.
	killWait = 2 * time.Second
	// pipeWait is how long processes that have left the program's session may keep
	// what it writes to open.
	pipeWait = time.Second
)

// Answer is what a program has written.
type Answer struct{ Out, Err []byte }

// Run runs a program to its end, or kills it when the limit or ctx is over, with all
// processes of its session. It reads nothing, and has neither our terminal nor our
// streams. Env is its whole environment.
//
// Errors: *HungError if the limit was over, the cause of ctx, those of package exec:
// exec.ErrNotFound, *exec.ExitError with what it has written to its error stream in
// the answer.
func Run(ctx context.Context, limit time.Duration, env []string, program string, args ...string) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, context.Cause(ctx)
	}
	var out, errOut bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = env, &out, &errOut, pipeWait
	// Whoever kills us kills it, too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		// It is killed when this thread ends, not this process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- await(cmd)
		}
	}()
	if err := <-started; err != nil {
		return Answer{}, err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	hung := &HungError{Program: program, Limit: limit}
	select {
	case err := <-ended:
		return Answer{out.Bytes(), errOut.Bytes()}, err
	case <-timer.C:
	case <-ctx.Done():
	}
	// It is not reaped before it has ended, so that its number is given to no other.
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	select {
	case <-ended:
	case <-time.After(killWait):
		hung.PID = cmd.Process.Pid
	}
	if ctx.Err() != nil {
		return Answer{}, context.Cause(ctx)
	}
	return Answer{}, hung
}

// await waits for the program's end and kills what it has left.
func await(cmd *exec.Cmd) error {
	// As long as it is not reaped, its number is that of its session and no other's.
	for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	err := cmd.Wait()
	if err == exec.ErrWaitDelay {
		// Somebody who has left the session kept a stream open: the program itself
		// has ended well.
		return nil
	}
	return err
}

// Lines are the lines of what a program has written, without blanks around them and
// without empty ones.
func Lines(text []byte) []string {
	var list []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}
