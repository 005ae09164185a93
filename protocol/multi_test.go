package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi/simlun"
)

// sharedWorld has a package that several nodes share, up on some.
func sharedWorld(t testing.TB, luns, paths int, quirks simlun.Quirks, up ...string) *world {
	t.Helper()
	w := newWorld(t, luns, paths, quirks)
	w.share()
	for _, n := range up {
		w.start(n)
	}
	return w
}

// wantShared fails the test unless the nodes, the first of which holds, are
// registered on every path of every LUN, and nobody else is.
func (w *world) wantShared(nodes ...string) {
	w.t.Helper()
	var want status
	for i, n := range nodes {
		if i == 0 {
			want.Holder, want.Type = keyOf(n), unit.ReservationType
		}
		want.Keys = append(want.Keys, slices.Repeat([]pr.Key{keyOf(n)}, w.paths)...)
	}
	slices.Sort(want.Keys)
	for i := range w.luns {
		if diff := cmp.Diff(want, w.status(i)); diff != "" {
			w.t.Errorf("LUN %d (-want +got):\n%s", i, diff)
		}
	}
}

func (w *world) halt(node string) {
	w.t.Helper()
	if err := w.run(node).Halt(context.Background()); err != nil {
		w.t.Fatalf("halt on %s: %v", node, err)
	}
}

// fence has a node fence another.
func (w *world) fence(node, victim string) error {
	n, err := w.node(victim)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.run(node).Fence(context.Background(), n)
}

// changes counts the commands of the log that changed a LUN.
func (w *world) changes(lun string) []Action {
	var list []Action
	for _, e := range w.log {
		if e.LUN == lun && e.Change() {
			list = append(list, e.Action)
		}
	}
	return list
}

// A whole life on devices of all kinds.
func TestMultiLife(t *testing.T) {
	for _, text := range []string{
		"", "NoFullStatus", "NoRegIgnore", "NoCapabilities", "NoAPTPL", "OldSense,NoCapabilities,NoFullStatus,NoRegIgnore", "ShortFullStatus",
		"MinAlloc8", "PreemptUA2A03", "UAInverted", "NoUnregGenBump", "DoubleGenBump", "FirstCmdUA=29/00", "FirstCmdUA=2a/05", "FirstCmdUA=3f/0e",
		"DIDNexus", "Busy=3", "AllTgPtImplicit", "OnlyTypes=5", "NoSpecIPT,NoAllTgPt", "SpecIPTKnownOnly",
	} {
		q, err := simlun.ParseQuirks(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, paths := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s %d paths", text, paths), func(t *testing.T) {
				w := sharedWorld(t, 2, paths, q, "A", "B", "C")
				protected := func(up ...string) {
					t.Helper()
					for i := range w.luns {
						for _, n := range []string{"A", "B", "C"} {
							if got, want := w.canWrite(n, i), slices.Contains(up, n); got != want {
								t.Errorf("LUN %d: %s can write: %v, should be %v: %+v", i, n, got, want, w.status(i))
							}
						}
					}
				}
				protected("A", "B", "C")
				if err := w.fence("C", "B"); err != nil {
					t.Fatal(err)
				}
				protected("A", "C")
				w.start("B")
				protected("A", "B", "C")
				w.halt("A")
				if w.logged(Unmoved) {
					if !q.NoFullStatus {
						t.Error("the reservation was not moved")
					}
					w.start("B")
				}
				protected("B", "C")
				w.halt("C")
				if w.status(0).Holder == 0 {
					w.start("B")
				}
				protected("B")
				w.halt("B")
				w.wantEmpty()
				w.halt("B")
			})
		}
	}
}

// Handing over costs two changes a LUN and one for all further paths; the
// last one out as many.
func TestHandOverCost(t *testing.T) {
	for _, paths := range []int{1, 2, 4} {
		for name, c := range map[string]struct {
			up   []string
			want []Action
		}{
			"handing over": {[]string{"A", "B"}, []Action{Marked, Preempted, Moved}},
			"not holding":  {[]string{"B", "A"}, []Action{Marked, Preempted, Unregistered}},
			"last one out": {[]string{"A"}, []Action{Marked, Preempted, Unregistered}},
		} {
			t.Run(fmt.Sprintf("%s, %d paths", name, paths), func(t *testing.T) {
				w := sharedWorld(t, 2, paths, simlun.Quirks{}, c.up...)
				w.log = nil
				w.halt("A")
				if want := slices.DeleteFunc(slices.Clone(c.want), func(a Action) bool { return paths == 1 && a == Preempted }); !slices.Equal(w.changes("sda"), want) {
					t.Errorf("%v, %v expected", w.changes("sda"), want)
				}
				if len(c.up) > 1 {
					w.wantShared("B")
				} else {
					w.wantEmpty()
				}
			})
		}
	}
}

