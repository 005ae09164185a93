package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"lunguard/cluster"
	"lunguard/commands/runpkg"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// StartLUNs brings the LUNs up, unless that took them back while they are in use
// here, which is asked last: what is read before may take as long as a path does not answer.
func (s *Session) StartLUNs(ctx context.Context, run *PackageRun) error {
	if err := DiaryOf(s).Recall(run); err != nil {
		return err
	}
	run.MayStart = func(ctx context.Context) error { return s.MayTake(ctx, run) }
	root, rootErr := PackagesFolder(s.Call)
	var known, now []string
	if rootErr == nil {
		known = runpkg.Asked(root, run.Package.Name)
	}
	var mu sync.Mutex
	run.Probe = func(l *protocol.LUN) bool {
		if l.WWID != "" && slices.Contains(known, l.WWID) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		now = append(now, l.WWID)
		return true
	}
	err := DiaryOf(s).startUnfenced(ctx, run)
	if err == nil && len(now) > 0 && !run.opened.Rehearse {
		s.remember(run.Package, func(root string) error { return runpkg.NoteAsked(root, run.Package.Name, now) })
	}
	return err
}

// Follow makes the run tell what it does: the log, the terminal, and, as far as
// the flags want it, people.
func (s *Session) Follow(run *PackageRun, o *Opened) {
	if o.serial {
		run.Parallel = 1
	}
	if o.Rehearse {
		// One LUN after the other: a rehearsal is the same each time.
		run.Parallel = 1
	}
	o.Watch(run)
	o.Say = func(e protocol.Event) { s.sayEvent(run.Config, e) }
	run.Log = func(e protocol.Event) {
		s.Alone(func() { s.tell(run, o, e) })
	}
}

// tell tells an event to all who are told.
func (s *Session) tell(run *PackageRun, o *Opened, e protocol.Event) {
	if e.Change() && !isRegistered(e) {
		o.left[e.LUN] = e.Err == nil && leaves(e.Action)
		o.changes[e.LUN] = append(o.changes[e.LUN], words.Change(run.Config, e)+words.Outcome(e))
	}
	if !isRegistered(e) {
		s.record.event(run, e)
	}
	o.Say(e)
}

// leaves reports whether a change that was made has taken the registration off by which
// it was sent.
func leaves(a protocol.Action) bool {
	return a == protocol.Unregistered || a == protocol.Cleared || a == protocol.Moved
}

// isRegistered reports whether the event is a repair that was told that the path
// is registered already, which is how it finds out.
func isRegistered(e protocol.Event) bool {
	return e.Action == protocol.Readmitted && errors.Is(e.Err, pr.ErrReservationConflict)
}

// sayEvent says a change or a warning.
func (s *Session) sayEvent(conf *cluster.Config, e protocol.Event) {
	switch {
	case e.Action == protocol.NothingLeft:
		if s.Verbose() {
			fmt.Fprintln(s.Out, words.Event(conf, e))
		}
	case !e.Change():
		s.Warn("%s", words.Event(conf, e))
	case s.Verbose():
		fmt.Fprintln(s.Out, words.Event(conf, e)+words.Outcome(e))
	}
}
