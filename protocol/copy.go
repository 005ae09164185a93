package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/scsi"
)

// Copied is what was copied to one LUN.
type Copied struct {
	LUN string
	// Keys are the registered keys, ascending, Holder the reservation's.
	Keys   []scsi.Key
	Holder scsi.Key
}

// DisagreeError says that two LUNs have different keys, so that it cannot be
// told which of them is right.
type DisagreeError struct {
	Model, LUN string
	// Missing are keys of Model that LUN lacks, Extra those that it has beyond.
	Missing, Extra []scsi.Key
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
	targets, err := r.survey(ctx, func(ctx context.Context, t *target) error {
		if err := t.read(ctx); err != nil {
			return err
		}
		t.before = t.state
		return nil
	})
	if err != nil {
		return nil, err
	}
	model := modelOf(targets)
	if model == nil {
		return nil, ErrNothingToCopy
	}
	lacking, err := r.lacking(ctx, model, targets)
	if err != nil || len(lacking) == 0 {
		return nil, err
	}
	c := &copier{run: r, model: model}
	done := make([]*Copied, len(lacking))
	err = r.eachWhole(ctx, lacking, func(ctx context.Context, t *target) error {
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

// modelOf is the LUN with the most different keys; nil if none has any.
func modelOf(targets []*target) *target {
	var model *target
	for _, t := range targets {
		if n := len(t.staying()); n > 0 && (model == nil || n > len(model.staying())) {
			model = t
		}
	}
	return model
}

// staying are the registrations of nodes that do not leave, by key.
func (t *target) staying() []scsi.Key {
	return slices.DeleteFunc(t.state.Keys(), func(k scsi.Key) bool { return k&LeavingMark != 0 })
}

// lacking finds the LUNs that are to be copied to, and refuses two different
// sets of keys. A LUN with a part of the keys and without reservation is a
// copy that was not finished; on a device that cannot register others, so is
// one with a reservation that lacks our key.
func (r *Run) lacking(ctx context.Context, model *target, targets []*target) ([]*target, error) {
	var list []*target
	var errs []error
	want := model.staying()
	for _, t := range targets {
		have := t.staying()
		if slices.Equal(want, have) && t.state.Reservation != nil {
			continue
		}
		missing, extra := difference(want, have), difference(have, want)
		if err := t.readCapabilities(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		alone := t.caps != nil && !t.caps.SpecIPT && slices.Contains(missing, r.Node.Key)
		if len(extra) > 0 || t.state.Reservation != nil && !alone {
			errs = append(errs, &DisagreeError{Model: model.Name, LUN: t.Name, Missing: missing, Extra: extra})
			continue
		}
		list = append(list, t)
	}
	return list, errors.Join(errs...)
}

// difference returns what of a is not in b.
func difference(a, b []scsi.Key) []scsi.Key {
	var list []scsi.Key
	for _, k := range a {
		if !slices.Contains(b, k) {
			list = append(list, k)
		}
	}
	return list
}

// copier copies from one model.
type copier struct {
	run   *Run
	model *target
}

// copy makes one LUN like the model.
func (c *copier) copy(ctx context.Context, t *target) (*Copied, error) {
	if !c.model.state.Identified || t.caps == nil || !t.caps.SpecIPT {
		return nil, c.copyOwn(ctx, t)
	}
	plan, err := c.plan(ctx, t)
	if err != nil {
		return nil, err
	}
	if plan == nil {
		return nil, c.copyOwn(ctx, t)
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
		for _, r := range t.state.Registrations {
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
	key := c.run.Node.Key
	if len(t.state.Registrations) > 0 {
		// An unfinished copy may have left our nexus with another node's key.
		for _, p := range slices.Clone(t.usable) {
			if err := t.outFrom(p, Event{Action: Unregistered, Key: key}, func() error { return p.RegisterAndIgnore(ctx, 0, t.aptpl) }); err != nil {
				return err
			}
		}
		if err := t.read(ctx); err != nil {
			return err
		}
	}
	for _, s := range plan.steps {
		ids := s.missing(t.state)
		if len(ids) == 0 {
			continue
		}
		err := t.outFrom(s.path, Event{Action: Introduced, Key: s.key}, func() error { return s.path.Introduce(ctx, s.key, ids, t.aptpl) })
		if err != nil {
			return err
		}
		if err := t.change(ctx, s.path, Unregistered, s.key, 0); err != nil {
			return err
		}
	}
	return c.reserveAndMove(ctx, t, plan)
}

// withdraw takes off, after a copy that failed, what this node's own paths are
// registered with and were not before: another node's key, or its own, which
// goes as by a halt, because others may rely on a reservation that it holds.
// What stands for other nodes stays; the next copy goes on from there.
func (c *copier) withdraw(ctx context.Context, t *target, plan *copyPlan) error {
	ctx, cancel := c.run.undoing(ctx)
	defer cancel()
	var errs []error
	for _, s := range plan.steps {
		errs = append(errs, t.expelKey(ctx, []Nexus{s.path}, s.key))
	}
	if !t.before.Has(c.run.Node.Key) {
		err := t.read(ctx)
		if err == nil {
			err = t.depart(ctx)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// expelKey takes a key off those of the paths that are registered with it.
func (t *target) expelKey(ctx context.Context, paths []Nexus, key scsi.Key) error {
	var errs []error
	for _, p := range paths {
		err := scsi.ErrStateChanged
		for round := 0; round < maxRounds && errors.Is(err, scsi.ErrStateChanged); round++ {
			// Quoting the key makes this safe at any age.
			t.readAt = t.run.now()
			err = t.change(ctx, p, Unregistered, key, 0)
		}
		if err != nil && !errors.Is(err, scsi.ErrReservationConflict) {
			errs = append(errs, t.final(err))
		}
	}
	return errors.Join(errs...)
}

// reserveAndMove registers this node, reserves, and moves the reservation to
// whoever holds the model's. A node that is not registered on the model uses
// one path and leaves with the move.
func (c *copier) reserveAndMove(ctx context.Context, t *target, plan *copyPlan) error {
	key := c.run.Node.Key
	if len(t.usable) == 0 {
		return t.noPath()
	}
	from := t.usable[0]
	switch {
	case plan.member:
		if err := t.register(ctx); err != nil {
			return err
		}
		if len(t.usable) == 0 {
			return t.noPath()
		}
		from = t.usable[0]
	case plan.holder == nil:
		return nil
	default:
		if err := t.registerPath(ctx, from); err != nil {
			return err
		}
	}
	if c.model.state.Reservation != nil && t.state.Reservation == nil {
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
	return t.outFrom(from, Event{Action: Moved, Key: key, Heir: plan.holder.Key}, func() error {
		return from.Move(ctx, &scsi.RegisterMove{
			Key: key, ActionKey: plan.holder.Key, Unregister: !plan.member, APTPL: t.aptpl,
			RelativePort: plan.holder.RelativePort, Destination: plan.holder.TransportID,
		})
	})
}

// reserve reserves the copy. If only the answer was lost, that shows.
func (c *copier) reserve(ctx context.Context, t *target) error {
	err := t.reserve(ctx)
	if err == nil || !again(err) {
		return err
	}
	if rerr := t.read(ctx); rerr != nil {
		return rerr
	}
	if t.holder() != c.run.Node.Key {
		return err
	}
	return nil
}

// lastLook removes from the copy who has left the model, and fails if that is
// the one whom the reservation was to go to.
func (c *copier) lastLook(ctx context.Context, t *target, plan *copyPlan) error {
	if err := t.read(ctx); err != nil {
		return err
	}
	now, err := c.lookAgain(ctx)
	if err != nil {
		return err
	}
	if err := c.dropDeparted(ctx, t, now); err != nil {
		return err
	}
	if !now.state.Has(plan.holder.Key) {
		return ErrUnsettled
	}
	return nil
}

// settle reads back, and looks at the model once more: who has left it
// meanwhile, fenced or halted, leaves the copy, too.
func (c *copier) settle(ctx context.Context, t *target, plan *copyPlan) (*Copied, error) {
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	now, err := c.lookAgain(ctx)
	if err != nil {
		return nil, err
	}
	if key := c.run.Node.Key; plan.member && !now.state.Has(key) {
		// This node was fenced meanwhile.
		return nil, errors.Join(&LUNError{LUN: t.Name, Err: ErrRemoved}, t.depart(ctx))
	}
	if err := c.dropDeparted(ctx, t, now); err != nil {
		return nil, err
	}
	held := t.state.Reservation
	for _, r := range plan.wanted {
		stays := slices.ContainsFunc(now.state.Registrations, func(m scsi.FullStatus) bool { return m.Key == r.Key })
		if stays && !slices.ContainsFunc(t.state.Registrations, r.same) {
			return nil, &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: %s is not registered for %s", ErrNotCopied, r.Key, r.TransportID)}
		}
	}
	if now.state.Reservation != nil && (held == nil || held.Type != reservationType || held.Key&LeavingMark != 0) {
		return nil, &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: it has no reservation", ErrNotCopied)}
	}
	return &Copied{LUN: t.Name, Keys: t.state.Keys(), Holder: t.holder()}, nil
}

// lookAgain reads the model as it is now.
func (c *copier) lookAgain(ctx context.Context) (*target, error) {
	now := *c.model
	now.usable = slices.Clone(c.model.usable)
	c.run.looking.Lock()
	defer c.run.looking.Unlock()
	return &now, now.read(ctx)
}

// dropDeparted removes from the copy the nodes that have left the model.
func (c *copier) dropDeparted(ctx context.Context, t, now *target) error {
	for _, k := range difference(t.state.Keys(), now.staying()) {
		if k == c.run.Node.Key {
			continue
		}
		if err := t.preempt(ctx, k); err != nil {
			return t.final(err)
		}
	}
	return t.read(ctx)
}

// ErrNotCopied says that the device accepted a copy and did not make it.
var ErrNotCopied = errors.New("the copy is not complete")

// copyOwn does what is possible on a device that cannot register others: this
// node's own part. Others have to do theirs.
func (c *copier) copyOwn(ctx context.Context, t *target) error {
	key := c.run.Node.Key
	member := c.model.state.Has(key)
	if member {
		if err := t.register(ctx); err != nil {
			return t.final(err)
		}
		if c.model.state.HeldBy(key) && t.state.Reservation == nil {
			if err := t.reserve(ctx); err != nil {
				return t.final(err)
			}
		}
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	if member && !t.state.Has(key) {
		return &LUNError{LUN: t.Name, Err: ErrNotCopied}
	}
	e := &IncompleteError{LUN: t.Name}
	for _, k := range difference(c.model.staying(), t.state.Keys()) {
		if n, ok := c.run.Members.Of(k); ok {
			e.Nodes = append(e.Nodes, n.Name)
		}
	}
	if len(e.Nodes) == 0 && t.state.Reservation == nil {
		if n, ok := c.run.Members.Of(c.model.holder()); ok {
			e.Nodes = append(e.Nodes, n.Name)
		}
	}
	if len(e.Nodes) == 0 {
		return nil
	}
	return e
}

// holder is the key that holds the reservation, 0 if none does.
func (t *target) holder() scsi.Key {
	if t.state.Reservation == nil {
		return 0
	}
	return t.state.Reservation.Key
}
