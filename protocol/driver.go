package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

const (
	// maxRounds bounds how often a protocol reads and decides anew because
	// others changed the state under it. Each rival that loses stops, so the
	// number of rounds is bounded by the number of nodes; more is a device that
	// lies.
	maxRounds = 4 * MaxMembers
	// maxFailures is how often a device may fail a command before its error is
	// the run's.
	maxFailures = 3
	// maxContradictions is how often a device may list a key by one command and not by
	// another: somebody may have come and gone in between.
	maxContradictions = 3
	// maxBusy is how often in a row a device may be too busy for a command until
	// what it was decided on is too old: with maxAge a minute, in which a controller
	// of an array fails over.
	maxBusy = 6
	// maxSlow is how often in a row the state may be too old to act on by the
	// time that it has been read.
	maxSlow = 3
)

// target is a LUN in the hands of a running protocol, which sends commands to it.
type target struct {
	position
	run *Run
}

func (r *Run) target(l *LUN) *target {
	h := &unit.Host{Members: r.Members, Node: r.Node, Now: r.now, PathFailed: func(l *LUN, p pr.Path, err error) {
		r.log(Event{Action: PathFailed, LUN: l.Name, Path: p.Name(), Err: err})
	}}
	t := &target{position: position{Unit: h.Unit(l), mode: r.Mode, preferred: r.SharedType}, run: r}
	t.Alone = r.Mode == Exclusive
	return t
}

// final makes an error that ends the run say which LUN it is about.
func (t *target) final(err error) error {
	switch err.(type) {
	case nil, *LUNError, *ForeignKeyError, *LostError, *StrayPortError, *IncompleteError, *OtherKeysError, *ProtectedError, *NotUpHereError:
		return err
	}
	return &LUNError{LUN: t.Name, Err: err}
}

// foreignError is the error of a LUN with foreign keys, nil if there are none.
func (t *target) foreignError() error {
	if keys := t.Foreign(); len(keys) > 0 {
		return &ForeignKeyError{LUN: t.Name, Keys: keys}
	}
	return nil
}

// twinError is ErrSameHost if another node is registered by what the device knows this host
// by: two machines have one host identifier, as clones of an installation do. Each registers
// in the other's place, both write, and what is read or done of one is of both. It is
// ErrShifted if the keys are not those by which the hosts are registered.
func twinError(t *position) error {
	twin, is := twinOf(t)
	if !is {
		return shiftError(t, false)
	}
	n, _ := t.Members().Of(twin.Key)
	return &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: %v has the key of %s", ErrSameHost, twin.Initiator, n.Name)}
}

// notBegun is the error of a LUN that was left as it was.
func (t *target) notBegun() error { return &LUNError{LUN: t.Name, Err: ErrNotBegun} }

// survey reads what the device can do and its state.
func (t *target) survey(ctx context.Context) error {
	if err := t.capabilities(ctx); err != nil {
		return err
	}
	return t.surveyState(ctx)
}

// capabilities asks what the device can do.
func (t *target) capabilities(ctx context.Context) error { return t.final(t.ReadCapabilities(ctx)) }

// probe asks whether the device can do what a failover will need. ErrNoAbort if it says
// that it cannot. That it cannot keep registrations through power loss is only said.
func (t *target) probe(ctx context.Context) error {
	t.Probe(ctx)
	if t.Caps != nil && t.Caps.PreemptAndAbort == pr.CanNot {
		return t.final(ErrNoAbort)
	}
	if t.Caps != nil && !t.Caps.Persists {
		t.run.log(Event{Action: Forgets, LUN: t.Name})
	}
	return nil
}

// surveyState reads the state, and asks for persistence through power loss as
// long as the device does not refuse it.
func (t *target) surveyState(ctx context.Context) error {
	if t.Caps == nil {
		t.APTPL = true
	}
	if err := t.Load(ctx); err != nil {
		return t.final(err)
	}
	t.found()
	return nil
}

// read brings the state up to date and compares it with the claim.
func (t *target) read(ctx context.Context) error {
	generation := uint32(0)
	if t.State != nil {
		generation = t.State.Generation
	}
	if err := t.Load(ctx); err != nil {
		return t.final(err)
	}
	t.noticeRemoval(generation)
	return nil
}

// lookAgain reads a LUN for the sake of another one, by these paths and with a state
// of its own. Several LUNs may ask at once; a path carries one command at a time.
func (t *target) lookAgain(ctx context.Context, paths []pr.Path) (*target, error) {
	t.run.looking.Lock()
	defer t.run.looking.Unlock()
	look := *t
	look.Usable = slices.Clone(paths)
	return &look, look.read(ctx)
}

