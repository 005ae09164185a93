package protocol

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// The only path is lost with the answer of PREEMPT AND ABORT: both are said.
func TestDoubtBesideAnotherError(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.start("B")
	w.faults(0, "prout.preempt-abort@1:after:host=3")
	if err := w.run("A").Start(context.Background()); !errors.Is(err, ErrUnresolved) || !errors.Is(err, ErrNoPath) {
		t.Errorf("%v", err)
	}
}

// The PREEMPT AND ABORT of an earlier run is performed late: this one finds that it
// holds, by a command that nobody has the answer of.
func TestHoldsByLateCommand(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{NoReset: true})
	w.start("B")
	w.put2path(0, "A", 0, Taking(keyA))
	r := w.during("A", 0, registersKey(Taking(keyA)), func() {
		w.must(w.unit(0, "A", 0).PreemptAndAbort(context.Background(), Taking(keyA), keyB, unit.ReservationType))
	})
	if err := r.Start(context.Background()); !errors.Is(err, ErrUnresolved) {
		t.Errorf("%v; LUN 0 has %+v", err, w.status(0))
	}
}

// A reset that fails on one path, or is not answered there, is sent on another.
func TestResetOnAnotherPath(t *testing.T) {
	for _, fault := range []string{"sense=4/44/00", "host=3"} {
		w := newWorld(t, 1, 2, simlun.Quirks{})
		w.put2path(0, "A", 0, Taking(keyA))
		w.faults(0, "reset%"+simlun.MakeNexus(port("A", 0), 1).String()+"@every:"+fault)
		w.start("A")
		if st := w.status(0); st.Holder != keyA || slices.Contains(st.Keys, Taking(keyA)) {
			t.Errorf("%s: LUN 0 has %+v", fault, st)
		}
		resets := slices.DeleteFunc(w.changes("sda"), func(a Action) bool { return a != Reset })
		if len(resets) != 2 {
			t.Errorf("%s: %d resets", fault, len(resets))
		}
	}
}

// A mark beside another node's reservation says that nobody was removed yet: there is
// no doubt.
func TestMarkBesideHolder(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{NoReset: true})
	w.start("B")
	w.put2path(0, "A", 0, Taking(keyA))
	w.start("A")
	w.wantOwned(keyA)
}

// A RESERVE whose end is not known may still come: the registration stays, so that
// this node does not hold without one.
func TestReserveIsOpen(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.faults(0, "prout.reserve@1:aborted;prout.reserve@2:sense=5/26/00")
	if err := w.run("A").Start(context.Background()); err == nil {
		t.Error("it said ok")
	}
	if st := w.status(0); !slices.Equal(st.Keys, []pr.Key{keyA}) || !w.logged(TakingOpen) {
		t.Errorf("LUN 0 has %+v, said %v", st, w.logged(TakingOpen))
	}
}

// The path that acts is given up with the answer to its REGISTER, which shows: that
// it has gone by the next reading says that this node was removed.
func TestShownRegistrationGoes(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("B")
	lost := false
	w.wrap = func(n string, _, path int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			mark := n == "A" && registersKey(Taking(keyA))(req)
			if mark && path == 1 && lost {
				lost = false
				w.must(w.takesOver("B", ""))
			}
			reply, err := t.Do(ctx, req)
			if mark && path == 0 {
				lost = true
				return scsi.Reply{Host: scsi.HostError, Resid: len(req.Data)}, err
			}
			return reply, err
		})
	}
	r := w.run("A")
	w.wrap = nil
	var e *LostError
	if err := r.Start(context.Background()); !errors.As(err, &e) {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// A device that does not tell nexuses: fewer registrations than before say that this
// node was removed, though one is there.
func TestRemovedWithoutNexuses(t *testing.T) {
	w := sharedWorld(t, 1, 3, simlun.Quirks{NoFullStatus: true}, "B", "A")
	w.drop(0, "A", 2)
	r := w.during("A", 0, sends(scsi.OutRegister), func() { w.must(w.fence("B", "A")) })
	if _, err := r.Readmit(context.Background()); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	w.wantShared("B")
}

// One initiator port at two target ports is two nexuses, unless it is registered for
// all of them.
func TestSameNexus(t *testing.T) {
	a := pr.Registration{Initiator: port("A", 0), RelativePort: 1}
	b, all := a, a
	b.RelativePort = 2
	all.AllPorts = true
	if !a.SameNexus(a) || a.SameNexus(b) || !all.SameNexus(b) {
		t.Errorf("%v %v %v", a.SameNexus(a), a.SameNexus(b), all.SameNexus(b))
	}
}

// A stranger that holds, and is not listed as a registrant, is a stranger.
func TestForeignHolder(t *testing.T) {
	r := newWorld(t, 1, 1, simlun.Quirks{}).run("A")
	x := r.target(r.LUNs[0])
	x.State = &pr.State{Reservation: &pr.Reservation{Key: foreign, Type: unit.ReservationType}}
	if got := x.Foreign(); !slices.Equal(got, []pr.Key{foreign}) {
		t.Errorf("%v", got)
	}
}

// The paths of a slow device are not all registered by what was read before the
// first.
func TestSlowPathsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 6, simlun.Quirks{})
		begin := time.Now()
		var decided time.Time
		var late time.Duration
		w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				if req.Opcode() == scsi.OpPROut {
					late = max(late, time.Since(decided))
					time.Sleep(4 * time.Second)
				} else {
					decided = time.Now()
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
		w.must(r.Start(context.Background()))
		w.wantOwned(keyA)
		if late > unit.MaxAge {
			t.Errorf("sent %v after it was decided", late)
		}
	})
}

// The arbiter is the same on nodes that name the LUNs in another way.
func TestArbiterByWWID(t *testing.T) {
	first := &target{position: position{Unit: unit.Unit{Reading: unit.Reading{LUN: &LUN{Name: "sdb", WWID: "naa.1"}}}}}
	second := &target{position: position{Unit: unit.Unit{Reading: unit.Reading{LUN: &LUN{Name: "sda", WWID: "naa.2"}}}}}
	if byWWID(first, second) >= 0 || byWWID(second, first) <= 0 {
		t.Error("the name on the node decides")
	}
}
