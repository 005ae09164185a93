package front

import (
	"context"
	"errors"
	"fmt"

	"lunguard/commands/picture"
	"lunguard/commands/words"
)

// Report prints an error, or each one of several that are joined, and returns
// the exit status that they mean. A hint is given once, and so is what two parts of
// a run have met with.
func (c *Call) Report(err error) int {
	status := words.ExitOK
	printed := map[string]bool{}
	for _, leaf := range words.Leaves(err) {
		sig := SignalOf(c.Ctx)
		if sig != nil && errors.Is(leaf, context.Canceled) {
			// Nothing else is wrong.
			leaf = sig
		}
		m := words.Of(leaf)
		status = Worse(status, m.Status)
		if leaf == error(sig) && sig != nil {
			// Once is enough.
			if c.hinted[m.Text()] {
				continue
			}
			c.hinted[m.Text()] = true
		}
		// Joined errors have a line each; one error is one line.
		line := picture.Printable(words.JoinedLines(m.Text()))
		if printed[line] {
			continue
		}
		printed[line] = true
		c.Said = append(c.Said, picture.Problem{Text: line, Hint: m.Hint})
		if !m.Whole {
			line = c.label() + "error: " + line
		}
		fmt.Fprintln(c.Err, line)
		if m.Hint != "" && !c.hinted[m.Hint] {
			c.hinted[m.Hint] = true
			fmt.Fprintf(c.Err, "%shint: %s\n", c.label(), m.Hint)
		}
	}
	return status
}

// WarnErr reports an error that does not change the exit status.
func (c *Call) WarnErr(err error) {
	for _, leaf := range words.Leaves(err) {
		c.Warn("%s", words.Of(leaf).Text())
	}
}

// Fail reports an error and raises the exit status to what it means.
func (c *Call) Fail(err error) {
	c.Status = Worse(c.Status, c.Report(err))
}

// Worse gives the exit status for two outcomes: what must not be retried
// elsewhere outweighs what may be.
func Worse(a, b int) int {
	if a == words.ExitFailed || b == words.ExitFailed {
		return words.ExitFailed
	}
	return max(a, b)
}