// kind is what a protocol wants next.
type kind uint8

const (
	// finished: the goal is reached by the state as it is expected. If anything
	// was sent since the last reading, that is read back first.
	finished kind = iota
	// paused: enough for now; what was sent is read back later.
	paused
	// failed: there is an error.
	failed
	// reading: nothing can be decided before the state is read.
	reading
	// asking: something else has to be looked at first.
	asking
	// sending: a command.
	sending
)

// action is the next step of a protocol on a LUN.
type action struct {
	kind kind
	err  error
	ask  func(context.Context) error
	// path and event tell of the command, send sends it.
	path  pr.Path
	event Event
	send  func(context.Context) error
	// effect notes what the command does to the state if it is performed, and
	// reports whether that is known.
	effect func() bool
	// ended notes in the claim how the command ended.
	ended func(end, error)
	// anyAge: it quotes the key that it changes, and so is safe however old the
	// decision is.
	anyAge bool
	// persists: it has the bit that keeps registrations through power loss.
	persists bool
	// unsupported: the protocol has another way if the device cannot do it.
	unsupported bool
}

// end is how a command ended.
type end uint8

const (
	// performed: the device says that it did it.
	performed end = iota
	// refused: the device says that it did not.
	refused
	// unsent: it never left this host.
	unsent
	// unknown: it may have been performed, and may still be.
	unknown
)

func endOf(err error) end {
	switch {
	case err == nil:
		return performed
	case pr.OutcomeUnknown(err), pr.StillUnderWay(err):
		return unknown
	case errors.Is(err, pr.ErrStale), errors.Is(err, context.Canceled), errors.Is(err, pr.ErrTimeout), errors.Is(err, pr.ErrStillUnderWay):
		return unsent
	}
	return refused
}

// row is one line of a protocol: if it applies, that is what is done. Of
// several that apply it is the first.
type row struct {
	name    string
	applies func(*position) bool
	act     func(*target) action
}

// decide finds the row that applies.
func (t *target) decide(rows []row) action {
	for _, r := range rows {
		if r.applies(&t.position) {
			return r.act(t)
		}
	}
	return action{kind: finished}
}

// drive carries a protocol out until its goal is reached, or cannot be. After a
// command that was performed its effect is expected; after any other end the
// state is read. The goal counts only if it was read.
func (t *target) drive(ctx context.Context, rows []row) error {
	slow, before := 0, t.pending
	most := maxRounds + 8*len(t.Paths)
	for rounds, steps := 0, 0; rounds < maxRounds && steps-rounds < most; steps++ {
		if len(t.Usable) == 0 {
			t.TakeUp()
		}
		if t.Unread {
			if err := t.read(ctx); err != nil {
				return t.doubtful(err)
			}
			rounds++
		}
		a := t.decide(rows)
		if (a.kind == failed || a.kind == finished && !t.Changed) && t.TakeUp() {
			a = action{kind: reading}
		}
		switch a.kind {
		case paused:
			return nil
		case failed:
			return t.doubtful(t.final(a.err))
		case finished:
			if !t.Changed {
				return nil
			}
			t.Unread = true
		case reading:
			t.Unread = true
		case asking:
			if err := a.ask(ctx); err != nil {
				return err
			}
		case sending:
			if !a.anyAge && !t.Fresh() {
				if slow++; slow > maxSlow {
					return t.final(ErrTooSlow)
				}
				t.Unread = true
				continue
			}
			slow = 0
			if err := t.carryOut(ctx, a); err != nil {
				return t.doubtful(err)
			}
			if t.pending != nil && before == nil {
				// Until the kernel gives it back nothing of it can be known, and a
				// target may hold locked what it works on.
				return t.doubtful(t.unfinished())
			}
		}
	}
	return t.final(ErrUnsettled)
}

// doubtful adds to an error that ends a run what is not known beside it.
func (t *target) doubtful(err error) error {
	if !t.doubt || errors.Is(err, ErrUnresolved) {
		return err
	}
	return errors.Join(&LUNError{LUN: t.Name, Err: ErrUnresolved}, err)
}

// carryOut sends a command and notes how it ended. The error is nil if the
// protocol can go on, deciding on what is known then.
func (t *target) carryOut(ctx context.Context, a action) error {
	return t.goesOn(a, t.send(ctx, a))
}

