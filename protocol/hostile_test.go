package protocol

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// Devices that lie, list in any order, or answer late: no false success.
func TestHostileDevices(t *testing.T) {
	verbs := map[string]func(*Run, *world) error{
		"start": func(r *Run, _ *world) error { return r.Start(context.Background()) },
		"halt":  func(r *Run, _ *world) error { return r.Halt(context.Background()) },
		"fence": func(r *Run, w *world) error { return r.Fence(context.Background(), w.members[1]) },
	}
	for name, verb := range verbs {
		for _, mode := range []Mode{Exclusive, Shared} {
			if name == "fence" && mode == Exclusive {
				continue
			}
			up := []string{"B"}
			if name != "start" {
				up = []string{"B", "A"}
			}
			t.Run(fmt.Sprintf("GOOD and nothing, %s %v", name, mode), func(t *testing.T) {
				w := hostileWorld(t, mode, up, simlun.Quirks{LiesGood: true})
				if err := verb(w.run("A"), w); err == nil {
					t.Errorf("it said ok; %+v", w.status(0))
				}
			})
			t.Run(fmt.Sprintf("in any order, %s %v", name, mode), func(t *testing.T) {
				w := hostileWorld(t, mode, up, simlun.Quirks{ShuffledList: true})
				w.must(verb(w.run("A"), w))
			})
		}
	}
}

// hostileWorld has nodes up on two LUNs that turn hostile then.
func hostileWorld(t *testing.T, mode Mode, up []string, q simlun.Quirks) *world {
	w := newWorld(t, 2, 2, simlun.Quirks{})
	w.mode = mode
	for _, n := range up {
		w.start(n)
	}
	for i := range w.luns {
		w.quirks(i, q)
	}
	return w
}

// A device that answers each command after 90 seconds is too slow to be acted on,
// and that is said within a few answers.
func TestSlowDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w := newWorld(t, 1, 1, simlun.Quirks{})
		w.start("B")
		w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				time.Sleep(90 * time.Second)
				return t.Do(ctx, req)
			})
		}
		r := w.run("A")
		w.wrap = nil
		r.Now = func() time.Duration { return time.Since(begin) }
		for _, l := range r.LUNs {
			l.Timeout = 2 * time.Minute
			for i, p := range l.Paths {
				l.Paths[i] = scsi.NewUnit(p.Name(), &scsi.Retry{Transport: p.(*scsi.Unit).Transport().(*scsi.Retry).Transport, Timeout: l.Timeout}).WithIdentity(p.Identity)
			}
		}
		err := r.Start(context.Background())
		if !errors.Is(err, ErrTooSlow) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
		if took := time.Since(begin); took > 15*time.Minute {
			t.Errorf("after %v", took)
		}
		w.wantOwned(keyB)
	})
}
