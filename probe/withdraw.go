package probe

import (
	"context"

	"lunguard/pr"
)

// LeftError says that a run has left registrations on the device, or may have.
type LeftError struct {
	Keys []pr.Key
	// Err is why it is not known what is left; nil if Keys were read.
	Err error
}

func (e *LeftError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return "what was registered cannot be taken off"
}

// Unwrap gives the reason.
func (e *LeftError) Unwrap() error { return e.Err }

// isMine reports whether a key can only be of this run and this host.
func (x *bench) isMine(k pr.Key) bool {
	m, ok := markOf(k)
	switch {
	case !ok:
		return false
	case k == x.a.own:
		return true
	case m.kind == helloMark:
		return m.run == x.Options.Run&runMask && m.payload == x.ID&payloadMask
	}
	return m.kind != answerMark && x.led && m.run == x.run&runMask
}

// withdraw takes off what this run has registered, one key after the other, and nothing of
// anybody else; with a registration goes the reservation that it holds. What no path of
// this run has registered, as a port that was introduced, is preempted. All is read back.
// Errors: *LeftError.
func (x *bench) withdraw(ctx context.Context) error {
	actors := []*actor{x.a}
	if side, ok := x.b.(*near); ok {
		actors = append(actors, &side.actor)
	}
	for _, take := range []func(k pr.Key){
		func(k pr.Key) {
			for _, a := range actors {
				_ = a.unregister(ctx, k) // what is left is read
			}
		},
		func(k pr.Key) {
			if x.a.become(ctx, x.mark()) == nil {
				x.a.perform(ctx, Deed{Verb: Preempt, Key: Other, Type: pr.WriteExclusiveRegistrantsOnly}, x.a.own, k)
				_ = x.a.leave(ctx)
			}
		},
		nil,
	} {
		keys, err := x.a.keys(ctx)
		left := &LeftError{Err: err}
		for _, k := range keys {
			if x.isMine(k) {
				left.Keys = append(left.Keys, k)
			}
		}
		if err == nil && len(left.Keys) == 0 {
			return nil
		}
		if err != nil || take == nil {
			return left
		}
		for _, k := range left.Keys {
			take(k)
		}
	}
	return nil
}
