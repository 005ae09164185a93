package unit

import (
	"sync/atomic"
	"time"

	"lunguard/pr"
)

// LUN is a logical unit that is to be protected, with this host's paths to it.
type LUN struct {
	// Name is the physical volume as people know it.
	Name string
	// WWID is the same on every node.
	WWID  string
	Paths []pr.Path
	// Joined says that this node, as it remembers, has registered there since it was booted
	// and has not left by itself. If its key is not listed, another node has taken it off, the
	// device has forgotten it, or does not tell.
	Joined bool
	// Unopened are further paths, which could not be opened. No command goes
	// through them, but they may be registered, and may come back.
	Unopened []UnopenedPath
	// Timeout is what the paths have together, in all that is done to the LUN, for what
	// is in vain because they fail or are busy; 0 is a minute.
	Timeout time.Duration
	// spent is how much of it is over.
	spent atomic.Int64
}

// UnopenedPath is a path that could not be opened, and why.
type UnopenedPath struct {
	Name     string
	Identity pr.Identity
	Err      error
}

// Expected is how many paths this host has.
func (l *LUN) Expected() int { return len(l.Paths) + len(l.Unopened) }
