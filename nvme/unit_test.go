package nvme

import (
	"errors"
	"testing"

	"lunguard/pr"
)

// What each verb sends. A registration is never replaced by key 0, and persistence is
// never taken away.
func TestVerbs(t *testing.T) {
	for name, c := range map[string]struct {
		verb func(*Unit) error
		want *Request
	}{
		"register":       {func(u *Unit) error { return u.Register(t.Context(), 0, 2, true) }, (&Register{New: 2, Persistence: PersistenceOn}).Encode()},
		"replace":        {func(u *Unit) error { return u.Register(t.Context(), 1, 2, false) }, (&Register{Action: ReplaceKey, Current: 1, New: 2}).Encode()},
		"unregister":     {func(u *Unit) error { return u.Register(t.Context(), 1, 0, true) }, (&Register{Action: UnregisterKey, Current: 1}).Encode()},
		"whatever it is": {func(u *Unit) error { return u.RegisterAndIgnore(t.Context(), 2, true) }, (&Register{Action: ReplaceKey, IgnoreKey: true, New: 2, Persistence: PersistenceOn}).Encode()},
		"reserve":        {func(u *Unit) error { return u.Reserve(t.Context(), 1, pr.WriteExclusiveAllRegistrants) }, (&Acquisition{Current: 1, Type: 5}).Encode()},
		"preempt": {func(u *Unit) error { return u.PreemptAndAbort(t.Context(), 1, 2, pr.WriteExclusiveRegistrantsOnly) },
			(&Acquisition{Action: PreemptAndAbort, Current: 1, Victim: 2, Type: 3}).Encode()},
		"clear": {func(u *Unit) error { return u.Clear(t.Context(), 1) }, (&Releasing{Action: Clear, Current: 1}).Encode()},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answering{answers: []func(*Request) (Reply, error){status(ReservationConflict | DoNotRetry)}}
			err := c.verb(NewUnit("/dev/nvme0n1", a))
			var e pr.CommandError
			if !errors.Is(err, pr.ErrReservationConflict) || !errors.As(err, &e) || e.Where() != "/dev/nvme0n1" {
				t.Errorf("%v", err)
			}
			if got := a.sent[0]; got.Opcode != c.want.Opcode || got.Words != c.want.Words || string(got.Data) != string(c.want.Data) {
				t.Errorf("%v %x %x", got.Opcode, got.Words, got.Data)
			}
		})
	}
}

