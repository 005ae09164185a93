package unit

import (
	"fmt"
	"slices"

	"lunguard/pr"
)

// reach is by which of its paths a LUN is worked on.
type reach struct {
	// Usable are the paths that have not failed, Failure why the last one did.
	Usable  []pr.Path
	Failure error
	// aside are paths that were busy, tookUp says that such were tried again, answered is
	// the one that answered last.
	aside    []pr.Path
	tookUp   bool
	answered pr.Path
	// lost is told of each path that is given up, and why.
	lost func(pr.Path, error)
}

// NoPath is the error of a LUN without usable paths, with the last reason.
func (r *reach) NoPath() error {
	if r.Failure == nil {
		return ErrNoPath
	}
	return fmt.Errorf("%w: %w", ErrNoPath, r.Failure)
}

// order are the usable paths, and first the one that answered last.
func (r *reach) order() []pr.Path {
	if !slices.Contains(r.Usable, r.answered) {
		return slices.Clone(r.Usable)
	}
	return append([]pr.Path{r.answered}, r.others(r.answered)...)
}

// First is the path that answered last, if it is still usable, else the first.
func (r *reach) First() pr.Path { return r.order()[0] }

// others are the usable paths but p.
func (r *reach) others(p pr.Path) []pr.Path {
	return slices.DeleteFunc(slices.Clone(r.Usable), func(q pr.Path) bool { return q == p })
}

// GiveUp leaves a path out from now on.
func (r *reach) GiveUp(p pr.Path, err error) {
	r.lost(p, err)
	r.Failure = err
	r.Usable = r.others(p)
}

// SetAside leaves a path out that is busy, as long as there is another; it is tried once
// more, by TakeUp. It reports whether it did.
func (r *reach) SetAside(p pr.Path, err error) bool {
	if len(r.Usable) < 2 || !slices.Contains(r.Usable, p) {
		return false
	}
	if r.tookUp {
		r.GiveUp(p, err)
		return true
	}
	r.aside, r.Usable = append(r.aside, p), r.others(p)
	return true
}

// TakeUp makes the paths usable again that were set aside, once. It reports whether
// there were any.
func (r *reach) TakeUp() bool {
	if len(r.aside) == 0 {
		return false
	}
	r.Usable = append(r.Usable, r.aside...)
	r.tookUp, r.aside = true, nil
	return true
}
