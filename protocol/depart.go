package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// departAll leaves all LUNs, and looks at them again then: a copy that ran
// meanwhile may have registered this node on one after that was done with. It
// looks at its model at the end, so one of the two sees the other.
func departAll(ctx context.Context, r *Run, targets []*target) error {
	end, cancel := untilHurry(ctx, r.Hurry)
	defer cancel()
	for range maxRounds {
		if err := r.eachWhole(ctx, targets, func(ctx context.Context, t *target) error { return depart(ctx, t) }); err != nil || len(targets) <= 1 {
			return err
		}
		// All of them were begun, so all are brought to an end.
		ctx = end
		if err := r.each(targets, func(t *target) error { return t.read(ctx) }); err != nil {
			return err
		}
		if !slices.ContainsFunc(targets, func(t *target) bool { return len(t.Own()) > 0 }) {
			return nil
		}
	}
	return &LUNError{LUN: targets[0].Name, Err: ErrUnsettled}
}

// depart takes this node's registrations off a LUN that others share, and
// hands the reservation over if this node holds it, so that there is no
// instant without one while somebody who stays is registered.
func depart(ctx context.Context, t *target) error {
	if len(t.Own()) > 0 {
		if err := keepPersistence(ctx, t); err != nil {
			return err
		}
	}
	// What was registered in the other part of this run is being given up.
	t.sure, t.old, t.absent = nil, nil, nil
	d := &departure{target: t}
	return t.drive(ctx, d.rows())
}

// departure is what a halt of a shared LUN knows of this node's paths.
type departure struct {
	*target
	// marked are the paths whose key says that this node leaves, in the order
	// in which they were marked.
	marked []pr.Path
	// refused says that no path was registered although our key was listed.
	refused bool
	// unwilling are heirs to whom the device would not move, whyUnmoved why.
	unwilling  []pr.Registration
	whyUnmoved error
}

// rows are the protocol of leaving.
//
// The node marks itself leaving first and reads then. Without the mark the
// last node out could take away a node that has just started and believes
// itself protected, or two nodes that halt could hand over to each other.
// Every command quotes the old key: a conflict says that something changed.
//
// Our unmarked paths go by a PREEMPT from the marked one, those included that
// are dead or belong to a nexus of the past. They must not unregister
// themselves: if somebody preempts the marked path before, the unmarked ones
// look as if this node stayed, and a hand-over to one that has just gone would
// register it again.
func (d *departure) rows() []row {
	mark := Leaving(d.Me())
	from := func() pr.Path { return d.marked[len(d.marked)-1] }
	plainHolds := func() bool { return d.IsMine() && d.Holder() != mark }
	return []row{
		foreignRow(),
		{"nothing of this node is left", func(t *position) bool { return len(t.Own()) == 0 }, finish},
		noPathRow(),
		unresolvedRow(), doubtRow(),
		{"all registrants hold, and this node has one registration", func(*position) bool { return d.onlyPath() != nil },
			func(*target) action { return d.departs(d.onlyPath()) }},
		{"no path is marked, or one that is not holds", func(t *position) bool { d.forget(); return (len(d.marked) == 0 || plainHolds()) && d.toMark() != nil },
			func(t *target) action { return d.mark(d.toMark()) }},
		{"the key is listed, and every path refuses it", func(t *position) bool { return len(d.marked) == 0 && !d.refused },
			func(t *target) action { d.refused, t.absent = true, nil; return action{kind: reading} }},
		{"the key is listed, and every path refuses it again", func(t *position) bool { return len(d.marked) == 0 },
			func(*target) action { return fail(ErrStaleNexus) }},
		{"a nexus that is no usable path holds", func(t *position) bool { return plainHolds() },
			func(t *target) action { return d.removes(from(), t.Holder()) }},
		{"another node that leaves holds", func(t *position) bool { return t.HeldByOther() && unit.IsLeaving(t.Holder()) },
			func(t *target) action { return d.removes(from(), t.Holder()) }},
		{"several paths are marked", func(t *position) bool { return len(d.marked) > 1 },
			func(t *target) action { return d.drops(d.marked[0]) }},
		{"paths are not marked", func(t *position) bool { return d.unmarked() != 0 },
			func(t *target) action { return d.removes(from(), d.unmarked()) }},
		{"a dead path is marked", func(*position) bool { return d.deadMarked(from()) },
			func(t *target) action { return d.removes(from(), mark) }},
		{"this node holds, and another stays", func(t *position) bool { return t.Holder() == mark && d.heir() != nil },
			func(t *target) action { return d.handsOver(from(), d.heir()) }},
		{"this node holds, another stays, nothing can be moved, and all could hold", func(t *position) bool { return t.Holder() == mark && len(d.heirs()) > 0 && d.turns(from()) },
			func(*target) action { return d.lets(from()) }},
		{"this node holds, another stays, and the device cannot move", func(t *position) bool { return t.Holder() == mark && len(d.heirs()) > 0 },
			func(t *target) action { return d.leavesOpen(from()) }},
		{"one path is left", func(*position) bool { return true },
			func(t *target) action { return d.drops(from()) }},
	}
}

