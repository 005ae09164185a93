// Package protocol is what is done to LUNs: how they pass from node to node, and how
// that is looked at. It takes the nodes of a cluster with their keys, whether one node
// has the LUNs or several do, and paths ([pr.Path]); it knows no CDB, no volume group and
// no command line.
//
// A [Run] is one protocol under way. Each reads all, judges all, acts and looks again. If
// judging finds one key that belongs to no node, nothing is changed anywhere. Each is safe
// to kill at any command and safe to run again.
//
// On one LUN the unit (package unit) has the paths and what was read, the claim (claim.go)
// what this run has done and what of it is not known. The two are the position, and a
// protocol is a table of rows: a condition, which asks the position alone, and an action.
// One driver (driver.go) carries the actions out. A command has four ends: performed,
// refused, not sent, unknown. docs/protocols.md has the tables row by row, with what
// happens without each.
package protocol

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// DefaultParallel is how many LUNs are worked on at once. Each one blocks a
// thread of the process while a command is under way. More threads than that
// gain nothing: the processors are busy with the answers then.
// docs/benchmarks.md has the curve.
const DefaultParallel = 512

// Run is one protocol under way: the nodes of a cluster, the one that this is,
// and LUNs that are protected together, as this host sees them.
type Run struct {
	// Members are all nodes of the cluster, Node the one that this is.
	Members Members
	Node    Member
	Mode    Mode
	// SharedType is the type of reservation that is to be made in shared mode, if the
	// device can do it: Write Exclusive - Registrants Only, which 0 is, or Write Exclusive
	// - All Registrants. A reservation of the other one that is there will do.
	SharedType pr.Type
	LUNs       []*LUN
	// Parallel bounds how many LUNs are worked on at once; 0 means
	// DefaultParallel, 1 makes the run deterministic.
	Parallel int
	// Room, if not nil, is told how many commands are about to be sent at once.
	Room func(commands int)
	// Probe is asked of each LUN that is free or another node's whether a start has to ask
	// the device if it can do what a failover will need, or this start: one command more,
	// before the first change. It is called from several goroutines at once; nil is of none.
	Probe func(*LUN) bool
	// Strict makes a start fail if any path does.
	Strict bool
	// MayStart is asked by a start when all has been read and checked, before the first
	// change; its error ends the start. It may be nil.
	MayStart func(context.Context) error
	// Log takes every change and every warning as it happens, from several
	// goroutines at once. It may be nil.
	Log func(Event)
	// Progress takes the begin and the end of the work on each LUN, from
	// several goroutines at once. It may be nil.
	Progress func(Step)
	// Hurry, once closed, cuts short what goes on after the end of the run's
	// context: undoing, and bringing to an end what was begun on a LUN. nil
	// never does.
	Hurry <-chan struct{}
	// Now replaces the clock in tests: the time since some beginning, which goes
	// on while the machine is suspended. nil is the clock.
	Now func() time.Duration

	// Sleep replaces, in tests, the waiting for another node to come to an end.
	Sleep func(context.Context, time.Duration) error

	// looking is held while the arbiter is read for another LUN.
	looking sync.Mutex
}

// Step is the begin or the end of work on one LUN. A protocol works on each of
// them several times: it reads, acts, and looks again.
type Step struct {
	LUN  string
	Done bool
}

// Action is what an Event tells.
type Action string

// Actions. Those of changes are the service actions by which they are made.
const (
	Registered Action = "register"
	// Readmitted: a path was registered that was not, by REGISTER without a
	// key to quote.
	Readmitted   Action = "readmit"
	Unregistered Action = "unregister"
	Reserved     Action = "reserve"
	Preempted    Action = "preempt"
	Cleared      Action = "clear"
	// Introduced: another node's nexuses were registered for it.
	Introduced Action = "introduce"
	// Marked: the key was changed for the one that says that its node leaves.
	Marked Action = "mark-leaving"
	// MarkedTaking: it was changed for the one that says that its node removes
	// others, Unmarked: it is the plain key again.
	MarkedTaking Action = "mark-taking"
	Unmarked     Action = "unmark"
	// Reset: LOGICAL UNIT RESET.
	Reset Action = "reset"
	// Moved: the reservation went to a nexus of another node, Heir.
	Moved Action = "move"
	// PathFailed: the path is not used any further.
	PathFailed Action = "path-failed"
	// NotPersistent: the device can keep registrations through power loss but
	// refuses to.
	NotPersistent Action = "not-persistent"
	// Forgets: the device cannot keep registrations through power loss.
	Forgets Action = "forgets"
	// PastLeft: nexuses of the past are registered with this node's key, and
	// could not be removed or must not be while the package may be up.
	PastLeft Action = "past-left"
	// PathsMissing: fewer registrations are listed than paths were registered.
	PathsMissing Action = "paths-missing"
	// PerHost: the device registers all paths of a host at once.
	PerHost Action = "per-host"
	// Kept: the run failed, and the LUN stays reserved for this node because
	// giving it up would leave it open to the node it was taken from.
	Kept Action = "kept"
	// TakingOpen: the run failed while it took the LUN, it is not known whether
	// the command took effect, and Heir holds the reservation.
	TakingOpen Action = "taking-open"
	// NothingLeft: a halt found no registration of its node; Heir holds the
	// reservation, if anybody does. This is no warning.
	NothingLeft Action = "nothing-left"
	// Unmoved: the device cannot move the reservation, so there is none now;
	// Heirs must run pr_check --repair.
	Unmoved Action = "unmoved"
)

