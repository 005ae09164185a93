package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lunguard/pr"
)

// undoTime is what giving up may take after a run was cancelled.
const undoTime = 20 * time.Second

// Start brings the LUNs up on this node.
//
// In exclusive mode they are this node's alone afterwards: registered on every
// usable path, reserved Write Exclusive - Registrants Only, every other node's
// registration gone and its commands over. A LUN that was reserved stays so at
// every instant. The LUN with the lowest WWID is the arbiter. It is won first,
// the others follow, by its winner only. Without it two nodes could win one LUN
// each. Who has lost it once gives up.
//
// In shared mode this node registers, and the first one reserves.
//
// Who was fenced since it was booted does not start (LUN.Joined): what it has in memory must
// not go over what others have written since.
//
// Errors, joined where there are several: *LUNError, *SharedLUNError,
// *ForeignKeyError (nothing was changed, unless the key appeared in the middle),
// *LostError (another node has the LUNs; nothing of ours is left). ErrFenced (nothing was
// changed). ErrUnresolved
// and ErrPending say that the state is as it should be, and may not stay so.
func (r *Run) Start(ctx context.Context) error {
	targets, err := r.survey(ctx, func(t *target, ctx context.Context) error {
		t.Registers = true
		if err := t.survey(ctx); err != nil || r.Probe == nil || !needs(t) || !r.Probe(t.LUN) {
			return err
		}
		return t.probe(ctx)
	})
	if err != nil || len(targets) == 0 {
		return err
	}
	if err := r.each(targets, notFenced); err != nil {
		return err
	}
	if err := r.each(targets, func(t *target) error { return confirmPaths(ctx, t) }); err != nil {
		return err
	}
	if r.Strict {
		if err := r.each(targets, func(t *target) error { return answersOnAll(ctx, t) }); err != nil {
			return err
		}
	}
	if r.MayStart != nil {
		if err := r.MayStart(ctx); err != nil {
			return err
		}
	}
	begin, undo := r.takeAll, r.giveUp
	if r.Mode == Shared {
		begin, undo = r.joinAll, r.backOut
	}
	err = begin(ctx, targets)
	if err == nil {
		err = r.each(targets, (*target).unfinished)
	}
	if err == nil && r.Strict {
		err = r.each(targets, hasAllPaths)
	}
	if err != nil {
		// What was begun is brought to an end even if the run was cancelled.
		ctx, cancel := undoing(ctx, r.Hurry)
		defer cancel()
		return errors.Join(err, undo(ctx, targets, err))
	}
	for _, t := range targets {
		checkPaths(t)
	}
	return nil
}

// notFenced fails on a LUN if this node was fenced from it. Where nobody is registered the
// device has forgotten all, or somebody has cleared it, and everybody can write.
func notFenced(t *target) error {
	if t.Joined && len(t.Own()) == 0 && len(t.State.Registrations) > 0 {
		return &LUNError{LUN: t.Name, Err: ErrFenced}
	}
	return nil
}

// needs reports whether a start relies on what a device may lack: the first one does, for
// the failover to come, one that removes others, and one that joins them, for the fence.
// Found out after the first of several LUNs was taken, two nodes would have a part each.
func needs(t *target) bool { return t.State.Empty() || t.mustMark() }

// confirmPaths asks by each path whether it leads to the LUN, before anything is
// changed: one that leads elsewhere is no path that fails, but a host whose writes go
// elsewhere.
func confirmPaths(ctx context.Context, t *target) error {
	for p, err := range t.Each(ctx, t.Usable, pr.Confirm) {
		switch {
		case err == nil:
		case pr.PathFailed(err) && len(t.Usable) > 1:
			t.GiveUp(p, err)
		case pr.PathTroubled(err) && t.SetAside(p, err):
		default:
			return t.final(err)
		}
	}
	return nil
}

// answersOnAll asks on each path, before anything is changed.
func answersOnAll(ctx context.Context, t *target) error {
	var errs []error
	for _, err := range t.Each(ctx, t.Paths, readState) {
		errs = append(errs, t.final(err))
	}
	return errors.Join(errs...)
}

// readState asks a path for the state, for the sake of the answer.
func readState(ctx context.Context, p pr.Path) error {
	_, err := p.State(ctx)
	return err
}

// hasAllPaths fails unless each path is registered: by itself, or by a registration
// that the device says is for all of its ports.
func hasAllPaths(t *target) error {
	if len(t.Usable) < len(t.Paths) {
		return &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: %w", ErrPathLost, t.Failure)}
	}
	own := t.Own()
	if slices.ContainsFunc(own, func(r pr.Registration) bool { return r.AllPorts }) {
		return nil
	}
	for _, p := range t.Paths {
		if like := t.Likeness(p, own); like == pr.Unlike || like == pr.Perhaps && !t.isSure(p) {
			return &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: %s is not registered", ErrPathLost, p.Name())}
		}
	}
	return nil
}

// checkPaths warns if the device lists fewer registrations of ours than paths
// were registered, or some of the past.
func checkPaths(t *target) {
	switch n := len(t.Own()); {
	case n < len(t.Usable) && !t.hasHost() && !t.ForHost():
		t.run.log(Event{Action: PathsMissing, LUN: t.Name, Key: t.Me()})
	case n > len(t.Usable) && len(t.Past()) > 0:
		t.run.log(Event{Action: PastLeft, LUN: t.Name, Key: t.Me()})
	}
}

