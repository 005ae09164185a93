package protocol

import (
	"context"
	"errors"
	"fmt"

	"lunguard/pr"
)

// Repair mends what a check found and what this node can mend: it registers
// its own missing paths, and reserves a LUN that has its registration but no
// reservation. Everything else is left as it is.
//
// A path is registered only where this node's key is still registered on
// another path of that LUN or on another LUN of the run, and everything of this
// node is taken off again if that has gone by the time that the registration
// stands: a node that was fenced must not let itself in again.
//
// Errors, joined where there are several: *LUNError (ErrRemoved; ErrPathLost if
// it is not known that a path was registered; ErrFenced, nothing was changed),
// *ForeignKeyError and *SharedLUNError (nothing was changed).
func (r *Run) Repair(ctx context.Context) error {
	targets, err := r.survey(ctx, (*target).survey)
	if err != nil {
		return err
	}
	if err := r.each(targets, notFenced); err != nil {
		return err
	}
	var member, absent []*target
	for _, t := range targets {
		if len(t.Own()) > 0 {
			member = append(member, t)
		} else {
			absent = append(absent, t)
		}
	}
	if len(member) == 0 {
		// This node has the package not up, or was fenced: nothing to mend.
		return nil
	}
	// First where there are registrations; only then elsewhere, so that what
	// is taken for proof is not being made at that moment.
	if err := r.eachWhole(ctx, member, func(ctx context.Context, t *target) error { return repair(ctx, t, repairRows(nil)) }); err != nil {
		return err
	}
	return r.eachWhole(ctx, absent, func(ctx context.Context, t *target) error { return repair(ctx, t, repairRows(member[0])) })
}

// Readmit registers the paths of the run's LUNs that are not registered, as
// they come back, where this node's key is registered on another path of the
// same LUN; see [Run.Repair]. The LUNs need not be all that the node has.
//
// It returns the names of the paths that it registered. Errors, joined where
// there are several: those of Repair.
func (r *Run) Readmit(ctx context.Context) ([]string, error) {
	targets, err := r.survey(ctx, (*target).survey)
	if err != nil {
		return nil, err
	}
	ctx, cancel := untilHurry(ctx, r.Hurry)
	defer cancel()
	var admitted []string
	for _, t := range targets {
		if err := repair(ctx, t, readmitRows()); err != nil {
			return admitted, err
		}
		for _, p := range t.tried {
			if t.isIn(p) {
				admitted = append(admitted, p.Name())
			}
		}
	}
	return admitted, nil
}

// repair mends one LUN. If this node was removed meanwhile, all that it has there
// is given up, as by a halt: others may rely on a reservation that it holds.
func repair(ctx context.Context, t *target, rows []row) error {
	err := t.drive(ctx, rows)
	if errors.Is(err, ErrRemoved) && t.touched {
		ctx, cancel := undoing(ctx, t.run.Hurry)
		defer cancel()
		t.retry()
		if rerr := t.read(ctx); rerr != nil {
			return errors.Join(err, rerr)
		}
		return errors.Join(err, depart(ctx, t))
	}
	if err != nil {
		return err
	}
	for _, p := range t.tried {
		if !t.isIn(p) {
			err = errors.Join(err, &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: %s is not registered", ErrPathLost, p.Name())})
		}
	}
	return errors.Join(err, t.unfinished())
}

// readmitRows register what is not registered, where something is.
func readmitRows() []row {
	return []row{
		foreignRow(), noPathRow(),
		{"another node has removed this one", func(t *position) bool { return t.removed || t.touched && len(t.Own()) == 0 },
			func(*target) action { return fail(ErrRemoved) }},
		{"nothing of this node is registered", func(t *position) bool { return len(t.Own()) == 0 }, finish},
		{"this node leaves", func(t *position) bool { return t.HasOwn(LeavingMark) }, finish},
		{"another node has it, or is taking it", func(t *position) bool { return t.mode == Exclusive && len(t.Others()) > 0 && !t.touched }, finish},
		{"another node has taken it", func(t *position) bool { return t.mode == Exclusive && t.HeldByOther() },
			func(*target) action { return fail(ErrRemoved) }},
		{"a path is not registered, and does not answer", func(t *position) bool { return t.widens() != nil && !t.answers(t.widens()) },
			func(t *target) action { return tries(t, t.widens()) }},
		{"a path is not registered", func(t *position) bool { return t.widens() != nil },
			func(t *target) action { return widen(t, t.widens(), Readmitted) }},
	}
}

// repairRows do that, and see to it that there is a reservation. On a LUN that
// nothing is registered on the witness, another one, proves that this node was
// not fenced.
func repairRows(witness *target) []row {
	rows := readmitRows()
	if witness != nil {
		rows = []row{
			foreignRow(), noPathRow(),
			{"another node has it, or is taking it", func(t *position) bool { return t.mode == Exclusive && len(t.Others()) > 0 && !t.touched }, finish},
			{"another node has removed this one", func(t *position) bool { return t.removed || t.mode == Exclusive && t.HeldByOther() },
				func(*target) action { return fail(ErrRemoved) }},
			{"a path is not registered, and does not answer", func(t *position) bool { return t.widens() != nil && !t.answers(t.widens()) },
				func(t *target) action { return tries(t, t.widens()) }},
			{"a path is not registered", func(t *position) bool { return t.widens() != nil },
				func(t *target) action { t.looked = false; return widen(t, t.widens(), Readmitted) }},
			{"the witness was not looked at since", func(t *position) bool { return t.touched && !t.looked },
				func(t *target) action { return asksWitness(t, witness) }},
		}
	}
	return append(rows, row{"nobody holds", func(t *position) bool { return t.State.Reservation == nil },
		func(t *target) action { return t.reserves(t.seat(), t.seatKey()) }})
}

// tries finds out whether a path answers; one that does not is given up, which is
// no failure of the run: it has not come back.
func tries(t *target, p pr.Path) action {
	return action{kind: asking, ask: func(ctx context.Context) error {
		for _, err := range t.Each(ctx, []pr.Path{p}, readState) {
			switch {
			case err == nil:
				t.tried = append(t.tried, p)
			case pr.PathTroubled(err):
				t.GiveUp(p, err)
			default:
				return t.final(err)
			}
		}
		return nil
	}}
}

// asksWitness looks whether this node is still registered on another LUN.
func asksWitness(t *target, witness *target) action {
	return action{kind: asking, ask: func(ctx context.Context) error {
		look, err := witness.lookAgain(ctx, witness.Paths)
		if err != nil {
			return err
		}
		if look.removed || len(look.Own()) == 0 {
			return t.final(ErrRemoved)
		}
		t.looked = true
		return nil
	}}
}
