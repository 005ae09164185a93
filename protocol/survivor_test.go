package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// Each of these is the rule that one row or comparison keeps, where the other tests
// do not notice that it is gone: docs/mutants.md.

// loses lets the first command of a node that the match knows be performed, on a
// LUN, then something happen, and then its answer be lost.
func (w *world) loses(node string, lun int, match func(*scsi.Request) bool, do func()) {
	var once sync.Once
	w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			reply, err := t.Do(ctx, req)
			if n == node && l == lun && match(req) {
				once.Do(func() {
					do()
					reply = scsi.Reply{Host: scsi.HostError, Resid: len(req.Data)}
				})
			}
			return reply, err
		})
	}
}

// Who found the LUN free, and registers after another one has won it, has lost.
func TestStartRegistersLate(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.before("A", 0, registersKey(keyA), func() { w.must(w.takesOver("B", "")) })
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) || lost.Node != "B" || errors.Is(err, ErrNotUndone) {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// The first REGISTER of a start has no answer, and another node has removed it since:
// another path is not used to go on.
func TestStartRemovedUnseen(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 1, 2, simlun.Quirks{})
		w.mode = mode
		w.start("B")
		if mode == Exclusive {
			w.loses("A", 0, registersKey(Taking(keyA)), func() { w.must(w.takesOver("B", "")) })
		} else {
			w.loses("A", 0, registersKey(keyA), func() { w.must(w.fenceUnwrapped("B", "A")) })
		}
		r := w.run("A")
		w.wrap = nil
		if err := r.Start(context.Background()); !errors.Is(err, ErrUnsure) {
			t.Errorf("%v: %v", mode, err)
		}
		w.wantOwned(keyB)
	}
}

// A rival registers after the seat was, without a mark: it is removed under one,
// which stays when this node cannot know the end of that.
func TestRivalRemovedUnderMark(t *testing.T) {
	for _, fault := range []string{"host=3", "aborted"} {
		w := newWorld(t, 1, 2, simlun.Quirks{NoReset: true})
		w.before("A", 0, sends(scsi.OutReserve), func() {
			w.must(w.unit(0, "B", 0).RegisterAndIgnore(context.Background(), keyB, false))
		})
		r := w.run("A")
		w.wrap = nil
		w.faults(0, "prout.preempt-abort@1:after:"+fault)
		if err := r.Start(context.Background()); !errors.Is(err, ErrUnresolved) {
			t.Errorf("%s: %v", fault, err)
		}
		if st := w.status(0); st.Holder != Taking(keyA) {
			t.Errorf("%s: LUN 0 has %+v", fault, st)
		}
	}
}

// A rival wins all LUNs before or after the look at the arbiter that serves for all of them:
// who finds himself removed on another one looks again, and leaves it alone.
func TestStartLosesAfterTheLook(t *testing.T) {
	for name, match := range map[string]func(*scsi.Request) bool{"registered": sends(scsi.OutReserve), "not yet registered": registersKey(keyA)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, 1, simlun.Quirks{})
			w.before("A", 1, match, func() { w.must(w.takesOver("B", "")) })
			r := w.run("A")
			w.wrap = nil
			var lost *LostError
			if err := r.Start(context.Background()); !errors.As(err, &lost) || lost.Node != "B" {
				t.Errorf("%v", err)
			}
			w.wantOwned(keyB)
		})
	}
}

// Who holds is removed first. So a mark under another holder says that nobody was
// removed yet.
func TestHolderGoesFirst(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{NoReset: true})
	w.start("B")
	w.put2path(0, "A", 0, keyA)
	w.faults(0, "prout.preempt-abort@1:after:host=3")
	if err := w.run("C").Start(context.Background()); err == nil {
		t.Error("it said ok")
	}
	w.faults(0, "")
	if err := w.run("C").Start(context.Background()); !errors.Is(err, ErrUnresolved) {
		t.Errorf("again: %v", err)
	}
}

