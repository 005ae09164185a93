package scsi

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/pr"
)

// The kinds of command that the rules tell apart.
var (
	readReq  = &Request{CDB: prInCDB(InReadKeys, 8), Dir: DataIn, Data: make([]byte, 8)}
	outReq   = &Request{CDB: prOutCDB(OutClear, 0, 0, 24), Dir: DataOut, Data: make([]byte, 24)}
	writeReq = &Request{CDB: rwCDB(OpWrite10, 0, 1), Dir: DataOut, Data: make([]byte, 512)}
	resetReq = &Request{Function: LogicalUnitReset}
)

func repeat(a answer, n int) []answer { return slices.Repeat([]answer{a}, n) }

func host(h HostStatus) answer { return answer{reply: Reply{Host: h}} }

func TestRetryRules(t *testing.T) {
	var (
		ok       = answer{}
		reset    = answer{reply: check(UnitAttention, PowerOnOrReset)}
		changed  = answer{reply: check(UnitAttention, RegistrationsPreempted)}
		busy     = answer{reply: Reply{Status: Busy}}
		full     = answer{reply: Reply{Status: TaskSetFull}}
		alua     = answer{reply: check(NotReady, AsymmetricTransition)}
		conflict = answer{reply: Reply{Status: ReservationConflict}}
		aborted  = answer{reply: check(AbortedCommand, 0x4700)}
		ended    = answer{reply: Reply{Status: TaskAborted}}
		lost     = host(HostTransportDisrupted)
		gone     = answer{err: errors.New("gone")}
		noRoom   = answer{err: &OpError{Class: ErrDevice, outcomeUnknown: true}}
		recovers = answer{err: &OpError{Class: ErrBusy}}
		lacking  = answer{err: &OpError{Class: ErrUnsupported}}
	)
	script := func(parts ...any) (list []answer) {
		for _, p := range parts {
			switch p := p.(type) {
			case answer:
				list = append(list, p)
			case []answer:
				list = append(list, p...)
			}
		}
		return list
	}
	ms := func(n ...int) (list []time.Duration) {
		for _, x := range n {
			list = append(list, time.Duration(x)*time.Millisecond)
		}
		return list
	}
	all := []*Request{readReq, outReq, writeReq, resetReq}
	decides := []*Request{outReq, writeReq, resetReq}
	for _, tc := range []struct {
		name   string
		reqs   []*Request
		script []answer
		after  bool // AfterStateChange
		sent   int
		slept  []time.Duration
		class  string
	}{
		{"good", all, script(ok), false, 1, nil, ""},
		{"conflict is a question for the caller", all, script(conflict, ok), false, 1, nil, "conflict"},
		{"one unit attention", all, script(reset, ok), false, 2, nil, ""},
		{"five unit attentions", all, script(repeat(reset, 5), ok), false, 6, nil, ""},
		{"six unit attentions", all, script(repeat(reset, 6), ok), false, 6, nil, "attention"},
		{"state changed: read again", []*Request{readReq}, script(changed, ok), false, 2, nil, ""},
		{"state changed, six times", []*Request{readReq}, script(repeat(changed, 6), ok), false, 6, nil, "changed attention"},
		{"state changed: decide again", decides, script(changed, ok), false, 1, nil, "changed attention"},
		{"state changed after others", decides, script(reset, busy, changed, ok), false, 3, ms(10), "changed attention"},
		{"preempted", decides, script(answer{reply: check(UnitAttention, ReservationsPreempted)}, ok), false, 1, nil, "changed attention"},
		{"released", decides, script(answer{reply: check(UnitAttention, ReservationsReleased)}, ok), false, 1, nil, "changed attention"},
		{"state changed, the caller does not mind", all, script(changed, ok), true, 2, nil, ""},
		{"state changed six times, the caller does not mind", all, script(repeat(changed, 6), ok), true, 6, nil, "changed attention"},
		{"busy", all, script(busy, full, alua, ok), false, 4, ms(10, 20, 40), ""},
		{"busy until it is waited for 2 s", all, script(repeat(busy, 10), ok), false, 11, ms(10, 20, 40, 80, 160, 320, 640, 1280, 2000, 2000), ""},
		{"busy, then a unit attention, then a conflict", all, script(busy, reset, conflict), false, 3, ms(10), "conflict"},
		{"a lost read", []*Request{readReq}, script(lost, ok), false, 2, ms(10), ""},
		{"a read lost three times", []*Request{readReq}, script(repeat(lost, 3), ok), false, 4, ms(10, 20, 40), ""},
		{"a read lost four times", []*Request{readReq}, script(repeat(lost, 4), ok), false, 4, ms(10, 20, 40), "transport"},
		{"lost and decided", decides, script(lost, ok), false, 1, nil, "transport"},
		{"lost and decided, the caller does not mind", decides, script(lost, ok), true, 1, nil, "transport"},
		{"timeout", all, script(host(HostTimeOut), ok), false, 1, nil, "timeout transport"},
		{"no path", all, script(host(HostNoConnect), ok), false, 1, nil, "transport"},
		{"unsupported", all, script(lacksFullStatus, ok), false, 1, nil, "unsupported"},
		{"standby", all, script(answer{reply: check(NotReady, TargetPortStandby)}, ok), false, 1, nil, "device"},
		{"a read that was aborted", []*Request{readReq}, script(aborted, ended, ok), false, 3, ms(10, 20), ""},
		{"a read that was aborted four times", []*Request{readReq}, script(repeat(aborted, 4), ok), false, 4, ms(10, 20, 40), "device"},
		{"aborted and decided", decides, script(aborted, ok), false, 1, nil, "device"},
		{"ended by another node and decided", decides, script(ended, ok), false, 1, nil, "device"},
		{"aborted, of an earlier command", []*Request{readReq}, script(answer{reply: Reply{Status: CheckCondition, Sense: Sense{Key: AbortedCommand, Deferred: true}.Fixed()}}, ok), false, 1, nil, "device"},
		{"no answer", all, script(gone, ok), false, 1, nil, "transport"},
		{"the adapter has no room for a reset", []*Request{resetReq}, script(noRoom, noRoom, ok), false, 3, ms(10, 20), ""},
		{"a command that the adapter fails", []*Request{readReq, outReq, writeReq}, script(noRoom, ok), false, 1, nil, "device"},
		{"the host has no such command", all, script(lacking, ok), false, 1, nil, "unsupported"},
		{"no room, then no answer", []*Request{resetReq}, script(noRoom, gone, ok), false, 2, ms(10), "transport"},
		{"the host recovers from errors", all, script(recovers, ok), false, 2, ms(10), ""},
		{"busy, then no answer", all, script(busy, gone, ok), false, 2, ms(10), "transport"},
	} {
		for _, req := range tc.reqs {
			t.Run(tc.name+"/"+req.Opcode().String(), func(t *testing.T) {
				f := &fake{t: t, script: tc.script}
				var slept []time.Duration
				r := &Retry{Transport: f, AfterStateChange: tc.after, Sleep: func(_ context.Context, d time.Duration) error {
					slept = append(slept, d)
					return nil
				}}
				_, err := Exec(context.Background(), r, "NAME", req)
				diff(t, "class", tc.class, classOf(err))
				diff(t, "sent", tc.sent, len(f.sent))
				diff(t, "slept", tc.slept, slept)
			})
		}
	}
}

