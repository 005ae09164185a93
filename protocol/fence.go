package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// Fence takes a failed node's registrations off every LUN, by PREEMPT AND ABORT;
// a reservation that it held is this node's afterwards. It never registers, and
// so this node must be registered, unless nothing is left to be done: the node is
// registered nowhere, and every LUN is reserved. Another survivor having been
// first is success.
//
// The LUN with the lowest WWID is the arbiter, as for a start: of two survivors
// that fence each other the one that is removed there gives up everywhere.
//
// Keys of nodes that leave are removed with it: they have stopped writing, and
// a hand-over to the failed node may be on its way, which would register it
// again. So is whatever key a port of the failed node is registered with.
//
// Errors, joined where there are several: *LUNError (ErrNotRegistered,
// ErrRemoved, ErrUnresolved, ErrShifted; or the state of a LUN is unknown, and nothing is
// claimed of it), *SharedLUNError, *ForeignKeyError, *StrayPortError (nothing was
// changed), *LostError (another node has the LUNs).
func (r *Run) Fence(ctx context.Context, victim Member) error {
	targets, err := r.survey(ctx, (*target).surveyState)
	if err != nil || len(targets) == 0 {
		return err
	}
	if err := judge(targets, func(t *target) error { return shiftError(&t.position, true) }); err != nil {
		return err
	}
	f := &fencing{run: r, victim: victim, targets: targets, arbiter: targets[0]}
	for _, t := range targets {
		// What counts is the seat. A survivor that fences this one may have taken
		// its other paths off, and lose nevertheless.
		t.old = nil
	}
	if err := f.strays(); err != nil {
		return err
	}
	// All or none: a node that is not registered everywhere is itself in
	// trouble, and says so before it changes anything.
	if err := f.mayAct(); err != nil {
		return err
	}
	end, cancel := untilHurry(ctx, r.Hurry)
	defer cancel()
	for range maxRounds {
		if err := f.once(ctx); err != nil {
			return err
		}
		// All of them were begun, so all are brought to an end.
		ctx = end
		if len(targets) > 1 {
			// A start of the victim's that ran meanwhile may have registered on some
			// after they were done with. It looks twice, too, so one of the two sees
			// the other.
			if err := r.each(targets, func(t *target) error { return t.read(ctx) }); err != nil {
				return err
			}
		}
		if !f.allDone() {
			continue
		}
		if out, err := absent(ctx, r, targets, func(k pr.Key) bool { return Plain(k) == victim.Key }); err != nil {
			return err
		} else if !out {
			continue
		}
		for _, t := range targets {
			if len(t.Own()) > 0 {
				checkPaths(t)
			}
		}
		return r.each(targets, (*target).unfinished)
	}
	return &LUNError{LUN: targets[0].Name, Err: ErrUnsettled}
}

// fencing is a fence under way.
type fencing struct {
	run     *Run
	victim  Member
	targets []*target
	arbiter *target
	// owners tell whose the initiator ports are.
	owners unit.Owners
}

// strays fails if a port of the victim is registered with the key of a third node,
// from a copy that was killed, beside a port of that node's own: only that node can
// take it off without removing itself.
func (f *fencing) strays() error {
	var states []*pr.State
	for _, t := range f.targets {
		states = append(states, t.State)
	}
	f.owners = unit.OwnersOf(states)
	var errs []error
	for _, t := range f.targets {
		for _, r := range t.State.Registrations {
			n, ok := f.run.Members.Of(r.Key)
			if ok && n != f.victim && n != f.run.Node && !unit.IsLeaving(r.Key) && f.isPort(r) && !f.isAlone(&t.position, r.Key) {
				errs = append(errs, &StrayPortError{LUN: t.Name, Port: r.Initiator, Key: r.Key, Node: n.Name, Victim: f.victim.Name})
			}
		}
	}
	return errors.Join(errs...)
}

// isPort reports whether a registration is that of a port of the victim.
func (f *fencing) isPort(r pr.Registration) bool {
	return r.Initiator != nil && f.owners.MayOwn(f.victim.Key, r.Initiator)
}

// isAlone reports whether a key is registered by ports of the victim only, so that
// nobody else is removed with it.
func (f *fencing) isAlone(t *position, key pr.Key) bool {
	return !slices.ContainsFunc(t.State.Registrations, func(r pr.Registration) bool { return r.Key == key && !f.isPort(r) })
}

// mayAct fails if there is something to be done on a LUN and this node is not
// registered there.
func (f *fencing) mayAct() error {
	var errs []error
	for _, t := range f.targets {
		if len(t.Own()) == 0 && !f.allDone() {
			errs = append(errs, notUpHere(&t.position))
		}
	}
	return errors.Join(errs...)
}

// notUpHere is the error of a LUN on which this node is not registered.
func notUpHere(t *position) error {
	e := &NotUpHereError{LUN: t.Name, Mode: t.mode}
	for _, n := range t.mayRun() {
		if n.Key != t.Me() && (t.mode == Shared || t.State.Reservation == nil || Holds(t.State, n.Key)) {
			e.Up = append(e.Up, n)
		}
	}
	return e
}

