package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lunguard/scsi"
)

// undoTime is what giving up may take after a run was cancelled.
const undoTime = 20 * time.Second

// Start brings the LUNs of the package up on this node.
//
// A failover package's are this node's alone afterwards: registered on every
// usable path, reserved Write Exclusive - Registrants Only, every other node's
// registration gone. A LUN that was reserved stays so at every instant. The
// LUN with the lowest WWID is the arbiter. It is won first, the others follow,
// by its winner only. Without it two nodes could win one LUN each.
//
// A multi-node package's are shared: this node registers, and the first one
// reserves.
//
// Errors, joined where there are several: *NotMemberError, *LUNError,
// *SharedLUNError, *ForeignKeyError (nothing was changed, unless the key
// appeared in the middle), *LostError (another node has the package; nothing
// of ours is left).
func (r *Run) Start(ctx context.Context) error {
	targets, err := r.survey(ctx, func(ctx context.Context, t *target) error { return t.survey(ctx) })
	if err != nil || len(targets) == 0 {
		return err
	}
	if r.Strict {
		if err := r.each(targets, func(t *target) error { return t.answersOnAll(ctx) }); err != nil {
			return err
		}
	}
	begin, undo := r.takeAll, r.giveUp
	if r.Mode != Exclusive {
		begin, undo = r.joinAll, r.backOut
	}
	err = begin(ctx, targets)
	if err == nil && r.Strict {
		err = r.each(targets, (*target).hasAll)
	}
	if err != nil {
		// What was begun is brought to an end even if the run was cancelled.
		ctx, cancel := r.undoing(ctx)
		defer cancel()
		return errors.Join(err, undo(ctx, targets, err))
	}
	return nil
}

// answersOnAll asks on each path, before anything is changed.
func (t *target) answersOnAll(ctx context.Context) error {
	var errs []error
	for _, p := range t.Paths {
		if _, err := p.State(ctx); err != nil {
			errs = append(errs, &LUNError{LUN: t.Name, Err: err})
		}
	}
	return errors.Join(errs...)
}

// hasAll fails if a path was given up.
func (t *target) hasAll() error {
	if len(t.usable) == len(t.Paths) {
		return nil
	}
	return &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: %w", ErrPathLost, t.failure)}
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
	if !r.keeps(ruleArbiter) {
		return r.each(targets, func(t *target) error { return t.take(ctx, nil) })
	}
	if err := r.step(arbiter.LUN, func() error { return arbiter.take(ctx, nil) }); err != nil {
		return err
	}
	if len(others) == 0 {
		return nil
	}
	for range maxRounds {
		arbiter.lapsed = false
		if err := r.takeOthers(ctx, arbiter, others); err != nil {
			return err
		}
		if err := r.step(arbiter.LUN, func() error { return arbiter.confirm(ctx) }); err != nil {
			return err
		}
		if !arbiter.lapsed || !r.keeps(ruleAfresh) {
			return nil
		}
		// Another node has had the arbiter meanwhile, and gave it up again. It
		// may have taken any of the others, too.
	}
	return &LUNError{LUN: arbiter.Name, Err: ErrUnsettled}
}

// takeOthers wins the LUNs that are not the arbiter.
func (r *Run) takeOthers(ctx context.Context, arbiter *target, others []*target) error {
	if !r.keeps(ruleLookLast) {
		if err := arbiter.stillOurs(ctx); err != nil {
			return err
		}
	}
	if err := r.each(others, func(t *target) error { return t.enter(ctx) }); err != nil {
		return err
	}
	if r.keeps(ruleLookLast) {
		if err := arbiter.stillOurs(ctx); err != nil {
			return err
		}
	}
	return r.each(others, func(t *target) error { return t.take(ctx, arbiter) })
}

// enter registers on a LUN for the first time. If others interfere, that is
// for take to sort out.
func (t *target) enter(ctx context.Context) error {
	err := t.register(ctx)
	if err != nil && !again(err) {
		return t.final(err)
	}
	t.entered, t.looked = err == nil, err == nil
	return nil
}

// lost says who has the LUN now.
func (t *target) lost() error {
	e := &LostError{LUN: t.Name, Winner: t.owner()}
	if n, ok := t.run.Members.Of(e.Winner); ok {
		e.Node = n.Name
	}
	return e
}

// stillOurs reads the arbiter for the sake of another LUN, with a state of its
// own. Several LUNs may ask at once; a path carries one command at a time.
func (t *target) stillOurs(ctx context.Context) error {
	t.run.looking.Lock()
	defer t.run.looking.Unlock()
	look := *t
	look.usable = slices.Clone(t.usable)
	if err := look.read(ctx); err != nil {
		return err
	}
	if look.state.HeldBy(t.run.Node.Key) {
		return nil
	}
	return look.lost()
}

