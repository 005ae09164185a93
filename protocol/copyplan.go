package protocol

import (
	"context"
	"fmt"
	"slices"

	"lunguard/pr"
)

// modelOf is the LUN with the most different keys; nil if none has any.
func modelOf(targets []*target) *target {
	var model *target
	for _, t := range targets {
		if n := len(t.staying()); n > 0 && (model == nil || n > len(model.staying())) {
			model = t
		}
	}
	return model
}

// modelFor is the model of a copy: of those with the same keys one of its own kind, if there
// is one, LUN or namespace.
func modelFor(t, model *target, targets []*target) *target {
	for _, m := range targets {
		if !sameKind(model, t) && sameKind(m, t) && slices.Equal(m.staying(), model.staying()) && m.State.Reservation != nil {
			return m
		}
	}
	return model
}

// sameKind reports whether both are LUNs, or both namespaces.
func sameKind(a, b *target) bool {
	return len(a.Paths) > 0 && len(b.Paths) > 0 && pr.Moves(a.Paths[0]) == pr.Moves(b.Paths[0])
}

// difference returns what of a is not in b.
func difference(a, b []pr.Key) []pr.Key {
	var list []pr.Key
	for _, k := range a {
		if !slices.Contains(b, k) {
			list = append(list, k)
		}
	}
	return list
}

// copyPlan is which registrations one LUN has to get, and how.
type copyPlan struct {
	steps []copyStep
	// wanted are the other nodes' registrations as the copy must show them.
	wanted []wantedRegistration
	// holder is whom the reservation goes to, nil if it stays here.
	holder *pr.Registration
	// member says that this node is registered on the model, too.
	member bool
}

// copyStep registers some nexuses of one node through one target port.
type copyStep struct {
	path pr.Path
	key  pr.Key
	port uint16
	ids  []pr.Initiator
}

// missing are those of the step's nexuses that are not registered yet.
func (s *copyStep) missing(state *pr.State) []pr.Initiator {
	var ids []pr.Initiator
	for _, id := range s.ids {
		w := wantedRegistration{pr.Registration{Key: s.key, Initiator: id, RelativePort: s.port}}
		found := false
		for _, r := range state.Registrations {
			found = found || w.same(r)
		}
		if !found {
			ids = append(ids, id)
		}
	}
	return ids
}

// wantedRegistration is a registration that the copy must show.
type wantedRegistration struct{ pr.Registration }

// same reports whether r is that registration. A device may fold the ports of
// an initiator into one entry.
func (w wantedRegistration) same(r pr.Registration) bool {
	return Plain(r.Key) == w.Key && pr.Same(r.Initiator, w.Initiator) &&
		(r.AllPorts || w.RelativePort == 0 || r.RelativePort == w.RelativePort)
}

// plan finds for each registration of the model the path of ours that leads
// through the same target port, because SPEC_I_PT registers through the port
// that the command comes by. It is nil if there is no such path.
func (c *copier) plan(ctx context.Context, t *target) (*copyPlan, error) {
	key := c.run.Node.Key
	plan := &copyPlan{member: len(c.model.Own()) > 0}
	ports, err := c.ports(ctx, t)
	if err != nil {
		return nil, err
	}
	held := c.model.Holder()
	for _, r := range c.model.State.Registrations {
		if Plain(r.Key) == key || r.Key&LeavingMark != 0 {
			continue
		}
		// A node's mark speaks of the model only.
		r.Key = Plain(r.Key)
		port, ok := ports[r.RelativePort]
		if !ok {
			return nil, nil
		}
		plan.add(port, r.Key, r.Initiator)
		r.RelativePort = port.relative
		plan.wanted = append(plan.wanted, wantedRegistration{r})
		if Plain(held) == r.Key && r.Holder {
			plan.holder = &r
		}
	}
	return plan, nil
}

// add puts a nexus into the step of its node and port.
func (p *copyPlan) add(port copyPort, key pr.Key, id pr.Initiator) {
	for i := range p.steps {
		if p.steps[i].key == key && p.steps[i].path == port.path {
			p.steps[i].ids = append(p.steps[i].ids, id)
			return
		}
	}
	p.steps = append(p.steps, copyStep{path: port.path, key: key, port: port.relative, ids: []pr.Initiator{id}})
}

// copyPort is a path of ours to the copy, and how the copy numbers the target
// port that it leads through.
type copyPort struct {
	path     pr.Path
	relative uint16
}

// ports finds, for each target port by the number that the model gives it, the
// path of ours to the copy that leads through it. The numbers of one port may
// differ between LUNs, its name does not.
func (c *copier) ports(ctx context.Context, t *target) (map[uint16]copyPort, error) {
	byName := map[string]uint16{}
	c.run.looking.Lock()
	for _, p := range c.model.Usable {
		port, err := pr.PortOf(ctx, p)
		if err != nil {
			c.run.looking.Unlock()
			return nil, &LUNError{LUN: c.model.Name, Err: err}
		}
		byName[portName(port)] = port.Relative
	}
	c.run.looking.Unlock()
	ports := map[uint16]copyPort{}
	for _, p := range t.Usable {
		port, err := pr.PortOf(ctx, p)
		if err != nil {
			return nil, &LUNError{LUN: t.Name, Err: err}
		}
		if model, ok := byName[portName(port)]; ok && model != 0 {
			ports[model] = copyPort{path: p, relative: port.Relative}
		}
	}
	return ports, nil
}

// portName is the name of a port, or its number for want of a name.
func portName(p pr.Port) string {
	if p.Name != "" {
		return p.Name
	}
	return fmt.Sprint(p.Relative)
}

// departed are the keys on the copy of nodes that have left the model.
func (c *copier) departed(t *position, now *target) []pr.Key {
	return slices.DeleteFunc(t.State.Keys(), func(k pr.Key) bool {
		return Plain(k) == t.Me() || slices.Contains(now.staying(), Plain(k))
	})
}

// dropDeparted removes them, under a mark as a fence does: what they have under way
// on the new LUN is to be over, too.
func (c *copier) dropDeparted(ctx context.Context, t, now *target) error {
	return t.drive(ctx, []row{
		foreignRow(), noPathRow(),
		{"another node has removed this one", func(t *position) bool { return t.removed },
			func(*target) action { return fail(ErrRemoved) }},
		{"the seat is not known to be registered", func(t *position) bool { return !t.isSure(t.seat()) },
			joins},
		{"somebody has left the model, and the seat is not marked", func(t *position) bool { return len(c.departed(t, now)) > 0 && t.seatKey()&TakingMark == 0 },
			func(t *target) action { return t.marksTaking(t.seat(), t.seatKey()) }},
		{"somebody has left the model", func(t *position) bool { return len(c.departed(t, now)) > 0 },
			func(t *target) action { return t.preempts(t.seat(), t.seatKey(), c.departed(&t.position, now)[0]) }},
		unresolvedRow(), doubtRow(), suspectRow(),
		{"the seat is marked", func(t *position) bool { return t.seatKey() != t.Me() },
			func(t *target) action { return unmarks(t, t.seat()) }},
	})
}
