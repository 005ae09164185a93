package front

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWithin: an action that hangs is left alone a little after its deadline, and has
// failed, whatever it would have said.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := NewCall(ctx, &Applet{Name: "agent"}, Streams{Out: io.Discard, Err: &errs}, func(string) string { return "" })
		d := Deadline{Limit: time.Second, Grace: 5 * time.Second, Failed: 1}
		within := func(work func(*Call) int) int {
			return d.Within(c, work, func(e *DeadlineError) { c.Report(e) })
		}
		release := make(chan struct{})
		begin := time.Now()
		status := within(func(*Call) int { <-release; return 0 })
		if took := time.Since(begin); status != 1 || took != d.Limit+d.Grace {
			t.Errorf("a hang: status %d after %v", status, took)
		}
		if !strings.Contains(errs.String(), "timed out") {
			t.Errorf("a hang: %s", &errs)
		}
		close(release)
		errs.Reset()
		status = within(func(c *Call) int { <-c.Ctx.Done(); return 1 })
		if status != 1 || !strings.Contains(errs.String(), "timed out") {
			t.Errorf("who ends in time: status %d, %s", status, &errs)
		}
		errs.Reset()
		if status := within(func(*Call) int { return 2 }); status != 2 || errs.Len() > 0 {
			t.Errorf("who is quick: status %d, %s", status, &errs)
		}
	})
}
