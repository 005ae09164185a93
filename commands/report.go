package commands

import (
	"context"
	"errors"
	"fmt"

	"lunguard/commands/picture"
)

// report prints an error, or each one of several that are joined, and returns
// the exit status that they mean. A hint is given once, and so is what two parts of
// a run have met with.
func (c *call) report(err error) int {
	status := exitOK
	printed := map[string]bool{}
	for _, leaf := range leaves(err) {
		sig := signalOf(c.ctx)
		if sig != nil && errors.Is(leaf, context.Canceled) {
			// Nothing else is wrong.
			leaf = sig
		}
		m := words(leaf)
		status = worse(status, m.status)
		if leaf == error(sig) && sig != nil {
			// Once is enough.
			if c.hinted[m.text()] {
				continue
			}
			c.hinted[m.text()] = true
		}
		// Joined errors have a line each; one error is one line.
		line := picture.Printable(joinedLines(m.text()))
		if printed[line] {
			continue
		}
		printed[line] = true
		c.said = append(c.said, picture.Problem{Text: line, Hint: m.hint})
		if !m.whole {
			line = c.label() + "error: " + line
		}
		fmt.Fprintln(c.Err, line)
		if m.hint != "" && !c.hinted[m.hint] {
			c.hinted[m.hint] = true
			fmt.Fprintf(c.Err, "%shint: %s\n", c.label(), m.hint)
		}
	}
	return status
}

// warnErr reports an error that does not change the exit status.
func (c *call) warnErr(err error) {
	for _, leaf := range leaves(err) {
		c.warn("%s", words(leaf).text())
	}
}

// fail reports an error and raises the exit status to what it means.
func (c *call) fail(err error) {
	c.status = worse(c.status, c.report(err))
}

// worse gives the exit status for two outcomes: what must not be retried
// elsewhere outweighs what may be.
func worse(a, b int) int {
	if a == exitFailed || b == exitFailed {
		return exitFailed
	}
	return max(a, b)
}
