package protocol

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// What a LUN can do is told by what the device says, and never by guess.
func TestSupports(t *testing.T) {
	wero := func() (m scsi.TypeMask) { m.Set(pr.WriteExclusiveRegistrantsOnly); return m }()
	we := func() (m scsi.TypeMask) { m.Set(pr.WriteExclusive); return m }()
	for _, tc := range []struct {
		name   string
		quirks simlun.Quirks
		// faults are of the first LUN.
		faults string
		luns   int
		want   Support
		sent   int64
	}{
		{name: "as the standard says", luns: 3, want: Supported, sent: 1},
		{name: "that type only", luns: 1, quirks: simlun.Quirks{OnlyTypes: wero}, want: Supported, sent: 1},
		{name: "another type only", luns: 1, quirks: simlun.Quirks{OnlyTypes: we}, want: Unsupported, sent: 1},
		{name: "older than REPORT CAPABILITIES", luns: 2, quirks: simlun.Quirks{NoCapabilities: true, NoFullStatus: true}, want: Supported, sent: 2},
		{name: "no reservations", luns: 1, quirks: simlun.Quirks{NoPR: true}, want: Unsupported, sent: 1},
		{name: "GOOD to everything", luns: 1, quirks: simlun.Quirks{BadCapabilities: true}, want: SupportUnknown, sent: 1},
		{name: "no path", luns: 2, faults: "prin@every:host=1", want: SupportUnknown, sent: 1},
		{name: "old, and its keys cannot be read", luns: 1, quirks: simlun.Quirks{NoCapabilities: true}, faults: "prin.keys@every:host=1", want: SupportUnknown, sent: 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.luns, 1, tc.quirks)
			if tc.faults != "" {
				w.faults(0, tc.faults)
			}
			got := w.run("A").Supports(context.Background())
			slices.Reverse(got) // the order of the LUNs is the other way round
			if got[0] != tc.want {
				t.Errorf("%v, %v expected", got[0], tc.want)
			}
			for i := range w.luns {
				if n := w.sent[i].Load(); n > 2 || n != tc.sent {
					t.Errorf("LUN %d: %d commands, %d expected", i, n, tc.sent)
				}
			}
			if w.logged(Registered) {
				t.Error("something was changed")
			}
		})
	}
}

// Another path is asked where one fails.
func TestSupportsByAnotherPath(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.wrap = func(_ string, _, path int, tr scsi.Transport) scsi.Transport {
		if path > 0 {
			return tr
		}
		return doFunc(func(context.Context, *scsi.Request) (scsi.Reply, error) {
			return scsi.Reply{}, errors.New("the path is gone")
		})
	}
	if got := w.run("A").Supports(context.Background()); got[0] != Supported {
		t.Errorf("%v, Supported expected", got)
	}
}

// One path that says that it knows no reservations is not believed where another does:
// then nobody knows. Where all say so, it is so.
func TestSupportsContradicted(t *testing.T) {
	for plan, want := range map[string]Support{
		"prin%FIRST@every:sense=5/20/00": SupportUnknown, "prin%FIRST@every:sense=5/24/00": SupportUnknown, "prin@every:sense=5/20/00": Unsupported,
	} {
		w := newWorld(t, 1, 2, simlun.Quirks{})
		w.faults(0, strings.ReplaceAll(plan, "FIRST", w.transport("A", 0, 0).ID().String()))
		if got := w.run("A").Supports(context.Background())[0]; got != want {
			t.Errorf("%s: %v, %v expected", plan, got, want)
		}
	}
}

// A look costs two commands a LUN and changes nothing.
func TestViewReads(t *testing.T) {
	for _, tc := range []struct {
		name   string
		quirks simlun.Quirks
		faults string
		can    Support
		failed bool
		sent   int64
	}{
		{name: "as the standard says", can: Supported, sent: 2},
		{name: "no reservations", quirks: simlun.Quirks{NoPR: true}, can: Unsupported, sent: 1},
		{name: "GOOD to everything", quirks: simlun.Quirks{BadCapabilities: true}, can: SupportUnknown, failed: true, sent: 2},
		{name: "no path", faults: "prin@every:host=1", can: SupportUnknown, failed: true, sent: 1},
		{name: "state unreadable", faults: "prin.full@every:truncate=20", can: Supported, failed: true, sent: 2},
		{name: "old", quirks: simlun.Quirks{NoCapabilities: true, NoFullStatus: true}, can: Supported, sent: 5},
		{name: "old and unreadable", quirks: simlun.Quirks{NoCapabilities: true}, faults: "prin.full@every:host=1", can: SupportUnknown, failed: true, sent: 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, 2, 1, simlun.Quirks{})
			w.start("A")
			before := []status{w.status(0), w.status(1)}
			for i := range w.luns {
				w.sent[i].Store(0)
			}
			w.luns[0].With(func(m *simlun.Machine) { m.SetQuirks(tc.quirks) })
			if tc.faults != "" {
				w.faults(0, tc.faults)
			}
			views := w.run("B").View(context.Background(), nil)
			v := views[len(views)-1] // of the first LUN
			if v.Support != tc.can || (v.Err != nil) != tc.failed {
				t.Errorf("support %v, error %v; %v, %v expected", v.Support, v.Err, tc.can, tc.failed)
			}
			if n := w.sent[0].Load(); n != tc.sent {
				t.Errorf("%d commands, %d expected", n, tc.sent)
			}
			if diff := cmp.Diff(before, []status{w.status(0), w.status(1)}); diff != "" {
				t.Errorf("something was changed:\n%s", diff)
			}
		})
	}
}

// Several looks together keep to the gate, and use it up.
func TestViewGate(t *testing.T) {
	const limit, looks, luns = 6, 4, 8
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		w := newWorld(t, luns, 1, simlun.Quirks{})
		w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(deviceTime)
				return t.Do(ctx, req)
			})
		}
		gate := NewGate(limit)
		done := make(chan []View)
		for range looks {
			go func() { done <- w.run("A").View(context.Background(), gate) }()
		}
		for range looks {
			if v := <-done; len(v) != luns || v[0].State == nil {
				t.Errorf("views %v", v)
			}
		}
		if most.Load() != limit {
			t.Errorf("%d commands at once, %d expected", most.Load(), limit)
		}
	})
}
