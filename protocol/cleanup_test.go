package protocol

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// clearAnyway is a clean-up by force.
func clearAnyway(ctx context.Context, r *Run, only pr.Key) []CleanupResult {
	results, err := r.Cleanup(ctx, Clearing{Only: only, Force: true})
	if err != nil {
		panic(err) // force refuses nothing
	}
	return results
}

// isOtherKeys reports whether a LUN was left because it does not have the key, and
// whether it is told which it has.
func isOtherKeys(err error, key pr.Key) bool {
	var e *OtherKeysError
	return errors.As(err, &e) && e.Key == key && slices.Equal(e.There, []pr.Key{keyB})
}

func TestCleanup(t *testing.T) {
	w := newWorld(t, 3, 2, simlun.Quirks{})
	w.start("B")
	w.put(0, "X", 0, foreign, 0)
	w.luns[1].With(func(m *simlun.Machine) { m.PowerCycle() })
	w.faults(2, "prout.clear@1:after:host=3")
	r := w.run("A")
	ctx := context.Background()
	got := map[string]CleanupResult{}
	for _, res := range clearAnyway(ctx, r, foreign) {
		got[res.LUN] = res
	}
	if !got["sda"].Cleared || got["sda"].Err != nil || got["sda"].Holder != keyB {
		t.Errorf("sda: %+v", got["sda"])
	}
	for _, lun := range []string{"sdb", "sdc"} {
		if res := got[lun]; res.Cleared || !isOtherKeys(res.Err, foreign) {
			t.Errorf("%s: %+v", lun, res)
		}
	}
	if st := w.status(2); st.Holder != keyB {
		t.Errorf("sdc was changed: %+v", st)
	}
	for _, res := range clearAnyway(ctx, r, 0) {
		if res.Err != nil {
			t.Errorf("%s: %v", res.LUN, res.Err)
		}
	}
	w.wantEmpty()
}

// Keys that are there after a CLEAR are a failure, whether the device lies or
// somebody came.
func TestCleanupReadsBack(t *testing.T) {
	for name, comes := range map[string]pr.Key{"somebody": keyC, "the same": keyB} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 1, simlun.Quirks{})
			w.start("B")
			w.wrap = func(node string, lun, path int, t scsi.Transport) scsi.Transport {
				return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
					reply, err := t.Do(ctx, req)
					if req.Opcode() == scsi.OpPROut && scsi.OutAction(req.CDB[1]) == scsi.OutClear {
						w.put(0, "C", 0, comes, 0)
					}
					return reply, err
				})
			}
			res := clearAnyway(context.Background(), w.run("A"), 0)[0]
			if res.Cleared || !errors.Is(res.Err, ErrKeysLeft) {
				t.Errorf("%+v", res)
			}
		})
	}
}