// send sends a command and notes how it ended. The error is nil if it was
// performed.
func (t *target) send(ctx context.Context, a action) error {
	select {
	case <-t.run.Hurry:
		return &LUNError{LUN: t.Name, Err: context.Canceled}
	default:
	}
	if !a.anyAge {
		ctx = pr.WhileFresh(ctx, t.Fresh)
	}
	e := a.event
	e.LUN, e.Generation = t.Name, t.State.Generation
	if e.Path == "" {
		e.Path = a.path.Name()
	}
	err := t.Send(ctx, a.path, !t.dispensable(a.path), a.send)
	e.Err = err
	t.run.log(e)
	how := endOf(err)
	t.Changed = t.Changed || how != unsent
	t.touched = t.touched || how == performed || how == unknown
	switch how {
	case performed:
		t.Unread = a.effect == nil || !a.effect()
	case refused:
		t.Unread = errors.Is(err, pr.ErrReservationConflict) || errors.Is(err, pr.ErrUnitAttention) || a.unsupported
	default:
		t.Unread = true
	}
	if pr.StillUnderWay(err) {
		t.pending = err
	}
	if a.ended != nil {
		a.ended(how, err)
	}
	t.DropIfFailed(a.path, err)
	if errors.Is(err, pr.ErrBusy) {
		t.SetAside(a.path, err)
	}
	if errors.Is(err, pr.ErrStateChanged) {
		t.drain(ctx, a.path)
	}
	return err
}

// dispensable reports whether others are registered beside the path, which is not.
func (t *target) dispensable(p pr.Path) bool {
	return !t.isSure(p) && slices.ContainsFunc(t.Usable, t.isSure)
}

// drain takes the unit attentions off the other paths, once a run: one that is
// found on one path, from before, is most often pending on the others, too, and
// each would cost a reading.
func (t *target) drain(ctx context.Context, but pr.Path) {
	if t.drained {
		return
	}
	t.drained = true
	others := slices.DeleteFunc(slices.Clone(t.Usable), func(p pr.Path) bool { return p == but })
	for p, err := range t.Drain(ctx, others) {
		t.DropIfFailed(p, err)
	}
}

// goesOn is nil if after this error the protocol can decide anew: others
// changed something, it is open what the command did, the path is gone, or the
// device does not take a bit that can be left out.
func (t *target) goesOn(a action, err error) error {
	persistence := t.APTPL && a.persists && refusesPersistence(err)
	switch {
	case err == nil:
		t.failures, t.busy = 0, 0
		return nil
	case errors.Is(err, pr.ErrBusy) && len(t.Usable) > 0 && !slices.Contains(t.Usable, a.path):
		// Another path is tried.
		return nil
	case errors.Is(err, pr.ErrBusy) && !a.anyAge && !t.Fresh():
		if t.busy++; t.busy >= maxBusy || t.Impatient() {
			return t.final(err)
		}
		return nil
	case persistence:
		t.APTPL = false
		if a.event.Action == Registered {
			t.run.log(Event{Action: NotPersistent, LUN: t.Name, Path: a.path.Name(), Err: err})
		}
		return nil
	case a.unsupported && errors.Is(err, pr.ErrUnsupported):
		return nil
	case a.event.Action == Preempted && errors.Is(err, pr.ErrNoReservations):
		// It has them: this run has registered there.
		return t.final(fmt.Errorf("%w: %w", ErrNoAbort, err))
	case errors.Is(err, context.Canceled):
		return t.final(err)
	case a.event.Action == Reset:
		// The claim has it.
		return nil
	case errors.Is(err, pr.ErrDevice) && !pr.PathFailed(err):
		if t.failures++; t.failures >= maxFailures {
			if !errors.Is(err, pr.ErrAborted) || len(t.Usable) < 2 {
				return t.final(err)
			}
			// The device does not do it by this path.
			t.GiveUp(a.path, err)
			t.failures, t.Unread = 0, true
			return nil
		}
		if pr.OutcomeUnknown(err) {
			return nil
		}
	case errors.Is(err, pr.ErrReservationConflict), errors.Is(err, pr.ErrStateChanged), errors.Is(err, pr.ErrStale),
		pr.OutcomeUnknown(err), pr.PathFailed(err):
		t.failures = 0
		return nil
	}
	return t.final(err)
}

// refusesPersistence reports whether err is how devices refuse APTPL: invalid
// field, or not ready because there is nowhere to store it.
func refusesPersistence(err error) bool {
	return errors.Is(err, pr.ErrUnsupported) && !errors.Is(err, pr.ErrNoReservations) || errors.Is(err, pr.ErrCannotStore)
}

// unfinished is the error of a target whose goal was reached but that may still
// be changed by a command of this run.
func (t *target) unfinished() error {
	if t.pending == nil {
		return nil
	}
	return &LUNError{LUN: t.Name, Err: errors.Join(ErrPending, t.pending)}
}