// confirm looks at the arbiter after all other LUNs were won. If another node
// has registered meanwhile but not taken it, it is removed again.
func (t *target) confirm(ctx context.Context) error {
	if err := t.read(ctx); err != nil {
		return err
	}
	if t.exclusive() {
		return nil
	}
	if t.beaten() {
		return t.lost()
	}
	t.entered = t.state.Has(t.run.Node.Key)
	return t.take(ctx, nil)
}

// take makes the LUN this node's alone. arbiter is the LUN that has been won
// before, nil if this is it.
func (t *target) take(ctx context.Context, arbiter *target) error {
	key := t.run.Node.Key
	var last error
	for range maxRounds {
		last = t.seize(ctx, arbiter)
		if last != nil && (!again(last) || t.hopeless(last)) {
			return t.final(last)
		}
		if err := t.read(ctx); err != nil {
			return err
		}
		if keys := t.foreign(); len(keys) > 0 {
			return &ForeignKeyError{LUN: t.Name, Keys: keys}
		}
		if t.enrolled && t.exclusive() && !t.haunted() {
			t.checkPaths()
			return nil
		}
		if arbiter == nil && t.beaten() {
			return t.lost()
		}
		t.entered = last == nil && t.state.Has(key)
	}
	return &LUNError{LUN: t.Name, Err: errors.Join(ErrUnsettled, last)}
}

// checkPaths warns if the device lists fewer registrations of ours than paths
// were registered, or some of the past.
func (t *target) checkPaths() {
	switch n := t.state.Count(t.run.Node.Key); {
	case n < len(t.usable):
		t.run.log(Event{Action: PathsMissing, LUN: t.Name, Key: t.run.Node.Key})
	case n > len(t.usable) && len(t.past()) > 0:
		t.run.log(Event{Action: PastLeft, LUN: t.Name, Key: t.run.Node.Key})
	}
}

