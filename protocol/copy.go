package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// Copied is what was copied to one LUN.
type Copied struct {
	LUN string
	// Keys are the registered keys, ascending, Holder the reservation's.
	Keys   []pr.Key
	Holder pr.Key
}

// DisagreeError says that two LUNs have different keys, so that it cannot be
// told which of them is right.
type DisagreeError struct {
	Model, LUN string
	// Missing are keys of Model that LUN lacks, Extra those that it has beyond.
	Missing, Extra []pr.Key
}

func (e *DisagreeError) Error() string {
	return fmt.Sprintf("%s and %s have different keys: %s lacks [%s] and has [%s] beyond",
		e.Model, e.LUN, e.LUN, joinKeys(e.Missing), joinKeys(e.Extra))
}

// IncompleteError says that other nodes have to run their own copy: the device
// cannot register them for this one, or a copy of theirs was killed.
type IncompleteError struct {
	LUN   string
	Nodes []string
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%s: incomplete, to be run on %v, too", e.LUN, e.Nodes)
}

// ErrNothingToCopy says that no LUN has keys.
var ErrNothingToCopy = errors.New("no LUN has keys that could be copied")

// Copy gives those LUNs of the package that have no keys the registrations and
// the reservation of those that have them: every node's, and the reservation
// with the same holder. A copy that was killed is taken up again.
//
// A registration belongs to a nexus, so another node's key cannot simply be
// written. REGISTER with SPEC_I_PT and that node's TransportIDs registers them,
// and this nexus with them, which is then unregistered again.
//
// What was copied is returned even with an error. Errors, joined where there
// are several: *LUNError, *SharedLUNError, *ForeignKeyError, *DisagreeError
// and ErrNothingToCopy (nothing was changed); *IncompleteError.
func (r *Run) Copy(ctx context.Context) ([]Copied, error) {
	targets, err := r.survey(ctx, (*target).surveyState)
	if err != nil {
		return nil, err
	}
	model := modelOf(targets)
	if model == nil {
		return nil, ErrNothingToCopy
	}
	lacking, err := lacking(ctx, model, targets)
	if err != nil || len(lacking) == 0 {
		return nil, err
	}
	done := make([]*Copied, len(lacking))
	err = r.eachWhole(ctx, lacking, func(ctx context.Context, t *target) error {
		c := &copier{run: r, model: modelFor(t, model, targets)}
		res, err := c.copy(ctx, t)
		done[slices.Index(lacking, t)] = res
		return err
	})
	var list []Copied
	for _, res := range done {
		if res != nil {
			list = append(list, *res)
		}
	}
	return list, err
}

// Drain takes off every path what other nodes did before the run began and what is
// pending there as a unit attention. On a path that is used for the first time when
// something is to be changed it would look like a change beside this run, and end a copy.
func Drain(ctx context.Context, r *Run) {
	r.eachLUN(func(i int) {
		t := r.target(r.LUNs[i])
		for range t.Unit.Drain(ctx, t.Paths) {
			// What is wrong with the path shows when it is used.
			continue
		}
	})
}

// staying are the registrations of nodes that do not leave, by key.
func (t *target) staying() []pr.Key {
	var keys []pr.Key
	for _, k := range t.State.Keys() {
		if !unit.IsLeaving(k) && !slices.Contains(keys, Plain(k)) {
			keys = append(keys, Plain(k))
		}
	}
	slices.Sort(keys)
	return keys
}

