package pr

import (
	"context"
	"time"
)

// Within returns a context that ends with ctx, and after timeout at the latest, by the
// clock now. Its Done channel tells of ctx alone: there is no timer, which would cost
// more than the rest of what is done for a command. Whoever waits looks at the clock.
func Within(ctx context.Context, timeout time.Duration, now func() time.Time) context.Context {
	end := now().Add(timeout)
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(end) {
		end = earlier
	}
	return deadline{ctx, end, now}
}

// deadline is a context that ends at a time.
type deadline struct {
	context.Context
	end time.Time
	now func() time.Time
}

// Deadline is when it ends.
func (d deadline) Deadline() (time.Time, bool) { return d.end, true }

// Err is nil until it has ended.
func (d deadline) Err() error {
	if err := d.Context.Err(); err != nil {
		return err
	}
	if !d.now().Before(d.end) {
		return context.DeadlineExceeded
	}
	return nil
}
