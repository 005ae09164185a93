package pathtest

import (
	"slices"

	"lunguard/pr"
)

func nothing(x *bench) {
	x.want(nil, 0, 0)
	x.canWrite(a, b, c)
	caps, err := x.Paths[a].Capabilities(x.ctx)
	if err == nil && !caps.Supports(kept) {
		x.Errorf("cannot reserve %v: %+v", kept, caps)
	}
	x.fails("reserve unregistered", func() error { return x.Paths[a].Reserve(x.ctx, keyA, kept) })
	x.fails("clear unregistered", func() error { return x.Paths[a].Clear(x.ctx, keyA) })
	x.fails("preempt unregistered", func() error { return x.Paths[a].PreemptAndAbort(x.ctx, keyA, keyB, kept) })
	x.did("drain", x.Paths[a].Drain(x.ctx))
}

func register(x *bench) {
	p := x.Paths[a]
	x.conflict("quote a key without one", func() error { return p.Register(x.ctx, keyA, keyB, false) })
	before := x.state().Generation
	x.did("register", p.Register(x.ctx, 0, keyA, false))
	x.want([]pr.Key{keyA}, 0, 0)
	if after := x.state().Generation; after != before+1 {
		x.Errorf("generation %d after %d", after, before)
	}
	x.conflict("quote none beside one", func() error { return p.Register(x.ctx, 0, keyB, false) })
	x.conflict("quote another", func() error { return p.Register(x.ctx, keyC, keyB, false) })
	x.did("change the key", p.Register(x.ctx, keyA, keyB, false))
	x.want([]pr.Key{keyB}, 0, 0)
	x.did("take it off", p.Register(x.ctx, keyB, 0, false))
	x.want(nil, 0, 0)
	x.registers(a, b)
	x.want([]pr.Key{keyA, keyB}, 0, 0)
}

func registerAnew(x *bench) {
	x.did("unregistered", x.Paths[a].RegisterAndIgnore(x.ctx, keyA, false))
	x.did("registered", x.Paths[a].RegisterAndIgnore(x.ctx, keyB, false))
	x.want([]pr.Key{keyB}, 0, 0)
	x.did("reserve", x.Paths[a].Reserve(x.ctx, keyB, kept))
	x.did("the holder", x.Paths[a].RegisterAndIgnore(x.ctx, keyA, false))
	x.want([]pr.Key{keyA}, keyA, kept)
	x.did("beside a reservation", x.Paths[b].RegisterAndIgnore(x.ctx, keyB, false))
	x.want([]pr.Key{keyA, keyB}, keyA, kept)
}

func reserve(x *bench) {
	x.registers(a, b)
	x.conflict("with another's key", func() error { return x.Paths[a].Reserve(x.ctx, keyB, kept) })
	before := x.state().Generation
	x.did("reserve", x.Paths[a].Reserve(x.ctx, keyA, kept))
	x.want([]pr.Key{keyA, keyB}, keyA, kept)
	if after := x.state().Generation; after != before {
		x.Errorf("a reservation has made generation %d of %d", after, before)
	}
	x.did("again", x.Paths[a].Reserve(x.ctx, keyA, kept))
	x.conflict("another type", func() error { return x.Paths[a].Reserve(x.ctx, keyA, pr.WriteExclusive) })
	x.conflict("beside the holder", func() error { return x.Paths[b].Reserve(x.ctx, keyB, kept) })
	holders := 0
	for _, r := range x.state().Registrations {
		if r.Holder {
			holders++
		}
	}
	if s := x.state(); s.Identified && holders != 1 {
		x.Errorf("%d holders", holders)
	}
}

func writes(x *bench) {
	x.reserves(kept, a, b)
	x.canWrite(a, b)
	x.did("register", x.Paths[c].Register(x.ctx, 0, keyC, false))
	x.canWrite(a, b, c)
	x.did("unregister", x.Paths[b].Register(x.ctx, keyB, 0, false))
	x.canWrite(a, c)
}

func types(x *bench) {
	x.registers(a, b)
	for _, typ := range []pr.Type{
		pr.WriteExclusive, pr.ExclusiveAccess, pr.WriteExclusiveRegistrantsOnly,
		pr.ExclusiveAccessRegistrantsOnly, pr.WriteExclusiveAllRegistrants, pr.ExclusiveAccessAllRegistrants,
	} {
		holder, writers := keyA, []int{a}
		if typ.RegistrantsOnly() || typ.AllRegistrants() {
			writers = []int{a, b}
		}
		if typ.AllRegistrants() {
			holder = 0
		}
		x.did(typ.String(), x.Paths[a].Reserve(x.ctx, keyA, typ))
		x.want([]pr.Key{keyA, keyB}, holder, typ)
		if s := x.state(); !s.HeldBy(keyA) || s.HeldBy(keyB) != typ.AllRegistrants() {
			x.Errorf("%v: held by A %v, by B %v", typ, s.HeldBy(keyA), s.HeldBy(keyB))
		}
		x.canWrite(writers...)
		x.did("clear", x.Paths[a].Clear(x.ctx, keyA))
		x.registers(a, b)
	}
}

