package nvme

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lunguard/pr"
)

// Limits of [Retry].
const (
	// DefaultTimeout is how long a command may take with all its retries. A path that
	// comes back, or a failover of the subsystem, takes the better part of a minute.
	DefaultTimeout = 60 * time.Second
	// lostRetries is how often a read is repeated that got lost.
	lostRetries    = 3
	firstBackoff   = 10 * time.Millisecond
	longestBackoff = 2 * time.Second
)

// Retry is a Transport that repeats what may be repeated, which the kernel does with no
// command that it carries for others:
//
//   - any command that the controller or the kernel had no room or no path for: a status
//     that passes, without Do Not Retry, and EAGAIN. It is sent again after the delay that
//     the controller wants, or with back-off, until Timeout;
//   - reads that got lost on the way, or were aborted, three times, unless the status has
//     Do Not Retry. Never a reservation command or a write: it may have taken effect.
//
// EINTR from the kernel is a command that got lost, and no signal.
//
// Nothing that decides is sent once it is stale: see [pr.WhileFresh]. When the rules are
// exhausted the last Reply is returned. A command that was not sent at all because the
// deadline had passed or ctx was cancelled comes back as an *OpError of class ErrTimeout
// whose OutcomeUnknown is false.
//
// A Retry belongs to one path and is used by one goroutine at a time.
type Retry struct {
	Transport Transport
	// Timeout bounds one command with all its retries; zero means DefaultTimeout.
	Timeout time.Duration
	// Sends, if not nil, is told before a command is sent, each time. Retried, if not
	// nil, is told before it is repeated, with the answer that is the reason.
	Sends   func(*Request)
	Retried func(*OpError)
	// Sleep replaces the clock in tests; nil sleeps. An error ends the retries.
	Sleep func(context.Context, time.Duration) error
	// Now tells the time by which Timeout and deadlines go; nil is time.Now.
	Now func() time.Time

	// delays are those that a status can name, once the controller has told them.
	delays [3]time.Duration
}

// Do sends the request as often as the rules say.
func (r *Retry) Do(ctx context.Context, req *Request) (Reply, error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx = pr.Within(ctx, timeout, r.now)
	var reply Reply
	var failed error
	lost := 0
	for wait, sent := firstBackoff, false; ; sent = true {
		stale := req.Decides() && pr.Stale(ctx)
		switch err := ctx.Err(); {
		case err == nil && !stale:
		case sent:
			// The last answer says more than the deadline does.
			return reply, failed
		case err != nil:
			return Reply{}, unsent("", err)
		default:
			return Reply{}, &OpError{Class: fmt.Errorf("not sent: %w", pr.ErrStale)}
		}
		if sent && req.Opcode.ReadsData() {
			Blank(req.Data)
		}
		if r.Sends != nil {
			r.Sends(req)
		}
		reply, failed = r.Transport.Do(ctx, req)
		e := outcome(req, reply, failed)
		if e == nil {
			r.learn(req)
			return reply, nil
		}
		switch {
		case errors.Is(e, pr.ErrBusy), errors.Is(e, ErrNoPath):
		case mayBeLost(req, e):
			if lost++; lost > lostRetries {
				return reply, failed
			}
		default:
			return reply, failed
		}
		if r.Retried != nil {
			r.Retried(e)
		}
		pause := wait
		if n := e.Status.Delay(); n > 0 {
			pause = max(pause, r.delays[n-1])
		}
		if err := r.sleep(ctx, pause); err != nil {
			return reply, failed
		}
		wait = min(2*wait, longestBackoff)
	}
}

// outcome is nil if the command succeeded.
func outcome(req *Request, reply Reply, failed error) *OpError {
	var e *OpError
	if failed == nil {
		failed = reply.Status.err(req)
	} else {
		failed = failure(req, failed)
	}
	errors.As(failed, &e)
	return e
}

// mayBeLost reports whether the command is a read of which nobody knows what became, and
// which may be sent again.
func mayBeLost(req *Request, e *OpError) bool {
	gone := errors.Is(e, pr.ErrStillUnderWay) || errors.Is(e, context.DeadlineExceeded)
	return !req.Decides() && e.outcomeUnknown && !e.Status.Final() && !gone
}

// learn keeps what the controller says of its delays.
func (r *Retry) learn(req *Request) {
	if req.Opcode != OpIdentify || req.Words[0] != cnsController {
		return
	}
	if c, err := DecodeController(req.Data); err == nil {
		r.delays = c.Delays
	}
}

func (r *Retry) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Retry) sleep(ctx context.Context, d time.Duration) error {
	if r.Sleep != nil {
		return r.Sleep(ctx, d)
	}
	if end, ok := ctx.Deadline(); ok {
		d = min(d, end.Sub(r.now()))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
