package protocol

import (
	"context"

	"lunguard/pr"
)

// Status is what one LUN tells; with an error its state is unknown.
type Status struct {
	LUN   string
	State *pr.State
	Err   error
}

// Show reads the LUNs of the run and changes nothing. The answers come in the
// order of the LUNs. Members and Node of the run are not looked at.
func (r *Run) Show(ctx context.Context) []Status {
	list := make([]Status, len(r.LUNs))
	r.eachLUN(func(i int) {
		t := r.target(r.LUNs[i])
		list[i] = Status{LUN: t.Name, Err: t.read(ctx)}
		list[i].State = t.state
	})
	return list
}

// Up reports whether this node has the package up, as far as can be told: its
// key is on one of the LUNs, or the state of one is unknown.
func (r *Run) Up(ctx context.Context) bool {
	for _, s := range r.Show(ctx) {
		if s.Err != nil || s.State.Has(r.Node.Key) || s.State.Has(Taking(r.Node.Key)) {
			return true
		}
	}
	return false
}
