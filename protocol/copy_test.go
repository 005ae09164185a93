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
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// multi makes the world's package a multi-node one.
func (w *world) multi() *world {
	w.mode = Shared
	return w
}

// only returns a run of the node with some of the LUNs.
func (w *world) only(node string, luns ...string) *Run {
	r := w.run(node)
	r.LUNs = slices.DeleteFunc(r.LUNs, func(l *LUN) bool { return !slices.Contains(luns, l.Name) })
	return r
}

// extended is a world in which the nodes have the package up on LUN 0 and the
// others are new, as after vgextend.
func extended(t *testing.T, luns, paths int, q simlun.Quirks, nodes ...string) *world {
	t.Helper()
	w := newWorld(t, luns, paths, q).multi()
	for _, n := range nodes {
		if err := w.only(n, "sda").Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		// Every host has its paths to every LUN, logged in.
		w.run(n)
	}
	for i := range w.sent {
		w.sent[i].Store(0)
	}
	return w
}

// wantAlike fails the test unless every LUN has the registrations of the
// first, and a reservation; with the same holder if that is asked for.
func (w *world) wantAlike(holder bool) {
	w.t.Helper()
	full := func(i int) []string {
		var s *pr.State
		w.luns[i].With(func(m *simlun.Machine) { s = m.State() })
		var list []string
		for _, r := range s.Registrations {
			list = append(list, fmt.Sprintf("%v %v/%d holder %v", r.Key, r.Initiator, r.RelativePort, r.Holder && holder))
		}
		slices.Sort(list)
		return list
	}
	for i := 1; i < len(w.luns); i++ {
		if st := w.status(i); st.Type != unit.ReservationType {
			w.t.Errorf("LUN %d: %+v", i, st)
		}
		if diff := cmp.Diff(full(0), full(i)); diff != "" {
			w.t.Errorf("LUN %d differs from the model (-model +copy):\n%s", i, diff)
		}
	}
}

// From one node, every node's registrations get to the new LUN, each nexus
// through its target port, and the same node holds the reservation.
func TestCopy(t *testing.T) {
	for _, paths := range []int{1, 2} {
		for _, runner := range []string{"A", "B", "C"} {
			for _, q := range []string{"", "SpecIPTKnownOnly", "FirstCmdUA=29/00", "NoUnregGenBump"} {
				t.Run(fmt.Sprintf("%d paths, on %s, %s", paths, runner, q), func(t *testing.T) {
					quirks, err := simlun.ParseQuirks(q)
					if err != nil {
						t.Fatal(err)
					}
					w := extended(t, 2, paths, quirks, "A", "B")
					got, err := w.run(runner).Copy(context.Background())
					if err != nil {
						t.Fatal(err)
					}
					want := []Copied{{LUN: "sdb", Keys: []pr.Key{keyA, keyB}, Holder: keyA}}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					w.wantAlike(true)
					if got, err := w.run(runner).Copy(context.Background()); err != nil || len(got) > 0 {
						t.Errorf("a second copy: %v, %v", got, err)
					}
				})
			}
		}
	}
}

// A copy costs two PR OUT for each other node, one for each path, and at most
// four more on the new LUN, beyond reading.
func TestCopyCommandCount(t *testing.T) {
	w := extended(t, 2, 1, simlun.Quirks{}, "A", "B", "C")
	outs := 0
	w.wrap = func(_ string, lun, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if req.Opcode() == scsi.OpPROut {
				if outs++; lun == 0 {
					w.t.Error("the model was changed")
				}
			}
			return t.Do(ctx, req)
		})
	}
	if _, err := w.run("B").Copy(context.Background()); err != nil {
		t.Fatal(err)
	}
	if want := 2*2 + 1 + 4; outs > want {
		t.Errorf("%d PERSISTENT RESERVE OUT, at most %d expected", outs, want)
	}
}