// A fence costs nine commands if nobody is leaving, of which the last one asks for the
// keys alone; twelve on the arbiter of several LUNs, which is looked at for the others and
// read once more at the end.
func TestFenceCost(t *testing.T) {
	for _, luns := range []int{1, 3} {
		for _, up := range [][]string{{"A", "B", "C"}, {"B", "A", "C"}, {"A", "C"}} {
			w := sharedWorld(t, luns, 2, simlun.Quirks{}, up...)
			before := w.sent[0].Load()
			if err := w.fence("A", "B"); err != nil {
				t.Fatal(err)
			}
			if n := w.sent[0].Load() - before; n > map[int]int64{1: 9, 3: 12}[luns] {
				t.Errorf("%d LUNs, %v up: %d commands", luns, up, n)
			}
			w.wantShared("A", "C")
		}
	}
}

// What a halt that was killed has left is put right by any halt or start.
func TestMultiLeftovers(t *testing.T) {
	marked := Leaving(keyC)
	w5 := unit.ReservationType
	cases := map[string]struct {
		prepare func(*world)
		node    string
		do      func(*Run, context.Context) error
		want    []string // up, the holder first
	}{
		"start, leaving node holds":     {func(w *world) { w.put(0, "C", 0, marked, w5) }, "A", (*Run).start, []string{"A"}},
		"start, own mark":               {func(w *world) { w.put(0, "A", 0, Leaving(keyA), w5); w.put(0, "A", 1, keyA, 0) }, "A", (*Run).start, []string{"A"}},
		"start, own mark on a dead one": {func(w *world) { w.put(0, "A", 7, Leaving(keyA), w5) }, "A", (*Run).start, []string{"A"}},
		"start, own wrong type":         {func(w *world) { w.put(0, "A", 1, keyA, pr.WriteExclusive) }, "A", (*Run).start, []string{"A"}},
		"start, orphan":                 {func(w *world) { w.start("B"); w.release(0, "B") }, "A", (*Run).start, []string{"A", "B"}},
		"halt, leaving node holds":      {func(w *world) { w.put(0, "C", 0, marked, w5); w.put(0, "A", 0, keyA, 0) }, "A", (*Run).Halt, nil},
		"halt, leaving node holds, another is up": {func(w *world) {
			w.start("B")
			w.put(0, "A", 0, keyA, 0)
			w.put(0, "B", 1, keyB, 0)
		}, "A", (*Run).Halt, []string{"B"}},
		"halt, half done":           {func(w *world) { w.start("A"); w.start("B"); w.put(0, "A", 0, Leaving(keyA), 0) }, "A", (*Run).Halt, []string{"B"}},
		"halt, half done elsewhere": {func(w *world) { w.start("A"); w.start("B"); w.put(0, "A", 1, Leaving(keyA), 0) }, "A", (*Run).Halt, []string{"B"}},
		"halt, one path only":       {func(w *world) { w.put(0, "A", 1, keyA, w5) }, "A", (*Run).Halt, nil},
		"halt, nothing there":       {func(*world) {}, "A", (*Run).Halt, nil},
		"halt, holder is a nexus of the past": {func(w *world) {
			w.put(0, "A", 7, keyA, w5)
			w.put(0, "A", 0, keyA, 0)
			w.start("B")
		}, "A", (*Run).Halt, []string{"B"}},
		"halt, beside a nexus of the past": {func(w *world) {
			w.start("B")
			w.put(0, "A", 7, keyA, 0)
			w.put(0, "A", 1, keyA, 0)
		}, "A", (*Run).Halt, []string{"B"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := sharedWorld(t, 1, 2, simlun.Quirks{})
			c.prepare(w)
			if err := c.do(w.run(c.node), context.Background()); err != nil {
				t.Fatal(err)
			}
			w.wantShared(c.want...)
		})
	}
}

