package protocol

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// The schedules by which protection was once lost, or a success was false, each
// as short as it can be. docs/protocols.md has them in words.

// before lets something happen once, before the first command of a node that the
// match knows, on a LUN.
func (w *world) before(node string, lun int, match func(*scsi.Request) bool, do func()) {
	var once sync.Once
	w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if n == node && l == lun && match(req) {
				once.Do(do)
			}
			return t.Do(ctx, req)
		})
	}
}

// sends is a match for a service action of PERSISTENT RESERVE OUT.
func sends(a scsi.OutAction) func(*scsi.Request) bool {
	return func(req *scsi.Request) bool {
		return req.Opcode() == scsi.OpPROut && scsi.OutAction(req.CDB[1]&0x1f) == a
	}
}

// sendsTo is a match for a REGISTER of a new key.
func registersKey(key pr.Key) func(*scsi.Request) bool {
	return func(req *scsi.Request) bool {
		if req.Opcode() != scsi.OpPROut {
			return false
		}
		p, err := scsi.UnmarshalPROut(req.CDB, req.Data)
		return err == nil && p.ActionKey == key && (p.Action == scsi.OutRegister || p.Action == scsi.OutRegisterAndIgnoreExistingKey)
	}
}

func (w *world) quirks(lun int, q simlun.Quirks) {
	w.luns[lun].With(func(m *simlun.Machine) { m.SetQuirks(q) })
}

// The answer to PREEMPT AND ABORT is lost: the victim is off the list, and its
// writes may be under way. Without a reset nobody says ok, now or later or on
// another node; with one, whoever comes along does.
func TestAbortUnanswered(t *testing.T) {
	verbs := map[string]func(*world) error{
		"start": func(w *world) error { return w.run("A").Start(context.Background()) },
		"fence": func(w *world) error { w.mode = Shared; return w.fence("A", "B") },
	}
	for name, verb := range verbs {
		for _, paths := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d paths", name, paths), func(t *testing.T) {
				w := newWorld(t, 1, paths, simlun.Quirks{NoReset: true})
				if name == "fence" {
					w.mode = Shared
					w.start("B")
					w.start("A")
				} else {
					w.start("B")
				}
				w.faults(0, "prout.preempt-abort@1:after:host=3")
				err := verb(w)
				if err == nil {
					t.Fatal("it said ok")
				}
				if paths > 1 && !errors.Is(err, ErrUnresolved) {
					t.Errorf("%v", err)
				}
				w.faults(0, "")
				again, other := verb(w), w.run("C").Start(context.Background())
				if !errors.Is(again, ErrUnresolved) || !errors.Is(other, ErrUnresolved) {
					t.Errorf("the next run: %v; on another node: %v", again, other)
				}
				w.quirks(0, simlun.Quirks{})
				if err := verb(w); err != nil {
					t.Errorf("with a reset: %v", err)
				}
				if !w.logged(Reset) || w.status(0).Holder != keyA {
					t.Errorf("%+v, reset %v", w.status(0), w.logged(Reset))
				}
			})
		}
	}
}

// A second survivor sees the victim gone while the first one's abort may not be
// over: it does not say ok before that is resolved.
func TestFenceBesideTaker(t *testing.T) {
	w := sharedWorld(t, 1, 1, simlun.Quirks{NoReset: true}, "A", "C")
	w.put2path(0, "A", 0, Taking(keyA))
	if err := w.fence("C", "B"); !errors.Is(err, ErrUnresolved) {
		t.Errorf("beside a mark: %v", err)
	}
	w.quirks(0, simlun.Quirks{})
	if err := w.fence("C", "B"); err != nil || !w.logged(Reset) {
		t.Errorf("%v, reset %v", err, w.logged(Reset))
	}
}

// A killed taker leaves its mark, and its next run resolves it before the mark
// goes.
func TestKilledTaker(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("B")
	// After the PREEMPT AND ABORT.
	if !killAt(w, "A", 5, func(r *Run, ctx context.Context) error { return r.Start(ctx) }) {
		t.Fatal("it was not killed")
	}
	if st := w.status(0); st.Holder != Taking(keyA) {
		t.Fatalf("%+v", st)
	}
	w.log = nil
	w.start("A")
	w.wantOwned(keyA)
	if !w.logged(Reset) {
		t.Error("no reset")
	}
}