func preemptHolder(x *bench) {
	x.reserves(kept, a, b)
	x.without("of nobody", x.Traits.PreemptsNobody, func() error { return x.Paths[b].PreemptAndAbort(x.ctx, keyB, keyC, kept) })
	x.conflict("with another's key", func() error { return x.Paths[b].PreemptAndAbort(x.ctx, keyA, keyA, kept) })
	x.did("preempt", x.Paths[b].PreemptAndAbort(x.ctx, keyB, keyA, kept))
	x.want([]pr.Key{keyB}, keyB, kept)
	x.canWrite(b)
	x.fails("by who was removed", func() error { return x.Paths[a].PreemptAndAbort(x.ctx, keyA, keyB, kept) })
	x.conflict("his registration", func() error { return x.Paths[a].Register(x.ctx, keyA, keyA, false) })
}

func preemptAnother(x *bench) {
	x.reserves(kept, a, b)
	x.did("preempt", x.Paths[a].PreemptAndAbort(x.ctx, keyA, keyB, kept))
	if x.Traits.HolderPreemptsNobody {
		x.want([]pr.Key{keyA, keyB}, keyA, kept)
		x.canWrite(a, b)
		x.retyped()
	}
	x.want([]pr.Key{keyA}, keyA, kept)
	x.canWrite(a)
	x.did("register", x.Paths[b].Register(x.ctx, 0, keyB, false))
	x.did("clear", x.Paths[b].Clear(x.ctx, keyB))
	x.registers(a, b)
	x.did("unreserved", x.Paths[a].PreemptAndAbort(x.ctx, keyA, keyB, kept))
	x.want([]pr.Key{keyA}, 0, 0)
}

// retyped removes all others by way of a reservation that all hold: nobody may write
// meanwhile who could not before.
func (x *bench) retyped() {
	const all = pr.WriteExclusiveAllRegistrants
	x.did("all hold", x.Paths[a].PreemptAndAbort(x.ctx, keyA, keyA, all))
	x.want([]pr.Key{keyA, keyB}, 0, all)
	x.canWrite(a, b)
	x.did("preempt all", x.Paths[a].PreemptAndAbort(x.ctx, keyA, 0, kept))
}

// Under a type of all registrants the reservation lasts as long as anybody is left, and
// nobody can be told to have it.
func allRegistrants(x *bench) {
	const all = pr.WriteExclusiveAllRegistrants
	x.reserves(all, a, b, c)
	x.without("reserve beside", !x.Traits.SecondConflicts, func() error { return x.Paths[b].Reserve(x.ctx, keyB, all) })
	x.conflict("of nobody", func() error { return x.Paths[b].PreemptAndAbort(x.ctx, keyB, keyC+1, all) })
	x.did("who has reserved leaves", x.Paths[a].Register(x.ctx, keyA, 0, false))
	x.want([]pr.Key{keyB, keyC}, 0, all)
	x.canWrite(b, c)
	x.did("preempt", x.Paths[b].PreemptAndAbort(x.ctx, keyB, keyC, all))
	x.want([]pr.Key{keyB}, 0, all)
	x.canWrite(b)
	x.did("register", x.Paths[a].Register(x.ctx, 0, keyA, false))
	x.want([]pr.Key{keyA, keyB}, 0, all)
	x.canWrite(a, b)
	x.did("one leaves", x.Paths[b].Register(x.ctx, keyB, 0, false))
	x.did("the last leaves", x.Paths[a].Register(x.ctx, keyA, 0, false))
	x.want(nil, 0, 0)
	x.canWrite(a, b, c)
}

func preemptAll(x *bench) {
	x.reserves(pr.WriteExclusiveAllRegistrants, a, b)
	x.did("preempt", x.Paths[b].PreemptAndAbort(x.ctx, keyB, 0, kept))
	if x.Traits.KeepsAllRegistrants {
		x.want([]pr.Key{keyB}, 0, pr.WriteExclusiveAllRegistrants)
	} else {
		x.want([]pr.Key{keyB}, keyB, kept)
	}
	x.canWrite(b)
}

func holderLeaves(x *bench) {
	x.reserves(kept, a, b)
	x.did("unregister", x.Paths[a].Register(x.ctx, keyA, 0, false))
	x.want([]pr.Key{keyB}, 0, 0)
	x.canWrite(a, b, c)
}

