// Package pathtest is what every [pr.Path] has to do, whatever the storage behind it:
// one suite that each implementation passes, on a simulated device and on real ones.
// The protocols rely on no more than this.
//
// A case looks, after each verb, at its error, and at the state through another path.
// What a path can do besides ([pr.Mover], [pr.Introducer], [pr.Resetter], [pr.Lister]) is looked at
// if it has it.
package pathtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"lunguard/pr"
)

// Bench is a device under test, without registrations or a reservation.
type Bench struct {
	// Paths are those of three hosts. Each tells by its Identity who it is.
	Paths [3]pr.Path
	// Write writes to the device by a path, by its number: nil if the device took it,
	// ErrReservationConflict if it refused.
	Write func(ctx context.Context, path int) error
	// Traits are what the device does otherwise than most.
	Traits Traits
}

// Traits are differences between devices that the protocols can live with, each of which
// the suite insists on if it is there.
type Traits struct {
	// PreemptsNobody: to preempt a key that nobody has is no conflict. It changes
	// nothing.
	PreemptsNobody bool
	// KeepsAllRegistrants: who preempts all registrants cannot change the type.
	KeepsAllRegistrants bool
	// SecondConflicts: under a type of all registrants a second registrant's Reserve is
	// a conflict, although it holds; else it is done.
	SecondConflicts bool
	// HolderPreemptsNobody: who holds alone removes nobody by a preempt, and is told that
	// it is done.
	HolderPreemptsNobody bool
}

// The hosts, and their keys.
const (
	a, b, c    = 0, 1, 2
	keyA, keyB = pr.Key(0xa), pr.Key(0xb)
	keyC       = pr.Key(0xc)
)

// kept is the type of reservation of most cases: that of the protocols.
const kept = pr.WriteExclusiveRegistrantsOnly

// Run runs the suite; f makes the bench of one case.
func Run(t *testing.T, f func(t *testing.T) *Bench) {
	t.Helper()
	for _, s := range []struct {
		name string
		run  func(*bench)
	}{
		{"nothing", nothing}, {"register", register}, {"register anew", registerAnew}, {"reserve", reserve},
		{"who may write", writes}, {"types", types}, {"preempt the holder", preemptHolder}, {"preempt another", preemptAnother},
		{"all registrants", allRegistrants}, {"preempt all registrants", preemptAll}, {"the holder leaves", holderLeaves}, {"clear", clearAll},
		{"identities", identities}, {"move", move}, {"introduce", introduce}, {"reset", reset}, {"list", list},
	} {
		t.Run(s.name, func(t *testing.T) {
			s.run(&bench{Bench: f(t), T: t, ctx: t.Context()})
		})
	}
}

// bench is the device of one case.
type bench struct {
	*Bench
	*testing.T
	ctx context.Context
}

// did checks that a verb was done.
func (x *bench) did(what string, err error) {
	x.Helper()
	if err != nil {
		x.Fatalf("%s: %v", what, err)
	}
}

// refused checks that a verb was refused, and that nothing is open.
func (x *bench) refused(what string, err error, class error) {
	x.Helper()
	if !errors.Is(err, class) || pr.OutcomeUnknown(err) || pr.StillUnderWay(err) || pr.PathFailed(err) {
		x.Errorf("%s: %v (outcome unknown: %v), %v expected", what, err, pr.OutcomeUnknown(err), class)
	}
}

// conflict is refused with a conflict, and nothing was changed.
func (x *bench) conflict(what string, verb func() error) {
	x.Helper()
	before := x.text()
	x.refused(what, verb(), pr.ErrReservationConflict)
	if after := x.text(); before != after {
		x.Errorf("%s was refused, and has made %s of %s", what, after, before)
	}
}

// without is a verb that changes nothing: a conflict, or done where it is so.
func (x *bench) without(what string, done bool, verb func() error) {
	x.Helper()
	if !done {
		x.conflict(what, verb)
		return
	}
	before := x.text()
	x.did(what, verb())
	if after := x.text(); before != after {
		x.Errorf("%s has made %s of %s", what, after, before)
	}
}

// fails checks that a verb of a path that is not registered fails and changes nothing:
// some devices have another word for it than a conflict.
func (x *bench) fails(what string, verb func() error) {
	x.Helper()
	before := x.text()
	if verb() == nil {
		x.Errorf("%s: ok", what)
	}
	if after := x.text(); before != after {
		x.Errorf("%s has failed, and has made %s of %s", what, after, before)
	}
}

// state is what C reads.
func (x *bench) state() *pr.State {
	x.Helper()
	s, err := x.Paths[c].State(x.ctx)
	x.did("read the state", err)
	return s
}

// text is the state in one line, without its generation.
func (x *bench) text() string {
	x.Helper()
	s := x.state()
	var list []string
	for _, r := range s.Registrations {
		holds := ""
		if r.Holder {
			holds = "*"
		}
		list = append(list, fmt.Sprintf("%v%s %v", r.Key, holds, r.Initiator))
	}
	slices.Sort(list)
	if s.Reservation == nil {
		return fmt.Sprint(list)
	}
	return fmt.Sprintf("%v %v %v", list, s.Reservation.Key, s.Reservation.Type)
}

// want checks who is registered and which reservation there is; typ 0 is none.
func (x *bench) want(keys []pr.Key, holder pr.Key, typ pr.Type) {
	x.Helper()
	s := x.state()
	var have []pr.Key
	for _, r := range s.Registrations {
		have = append(have, r.Key)
	}
	slices.Sort(have)
	held := pr.Reservation{}
	if s.Reservation != nil {
		held = *s.Reservation
	}
	if !slices.Equal(have, keys) || held != (pr.Reservation{Key: holder, Type: typ}) {
		x.Errorf("registered %v, reserved %+v; %v, %v %v expected", have, held, keys, holder, typ)
	}
	only, err := x.Paths[c].Keys(x.ctx)
	x.did("read the keys", err)
	if slices.Sort(only); !slices.Equal(slices.Compact(only), s.Keys()) {
		x.Errorf("keys %v beside a state with %v", only, s.Keys())
	}
}

// registers registers some hosts with their keys.
func (x *bench) registers(hosts ...int) {
	x.Helper()
	for _, h := range hosts {
		x.did("register", x.Paths[h].Register(x.ctx, 0, keyA+pr.Key(h), false))
	}
}

// reserves registers hosts; the first one reserves.
func (x *bench) reserves(typ pr.Type, hosts ...int) {
	x.Helper()
	x.registers(hosts...)
	x.did("reserve", x.Paths[hosts[0]].Reserve(x.ctx, keyA+pr.Key(hosts[0]), typ))
}

// canWrite checks which hosts may write.
func (x *bench) canWrite(hosts ...int) {
	x.Helper()
	for h := range x.Paths {
		err := x.Write(x.ctx, h)
		switch {
		case slices.Contains(hosts, h) && err != nil:
			x.Errorf("host %d cannot write: %v", h, err)
		case !slices.Contains(hosts, h) && !errors.Is(err, pr.ErrReservationConflict):
			x.Errorf("a write of host %d: %v", h, err)
		}
	}
}
