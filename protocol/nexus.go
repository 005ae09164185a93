package protocol

import (
	"context"
	"strings"

	"lunguard/scsi"
)

// Nexus is one path of this host to a LUN, with the verbs that the protocols
// need. [scsi.Unit] is one. Its errors are classed by package scsi.
type Nexus interface {
	// Name is the path as people know it.
	Name() string
	Capabilities(ctx context.Context) (*scsi.Capabilities, error)
	State(ctx context.Context) (*scsi.State, error)
	RegisterAndIgnore(ctx context.Context, key scsi.Key, aptpl bool) error
	Register(ctx context.Context, old, key scsi.Key, aptpl bool) error
	Reserve(ctx context.Context, key scsi.Key, typ scsi.Type) error
	PreemptAndAbort(ctx context.Context, key, victim scsi.Key, typ scsi.Type) error
	Clear(ctx context.Context, key scsi.Key) error
	Move(ctx context.Context, m *scsi.RegisterMove) error
	Introduce(ctx context.Context, key scsi.Key, others []scsi.TransportID, aptpl bool) error
	TargetPort(ctx context.Context) (scsi.TargetPort, error)
	// Reset is LOGICAL UNIT RESET. Drain takes a pending unit attention off.
	Reset(ctx context.Context) error
	Drain(ctx context.Context) error
	// Identity is what the host knows of the nexus without a command.
	Identity() scsi.Identity
}

// LUN is a logical unit that is to be protected, with this host's paths to it.
type LUN struct {
	// Name is the physical volume as people know it.
	Name string
	// WWID is the same on every node.
	WWID  string
	Paths []Nexus
	// Unopened are further paths, which could not be opened. No command goes
	// through them, but they may be registered, and may come back.
	Unopened []UnopenedPath
}

// UnopenedPath is a path that could not be opened, and why.
type UnopenedPath struct {
	Name     string
	Identity scsi.Identity
	Err      error
}

// expected is how many paths this host has.
func (l *LUN) expected() int { return len(l.Paths) + len(l.Unopened) }

// byWWID orders LUNs in the same way on every node; the first is the arbiter.
func byWWID(a, b *target) int {
	if c := strings.Compare(a.WWID, b.WWID); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}