func clearAll(x *bench) {
	x.reserves(kept, a, b)
	x.fails("by nobody", func() error { return x.Paths[c].Clear(x.ctx, keyC) })
	x.did("clear", x.Paths[b].Clear(x.ctx, keyB))
	x.want(nil, 0, 0)
	x.canWrite(a, b, c)
}

// A path finds its own registration, and takes no other for it.
func identities(x *bench) {
	x.registers(a, b)
	s := x.state()
	if !s.Identified {
		x.Skip("the device does not tell whose registrations are")
	}
	for h, key := range map[int]pr.Key{a: keyA, b: keyB} {
		var like []pr.Key
		for _, r := range s.Registrations {
			if x.Paths[h].Identity().Likens(r) == pr.Alike {
				like = append(like, r.Key)
			}
		}
		if !slices.Equal(like, []pr.Key{key}) {
			x.Errorf("host %d takes %v for its own", h, like)
		}
	}
	one, two := x.Paths[a].Identity().Initiator, x.Paths[b].Identity().Initiator
	if !pr.Same(one, one) || pr.Same(one, two) || one.Host() == two.Host() || !one.Whole() {
		x.Errorf("%v and %v", one, two)
	}
}

func move(x *bench) {
	if _, ok := x.Paths[a].(pr.Mover); !ok {
		x.Skip("paths cannot move")
	}
	x.reserves(kept, a, b)
	to := x.Paths[c].Identity()
	order := &pr.MoveOrder{Key: keyA, ActionKey: keyC, Destination: to.Initiator, RelativePort: to.RelativePort}
	x.conflict("by another than the holder", func() error {
		other := *order
		other.Key = keyB
		return pr.Move(x.ctx, x.Paths[b], &other)
	})
	x.did("move", pr.Move(x.ctx, x.Paths[a], order))
	x.want([]pr.Key{keyA, keyB, keyC}, keyC, kept)
	x.canWrite(a, b, c)
	from := x.Paths[b].Identity()
	back := &pr.MoveOrder{Key: keyC, ActionKey: keyB, Destination: from.Initiator, RelativePort: from.RelativePort, Unregister: true}
	x.did("move and leave", pr.Move(x.ctx, x.Paths[c], back))
	x.want([]pr.Key{keyA, keyB}, keyB, kept)
	x.canWrite(a, b)
}

func introduce(x *bench) {
	caps, err := x.Paths[a].Capabilities(x.ctx)
	if err != nil || !caps.Introduces {
		x.Skip("the device registers nobody for another")
	}
	x.did("introduce", pr.Introduce(x.ctx, x.Paths[a], keyB, []pr.Initiator{x.Paths[b].Identity().Initiator}, false))
	x.want([]pr.Key{keyB, keyB}, 0, 0)
	x.conflict("by who is registered", func() error {
		return pr.Introduce(x.ctx, x.Paths[a], keyC, []pr.Initiator{x.Paths[c].Identity().Initiator}, false)
	})
	x.did("leave", x.Paths[a].Register(x.ctx, keyB, 0, false))
	x.want([]pr.Key{keyB}, 0, 0)
	x.did("what is B's", x.Paths[b].Register(x.ctx, keyB, 0, false))
	x.want(nil, 0, 0)
	if _, err := pr.PortOf(x.ctx, x.Paths[a]); err != nil {
		x.Errorf("port: %v", err)
	}
}

func reset(x *bench) {
	if _, ok := x.Paths[a].(pr.Resetter); !ok {
		x.Skip("paths cannot reset")
	}
	x.reserves(kept, a, b)
	before := x.text()
	x.did("reset", pr.Reset(x.ctx, x.Paths[b]))
	for _, p := range x.Paths {
		x.did("drain", p.Drain(x.ctx))
	}
	if after := x.text(); before != after {
		x.Errorf("a reset has made %s of %s", after, before)
	}
	x.canWrite(a, b)
}

// The list of a path has the keys and the reservation of its state.
func list(x *bench) {
	for _, step := range []func(){
		func() {}, func() { x.registers(a, b) }, func() { x.did("reserve", x.Paths[a].Reserve(x.ctx, keyA, kept)) },
		func() { x.did("clear", x.Paths[b].Clear(x.ctx, keyB)) },
	} {
		step()
		s := x.state()
		l, err := pr.List(x.ctx, x.Paths[c])
		if x.did("list", err); !slices.Equal(l.Keys(), s.Keys()) || l.Generation != s.Generation || (l.Reservation == nil) != (s.Reservation == nil) || l.Reservation != nil && *l.Reservation != *s.Reservation {
			x.Errorf("%+v beside the state %+v", l, s)
		}
	}
}
