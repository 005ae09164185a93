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

// A device that fails each command is not asked until the rounds are over: its own
// error is said.
func TestDeviceThatFails(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.faults(0, "prout.reserve@every:sense=4/44/00")
	if err := w.run("A").Start(context.Background()); !errors.Is(err, pr.ErrDevice) || errors.Is(err, ErrUnsettled) {
		t.Errorf("%v", err)
	}
}

// A reset that met a unit attention was not done, and is sent again.
func TestResetMeetsAttention(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.put2path(0, "A", 0, Taking(keyA))
	w.faults(0, "reset@1:sense=6/2a/03")
	w.start("A")
	w.wantOwned(keyA)
}

// PREEMPT AND ABORT was answered, and the reset that makes sure of it fails: that is
// doubt. A device that has none is believed.
func TestFenceWithoutReset(t *testing.T) {
	for _, has := range []bool{true, false} {
		w := sharedWorld(t, 1, 1, simlun.Quirks{NoReset: !has}, "A", "B")
		if has {
			w.faults(0, "reset@every:sense=4/44/00")
		}
		err := w.fence("A", "B")
		switch {
		case has && (!errors.Is(err, ErrUnresolved) || !slices.Contains(w.status(0).Keys, Taking(keyA))):
			t.Errorf("the reset failed: %v; LUN 0 has %+v", err, w.status(0))
		case !has && err != nil:
			t.Errorf("without a reset: %v", err)
		}
	}
}

// Where nexuses are not told it is not known which of two paths holds, and so not
// whether the holder's key has changed.
func TestEffectWithoutNexuses(t *testing.T) {
	r := newWorld(t, 1, 1, simlun.Quirks{}).run("A")
	x := r.target(r.LUNs[0])
	x.State = &pr.State{
		Registrations: []pr.Registration{{Key: keyA}, {Key: keyA}},
		Reservation:   &pr.Reservation{Key: keyA, Type: unit.ReservationType},
	}
	if x.ExpectRegistered(x.Usable[0], keyA, Taking(keyA)) {
		t.Errorf("%+v is expected", x.State.Reservation)
	}
}

// The device is too busy for the last step of a halt, and another node registers
// meanwhile: the step is not done on what was read before.
func TestBusyHalt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sharedWorld(t, 1, 1, simlun.Quirks{}, "A")
		begin := time.Now()
		busy := false
		w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				if registersKey(0)(req) && !busy {
					busy = true
					time.Sleep(unit.MaxAge + time.Second)
					w.put2path(0, "B", 0, keyB)
					return scsi.Reply{Status: scsi.Busy}, nil
				}
				return t.Do(ctx, req)
			})
		}
		r := w.run("A")
		w.wrap = nil
		r.Now = func() time.Duration { return time.Since(begin) }
		for _, p := range r.LUNs[0].Paths {
			p.(*scsi.Unit).Transport().(*scsi.Retry).Timeout = time.Minute
		}
		_ = r.Halt(context.Background()) // that the device was busy, or nothing
		if st := w.status(0); st.Holder == 0 || !busy {
			t.Errorf("LUN 0 has %+v, busy %v", st, busy)
		}
	})
}
