package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/scsi"
)

// departure is what a halt of a shared LUN knows of this node's paths.
type departure struct {
	// marked are the paths whose key says that this node leaves, in the order
	// in which they were marked.
	marked []Nexus
	// absent are the paths that are not registered.
	absent []Nexus
	// asked says that the device was asked whether it keeps registrations
	// through power loss now.
	asked bool
	// refused says that no path was registered although our key was listed.
	refused bool
}

// departAll leaves all LUNs, and looks at them again then: a copy that ran
// meanwhile may have registered this node on one after that was done with. It
// looks at its model at the end, so one of the two sees the other.
func (r *Run) departAll(ctx context.Context, targets []*target) error {
	end, cancel := r.whole(ctx)
	defer cancel()
	for range maxRounds {
		if err := r.eachWhole(ctx, targets, func(ctx context.Context, t *target) error { return t.depart(ctx) }); err != nil || len(targets) <= 1 || !r.keeps(ruleLookTwice) {
			return err
		}
		// All of them were begun, so all are brought to an end.
		ctx = end
		if err := r.each(targets, func(t *target) error { return t.read(ctx) }); err != nil {
			return err
		}
		if !slices.ContainsFunc(targets, func(t *target) bool { return t.state.Has(r.Node.Key) || t.state.Has(t.mark()) }) {
			return nil
		}
	}
	return &LUNError{LUN: targets[0].Name, Err: ErrUnsettled}
}

// depart takes this node's registrations off a LUN that others share, and
// hands the reservation over if this node holds it, so that there is no
// instant without one while somebody who stays is registered.
//
// The node marks itself leaving first and reads then. Without the mark the
// last node out could take away a node that has just started and believes
// itself protected, or two nodes that halt could hand over to each other.
// Every command quotes the old key: a conflict says that something changed.
func (t *target) depart(ctx context.Context) error {
	key, mark := t.run.Node.Key, t.mark()
	var d departure
	var last error
	for range maxRounds {
		if keys := t.foreign(); len(keys) > 0 {
			return &ForeignKeyError{LUN: t.Name, Keys: keys}
		}
		if !t.state.Has(key) && !t.state.Has(mark) {
			return nil
		}
		marked := len(d.marked)
		if last = t.departOnce(ctx, &d); last != nil && !again(last) {
			return t.final(last)
		}
		if len(d.marked) > marked && !t.run.keeps(ruleReadAfterMark) {
			t.state = relabel(t.state, key, mark)
			continue
		}
		if err := t.read(ctx); err != nil {
			return err
		}
	}
	return &LUNError{LUN: t.Name, Err: errors.Join(ErrUnsettled, last)}
}

// departOnce does the next step that the state asks for.
func (t *target) departOnce(ctx context.Context, d *departure) error {
	key, mark := t.run.Node.Key, t.mark()
	held := t.state.Reservation
	if !d.asked {
		if err := t.keepPersistence(ctx); err != nil {
			return err
		}
		d.asked = true
	}
	failed := func(p Nexus) bool { return !slices.Contains(t.usable, p) }
	d.marked = slices.DeleteFunc(d.marked, failed)
	if !t.state.Has(mark) {
		d.marked = nil
	}
	if len(d.marked) == 0 || held != nil && held.Key == key && mark != key {
		return t.markNext(ctx, d)
	}
	last := d.marked[len(d.marked)-1]
	gone, err := t.withdraw(ctx, d, last)
	if gone || errors.Is(err, scsi.ErrReservationConflict) {
		// After a conflict it is not known what the path's key is: a node that
		// had not seen the mark yet may have handed over to us, which puts the
		// plain key back.
		d.marked = slices.DeleteFunc(d.marked, func(p Nexus) bool { return p == last })
	}
	return err
}

