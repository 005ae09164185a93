package protocol

import (
	"context"
	"fmt"
	"testing"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi/simlun"
)

// A CLEAR of a clean-up that was given up is performed after the next start of the
// same node.
func TestLateCleanup(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.start("B")
	w.faults(0, "prout.clear@1:late=6")
	if res := clearAnyway(context.Background(), w.run("A"), 0); res[0].Err == nil {
		t.Error("the clean-up said ok")
	}
	w.faults(0, "")
	err := w.run("A").Start(context.Background())
	for range 10 {
		_, _ = w.unit(0, "C", 0).State(context.Background())
	}
	if st := w.status(0); err == nil && st.Holder != keyA {
		t.Errorf("start ok, then %+v", st)
	}
}

// A PREEMPT AND ABORT of a run that has ended is performed when the next run is at
// work: nobody has its answer.
func TestLatePreempt(t *testing.T) {
	for wait := 1; wait < 8; wait++ {
		w := newWorld(t, 1, 1, simlun.Quirks{NoReset: true})
		w.start("B")
		w.faults(0, fmt.Sprintf("prout.preempt-abort@1:late=%d", wait))
		first := w.run("A").Start(context.Background())
		w.faults(0, "")
		w.log = nil
		second := w.run("A").Start(context.Background())
		answered := false
		for _, e := range w.log {
			answered = answered || e.Action == Preempted && e.Err == nil
		}
		if first == nil || second == nil && !answered {
			t.Errorf("late by %d: %v, then %v", wait, first, second)
		}
	}
}

// A path of a host that the device registers as one fails while it takes, and on a
// device that names no nexus the answer to the last step is lost.
func TestTakeOnOddDevices(t *testing.T) {
	for n := 1; n <= 4; n++ {
		w := newWorld(t, 1, 2, simlun.Quirks{AllTgPtImplicit: true})
		w.start("B")
		w.faults(0, fmt.Sprintf("prout@%d:after:host=1", n))
		if err := w.run("A").Start(context.Background()); err != nil || w.status(0).Holder != keyA || w.canWrite("B", 0) {
			t.Errorf("per host, command %d: %v; %+v", n, err, w.status(0))
		}
		w = newWorld(t, 1, 1, simlun.Quirks{NoFullStatus: true})
		w.start("B")
		w.faults(0, fmt.Sprintf("prout@%d:after:aborted", n))
		if err := w.run("A").Start(context.Background()); err != nil || w.status(0).Holder != keyA || w.canWrite("B", 0) {
			t.Errorf("without full status, command %d: %v; %+v", n, err, w.status(0))
		}
	}
}

// A clean-up where this node's own marked key is listed, on a device without
// REGISTER AND IGNORE EXISTING KEY.
func TestCleanupQuotes(t *testing.T) {
	for _, key := range []pr.Key{Taking(keyA), Leaving(keyA), keyA} {
		w := newWorld(t, 1, 1, simlun.Quirks{})
		w.put(0, "A", 0, key, unit.ReservationType)
		w.quirks(0, simlun.Quirks{NoRegIgnore: true})
		if res := clearAnyway(context.Background(), w.run("A"), 0); res[0].Err != nil || !res[0].Cleared {
			t.Errorf("%v: %+v", key, res[0])
		}
		w.wantEmpty()
	}
}