// takeAll wins the arbiter, then the other LUNs.
//
// On those, the order is: register, look at the arbiter, and only then reserve
// or preempt. A rival that has taken the arbiter looks at each LUN afterwards
// and removes what is registered there; so whoever saw the arbiter his after
// he had registered either comes before the rival, who will find him, or is no
// longer registered, and his command is refused. Looking first and registering
// later would let a node that has lost preempt the winner. One look serves for
// all LUNs.
func (r *Run) takeAll(ctx context.Context, targets []*target) error {
	arbiter, others := targets[0], targets[1:]
	if err := r.step(arbiter.LUN, func() error { return arbiter.drive(ctx, takeRows(nil)) }); err != nil {
		return err
	}
	if len(others) == 0 {
		return nil
	}
	// What was done to this run before it won is over.
	arbiter.removed = false
	if err := r.each(others, func(t *target) error { return enter(ctx, t, arbiter) }); err != nil {
		return err
	}
	if err := stillOurs(ctx, arbiter); err != nil {
		return err
	}
	for _, t := range others {
		t.looked = true
	}
	if err := r.each(others, func(t *target) error { return t.drive(ctx, takeRows(arbiter)) }); err != nil {
		return err
	}
	return r.step(arbiter.LUN, func() error { return confirm(ctx, arbiter) })
}

// enter registers the seat on a LUN for the first time.
func enter(ctx context.Context, t *target, arbiter *target) error {
	return t.drive(ctx, append(enterRows(arbiter), row{"the seat is registered", func(*position) bool { return true },
		func(*target) action { return action{kind: paused} }}))
}

// confirm looks at the arbiter after all other LUNs were won. If another node
// has registered meanwhile but not taken it, it is removed again; if it has been
// another node's in between, so may all the others have been.
func confirm(ctx context.Context, t *target) error {
	if err := t.read(ctx); err != nil {
		return err
	}
	if !t.IsMine() || t.removed {
		return lostError(t)
	}
	if err := t.drive(ctx, takeRows(nil)); err != nil || !t.removed {
		return err
	}
	return lostError(t)
}

// giveUp leaves the LUNs as they should be after a failed start. Who lost
// leaves nothing of his own. After any other failure those LUNs are left that
// were nobody's before; one that was taken from another node stays reserved,
// or that node could write again.
func (r *Run) giveUp(ctx context.Context, targets []*target, why error) error {
	var lost *LostError
	leaveAll := errors.As(why, &lost)
	return r.each(targets, func(t *target) error {
		if !t.touched {
			return nil
		}
		t.retry()
		if err := t.read(ctx); err != nil {
			return err
		}
		return t.drive(ctx, giveUpRows(leaveAll))
	})
}

// giveUpRows are what becomes of one LUN.
//
// A reservation that this run has taken from another node, and was not given by one that
// halts, is kept, with the mark if there
// is one: what is not known stays not known. If a command may still be on its way
// that takes the LUN, it is left registered: that one would find nobody
// registered, or, worse, be followed by what unregisters. Who has no business on
// the LUN unregisters: registered under the reservation of another node he could
// write. One who gives up because another node has won need not remove that one's
// reservation, or wait to be removed by it.
func giveUpRows(leaveAll bool) []row {
	return []row{
		{"nothing is registered", func(t *position) bool { return len(t.Own()) == 0 }, finish},
		{"a mark of this run is not needed any more", func(t *position) bool {
			return t.markedByUs() != nil && (t.IsMine() && !t.reserved || t.hadIt() && !leaveAll)
		},
			func(t *target) action { return unmarks(t, t.markedByUs()) }},
		{"this node had it before", func(t *position) bool { return t.hadIt() && !leaveAll }, finish},
		{"it was taken from another node", func(t *position) bool { return t.IsMine() && (t.took || t.open) && (!t.reserved || t.doubt) },
			func(t *target) action { return keeps(t, Kept) }},
		{"a command may still take it", func(t *position) bool { return t.open && !t.IsMine() && !leaveAll },
			func(t *target) action { return keeps(t, TakingOpen) }},
		{"a path is registered", func(t *position) bool { return t.leaves() != nil },
			func(t *target) action { return leave(t, t.leaves()) }},
		{"registrations are left that no path can take off", func(*position) bool { return true },
			func(*target) action { return fail(ErrNotUndone) }},
	}
}

func finish(*target) action { return action{kind: finished} }

// hadIt reports whether this node was registered before the run.
func (t *position) hadIt() bool { return t.before.Has(t.Me()) }

// keeps logs why the LUN is left as it is, and ends.
func keeps(t *target, why Action) action {
	e := Event{Action: why, LUN: t.Name, Key: t.Me()}
	if why == TakingOpen {
		e.Heir = Plain(t.Holder())
	}
	t.run.log(e)
	return action{kind: paused}
}

// leave unregisters a path. A conflict says that the registration has gone
// already, or that the key was another path's.
func leave(t *target, p pr.Path) action {
	r, sure, _ := t.Registration(p)
	if !sure {
		r.Key = t.likely(p)
	}
	a := t.unregisters(p, r.Key)
	a.ended = trying(t, p, r.Key, a.ended)
	return a
}

// trying notes that a path is not registered with the key that was quoted.
func trying(t *target, p pr.Path, key pr.Key, then func(end, error)) func(end, error) {
	return func(how end, err error) {
		then(how, err)
		if how == performed || how == refused && errors.Is(err, pr.ErrReservationConflict) {
			t.absent = append(t.absent, registeredPath{path: p, key: key})
		}
	}
}
