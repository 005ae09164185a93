package protocol

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// aPast is the index of a path that a node had before it logged in anew: to the
// same port of the device as its path 0, by another initiator port.
const aPast = 8

// pastPut registers a nexus of a node's past, and reserves if typ is not 0.
func (w *world) pastPut(lun int, node string, typ pr.Type) {
	w.t.Helper()
	u := w.plainPath(lun, node, aPast)
	w.must(u.RegisterAndIgnore(context.Background(), keyOf(node), true))
	if typ != 0 {
		w.must(u.Reserve(context.Background(), keyOf(node), typ))
	}
}

// hasPast reports whether the nexus of the past is registered.
func (w *world) hasPast(lun int, node string) bool {
	w.t.Helper()
	s, err := w.unit(lun, "C", 0).State(context.Background())
	w.must(err)
	return slices.ContainsFunc(s.Registrations, func(r pr.Registration) bool { return port(node, aPast).Same(r.Initiator) })
}

// A node that comes back under another initiator port registers it and takes
// its old one off, which held the reservation; no instant is unreserved (the
// explorer looks at that). Where it may be up already on other paths nothing is
// removed under it.
func TestStartAfterRelogin(t *testing.T) {
	for name, c := range map[string]struct {
		typ     Mode
		paths   int
		prepare func(*world)
		// left says that the past is still registered afterwards.
		left bool
		want status
	}{
		"failover, one path": {Exclusive, 1, func(w *world) { w.pastPut(0, "A", unit.ReservationType) }, false,
			status{[]pr.Key{keyA}, keyA, unit.ReservationType}},
		"failover, two paths": {Exclusive, 2, func(w *world) { w.pastPut(0, "A", unit.ReservationType) }, false,
			status{[]pr.Key{keyA, keyA}, keyA, unit.ReservationType}},
		"failover, not held": {Exclusive, 2, func(w *world) { w.pastPut(0, "A", 0) }, false,
			status{[]pr.Key{keyA, keyA}, keyA, unit.ReservationType}},
		"failover, taken from another": {Exclusive, 2, func(w *world) { w.start("B"); w.pastPut(0, "A", 0) }, false,
			status{[]pr.Key{keyA, keyA}, keyA, unit.ReservationType}},
		"failover, of another type": {Exclusive, 2, func(w *world) { w.pastPut(0, "A", pr.WriteExclusive) }, false,
			status{[]pr.Key{keyA, keyA}, keyA, unit.ReservationType}},
		"failover, up": {Exclusive, 2, func(w *world) { w.start("A"); w.pastPut(0, "A", 0) }, true,
			status{[]pr.Key{keyA, keyA, keyA}, keyA, unit.ReservationType}},
		"failover, up on one path": {Exclusive, 1, func(w *world) { w.start("A"); w.pastPut(0, "A", 0) }, true,
			status{[]pr.Key{keyA, keyA}, keyA, unit.ReservationType}},
		"multi-node, holds": {Shared, 2, func(w *world) { w.pastPut(0, "A", unit.ReservationType) }, false,
			status{[]pr.Key{keyA, keyA}, keyA, unit.ReservationType}},
		"multi-node, beside another": {Shared, 1, func(w *world) { w.pastPut(0, "A", unit.ReservationType); w.start("B") }, false,
			status{[]pr.Key{keyA, keyB}, keyA, unit.ReservationType}},
		"multi-node, holds, up": {Shared, 2, func(w *world) { w.start("A"); w.pastPut(0, "A", 0) }, true,
			status{[]pr.Key{keyA, keyA, keyA}, keyA, unit.ReservationType}},
		"multi-node, another holds": {Shared, 1, func(w *world) { w.start("B"); w.pastPut(0, "A", 0) }, true,
			status{[]pr.Key{keyA, keyA, keyB}, keyB, unit.ReservationType}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, c.paths, simlun.Quirks{})
			w.mode = c.typ
			c.prepare(w)
			w.start("A")
			if diff := cmp.Diff(c.want, w.status(0)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := w.hasPast(0, "A"); got != c.left || w.logged(PastLeft) != c.left {
				t.Errorf("registered: %v, warned of: %v, want %v", got, w.logged(PastLeft), c.left)
			}
			w.must(w.run("A").Halt(context.Background()))
			if slices.Contains(w.status(0).Keys, keyA) {
				t.Errorf("after the halt: %+v", w.status(0))
			}
		})
	}
}