func (f *fencing) allDone() bool {
	return !slices.ContainsFunc(f.targets, func(t *target) bool { return !f.isDone(&t.position) })
}

// isDone reports whether the victim is out of a LUN: it is registered by no port
// under any key, a reservation of a node that stays keeps it out, nobody is still
// removing somebody, and this run leaves no mark.
func (f *fencing) isDone(t *position) bool {
	return !f.mustAct(t) && t.IsHeld() && t.waitsFor() == 0
}

// once fences on all LUNs: the arbiter is struck first, the others while our mark
// stands on it; then the marks are taken off, the arbiter's last. Where it failed
// the marks are taken off, too, as far as nothing is in doubt.
func (f *fencing) once(ctx context.Context) error {
	r, others := f.run, f.targets[1:]
	strike := func(ctx context.Context, t *target) error {
		t.absent = nil
		return t.drive(ctx, f.strikeRows(t))
	}
	var err error
	if slices.ContainsFunc(f.targets, func(t *target) bool { return f.mustAct(&t.position) }) {
		if err = r.eachWhole(ctx, f.targets[:1], strike); err == nil {
			err = r.eachWhole(ctx, others, strike)
		}
	}
	end, cancel := untilHurry(ctx, r.Hurry)
	if err != nil {
		end, cancel = undoing(ctx, r.Hurry)
	}
	defer cancel()
	settle := func(ctx context.Context, targets []*target) error {
		return r.each(targets, func(t *target) error {
			if err != nil && !t.touched || t.pending != nil {
				// Beside a command that hangs nothing more is sent.
				return nil
			}
			return t.drive(ctx, f.settleRows())
		})
	}
	serr := settle(end, others)
	if err == nil && serr != nil {
		end, cancel = undoing(ctx, r.Hurry)
		defer cancel()
	}
	return errors.Join(err, serr, settle(end, f.targets[:1]))
}

// mustAct reports whether there is something to be removed from a LUN, or to be
// reserved. Who holds and leaves may be this node itself, whose halt was killed.
func (f *fencing) mustAct(t *position) bool {
	return f.next(t) != 0 || f.stray(t) || !t.RightType() || unit.IsLeaving(t.Holder()) || t.doubt || t.HasOwn(TakingMark)
}

// next is the key to be removed next, 0 if there is none: of the victim that is
// taking first, then of one that holds, then the victim's others, then those of
// other nodes that leave.
func (f *fencing) next(t *position) pr.Key {
	keys := unit.AllKeys(t.State)
	for _, first := range []func(pr.Key) bool{
		func(k pr.Key) bool { return k == Taking(f.victim.Key) },
		func(k pr.Key) bool { return k == t.Holder() },
		func(pr.Key) bool { return true },
	} {
		for _, k := range keys {
			leaves := unit.IsLeaving(k) && Plain(k) != t.Me()
			stray := Plain(k) != t.Me() && t.State.Identified && t.State.Has(k) && f.isAlone(t, k)
			if first(k) && (leaves || stray || Plain(k) == f.victim.Key) {
				return k
			}
		}
	}
	return 0
}

// stray reports whether a port of the victim is registered with this node's key.
func (f *fencing) stray(t *position) bool {
	return slices.ContainsFunc(t.Own(), func(r pr.Registration) bool { return f.isPort(r) && !t.IsPresent(r) })
}

// strikeRows remove the victim from one LUN. What is done under the mark is not
// over before settleRows.
func (f *fencing) strikeRows(t *target) []row {
	arbiter := f.arbiter
	if t == arbiter {
		arbiter = nil
	}
	must := func(t *position) bool { return f.mustAct(t) || arbiter == nil }
	seatMarked := func(t *position) bool { return t.seatKey()&TakingMark != 0 }
	return []row{
		foreignRow(), noPathRow(),
		{"nothing is to be removed", func(t *position) bool { return !must(t) && !t.HasOwn(TakingMark) },
			func(*target) action { return action{kind: paused} }},
		{"another node has removed this one", func(t *position) bool { return t.removed || len(t.Own()) == 0 },
			func(t *target) action { return fail(f.gone(t)) }},
		{"the victim is removing others, its key is the lower one, and the seat is marked", func(t *position) bool {
			return mustWait(t, Taking(f.victim.Key)) && f.victim.Key < t.Me() && t.isSure(t.seat()) && seatMarked(t)
		},
			func(t *target) action { return standsDown(t) }},
		{"the victim is removing others", func(t *position) bool { return mustWait(t, Taking(f.victim.Key)) },
			waits},
		{"the seat is not marked", func(t *position) bool { return !t.isSure(t.seat()) || !seatMarked(t) },
			func(t *target) action { return f.marks(t) }},
		{"our mark on the arbiter was not seen since the seat was marked", func(t *position) bool { return arbiter != nil && !t.looked },
			func(t *target) action { return f.asks(t) }},
		unresolvedRow(), doubtRow(),
		{"nobody holds", func(t *position) bool { return t.State.Reservation == nil },
			func(t *target) action { return t.reserves(t.seat(), t.seatKey()) }},
		{"this node holds, and the device removes nobody for who holds", func(t *position) bool { return t.holdsInVain(f.next(t)) },
			turns},
		{"all registrants hold since then, and one is to", func(t *position) bool { return t.turned && t.mode == Exclusive && t.AllHold() },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), 0) }},
		{"the victim, or who leaves, is registered", func(t *position) bool { return f.next(t) != 0 },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), f.next(&t.position)) }},
		{"a port of the victim has our key, and so has another path of ours", func(t *position) bool { return f.stray(t) && f.plainPath(t) != nil },
			func(t *target) action { return t.marksTaking(f.plainPath(&t.position), t.Me()) }},
		{"a port of the victim has our key", func(t *position) bool { return f.stray(t) },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), f.strayKey(&t.position)) }},
		{"this node holds by another type", func(t *position) bool { return t.IsMine() && !t.RightType() },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), t.Holder()) }},
		{"others hold by another type", func(t *position) bool { return !t.RightType() },
			func(*target) action { return fail(ErrOtherType) }},
		suspectRow(),
		{"done, but for the marks", func(*position) bool { return true },
			func(*target) action { return action{kind: paused} }},
	}
}