// Only what is known to be a read is repeated when it got lost.
func TestDecides(t *testing.T) {
	reads := map[Opcode]bool{OpTestUnitReady: true, OpRequestSense: true, OpInquiry: true,
		OpReadCapacity10: true, OpReadCapacity16: true, OpRead10: true, OpPRIn: true, OpMaintenanceIn: true}
	for op := range 256 {
		r := &Request{CDB: []byte{byte(op)}}
		if got := r.decides(); got == reads[Opcode(op)] {
			t.Errorf("%v: decides %v", Opcode(op), got)
		}
	}
	if !resetReq.decides() {
		t.Error("a reset decides nothing")
	}
}

func TestTransientHosts(t *testing.T) {
	for h := range HostStatus(0x20) {
		f := &fake{t: t, script: []answer{host(h), {}}}
		r := &Retry{Transport: f, Sleep: func(context.Context, time.Duration) error { return nil }}
		_, _ = r.Do(context.Background(), readReq)
		want := 1
		switch h {
		case HostBusBusy, HostReset, HostSoftError, HostImmRetry, HostRequeue, HostTransportDisrupted:
			want = 2
		}
		if len(f.sent) != want {
			t.Errorf("%v: sent %d times, %d expected", h, len(f.sent), want)
		}
	}
}

