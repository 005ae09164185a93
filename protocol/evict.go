package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// ErrKeyHolds says that the key which is to be evicted holds the reservation: to remove
// it would make the reservation this node's.
var ErrKeyHolds = errors.New("the key holds the reservation")

// ErrCameToHold says that a key reserved a LUN that nobody held while it was being
// evicted: the reservation has gone to this node with it.
var ErrCameToHold = errors.New("the key came to hold the reservation meanwhile, which is this node's now")

// Evicted tells what an eviction found.
type Evicted struct {
	// On are the LUNs on which the key was registered.
	On []string
	// Others are the foreign keys that are there beside it, and stay.
	Others []pr.Key
}

// Evict takes the registrations with one key that is no node's off every LUN, by
// PREEMPT AND ABORT, and changes nothing else: who holds goes on holding, and other
// keys stay, foreign ones, too. This node has to be registered wherever the key is, and
// not to be leaving.
//
// As with a fence the key of this node is marked taking meanwhile, and the mark comes
// off when the commands of who was removed are over. What has the key may register
// again at once; then this ends as one that does not come to rest.
//
// Errors, joined where there are several: *NotUpHereError and *LUNError
// (ErrKeyHolds, ErrNotRegistered: nothing was changed; ErrRemoved, ErrUnresolved, ErrCameToHold; or the state of a LUN
// is unknown, and nothing is claimed of it), *SharedLUNError.
func (r *Run) Evict(ctx context.Context, key pr.Key) (Evicted, error) {
	targets, err := r.gather(ctx, (*target).surveyState)
	if err != nil || len(targets) == 0 {
		return Evicted{}, err
	}
	if err := judge(targets, func(t *target) error { return twinError(&t.position) }); err != nil {
		return Evicted{}, err
	}
	e := &eviction{fencing: fencing{run: r, targets: targets, arbiter: targets[0]}, key: key}
	found := e.found()
	for _, t := range targets {
		// What counts is the seat, as in a fence.
		t.old = nil
	}
	if err := e.mayAct(); err != nil {
		return found, err
	}
	end, cancel := untilHurry(ctx, r.Hurry)
	defer cancel()
	for range maxRounds {
		if err := e.once(ctx); err != nil {
			return found, err
		}
		// All of them were begun, so all are brought to an end.
		ctx = end
		if len(targets) > 1 {
			if err := r.each(targets, func(t *target) error { return t.read(ctx) }); err != nil {
				return found, err
			}
		}
		if slices.ContainsFunc(targets, func(t *target) bool { return e.must(&t.position) || t.waitsFor() != 0 }) {
			continue
		}
		if out, err := absent(ctx, r, targets, func(k pr.Key) bool { return k == key }); err != nil {
			return found, err
		} else if out {
			return found, r.each(targets, e.verdict)
		}
	}
	return found, &LUNError{LUN: targets[0].Name, Err: ErrUnsettled}
}

// eviction is a fence whose victim is a key that belongs to no node.
type eviction struct {
	fencing
	key pr.Key
}

// found lists where the key is, and which others are there.
func (e *eviction) found() Evicted {
	var f Evicted
	for _, t := range e.targets {
		if e.isOn(&t.position) {
			f.On = append(f.On, t.Name)
		}
		for _, k := range t.Foreign() {
			if k != e.key && !slices.Contains(f.Others, k) {
				f.Others = append(f.Others, k)
			}
		}
	}
	slices.Sort(f.Others)
	return f
}

// mayAct fails if the key holds a LUN, or if there is something to be done on one where
// this node is not registered.
func (e *eviction) mayAct() error {
	var errs []error
	for _, t := range e.targets {
		switch {
		case t.Holder() == e.key:
			errs = append(errs, &LUNError{LUN: t.Name, Err: ErrKeyHolds})
		case (len(t.Own()) == 0 || t.HasOwn(LeavingMark)) && (e.must(&t.position) || t.waitsFor() != 0):
			errs = append(errs, notUpHere(&t.position))
		}
	}
	return errors.Join(errs...)
}

// isOn reports whether the key is registered on a LUN, or holds it.
func (e *eviction) isOn(t *position) bool { return slices.Contains(unit.AllKeys(t.State), e.key) }

// must reports whether there is something to be done.
func (e *eviction) must(t *position) bool {
	return e.isOn(t) || t.doubt || t.suspect || t.HasOwn(TakingMark)
}

// once evicts on all LUNs, and then takes the marks off. Where it failed the marks are
// taken off, too, as far as nothing is in doubt.
func (e *eviction) once(ctx context.Context) error {
	r := e.run
	err := r.eachWhole(ctx, e.targets, func(ctx context.Context, t *target) error {
		t.absent = nil
		return t.drive(ctx, e.rows())
	})
	end, cancel := untilHurry(ctx, r.Hurry)
	if err != nil {
		end, cancel = undoing(ctx, r.Hurry)
	}
	defer cancel()
	return errors.Join(err, r.each(e.targets, func(t *target) error {
		if err != nil && !t.touched || t.pending != nil {
			// Beside a command that hangs nothing more is sent.
			return nil
		}
		return t.drive(end, e.endRows())
	}))
}

// rows evict the key from one LUN. What is done under the mark is not over before
// settleRows.
func (e *eviction) rows() []row {
	return []row{
		noPathRow(),
		{"nothing is to be done", func(t *position) bool { return !e.must(t) },
			func(*target) action { return action{kind: paused} }},
		{"another node has removed this one", func(t *position) bool { return t.removed || len(t.Own()) == 0 },
			func(*target) action { return fail(ErrRemoved) }},
		{"this node leaves", func(t *position) bool { return t.HasOwn(LeavingMark) },
			func(*target) action { return fail(ErrNotRegistered) }},
		{"the key holds", func(t *position) bool { return t.Holder() == e.key },
			func(*target) action { return fail(ErrKeyHolds) }},
		{"the seat is not marked", func(t *position) bool { return !t.isSure(t.seat()) || t.seatKey()&TakingMark == 0 },
			e.marks},
		{"the key is registered", e.isOn, e.strikes},
		suspectRow(),
		{"done, but for the marks", func(*position) bool { return true },
			func(*target) action { return action{kind: paused} }},
	}
}

// endRows take the marks off, as a fence does; but foreign keys may stay, which is what
// its first row is about, and a halt of this node takes the marks off by itself.
func (e *eviction) endRows() []row {
	leaves := row{"this node leaves", func(t *position) bool { return t.HasOwn(LeavingMark) },
		func(*target) action { return action{kind: paused} }}
	return append([]row{leaves}, e.settleRows()[1:]...)
}

// strikes removes the key. Whose it is writes whoever holds, so that its commands have
// to be over on a target, too, that aborts those of the holder only.
func (e *eviction) strikes(t *target) action {
	a := t.preempts(t.seat(), t.seatKey(), e.key)
	ended := a.ended
	a.ended = func(how end, err error) {
		ended(how, err)
		t.suspect = t.suspect || how == performed && pr.Resets(a.path)
	}
	return a
}

// verdict is what is left to be said of a LUN where all was done.
func (e *eviction) verdict(t *target) error {
	if t.before.Reservation == nil && t.IsMine() {
		return &LUNError{LUN: t.Name, Err: ErrCameToHold}
	}
	return t.unfinished()
}