// All others that hold with this node go in one step.
func TestAllRegistrantsGoAtOnce(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.put(0, "B", 0, keyB, pr.WriteExclusiveAllRegistrants)
	w.put2path(0, "C", 0, keyC)
	w.start("A")
	w.wantOwned(keyA)
	if got, want := w.changes("sda"), []Action{Registered, Preempted, Reset, Unmarked}; !slices.Equal(got, want) {
		t.Errorf("%v, %v expected", got, want)
	}
}

// Two paths that a killed run has left marked are plain after the next.
func TestStartUnmarksAll(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 1, 2, simlun.Quirks{})
		w.mode = mode
		w.start("A")
		w.put2path(0, "A", 0, Taking(keyA))
		w.put2path(0, "A", 1, Taking(keyA))
		w.start("A")
		w.wantOwned(keyA)
	}
}

// A mark on a path that has died goes, too.
func TestStartUnmarksDeadPath(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 1, 2, simlun.Quirks{})
		w.mode = mode
		w.start("A")
		w.put2path(0, "A", 0, Taking(keyA))
		w.cut(0, "A", 0)
		w.start("A")
		if st := w.status(0); !slices.Equal(st.Keys, []pr.Key{keyA}) || st.Holder != keyA {
			t.Errorf("%v: LUN 0 has %+v", mode, st)
		}
	}
}

// A node that starts again quotes what it has registered: if that has gone
// meanwhile, it has lost, or was fenced.
func TestStartAgainQuotes(t *testing.T) {
	t.Run("exclusive", func(t *testing.T) {
		w := newWorld(t, 1, 1, simlun.Quirks{})
		w.start("B")
		w.put2path(0, "A", 0, keyA)
		w.before("A", 0, registersKey(Taking(keyA)), func() { w.must(w.takesOver("B", "")) })
		r := w.run("A")
		w.wrap = nil
		var lost *LostError
		if err := r.Start(context.Background()); !errors.As(err, &lost) {
			t.Errorf("%v", err)
		}
		w.wantOwned(keyB)
	})
	t.Run("shared", func(t *testing.T) {
		w := sharedWorld(t, 1, 1, simlun.Quirks{}, "B", "A")
		w.before("A", 0, sends(scsi.OutRegister), func() { w.must(w.fenceUnwrapped("B", "A")) })
		r := w.run("A")
		w.wrap = nil
		if err := r.Start(context.Background()); !errors.Is(err, ErrRemoved) {
			t.Errorf("%v", err)
		}
		w.wantShared("B")
	})
}

// fenceUnwrapped is fence by paths that nothing happens on.
func (w *world) fenceUnwrapped(node, victim string) error {
	wrap := w.wrap
	w.wrap = nil
	defer func() { w.wrap = wrap }()
	return w.fence(node, victim)
}

// The path that acts fails, and the holder removes this node before another path is
// registered: that one does not act before it was read.
func TestSecondSeatReads(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("B")
	failed := false
	w.wrap = func(n string, _, path int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if n == "A" && path == 0 && sends(scsi.OutPreemptAndAbort)(req) {
				failed = true
				return scsi.Reply{Host: scsi.HostError, Resid: len(req.Data)}, nil
			}
			if n == "A" && path == 1 && failed && registersKey(Taking(keyA))(req) {
				failed = false
				w.must(w.takesOver("B", ""))
			}
			return t.Do(ctx, req)
		})
	}
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// A path of ours has another node's key, from a copy that was killed.
func TestJoinOnIntroducedPath(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "B")
	w.put2path(0, "A", 1, keyB)
	w.start("A")
	w.wantShared("B", "A")
}

// A reservation is not moved to an initiator port that is a guess, and a wrong one.
func TestReadmitGuessedPort(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("A")
	w.drop(0, "A", 1)
	r := w.run("A")
	r.LUNs[0].Paths[1] = r.LUNs[0].Paths[1].(*scsi.Unit).WithIdentity(func() pr.Identity {
		return pr.Identity{Initiator: port("A", 7), RelativePort: 2, Guessed: true}
	})
	if _, err := r.Readmit(context.Background()); err != nil {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyA)
	s, err := w.unit(0, "C", 0).State(context.Background())
	w.must(err)
	if slices.ContainsFunc(s.Registrations, func(r pr.Registration) bool { return port("A", 7).Same(r.Initiator) }) {
		t.Errorf("the guess is registered: %+v", s.Registrations)
	}
}

