package session

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// Task is what a protocol is run for.
type Task struct {
	Deed front.Deed
	// Victim is whom a fence is against.
	Victim cluster.Node
	// Evicts is the foreign key that an eviction is against.
	Evicts pr.Key
	// Only is the key without which a LUN is not cleaned up.
	Only pr.Key
	// Group is the volume group within which is copied.
	Group string
}

// Perform runs a protocol that changes LUNs, or rehearses it. How it ended goes
// into the log. If a signal has ended it, the error tells what is left.
func (s *Session) Perform(run *PackageRun, o *Opened, t Task, do func(context.Context) error) error {
	if o.Rehearse {
		return s.rehearse(run, o, t, do)
	}
	run.Hurry = front.WhileChanging(s.Ctx)
	seen := s.SayInterrupted(t.finishing())
	begin := time.Now()
	s.noteBegin(run, t.Deed)
	err := do(s.Ctx)
	if t.Deed == front.DeedHalt {
		DiaryOf(s).sayOpened(run, o)
		DiaryOf(s).left(run, o)
	}
	if err == nil {
		s.noteEnd(run, t)
	}
	seen()
	sig := front.SignalOf(s.Ctx)
	s.record.foreign(run, err)
	if err == nil && len(o.changes) == 0 && (t.Deed == front.DeedRepair || t.Deed == front.DeedReadmit) {
		// A look that found nothing to mend: udev and cron have many.
		return nil
	}
	e := front.NewEntry(t.Deed)
	whose(e, run)
	e.Field(front.FieldGroup, t.Group)
	AddKey(e, front.FieldVictim, cmp.Or(t.Victim.Key, t.Evicts))
	e.Field(front.FieldLUNs, strconv.Itoa(len(run.LUNs)))
	e.Field(front.FieldSent, strconv.FormatInt(o.sent.Load(), 10))
	e.Took(begin)
	s.record.End(e, err, sig)
	if err != nil && sig != nil {
		return s.account(run, o, t, sig, err)
	}
	return err
}

// finishing says what goes on after the first signal.
func (t Task) finishing() string {
	if t.Deed == front.DeedStart || t.Deed == front.DeedKeep {
		return "undoing what was begun"
	}
	return "finishing the LUNs at hand"
}

// accountTime is what reading may take that tells what is left.
const accountTime = 2 * time.Second

// account says what is left on each LUN after a signal has ended a run: first
// what else went wrong, then the state as it is now.
func (s *Session) account(run *PackageRun, o *Opened, t Task, sig *front.SignalError, err error) error {
	errs := []error{sig}
	for _, leaf := range words.Leaves(err) {
		if !byInterruption(leaf) {
			errs = append(errs, leaf)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Ctx), accountTime)
	defer cancel()
	look := &protocol.Run{LUNs: run.LUNs, Room: run.Room}
	clean := 0
	for _, now := range look.Show(ctx) {
		if text := t.left(run, now, o.changes[now.LUN]); text != "" {
			errs = append(errs, &leftError{lun: now.LUN, what: text, hint: t.next(run)})
		} else {
			clean++
		}
	}
	if clean == len(run.LUNs) {
		errs = append(errs, &leftError{lun: "all LUNs", what: t.nothing(), hint: t.next(run)})
	}
	return errors.Join(errs...)
}

// byInterruption reports whether an error says no more than that a signal came.
func byInterruption(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, protocol.ErrNotBegun)
}

// left says what is left on a LUN that the task was to change, empty if that
// is as it should be. changes are those that this run has sent there.
func (t Task) left(run *PackageRun, s protocol.Status, changes []string) string {
	if s.Err != nil {
		text := "unknown, it cannot be read: " + words.Reason(s.LUN, s.Err)
		if len(changes) > 0 {
			text += "; sent were " + strings.Join(changes, ", ")
		}
		return text
	}
	own := protocol.IsOn(s.State, run.Node.Key)
	switch t.Deed {
	case front.DeedStart, front.DeedKeep, front.DeedHalt:
		if !own && len(changes) == 0 {
			return ""
		}
		if !own && t.Deed == front.DeedHalt {
			return ""
		}
	case front.DeedFence:
		if !protocol.IsOn(s.State, t.Victim.Key) && !protocol.IsMarked(s.State, run.Node.Key, protocol.TakingMark) {
			return ""
		}
	case front.DeedEvict:
		if !s.State.Has(t.Evicts) && !protocol.IsMarked(s.State, run.Node.Key, protocol.TakingMark) {
			return ""
		}
	case front.DeedCleanup:
		if len(s.State.Registrations) == 0 && s.State.Reservation == nil || t.Only != 0 && !s.State.Has(t.Only) {
			return ""
		}
	default:
		if len(changes) == 0 {
			return "as it was: " + words.OnLUN(run.Config, run.Node, s.State)
		}
	}
	return words.OnLUN(run.Config, run.Node, s.State)
}

// nothing says that no LUN is left half-way.
func (t Task) nothing() string {
	switch t.Deed {
	case front.DeedStart, front.DeedKeep, front.DeedHalt:
		return "nothing of this node is left"
	case front.DeedFence:
		return t.Victim.Name + " is registered on none"
	case front.DeedEvict:
		return "key " + t.Evicts.String() + " is registered on none"
	}
	return "nothing is left half-way"
}

// next is what can be done about what is left.
func (t Task) next(run *PackageRun) string {
	switch t.Deed {
	case front.DeedStart:
		return "run pr_start " + run.Package.Name + " again, or pr_halt " + run.Package.Name + " to give up what this node has"
	case front.DeedKeep:
		return "fence the node again: it may be able to write"
	case front.DeedHalt:
		return "run pr_halt " + run.Package.Name + " again"
	case front.DeedFence:
		return "run pr_fence " + t.Victim.Name + " " + run.Package.Name + " again: only then can it no longer write"
	case front.DeedEvict:
		return "run pr_fence --key " + t.Evicts.String() + " " + run.Package.Name + " again: only then can it no longer write"
	case front.DeedCleanup:
		return "run pr_cleanup again"
	case front.DeedCopy:
		return "run it again, it goes on from there"
	}
	return "run pr_check --repair again"
}

// leftError says how a LUN was left when a run was ended.
type leftError struct{ lun, what, hint string }

func (e *leftError) Error() string { return e.Message().Text() }

func (e *leftError) Message() words.Message {
	return words.Message{Subject: e.lun, What: e.what, Hint: e.hint, Status: words.ExitFailed}
}