// A path that cannot be opened is told of, and its registration is not taken for
// one of the past: a start leaves it.
func TestUnopenedPath(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("A")
	shut := func() *Run {
		run := w.run("A")
		lun := run.LUNs[0]
		p := lun.Paths[1]
		lun.Paths, lun.Unopened = lun.Paths[:1], []UnopenedPath{{Name: p.Name(), Identity: p.Identity(), Err: pr.ErrTransport}}
		return run
	}
	rep := shut().Check(context.Background())[0]
	if len(rep.Findings) != 1 || rep.Findings[0].Kind != DeadPath || rep.Findings[0].Path != "sda1" || rep.Paths != 2 || rep.Working != 1 {
		t.Errorf("%+v", rep)
	}
	w.must(shut().Start(context.Background()))
	if diff := cmp.Diff(status{[]pr.Key{keyA, keyA}, keyA, unit.ReservationType}, w.status(0)); diff != "" || w.logged(PastLeft) {
		t.Errorf("warned of: %v (-want +got):\n%s", w.logged(PastLeft), diff)
	}
}

// A device may refuse to remove a nexus of the past: the start has what it needs
// nevertheless, and says what is left.
func TestPastThatStays(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.pastPut(0, "A", unit.ReservationType)
	w.faults(0, "prout.preempt-abort@1:conflict")
	w.start("A")
	if !w.hasPast(0, "A") || !w.logged(PastLeft) || w.status(0).Holder != keyA {
		t.Errorf("%+v, warned of: %v", w.status(0), w.logged(PastLeft))
	}
}

// As many registrations as paths are not enough: they must be those of the
// paths. A repair registers the one that is not.
func TestPastHidesMissingPath(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("A")
	w.drop(0, "A", 1)
	w.pastPut(0, "A", 0)
	look := func() map[FindingKind]string {
		found := map[FindingKind]string{}
		for _, f := range w.run("A").Check(context.Background())[0].Findings {
			found[f.Kind] = f.Path
		}
		return found
	}
	past := port("A", aPast).Canonical().String()
	if diff := cmp.Diff(map[FindingKind]string{PathsUnregistered: "sda1", StaleNexus: past}, look()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.must(w.run("A").Repair(context.Background()))
	if diff := cmp.Diff(map[FindingKind]string{StaleNexus: past}, look()); diff != "" {
		t.Errorf("after the repair (-want +got):\n%s", diff)
	}
	if got := w.status(0).Keys; len(got) != 3 {
		t.Errorf("keys %v", got)
	}
}

// A device that registers all of its ports for a host, or a path that is away at
// the moment, is nothing of the past.
func TestOtherPortsAreNoPast(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	u := scsi.NewUnit("away", &scsi.Retry{Transport: w.luns[0].Nexus(port("A", 0), 7), AfterStateChange: true, Sleep: noSleep})
	w.must(u.RegisterAndIgnore(context.Background(), keyA, true))
	w.start("A")
	if got := len(w.status(0).Keys); got != 3 || w.logged(PastLeft) {
		t.Errorf("%d registrations, warned of: %v", got, w.logged(PastLeft))
	}
	if found := w.run("A").Check(context.Background())[0].Findings; len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

// Where nothing is known of the nexuses only the numbers are compared, and
// nothing is removed.
func TestPastUnknown(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.pastPut(0, "A", unit.ReservationType)
	run := w.run("A")
	for _, l := range run.LUNs {
		for i, p := range l.Paths {
			l.Paths[i] = p.(*scsi.Unit).WithIdentity(func() pr.Identity { return pr.Identity{} })
		}
	}
	w.must(run.Start(context.Background()))
	if !w.hasPast(0, "A") || w.logged(PastLeft) {
		t.Error("nothing was known, but something was done or said")
	}
	found := run.Check(context.Background())[0].Findings
	if len(found) != 1 || found[0].Kind != StaleNexus || found[0].Path != "" {
		t.Errorf("%+v", found)
	}
}

// generation is a LUN's PRGENERATION.
func (w *world) generation(lun int) (g uint32) {
	w.luns[lun].With(func(m *simlun.Machine) { g = m.State().Generation })
	return g
}

// A path that does not work is warned of, or, if every path is wanted, it is an
// error: at the beginning before anything was changed, in the middle after all
// was undone.
func TestStrict(t *testing.T) {
	for _, typ := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 2, 2, simlun.Quirks{})
		w.mode = typ
		w.cut(1, "A", 1)
		run := w.run("A")
		run.Strict = true
		var e *LUNError
		if err := run.Start(context.Background()); !errors.As(err, &e) || e.LUN != "sdb" || !errors.Is(err, pr.ErrTransport) {
			t.Errorf("%v: %v", typ, err)
		}
		if g := w.generation(0) + w.generation(1); g != 0 {
			t.Errorf("%v: PRGENERATION %d: something was changed", typ, g)
		}
		w.start("A")
		if !w.logged(PathFailed) {
			t.Errorf("%v: no warning", typ)
		}
		w.must(w.run("A").Halt(context.Background()))
		w.wantEmpty()
	}
}

