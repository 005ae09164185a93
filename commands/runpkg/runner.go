package runpkg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lunguard/cluster"
)

// Runner starts or halts one package on this host.
type Runner struct {
	Package *cluster.Package
	// Node is this node.
	Node string
	// State is what the host remembers of the package. It is ours until it is
	// closed.
	State *State
	// Log is open on LogFile. Neither it nor State is needed for a plan.
	Log     *Log
	LogFile string
	// Env is what the caller hands on to scripts.
	Env []string
	// Reserve makes the reservations, Release gives them up. They bring to an
	// end what they have begun: no time limit and no signal cuts them short.
	Reserve, Release func(context.Context) error
	// Kept tells why a start that fails must not give the reservations up:
	// before it, somebody had them, to whom the LUNs would be open again.
	Kept string
	// Supervisor is the command that keeps a service: its file, and then its
	// arguments, the name first, to which that of the record is added.
	Supervisor []string
	// Mounts lists the folders on which something is mounted. This and the two
	// that follow are nil where there is nothing to ask; their errors are no leave to
	// go on.
	Mounts func() ([]string, error)
	// Active lists the logical volumes of a group that are active.
	Active func(group string) ([]string, error)
	// InUse reports whether the kernel uses a block device, as by a mount in
	// whatever name space.
	InUse func(device string) (bool, error)
	// Exists reports whether a device is there, or a logical volume in one of the
	// groups, active or not; an error is that it is not known. Nil where there is
	// nothing to ask.
	Exists func(device string, groups []string) (bool, error)
	// Grace is the time between SIGTERM and SIGKILL, Pause that between two
	// tries; 0 is some seconds. Limit is what vgchange, fsck, mount and umount may
	// take each; 0 is what is reasonable for each.
	Grace, Pause, Limit time.Duration
	// After replaces the clock in tests: it ends a context after a time, with a cause. nil is
	// [context.WithTimeoutCause].
	After func(context.Context, time.Duration, error) (context.Context, context.CancelFunc)
}

// StepError says that a step of a start or halt failed.
type StepError struct {
	Action Action
	Step   string
	// Reservations says that it was the step that makes them or gives them up.
	Reservations bool
	Err          error
	// script says that it was an external_script.
	script bool
}

func newStepError(a Action, s step, err error) *StepError {
	return &StepError{a, s.name(), s.kind() == reservations, err, s.kind() == externalScript}
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %s failed: %v", e.Step, e.Action, e.Err) }

// Unwrap gives the reason.
func (e *StepError) Unwrap() error { return e.Err }

// Elsewhere reports whether another node may try: a script has said so, by its
// exit status 2. Everything else may have left something behind.
func (e *StepError) Elsewhere() bool {
	const elsewhere = 2
	var exit *ExitError
	return e.Action == Start && errors.As(e.Err, &exit) && exit.byScript && exit.Signal == 0 && exit.Code == elsewhere
}

// KeptError says that the reservations were not given up, because something of
// the package may still write to the LUNs, or because of what was before.
type KeptError struct {
	Reason string
	// Unknown says that nothing is known that may still write, but something could
	// not be asked.
	Unknown bool
	// Skipped are the scripts below the reservations, which were not stopped.
	Skipped []string
}

func (e *KeptError) Error() string {
	text := "the reservations are kept: " + e.Reason
	if len(e.Skipped) > 0 {
		text += "; not stopped: " + joinSteps(e.Skipped)
	}
	return text
}

// UnfinishedError says which steps of a halt were not done.
type UnfinishedError struct {
	Steps []string
	Cause error
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%v; not done: %s", e.Cause, joinSteps(e.Steps))
}

// Unwrap gives the cause.
func (e *UnfinishedError) Unwrap() error { return e.Cause }

// TimeoutError says that a start or halt has taken longer than it may.
type TimeoutError struct {
	Parameter string
	Limit     time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s of %d seconds is over", e.Parameter, int(e.Limit.Seconds()))
}

// within bounds a phase; 0 is no bound.
func within(ctx context.Context, r *Runner, parameter string, limit time.Duration) (context.Context, context.CancelFunc) {
	after := context.WithTimeoutCause
	if r.After != nil {
		after = r.After
	}
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return after(ctx, limit, &TimeoutError{parameter, limit})
}

// Start carries out the steps of a start. If one fails, those before it are
// undone in reverse.
//
// Errors, joined: first the *StepError that failed, then what went wrong when
// it was undone, as from Halt; or those that say why nothing was begun, as from
// Ready.
func (r *Runner) Start(ctx context.Context) error {
	steps, err := r.steps()
	if err == nil {
		_, missing := lacks(Start, steps, scriptsFirst(steps))
		err = errors.Join(trustScripts(r), missing)
	}
	if err != nil {
		return err
	}
	if err := r.State.set(Starting); err != nil {
		return err
	}
	r.Log.head("Starting package")
	if err := r.start(ctx, steps); err != nil {
		r.Log.head("Package start failed")
		return err
	}
	if err := r.State.set(Up); err != nil {
		return err
	}
	r.Log.head("Package start completed")
	return nil
}

func (r *Runner) start(ctx context.Context, steps []step) error {
	bounded, cancel := within(ctx, r, "run_script_timeout", r.Package.RunTimeout())
	defer cancel()
	for i, s := range steps {
		done := steps[:i]
		var err error
		if s.kind() == reservations {
			// What the scripts before were to bring is here now, or they have not.
			_, err = lacks(Start, steps[i:], false)
		}
		if err == nil {
			err = r.do(bounded, s, Start)
		}
		switch {
		case err == nil && bounded.Err() == nil:
			continue
		case err == nil:
			// The reservations do not end in the middle, so this comes after.
			err, done = context.Cause(bounded), steps[:i+1]
		case s.half():
			done = steps[:i+1]
		}
		failed := newStepError(Start, s, err)
		r.Log.Fail(s.kind().function(Start), "Failed: %v", err)
		return errors.Join(failed, r.undo(ctx, done, failed))
	}
	return nil
}

// undo takes back the steps of a start.
func (r *Runner) undo(ctx context.Context, done []step, failed *StepError) error {
	r.Log.Say("Undoing what was started.")
	// A signal that has ended the start does not end this.
	ctx, cancel := within(context.WithoutCancel(ctx), r, "halt_script_timeout", r.Package.HaltTimeout())
	defer cancel()
	u := &unwinding{Runner: r, kept: r.Kept}
	var stuck *StuckError
	raw := failed.script && len(r.Package.Volumes) > 0
	if raw || errors.As(failed.Err, &stuck) {
		u.use(failed.Step)
		u.known = true
	}
	u.all(ctx, done)
	return u.finish()
}

// Halt carries out the steps of a halt. It goes on after one that fails. But
// the reservations are given up only if nothing of the package can write any
// more: a file system that could not be unmounted is still written to, and
// without reservations every node could write to it as well. CLEAR ends the
// protection of the LUN as a whole; it does not hand it over. What lies below
// the reservations, the external_pre_scripts, is left alone then, too.
//
// Errors, joined: *StepError, *KeptError, *UnfinishedError; or one that says
// why nothing was begun.
func (r *Runner) Halt(ctx context.Context) error {
	steps, err := r.steps()
	if err != nil {
		return err
	}
	if err := r.State.set(Halting); err != nil {
		return err
	}
	r.Log.head("Halting package")
	if err := r.endLeft(); err != nil {
		r.Log.Fail("halt_package", "Failed: %v", err)
		r.Log.head("Package halt failed")
		return errors.Join(err, r.State.set(Failed))
	}
	ctx, cancel := within(ctx, r, "halt_script_timeout", r.Package.HaltTimeout())
	defer cancel()
	u := &unwinding{Runner: r}
	u.all(ctx, steps)
	if err := u.finish(); err != nil {
		r.Log.head("Package halt failed")
		return err
	}
	r.Log.head("Package halt completed")
	return nil
}

// do carries out one step.
func (r *Runner) do(ctx context.Context, s step, a Action) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.Log.Say("%s", s.tell(a))
	if s.kind() == reservations {
		// A protocol that is cut short would leave LUNs half taken.
		ctx = context.WithoutCancel(ctx)
	}
	return s.do(ctx, a)
}

