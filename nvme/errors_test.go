package nvme

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
)

// What a status says, whatever stands in its other bits.
func TestStatusClasses(t *testing.T) {
	report, abort := EncodeReport(ExtendedReport, 4096), (&Acquisition{Action: PreemptAndAbort}).Encode()
	for name, c := range map[string]struct {
		status Status
		req    *Request
		class  error
		open   bool
		path   bool
	}{
		"conflict":                  {0x4083, abort, pr.ErrReservationConflict, false, false},
		"conflict with more":        {0x6083, abort, pr.ErrReservationConflict, false, false},
		"invalid opcode":            {0x4001, report, pr.ErrNoReservations, false, false},
		"invalid field":             {0x4002, abort, pr.ErrUnsupported, false, false},
		"other format":              {0x4018, report, ErrOtherFormat, false, false},
		"namespace not here":        {0x400b, report, pr.ErrPathUnusable, false, true},
		"internal error":            {0x0006, report, pr.ErrDevice, true, false},
		"abort requested":           {0x0007, report, pr.ErrDevice, true, false},
		"queue deleted":             {0x4008, abort, pr.ErrTransport, true, true},
		"transient transport":       {0x0022, abort, pr.ErrTransport, true, true},
		"write protected":           {0x4020, abort, pr.ErrDevice, false, false},
		"interrupted":               {0x0021, report, pr.ErrBusy, false, false},
		"interrupted amid an abort": {0x0021, abort, pr.ErrDevice, true, false},
		"interrupted for good":      {0x4021, report, pr.ErrDevice, false, false},
		"not ready, with a delay":   {0x0882, report, pr.ErrBusy, false, false},
		"not ready for good":        {0x4082, report, pr.ErrDevice, false, false},
		"ANA inaccessible":          {0x2302, abort, pr.ErrPathUnusable, false, true},
		"ANA persistent loss":       {0x2301, abort, pr.ErrPathUnusable, false, true},
		"ANA transition":            {0x2303, abort, pr.ErrBusy, false, false},
		"ANA transition for good":   {0x4303, abort, pr.ErrPathUnusable, false, true},
		"internal path error":       {0x2300, abort, pr.ErrPathUnusable, false, true},
		"host pathing error":        {0x0370, abort, pr.ErrTransport, true, true},
		"aborted by the host":       {0x0371, abort, pr.ErrTransport, true, true},
		"a code that nobody knows":  {0x01c7, abort, pr.ErrDevice, true, false},
		"a medium error":            {0x0281, report, pr.ErrDevice, true, false},
		"a vendor's":                {0x07c0, report, pr.ErrDevice, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Exec(t.Context(), &answering{answers: []func(*Request) (Reply, error){status(c.status)}}, c.req)
			if !errors.Is(err, c.class) || pr.OutcomeUnknown(err) != c.open || pr.PathFailed(err) != c.path {
				t.Errorf("%v: open %v, of the path %v", err, pr.OutcomeUnknown(err), pr.PathFailed(err))
			}
			if none := errors.Is(err, pr.ErrNoReservations); none != (c.status.Code() == InvalidOpcode) {
				t.Errorf("no reservations: %v", none)
			}
			var e pr.CommandError
			if !errors.As(err, &e) || e.What() != c.req.Name() || StatusOf(err) != c.status.Code() {
				t.Errorf("%v", e)
			}
		})
	}
	if err := Status(0x2000).err(report); err != nil {
		t.Errorf("success with more: %v", err)
	}
}

// What the kernel says in the place of a status.
func TestSystemErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		class error
		open  bool
	}{
		"cancelled":  {syscall.EINTR, ErrCancelled, true},
		"no path":    {syscall.EAGAIN, ErrNoPath, false},
		"no right":   {syscall.EACCES, syscall.EACCES, false},
		"no nvme":    {syscall.ENOTTY, pr.ErrUnsupported, false},
		"other nsid": {syscall.EINVAL, pr.ErrTransport, false},
		"gone":       {syscall.ENODEV, pr.ErrTransport, true},
		"in time":    {context.DeadlineExceeded, pr.ErrTimeout, true},
	} {
		_, err := Exec(t.Context(), &answering{answers: []func(*Request) (Reply, error){failing(fmt.Errorf("ioctl: %w", c.err))}}, EncodeReport(ExtendedReport, 4096))
		if !errors.Is(err, c.class) || pr.OutcomeUnknown(err) != c.open || errors.Is(err, pr.ErrUnsupported) != (name == "no nvme") {
			t.Errorf("%s: %v, open %v", name, err, pr.OutcomeUnknown(err))
		}
	}
}