// seize sends, once each, the commands that the state asks for: registration
// first, unless it stands already, and then, if there is an arbiter, nothing
// without having looked at it since.
func (t *target) seize(ctx context.Context, arbiter *target) error {
	key := t.run.Node.Key
	if err := t.admit(ctx, arbiter); err != nil {
		return err
	}
	held := t.state.Reservation
	switch {
	case held == nil:
		if err := t.reserve(ctx); err != nil {
			return err
		}
	case held.Type.AllRegistrants():
		// Victim 0 removes every other registration and moves the
		// reservation to us, in one step.
		t.reserved = false
		return t.preempt(ctx, 0)
	case held.Key == key && held.Type == reservationType && held.Scope == scsi.LUScope && !t.haunted():
	case held.Key == key:
		// A holder preempts itself to change the type, or to be rid of nexuses
		// of the past; that takes its other paths' registrations away.
		t.swept = true
		if err := t.preempt(ctx, key); err != nil {
			return err
		}
		t.sure = t.usable[:1:1]
		if err := t.register(ctx); err != nil {
			return err
		}
	default:
		t.reserved = false
		if err := t.preempt(ctx, held.Key); err != nil {
			return err
		}
	}
	for _, k := range t.state.Keys() {
		if k == key || held != nil && k == held.Key {
			continue
		}
		if err := t.preempt(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// admit registers, unless the registration stands already, and makes sure then
// that the package has not passed to another node: by a look at the arbiter,
// or, on the arbiter itself, by one at the LUN if this run was removed from it
// before. The look is not spared in later rounds: two nodes that both believe
// the arbiter theirs would remove each other's registration for ever.
func (t *target) admit(ctx context.Context, arbiter *target) error {
	entered, looked := t.entered, t.looked
	t.entered, t.looked = false, false
	look := arbiter != nil && !looked && (!entered || t.run.keeps(ruleLookEachTime))
	if look && !t.run.keeps(ruleLookLast) {
		look = false
		if err := arbiter.stillOurs(ctx); err != nil {
			return err
		}
	}
	if !entered {
		if err := t.register(ctx); err != nil {
			return err
		}
	}
	if look {
		return arbiter.stillOurs(ctx)
	}
	if !entered && t.removed && arbiter == nil {
		if err := t.read(ctx); err != nil {
			return err
		}
		if t.beaten() {
			return t.lost()
		}
	}
	return nil
}

// beaten reports whether another node has won the LUN: this run's registration
// was taken off, and somebody else holds the reservation. If nobody does, a
// halt has cleared the LUN, and all who are starting begin anew; who reserves
// first wins.
func (t *target) beaten() bool {
	key := t.run.Node.Key
	if len(t.sure) > 0 && !t.state.Has(key) {
		t.wasRemoved()
	}
	held := t.state.Reservation
	return t.removed && held != nil && held.Key != key
}

// wasRemoved notes that another node took this run's registration off.
func (t *target) wasRemoved() { t.removed, t.lapsed, t.sure = true, true, nil }

// register makes our key the registration of every usable path, one after the
// other: arrays stall on several at once. Paths that fail are given up.
//
// A path that this run has registered before is registered again by quoting
// the key. A conflict then says that the registration was removed, which a
// path that was registered later would hide: the paths of a node share a key.
func (t *target) register(ctx context.Context) error {
	any := false
	t.enrolled = false
	for _, p := range slices.Clone(t.usable) {
		if err := t.refresh(ctx, any); err != nil {
			return err
		}
		err := t.registerPath(ctx, p)
		switch {
		case err == nil:
			any, t.registered = true, true
			if !slices.Contains(t.sure, p) {
				t.sure = append(t.sure, p)
			}
		case pathFailed(err):
			// It may have taken effect.
			t.registered = true
			t.dropIfFailed(p, err)
		case any && errors.Is(err, scsi.ErrReservationConflict) && t.perHost(ctx):
			t.run.log(Event{Action: PerHost, LUN: t.Name, Path: p.Name()})
		default:
			// It may have taken effect, and is to be undone then.
			t.registered = t.registered || scsi.OutcomeUnknown(err)
			return err
		}
	}
	if len(t.usable) == 0 {
		return t.noPath()
	}
	t.enrolled = true
	return nil
}

// refresh reads anew if the decision to register has grown old, and lets it
// stand if nothing speaks against it. Slow arrays take seconds a path.
func (t *target) refresh(ctx context.Context, registered bool) error {
	if !t.stale() {
		return nil
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	if keys := t.foreign(); len(keys) > 0 {
		return &ForeignKeyError{LUN: t.Name, Keys: keys}
	}
	if registered && !t.state.Has(t.run.Node.Key) {
		return errStale
	}
	return nil
}

// perHost looks whether the device took the first path's registration for all
// of this host's paths and refuses another.
func (t *target) perHost(ctx context.Context) bool {
	return t.read(ctx) == nil && t.state.Has(t.run.Node.Key)
}

// registerPath registers one path; without persistence through power loss if
// the device refuses that.
func (t *target) registerPath(ctx context.Context, p Nexus) error {
	key := t.run.Node.Key
	quote := t.run.keeps(ruleQuoteOwn) && slices.Contains(t.sure, p)
	register := func() error {
		return t.out(p, Event{Action: Registered, Key: key}, func() error {
			if quote {
				return p.Register(ctx, key, key, t.aptpl)
			}
			return p.RegisterAndIgnore(ctx, key, t.aptpl)
		})
	}
	err := register()
	if quote && errors.Is(err, scsi.ErrReservationConflict) {
		t.wasRemoved()
	}
	if t.aptpl && refusesPersistence(err) {
		t.aptpl = false
		t.run.log(Event{Action: NotPersistent, LUN: t.Name, Path: p.Name(), Err: err})
		err = register()
	}
	return err
}

// refusesPersistence reports whether err is how devices refuse APTPL: invalid
// field, or not ready because there is nowhere to store it.
func refusesPersistence(err error) bool {
	return errors.Is(err, scsi.ErrUnsupported) && scsi.ASCOf(err) != scsi.InvalidOpcode ||
		scsi.ASCOf(err) == scsi.CommunicationFailure
}

func (t *target) reserve(ctx context.Context) error {
	key := t.run.Node.Key
	t.reserved = true
	return t.onRegisteredPath(Event{Action: Reserved, Key: key}, func(p Nexus) error {
		return p.Reserve(ctx, key, reservationType)
	})
}

func (t *target) preempt(ctx context.Context, victim scsi.Key) error {
	key := t.run.Node.Key
	return t.onRegisteredPath(Event{Action: Preempted, Key: key, Victim: victim}, func(p Nexus) error {
		return p.PreemptAndAbort(ctx, key, victim, reservationType)
	})
}

// onRegisteredPath sends a command on the first usable path. If the path
// fails it is given up, and the error asks for deciding anew.
func (t *target) onRegisteredPath(e Event, send func(Nexus) error) error {
	if len(t.usable) == 0 {
		return t.noPath()
	}
	p := t.usable[0]
	err := t.out(p, e, func() error { return send(p) })
	t.dropIfFailed(p, err)
	return err
}