// The REGISTER of a repair is performed after a take-over, and its answer is lost:
// the repair does not say ok, and what it did is undone.
func TestRepairLostAnswer(t *testing.T) {
	for _, typ := range []Mode{Exclusive, Shared} {
		for _, verb := range []string{"repair", "readmit"} {
			t.Run(fmt.Sprintf("%v, %s", typ, verb), func(t *testing.T) {
				w := newWorld(t, 1, 2, simlun.Quirks{NoRegisterMove: true})
				w.mode = typ
				w.start("A")
				w.drop(0, "A", 1)
				w.before("A", 0, registersKey(keyA), func() {
					w.faults(0, "prout.register%"+simlun.MakeNexus(port("A", 1), 2).String()+"@1:after:host=3")
					w.must(w.takesOver("B", "A"))
				})
				r := w.run("A")
				w.wrap = nil
				var err error
				if verb == "repair" {
					err = r.Repair(context.Background())
				} else {
					_, err = r.Readmit(context.Background())
				}
				if err == nil {
					t.Errorf("it said ok; %+v", w.status(0))
				}
			})
		}
	}
}

// takesOver takes the LUNs from a node, by a start or by a start and a fence.
func (w *world) takesOver(node, from string) error {
	wrap := w.wrap
	w.wrap = nil
	defer func() { w.wrap = wrap }()
	if err := w.run(node).Start(context.Background()); err != nil || w.mode == Exclusive {
		return err
	}
	return w.fence(node, from)
}

// A path that comes back is registered by a command that a node which was taken
// over meanwhile cannot do.
func TestReadmitConditional(t *testing.T) {
	for _, taken := range []bool{false, true} {
		t.Run(fmt.Sprintf("taken over: %v", taken), func(t *testing.T) {
			w := newWorld(t, 1, 2, simlun.Quirks{})
			w.start("A")
			w.drop(0, "A", 1)
			if taken {
				w.before("A", 0, sends(scsi.OutRegisterAndMove), func() { w.must(w.takesOver("B", "A")) })
			}
			r := w.run("A")
			w.wrap = nil
			paths, err := r.Readmit(context.Background())
			switch {
			case !taken && (err != nil || len(paths) != 1):
				t.Errorf("%v, %v", paths, err)
			case taken && (err == nil || w.canWrite("A", 0)):
				t.Errorf("%v; %+v", err, w.status(0))
			}
			if taken {
				w.wantOwned(keyB)
			} else {
				w.wantOwned(keyA)
			}
		})
	}
}

// A port of the victim has this node's key, or a third one's.
func TestFenceStrayPort(t *testing.T) {
	for _, third := range []bool{false, true} {
		t.Run(fmt.Sprintf("a third node's key: %v", third), func(t *testing.T) {
			w := sharedWorld(t, 2, 2, simlun.Quirks{}, "A", "B", "C")
			key := keyA
			if third {
				key = keyC
			}
			w.put2path(1, "B", 1, key)
			err := w.fence("A", "B")
			var stray *StrayPortError
			if third {
				if !errors.As(err, &stray) || stray.Node != "C" || stray.Victim != "B" {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || w.canWrite("B", 1) || w.canWrite("B", 0) {
				t.Errorf("%v; %+v", err, w.status(1))
			}
			w.wantShared("A", "C")
		})
	}
}

// The last look asks for more than keys: a LUN that somebody has cleared
// meanwhile is not fenced, and not started.
func TestLastLook(t *testing.T) {
	for name, verb := range map[string]func(*world, *Run) error{
		"fence": func(w *world, r *Run) error { return r.Fence(context.Background(), w.members[1]) },
		"start": func(_ *world, r *Run) error { return r.Start(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A", "B")
			reads := 0
			w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
				return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
					reply, err := t.Do(ctx, req)
					if l == 1 && req.Opcode() == scsi.OpPRIn && scsi.InAction(req.CDB[1]&0x1f) == scsi.InReadFullStatus {
						if reads++; reads == 2 {
							// Between the end of the work on this LUN and the last look.
							u := w.unit(1, "C", 0)
							w.must(u.RegisterAndIgnore(context.Background(), keyC, false))
							w.must(u.Clear(context.Background(), keyC))
						}
					}
					return reply, err
				})
			}
			r := w.run("A")
			r.Parallel = 1
			w.wrap = nil
			err := verb(w, r)
			if st := w.status(1); err == nil && (st.Holder != keyA || st.Type != unit.ReservationType) {
				t.Errorf("ok, and LUN 1 has %+v", st)
			}
		})
	}
}