// standsDown takes the mark off again for the sake of another node that removes, too: of two
// that remove each other one has to, or neither could remove the other without having its
// doubt. What is read then decides.
func standsDown(t *target) action {
	a := unmarks(t, t.seat())
	a.effect = nil
	return a
}

// settleRows take the marks off, and wait for the end of what others remove.
func (f *fencing) settleRows() []row {
	return []row{
		foreignRow(), noPathRow(),
		unresolvedRow(), doubtRow(),
		{"another node is removing others, and may wait for the mark on the seat to go", func(t *position) bool { return mustWait(t, t.waitsFor()) && t.HasOwn(TakingMark) && t.isSure(t.seat()) },
			unmarksSeat},
		{"another node is removing somebody", func(t *position) bool { return t.waitsFor() != 0 && isPatient(t) },
			waits},
		{"and its commands may not be over", func(t *position) bool { return t.waitsFor() != 0 },
			func(t *target) action { t.doubt = true; return t.resets() }},
		{"another path is marked", func(t *position) bool { return len(t.Own()) > 0 && t.markedPath() != nil },
			func(t *target) action { return unmarks(t, t.markedPath()) }},
		{"the seat is marked", func(t *position) bool { return len(t.Own()) > 0 && t.seatKey() != t.Me() },
			unmarksSeat},
		{"a mark of this node is left on a path that is dead", func(t *position) bool { return t.isSure(t.seat()) && t.deadMark() != 0 },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), t.deadMark()) }},
	}
}

// unmarksSeat takes the mark off the seat. Where the device does not tell which path
// has which key, those that may be the seat's are tried: the marked one may be that of a
// path which has died.
func unmarksSeat(t *target) action {
	p := t.seat()
	if _, sure, _ := t.Registration(p); sure || t.isSure(p) {
		return unmarks(t, p)
	}
	key := t.likely(p)
	if key == 0 {
		return fail(ErrKeysLeft)
	}
	a := t.registers(Unmarked, p, key, t.Me())
	a.ended = marking(t, p, key, a.ended)
	return a
}

// marks marks a path that is registered, quoting its key.
func (f *fencing) marks(t *target) action {
	p := t.leaves()
	if p == nil {
		return fail(ErrNotRegistered)
	}
	r, sure, _ := t.Registration(p)
	if !sure {
		r.Key = t.likely(p)
	}
	t.looked = false
	a := t.marksTaking(p, r.Key)
	// The mark, then reading: a node that leaves does the same, so that one of
	// the two sees the other. Its hand-over would take the mark off.
	a.effect = nil
	a.ended = marking(t, p, r.Key, a.ended)
	return a
}

// plainPath is a path of this node without a mark.
func (f *fencing) plainPath(t *position) pr.Path {
	for _, p := range t.Usable {
		if r, sure, _ := t.Registration(p); sure && r.Key == t.Me() {
			return p
		}
	}
	return nil
}

// strayKey is our key as a port of the victim has it.
func (f *fencing) strayKey(t *position) pr.Key {
	for _, r := range t.Own() {
		if f.isPort(r) && !t.IsPresent(r) {
			return r.Key
		}
	}
	return 0
}

// gone says what became of this node on a LUN from which it was removed.
func (f *fencing) gone(t *target) error {
	if f.run.Mode == Exclusive && t.HeldByOther() {
		return lostError(t)
	}
	return ErrRemoved
}

// asks looks whether our mark still stands on the arbiter.
func (f *fencing) asks(t *target) action {
	return action{kind: asking, ask: func(ctx context.Context) error {
		look, err := f.arbiter.lookAgain(ctx, f.arbiter.Usable)
		if err != nil {
			return err
		}
		if look.removed || !look.HasOwn(TakingMark) {
			return look.final(f.gone(look))
		}
		t.looked = true
		return nil
	}}
}