// The format that fits is found, and kept.
func TestOtherFormat(t *testing.T) {
	short := data((&Report{Generation: 5}).Encode(ShortReport))
	a := &answering{answers: []func(*Request) (Reply, error){status(HostIDInconsistent | DoNotRetry), short, short}}
	u := NewUnit("/dev/nvme0n1", a)
	for range 2 {
		if s, err := u.State(t.Context()); err != nil || s.Generation != 5 {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if a.sent[0].Words[1] != 1 || a.sent[1].Words[1] != 0 || a.sent[2].Words[1] != 0 {
		t.Errorf("%v %v %v", a.sent[0].Words, a.sent[1].Words, a.sent[2].Words)
	}
	// A device that refuses both is none that tells.
	both := status(HostIDInconsistent | DoNotRetry)
	u = NewUnit("/dev/nvme0n1", &answering{answers: []func(*Request) (Reply, error){both, both}})
	if s, err := u.State(t.Context()); s != nil || !errors.Is(err, ErrOtherFormat) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestCapabilities(t *testing.T) {
	ctrl := data((&Controller{Reservations: true}).Encode())
	ns := func(n Namespace) func(*Request) (Reply, error) { n.Blocks = 1; return data(n.Encode()) }
	persisting := data((&Report{Persisting: true}).Encode(ExtendedReport))
	for name, c := range map[string]struct {
		answers []func(*Request) (Reply, error)
		err     error
		want    pr.Capabilities
	}{
		"all":             {[]func(*Request) (Reply, error){persisting, ctrl, ns(Namespace{Shared: true, Reserves: 0xff})}, nil, pr.Capabilities{Persists: true, Persisting: true}},
		"no report yet":   {[]func(*Request) (Reply, error){ctrl, ns(Namespace{Shared: true, Reserves: 0xff})}, nil, pr.Capabilities{Persists: true}},
		"no PTPL":         {[]func(*Request) (Reply, error){ctrl, ns(Namespace{Shared: true, Reserves: 0xfe})}, nil, pr.Capabilities{}},
		"no reservations": {[]func(*Request) (Reply, error){ctrl, ns(Namespace{Shared: true})}, pr.ErrNoReservations, pr.Capabilities{}},
		"no commands":     {[]func(*Request) (Reply, error){data((&Controller{}).Encode()), ns(Namespace{Shared: true, Reserves: 0xff})}, pr.ErrNoReservations, pr.Capabilities{}},
		"not shared":      {[]func(*Request) (Reply, error){ctrl, ns(Namespace{Reserves: 0xff})}, pr.ErrNotShared, pr.Capabilities{}},
	} {
		t.Run(name, func(t *testing.T) {
			u := NewUnit("/dev/nvme0n1", &answering{answers: c.answers})
			if name == "all" {
				if _, err := u.State(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			got, err := u.Capabilities(t.Context())
			if !errors.Is(err, c.err) || (got == nil) != (c.err != nil) {
				t.Fatalf("%+v, %v", got, err)
			}
			if got != nil && (got.Persists != c.want.Persists || got.Persisting != c.want.Persisting || got.Introduces || !got.Supports(pr.WriteExclusiveAllRegistrants)) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// No reservation command goes to another namespace than the one that is meant, and after
// a path has failed it is asked again.
func TestExpect(t *testing.T) {
	right := Names{UUID: [16]byte{1}, NGUID: [16]byte{2}}
	mine, others := data(right.Encode()), data((&Names{UUID: [16]byte{9}}).Encode())
	report := data(registrants(1).Encode(ExtendedReport))
	a := &answering{answers: []func(*Request) (Reply, error){
		mine, report, report, status(HostPathingError), others,
	}}
	u := NewUnit("/dev/nvme0n1", a)
	u.Expect(right.WWIDs()[1], "")
	for range 2 {
		if _, err := u.State(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.Clear(t.Context(), 1); !pr.OutcomeUnknown(err) {
		t.Errorf("%v", err)
	}
	err := u.Clear(t.Context(), 1)
	var wrong *WrongNamespaceError
	if !errors.Is(err, pr.ErrWrongDevice) || !errors.As(err, &wrong) || len(a.sent) != 5 || pr.OutcomeUnknown(err) {
		t.Errorf("%v after %d", err, len(a.sent))
	}
	// What the device's name states has to be its name, too.
	for _, c := range []struct {
		wwid, stated string
		err          error
	}{{"", right.WWIDs()[1], nil}, {right.WWIDs()[0], right.WWIDs()[1], nil}, {right.WWIDs()[0], "eui.09", pr.ErrWrongDevice}, {"", "eui.09", pr.ErrWrongDevice}, {"eui.09", right.WWIDs()[1], pr.ErrWrongDevice}} {
		u := NewUnit("/dev/nvme0n1", &answering{answers: []func(*Request) (Reply, error){mine, report}})
		u.Expect(c.wwid, c.stated)
		if _, err := u.State(t.Context()); !errors.Is(err, c.err) {
			t.Errorf("%q, stated %q: %v", c.wwid, c.stated, err)
		}
	}
	// A controller that predates the list of names has those of Identify Namespace.
	old := &answering{answers: []func(*Request) (Reply, error){
		status(InvalidField | DoNotRetry), data((&Namespace{Blocks: 1, EUI64: [8]byte{7}}).Encode()),
	}}
	if wwid, err := NewUnit("", old).WWID(t.Context()); err != nil || wwid != "eui.0700000000000000" {
		t.Errorf("%q, %v", wwid, err)
	}
}