// lacking finds the LUNs that are to be copied to, and refuses two different
// sets of keys. A LUN with a part of the keys and without reservation is a
// copy that was not finished; on a device that cannot register others, so is
// one with a reservation that lacks our key.
func lacking(ctx context.Context, model *target, targets []*target) ([]*target, error) {
	var list []*target
	var errs []error
	want := model.staying()
	for _, t := range targets {
		have := t.staying()
		stays := t.RightType() && !unit.IsLeaving(t.Holder())
		if slices.Equal(want, have) && stays {
			continue
		}
		missing, extra := difference(want, have), difference(have, want)
		if err := t.capabilities(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		alone := t.Caps != nil && !t.Caps.Introduces && slices.Contains(missing, model.Me())
		if len(extra) > 0 || stays && !alone {
			errs = append(errs, &DisagreeError{Model: model.Name, LUN: t.Name, Missing: missing, Extra: extra})
			continue
		}
		list = append(list, t)
	}
	return list, errors.Join(errs...)
}

// copier copies from one model.
type copier struct {
	run   *Run
	model *target
}

// copy makes one LUN like the model.
func (c *copier) copy(ctx context.Context, t *target) (*Copied, error) {
	if c.model.AllHold() && sameKind(c.model, t) {
		t.preferred = unit.SharedType
	}
	if !sameKind(c.model, t) || !c.model.State.Identified || t.Caps == nil || !t.Caps.Introduces {
		return c.copyOwn(ctx, t)
	}
	plan, err := c.plan(ctx, t)
	if err != nil {
		return nil, err
	}
	if plan == nil {
		return c.copyOwn(ctx, t)
	}
	if nodes := c.blocking(t, plan); len(nodes) > 0 {
		return nil, &IncompleteError{LUN: t.Name, Nodes: nodes}
	}
	if err := c.carryOut(ctx, t, plan); err != nil {
		return nil, errors.Join(t.final(err), c.withdraw(ctx, t, plan))
	}
	return c.settle(ctx, t, plan)
}

// blocking names the nodes whose copy was killed between registering others
// and taking its own nexus off again: that nexus still has another node's key
// there, and nobody else can change it without removing that other node.
func (c *copier) blocking(t *target, plan *copyPlan) []string {
	var nodes []string
	for _, w := range plan.wanted {
		for _, r := range t.State.Registrations {
			asWanted := r
			asWanted.Key = w.Key
			if n, ok := c.run.Members.Of(w.Key); ok && r.Key != w.Key && w.same(asWanted) && !slices.Contains(nodes, n.Name) {
				nodes = append(nodes, n.Name)
			}
		}
	}
	return nodes
}

// carryOut registers the other nodes, then this one, reserves, and moves the
// reservation to whoever holds the model's.
func (c *copier) carryOut(ctx context.Context, t *target, plan *copyPlan) error {
	if err := c.freePaths(ctx, t); err != nil {
		return err
	}
	for _, s := range plan.steps {
		ids := s.missing(t.State)
		if len(ids) == 0 {
			continue
		}
		if at := t.RegistrationOf(s.path, 0); at >= 0 && t.Identity(s.path).Likens(t.State.Registrations[at]) == pr.Alike {
			// The path would have to be unregistered for it, and this node may be
			// relying on it.
			n, _ := c.run.Members.Of(s.key)
			return &IncompleteError{LUN: t.Name, Nodes: []string{n.Name}}
		}
		if err := t.send(ctx, c.introduces(t, s, ids)); err != nil {
			return err
		}
		if err := t.send(ctx, t.unregisters(s.path, s.key)); err != nil {
			return err
		}
	}
	return c.reserveAndMove(ctx, t, plan)
}

// freePaths takes off our own paths what an unfinished copy has left there:
// another node's key. Our own key stays: another node may have put it there, and
// have said so.
func (c *copier) freePaths(ctx context.Context, t *target) error {
	for _, p := range slices.Clone(t.Usable) {
		at := t.RegistrationOf(p, 0)
		if at < 0 || t.Identity(p).Likens(t.State.Registrations[at]) != pr.Alike || Plain(t.State.Registrations[at].Key) == t.Me() {
			continue
		}
		if err := t.send(ctx, t.unregisters(p, t.State.Registrations[at].Key)); err != nil {
			return err
		}
	}
	return nil
}

// introduces registers nexuses of another node, and the path with them.
func (c *copier) introduces(t *target, s copyStep, ids []pr.Initiator) action {
	return action{
		kind: sending, path: s.path, event: Event{Action: Introduced, Key: s.key},
		send: func(ctx context.Context) error { return pr.Introduce(ctx, s.path, s.key, ids, t.APTPL) },
	}
}

// withdraw takes off, after a copy that failed, what this node's own paths are
// registered with and were not before: another node's key, or its own if this
// node is not registered on the model, which goes as by a halt, because others may
// rely on a reservation that it holds. What stands for nodes that run stays: another
// copy may have said so, and the next one goes on from there.
func (c *copier) withdraw(ctx context.Context, t *target, plan *copyPlan) error {
	ctx, cancel := undoing(ctx, c.run.Hurry)
	defer cancel()
	t.retry()
	var errs []error
	for _, s := range plan.steps {
		errs = append(errs, expel(ctx, t, s.path, s.key))
	}
	stays := t.before.Has(c.run.Node.Key)
	if plan.member && !stays {
		now, err := c.model.lookAgain(ctx, c.model.Usable)
		stays = err != nil || len(now.Own()) > 0
	}
	if !stays {
		err := t.read(ctx)
		if err == nil {
			err = depart(ctx, t)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// expel takes a key off a path if it is registered with it.
func expel(ctx context.Context, t *target, p pr.Path, key pr.Key) error {
	err := error(pr.ErrStateChanged)
	for round := 0; round < maxRounds && errors.Is(err, pr.ErrStateChanged); round++ {
		err = t.send(ctx, t.unregisters(p, key))
	}
	if err != nil && !errors.Is(err, pr.ErrReservationConflict) {
		return t.final(err)
	}
	return nil
}

// ownRows register this node on every path.
func ownRows() []row {
	return []row{
		foreignRow(), noPathRow(),
		{"another node has removed this one", func(t *position) bool { return t.removed },
			func(*target) action { return fail(ErrRemoved) }},
		{"the seat is not known to be registered", func(t *position) bool { return !t.isSure(t.seat()) },
			joins},
		{"a path is not registered", func(t *position) bool { return t.widens() != nil },
			func(t *target) action { return widen(t, t.widens(), Registered) }},
	}
}

// reserveAndMove registers this node, reserves, and moves the reservation to
// whoever holds the model's. A node that is not registered on the model uses
// one path and leaves with the move.
func (c *copier) reserveAndMove(ctx context.Context, t *target, plan *copyPlan) error {
	key := c.run.Node.Key
	if len(t.Usable) == 0 {
		return t.NoPath()
	}
	switch {
	case plan.member:
		// All paths before the reservation: that is what tells a copy that was
		// not finished.
		if err := t.drive(ctx, ownRows()); err != nil {
			return err
		}
		if c.model.State.Reservation != nil {
			if err := t.drive(ctx, joinRows()); err != nil {
				return err
			}
		}
	case plan.holder == nil:
		return nil
	case !t.isSure(t.seat()):
		if err := t.send(ctx, joins(t)); err != nil {
			return err
		}
	}
	if c.model.State.Reservation != nil && t.State.Reservation == nil {
		if err := c.reserve(ctx, t); err != nil {
			return err
		}
	}
	if plan.holder == nil {
		return nil
	}
	if !plan.member {
		// With the move this node loses the right to remove anybody.
		if err := c.lastLook(ctx, t, plan); err != nil {
			return err
		}
	}
	from := t.Holding()
	if from == nil {
		// Another node's copy was here.
		if plan.member {
			return nil
		}
		return ErrUnsettled
	}
	return t.send(ctx, t.moves(Moved, from, &pr.MoveOrder{
		Key: key, ActionKey: plan.holder.Key, Unregister: !plan.member, Persist: t.APTPL,
		RelativePort: plan.holder.RelativePort, Destination: plan.holder.Initiator,
	}))
}

// reserve reserves the copy. If only the answer was lost, or another node that shares it was
// first, that shows.
func (c *copier) reserve(ctx context.Context, t *target) error {
	err := t.send(ctx, t.reserves(t.seat(), t.Me()))
	if err == nil || t.goesOn(action{}, err) != nil {
		return err
	}
	if rerr := t.read(ctx); rerr != nil {
		return rerr
	}
	if other := t.mode == Shared && t.RightType() && t.IsHeld(); other || t.State.HeldBy(c.run.Node.Key) {
		return nil
	}
	return err
}

// lastLook removes from the copy who has left the model, and fails if that is
// the one whom the reservation was to go to.
func (c *copier) lastLook(ctx context.Context, t *target, plan *copyPlan) error {
	if err := t.read(ctx); err != nil {
		return err
	}
	now, err := c.model.lookAgain(ctx, c.model.Usable)
	if err != nil {
		return err
	}
	if err := c.dropDeparted(ctx, t, now); err != nil {
		return err
	}
	if !slices.Contains(now.staying(), plan.holder.Key) {
		return ErrUnsettled
	}
	return nil
}

// settle reads back, and looks at the model once more after that: who has left it
// meanwhile, fenced or halted, leaves the copy, too.
func (c *copier) settle(ctx context.Context, t *target, plan *copyPlan) (*Copied, error) {
	for range maxRounds {
		if err := t.read(ctx); err != nil {
			return nil, err
		}
		now, err := c.model.lookAgain(ctx, c.model.Usable)
		switch {
		case err != nil:
			return nil, err
		case plan.member && len(now.Own()) == 0:
			// This node was fenced meanwhile.
			return nil, errors.Join(&LUNError{LUN: t.Name, Err: ErrRemoved}, depart(ctx, t))
		case len(c.departed(&t.position, now)) == 0:
			return c.verify(t, now, plan)
		}
		if err := c.dropDeparted(ctx, t, now); err != nil {
			return nil, err
		}
	}
	return nil, &LUNError{LUN: t.Name, Err: ErrUnsettled}
}

// verify compares a copy that was read with the model.
func (c *copier) verify(t, now *target, plan *copyPlan) (*Copied, error) {
	for _, r := range plan.wanted {
		stays := slices.Contains(now.staying(), r.Key)
		if stays && !slices.ContainsFunc(t.State.Registrations, r.same) {
			return nil, &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: %s is not registered for %s", ErrNotCopied, r.Key, r.Initiator)}
		}
	}
	if now.State.Reservation != nil && (!t.RightType() || unit.IsLeaving(t.Holder())) {
		return nil, &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: it has no reservation", ErrNotCopied)}
	}
	if err := t.unfinished(); err != nil {
		return nil, err
	}
	return &Copied{LUN: t.Name, Keys: t.State.Keys(), Holder: t.Holder()}, nil
}

// ErrNotCopied says that the device accepted a copy and did not make it.
var ErrNotCopied = errors.New("the copy is not complete")

// copyOwn does what is possible on a device that cannot register others: this
// node's own part. Others have to do theirs.
func (c *copier) copyOwn(ctx context.Context, t *target) (*Copied, error) {
	key := c.run.Node.Key
	member := c.model.State.Has(key)
	if member {
		if err := t.drive(ctx, ownRows()); err != nil {
			return nil, err
		}
		// Where all hold, or who holds cannot be taken over from another kind of storage,
		// it is the last one who reserves: the first would shut the others out of what
		// their package writes to.
		last := len(difference(c.model.staying(), t.staying())) == 0
		first := c.model.IsMine() && sameKind(c.model, t)
		if (first || last && (c.model.AllHold() || !sameKind(c.model, t))) && t.State.Reservation == nil {
			if err := c.reserve(ctx, t); err != nil {
				return nil, t.final(err)
			}
		}
	}
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	if member && !t.State.Has(key) {
		return nil, &LUNError{LUN: t.Name, Err: ErrNotCopied}
	}
	e := &IncompleteError{LUN: t.Name}
	for _, k := range difference(c.model.staying(), t.State.Keys()) {
		if n, ok := c.run.Members.Of(k); ok {
			e.Nodes = append(e.Nodes, n.Name)
		}
	}
	if len(e.Nodes) == 0 && t.State.Reservation == nil {
		if n, ok := c.run.Members.Of(c.model.Holder()); ok {
			e.Nodes = append(e.Nodes, n.Name)
		}
	}
	switch {
	case len(e.Nodes) > 0:
		return nil, e
	case t.State.Reservation == nil:
		return nil, &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: it has no reservation", ErrNotCopied)}
	}
	return &Copied{LUN: t.Name, Keys: t.State.Keys(), Holder: t.Holder()}, nil
}
