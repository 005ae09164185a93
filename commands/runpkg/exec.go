package runpkg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/cluster/ownfile"
)

// Times.
const (
	// defaultGrace is how long a process has after SIGTERM until SIGKILL.
	defaultGrace = 5 * time.Second
	// vanishTime is how long one may take to vanish after SIGKILL.
	vanishTime = 10 * time.Second
	// defaultPause is between tries of the same thing.
	defaultPause = time.Second
	// firstTick and lastTick are how often it is looked whether processes have
	// ended: often at first, then less.
	firstTick = 5 * time.Millisecond
	lastTick  = 200 * time.Millisecond
)

// ExitError says that a command has failed by itself.
type ExitError struct {
	Command string
	// Code is the exit status; Signal, if not 0, is what killed it.
	Code   int
	Signal syscall.Signal
	// byScript says that it is a script of the package, which may ask for
	// another node.
	byScript bool
}

func (e *ExitError) Error() string {
	if e.Signal != 0 {
		return fmt.Sprintf("%s: killed by signal %d (%v)", e.Command, int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("%s: exit status %d", e.Command, e.Code)
}

// KilledError says that a command was killed because the time was over or the
// caller did not want it any more.
type KilledError struct {
	Command string
	// Cause is why.
	Cause error
}

func (e *KilledError) Error() string { return e.Command + ": killed: " + e.Cause.Error() }

// Unwrap gives the cause.
func (e *KilledError) Unwrap() error { return e.Cause }

// StuckError says that processes do not end, not even by SIGKILL: they wait for
// a device.
type StuckError struct {
	What string
	PIDs []int
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("%s: cannot be killed, processes %s are left", e.What, strings.Trim(fmt.Sprint(e.PIDs), "[]"))
}

// run runs a command to its end, in a session of its own, with its output in
// the log. When ctx is over, all processes of that session are killed.
func (r *Runner) run(ctx context.Context, argv, env []string) error {
	if ctx.Err() != nil {
		return &KilledError{joinWords(argv), context.Cause(ctx)}
	}
	file, err := program(argv[0], env)
	if err == nil && strings.Contains(argv[0], "/") {
		// It is the script of a package, and not a program of the system's.
		err = ownfile.Trust(file)
	}
	if err != nil {
		return err
	}
	// If we are killed it runs on, and the halt that follows has to know.
	left, err := newRecord(r.State.boot, joinWords(argv))
	if err != nil {
		return err
	}
	record := r.State.commandPath(left.Token)
	if err := save(record, left); err != nil {
		return err
	}
	err = r.runAs(ctx, argv, &exec.Cmd{
		Path: file, Args: argv, Env: append(slices.Clip(env), tokenVariable+"="+left.Token), Dir: "/", Stdout: r.Log.file, Stderr: r.Log.file,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	})
	var stuck *StuckError
	if errors.As(err, &stuck) {
		return err
	}
	if rerr := remove(record); rerr != nil {
		return errors.Join(err, rerr)
	}
	return err
}

// trustScripts refuses, before anything is begun, scripts that others can change: a
// halt that refuses them then would leave the package half up. Errors: *ParameterError.
func trustScripts(r *Runner) error {
	for _, name := range []string{"external_pre_script", "external_script", "run_script", "halt_script"} {
		for _, value := range r.Package.Settings.All(name) {
			file, err := expand(value, r.environment(Start))
			if err != nil {
				return &ParameterError{name, value, err.Error()}
			}
			var why *os.PathError
			if err := ownfile.Trust(file); errors.Is(err, ownfile.ErrNotTrusted) && errors.As(err, &why) {
				return &ParameterError{name, value, why.Err.Error()}
			}
		}
	}
	return nil
}

func (r *Runner) runAs(ctx context.Context, argv []string, cmd *exec.Cmd) error {
	keepDescriptors()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// It is not reaped yet: as long as it is not, its number, which is that
		// of the session, is given to no other.
		for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	select {
	case <-ended:
		return exitError(argv, cmd.Wait())
	case <-ctx.Done():
	}
	if err := r.endSession(joinWords(argv), cmd.Process.Pid); err != nil {
		return err
	}
	<-ended
	_ = cmd.Wait() // how it died does not matter, it was killed
	return &KilledError{joinWords(argv), context.Cause(ctx)}
}

// endLeft ends commands that were running when an earlier process of ours was
// killed, or that it could not kill: what they have not done yet they must not
// do after a halt. Errors: *StuckError, joined.
func (r *Runner) endLeft() error {
	files, err := os.ReadDir(r.State.dir)
	for _, f := range files {
		if path := filepath.Join(r.State.dir, f.Name()); strings.HasPrefix(path, r.State.commandPath("")) {
			err = errors.Join(err, r.endCommand(path))
		}
	}
	return err
}

// endCommand ends one command, by its record.
func (r *Runner) endCommand(file string) error {
	var left record
	if err := load(file, &left); err != nil {
		return err
	}
	if left.Boot == r.State.boot {
		if err := r.end(left.Command, left.others, grace(r)); err != nil {
			return err
		}
	}
	return remove(file)
}

// keepDescriptors keeps what our own caller has left open from programs that
// we start: a lock of its would be held as long as a service runs.
func keepDescriptors() {
	const standard = 3
	_ = unix.CloseRange(standard, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) // since Linux 5.11
}

// exitError says how a command ended.
func exitError(argv []string, err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	e := &ExitError{Command: joinWords(argv), Code: exit.ExitCode()}
	if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		e.Signal = w.Signal()
	}
	return e
}

// endSession kills the processes of a session, whose leader must not have been
// reaped. The error is *StuckError.
func (r *Runner) endSession(what string, id int) error {
	list := func() ([]process, error) { return processes(inSession(id)) }
	return r.end(what, list, grace(r))
}

// end kills the processes that list gives, SIGTERM first, SIGKILL after the
// patience, and waits until there are none.
func (r *Runner) end(what string, list func() ([]process, error), patience time.Duration) error {
	left, err := list()
	if err == nil && patience > 0 {
		err = killAll(left, unix.SIGTERM)
	}
	if err != nil {
		return err
	}
	return r.await(what, list, patience)
}

// await gives processes the patience to end, then kills them.
func (r *Runner) await(what string, list func() ([]process, error), patience time.Duration) error {
	deadline := time.Now().Add(patience)
	// killed counts from the first SIGKILL, not from when it was due: we may
	// have been stopped ourselves.
	var killed time.Time
	tick, empty := firstTick, 0
	for {
		left, err := list()
		switch now := time.Now(); {
		case err != nil:
			return err
		case len(left) == 0:
			// The list is not made in one moment; a process may have moved to
			// where had been looked already.
			if empty++; empty == 2 {
				return nil
			}
			continue
		case !killed.IsZero() && now.Sub(killed) > vanishTime:
			return stuck(what, left)
		case !now.Before(deadline):
			// Again and again: they may have children in between.
			if err := killAll(left, unix.SIGKILL); err != nil {
				return err
			}
			if killed.IsZero() {
				killed = time.Now()
			}
		}
		empty = 0
		time.Sleep(tick)
		tick = min(2*tick, lastTick)
	}
}

func stuck(what string, left []process) error {
	e := &StuckError{What: what}
	for _, p := range left {
		e.PIDs = append(e.PIDs, p.PID)
	}
	return e
}

func grace(r *Runner) time.Duration {
	if r.Grace > 0 {
		return r.Grace
	}
	return defaultGrace
}

// pause waits between two tries of a thing.
func (r *Runner) pause(ctx context.Context) {
	d := r.Pause
	if d == 0 {
		d = defaultPause
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
