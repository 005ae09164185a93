// Package rehearsal is a device in memory that begins in the state of a real one, for
// any storage: protocols run on its paths and show what they would do, while the real
// paths are only read. It does what [pr.Path] says of each verb, and nothing else; what
// the real device says that it cannot do, it cannot do either.
package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"lunguard/pr"
)

// Device is a copy of a device. It is safe for concurrent use.
type Device struct {
	// own is the key of this node, 0 if it acts as nobody.
	own pr.Key

	mu sync.Mutex
	// before is the state of the real device, nil until it was read; caps is what it
	// can do and, as far as the rehearsal has come, does: nil if it does not tell, for
	// which silent is the reason.
	before *pr.State
	caps   *pr.Capabilities
	silent error
	// state is what has become of it. Each registration has an initiator here, one
	// that is made up where the device does not tell.
	state *pr.State
	paths int
}

// New makes a copy for a node with this key, 0 for who acts as nobody.
func New(own pr.Key) *Device { return &Device{own: own} }

// Path adds a path that stands for a real one. The first verb on any path reads the
// real device, by capabilities and state.
func (d *Device) Path(real pr.Path) pr.Path {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paths++
	return &path{device: d, real: real, index: d.paths - 1}
}

// Before is the state of the real device, nil if it was not read.
func (d *Device) Before() *pr.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.before
}

// Now is the state that the rehearsal has led to, nil if nothing was read.
func (d *Device) Now() *pr.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tell()
}

// tell is the state as the device would tell it.
func (d *Device) tell() *pr.State {
	if d.state == nil {
		return nil
	}
	s := clone(d.state)
	for i, r := range s.Registrations {
		if !s.Identified {
			s.Registrations[i] = pr.Registration{Key: r.Key}
		}
	}
	return s
}

// clone is a state that may be changed.
func clone(s *pr.State) *pr.State {
	c := *s
	c.Registrations = slices.Clone(s.Registrations)
	if s.Reservation != nil {
		held := *s.Reservation
		c.Reservation = &held
	}
	return &c
}

// seed reads the real device, once.
func (d *Device) seed(ctx context.Context, real pr.Path) error {
	if d.before != nil {
		return nil
	}
	caps, err := real.Capabilities(ctx)
	if err != nil && !errors.Is(err, pr.ErrUnsupported) {
		return err
	}
	d.silent = err
	state, err := real.State(ctx)
	if err != nil {
		return err
	}
	copied := clone(state)
	for i := range copied.Registrations {
		if r := &copied.Registrations[i]; r.Initiator == nil {
			r.Initiator = madeUp{registration: true, number: i}
		}
	}
	if err := seat(copied); err != nil {
		return err
	}
	if caps != nil {
		own := *caps
		d.caps = &own
	}
	d.before, d.state = state, copied
	return nil
}

// seat finds the holder where the device does not tell: the first one with its key.
// ErrMalformed for a reservation that cannot be.
func seat(s *pr.State) error {
	held := s.Reservation
	switch {
	case held == nil:
		return nil
	case !held.Type.Valid():
		return fmt.Errorf("%w: a reservation of %v", pr.ErrMalformed, held.Type)
	case len(s.Registrations) == 0:
		return fmt.Errorf("%w: a reservation without registrations", pr.ErrMalformed)
	case held.Type.AllRegistrants():
		return nil
	}
	if slices.ContainsFunc(s.Registrations, func(r pr.Registration) bool { return r.Holder }) {
		return nil
	}
	for i := range s.Registrations {
		if r := &s.Registrations[i]; r.Key == held.Key {
			r.Holder = true
			return nil
		}
	}
	return fmt.Errorf("%w: nobody is registered with the holder's key %v", pr.ErrMalformed, held.Key)
}

// find is the index of a nexus's registration, -1 if there is none.
func (d *Device) find(n pr.Registration) int {
	return slices.IndexFunc(d.state.Registrations, n.SameNexus)
}

// holds reports whether the registration at this index holds the reservation.
func (d *Device) holds(at int) bool {
	held := d.state.Reservation
	return held != nil && at >= 0 && (held.Type.AllRegistrants() || d.state.Registrations[at].Holder)
}

// put registers a nexus with the key, or changes its key, which disturbs no
// reservation.
func (d *Device) put(n pr.Registration, key pr.Key) {
	at := d.find(n)
	if at < 0 {
		n.Key, n.Holder = key, d.state.Reservation != nil && d.state.Reservation.Type.AllRegistrants()
		d.state.Registrations = append(d.state.Registrations, n)
		return
	}
	d.state.Registrations[at].Key = key
	if held := d.state.Reservation; held != nil && !held.Type.AllRegistrants() && d.state.Registrations[at].Holder {
		held.Key = key
	}
}

// hold makes a registered nexus the holder; nobody, if the type is 0.
func (d *Device) hold(n pr.Registration, typ pr.Type) {
	all := typ.AllRegistrants()
	for i := range d.state.Registrations {
		d.state.Registrations[i].Holder = all
	}
	d.state.Reservation = nil
	if typ == 0 {
		return
	}
	d.state.Reservation = &pr.Reservation{Type: typ}
	if at := d.find(n); at >= 0 && !all {
		d.state.Registrations[at].Holder = true
		d.state.Reservation.Key = d.state.Registrations[at].Key
	}
}

// remove takes registrations away. It does not look at the reservation.
func (d *Device) remove(drop func(pr.Registration) bool) {
	d.state.Registrations = slices.DeleteFunc(d.state.Registrations, drop)
}

// unregister takes a registration off. If it held alone, or was the last one, the
// reservation ends.
func (d *Device) unregister(at int) {
	held := d.state.Reservation
	alone := held != nil && !held.Type.AllRegistrants() && d.state.Registrations[at].Holder
	d.state.Registrations = slices.Delete(d.state.Registrations, at, at+1)
	if alone || len(d.state.Registrations) == 0 {
		d.hold(pr.Registration{}, 0)
	}
}

// madeUp is the initiator of a registration that the device does not identify, or of
// a path of which nobody knows who it is.
type madeUp struct {
	registration bool
	number       int
}

func (m madeUp) String() string {
	if m.registration {
		return fmt.Sprintf("registrant %d", m.number)
	}
	return fmt.Sprintf("path %d of this host", m.number)
}

// Host is its own name.
func (m madeUp) Host() string { return m.String() }

// Same reports whether the other one is this one.
func (m madeUp) Same(o pr.Initiator) bool { return m == o }

// Whole: it is one.
func (m madeUp) Whole() bool { return true }

// NamesHost is not known.
func (m madeUp) NamesHost() bool { return false }

// Likens compares them as Same does.
func (m madeUp) Likens(listed pr.Initiator, _ bool) pr.Likeness {
	if m.Same(listed) {
		return pr.Alike
	}
	return pr.Unlike
}
