package simlun

import (
	"context"
	"os"
	"sync"

	"lunguard/scsi"
)

// LUN is a simulated unit in memory. It is safe for concurrent use.
type LUN struct {
	// Exit replaces os.Exit for faults that end the process.
	Exit func(code int)
	// Clock replaces the real time; to be set before the first command.
	Clock Clock

	mu      sync.Mutex
	machine *Machine
}

// NewMemory makes a unit without registrations. The error is ErrBadConfig.
func NewMemory(cfg Config) (*LUN, error) {
	m, err := NewMachine(cfg, nil)
	if err != nil {
		return nil, err
	}
	return &LUN{machine: m}, nil
}

// Nexus logs an initiator port in at a target port and returns the path
// between the two. Two calls for one nexus give two transports of it.
func (l *LUN) Nexus(port scsi.TransportID, relative uint16) *Path {
	return l.Path(MakeNexus(port, relative))
}

// Path is Nexus by its name.
func (l *LUN) Path(n NexusID) *Path {
	l.With(func(m *Machine) { m.Login(n) })
	return &Path{lun: l, nexus: n}
}

// With runs f on the state machine while no command runs.
func (l *LUN) With(f func(*Machine)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.machine.during(l.Clock, f)
}

// Clone returns an independent copy of the unit and its medium.
func (l *LUN) Clone() *LUN {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &LUN{Exit: l.Exit, Clock: l.Clock, machine: l.machine.Clone()}
}

// Fingerprint is [Machine.Fingerprint].
func (l *LUN) Fingerprint(withGeneration bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.Fingerprint(withGeneration)
}

func (l *LUN) step(f func(*Machine)) error {
	l.With(f)
	return nil
}

func (l *LUN) clock() Clock { return l.Clock }

func (l *LUN) exit(code int) {
	if l.Exit != nil {
		l.Exit(code)
		return
	}
	os.Exit(code)
}

// Path is one I_T nexus of a LUN: a scsi.Transport.
type Path struct {
	lun   *LUN
	nexus NexusID
}

// ID names the nexus.
func (p *Path) ID() NexusID { return p.nexus }

// Do carries one command to the unit. Its error is that of the context.
func (p *Path) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	return deliver(ctx, p.lun, p.nexus, req)
}
