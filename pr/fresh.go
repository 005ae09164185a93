package pr

import (
	"context"
	"time"
)

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

// patienceKey is where a context has how long a device is waited for.
type patienceKey struct{}

// PatientUntil returns a context under which a device that is too busy for a command is
// waited for until then and no longer: the command comes back with ErrBusy, since by
// another path it may do.
func PatientUntil(ctx context.Context, end time.Time) context.Context {
	if now, ok := ctx.Value(patienceKey{}).(time.Time); ok && now.Before(end) {
		return ctx
	}
	return context.WithValue(ctx, patienceKey{}, end)
}

// Patience is how long a device that is busy may be waited for at this time, if ctx
// says so and it is less than most.
func Patience(ctx context.Context, now time.Time, most time.Duration) time.Duration {
	if end, ok := ctx.Value(patienceKey{}).(time.Time); ok {
		return min(most, end.Sub(now))
	}
	return most
}
