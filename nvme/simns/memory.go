package simns

import (
	"context"
	"sync"

	"lunguard/nvme"
)

// Namespace is a simulated namespace in memory. It is safe for concurrent use.
type Namespace struct {
	mu      sync.Mutex
	machine *Machine
}

// NewMemory makes a namespace without registrants.
func NewMemory(cfg Config) *Namespace { return &Namespace{machine: NewMachine(cfg)} }

// With runs f on the state machine while no command runs.
func (n *Namespace) With(f func(*Machine)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n.machine)
}

// Clone returns an independent copy of the namespace.
func (n *Namespace) Clone() *Namespace {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &Namespace{machine: n.machine.Clone()}
}

// Path is the way of a host through a controller, which need not be connected.
func (n *Namespace) Path(c Controller) *Path { return &Path{n, c} }

// Connect connects a host by a controller, and returns the path through it.
func (n *Namespace) Connect(c Controller) *Path {
	n.With(func(m *Machine) { m.Connect(c) })
	return &Path{n, c}
}

// Path is a controller's way to a Namespace: a nvme.Transport.
type Path struct {
	namespace  *Namespace
	controller Controller
}

// Do carries one command to the namespace. Its error is that of the context.
func (p *Path) Do(ctx context.Context, req *nvme.Request) (reply nvme.Reply, err error) {
	if err := ctx.Err(); err != nil {
		return nvme.Reply{}, err
	}
	p.namespace.With(func(m *Machine) { reply = m.Execute(p.controller, req) })
	return reply, nil
}