// A CLEAR that was given up is performed after the next start of the same node.
func TestLateClear(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("A")
	w.faults(0, "prout.clear@1:late=8")
	herr := w.run("A").Halt(context.Background())
	w.faults(0, "")
	if err := w.run("A").Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		w.status(0)
		_, _ = w.unit(0, "C", 0).State(context.Background())
	}
	if st := w.status(0); st.Holder != keyA {
		t.Errorf("halt %v; then %+v", herr, st)
	}
}

// The path that holds dies after it was marked leaving.
func TestHaltHolderDies(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "A", "B")
	w.before("A", 0, sends(scsi.OutPreemptAndAbort), func() { w.cut(0, "A", 0) })
	r := w.run("A")
	w.wrap = nil
	if err := r.Halt(context.Background()); err != nil {
		t.Error(err)
	}
	w.wantShared("B")
	if n := w.sent[0].Load(); n > 60 {
		t.Errorf("%d commands", n)
	}
}

// Taking a reservation of all registrants over removes this node's other paths:
// they are registered again.
func TestTakeAllRegistrants(t *testing.T) {
	for _, typ := range []pr.Type{pr.WriteExclusiveAllRegistrants, pr.ExclusiveAccessAllRegistrants} {
		w := newWorld(t, 1, 3, simlun.Quirks{})
		w.put(0, "B", 0, keyB, typ)
		for p := range 3 {
			w.put2path(0, "A", p, keyA)
		}
		r := w.run("A")
		r.Strict = true
		w.must(r.Start(context.Background()))
		w.wantOwned(keyA)
	}
}