// What is sent again, how often, and after how long.
func TestRetryRules(t *testing.T) {
	const ms = time.Millisecond
	report := func() *Request { return EncodeReport(ExtendedReport, 4096) }
	acquire := func() *Request { return (&Acquisition{Action: PreemptAndAbort}).Encode() }
	ok := data(nil)
	for name, c := range map[string]struct {
		req     *Request
		answers []func(*Request) (Reply, error)
		waits   []time.Duration
		fails   bool
	}{
		"busy":                        {acquire(), []func(*Request) (Reply, error){status(0x82), status(0x303), ok}, []time.Duration{10 * ms, 20 * ms}, false},
		"busy for good":               {acquire(), []func(*Request) (Reply, error){status(0x4082)}, nil, true},
		"no path for a while":         {acquire(), []func(*Request) (Reply, error){failing(syscall.EAGAIN), ok}, []time.Duration{10 * ms}, false},
		"the controller's delay":      {report(), []func(*Request) (Reply, error){status(0x82 | 2<<11), ok}, []time.Duration{3 * time.Second}, false},
		"a read is cancelled":         {report(), []func(*Request) (Reply, error){failing(syscall.EINTR), status(0x370), ok}, []time.Duration{10 * ms, 20 * ms}, false},
		"a read of one being aborted": {report(), []func(*Request) (Reply, error){status(0x6), ok}, []time.Duration{10 * ms}, false},
		"not to be repeated":          {report(), []func(*Request) (Reply, error){status(0x4006)}, nil, true},
		"lost four times": {report(), []func(*Request) (Reply, error){failing(syscall.EINTR), failing(syscall.EINTR), failing(syscall.EINTR), failing(syscall.EINTR)},
			[]time.Duration{10 * ms, 20 * ms, 40 * ms}, true},
		"a command that decides, cancelled": {acquire(), []func(*Request) (Reply, error){failing(syscall.EINTR)}, nil, true},
		"interrupted amid an abort":         {acquire(), []func(*Request) (Reply, error){status(0x21)}, nil, true},
		"conflict":                          {acquire(), []func(*Request) (Reply, error){status(0x4083)}, nil, true},
		"given up":                          {report(), []func(*Request) (Reply, error){failing(fmt.Errorf("%w: %w", pr.ErrStillUnderWay, context.DeadlineExceeded))}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answering{answers: c.answers}
			var waits []time.Duration
			r := &Retry{Transport: a, Sleep: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }}
			r.delays[1] = 3 * time.Second
			_, err := Exec(t.Context(), r, c.req)
			if (err != nil) != c.fails || len(a.sent) != len(c.answers) {
				t.Errorf("%v after %d commands", err, len(a.sent))
			}
			if diff := cmp.Diff(c.waits, waits); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// The delays are those that the controller tells, and an answer is not taken from an
// attempt before.
func TestRetryLearns(t *testing.T) {
	c := Controller{Delays: [3]time.Duration{5 * time.Second}}
	half := registrants(2).Encode(ExtendedReport)
	a := &answering{answers: []func(*Request) (Reply, error){
		data(c.Encode()),
		func(req *Request) (Reply, error) { copy(req.Data, half); return Reply{Status: 0x82 | 1<<11}, nil },
		data(nil),
	}}
	var waits []time.Duration
	r := &Retry{Transport: a, Sleep: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }}
	if _, err := IdentifyController(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadReport(t.Context(), r, ExtendedReport); !errors.Is(err, pr.ErrMalformed) {
		t.Errorf("%+v, %v", r, err)
	}
	if !cmp.Equal(waits, []time.Duration{5 * time.Second}) {
		t.Errorf("%v", waits)
	}
}

// Nothing that decides is sent late or on what is stale; the last answer is told.
func TestNothingIsSentLate(t *testing.T) {
	now := time.Unix(0, 0)
	busy := &answering{answers: []func(*Request) (Reply, error){status(0x82), status(0x82), status(0x82)}}
	r := &Retry{Transport: busy, Timeout: time.Second, Now: func() time.Time { return now },
		Sleep: func(context.Context, time.Duration) error { now = now.Add(600 * time.Millisecond); return nil }}
	_, err := Exec(t.Context(), r, (&Releasing{Action: Clear}).Encode())
	if !errors.Is(err, pr.ErrBusy) || len(busy.sent) != 2 {
		t.Errorf("%v after %d", err, len(busy.sent))
	}
	none := &answering{}
	stale := pr.WhileFresh(t.Context(), func() bool { return false })
	_, err = Exec(stale, &Retry{Transport: none}, (&Releasing{Action: Clear}).Encode())
	if !errors.Is(err, pr.ErrStale) || pr.OutcomeUnknown(err) || len(none.sent) != 0 {
		t.Errorf("%v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Exec(over, &Retry{Transport: none}, EncodeReport(ExtendedReport, 4096))
	if !errors.Is(err, pr.ErrTimeout) || pr.OutcomeUnknown(err) || len(none.sent) != 0 {
		t.Errorf("%v", err)
	}
	read := &answering{answers: []func(*Request) (Reply, error){data(registrants(0).Encode(ExtendedReport))}}
	if _, err = ReadReport(stale, &Retry{Transport: read}, ExtendedReport); err != nil {
		t.Errorf("a read is stale: %v", err)
	}
}