// What a node of the cluster may run something on is not cleared, nor is anything
// beside it, unless that is forced. Who leaves has stopped before; strangers' keys and
// what is asked for by a key that is not there are nobody's protection.
func TestCleanupRefuses(t *testing.T) {
	type found struct {
		put   func(w *world)
		only  pr.Key
		nodes []string
		holds string
	}
	for name, c := range map[string]found{
		"a node holds":             {func(w *world) { w.drop(0, "X", 0); w.put(0, "B", 0, keyB, unit.ReservationType) }, 0, []string{"B"}, "B"},
		"this node holds":          {func(w *world) { w.drop(0, "X", 0); w.put(0, "A", 0, keyA, unit.ReservationType) }, 0, []string{"A"}, "A"},
		"a stranger holds":         {func(w *world) { w.put(0, "B", 0, keyB, 0) }, 0, []string{"B"}, ""},
		"nobody holds":             {func(w *world) { w.drop(0, "X", 0); w.put(0, "B", 0, keyB, 0) }, 0, []string{"B"}, ""},
		"all registrants hold":     {func(w *world) { w.drop(0, "X", 0); w.put(0, "B", 0, keyB, pr.WriteExclusiveAllRegistrants) }, 0, []string{"B"}, ""},
		"several":                  {func(w *world) { w.put(0, "B", 0, keyB, 0); w.put(0, "A", 0, keyA, 0) }, 0, []string{"A", "B"}, ""},
		"a node takes":             {func(w *world) { w.put(0, "B", 0, Taking(keyB), 0) }, 0, []string{"B"}, ""},
		"one path leaves":          {func(w *world) { w.put(0, "B", 0, keyB, 0); w.put(0, "B", 1, Leaving(keyB), 0) }, 0, []string{"B"}, ""},
		"the key that is asked":    {func(w *world) { w.put(0, "B", 0, keyB, 0) }, keyB, []string{"B"}, ""},
		"a stranger's is asked":    {func(w *world) { w.put(0, "B", 0, keyB, 0) }, foreign, []string{"B"}, ""},
		"strangers only":           {func(*world) {}, 0, nil, ""},
		"a node leaves":            {func(w *world) { w.put(0, "B", 0, Leaving(keyB), 0) }, 0, nil, ""},
		"a clean-up was killed":    {func(w *world) { w.put(0, "B", 0, Taking(Leaving(keyB)), 0) }, 0, nil, ""},
		"the key is not there":     {func(w *world) { w.put(0, "B", 0, keyB, 0) }, 0x99, nil, ""},
		"a node that leaves holds": {func(w *world) { w.drop(0, "X", 0); w.put(0, "B", 0, Leaving(keyB), unit.ReservationType) }, 0, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, 2, simlun.Quirks{})
			w.put(0, "X", 0, foreign, unit.ReservationType)
			w.put(1, "X", 0, foreign, unit.ReservationType)
			c.put(w)
			before := []status{w.status(0), w.status(1)}
			w.log = nil
			results, err := w.run("A").Cleanup(context.Background(), Clearing{Only: c.only})
			if len(c.nodes) == 0 {
				if err != nil || len(results) != 2 {
					t.Fatalf("%v, %+v", err, results)
				}
				for _, res := range results {
					now := w.status(map[string]int{"sda": 0, "sdb": 1}[res.LUN])
					if (len(now.Keys) == 0) != res.Cleared || res.Cleared && len(res.Lost) > 0 {
						t.Errorf("%+v, and there is %+v", res, now)
					}
				}
				return
			}
			var e *ProtectedError
			if !errors.As(err, &e) || results != nil {
				t.Fatalf("%v, %+v", err, results)
			}
			var names []string
			for _, n := range e.Nodes {
				names = append(names, n.Name)
			}
			if e.LUN != "sda" || !slices.Equal(names, c.nodes) || e.Holder.Name != c.holds {
				t.Errorf("%+v, %v and %q were expected", e, c.nodes, c.holds)
			}
			if diff := cmp.Diff(before, []status{w.status(0), w.status(1)}); diff != "" || len(w.changes("sda"))+len(w.changes("sdb")) > 0 {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			// Force clears it, and says who it was.
			for _, res := range clearAnyway(context.Background(), w.run("A"), c.only) {
				if res.LUN == "sda" && (!res.Cleared || !slices.Equal(res.Lost, e.Nodes)) {
					t.Errorf("by force: %+v", res)
				}
			}
		})
	}
}

// Who starts after all was read, and before it is cleared, is not cleared either.
func TestCleanupBesideStart(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.put(0, "X", 0, foreign, 0)
	r := w.run("A")
	looks := 0
	r.Progress = func(s Step) {
		if looks++; looks == 3 { // the first look has ended, and the second begins
			w.put(0, "B", 0, keyB, unit.ReservationType)
		}
	}
	// What was read is too old by then.
	r.Now = func() time.Duration {
		if looks >= 3 {
			return time.Minute
		}
		return 0
	}
	results, err := r.Cleanup(context.Background(), Clearing{})
	var e *ProtectedError
	if err != nil || !errors.As(results[0].Err, &e) || results[0].Cleared {
		t.Fatalf("%v, %+v", err, results)
	}
	if st := w.status(0); st.Holder != keyB {
		t.Errorf("%+v", st)
	}
}