// onlyPath is the path of this node's one registration under a reservation that all
// registrants hold: nobody need take it over, and no other registration of this node
// could be taken for one that stays. nil if there are several, or if its key was
// refused.
func (d *departure) onlyPath() pr.Path {
	own := d.Own()
	if !d.AllHold() || len(own) != 1 {
		return nil
	}
	for _, p := range d.Usable {
		if _, sure, _ := d.Registration(p); sure && !d.isAbsent(p, own[0].Key) {
			return p
		}
	}
	return nil
}

// departs unregisters that path.
func (d *departure) departs(p pr.Path) action {
	key := d.Own()[0].Key
	a := d.unregisters(p, key)
	a.anyAge = false
	a.ended = trying(d.target, p, key, d.forgetting(p))
	return a
}

// forget forgets marked paths that have failed, and all when no mark is listed
// any more.
func (d *departure) forget() {
	d.marked = slices.DeleteFunc(d.marked, func(p pr.Path) bool { return !slices.Contains(d.Usable, p) })
	if !d.State.Has(Leaving(d.Me())) {
		d.marked = nil
	}
}

// toMark is a usable path that is, or may be, registered and not marked by this
// run; nil if there is none.
func (d *departure) toMark() pr.Path {
	for _, p := range d.Usable {
		if !slices.Contains(d.marked, p) && d.registeredAs(p) != 0 {
			return p
		}
	}
	return nil
}

// deadMarked reports whether another nexus than the last marked path is marked, or
// holds by the mark. Where the path is not listed by itself the device registers
// the paths of this host as one.
func (d *departure) deadMarked(from pr.Path) bool {
	mark := Leaving(d.Me())
	if !d.State.Identified {
		return d.State.Count(mark) > 1
	}
	_, listed, _ := d.Registration(from)
	return listed && (d.State.Count(mark) > 1 || d.Holder() == mark && !d.IsOn(from))
}

// registeredAs is the key that the path is, or may be, registered with and that
// was not refused on it; 0 if there is none.
func (d *departure) registeredAs(p pr.Path) pr.Key {
	if r, sure, _ := d.Registration(p); sure && !d.isAbsent(p, r.Key) {
		return r.Key
	}
	return d.likely(p)
}

// mark marks a path, and lets the state be read after it.
func (d *departure) mark(p pr.Path) action {
	old, mark := d.registeredAs(p), Leaving(d.Me())
	a := d.registers(Marked, p, old, mark)
	a.event.Key = old
	a.effect = nil
	a.ended = marking(d.target, p, old, func(how end, _ error) {
		if how == performed {
			d.marked, d.refused = append(d.marked, p), false
			d.absent = nil
		}
	})
	return a
}

// removes preempts a key by a marked path, and lets the state be read after it: who
// else is there, and leaves, decides who is an heir.
func (d *departure) removes(from pr.Path, victim pr.Key) action {
	a := d.preempts(from, Leaving(d.Me()), victim)
	a.effect = nil
	return a
}

// unmarked is a key of this node that is registered without the mark of leaving,
// 0 if there is none.
func (d *departure) unmarked() pr.Key {
	for _, r := range d.Own() {
		if r.Key != Leaving(d.Me()) {
			return r.Key
		}
	}
	return 0
}

// drops unregisters a marked path. After a conflict it is not known what its key
// is: a node that had not seen the mark yet may have handed over to us, which
// puts the plain key back.
func (d *departure) drops(p pr.Path) action {
	a := d.unregisters(p, Leaving(d.Me()))
	a.anyAge = false
	a.ended = d.forgetting(p)
	return a
}

