package front

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"lunguard/commands/words"
)

// SignalError says that a signal has come.
type SignalError struct{ Signal syscall.Signal }

func (e *SignalError) Error() string { return "ended by " + SignalName(e.Signal) }

// Status is the exit status that a shell would see.
func (e *SignalError) Status() int { return 128 + int(e.Signal) }

// Message names the signal.
func (e *SignalError) Message() words.Message {
	return words.Message{What: e.Error(), Status: words.ExitFailed}
}

// SignalName is the name that people know a signal by.
func SignalName(sig syscall.Signal) string {
	switch sig {
	case syscall.SIGINT:
		return "SIGINT"
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGHUP:
		return "SIGHUP"
	}
	return "signal " + sig.String()
}

// SignalOf is the signal that has ended a context, nil if none has.
func SignalOf(ctx context.Context) *SignalError {
	sig, _ := context.Cause(ctx).(*SignalError)
	return sig
}

// interrupts are the signals that ask for the end.
type interrupts struct {
	signals chan os.Signal
	// hurry is closed at the second one.
	hurry chan struct{}
}

// sameSignal is for how long after the first signal another one is the same
// once more: timeout(1) sends it to the process and then to its group.
const sameSignal = 250 * time.Millisecond

// interruptsKey finds the interrupts of a context.
type interruptsKey struct{}

// interruptible ends a context at the first signal that asks for the end, and
// hurries at the second. The signals stay caught when all is done: one that
// comes between the last word and the exit, as timeout(1) sends it, must not
// make a failure of what has succeeded.
func interruptible(parent context.Context) (context.Context, func()) {
	i := &interrupts{signals: make(chan os.Signal, 2), hurry: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, interruptsKey{}, i))
	i.heed(syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case sig := <-i.signals:
			cancel(&SignalError{sig.(syscall.Signal)})
		case <-done:
			return
		}
		for first := time.Now(); ; {
			select {
			case <-i.signals:
				if time.Since(first) > sameSignal {
					close(i.hurry)
					return
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		close(done)
		cancel(nil)
	}
}

// heed takes signals, unless whoever started this process wants them ignored.
func (i *interrupts) heed(list ...syscall.Signal) {
	for _, sig := range list {
		if !signal.Ignored(sig) {
			signal.Notify(i.signals, sig)
		}
	}
}

// WhileChanging sees to it that a change is not cut short: not by a terminal
// that is closed, which counts as a request for the end, nor by a reader of
// the output that has gone away. hurry is closed when all is to end at once.
func WhileChanging(ctx context.Context) (hurry <-chan struct{}) {
	i, _ := ctx.Value(interruptsKey{}).(*interrupts)
	if i == nil {
		return nil
	}
	i.heed(syscall.SIGHUP)
	// Ignored, it would be ignored by what we start as well.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return i.hurry
}

// Unhurried is a context whose work goes on after a second signal, too.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(ctx, interruptsKey{}, (*interrupts)(nil))
}

// SayInterrupted says at once that a signal has been seen: what is at hand may
// take long. stop ends that.
func (c *Call) SayInterrupted(what string) (stop func()) {
	said := make(chan struct{})
	never := context.AfterFunc(c.Ctx, func() {
		defer close(said)
		if sig := SignalOf(c.Ctx); sig != nil {
			c.Alone(func() {
				fmt.Fprintf(c.Err, "%s%s: %s; interrupt again to stop at once\n", c.label(), SignalName(sig.Signal), what)
			})
		}
	})
	return func() {
		if !never() {
			<-said
		}
	}
}

// untilEnded is an input that ends with a context: who waits for an answer must
// not wait for it after a signal.
type untilEnded struct {
	ctx context.Context
	r   io.Reader
}

// Read gives up waiting when the context ends; what is read then is lost.
func (u untilEnded) Read(text []byte) (int, error) {
	type answer struct {
		n   int
		err error
	}
	came := make(chan answer, 1)
	buf := make([]byte, len(text))
	go func() {
		n, err := u.r.Read(buf)
		came <- answer{n, err}
	}()
	select {
	case a := <-came:
		return copy(text, buf[:a.n]), a.err
	case <-u.ctx.Done():
		return 0, context.Cause(u.ctx)
	}
}
