package protocol

import (
	"context"
	"errors"

	"lunguard/pr"
)

// answers is what one LUN tells by each path of this host.
type answers struct {
	said []pathState
	// failures are the paths that do not answer, errs why.
	failures []Finding
	errs     []error
}

// pathState is what a LUN tells by one path.
type pathState struct {
	path  string
	state *pr.State
}

// ask reads a LUN by every path.
func (t *target) ask(ctx context.Context) answers {
	var h answers
	failed := func(path string, err error) {
		h.failures = append(h.failures, Finding{Kind: DeadPath, Path: path, Err: err})
		h.errs = append(h.errs, err)
	}
	for _, p := range t.Unopened {
		failed(p.Name, p.Err)
	}
	for _, p := range t.Paths {
		if s, err := p.State(ctx); err != nil {
			failed(p.Name(), err)
		} else {
			h.said = append(h.said, pathState{p.Name(), s})
		}
	}
	return h
}

// contradiction finds a path that tells otherwise than the first one, nil if none
// does. One LUN has one state (SPC-4 5.13.1), so that one of the two is not this
// LUN, or answers what was once.
func (h *answers) contradiction() *ContradictionError {
	for i := range h.said {
		if a, b := h.said[0], h.said[i]; !a.state.Equal(b.state) {
			return &ContradictionError{Paths: [2]string{a.path, b.path}, States: [2]*pr.State{a.state, b.state}}
		}
	}
	return nil
}

// astray is why a path leads to another device than the LUN, nil if none does: the
// host's writes go there.
func (h *answers) astray() error {
	for _, err := range h.errs {
		if errors.Is(err, pr.ErrWrongDevice) {
			return err
		}
	}
	return nil
}