// A rival comes and goes between the end of the work on the other LUNs and the last
// look at the arbiter, or during that.
func TestConfirmAfterRival(t *testing.T) {
	for _, during := range []bool{false, true} {
		w := newWorld(t, 2, 1, simlun.Quirks{})
		rival := func() { w.must(w.takesOver("B", "")); w.halt("B") }
		reads, preempts := 0, 0
		w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				if n == "A" && l == 0 && sends(scsi.OutPreemptAndAbort)(req) {
					if preempts++; preempts == 1 {
						rival()
					}
				}
				reply, err := t.Do(ctx, req)
				if n == "A" && l == 1 && req.Opcode() == scsi.OpPRIn && scsi.InAction(req.CDB[1]&0x1f) == scsi.InReadFullStatus {
					if reads++; reads == 2 && during {
						w.put2path(0, "C", 0, keyC)
					} else if reads == 2 {
						rival()
					}
				}
				return reply, err
			})
		}
		r := w.run("A")
		w.wrap = nil
		if err := r.Start(context.Background()); err == nil {
			w.wantOwned(keyA)
		}
		if reads < 2 || during && preempts == 0 {
			t.Errorf("%d readings, %d times PREEMPT AND ABORT", reads, preempts)
		}
	}
}

// A command that was given up and that the kernel still holds: nobody says ok, and a
// halt or a fence sends nothing beside it.
func TestPending(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		mode Mode
		up   []string
		verb func(*world, *Run) error
	}{
		"start":        {Exclusive, nil, func(_ *world, r *Run) error { return r.Start(ctx) }},
		"shared start": {Shared, []string{"B"}, func(_ *world, r *Run) error { return r.Start(ctx) }},
		"halt":         {Exclusive, []string{"A"}, func(_ *world, r *Run) error { return r.Halt(ctx) }},
		"shared halt":  {Shared, []string{"B", "A"}, func(_ *world, r *Run) error { return r.Halt(ctx) }},
		"fence":        {Shared, []string{"B", "A"}, func(w *world, r *Run) error { return r.Fence(ctx, w.members[1]) }},
		"fence, later": {Shared, []string{"B", "A"}, func(w *world, r *Run) error { return r.Fence(ctx, w.members[1]) }},
		"repair":       {Shared, []string{"A"}, func(w *world, r *Run) error { w.drop(0, "A", 2); return r.Repair(ctx) }},
		"restore":      {Exclusive, nil, func(_ *world, r *Run) error { return r.Restore(ctx) }},
		"clean-up":     {Shared, []string{"A"}, func(_ *world, r *Run) error { return clearAnyway(ctx, r, 0)[0].Err }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 3, simlun.Quirks{})
			w.mode = c.mode
			for _, n := range c.up {
				w.start(n)
			}
			sent, hangs := 0, 1
			if name == "fence, later" {
				hangs = 2
			}
			w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
				return doFunc(func(ctx context.Context, req *scsi.Request) (reply scsi.Reply, err error) {
					reply, err = t.Do(ctx, req)
					if req.Opcode() == scsi.OpPROut || req.Function == scsi.LogicalUnitReset {
						if sent++; sent == hangs {
							err = fmt.Errorf("%w: %w", pr.ErrStillUnderWay, context.DeadlineExceeded)
						}
					}
					return reply, err
				})
			}
			r := w.run("A")
			w.wrap = nil
			if err := c.verb(w, r); !errors.Is(err, ErrPending) || sent > hangs && slices.Contains([]string{"halt", "fence", "fence, later"}, name) {
				t.Errorf("%v, %d commands; LUN 0 has %+v", err, sent, w.status(0))
			}
		})
	}
}