// Of two starts that both find the LUN free the second does not take it from the
// first.
func TestStartFindsItTaken(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.before("A", 0, sends(scsi.OutReserve), func() { w.must(w.takesOver("B", "A")) })
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) || lost.Node != "B" {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// Two survivors that fence each other on several LUNs: one wins all of them.
func TestFenceDuel(t *testing.T) {
	for seed := range uint64(300) {
		w := sharedWorld(t, 3, 1, simlun.Quirks{}, "A", "B")
		errs := race(w, seed, map[string]func(*Run, context.Context) error{
			"A": func(r *Run, ctx context.Context) error { return r.Fence(ctx, w.members[1]) },
			"B": func(r *Run, ctx context.Context) error { return r.Fence(ctx, w.members[0]) },
		})
		if (errs["A"] == nil) == (errs["B"] == nil) {
			t.Fatalf("seed %d: %v", seed, errs)
		}
		winner, loser := "A", "B"
		if errs["A"] != nil {
			winner, loser = "B", "A"
		}
		for i := range w.luns {
			if !w.canWrite(winner, i) || w.canWrite(loser, i) {
				t.Fatalf("seed %d: LUN %d has %+v", seed, i, w.status(i))
			}
		}
	}
}

// Fail-back with a unit attention on each path costs two commands a path and a
// few more, and works with many paths.
func TestFailBack(t *testing.T) {
	for _, paths := range []int{2, 64, 128} {
		w := newWorld(t, 1, paths, simlun.Quirks{})
		w.start("A")
		w.start("B")
		w.sent[0].Store(0)
		w.start("A")
		w.wantOwned(keyA)
		if n, most := w.sent[0].Load(), int64(2*paths+12); n > most {
			t.Errorf("%d paths: %d commands, at most %d expected", paths, n, most)
		}
	}
}

// Strict wants each path registered: one that refuses is not taken for one that
// the device registers with the others.
func TestStrictRefusedPath(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	nexus := simlun.MakeNexus(port("A", 1), 2).String()
	w.faults(0, "prout.register%"+nexus+"@every:conflict")
	r := w.run("A")
	r.Strict = true
	if err := r.Start(context.Background()); !errors.Is(err, ErrPathLost) {
		t.Errorf("%v; %+v", err, w.status(0))
	}
}

// A device that is busy for long does not get a decision that has grown old: it is read
// and decided anew, for about as long as an array's controller takes to fail over.
func TestBusyDecision(t *testing.T) {
	t.Run("36 s", func(t *testing.T) { busyFor(t, 36*time.Second, nil) })
	t.Run("an hour", func(t *testing.T) { busyFor(t, time.Hour, pr.ErrBusy) })
}

func busyFor(t *testing.T, long time.Duration, want error) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, simlun.Quirks{})
		begin := time.Now()
		var late time.Duration
		w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
			var decided time.Time
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				if req.Opcode() != scsi.OpPROut {
					decided = time.Now()
					return t.Do(ctx, req)
				}
				late = max(late, time.Since(decided))
				if time.Since(begin) < long {
					return scsi.Reply{Status: scsi.Busy}, nil
				}
				return t.Do(ctx, req)
			})
		}
		r := w.run("A")
		w.wrap = nil
		r.Now = func() time.Duration { return time.Since(begin) }
		for _, l := range r.LUNs {
			for i, p := range l.Paths {
				l.Paths[i] = scsi.NewUnit(p.Name(), &scsi.Retry{Transport: p.(*scsi.Unit).Transport().(*scsi.Retry).Transport}).WithIdentity(p.Identity)
			}
		}
		err := r.Start(context.Background())
		if late > unit.MaxAge {
			t.Errorf("sent %v after it was decided", late)
		}
		if !errors.Is(err, want) || time.Since(begin) > long+2*time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if want == nil {
			w.wantOwned(keyA)
		}
	})
}

// The end of a readmission's REGISTER is not known, or it is refused: it does not
// say ok.
func TestReadmitRefused(t *testing.T) {
	for _, fault := range []string{"after:host=3", "host=3", "sense=4/44/00", "conflict"} {
		w := newWorld(t, 1, 2, simlun.Quirks{NoRegisterMove: true})
		w.mode = Shared
		w.start("A")
		w.drop(0, "A", 1)
		nexus := simlun.MakeNexus(port("A", 1), 2).String()
		w.faults(0, "prout.register%"+nexus+"@every:"+fault)
		paths, err := w.run("A").Readmit(context.Background())
		registered := w.status(0).Keys
		if err == nil && len(registered) != 2 {
			t.Errorf("%s: %v registered, it said ok; %v", fault, paths, registered)
		}
	}
}

// A fence that has nothing to do is done, whoever asks for it.
func TestFenceNothingToDo(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A")
	if err := w.fence("C", "B"); err != nil {
		t.Error(err)
	}
	if err := w.fence("C", "A"); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("%v", err)
	}
	w.release(0, "A")
	if err := w.fence("C", "B"); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("an unreserved LUN: %v", err)
	}
}

// Two copies at once: neither takes off what the other has said is there.
func TestCopiesAtOnce(t *testing.T) {
	for seed := range uint64(200) {
		w := extended(t, 2, 1, simlun.Quirks{}, "A", "B")
		copy := func(r *Run, ctx context.Context) error { _, err := r.Copy(ctx); return err }
		errs := race(w, seed, map[string]func(*Run, context.Context) error{"A": copy, "B": copy})
		if st := w.status(1); (errs["A"] == nil || errs["B"] == nil) && (len(st.Keys) != 2 || st.Type != unit.ReservationType) {
			t.Fatalf("seed %d: %v, LUN 1 has %+v", seed, errs, st)
		}
	}
}
