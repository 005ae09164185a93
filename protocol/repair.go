package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/scsi"
)

// Repair mends what a check found and what this node can mend: it registers
// its own missing paths, and reserves a LUN that has its registration but no
// reservation. Everything else is left as it is.
//
// A path is registered only where this node's key is still registered on
// another path of that LUN or on another LUN of the package, and is taken off
// again if that has gone by the time that the registration stands: a node that
// was fenced must not let itself in again.
//
// Errors, joined where there are several: *LUNError, *ForeignKeyError and
// *SharedLUNError (nothing was changed).
func (r *Run) Repair(ctx context.Context) error {
	targets, err := r.survey(ctx, func(ctx context.Context, t *target) error { return t.survey(ctx) })
	if err != nil {
		return err
	}
	var member, absent []*target
	for _, t := range targets {
		if t.state.Has(r.Node.Key) {
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
	if err := r.eachWhole(ctx, member, func(ctx context.Context, t *target) error { return t.repair(ctx, nil) }); err != nil {
		return err
	}
	return r.eachWhole(ctx, absent, func(ctx context.Context, t *target) error { return t.repair(ctx, member[0]) })
}

// repair mends one LUN. witness is another LUN on which our key is registered,
// nil if this one has to prove by itself that we were not fenced. If others
// change something under it, what was added is taken off and all is
// decided anew.
func (t *target) repair(ctx context.Context, witness *target) error {
	var last error
	for range maxRounds {
		if keys := t.foreign(); len(keys) > 0 {
			return &ForeignKeyError{LUN: t.Name, Keys: keys}
		}
		if last = t.repairOnce(ctx, witness); last == nil {
			return nil
		}
		if !again(last) {
			return t.final(last)
		}
		if err := t.read(ctx); err != nil {
			return err
		}
		t.before = t.state
	}
	return &LUNError{LUN: t.Name, Err: errors.Join(ErrUnsettled, last)}
}

func (t *target) repairOnce(ctx context.Context, witness *target) error {
	key := t.run.Node.Key
	if t.run.Mode == Exclusive && len(difference(t.nodes(), []scsi.Key{key})) > 0 {
		// Another node has it, or is taking it.
		return nil
	}
	had := t.state.Count(key)
	if had == 0 && witness == nil {
		// Fenced meanwhile.
		return nil
	}
	if had < len(t.Paths) || slices.ContainsFunc(t.usable, func(p Nexus) bool { return t.likeness(p, t.own()) != scsi.Alike }) {
		missing, err := t.readmit(ctx)
		if err != nil {
			return err
		}
		if err := t.stillMember(ctx, had+len(missing), witness); err != nil {
			return errors.Join(err, t.expel(ctx, missing))
		}
	}
	if !t.state.Has(key) || t.state.Reservation != nil {
		return nil
	}
	if err := t.reserve(ctx); err != nil {
		return err
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	if t.state.Reservation == nil {
		return ErrUnsettled
	}
	return nil
}

// Readmit registers the paths of the run's LUNs that are not registered, as
// they come back, where this node's key is registered on another path of the
// same LUN, and takes them off again if it has gone by then: a node that was
// fenced in between does not slip in. The package of the run is not looked at,
// and its LUNs need not be all there.
//
// It returns the names of the paths that it registered. Errors, joined where
// there are several: *LUNError, *ForeignKeyError (nothing was changed).
func (r *Run) Readmit(ctx context.Context) ([]string, error) {
	targets, err := r.survey(ctx, func(ctx context.Context, t *target) error { return t.survey(ctx) })
	if err != nil {
		return nil, err
	}
	ctx, cancel := r.whole(ctx)
	defer cancel()
	var admitted []string
	for _, t := range targets {
		var last error
		for range maxRounds {
			var paths []string
			if paths, last = t.readmitOnce(ctx); last == nil {
				admitted = append(admitted, paths...)
				break
			}
			if !again(last) {
				return admitted, t.final(last)
			}
			if err := t.read(ctx); err != nil {
				return admitted, err
			}
			t.before = t.state
		}
		if last != nil {
			return admitted, &LUNError{LUN: t.Name, Err: errors.Join(ErrUnsettled, last)}
		}
	}
	return admitted, nil
}

func (t *target) readmitOnce(ctx context.Context) ([]string, error) {
	if keys := t.foreign(); len(keys) > 0 {
		return nil, &ForeignKeyError{LUN: t.Name, Keys: keys}
	}
	had := t.state.Count(t.run.Node.Key)
	if had == 0 {
		// The node does not run what is on it, or was fenced.
		return nil, nil
	}
	missing, err := t.readmit(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(t.usable) == 0:
		// It answered the read and not the command: it is not registered.
		return nil, &LUNError{LUN: t.Name, Err: ErrNoPath}
	case len(missing) == 0:
		return nil, nil
	}
	if err := t.stillMember(ctx, had+len(missing), nil); err != nil {
		return nil, errors.Join(err, t.expel(ctx, missing))
	}
	names := make([]string, len(missing))
	for i, p := range missing {
		names[i] = p.Name()
	}
	return names, nil
}

// readmit registers those paths that are not registered and returns them.
// Those that are have to stay as they are: they prove that this node was not
// fenced, and a REGISTER of theirs would make the proof itself.
func (t *target) readmit(ctx context.Context) ([]Nexus, error) {
	key := t.run.Node.Key
	var missing []Nexus
	for _, p := range slices.Clone(t.usable) {
		if t.likeness(p, t.present()) == scsi.Alike {
			continue
		}
		err := t.outFrom(p, Event{Action: Readmitted, Key: key}, func() error { return p.Register(ctx, 0, key, t.aptpl) })
		switch {
		case err == nil:
			missing = append(missing, p)
		case errors.Is(err, scsi.ErrReservationConflict), pathFailed(err):
			// It is registered already, or dead.
		default:
			if undo := t.expel(ctx, missing); undo != nil {
				return nil, errors.Join(undo, err)
			}
			return nil, err
		}
	}
	return missing, nil
}

// expel takes paths off again.
func (t *target) expel(ctx context.Context, paths []Nexus) error {
	var errs []error
	for _, p := range paths {
		if err := t.leavePath(ctx, p); err != nil && !errors.Is(err, scsi.ErrReservationConflict) {
			errs = append(errs, &LUNError{LUN: t.Name, Err: err})
		}
	}
	return errors.Join(errs...)
}

// stillMember looks, after paths were registered, whether this node had not
// been fenced in between: what proved its membership must still be there. A
// fence removes all of a node's registrations on a LUN at once, so the old
// ones and the new ones together must be as many as want.
func (t *target) stillMember(ctx context.Context, want int, witness *target) error {
	key := t.run.Node.Key
	if err := t.read(ctx); err != nil {
		return err
	}
	if t.state.Count(key) < want {
		return &LUNError{LUN: t.Name, Err: ErrNotRegistered}
	}
	if t.before.Has(key) {
		return nil
	}
	look := *witness
	look.usable = slices.Clone(witness.Paths)
	t.run.looking.Lock()
	defer t.run.looking.Unlock()
	if err := look.read(ctx); err != nil {
		return err
	}
	if !look.state.Has(key) {
		return &LUNError{LUN: t.Name, Err: ErrNotRegistered}
	}
	return nil
}
