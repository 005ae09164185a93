package protocol

import (
	"context"
	"errors"
	"slices"
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// during lets something happen by paths of its own before a command of a node.
func (w *world) during(node string, lun int, match func(*scsi.Request) bool, do func()) *Run {
	w.t.Helper()
	w.before(node, lun, match, func() {
		wrap := w.wrap
		w.wrap = nil
		do()
		w.wrap = wrap
	})
	r := w.run(node)
	w.wrap = nil
	return r
}

// The victim registers on a LUN that the fence is done with.
func TestFenceLooksAgain(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A", "B")
	r := w.during("A", 0, registersKey(keyA), func() {
		w.must(w.unit(1, "B", 0).RegisterAndIgnore(context.Background(), keyB, false))
	})
	if err := r.Fence(context.Background(), w.members[1]); err == nil && w.canWrite("B", 1) {
		t.Errorf("it said ok; LUN 1 has %+v", w.status(1))
	}
}

// A fence changes nothing on a LUN where nothing is to be done.
func TestFenceLeavesAlone(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A")
	w.only2("B", "sda")
	w.log = nil
	w.must(w.fence("A", "B"))
	if got := w.changes("sdb"); len(got) > 0 {
		t.Errorf("%v", got)
	}
	w.wantShared("A")
}

// A survivor that is fenced itself says so.
func TestFencedFencer(t *testing.T) {
	w := sharedWorld(t, 1, 2, simlun.Quirks{}, "B", "A", "C")
	r := w.during("A", 0, registersKey(Taking(keyA)), func() { w.must(w.fence("C", "A")) })
	if err := r.Fence(context.Background(), w.members[1]); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	w.wantShared("B", "C")
}

// A survivor that was removed on the arbiter strikes on no other LUN.
func TestFenceLooksAtArbiter(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "B", "A", "C")
	r := w.during("A", 1, registersKey(Taking(keyA)), func() {
		w.must(w.only("C", "sda").Fence(context.Background(), w.members[0]))
	})
	if err := r.Fence(context.Background(), w.members[1]); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v", err)
	}
	if st := w.status(1); !slices.Contains(st.Keys, keyB) {
		t.Errorf("LUN 1 has %+v", st)
	}
}

// A LUN is not fenced as long as it is not reserved as it should be.
func TestFenceReserves(t *testing.T) {
	w := sharedWorld(t, 2, 1, simlun.Quirks{}, "A")
	w.release(1, "A")
	w.must(w.fence("A", "B"))
	w.wantShared("A")
	w.release(1, "A")
	w.put(1, "A", 0, keyA, scsi.WriteExclusive)
	if err := w.fence("C", "B"); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("of another type: %v", err)
	}
	w.must(w.fence("A", "B"))
	w.wantShared("A")
}
