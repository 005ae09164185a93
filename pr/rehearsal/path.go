package rehearsal

import (
	"context"
	"fmt"
	"slices"

	"lunguard/pr"
)

// path stands for a real path.
type path struct {
	device *Device
	real   pr.Path
	// index counts the paths of this host.
	index int
	// nexus is whose registrations are this path's, and identity what is known of it;
	// both are found once the device was read.
	nexus    pr.Registration
	identity pr.Identity
	cast     bool
}

// Name is that of the real path.
func (p *path) Name() string { return p.real.Name() }

// Confirm asks the real device.
func (p *path) Confirm(ctx context.Context) error { return pr.Confirm(ctx, p.real) }

// Identity is that of the nexus that stands for the path.
func (p *path) Identity() pr.Identity {
	p.device.mu.Lock()
	defer p.device.mu.Unlock()
	if p.device.state == nil {
		return p.real.Identity()
	}
	p.play()
	return p.identity
}

// play chooses the nexus that stands for the path: its own, if that is known for
// sure. Else the registrations with this node's key are taken to be those of its
// paths, in order; a further path is a nexus that was never registered.
func (p *path) play() {
	if p.cast {
		return
	}
	p.cast = true
	id := p.real.Identity()
	if p.device.state.Identified {
		for _, r := range p.device.before.Registrations {
			if id.Likens(r) == pr.Alike {
				p.nexus, p.identity = pr.Registration{Initiator: r.Initiator, RelativePort: id.RelativePort}, id
				return
			}
		}
		if id.Initiator != nil && !id.Guessed && id.RelativePort != 0 {
			p.nexus, p.identity = pr.Registration{Initiator: id.Initiator, RelativePort: id.RelativePort}, id
			return
		}
	}
	p.nexus = pr.Registration{Initiator: madeUp{number: p.index}, RelativePort: 1}
	n := 0
	for i, r := range p.device.before.Registrations {
		if p.device.own == 0 || r.Key != p.device.own {
			continue
		}
		if n++; n > p.index {
			if r.Initiator == nil {
				r.Initiator = madeUp{registration: true, number: i}
			}
			p.nexus = r
			p.nexus.Holder, p.nexus.Key = false, 0
			return
		}
	}
}

// do runs a verb on the copy. at is the index of this path's registration, -1 if
// there is none.
func (p *path) do(ctx context.Context, verb string, f func(d *Device, at int) error) error {
	d := p.device
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.seed(ctx, p.real); err != nil {
		return err
	}
	p.play()
	if err := f(d, d.find(p.nexus)); err != nil {
		return &refusal{p.Name(), verb, err}
	}
	return nil
}

// Capabilities are those of the real device. Errors: its own.
func (p *path) Capabilities(ctx context.Context) (caps *pr.Capabilities, err error) {
	if err := p.do(ctx, "capabilities", func(d *Device, _ int) error { return nil }); err != nil {
		return nil, err
	}
	p.device.mu.Lock()
	defer p.device.mu.Unlock()
	if p.device.caps == nil {
		return nil, p.device.silent
	}
	c := *p.device.caps
	return &c, nil
}

// Probe asks the real device, which that does not change.
func (p *path) Probe(ctx context.Context, c *pr.Capabilities) error { return pr.Probe(ctx, p.real, c) }

// State is that of the copy.
func (p *path) State(ctx context.Context) (s *pr.State, err error) {
	err = p.do(ctx, "state", func(d *Device, _ int) error {
		s = d.tell()
		return nil
	})
	return s, err
}

// Keys are those of the copy; as long as that is as it was read, those that the real path
// tells, which may tell another story.
func (p *path) Keys(ctx context.Context) ([]pr.Key, error) {
	s, err := p.State(ctx)
	switch {
	case err != nil:
		return nil, err
	case s.Generation == p.device.Before().Generation:
		return p.real.Keys(ctx)
	}
	return s.Keys(), nil
}

