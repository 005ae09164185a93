package protocol

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

func TestHalt(t *testing.T) {
	held := func(keys ...pr.Key) status { return status{keys, keys[0], unit.ReservationType} }
	cases := map[string]struct {
		prepare func(*world)
		want    status
	}{
		"ours":                         {func(w *world) { w.put(0, "A", 0, keyA, unit.ReservationType); w.put(0, "A", 1, keyA, 0) }, status{}},
		"ours, one path only":          {func(w *world) { w.put(0, "A", 1, keyA, unit.ReservationType) }, status{}},
		"ours, not reserved":           {func(w *world) { w.put(0, "A", 1, keyA, 0) }, status{}},
		"nothing there":                {func(*world) {}, status{}},
		"taken over":                   {func(w *world) { w.put(0, "B", 0, keyB, unit.ReservationType) }, held(keyB)},
		"taken over, we came too late": {func(w *world) { w.put(0, "B", 0, keyB, unit.ReservationType); w.put(0, "A", 0, keyA, 0) }, held(keyB)},
		"another registered beside us": {func(w *world) { w.put(0, "A", 0, keyA, unit.ReservationType); w.put(0, "B", 0, keyB, 0) }, held(keyB)},
		"all registrants":              {func(w *world) { w.put(0, "A", 0, keyA, pr.WriteExclusiveAllRegistrants) }, status{}},
	}
	for name, c := range cases {
		for _, q := range []simlun.Quirks{{}, {NoFullStatus: true}, {FirstCmdUA: scsi.PowerOnOrReset}, {NoRegIgnore: true}} {
			t.Run(fmt.Sprintf("%s %v", name, q), func(t *testing.T) {
				w := newWorld(t, 1, 2, q)
				c.prepare(w)
				if err := w.run("A").Halt(context.Background()); err != nil {
					t.Fatal(err)
				}
				want := c.want
				if q.NoFullStatus && name == "another registered beside us" {
					// It cannot be handed over, which is said.
					want.Holder, want.Type = 0, 0
				}
				if diff := cmp.Diff(want, w.status(0)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				for _, e := range w.log {
					if e.Action == Registered {
						t.Error("halt registered something")
					}
				}
			})
		}
	}
}

// What another node has taken over is not even touched.
func TestLateHaltChangesNothing(t *testing.T) {
	w := newWorld(t, 3, 2, simlun.Quirks{})
	w.start("A")
	w.start("B")
	r := w.run("A")
	// The unit attentions of the take-over are delivered to whoever looks.
	if err := r.Halt(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := w.prints()
	if err := r.Halt(context.Background()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.prints()); diff != "" {
		t.Error("a LUN was changed")
	}
	w.wantOwned(keyB)
}

func TestHaltForeignKey(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{})
	w.start("A")
	w.put(1, "X", 0, foreign, 0)
	r := w.run("A")
	before := w.prints()
	var fk *ForeignKeyError
	if err := r.Halt(context.Background()); !errors.As(err, &fk) {
		t.Fatalf("error %v, *ForeignKeyError expected", err)
	}
	if diff := cmp.Diff(before, w.prints()); diff != "" {
		t.Error("a LUN was changed")
	}
}

// A registration of ours that no path of ours has cannot be removed, and that
// is said.
func TestHaltStaleNexus(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.put(0, "A", 7, keyA, unit.ReservationType)
	if err := w.run("A").Halt(context.Background()); !errors.Is(err, ErrStaleNexus) {
		t.Errorf("error %v, ErrStaleNexus expected", err)
	}
}

// The bit that keeps registrations through power loss belongs to the new
// owner: a late unregistration must not turn it off.
func TestLateHaltKeepsPersistence(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.start("B")
	w.put(0, "A", 0, keyA, 0)
	w.start("B")
	w.put2(0, "A", keyA)
	if err := w.run("A").Halt(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.luns[0].With(func(m *simlun.Machine) { m.PowerCycle() })
	w.wantOwned(keyB)
}

// put2 registers a key and keeps what the unit does with it at power loss.
func (w *world) put2(lun int, node string, key pr.Key) {
	w.t.Helper()
	u := scsi.NewUnit("put", &scsi.Retry{Transport: w.transport(node, lun, 0), AfterStateChange: true, Sleep: noSleep})
	if err := u.RegisterAndIgnore(context.Background(), key, true); err != nil {
		w.t.Fatal(err)
	}
}

func TestHaltLostAnswers(t *testing.T) {
	for _, command := range []string{"prout.clear", "prout.register", "prin.full"} {
		for _, when := range []string{"host=3", "after:host=3", "sense=2/08/00", "after:sense=4/44/00", "aborted", "conflict", "busy", "full",
			"sense=6/29/00", "sense=6/2a/03", "sense=6/2a/05", "truncate=12", "truncate=4", "truncate=0"} {
			t.Run(command+" "+when, func(t *testing.T) {
				w := newWorld(t, 2, 2, simlun.Quirks{})
				w.start("A")
				for i := range w.luns {
					w.faults(i, command+"@1:"+when)
				}
				err := w.run("A").Halt(context.Background())
				for i := range w.luns {
					w.faults(i, "")
				}
				if err == nil {
					w.wantEmpty()
				}
				if err := w.run("A").Halt(context.Background()); err != nil {
					t.Fatal(err)
				}
				w.wantEmpty()
			})
		}
	}
}

func TestShow(t *testing.T) {
	w := newWorld(t, 2, 2, simlun.Quirks{})
	w.start("B")
	w.faults(0, "prin@every:host=1")
	got := w.run("A").Show(context.Background())
	// run names the LUNs in reverse.
	if got[0].Err != nil || !got[0].State.HeldBy(keyB) {
		t.Errorf("%+v", got[0])
	}
	if got[1].State != nil || !errors.Is(got[1].Err, pr.ErrTransport) {
		t.Errorf("a LUN that cannot be read: %+v", got[1])
	}
}

// A path that is not registered may be refused by an error of the device, time
// and again: another path clears the LUN.
func TestHaltOnRefusingPath(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("A")
	w.drop(0, "A", 0)
	// Every other one: that is the one through the first path.
	plan := "prout.clear@1:sense=2/08/00"
	for n := 3; n < 4*maxRounds; n += 2 {
		plan += fmt.Sprintf(" prout.clear@%d:sense=2/08/00", n)
	}
	w.faults(0, plan)
	w.must(w.run("A").Halt(context.Background()))
	if diff := cmp.Diff(status{}, w.status(0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A halt by a config that has the package as one of one node takes nothing from a node that
// shares it: what holds is handed over, or is everybody's.
func TestHaltByOtherConfig(t *testing.T) {
	for name, w := range map[string]*world{
		"LUN": newWorld(t, 2, 2, simlun.Quirks{}), "standard": newSpaces(t, 2, 1, simns.Quirks{}),
		"nvmet": newSpaces(t, 2, 1, simns.NVMet()), "SPDK": newSpaces(t, 2, 1, simns.SPDK()),
	} {
		for _, first := range []Mode{Exclusive, Shared} {
			w.mode = first
			w.start("A")
			w.mode = Shared
			w.start("B")
			gaps := 0
			w.dies = func() error {
				for i := range w.count() {
					if s := w.device(i).state(); s.Reservation == nil || !s.Has(keyB) {
						gaps++
					}
				}
				return nil
			}
			w.mode = Exclusive
			if err := w.run("A").Halt(context.Background()); err != nil {
				t.Errorf("%s, %s first: %v", name, first, err)
			}
			w.dies = nil
			for i := range w.count() {
				if s := w.device(i).state(); s.Has(keyA) || !s.Has(keyB) || !s.HeldBy(keyB) || gaps > 0 {
					t.Errorf("%s, %s first: %d gaps, %+v", name, first, gaps, s)
				}
			}
			w.mode = Shared
			if err := w.run("B").Halt(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
}
