package scsi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lunguard/pr"
)

// Limits of [Retry].
const (
	// DefaultTimeout is how long a command may take with all its retries. A
	// controller failover takes the better part of a minute.
	DefaultTimeout = 60 * time.Second
	// unitAttentions is how many are accepted in a row; more are an error.
	unitAttentions = 5
	// transportRetries is how often a read is repeated that got lost.
	transportRetries = 3
	firstBackoff     = 10 * time.Millisecond
	longestBackoff   = 2 * time.Second
)

// Retry is a Transport that repeats what may be repeated:
//
//   - any command after a unit attention, at once, up to five times, save that
//     PERSISTENT RESERVE OUT and writes come back after one that says that
//     others changed the state (ErrStateChanged): the caller decided on the
//     old state, and only it can decide again;
//   - any command after BUSY, TASK SET FULL or an ALUA transition, and a reset
//     that the host adapter has no room for, with back-off, until Timeout;
//   - reads that got lost on the way, or were aborted (TASK ABORTED, ABORTED
//     COMMAND), three times. Never a PERSISTENT RESERVE OUT or a write: it may have
//     taken effect. What is not known here to be a read counts as a command that
//     decides something.
//
// Nothing that decides is sent once it is stale: see [pr.WhileFresh]. A device that is
// busy is waited for until then, and, if that is earlier, as [pr.PatientUntil] says.
//
// When the rules are exhausted the last Reply is returned, so that Reply.Err
// tells what the device said last. A command that was not sent at all because
// the deadline had passed or ctx was cancelled comes back as an *OpError of
// class ErrTimeout; OutcomeUnknown is false for it.
//
// A Retry belongs to one path and is used by one goroutine at a time.
type Retry struct {
	Transport Transport
	// Timeout bounds one command with all its retries; zero means
	// DefaultTimeout.
	Timeout time.Duration
	// AfterStateChange repeats commands that decide something after
	// ErrStateChanged, too.
	AfterStateChange bool
	// Sends, if not nil, is told before a command is sent, each time. Retried, if not
	// nil, is told before it is repeated, with the answer that is the reason.
	Sends   func(*Request)
	Retried func(*OpError)
	// Sleep replaces the clock in tests; nil sleeps. An error ends the retries.
	Sleep func(context.Context, time.Duration) error
	// Now tells the time by which Timeout and deadlines go; nil is time.Now.
	Now func() time.Time
}

// Do sends the request as often as the rules say.
func (r *Retry) Do(ctx context.Context, req *Request) (Reply, error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx = pr.Within(ctx, timeout, r.now)
	var attentions, lost int
	var reply Reply
	var failed error
	for wait, sent := firstBackoff, false; ; sent = true {
		// A command that decides something is never sent late: the state it
		// was decided on may be gone. The last answer says more than the
		// deadline does.
		switch err := ctx.Err(); {
		case err == nil && !stale(ctx, req):
		case sent:
			return reply, failed
		case err != nil:
			return Reply{}, unsent("", err)
		default:
			return Reply{}, &OpError{Class: fmt.Errorf("not sent: %w", ErrStale)}
		}
		if r.Sends != nil {
			r.Sends(req)
		}
		reply, failed = r.Transport.Do(ctx, req)
		err := failed
		if err == nil {
			err = reply.Err()
		}
		var e *OpError
		if !errors.As(err, &e) || failed != nil && !mayHaveRoom(req, e) {
			return reply, failed
		}
		switch {
		case errors.Is(e, ErrUnitAttention):
			if attentions++; attentions > unitAttentions || errors.Is(e, ErrStateChanged) && req.decides() && !r.AfterStateChange {
				return reply, failed
			}
			r.retried(e)
			continue
		case errors.Is(e, ErrBusy), failed != nil:
			if wait = pr.Patience(ctx, r.now(), wait); wait <= 0 {
				return reply, failed
			}
		case (errors.Is(e, ErrTransport) && e.Reply.Host.transient() || e.aborted()) && !req.decides():
			// A read that got lost, or that another node's PREEMPT AND ABORT
			// caught.
			if lost++; lost > transportRetries {
				return reply, failed
			}
		default:
			return reply, failed
		}
		r.retried(e)
		if err := r.sleep(ctx, wait); err != nil {
			return reply, failed
		}
		wait = min(2*wait, longestBackoff)
	}
}

// mayHaveRoom reports whether the host adapter may do later what it has not done now:
// an iSCSI session has room for one reset, those of its other LUNs and of a run that
// was killed included, and says of a second one that it failed.
func mayHaveRoom(req *Request, e *OpError) bool {
	return errors.Is(e, ErrBusy) || req.Function == LogicalUnitReset && errors.Is(e, ErrDevice)
}

func (r *Retry) retried(e *OpError) {
	if r.Retried != nil {
		r.Retried(e)
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

// decides reports whether the command changes what others see, so that it
// must not be sent twice or on a state that has gone.
func (r *Request) decides() bool {
	switch r.Opcode() {
	case OpTestUnitReady, OpRequestSense, OpInquiry, OpReadCapacity10, OpReadCapacity16, OpRead10, OpPRIn, OpMaintenanceIn:
		return false
	}
	return true
}

// transient reports whether the host status speaks of a passing disturbance.
func (h HostStatus) transient() bool {
	switch h {
	case HostBusBusy, HostReset, HostSoftError, HostImmRetry, HostRequeue, HostTransportDisrupted:
		return true
	}
	return false
}
