package scsi

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/pr"
)

// A decision is not sent once it is stale, neither at first nor again; a read is.
func TestWhileFresh(t *testing.T) {
	busy, attention := answer{reply: Reply{Status: Busy}}, answer{reply: check(UnitAttention, PowerOnOrReset)}
	for _, tc := range []struct {
		name   string
		req    *Request
		asked  int // how often fresh says yes
		script []answer
		sent   int
		class  string
	}{
		{"fresh", outReq, 1, []answer{{}}, 1, ""},
		{"fresh all the time", outReq, 3, []answer{busy, attention, {}}, 3, ""},
		{"stale at once", outReq, 0, []answer{{}}, 0, "stale"},
		{"a write, stale at once", writeReq, 0, []answer{{}}, 0, "stale"},
		{"a reset, stale at once", resetReq, 0, []answer{{}}, 0, "stale"},
		{"stale after BUSY", outReq, 1, []answer{busy, {}}, 1, "busy"},
		{"stale after the second BUSY", outReq, 2, []answer{busy, busy, {}}, 2, "busy"},
		{"stale after a unit attention", outReq, 1, []answer{attention, {}}, 1, "attention"},
		{"a read", readReq, 0, []answer{busy, attention, host(HostReset), {}}, 4, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked := 0
			ctx := pr.WhileFresh(context.Background(), func() bool { asked++; return asked <= tc.asked })
			f := &fake{t: t, script: tc.script}
			_, err := Exec(ctx, &Retry{Transport: f, Sleep: noSleep}, "NAME", tc.req)
			diff(t, "class", tc.class, classOf(err))
			diff(t, "sent", tc.sent, len(f.sent))
			if pr.OutcomeUnknown(err) {
				t.Error("outcome unknown")
			}
		})
	}
}

// Of two that were asked for, each can say no.
func TestWhileFreshTwice(t *testing.T) {
	for _, tc := range []struct{ outer, inner, want bool }{{true, true, true}, {true, false, false}, {false, true, false}} {
		ctx := pr.WhileFresh(context.Background(), func() bool { return tc.outer })
		ctx = pr.WhileFresh(ctx, func() bool { return tc.inner })
		f := &fake{t: t, script: []answer{{}}}
		_, err := (&Retry{Transport: f}).Do(ctx, outReq)
		if (err == nil) != tc.want || len(f.sent) > 0 != tc.want {
			t.Errorf("%+v: sent %d, %v", tc, len(f.sent), err)
		}
	}
}

// The deadline says more than staleness does.
func TestLateAndStale(t *testing.T) {
	ctx, cancel := context.WithCancel(pr.WhileFresh(context.Background(), func() bool { return false }))
	cancel()
	_, err := Exec(ctx, &Retry{Transport: &fake{t: t}}, "NAME", outReq)
	isClass(t, err, ErrTimeout, context.Canceled)
}

// A Retry with a clock of its own asks no other.
func TestRetryNow(t *testing.T) {
	now := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	end := now.Add(90 * time.Second)
	f := &fake{t: t}
	r := &Retry{Transport: f, Timeout: 90 * time.Second, Now: func() time.Time { return now },
		Sleep: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }}
	f.answers = func(int, *Request) answer {
		if !now.Before(end) {
			t.Fatalf("sent at %v; the deadline was %v", now, end)
		}
		return answer{reply: Reply{Status: Busy}}
	}
	_, err := Exec(context.Background(), r, "NAME", outReq)
	isClass(t, err, ErrBusy)
	if now.Before(end) || now.After(end.Add(longestBackoff)) {
		t.Errorf("ended at %v; the deadline was %v", now, end)
	}
}

// It waits no longer than its own clock says, either.
func TestRetryNowBoundsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &Retry{Transport: &fake{t: t, script: []answer{{reply: Reply{Status: Busy}}}}, Timeout: time.Second,
			Now: func() time.Time { return time.Now().Add(time.Hour) }}
		_, err := Exec(context.Background(), r, "NAME", outReq)
		isClass(t, err, ErrBusy)
		diff(t, "took", time.Second, time.Since(start))
	})
}
