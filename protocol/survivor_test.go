package protocol

import (
	"context"
	"errors"
	"sync"
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// Each of these is the rule that one row or comparison keeps, where the other tests
// do not notice that it is gone: docs/mutants.md.

// loses lets the first command of a node that the match knows be performed, on a
// LUN, then something happen, and then its answer be lost.
func (w *world) loses(node string, lun int, match func(*scsi.Request) bool, do func()) {
	var once sync.Once
	w.wrap = func(n string, l, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			reply, err := t.Do(ctx, req)
			if n == node && l == lun && match(req) {
				once.Do(func() {
					do()
					reply = scsi.Reply{Host: scsi.HostError, Resid: len(req.Data)}
				})
			}
			return reply, err
		})
	}
}

// Who found the LUN free, and registers after another one has won it, has lost.
func TestStartRegistersLate(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.before("A", 0, registersKey(keyA), func() { w.must(w.takesOver("B", "")) })
	r := w.run("A")
	w.wrap = nil
	var lost *LostError
	if err := r.Start(context.Background()); !errors.As(err, &lost) || lost.Node != "B" {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// The first REGISTER of a start has no answer, and the holder has removed it since:
// another path is not used to go on.
func TestStartRemovedUnseen(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.start("B")
	w.loses("A", 0, registersKey(Taking(keyA)), func() { w.must(w.takesOver("B", "")) })
	r := w.run("A")
	w.wrap = nil
	if err := r.Start(context.Background()); !errors.Is(err, ErrUnsure) {
		t.Errorf("%v", err)
	}
	w.wantOwned(keyB)
}

// A rival registers after the seat was, without a mark: it is removed under one.
func TestRivalRemovedUnderMark(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{NoReset: true})
	w.before("A", 0, sends(scsi.OutReserve), func() {
		w.must(w.unit(0, "B", 0).RegisterAndIgnore(context.Background(), keyB, false))
	})
	r := w.run("A")
	w.wrap = nil
	w.faults(0, "prout.preempt-abort@1:after:host=3")
	if err := r.Start(context.Background()); !errors.Is(err, ErrUnresolved) {
		t.Errorf("%v", err)
	}
	if st := w.status(0); st.Holder != Taking(keyA) {
		t.Errorf("LUN 0 has %+v", st)
	}
}
