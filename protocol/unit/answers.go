package unit

import (
	"context"
	"errors"

	"lunguard/pr"
)

// Answers are what a unit tells by each path of this host.
type Answers struct {
	Said []PathState
	// Dead are the paths that do not answer, and why.
	Dead []DeadPath
}

// PathState is what a unit tells by one path.
type PathState struct {
	Path  string
	State *pr.State
}

// DeadPath is a path that does not answer.
type DeadPath struct {
	Path string
	Err  error
}

// Ask reads the unit by every path. What it knew of the state stays.
func (u *Unit) Ask(ctx context.Context) Answers {
	var a Answers
	for _, p := range u.Unopened {
		a.Dead = append(a.Dead, DeadPath{p.Name, p.Err})
	}
	var s *pr.State
	read := func(ctx context.Context, p pr.Path) (err error) {
		s, err = p.State(ctx)
		return err
	}
	for p, err := range u.Each(ctx, u.Paths, read) {
		if err != nil {
			a.Dead = append(a.Dead, DeadPath{p.Name(), err})
		} else {
			a.Said = append(a.Said, PathState{p.Name(), s})
		}
	}
	return a
}

// Contradiction finds a path that tells otherwise than the first one. One LUN has one
// state (SPC-4 5.13.1), so that one of the two is not this LUN, or answers what was
// once.
func (a *Answers) Contradiction() (first, other PathState, found bool) {
	for i := range a.Said {
		if !a.Said[0].State.Equal(a.Said[i].State) {
			return a.Said[0], a.Said[i], true
		}
	}
	return PathState{}, PathState{}, false
}

// Unfit is why the others do not make up for a path: it leads to another device than the
// LUN, where the host's writes go, or this host refuses to ask it. nil if there is none.
func (a *Answers) Unfit() error {
	for _, d := range a.Dead {
		if errors.Is(d.Err, pr.ErrWrongDevice) || pr.HostRefused(d.Err) {
			return d.Err
		}
	}
	return nil
}

// Errors are why paths do not answer.
func (a *Answers) Errors() error {
	var errs []error
	for _, d := range a.Dead {
		errs = append(errs, d.Err)
	}
	return errors.Join(errs...)
}