// withdraw acts from the marked path last, whose registration is gone
// afterwards if it says so.
//
// Our unmarked paths go by a PREEMPT from the marked one, those included that
// are dead or belong to a nexus of the past. They must not unregister
// themselves: if somebody preempts the marked path before, the unmarked ones
// look as if this node stayed, and a hand-over to one that has just gone would
// register it again.
func (t *target) withdraw(ctx context.Context, d *departure, last Nexus) (gone bool, err error) {
	mark := t.mark()
	held := t.state.Reservation
	preempt := func(victim scsi.Key) error {
		return t.outFrom(last, Event{Action: Preempted, Key: mark, Victim: victim}, func() error {
			return last.PreemptAndAbort(ctx, mark, victim, reservationType)
		})
	}
	if held != nil && held.Key != mark && held.Key&LeavingMark != 0 && t.run.keeps(rulePreemptLeaving) {
		// Another node that leaves holds; it has stopped writing.
		return false, preempt(held.Key)
	}
	if err := t.dropOthers(ctx, d, last); err != nil {
		return false, err
	}
	if t.state.Has(t.run.Node.Key) && mark != t.run.Node.Key && t.run.keeps(ruleOwnByPreempt) {
		if err := preempt(t.run.Node.Key); err != nil {
			return false, err
		}
	}
	if heirs := t.heirs(); held != nil && held.Key == mark && len(heirs) > 0 {
		err := t.handOver(ctx, last, heirs)
		return err == nil, err
	}
	switch {
	case !t.run.keeps(ruleNoClear) && len(t.heirs()) == 0:
		err = last.Clear(ctx, mark)
	default:
		err = t.change(ctx, last, Unregistered, mark, 0)
	}
	return err == nil, err
}

// mark is the key that says that this node leaves.
func (t *target) mark() scsi.Key {
	if !t.run.keeps(ruleMark) {
		return t.run.Node.Key
	}
	return Leaving(t.run.Node.Key)
}

// relabel is the state as it would be read if nothing but one path's key had
// changed: for tests, which show what not reading leads to.
func relabel(s *scsi.State, key, to scsi.Key) *scsi.State {
	c := *s
	c.Registrations = slices.Clone(s.Registrations)
	if i := slices.IndexFunc(c.Registrations, func(r scsi.FullStatus) bool { return r.Key == key }); i >= 0 {
		c.Registrations[i].Key = to
	}
	if c.Reservation != nil && c.Reservation.Key == key {
		c.Reservation = &scsi.Reservation{Key: to, Scope: c.Reservation.Scope, Type: c.Reservation.Type}
	}
	return &c
}

// outFrom is out, and gives the path up if it fails.
func (t *target) outFrom(p Nexus, e Event, send func() error) error {
	err := t.out(p, e, send)
	t.dropIfFailed(p, err)
	return err
}

// markNext marks one more path that is registered. If all are marked and our
// plain key holds nevertheless, the holder is a nexus of the past: a marked
// path takes its place.
func (t *target) markNext(ctx context.Context, d *departure) error {
	key, mark := t.run.Node.Key, t.mark()
	var refused error
	for _, p := range slices.Clone(t.usable) {
		if slices.Contains(d.marked, p) || slices.Contains(d.absent, p) {
			continue
		}
		err := t.remark(ctx, p)
		if errors.Is(err, scsi.ErrReservationConflict) {
			d.absent = append(d.absent, p)
			refused = err
			continue
		}
		if err == nil {
			d.marked, d.refused = append(d.marked, p), false
		}
		return err
	}
	held := t.state.Reservation
	switch {
	case len(t.usable) == 0:
		return t.noPath()
	case len(d.marked) > 0 && held != nil && held.Key == key:
		last := d.marked[len(d.marked)-1]
		return t.outFrom(last, Event{Action: Preempted, Key: mark, Victim: key}, func() error {
			return last.PreemptAndAbort(ctx, mark, key, reservationType)
		})
	case d.refused || refused == nil:
		// Our key was listed each time, and every path was refused.
		return &LUNError{LUN: t.Name, Err: ErrStaleNexus}
	}
	d.refused, d.absent = true, nil
	return refused
}