// forgetting notes that a path is not marked any more.
func (d *departure) forgetting(p pr.Path) func(end, error) {
	return func(how end, err error) {
		if how == performed || how == refused && errors.Is(err, pr.ErrReservationConflict) {
			d.marked = slices.DeleteFunc(d.marked, func(q pr.Path) bool { return q == p })
		}
	}
}

// heirs are the registrations of other nodes that stay. A node one of whose
// paths is marked leaving leaves: its other paths may go at any moment, and a
// move would register them again. Those come first that are taking: they stay, and
// any other may be whom they remove. A move puts the key back that was read, and so
// the mark with it.
func (d *departure) heirs() []pr.Registration {
	var plain, taking []pr.Registration
	for _, r := range d.State.Registrations {
		n, ok := d.run.Members.Of(r.Key)
		switch {
		case !ok || n.Key == d.Me() || d.State.Has(Leaving(n.Key)):
		case r.Key&TakingMark != 0:
			taking = append(taking, r)
		default:
			plain = append(plain, r)
		}
	}
	return append(taking, plain...)
}

// heir is whom the reservation can be moved to; nil if there is nobody, or the
// device cannot do it.
func (d *departure) heir() *pr.Registration {
	if heirs := d.heirs(); len(heirs) > 0 && d.State.Identified && !d.noMove {
		for i, h := range heirs {
			if !slices.ContainsFunc(d.unwilling, h.SameNexus) {
				return &heirs[i]
			}
		}
	}
	return nil
}

// handsOver moves the reservation from a marked path to an heir and takes the
// path's registration off, in one step.
func (d *departure) handsOver(from pr.Path, h *pr.Registration) action {
	m := &pr.MoveOrder{
		Key: Leaving(d.Me()), ActionKey: h.Key, Unregister: true, Persist: d.APTPL, RelativePort: h.RelativePort, Destination: h.Initiator,
	}
	a := d.moves(Moved, from, m)
	a.event.Heir = h.Key
	a.unsupported = true
	if h.AllPorts {
		// It is registered through all ports, and the device names none. This
		// path's will do.
		a.send = func(ctx context.Context) error {
			if p, err := pr.PortOf(ctx, from); err == nil {
				m.RelativePort = p.Relative
			}
			return pr.Move(ctx, from, m)
		}
	}
	forget := d.forgetting(from)
	a.ended = func(how end, err error) {
		forget(how, err)
		if how == refused && errors.Is(err, pr.ErrUnsupported) {
			d.unwilling, d.whyUnmoved = append(d.unwilling, *h), err
		}
	}
	return a
}

// turns reports whether the reservation can become one of all registrants where none can
// be moved, as on NVMe namespaces: somebody else has made it.
func (d *departure) turns(from pr.Path) bool {
	return !pr.Moves(from) && d.Wants(d.preferred) == unit.SharedType
}

// lets makes the reservation that the path holds one of all registrants, in one step: a
// PREEMPT of the own key by who holds changes its type.
func (d *departure) lets(from pr.Path) action {
	mark := Leaving(d.Me())
	return action{
		kind: sending, path: from, event: Event{Action: Preempted, Key: mark, Victim: mark, Type: unit.SharedType},
		send: func(ctx context.Context) error { return from.PreemptAndAbort(ctx, mark, mark, unit.SharedType) },
	}
}

// leavesOpen unregisters the path that holds, where the device cannot move the
// reservation: the LUN is left without one, and that is said.
func (d *departure) leavesOpen(from pr.Path) action {
	var keys []pr.Key
	for _, h := range d.heirs() {
		keys = append(keys, Plain(h.Key))
	}
	slices.Sort(keys)
	a := d.drops(from)
	forget := a.ended
	a.ended = func(how end, err error) {
		forget(how, err)
		if how == performed {
			d.run.log(Event{Action: Unmoved, LUN: d.Name, Key: Leaving(d.Me()), Heirs: slices.Compact(keys), Err: d.whyUnmoved})
		}
	}
	return a
}

// keepPersistence makes our REGISTERs leave the LU-wide bit as it is that
// keeps registrations through power loss: others rely on it.
func keepPersistence(ctx context.Context, t *target) error {
	if err := t.capabilities(ctx); err != nil && !errors.Is(err, ErrNoReservationType) {
		return err
	}
	t.APTPL = t.Caps != nil && t.Caps.Persisting
	return nil
}
