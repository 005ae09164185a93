package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/nvme"
	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// kinds lists what a check found on each LUN, in the order of the LUNs' names.
func kinds(w *world, node string) map[string][]FindingKind {
	got := map[string][]FindingKind{}
	for _, rep := range w.run(node).Check(context.Background()) {
		for _, f := range rep.Findings {
			got[rep.LUN] = append(got[rep.LUN], f.Kind)
		}
	}
	return got
}

func TestCheck(t *testing.T) {
	start := func(w *world, nodes ...string) {
		for _, n := range nodes {
			w.start(n)
		}
	}
	cases := map[string]struct {
		typ     Mode
		prepare func(*world)
		want    map[string][]FindingKind
	}{
		"down":                     {Exclusive, func(*world) {}, nil},
		"up":                       {Exclusive, func(w *world) { start(w, "A") }, nil},
		"up elsewhere":             {Exclusive, func(w *world) { start(w, "B") }, nil},
		"shared":                   {Shared, func(w *world) { start(w, "A", "B", "C") }, nil},
		"a path without":           {Exclusive, func(w *world) { start(w, "A"); w.drop(0, "A", 1) }, map[string][]FindingKind{"sda": {PathsUnregistered}}},
		"a nexus of the past":      {Exclusive, func(w *world) { start(w, "A"); w.put2path(0, "A", 7, keyA) }, map[string][]FindingKind{"sda": {StaleNexus}}},
		"foreign key":              {Exclusive, func(w *world) { start(w, "A"); w.put2(0, "X", foreign) }, map[string][]FindingKind{"sda": {ForeignKeys}}},
		"one LUN each":             {Exclusive, func(w *world) { start(w, "A"); w.only2("B", "sdb") }, map[string][]FindingKind{"sda": {DifferentSets}, "sdb": {DifferentSets}}},
		"different sets":           {Shared, func(w *world) { start(w, "C"); w.only2("A", "sda"); w.only2("B", "sdb") }, map[string][]FindingKind{"sda": {DifferentSets}, "sdb": {DifferentSets}}},
		"keys on one LUN only":     {Shared, func(w *world) { start(w, "A"); w.only2("B", "sda") }, map[string][]FindingKind{"sdb": {KeysMissing}}},
		"two owners":               {Exclusive, func(w *world) { start(w, "A"); w.put2(0, "B", keyB) }, map[string][]FindingKind{"sda": {SeveralOwners}, "sdb": {KeysMissing}}},
		"no reservation":           {Shared, func(w *world) { start(w, "A"); w.release(0, "A") }, map[string][]FindingKind{"sda": {Unreserved}}},
		"wrong type":               {Exclusive, func(w *world) { w.put2path(0, "A", 1, keyA); w.put(0, "A", 0, keyA, pr.WriteExclusive) }, map[string][]FindingKind{"sda": {WrongType, NotKept}, "sdb": {KeysMissing}}},
		"halt was killed":          {Shared, func(w *world) { start(w, "A", "B"); w.put2(0, "B", Leaving(keyB)) }, map[string][]FindingKind{"sda": {LeavingKeys}}},
		"take-over was killed":     {Exclusive, func(w *world) { start(w, "A"); w.put2(0, "A", Taking(keyA)) }, map[string][]FindingKind{"sda": {TakingKeys}}},
		"fence was killed":         {Shared, func(w *world) { start(w, "A", "B"); w.put2(0, "B", Taking(keyB)); w.put2(1, "B", Taking(keyB)) }, map[string][]FindingKind{"sda": {TakingKeys}, "sdb": {TakingKeys}}},
		"not kept at power loss":   {Exclusive, func(w *world) { start(w, "A"); w.put(0, "A", 0, keyA, 0) }, map[string][]FindingKind{"sda": {NotKept}}},
		"another's key on a nexus": {Shared, func(w *world) { start(w, "A", "B"); w.put2(0, "B", keyA) }, map[string][]FindingKind{"sda": {StaleNexus, WrongKey}}},
		"dead path":                {Exclusive, func(w *world) { start(w, "A"); w.cut(0, "A", 0) }, map[string][]FindingKind{"sda": {DeadPath}}},
		"no path":                  {Exclusive, func(w *world) { start(w, "A"); w.cut(0, "A", 0); w.cut(0, "A", 1) }, map[string][]FindingKind{"sda": {Unreadable}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, 2, simlun.Quirks{})
			w.mode = c.typ
			c.prepare(w)
			if c.want == nil {
				c.want = map[string][]FindingKind{}
			}
			if diff := cmp.Diff(c.want, kinds(w, "A")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A path that leads to another LUN, or that answers what was once, contradicts the
// others, whichever is the first: then nobody knows. A change between the reading of
// one path and the next is no contradiction.
func TestCheckContradiction(t *testing.T) {
	for _, c := range []struct {
		name string
		// astray is the path that is answered by the LUN next to it, and how often.
		astray, times int
		want          []FindingKind
	}{
		{"the first path", 0, 9, []FindingKind{Contradiction}},
		{"the last path", 1, 9, []FindingKind{Contradiction}},
		{"once", 1, 1, nil},
		{"none", 0, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 2, 2, simlun.Quirks{})
			w.must(w.only("A", "sda").Start(context.Background()))
			left := c.times
			w.wrap = func(node string, lun, path int, straight scsi.Transport) scsi.Transport {
				if lun != 0 || path != c.astray {
					return straight
				}
				return astray{straight, w.transport(node, 1, path), &left}
			}
			rep := w.only("A", "sda").Check(context.Background())[0]
			var got []FindingKind
			for _, f := range rep.Findings {
				got = append(got, f.Kind)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if rep.Unknown() != (c.want != nil) {
				t.Errorf("state %v", rep.State)
			}
			if rep.Working != 2 {
				t.Errorf("%d paths answer", rep.Working)
			}
		})
	}
}

// astray is a path whose first answers to PERSISTENT RESERVE IN are another LUN's.
type astray struct {
	scsi.Transport
	other scsi.Transport
	left  *int
}

func (a astray) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	if req.Opcode() == scsi.OpPRIn && *a.left > 0 {
		*a.left--
		return a.other.Do(ctx, req)
	}
	return a.Transport.Do(ctx, req)
}

func (w *world) unit(lun int, node string, path int) *scsi.Unit {
	return scsi.NewUnit("direct", &scsi.Retry{Transport: w.transport(node, lun, path), AfterStateChange: true, Sleep: noSleep})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// put2path registers a key and keeps what the unit does with it at power loss.
func (w *world) put2path(lun int, node string, path int, key pr.Key) {
	w.t.Helper()
	w.must(w.unit(lun, node, path).RegisterAndIgnore(context.Background(), key, true))
}

// drop unregisters a path.
func (w *world) drop(lun int, node string, path int) {
	w.t.Helper()
	if len(w.spaces) > 0 {
		n, _ := w.node(node)
		w.must(w.plainPath(lun, node, path).Register(context.Background(), n.Key, 0, true))
		return
	}
	w.must(w.unit(lun, node, path).RegisterAndIgnore(context.Background(), 0, true))
}

// release gives the reservation up and keeps the registrations.
func (w *world) release(lun int, node string) {
	w.t.Helper()
	n, _ := w.node(node)
	if len(w.spaces) > 0 {
		release := nvme.Releasing{Action: nvme.Release, Current: n.Key, Type: nvme.TypeCode(unit.SharedType)}
		_, err := nvme.Exec(context.Background(), w.spaces[lun].Path(controller(node, 0)), release.Encode())
		w.must(err)
		return
	}
	w.must((&scsi.PROut{Action: scsi.OutRelease, Key: n.Key, Type: unit.ReservationType}).Execute(context.Background(), w.unit(lun, node, 0).Transport()))
}

func (w *world) cut(lun int, node string, path int) {
	w.luns[lun].With(func(m *simlun.Machine) { m.FailPath(w.transport2(node, lun, path), true) })
}

// only2 starts the package on a node for some LUNs only.
func (w *world) only2(node string, luns ...string) {
	w.t.Helper()
	w.must(w.only(node, luns...).Start(context.Background()))
}

func TestRepair(t *testing.T) {
	cases := map[string]struct {
		typ     Mode
		prepare func(*world)
	}{
		"nothing wrong":       {Shared, func(*world) {}},
		"path missing":        {Shared, func(w *world) { w.drop(0, "A", 1) }},
		"path missing, owner": {Exclusive, func(w *world) { w.drop(0, "A", 1) }},
		"LUN missing":         {Shared, func(w *world) { w.drop(0, "A", 1); w.drop(0, "A", 0) }},
		"reservation missing": {Shared, func(w *world) { w.release(0, "A") }},
		"all of it at once":   {Shared, func(w *world) { w.release(0, "A"); w.drop(0, "A", 0); w.drop(1, "A", 1) }},
		"on a device without details": {Shared, func(w *world) {
			w.drop(0, "A", 1)
			for _, l := range w.luns {
				l.With(func(m *simlun.Machine) { m.SetQuirks(simlun.Quirks{NoFullStatus: true}) })
			}
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, 2, simlun.Quirks{})
			w.mode = c.typ
			w.start("A")
			if c.typ == Shared {
				w.start("B")
			}
			c.prepare(w)
			if err := w.run("A").Repair(context.Background()); err != nil {
				t.Fatal(err)
			}
			for i := range w.luns {
				if st := w.status(i); st.Type != unit.ReservationType || len(slices.DeleteFunc(st.Keys, func(k pr.Key) bool { return k != keyA })) != 2 {
					t.Errorf("LUN %d: %+v", i, st)
				}
			}
			if got := kinds(w, "A"); len(got) > 0 {
				t.Errorf("after the repair: %v", got)
			}
		})
	}
}

// A node that was fenced, or has the package not up, does not let itself in.
func TestRepairOfTheFenced(t *testing.T) {
	w := newWorld(t, 2, 2, simlun.Quirks{}).multi()
	w.start("A")
	w.start("B")
	w.must(w.run("B").Fence(context.Background(), w.members[0]))
	if err := w.run("A").Repair(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range w.luns {
		if st := w.status(i); slices.Contains(st.Keys, keyA) {
			t.Errorf("LUN %d: %+v", i, st)
		}
	}
}

// Fenced on a LUN while it repairs that LUN, a node takes itself off again.
func TestRepairBesideFence(t *testing.T) {
	for n := 1; n < 40; n++ {
		t.Run(fmt.Sprint("before command ", n), func(t *testing.T) {
			w := newWorld(t, 1, 2, simlun.Quirks{}).multi()
			w.start("A")
			w.start("B")
			w.drop(0, "A", 0)
			sent, fenced := 0, false
			w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
				return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
					if sent++; sent == n {
						fenced = true
						w.wrap = nil
						w.must(w.run("B").Fence(ctx, w.members[0]))
					}
					return t.Do(ctx, req)
				})
			}
			err := w.run("A").Repair(context.Background())
			w.wrap = nil
			if fenced && slices.Contains(w.status(0).Keys, keyA) {
				t.Errorf("A is in again: %+v, error %v", w.status(0), err)
			}
			if !fenced && err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRepairForeignKey(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{}).multi()
	w.start("A")
	w.drop(0, "A", 0)
	w.put2(1, "X", foreign)
	r := w.run("A")
	before := w.prints()
	var fk *ForeignKeyError
	if err := r.Repair(context.Background()); !errors.As(err, &fk) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(before, w.prints()); diff != "" {
		t.Error("a LUN was changed")
	}
}