// A node that was registered before its start failed stays so: it may be up.
func TestGiveUpKeepsWhatWas(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.put2path(0, "A", 0, keyA)
	w.faults(0, "prout.reserve@every:sense=5/26/00")
	if err := w.run("A").Start(context.Background()); err == nil {
		t.Error("it said ok")
	}
	if st := w.status(0); !slices.Equal(st.Keys, []pr.Key{keyA}) {
		t.Errorf("LUN 0 has %+v", st)
	}
}

// The only path is given up with the answer to its REGISTER, and used again to undo
// that.
func TestUndoOnLostPath(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 1, 1, simlun.Quirks{})
		w.mode = mode
		w.faults(0, "prout.register-ignore@1:after:host=3")
		if err := w.run("A").Start(context.Background()); err == nil {
			t.Errorf("%v: it said ok", mode)
		}
		w.wantEmpty()
	}
}

// Who has lost leaves those LUNs, too, on which he was registered before.
func TestLoserLeavesAll(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{})
	w.put2path(1, "A", 0, keyA)
	w.before("A", 1, sends(scsi.OutRegister), func() {
		wrap := w.wrap
		w.wrap = nil
		w.only2("B", "sda")
		w.wrap = wrap
	})
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) {
		t.Errorf("%v", err)
	}
	if st := w.status(1); len(st.Keys) > 0 {
		t.Errorf("LUN 1 has %+v", st)
	}
}

// A fence of this node's that was killed has left its mark: the doubt is resolved
// before the mark goes.
func TestJoinAfterKilledFence(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{NoReset: true}, "B", "A")
	w.put2path(0, "A", 0, Taking(keyA))
	if err := w.run("A").Start(context.Background()); !errors.Is(err, ErrUnresolved) {
		t.Errorf("without a reset: %v", err)
	}
	if st := w.status(0); !slices.Contains(st.Keys, Taking(keyA)) {
		t.Errorf("the mark has gone: %+v", st)
	}
	w.quirks(0, simlun.Quirks{})
	w.log = nil
	w.start("A")
	w.wantShared("B", "A")
	if got, want := w.changes("sda"), []Action{Reset, Registered, Unmarked}; !slices.Equal(got, want) {
		t.Errorf("%v, %v expected", got, want)
	}
}

// Another node holds by a type that does not protect.
func TestJoinOtherType(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{})
	w.put(0, "B", 0, keyB, pr.WriteExclusive)
	if err := w.run("A").Start(context.Background()); !errors.Is(err, ErrOtherType) {
		t.Errorf("%v", err)
	}
}

// Another node's fence is under way: it gets the time to come to its end.
func TestWaitsForTaker(t *testing.T) {
	for name, verb := range map[string]func(*Run) error{
		"start": func(r *Run) error { return r.Start(context.Background()) },
		"fence": func(r *Run) error { return r.Fence(context.Background(), r.Members[2]) },
	} {
		t.Run(name, func(t *testing.T) {
			w := sharedWorld(t, 1, 1, simlun.Quirks{}, "B", "A")
			w.put2path(0, "B", 0, Taking(keyB))
			w.log = nil
			r := w.run("A")
			r.Sleep = func(context.Context, time.Duration) error { w.put2path(0, "B", 0, keyB); return nil }
			if err := verb(r); err != nil || w.logged(Reset) {
				t.Errorf("%v, reset %v", err, w.logged(Reset))
			}
		})
	}
}

// A node that finds itself fenced on one LUN leaves the others, on which it was
// before, too.
func TestFencedLeavesAll(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "B", "A")
	w.before("A", 0, sends(scsi.OutRegister), func() {
		wrap := w.wrap
		w.wrap = nil
		w.must(w.only("B", "sda").Fence(context.Background(), w.members[0]))
		w.wrap = wrap
	})
	r := w.run("A")
	w.wrap = nil
	if err := r.Start(context.Background()); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	w.wantShared("B")
}
