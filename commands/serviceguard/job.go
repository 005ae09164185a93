package serviceguard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
	"lunguard/vg"
)

// job is one package that is started or halted on this node.
type job struct {
	s      *session.Session
	pkg    *cluster.Package
	runner *runpkg.Runner
	// states is the folder in which packages are remembered, logs the one of
	// logs that have no name.
	states, logs string
	ownLog       bool
}

// newJob prepares for a package. Nothing is opened yet.
func newJob(s *session.Session, pkg *cluster.Package) (*job, error) {
	run, logs, err := session.RunFolders(s.Call)
	if err != nil {
		return nil, err
	}
	env, err := scriptEnv(s.Call, run)
	if err != nil {
		return nil, err
	}
	j := &job{s: s, pkg: pkg, states: filepath.Join(run, "packages"), logs: logs}
	j.runner = &runpkg.Runner{Package: pkg, Node: s.Node.Name, Env: env, Reserve: j.reserve, Release: j.release}
	if s.Conf.PRDisabled {
		j.runner.Reserve = func(context.Context) error { return nil }
	}
	if kernel, ok := s.Host.(*vg.System); ok {
		j.runner.Mounts, j.runner.InUse, j.runner.Active = kernel.Mounts, kernel.DeviceInUse, kernel.ActiveVolumes
		j.runner.Exists = func(device string, groups []string) (bool, error) { return kernel.DeviceExists(s.Ctx, device, groups) }
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	j.runner.Supervisor = []string{exe, "cmrunpkg", "--supervise"}
	name, named, err := j.runner.LogName(logs)
	j.runner.LogFile, j.ownLog = name, !named || filepath.Dir(name) == filepath.Join(run, "log")
	return j, err
}

// scriptEnv is what scripts get of our environment, with the vendor's folders. Commands of this binary
// that they run find the same config and host, from any folder.
func scriptEnv(c *front.Call, run string) ([]string, error) {
	conf, _ := session.ConfigPath(c)
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == session.ConfigVariable || name == front.SimVariable || name == session.RunVariable
	})
	for name, path := range map[string]string{session.ConfigVariable: conf, front.SimVariable: c.Simulated(), session.RunVariable: run} {
		if path == "" || name == session.RunVariable && path == session.DefaultRun {
			continue
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		env = append(env, name+"="+abs)
	}
	return append(env, session.ReadVariables(c).Environment()...), nil
}

// nodeHere is this node, which -n has to name if it is given: a package is started
// by the node that is to run it.
func nodeHere(c *front.Call, conf *cluster.Config, host vg.Host) (cluster.Node, error) {
	name := c.Getenv("SG_NODE")
	if name == "" {
		var err error
		if name, err = host.Hostname(); err != nil {
			return cluster.Node{}, err
		}
	}
	node, unknown := conf.NodeHere(name)
	for _, asked := range c.Several("node") {
		if _, err := conf.Node(asked); err != nil {
			return cluster.Node{}, err
		}
		if asked != node.Name {
			return cluster.Node{}, &otherNodeError{asked, cmp.Or(node.Name, name)}
		}
	}
	return node, unknown
}

// open takes hold of the package on this host.
func (j *job) open() error {
	var err error
	if j.runner.State, err = runpkg.OpenState(j.states, j.pkg.Name); err != nil {
		return &stateError{err}
	}
	if j.runner.Log, err = runpkg.OpenLog(j.runner.LogFile, j.s.Node.Name, j.ownLog); err != nil {
		return errors.Join(&stateError{err}, j.runner.State.Close())
	}
	return nil
}

func (j *job) close() {
	j.runner.Log.Close()
	j.runner.State.Close()
}

// carryOut starts or halts the package, and shows its log meanwhile, if that
// was asked for.
func (j *job) carryOut(ctx context.Context, d front.Deed, work func(context.Context) error) error {
	stop := func() {}
	if j.s.Verbose() {
		stop = j.runner.Log.Follow(j.s.Out)
	}
	begin := time.Now()
	err := work(ctx)
	stop()
	e := front.NewEntry(d)
	e.Field(front.FieldPackage, j.pkg.Name)
	e.Field(front.FieldNode, j.s.Node.Name)
	e.Took(begin)
	j.s.Recorder().End(e, err, front.SignalOf(ctx))
	return err
}

// idle says why there is nothing to do, by a text about package and node.
func (j *job) idle(d front.Deed, format string) {
	text := fmt.Sprintf(format, j.pkg.Name, j.s.Node.Name)
	if j.s.Flags.Bool("json") {
		j.s.KeepPlan(&session.Plan{Action: d, Package: j.pkg.Name, Node: j.s.Node.Name, Why: text})
		return
	}
	j.s.Printf("%s\n", text)
}