// The clock of these is synctest's: no time passes outside.
func TestRetryDeadline(t *testing.T) {
	busy := Reply{Status: Busy}
	for _, tc := range []struct {
		name    string
		timeout time.Duration
		parent  time.Duration // deadline of the caller; 0 for none
		takes   time.Duration // of one command
		want    time.Duration // when Do returns
	}{
		{"default", 0, 0, 0, DefaultTimeout},
		{"its own", 3 * time.Second, 0, 0, 3 * time.Second},
		{"the caller's is earlier", 3 * time.Second, time.Second, 0, time.Second},
		{"the caller's is later", time.Second, 3 * time.Second, 0, time.Second},
		{"commands take time", 3 * time.Second, 0, 900 * time.Millisecond, 3 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx := context.Background()
				if tc.parent != 0 {
					var cancel func()
					ctx, cancel = context.WithTimeout(ctx, tc.parent)
					defer cancel()
				}
				f := &fake{t: t}
				f.answers = func(int, *Request) answer {
					if late := time.Since(start) - tc.want; late >= 0 {
						t.Fatalf("sent %v after the deadline", late)
					}
					time.Sleep(tc.takes)
					return answer{reply: busy}
				}
				_, err := Exec(ctx, &Retry{Transport: f, Timeout: tc.timeout}, "NAME", outReq)
				isClass(t, err, ErrBusy)
				if pr.OutcomeUnknown(err) {
					t.Error("outcome unknown of a command that was refused each time")
				}
				if took := time.Since(start); took < tc.want || took > tc.want+tc.takes {
					t.Errorf("took %v, %v expected", took, tc.want)
				}
			})
		})
	}
}

func TestNothingIsSentLate(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	expired, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
	defer cancel()
	for _, tc := range []struct {
		name    string
		ctx     context.Context
		timeout time.Duration
		is      error
	}{
		{"cancelled", cancelled, 0, context.Canceled},
		{"deadline passed", expired, 0, context.DeadlineExceeded},
		{"no time at all", context.Background(), -1, context.DeadlineExceeded},
		{"a context whose timer runs late", lateTimer{time.Now().Add(-time.Second)}, 0, context.DeadlineExceeded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fake{t: t}
			_, err := Exec(tc.ctx, &Retry{Transport: f, Timeout: tc.timeout}, "NAME", outReq)
			isClass(t, err, ErrTimeout, tc.is)
			if pr.OutcomeUnknown(err) || len(f.sent) != 0 {
				t.Errorf("sent %d, outcome unknown %v", len(f.sent), pr.OutcomeUnknown(err))
			}
		})
	}
}

// lateTimer is a context whose deadline has passed and which does not know.
type lateTimer struct{ deadline time.Time }

func (l lateTimer) Deadline() (time.Time, bool) { return l.deadline, true }
func (lateTimer) Done() <-chan struct{}         { return nil }
func (lateTimer) Err() error                    { return nil }
func (lateTimer) Value(any) any                 { return nil }

// A unit attention storm cannot carry a command over its deadline.
func TestDeadlinePassesDuringACommand(t *testing.T) {
	for _, a := range []answer{{reply: check(UnitAttention, PowerOnOrReset)}, {reply: Reply{Status: Busy}}} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{t: t}
			f.answers = func(int, *Request) answer {
				time.Sleep(2 * time.Second)
				return a
			}
			_, err := Exec(context.Background(), &Retry{Transport: f, Timeout: time.Second}, "NAME", outReq)
			if err == nil || pr.OutcomeUnknown(err) {
				t.Errorf("error %v", err)
			}
			diff(t, "sent", 1, len(f.sent))
		})
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		f := &fake{t: t, script: []answer{{reply: Reply{Status: Busy}}}}
		_, err := Exec(ctx, &Retry{Transport: f}, "NAME", outReq)
		isClass(t, err, ErrBusy)
		diff(t, "took", 5*time.Second, time.Since(start))
	})
	t.Run("by the injected clock", func(t *testing.T) {
		f := &fake{t: t, script: []answer{{reply: Reply{Status: TaskSetFull}}}}
		r := &Retry{Transport: f, Sleep: func(context.Context, time.Duration) error { return context.Canceled }}
		_, err := Exec(context.Background(), r, "NAME", outReq)
		isClass(t, err, ErrBusy)
		diff(t, "sent", 1, len(f.sent))
	})
}

// A repeated read starts from what arrived last, whatever was there before.
func TestRetriedReadsAreCut(t *testing.T) {
	f := &fake{t: t, script: []answer{
		{data: encoded(t, manyKeys(5)), reply: Reply{Host: HostReset}},
		{data: encoded(t, manyKeys(1))},
	}}
	got, err := ReadKeys{}.Execute(context.Background(), &Retry{Transport: f, Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "keys", manyKeys(1), got)
}