// The path dies after it has answered.
func TestStrictInTheMiddle(t *testing.T) {
	for _, typ := range []Mode{Exclusive, Shared} {
		for at := range 8 {
			w := newWorld(t, 1, 2, simlun.Quirks{})
			w.mode = typ
			run := w.run("A")
			run.Strict = true
			run.LUNs[0].Paths[1] = &dyingPath{Path: run.LUNs[0].Paths[1], after: at}
			err := run.Start(context.Background())
			switch st := w.status(0); {
			case err == nil:
				if diff := cmp.Diff(status{[]pr.Key{keyA, keyA}, keyA, unit.ReservationType}, st); diff != "" {
					t.Errorf("%v, path dead after %d: success, but (-want +got):\n%s", typ, at, diff)
				}
				if at < 2 {
					t.Errorf("%v, path dead after %d: success", typ, at)
				}
			case slices.Contains(st.Keys, keyA):
				t.Errorf("%v, path dead after %d: %v, but %+v", typ, at, err, st)
			}
		}
	}
}

// dyingPath answers some commands and none after that.
type dyingPath struct {
	pr.Path
	after int
}

func (p *dyingPath) alive() error {
	if p.after--; p.after < 0 {
		return &scsi.OpError{Op: "test", Device: p.Name(), Class: pr.ErrTransport}
	}
	return nil
}

func (p *dyingPath) State(ctx context.Context) (*pr.State, error) {
	if err := p.alive(); err != nil {
		return nil, err
	}
	return p.Path.State(ctx)
}

func (p *dyingPath) RegisterAndIgnore(ctx context.Context, key pr.Key, aptpl bool) error {
	if err := p.alive(); err != nil {
		return err
	}
	return p.Path.RegisterAndIgnore(ctx, key, aptpl)
}

func (p *dyingPath) Register(ctx context.Context, old, key pr.Key, aptpl bool) error {
	if err := p.alive(); err != nil {
		return err
	}
	return p.Path.Register(ctx, old, key, aptpl)
}

// A take-over whose command gets no answer says who holds the LUN, and that the
// command may still take it.
func TestTakingIsOpen(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("B")
	w.faults(0, "prout.preempt-abort@1:host=3 prout.preempt-abort@every:sense=4/44/00")
	if err := w.run("A").Start(context.Background()); err == nil {
		t.Fatal("it has succeeded")
	}
	w.faults(0, "")
	i := slices.IndexFunc(w.log, func(e Event) bool { return e.Action == TakingOpen })
	if i < 0 || w.log[i].Heir != keyB || w.logged(Kept) || w.status(0).Holder != keyB {
		t.Errorf("%+v, %+v", w.log, w.status(0))
	}
}