func TestCopyRefuses(t *testing.T) {
	cases := map[string]struct {
		prepare func(*world)
		want    func(error) bool
	}{
		"a foreign key": {
			func(w *world) { w.put(1, "X", 0, foreign, 0) },
			func(err error) bool { var e *ForeignKeyError; return errors.As(err, &e) && e.LUN == "sdb" },
		},
		"two key sets": {
			func(w *world) { w.put(1, "C", 0, keyC, unit.ReservationType) },
			func(err error) bool {
				var e *DisagreeError
				return errors.As(err, &e) && slices.Equal(e.Extra, []pr.Key{keyC}) && slices.Equal(e.Missing, []pr.Key{keyA, keyB})
			},
		},
		"a part of the keys, reserved": {
			func(w *world) { w.put(1, "A", 0, keyA, unit.ReservationType) },
			func(err error) bool {
				var e *DisagreeError
				return errors.As(err, &e) && slices.Equal(e.Missing, []pr.Key{keyB})
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := extended(t, 3, 1, simlun.Quirks{}, "A", "B")
			c.prepare(w)
			r := w.run("A")
			before := w.prints()
			if _, err := r.Copy(context.Background()); !c.want(err) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(before, w.prints()); diff != "" {
				t.Error("a LUN was changed")
			}
		})
	}
	w := newWorld(t, 2, 1, simlun.Quirks{}).multi()
	if _, err := w.run("A").Copy(context.Background()); !errors.Is(err, ErrNothingToCopy) {
		t.Errorf("error %v, ErrNothingToCopy expected", err)
	}
}

// Where the device cannot, each node does its own part and says who is left.
func TestCopyWithoutSpecIPT(t *testing.T) {
	for _, order := range [][]string{{"A", "B"}, {"B", "A"}} {
		for _, q := range []simlun.Quirks{{NoSpecIPT: true}, {NoSpecIPT: true, NoFullStatus: true}} {
			t.Run(fmt.Sprint(order, q), func(t *testing.T) {
				w := extended(t, 2, 1, q, "A", "B")
				var e *IncompleteError
				if _, err := w.run(order[0]).Copy(context.Background()); !errors.As(err, &e) || !slices.Equal(e.Nodes, order[1:]) {
					t.Fatalf("error %v, %v to do their part expected", err, order[1:])
				}
				if _, err := w.run(order[1]).Copy(context.Background()); err != nil {
					t.Fatal(err)
				}
				w.wantAlike(true)
			})
		}
	}
}

// Killed at any command, a copy is taken up again, by the same node or by
// another one.
func TestCopyKilled(t *testing.T) {
	protocol := func(r *Run, ctx context.Context) error {
		_, err := r.Copy(ctx)
		return err
	}
	for _, paths := range []int{1, 2} {
		for n := 1; ; n++ {
			w := extended(t, 2, paths, simlun.Quirks{}, "A", "B", "C")
			killed := killAt(w, "B", n, protocol)
			for _, next := range []string{"A", "B"} {
				c := w.copy()
				c.members = w.members
				before := c.status(1)
				_, err := c.run(next).Copy(context.Background())
				var incomplete *IncompleteError
				if next != "B" && errors.As(err, &incomplete) && slices.Equal(incomplete.Nodes, []string{"B"}) {
					// B's nexus has another's key: only B can mend that.
					if diff := cmp.Diff(before, c.status(1)); diff != "" {
						t.Errorf("a copy that cannot go on changed something (-want +got):\n%s", diff)
					}
					_, err = c.run("B").Copy(context.Background())
				}
				if err != nil {
					t.Errorf("%d paths, killed at %d, then on %s: %v", paths, n, next, err)
				}
				// Killed before it moved the reservation, it leaves it here: as good.
				c.wantAlike(false)
			}
			if t.Failed() {
				t.Fatalf("%d paths, killed at %d", paths, n)
			}
			if !killed {
				break
			}
		}
	}
}

// Who is fenced from the model while it is copied does not stay in the copy.
func TestCopyBesideFence(t *testing.T) {
	for n := 1; n < 30; n++ {
		w := extended(t, 2, 1, simlun.Quirks{}, "A", "B", "C")
		sent := 0
		w.wrap = func(node string, lun, _ int, t scsi.Transport) scsi.Transport {
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				if sent++; sent == n && node == "A" {
					keep := w.wrap
					w.wrap = nil
					if err := w.only("C", "sda").Fence(ctx, w.members[1]); err != nil {
						w.t.Error(err)
					}
					w.wrap = keep
				}
				return t.Do(ctx, req)
			})
		}
		r := w.run("A")
		r.Parallel = 1
		_, err := r.Copy(context.Background())
		if err == nil && sent >= n && n < sent-2 {
			if st := w.status(1); slices.Contains(st.Keys, keyB) {
				t.Errorf("fenced before command %d of %d: the copy is %+v", n, sent, st)
			}
		}
	}
}
