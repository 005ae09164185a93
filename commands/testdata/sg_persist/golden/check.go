package golden

import (
	"fmt"
	"slices"
	"strings"
)

// Check finds cases that say nothing, or the same twice.
func (c *Case) Check() error {
	if used := max(answered(c.Want.Wire), answered(c.Wanted().Wire)); len(c.Answers) > used {
		return fmt.Errorf("%d answers, only %d commands", len(c.Answers), used)
	}
	o := c.Ours
	if c.Unrecorded != "" && (o == nil || o.Stdout == nil || o.Stderr == nil || o.Wire == nil || o.Exit == nil) {
		return fmt.Errorf("not recorded, and ours is not complete")
	}
	if c.Unrecorded != "" || o == nil {
		return nil
	}
	for _, part := range []struct {
		name  string
		stale bool
	}{
		{"wire", o.Wire != nil && slices.Equal(*o.Wire, c.Want.Wire)},
		{"stdout", o.Stdout != nil && *o.Stdout == c.Want.Stdout},
		{"stderr", o.Stderr != nil && *o.Stderr == c.Want.Stderr},
		{"exit", o.Exit != nil && *o.Exit == c.Want.Exit},
	} {
		if part.stale {
			return fmt.Errorf("ours has the same %s as the original", part.name)
		}
	}
	if o.Args == nil && o.Script == nil && o.Wire == nil && o.Stdout == nil && o.Stderr == nil && o.Exit == nil {
		return fmt.Errorf("ours says nothing")
	}
	return nil
}

// answered counts the commands that the answers of a script are for.
func answered(wire []string) int {
	n := 0
	for _, line := range wire {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "open") && !strings.HasPrefix(line, "12 ") {
			n++
		}
	}
	return n
}