// Drain has nothing to do: the copy announces nothing.
func (p *path) Drain(ctx context.Context) error {
	return p.do(ctx, "drain", func(*Device, int) error { return nil })
}

// RegisterAndIgnore registers whatever was registered before.
func (p *path) RegisterAndIgnore(ctx context.Context, key pr.Key, persist bool) error {
	return p.do(ctx, "register", func(d *Device, at int) error { return p.register(d, at, d.keyAt(at), key, persist) })
}

// Register changes the registration that is quoted.
func (p *path) Register(ctx context.Context, old, key pr.Key, persist bool) error {
	return p.do(ctx, "register", func(d *Device, at int) error { return p.register(d, at, old, key, persist) })
}

func (p *path) register(d *Device, at int, old, key pr.Key, persist bool) error {
	switch {
	case !d.keeps(persist):
		return pr.ErrUnsupported
	case d.keyAt(at) != old:
		return pr.ErrReservationConflict
	case key != 0:
		d.put(p.nexus, key)
	case at < 0:
		return nil
	default:
		d.unregister(at)
	}
	d.changed(persist)
	return nil
}

// keeps reports whether the device can keep registrations through power loss, if it is
// asked to.
func (d *Device) keeps(persist bool) bool { return !persist || d.caps == nil || d.caps.Persists }

// changed counts a change of registrations, by a verb that asks for them to be kept
// through power loss, or not to be.
func (d *Device) changed(persist bool) {
	d.state.Generation++
	if d.caps != nil {
		d.caps.Persisting = persist
	}
}

// keyAt is the key of a registration, 0 of none.
func (d *Device) keyAt(at int) pr.Key {
	if at < 0 {
		return 0
	}
	return d.state.Registrations[at].Key
}

// acts is do for a verb that only who is registered with the key may do.
func (p *path) acts(ctx context.Context, verb string, key pr.Key, f func(d *Device, at int) error) error {
	return p.do(ctx, verb, func(d *Device, at int) error {
		if at < 0 || d.keyAt(at) != key {
			return pr.ErrReservationConflict
		}
		return f(d, at)
	})
}

// can reports whether the device can reserve by the type.
func (d *Device) can(typ pr.Type) bool { return typ.Valid() && (d.caps == nil || d.caps.Supports(typ)) }

// Reserve makes the path the holder, if nobody else is.
func (p *path) Reserve(ctx context.Context, key pr.Key, typ pr.Type) error {
	return p.acts(ctx, "reserve", key, func(d *Device, at int) error {
		switch held := d.state.Reservation; {
		case !d.can(typ):
			return pr.ErrUnsupported
		case held == nil:
			d.hold(p.nexus, typ)
		case !d.holds(at) || held.Type != typ:
			return pr.ErrReservationConflict
		}
		return nil
	})
}

// PreemptAndAbort removes the victim's registrations and takes its reservation.
func (p *path) PreemptAndAbort(ctx context.Context, key, victim pr.Key, typ pr.Type) error {
	return p.acts(ctx, "preempt and abort", key, func(d *Device, _ int) error {
		held := d.state.Reservation
		all := held != nil && held.Type.AllRegistrants()
		takes := held != nil && !all && held.Key == victim || all && victim == 0
		switch {
		case held != nil && !all && victim == 0, takes && !d.can(typ):
			return pr.ErrUnsupported
		case !takes && (victim == 0 || !d.state.Has(victim)):
			return pr.ErrReservationConflict
		case takes:
			d.remove(func(r pr.Registration) bool { return (all || r.Key == victim) && !r.SameNexus(p.nexus) })
			d.hold(p.nexus, typ)
		default:
			d.remove(func(r pr.Registration) bool { return r.Key == victim && !(all && r.SameNexus(p.nexus)) })
		}
		d.state.Generation++
		return nil
	})
}

