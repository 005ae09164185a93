// Package pending is for commands that the kernel does not return. A process gives one up
// when its time is over, and it may be performed at any time after that: so nothing more
// goes to the device, by this process or, if it is a change of reservations, by others of
// this host, until the kernel has ended it. They tell each other by locks on files.
package pending

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"lunguard/pr"
)

// Gate lets the commands of one open device into the kernel. It is to be set before the
// first one. At most one command may be under way.
type Gate struct {
	// Dir is where processes of this host tell each other of a change that was given
	// up and is still under way, such as /run/lunguard/pending: see [Pending]. While
	// another one is, none is sent. It is made if need be; empty is off.
	Dir string
	// Path is the device's name, Number its st_rdev.
	Path   string
	Number uint64
	// Grace is added to the time of a command: what the kernel's error recovery may take
	// on top.
	Grace time.Duration
	// abandoned is set when a command outlived its deadline: it may still be
	// in flight, and a second one beside it would break the order.
	abandoned atomic.Bool
	// under counts the commands that the kernel has not returned.
	under atomic.Int32
}

// Idle reports whether the kernel has returned every command, an abandoned one
// included. A device that was abandoned can be opened anew without a second
// thread being held once it is idle.
func (g *Gate) Idle() bool { return g.under.Load() == 0 }

// Refuse tells why no command can be sent now, or nil; changes says that it is about a
// change of reservations. Errors: pr.ErrStillUnderWay and pr.ErrTimeout if an earlier one
// is, pr.ErrTimeout if the time of ctx is over, pr.ErrTransport if Dir cannot be used.
func (g *Gate) Refuse(ctx context.Context, changes bool) error {
	if g.abandoned.Load() {
		return fmt.Errorf("not sent, an earlier command is %w: %w", pr.ErrStillUnderWay, pr.ErrTimeout)
	}
	if err := expired(ctx); err != nil {
		return fmt.Errorf("not sent, %w: %w", err, pr.ErrTimeout)
	}
	if !g.marks(changes) {
		return nil
	}
	pending, err := Pending(g.Dir, g.Number)
	switch {
	case err != nil:
		return fmt.Errorf("not sent, an earlier command may be under way: %w: %w", err, pr.ErrTransport)
	case pending:
		return fmt.Errorf("not sent, an earlier command of this host is %w: %w", pr.ErrStillUnderWay, pr.ErrTimeout)
	}
	return nil
}

// Run lets a command into the kernel and waits for its end, no longer than limit and the
// grace. The error is that of issue, or pr.ErrStillUnderWay and context.DeadlineExceeded
// for a command that was given up: issue goes on, and whatever memory it uses stays its
// own.
func (g *Gate) Run(limit time.Duration, changes bool, issue func() error) error {
	done := make(chan error, 1)
	g.under.Add(1)
	go func() {
		err := issue()
		g.under.Add(-1)
		done <- err
	}()
	timer := time.NewTimer(limit + g.Grace)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return g.abandon(changes, done)
	}
}

// abandon makes the error of a command that the kernel does not return, and lets
// other processes know of it as long as that is so. returned is told the end.
func (g *Gate) abandon(changes bool, returned <-chan error) error {
	g.abandoned.Store(true)
	err := fmt.Errorf("%s: %w: %w", g.Path, pr.ErrStillUnderWay, context.DeadlineExceeded)
	if !g.marks(changes) {
		return err
	}
	m, markErr := makeMark(g.Dir, g.Number)
	if markErr != nil {
		return fmt.Errorf("%w, and other processes cannot be told: %v", err, markErr)
	}
	// The device is idle when others can send to it.
	g.under.Add(1)
	go func() {
		<-returned
		m.remove()
		g.under.Add(-1)
	}()
	return err
}

// marks reports whether other processes have to know.
func (g *Gate) marks(changes bool) bool { return changes && g.Dir != "" }

// expired tells why nothing may be sent any more, or nil. The clock is asked
// besides the context, because the context's timer runs late in a process that
// was stopped for a while.
func expired(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}
