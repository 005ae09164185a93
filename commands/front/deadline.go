package front

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Deadline ends the work of an agent by itself, before the cluster that calls it does,
// which kills without a word.
type Deadline struct {
	Limit time.Duration
	// Grace is how long work that has come to its end may take to leave things in order.
	Grace time.Duration
	// Failed is the exit status of work that did not end in time.
	Failed int
}

// DeadlineError says that the work took too long.
type DeadlineError struct{ Limit time.Duration }

func (e *DeadlineError) Error() string {
	return fmt.Sprintf("timed out after %v: what was not answered is not known", e.Limit)
}

// Within does the work until its time is over: then it is asked to end, and a little later
// left alone. Late is told of it.
func (d Deadline) Within(c *Call, work func(*Call) int, late func(*DeadlineError)) int {
	ctx, cancel := context.WithTimeout(c.Ctx, d.Limit)
	defer cancel()
	one := *c
	one.Ctx = ctx
	done := make(chan int, 1)
	go func() { done <- work(&one) }()
	over := time.NewTimer(d.Limit + d.Grace)
	defer over.Stop()
	select {
	case status := <-done:
		if status == d.Failed && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			late(&DeadlineError{d.Limit})
		}
		return status
	case <-over.C:
		c.Alone(func() { late(&DeadlineError{d.Limit}) })
		return d.Failed
	}
}
