package pr

import "context"

// freshKey is where a context has its freshness.
type freshKey struct{}

// WhileFresh returns a context under which a command that decides something is sent
// only as long as fresh says so, which is asked before each time: a command that the
// device was too busy for must not be sent again when the state that the caller had
// read is long gone. Reads are not concerned. If ctx came from WhileFresh, too, both
// have to agree.
//
// A command for which the answer is no comes back with the device's last answer,
// or, if it never was sent, with an error that is ErrStale; OutcomeUnknown is
// false for it.
func WhileFresh(ctx context.Context, fresh func() bool) context.Context {
	if outer, ok := ctx.Value(freshKey{}).(func() bool); ok {
		inner := fresh
		fresh = func() bool { return outer() && inner() }
	}
	return context.WithValue(ctx, freshKey{}, fresh)
}

// Stale reports whether what a command was decided on is too old for it to be sent.
func Stale(ctx context.Context) bool {
	fresh, ok := ctx.Value(freshKey{}).(func() bool)
	return ok && !fresh()
}