// peek is the state for who only wants to look.
func (j *job) peek() phaser { return peeked{j} }

type peeked struct{ *job }

func (p peeked) Phase() (runpkg.Phase, error) { return runpkg.Peek(p.states, p.pkg.Name) }

// rehearse lists the steps, and at that of the reservations what would be sent.
func (j *job) rehearse(ctx context.Context, a runpkg.Action) error {
	steps, err := j.runner.Plan(a)
	if err != nil {
		return err
	}
	// Nothing is promised that cannot be done.
	if _, err := j.runner.Ready(a); err != nil {
		return err
	}
	do := j.reserve
	if a == runpkg.Stop {
		do = j.release
	}
	asJSON := j.s.Flags.Bool("json")
	if asJSON {
		d := front.DeedRun
		if a == runpkg.Stop {
			d = front.DeedHaltPkg
		}
		p := &session.Plan{Action: d, Package: j.pkg.Name, Node: j.s.Node.Name}
		for _, s := range steps {
			p.Steps = append(p.Steps, s.Text)
		}
		j.s.KeepPlan(p)
	}
	for i, s := range steps {
		if !asJSON {
			j.s.Printf("%d. %s\n", i+1, s.Text)
		}
		if !s.Reservations || j.s.Conf.PRDisabled && a == runpkg.Start {
			continue
		}
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// standing is who has the LUNs of a package.
type standing struct {
	// luns is their number, own on how many this node's key is.
	luns, own int
	// others are the other nodes that are registered on one.
	others []string
}

// standingOf judges what was read. Errors: *protocol.LUNError, or
// *protocol.ForeignKeyError, joined.
func standingOf(run *session.PackageRun, list []protocol.Status) (standing, error) {
	who := standing{luns: len(list)}
	var errs []error
	for _, s := range list {
		if s.Err != nil {
			errs = append(errs, s.Err)
			continue
		}
		keys := s.State.Keys()
		if held := s.State.Reservation; held != nil && held.Key != 0 {
			keys = append(keys, held.Key)
		}
		if foreign := run.Config.Foreign(keys); len(foreign) > 0 {
			errs = append(errs, &protocol.ForeignKeyError{LUN: s.LUN, Keys: slices.Compact(foreign)})
		}
		mine := false
		for _, k := range keys {
			n, ok := run.Config.NodeOf(k)
			mine = mine || n.Name == run.Node.Name
			if ok && n.Name != run.Node.Name && !slices.Contains(who.others, n.Name) {
				who.others = append(who.others, n.Name)
			}
		}
		if mine {
			who.own++
		}
	}
	return who, errors.Join(errs...)
}

// look reads who has the LUNs, and lets may judge them. With reservations turned
// off nobody has them.
func (j *job) look(ctx context.Context, may func(*session.PackageRun) error) (who standing, err error) {
	if j.s.Conf.PRDisabled {
		j.s.Warn("FORCED_PR_DISABLE is set in %s: nothing is protected", j.s.Conf.Path)
		return standing{}, nil
	}
	// What is wrong with paths is said when they are used.
	quiet := *j.s.Call
	quiet.Ctx, quiet.Out, quiet.Err = ctx, io.Discard, io.Discard
	err = j.s.By(&quiet).WithPackage(j.pkg, func(run *session.PackageRun, _ *session.Opened) (err error) {
		if who, err = standingOf(run, run.Show(ctx)); err != nil {
			return err
		}
		return may(run)
	})
	j.s.WarnLUNless(j.pkg)
	return who, err
}

// onLUNs runs a protocol on the package. What it changes goes into the log of
// the package, warnings to the terminal as well. It ends by itself, whatever
// signals come.
func (j *job) onLUNs(ctx context.Context, d front.Deed, do func(context.Context, *session.PackageRun) error) error {
	c := *j.s.Call
	c.Ctx = front.Unhurried(ctx)
	s := j.s.By(&c)
	return s.WithPackage(j.pkg, func(run *session.PackageRun, o *session.Opened) error {
		if o.Rehearse {
			// It is part of a list of steps.
			c.Out = indented{j.s.Out, "   "}
		} else {
			logTo(&c, run, o, j.runner.Log.Say)
		}
		return s.Perform(run, o, session.Task{Deed: d}, func(ctx context.Context) error { return do(ctx, run) })
	})
}

// logTo makes the run tell each change and each warning in a log.
func logTo(c *front.Call, run *session.PackageRun, o *session.Opened, say func(format string, args ...any)) {
	o.Say = func(e protocol.Event) {
		text := words.Event(run.Config, e)
		if e.Change() {
			text += words.Outcome(e)
		} else if e.Action != protocol.NothingLeft && !c.Verbose() {
			c.Warn("%s", text)
		}
		say("%s", text)
	}
}

// fail reports what went wrong with the package.
func (j *job) fail(err error) {
	for _, leaf := range words.Leaves(err) {
		step, ok := leaf.(*runpkg.StepError)
		if ok && step.Reservations {
			j.s.Fail(step.Err)
			continue
		}
		j.s.Fail(&jobError{j.pkg.Name, j.runner.LogFile, leaf})
	}
}

// jobError is something that went wrong with a package.
type jobError struct {
	pkg string
	// log is where there is more about it.
	log string
	err error
}

func (e *jobError) Error() string { return "package " + e.pkg + ": " + e.err.Error() }

// Unwrap gives the reason.
func (e *jobError) Unwrap() error { return e.err }

func (e *jobError) Message() words.Message {
	m := words.Message{What: e.Error(), Status: words.ExitFailed}
	var own interface{ Message() words.Message }
	switch err := e.err.(type) {
	case *runpkg.StepError:
		m.Hint = "see " + e.log
		if unknown := (*runpkg.UnknownError)(nil); err.Elsewhere() || errors.As(err, &unknown) {
			m.Status = words.ExitNode
		}
	case *runpkg.ServiceError, *runpkg.StuckError:
		m.Hint = "see " + e.log
	case *runpkg.KeptError:
		m.Hint = "see what holds the package up, then run cmhaltpkg again"
		if err.Unknown {
			m.Status = words.ExitNode
		}
	case *runpkg.LackError:
		m.Hint = "nothing was begun; install or make what is missing"
	case *runpkg.UnfinishedError:
		m.Hint = "see what holds the package up, then run cmhaltpkg again"
	case *runpkg.ParameterError:
		m.Hint = "correct the parameter in the config; cmcheckconf finds this before a start"
	default:
		if errors.As(e.err, &own) {
			return own.Message()
		}
		return words.Of(e.err)
	}
	return m
}

// stateError says that the package cannot be remembered, or logged.
type stateError struct{ err error }

func (e *stateError) Error() string { return e.err.Error() }

// Unwrap gives the reason.
func (e *stateError) Unwrap() error { return e.err }

func (e *stateError) Message() words.Message {
	m := words.Message{What: e.Error(), Status: words.ExitFailed}
	for _, reason := range []error{ownfile.ErrNotTrusted, ownfile.ErrSymlink, ownfile.ErrNotFile, ownfile.ErrNotFolder} {
		if errors.Is(e, reason) {
			m.Hint = "nobody but the user who runs it may be able to change it; " + session.RunVariable + " or script_log_file names another"
		}
	}
	if errors.Is(e, os.ErrPermission) {
		m.Hint = "run it as root"
	}
	if busy := (*runpkg.BusyError)(nil); errors.As(e, &busy) {
		m.Hint = "wait until it has ended; its log says how far it is"
	}
	return m
}

// otherNodeError says that a command has to be run on another node.
type otherNodeError struct{ asked, here string }

func (e *otherNodeError) Error() string {
	return fmt.Sprintf("run it on %s, this is node %s", e.asked, e.here)
}

func (e *otherNodeError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "a package is started and halted by the node that runs it", Status: words.ExitFailed}
}

// untilSignal ends a context at the first signal that asks for the end. Those
// that come later change nothing: then all is being undone.
func untilSignal(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	// Whoever reads what we say may go away; that must not kill us halfway.
	// Ignored, it would be ignored by what we start as well.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		select {
		case sig := <-signals:
			cancel(&front.SignalError{Signal: sig.(syscall.Signal)})
		case <-parent.Done():
			// It may be for the signal that comes to us at the same moment.
			select {
			case sig := <-signals:
				cancel(&front.SignalError{Signal: sig.(syscall.Signal)})
			case <-time.After(100 * time.Millisecond):
				cancel(context.Cause(parent))
			}
		case <-done:
		}
	}()
	// As in interruptible, signals stay caught until the process exits.
	return ctx, func() { close(done) }
}

// indented writes lines a little to the right.
type indented struct {
	w    io.Writer
	text string
}

func (i indented) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Fprint(i.w, i.text, line); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}