// start is Start with the parameters in the order of the tables here.
func (r *Run) start(ctx context.Context) error { return r.Start(ctx) }

// Registrations of this node that no path of it has, and nothing else: no
// path can remove them, and that is said.
func TestMultiHaltStaleNexus(t *testing.T) {
	for _, key := range []pr.Key{keyA, Leaving(keyA)} {
		w := sharedWorld(t, 1, 2, simlun.Quirks{})
		w.put(0, "A", 7, key, unit.ReservationType)
		r := w.run("A") // logs in
		before := w.prints()
		if err := r.Halt(context.Background()); !errors.Is(err, ErrStaleNexus) {
			t.Errorf("%v: error %v, ErrStaleNexus expected", key, err)
		}
		if diff := cmp.Diff(before, w.prints()); diff != "" {
			t.Errorf("%v: the LUN was changed", key)
		}
	}
}

// Paths that die between start and halt do not keep a registration.
func TestMultiDeadPaths(t *testing.T) {
	for _, up := range [][]string{{"A", "B"}, {"B", "A"}, {"A"}} {
		for dead := range 2 {
			t.Run(fmt.Sprintf("%v up, path %d", up, dead), func(t *testing.T) {
				w := sharedWorld(t, 2, 2, simlun.Quirks{}, up...)
				for i := range w.luns {
					w.luns[i].With(func(m *simlun.Machine) { m.FailPath(w.transport2("A", i, dead), true) })
				}
				w.halt("A")
				if !w.logged(PathFailed) && dead == 0 {
					t.Error("no warning of the dead path")
				}
				if len(up) > 1 {
					w.wantShared("B")
				} else {
					w.wantEmpty()
				}
			})
		}
	}
	t.Run("fence", func(t *testing.T) {
		w := sharedWorld(t, 2, 2, simlun.Quirks{}, "A", "B")
		w.luns[1].With(func(m *simlun.Machine) { m.FailPath(w.transport2("A", 1, 0), true) })
		if err := w.fence("A", "B"); err != nil {
			t.Fatal(err)
		}
		w.wantShared("A")
	})
	t.Run("all", func(t *testing.T) {
		w := sharedWorld(t, 1, 2, simlun.Quirks{}, "A", "B")
		for p := range 2 {
			w.luns[0].With(func(m *simlun.Machine) { m.FailPath(w.transport2("A", 0, p), true) })
		}
		before := w.prints()
		for name, err := range map[string]error{"halt": w.run("A").Halt(context.Background()), "fence": w.fence("A", "B"), "start": w.run("A").Start(context.Background())} {
			var lun *LUNError
			if !errors.As(err, &lun) || !errors.Is(err, pr.ErrTransport) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(before, w.prints()); diff != "" {
			t.Error("the LUN was changed")
		}
	})
}

// A device that cannot move the reservation is left without, and that is said
// with the names of those who must mend it.
func TestUnmoved(t *testing.T) {
	for name, q := range map[string]simlun.Quirks{"no such command": {NoRegisterMove: true}, "no names": {NoFullStatus: true}} {
		for _, paths := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d paths", name, paths), func(t *testing.T) {
				w := sharedWorld(t, 1, paths, q, "A", "B", "C")
				w.halt("A")
				var got []Event
				for _, e := range w.log {
					if e.Action == Unmoved {
						got = append(got, e)
					}
				}
				if len(got) != 1 || !slices.Equal(got[0].Heirs, []pr.Key{keyB, keyC}) || got[0].LUN != "sda" {
					t.Fatalf("%+v", got)
				}
				if st := w.status(0); st.Holder != 0 || slices.Contains(st.Keys, keyA) || !slices.Contains(st.Keys, keyB) {
					t.Errorf("%+v", st)
				}
				w.start("B")
				w.wantShared("B", "C")
			})
		}
	}
}

// A foreign key anywhere: nothing is changed anywhere.
func TestMultiForeignKey(t *testing.T) {
	for name, do := range map[string]func(*world) error{
		"start": func(w *world) error { return w.run("C").Start(context.Background()) },
		"halt":  func(w *world) error { return w.run("A").Halt(context.Background()) },
		"fence": func(w *world) error { return w.fence("A", "B") },
	} {
		w := sharedWorld(t, 3, 1, simlun.Quirks{}, "A", "B")
		w.put(1, "X", 0, foreign, 0)
		w.run("C") // logs in
		before := w.prints()
		var fk *ForeignKeyError
		if err := do(w); !errors.As(err, &fk) || fk.LUN != "sdb" {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, w.prints()); diff != "" {
			t.Errorf("%s: a LUN was changed", name)
		}
	}
}