// unwinding is a halt, or the undoing of a start, under way.
type unwinding struct {
	*Runner
	// inUse tells what may still write to the LUNs, and kept why the reservations
	// stay for another reason.
	inUse, kept string
	// known says that inUse is known, and not only possible.
	known bool
	// left says that something of the package is still there.
	left bool
	errs []error
}

// all undoes steps, last one first.
func (u *unwinding) all(ctx context.Context, steps []step) {
	for i, s := range slices.Backward(steps) {
		if ctx.Err() != nil {
			u.unfinished(steps[:i+1], context.Cause(ctx))
			return
		}
		if s.kind() == reservations && u.keep(steps[:i]) {
			return
		}
		if err := u.do(ctx, s, Stop); err != nil {
			u.look(s, err)
			u.left = u.left || s.kind() == reservations
			u.errs = append(u.errs, newStepError(Stop, s, err))
			u.Log.Fail(s.kind().function(Stop), "Failed: %v", err)
		}
	}
}

// look judges whether a step that failed to stop may have left something that
// writes. What an external_script leaves is known if all storage of the package
// is in volume groups, which are deactivated after it; a pv is a device that it
// can write to at any time.
func (u *unwinding) look(s step, err error) {
	var stuck *StuckError
	raw := s.kind() == externalScript && len(u.Package.Volumes) > 0
	if s.half() || raw || errors.As(err, &stuck) {
		u.use(s.name())
		u.known = u.known || !isUnknown(err)
	}
}

// isUnknown finds out whether the error is that something could not be asked.
func isUnknown(err error) bool {
	var unknown *UnknownError
	return errors.As(err, &unknown)
}

// use notes what may still write.
func (u *unwinding) use(what string) {
	u.inUse, u.left = what+" may still write to the LUNs", true
}

// keep decides whether the reservations stay, and with them what lies below.
func (u *unwinding) keep(below []step) bool {
	reason := u.kept
	for _, v := range u.Package.Volumes {
		if err := unused(u.Runner, v); err != nil {
			u.inUse, u.left = err.Error(), true
			u.known = u.known || !isUnknown(err)
		}
	}
	if u.inUse != "" {
		reason = u.inUse
	}
	if reason == "" {
		return false
	}
	u.Log.Warn("The reservations are kept: %s", reason)
	e := &KeptError{Reason: reason, Unknown: u.inUse != "" && !u.known}
	for _, s := range slices.Backward(below) {
		e.Skipped = append(e.Skipped, s.name())
	}
	u.left = u.left || len(below) > 0
	u.errs = append(u.errs, e)
	return true
}

// unfinished notes what there was no time for.
func (u *unwinding) unfinished(steps []step, cause error) {
	e := &UnfinishedError{Cause: cause}
	for _, s := range slices.Backward(steps) {
		e.Steps = append(e.Steps, s.name())
	}
	u.left = true
	u.errs = append(u.errs, e)
	u.Log.Fail("halt_package", "Failed: %v", e)
}

// finish writes down how it ended. What is left over has to be halted again
// before a start is let in.
func (u *unwinding) finish() error {
	phase := Down
	if u.left {
		phase = Failed
	}
	return errors.Join(append(u.errs, u.State.set(phase))...)
}