// remark marks a path, which a run that was killed may have marked already.
func (t *target) remark(ctx context.Context, p Nexus) error {
	key, mark := t.run.Node.Key, t.mark()
	err := scsi.ErrReservationConflict
	for _, old := range []scsi.Key{key, mark} {
		if t.state.Has(old) && errors.Is(err, scsi.ErrReservationConflict) {
			err = t.change(ctx, p, Marked, old, mark)
		}
	}
	return err
}

// change changes the registration of a path, quoting the old key.
func (t *target) change(ctx context.Context, p Nexus, a Action, old, key scsi.Key) error {
	return t.outFrom(p, Event{Action: a, Key: old}, func() error {
		if !t.run.keeps(ruleQuoteMark) {
			return p.RegisterAndIgnore(ctx, key, t.aptpl)
		}
		return p.Register(ctx, old, key, t.aptpl)
	})
}

// dropOthers unregisters every other path that is marked.
func (t *target) dropOthers(ctx context.Context, d *departure, keep Nexus) error {
	mark := t.mark()
	if !t.run.keeps(ruleOwnByPreempt) {
		for _, p := range slices.Clone(t.usable) {
			if !slices.Contains(d.marked, p) && !slices.Contains(d.absent, p) {
				if err := t.change(ctx, p, Unregistered, t.run.Node.Key, 0); err != nil {
					return err
				}
				d.absent = append(d.absent, p)
			}
		}
	}
	for _, p := range slices.Clone(d.marked) {
		if p == keep {
			continue
		}
		err := t.change(ctx, p, Unregistered, mark, 0)
		if err != nil && !errors.Is(err, scsi.ErrReservationConflict) {
			return err
		}
		d.marked = slices.DeleteFunc(d.marked, func(q Nexus) bool { return q == p })
	}
	return nil
}

// heirs are the registrations of other nodes that stay. A node one of whose
// paths is marked leaves: its other paths may go at any moment, and a move
// would register them again.
func (t *target) heirs() []scsi.FullStatus {
	var list []scsi.FullStatus
	for _, r := range t.state.Registrations {
		if n, ok := t.run.Members.Of(r.Key); ok && n.Name != t.run.Node.Name && r.Key&LeavingMark == 0 &&
			(!t.state.Has(Leaving(r.Key)) || !t.run.keeps(ruleWholeNode)) {
			list = append(list, r)
		}
	}
	return list
}

// handOver moves the reservation from a marked path to an heir and takes the
// path's registration off, in one step. A device that cannot do it is left
// without reservation, and that is said.
func (t *target) handOver(ctx context.Context, from Nexus, heirs []scsi.FullStatus) error {
	mark := t.mark()
	var refused error
	for _, h := range heirs {
		if !t.state.Identified {
			break
		}
		port := h.RelativePort
		if h.AllTgtPort {
			// It is registered through all ports, and the device names none.
			// This path's will do.
			if p, err := from.TargetPort(ctx); err == nil {
				port = p.Relative
			}
		}
		refused = t.outFrom(from, Event{Action: Moved, Key: mark, Heir: h.Key}, func() error {
			return from.Move(ctx, &scsi.RegisterMove{
				Key: mark, ActionKey: h.Key, Unregister: true, APTPL: t.aptpl,
				RelativePort: port, Destination: h.TransportID,
			})
		})
		if !errors.Is(refused, scsi.ErrUnsupported) {
			return refused
		}
	}
	keys := make([]scsi.Key, len(heirs))
	for i, h := range heirs {
		keys[i] = h.Key
	}
	err := t.outFrom(from, Event{Action: Unregistered, Key: mark}, func() error {
		return from.Register(ctx, mark, 0, t.aptpl)
	})
	if err == nil {
		slices.Sort(keys)
		t.run.log(Event{Action: Unmoved, LUN: t.Name, Key: mark, Heirs: slices.Compact(keys), Err: refused})
	}
	return err
}