// Who stays keeps registrations and reservation through power loss, whoever
// halts or is fenced.
func TestMultiPersistence(t *testing.T) {
	for _, up := range [][]string{{"A", "B", "C"}, {"B", "A", "C"}} {
		w := sharedWorld(t, 1, 2, simlun.Quirks{}, up...)
		w.halt("A")
		if err := w.fence("B", "C"); err != nil {
			t.Fatal(err)
		}
		w.luns[0].With(func(m *simlun.Machine) { m.PowerCycle() })
		w.wantShared("B")
	}
}

func TestFence(t *testing.T) {
	t.Run("not registered", func(t *testing.T) {
		w := sharedWorld(t, 2, 1, simlun.Quirks{}, "B")
		w.put(0, "A", 0, keyA, 0)
		w.put(1, "C", 0, keyC, 0)
		w.run("A")
		before := w.prints()
		if err := w.fence("A", "C"); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("error %v, ErrNotRegistered expected", err)
		}
		if diff := cmp.Diff(before, w.prints()); diff != "" {
			t.Error("a LUN was changed")
		}
	})
	t.Run("not registered, and nothing is to be done", func(t *testing.T) {
		w := sharedWorld(t, 2, 1, simlun.Quirks{}, "B")
		w.run("A")
		before := w.prints()
		if err := w.fence("A", "C"); err != nil {
			t.Errorf("the node is out, and the LUNs are reserved: %v", err)
		}
		if diff := cmp.Diff(before, w.prints()); diff != "" {
			t.Error("a LUN was changed")
		}
	})
	t.Run("registered by a nexus of the past", func(t *testing.T) {
		w := sharedWorld(t, 1, 2, simlun.Quirks{}, "B")
		w.put(0, "A", 7, keyA, 0)
		if err := w.fence("A", "B"); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("error %v, ErrNotRegistered expected", err)
		}
	})
	t.Run("first path is not registered", func(t *testing.T) {
		w := sharedWorld(t, 1, 2, simlun.Quirks{}, "B")
		w.put(0, "A", 1, keyA, 0)
		if err := w.fence("A", "B"); err != nil {
			t.Fatal(err)
		}
		if st := w.status(0); !slices.Equal(st.Keys, []pr.Key{keyA}) || st.Holder != keyA {
			t.Errorf("%+v", st)
		}
	})
	t.Run("marked, and others that leave", func(t *testing.T) {
		w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A")
		for i := range w.luns {
			w.put(i, "B", 0, Leaving(keyB), 0)
			w.put(i, "C", 0, Leaving(keyC), 0)
		}
		if err := w.fence("A", "B"); err != nil {
			t.Fatal(err)
		}
		w.wantShared("A")
	})
	t.Run("nobody holds", func(t *testing.T) {
		w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A", "B")
		w.release(0, "A")
		if err := w.fence("A", "B"); err != nil {
			t.Fatal(err)
		}
		w.wantShared("A")
	})
	t.Run("nothing of it is there", func(t *testing.T) {
		w := sharedWorld(t, 2, 2, simlun.Quirks{}, "A", "C")
		before := w.prints()
		if err := w.fence("A", "B"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, w.prints()); diff != "" {
			t.Error("a LUN was changed")
		}
	})
}

// A device that cuts the longer list hides the victim, which can write: that is not done.
func TestFenceHidden(t *testing.T) {
	for _, luns := range []int{1, 2} {
		w := sharedWorld(t, luns, 1, simlun.Quirks{}, "A", "B")
		w.faults(0, "prin.full@every:cut=1")
		if err := w.fence("A", "B"); !errors.Is(err, ErrTwoAnswers) {
			t.Errorf("%d LUNs: %v", luns, err)
		}
		for _, got := range w.run("A").ShowSure(t.Context()) {
			if bad := got.LUN == "sda"; errors.Is(got.Err, ErrTwoAnswers) != bad || (got.State == nil) != bad {
				t.Errorf("%d LUNs: %+v", luns, got)
			}
		}
	}
}