// Event is a change that was made, or a warning.
type Event struct {
	Action    Action
	LUN, Path string
	// Key is the key that was acted with, Victim whose registration went.
	Key, Victim pr.Key
	// Type is that of the reservation that was made.
	Type pr.Type
	// Anew says that the path was registered whatever it had been before; From,
	// that it was by REGISTER AND MOVE from that path, which holds.
	Anew bool
	From string
	// Heir is whom the reservation was moved to, Heirs those who are left
	// without one.
	Heir  pr.Key
	Heirs []pr.Key
	// Generation is PRGENERATION before the change: as it was read, with one more
	// for each change that this run has made since.
	Generation uint32
	// Err tells why the change failed, or what the warning is about.
	Err error
}

// Change reports whether the event is a command that was sent to change
// something.
func (e Event) Change() bool {
	switch e.Action {
	case Registered, Readmitted, Unregistered, Reserved, Preempted, Cleared, Marked, MarkedTaking, Unmarked, Moved, Introduced, Reset:
		return true
	}
	return false
}

func (r *Run) log(e Event) {
	if r.Log != nil {
		r.Log(e)
	}
}

func (r *Run) now() time.Duration {
	if r.Now != nil {
		return r.Now()
	}
	return unit.Uptime()
}

// patience is how long is waited before another look at a LUN on which another
// node is at work.
const patience = 500 * time.Millisecond

func sleep(ctx context.Context, r *Run) error {
	if r.Sleep != nil {
		return r.Sleep(ctx, patience)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// step tells that f works on a LUN.
func (r *Run) step(l *LUN, f func() error) error {
	if r.Progress != nil {
		r.Progress(Step{LUN: l.Name})
		defer r.Progress(Step{LUN: l.Name, Done: true})
	}
	return f()
}

// eachLUN calls f for the LUNs of the run by their number, several at once.
func (r *Run) eachLUN(f func(i int)) {
	r.parallel(len(r.LUNs), func(i int) {
		_ = r.step(r.LUNs[i], func() error { f(i); return nil }) // f has no error
	})
}

// parallel calls f for 0 to n-1, several at once.
func (r *Run) parallel(n int, f func(i int)) {
	limit := r.Parallel
	if limit == 0 {
		limit = DefaultParallel
	}
	if limit == 1 {
		for i := range n {
			f(i)
		}
		return
	}
	if r.Room != nil {
		r.Room(min(n, limit))
	}
	var g errgroup.Group
	g.SetLimit(limit)
	for i := range n {
		g.Go(func() error {
			f(i)
			return nil
		})
	}
	_ = g.Wait() // f has no error
}

// each runs f on every target and joins the errors in the order of the
// targets. One that fails does not stop the others.
func (r *Run) each(targets []*target, f func(*target) error) error {
	errs := make([]error, len(targets))
	r.parallel(len(targets), func(i int) {
		errs[i] = r.step(targets[i].LUN, func() error { return f(targets[i]) })
	})
	return errors.Join(errs...)
}

// eachWhole is each for what must not stop half-way on a LUN: once ctx has
// ended no further LUN is begun, and those at hand are brought to an end. The
// error of one that was not begun is ErrNotBegun.
func (r *Run) eachWhole(ctx context.Context, targets []*target, f func(context.Context, *target) error) error {
	end, cancel := untilHurry(ctx, r.Hurry)
	defer cancel()
	return r.each(targets, func(t *target) error {
		if ctx.Err() != nil {
			return t.notBegun()
		}
		return f(end, t)
	})
}

// untilHurry is a context that outlives ctx until somebody is in a hurry; nil never is.
func untilHurry(ctx context.Context, hurry <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if hurry == nil {
		return ctx, cancel
	}
	go func() {
		select {
		case <-hurry:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// undoing is a context for what has to be undone after ctx may have ended.
func undoing(ctx context.Context, hurry <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := untilHurry(ctx, hurry)
	ctx, stop := context.WithTimeout(ctx, undoTime)
	return ctx, func() {
		stop()
		cancel()
	}
}

// survey reads all LUNs and judges them: errors if one cannot be read, if two
// names are one LUN, if another node is there by this host's identifier
// (ErrSameHost), or if there is a foreign key anywhere (one *ForeignKeyError a LUN). The targets come ordered, the arbiter first.
func (r *Run) survey(ctx context.Context, read func(*target, context.Context) error) ([]*target, error) {
	targets, err := r.gather(ctx, read)
	if err != nil {
		return nil, err
	}
	return targets, judge(targets, (*target).foreignError, func(t *target) error { return twinError(&t.position) })
}

// gather is survey for who does not mind foreign keys.
func (r *Run) gather(ctx context.Context, read func(*target, context.Context) error) ([]*target, error) {
	targets := make([]*target, len(r.LUNs))
	for i, l := range r.LUNs {
		targets[i] = r.target(l)
	}
	slices.SortFunc(targets, byWWID)
	if len(targets) > 1 && targets[0].WWID == "" {
		return nil, &LUNError{LUN: targets[0].Name, Err: ErrNoWWID}
	}
	for i := 1; i < len(targets); i++ {
		if a, b := targets[i-1], targets[i]; a.WWID == b.WWID {
			return nil, &SharedLUNError{Names: []string{a.Name, b.Name}, WWID: a.WWID}
		}
	}
	if err := r.each(targets, func(t *target) error { return read(t, ctx) }); err != nil {
		return nil, err
	}
	return targets, nil
}

// judge joins what is wrong with each target.
func judge(targets []*target, wrong ...func(*target) error) error {
	var errs []error
	for _, t := range targets {
		for _, f := range wrong {
			errs = append(errs, f(t))
		}
	}
	return errors.Join(errs...)
}

// byWWID orders LUNs in the same way on every node; the first is the arbiter.
func byWWID(a, b *target) int {
	if c := strings.Compare(a.WWID, b.WWID); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}
