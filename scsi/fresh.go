package scsi

import (
	"context"
	"errors"
)

// ErrStale says that a command was not sent because the state that it was decided
// on had become too old: see [WhileFresh]. Nothing happened.
var ErrStale = errors.New("what it was decided on is too old")

// freshKey is where a context has its freshness.
type freshKey struct{}

// WhileFresh returns a context under which [Retry] sends a command that decides
// something only as long as fresh says so, which it asks before each time: a
// command that the device was too busy for must not be sent again when the state
// that the caller had read is long gone. Reads are not concerned. If ctx came
// from WhileFresh, too, both have to agree.
//
// A command for which the answer is no comes back with the device's last answer,
// or, if it never was sent, with an *OpError that is ErrStale; OutcomeUnknown is
// false for it.
func WhileFresh(ctx context.Context, fresh func() bool) context.Context {
	if outer, ok := ctx.Value(freshKey{}).(func() bool); ok {
		inner := fresh
		fresh = func() bool { return outer() && inner() }
	}
	return context.WithValue(ctx, freshKey{}, fresh)
}

// stale reports whether the request must not be sent any more.
func stale(ctx context.Context, req *Request) bool {
	if !req.decides() {
		return false
	}
	fresh, ok := ctx.Value(freshKey{}).(func() bool)
	return ok && !fresh()
}