// Clear removes all.
func (p *path) Clear(ctx context.Context, key pr.Key) error {
	return p.acts(ctx, "clear", key, func(d *Device, _ int) error {
		d.state.Registrations, d.state.Reservation = nil, nil
		d.state.Generation++
		return nil
	})
}

// Moves reports whether the real path can move a reservation.
func (p *path) Moves() bool { return pr.Moves(p.real) }

// Resets is that of the real path.
func (p *path) Resets() bool { return pr.Resets(p.real) }

// ListsOnce is what the real path says of itself.
func (p *path) ListsOnce() bool { return pr.ListsOnce(p.real) }

// Move moves the reservation, if the real path can.
func (p *path) Move(ctx context.Context, m *pr.MoveOrder) error {
	return p.do(ctx, "move", func(d *Device, at int) error {
		to := pr.Registration{Initiator: m.Destination, RelativePort: m.RelativePort}
		held := d.state.Reservation
		_, can := p.real.(pr.Mover)
		switch {
		case !can, !d.keeps(m.Persist):
			return pr.ErrUnsupported
		case at < 0 || d.keyAt(at) != m.Key:
			return pr.ErrReservationConflict
		case held == nil:
			return pr.ErrUnsupported
		case held.Type.AllRegistrants(), !d.holds(at):
			return pr.ErrReservationConflict
		case m.ActionKey == 0, to.Initiator == nil, pr.Same(to.Initiator, p.nexus.Initiator):
			return pr.ErrUnsupported
		}
		d.put(to, m.ActionKey)
		d.hold(to, held.Type)
		if m.Unregister {
			d.remove(p.nexus.SameNexus)
		}
		d.changed(m.Persist)
		return nil
	})
}

// Introduce registers this path and others, if the device can.
func (p *path) Introduce(ctx context.Context, key pr.Key, others []pr.Initiator, persist bool) error {
	return p.do(ctx, "introduce", func(d *Device, at int) error {
		_, can := p.real.(pr.Introducer)
		switch {
		case !can, d.caps != nil && !d.caps.Introduces, !d.keeps(persist):
			return pr.ErrUnsupported
		case at >= 0:
			return pr.ErrReservationConflict
		case key == 0:
			return nil
		}
		all := []pr.Registration{p.nexus}
		for _, o := range others {
			n := pr.Registration{Initiator: o, RelativePort: p.nexus.RelativePort}
			if o == nil || d.find(n) >= 0 || slices.ContainsFunc(all, n.SameNexus) {
				return pr.ErrUnsupported
			}
			all = append(all, n)
		}
		for _, n := range all {
			d.put(n, key)
		}
		d.changed(persist)
		return nil
	})
}

// Port is that of the real path.
func (p *path) Port(ctx context.Context) (pr.Port, error) { return pr.PortOf(ctx, p.real) }

// Reset ends nothing, for nothing is under way on the copy; the real device hears
// nothing of it.
func (p *path) Reset(ctx context.Context) error {
	return p.do(ctx, "reset", func(*Device, int) error {
		if _, can := p.real.(pr.Resetter); !can {
			return pr.ErrUnsupported
		}
		return nil
	})
}

// refusal says which verb the copy refused, and why: a [pr.CommandError].
type refusal struct {
	path, verb string
	class      error
}

func (e *refusal) Error() string { return fmt.Sprintf("%s: %s", e.path, e.Say(e.class.Error())) }

// Unwrap gives the class.
func (e *refusal) Unwrap() error { return e.class }

// OutcomeUnknown is false: what is refused was not done.
func (e *refusal) OutcomeUnknown() bool { return false }

// Where is the real path's name.
func (e *refusal) Where() string { return e.path }

// What is the verb.
func (e *refusal) What() string { return e.verb }

// Why is the class.
func (e *refusal) Why() error { return e.class }

// Say names verb and class.
func (e *refusal) Say(class string) string { return e.verb + ": " + class }
