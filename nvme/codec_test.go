package nvme

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
)

// host makes an identifier of UUID's digits.
func host(t testing.TB, text string) HostID {
	t.Helper()
	h, err := ParseHostID(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const uuidA = "2f6e1c5a-0b1d-4c3e-8f90-a1b2c3d4e5f6"

// The bytes of each command, field by field as the standard has them.
func TestCommandBytes(t *testing.T) {
	for name, c := range map[string]struct {
		req   *Request
		word  uint32
		data  string
		op    byte
		title string
	}{
		"register":   {(&Register{New: 0x1122334455667788}).Encode(), 0, "00000000000000008877665544332211", 0x0d, "Reservation Register, register"},
		"unregister": {(&Register{Action: UnregisterKey, Current: 1}).Encode(), 1, "01000000000000000000000000000000", 0x0d, "Reservation Register, unregister"},
		"replace and ignore, PTPL": {(&Register{Action: ReplaceKey, IgnoreKey: true, New: 2, Persistence: PersistenceOn}).Encode(),
			0xc000000a, "00000000000000000200000000000000", 0x0d, "Reservation Register, replace"},
		"acquire": {(&Acquisition{Type: TypeCode(pr.WriteExclusiveRegistrantsOnly), Current: 3}).Encode(),
			0x300, "03000000000000000000000000000000", 0x11, "Reservation Acquire, acquire"},
		"preempt and abort": {(&Acquisition{Action: PreemptAndAbort, Type: TypeCode(pr.WriteExclusiveAllRegistrants), Current: 3, Victim: 4}).Encode(),
			0x502, "03000000000000000400000000000000", 0x11, "Reservation Acquire, preempt and abort"},
		"release": {(&Releasing{Type: TypeCode(pr.ExclusiveAccess), Current: 5}).Encode(), 0x200, "0500000000000000", 0x15, "Reservation Release, release"},
		"clear":   {(&Releasing{Action: Clear, Current: 5}).Encode(), 1, "0500000000000000", 0x15, "Reservation Release, clear"},
	} {
		t.Run(name, func(t *testing.T) {
			got := []any{c.req.Words[0], hex.EncodeToString(c.req.Data), c.req.Opcode.Byte(), c.req.Name(), c.req.Opcode.SendsData(), c.req.Opcode.ReadsData(), c.req.Opcode.Admin(), c.req.OfController}
			if diff := cmp.Diff([]any{c.word, c.data, c.op, c.title, true, false, false, false}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	report := EncodeReport(ExtendedReport, 4096)
	if report.Words[0] != 1023 || report.Words[1] != 1 || report.Opcode.Byte() != 0x0e || !report.Opcode.ReadsData() {
		t.Errorf("%+v", report.Words)
	}
	id := EncodeHostID(true)
	if id.Words[0] != 0x81 || id.Words[1] != 1 || id.Opcode.Byte() != 0x0a || !id.Opcode.Admin() || !id.OfController || len(id.Data) != 16 {
		t.Errorf("%+v", id)
	}
	log := EncodeNotification()
	if log.Words[0] != 0x000f0080 || log.Opcode.Byte() != 2 || len(log.Data) != 64 {
		t.Errorf("%+v", log)
	}
}

// The types are SCSI's in SCSI's order.
func TestTypes(t *testing.T) {
	want := []pr.Type{0, pr.WriteExclusive, pr.ExclusiveAccess, pr.WriteExclusiveRegistrantsOnly,
		pr.ExclusiveAccessRegistrantsOnly, pr.WriteExclusiveAllRegistrants, pr.ExclusiveAccessAllRegistrants}
	for code, typ := range want {
		if got := RType(code).Common(); got != typ || int(TypeCode(typ)) != code {
			t.Errorf("%d is %v, %v is %d", code, got, typ, TypeCode(typ))
		}
	}
	if RType(7).Common() != 0 || TypeCode(pr.Type(2)) != 0 {
		t.Error("a type that is none")
	}
	// RESCAP bits 1 to 6, as Linux's target tells them.
	caps := ReservationCapabilities(0xfe)
	if diff := cmp.Diff(want[1:], caps.Types()); diff != "" || caps.Persists() || !ReservationCapabilities(1).Persists() {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(ReservationCapabilities(0x81).Types()) != 0 {
		t.Error("bits 0 and 7 are no types")
	}
}

// A report in each format, byte by byte: host identifier and key change places.
func TestReportBytes(t *testing.T) {
	extended := "07000000" + "03" + "0100" + "0000" + "01" + strings.Repeat("00", 54) +
		"ffff" + "01" + "0000000000" + "0100000000000000" + "2f6e1c5a0b1d4c3e8f90a1b2c3d4e5f6" + strings.Repeat("00", 32)
	short := "07000000" + "03" + "0100" + "0000" + "01" + strings.Repeat("00", 14) +
		"ffff" + "01" + "0000000000" + "2f6e1c5a0b1d4c3e" + "0100000000000000"
	for format, text := range map[ReportFormat]string{ExtendedReport: extended, ShortReport: short} {
		id := host(t, uuidA)
		if format == ShortReport {
			id = host(t, "2f6e1c5a0b1d4c3e")
		}
		want := &Report{Generation: 7, Type: 3, Persisting: true, Entries: []ReportEntry{{Controller: DynamicController, Holder: true, Host: id, Key: 1}}}
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeReport(b, format)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(HostID{})); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if again := hex.EncodeToString(got.Encode(format)); again != text {
			t.Errorf("%s", again)
		}
	}
}

// answering is a transport that gives answers in their order, and keeps what was sent.
type answering struct {
	answers []func(*Request) (Reply, error)
	sent    []*Request
}

func (a *answering) Do(_ context.Context, req *Request) (Reply, error) {
	c := *req
	a.sent = append(a.sent, &c)
	if len(a.sent) > len(a.answers) {
		return Reply{}, errors.New("one command too many")
	}
	return a.answers[len(a.sent)-1](req)
}

func data(b []byte) func(*Request) (Reply, error) {
	return func(req *Request) (Reply, error) {
		copy(req.Data, b)
		return Reply{}, nil
	}
}

func status(s Status) func(*Request) (Reply, error) {
	return func(*Request) (Reply, error) { return Reply{Status: s}, nil }
}

func failing(err error) func(*Request) (Reply, error) {
	return func(*Request) (Reply, error) { return Reply{}, err }
}

func registrants(n int) *Report {
	r := &Report{Generation: 1}
	for i := range n {
		id, _ := MakeHostID(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i+1)))
		r.Entries = append(r.Entries, ReportEntry{Controller: uint16(i), Host: id, Key: pr.Key(i + 1)})
	}
	return r
}

// A thousand registrants are read, with as much room as they need.
func TestLongReport(t *testing.T) {
	b := registrants(1000).Encode(ExtendedReport)
	a := &answering{answers: []func(*Request) (Reply, error){data(b), data(b)}}
	r, err := ReadReport(t.Context(), a, ExtendedReport)
	if err != nil || len(r.Entries) != 1000 || r.Entries[999].Key != 1000 {
		t.Fatalf("%v, %v", r, err)
	}
	if got := []int{len(a.sent[0].Data), len(a.sent[1].Data), int(a.sent[1].Words[0])}; !cmp.Equal(got, []int{4096, 64 + 64000, (64+64000)/4 - 1}) {
		t.Errorf("%v", got)
	}
	// 63 fit at once.
	a = &answering{answers: []func(*Request) (Reply, error){data(registrants(63).Encode(ExtendedReport))}}
	if r, err := ReadReport(t.Context(), a, ExtendedReport); err != nil || len(r.Entries) != 63 {
		t.Errorf("%v, %v", r, err)
	}
}

// A report that grows each time, or tells more than it has, is malformed, and no list.
func TestLyingReports(t *testing.T) {
	lie := func(n uint16) []byte {
		b := registrants(1).Encode(ExtendedReport)
		binary.LittleEndian.PutUint16(b[5:], n)
		return b
	}
	var grows []func(*Request) (Reply, error)
	for i := range reportTries {
		grows = append(grows, data(registrants(100*(i+1)).Encode(ExtendedReport)))
	}
	zeroKey := registrants(2)
	zeroKey.Entries[1].Key = 0
	twoHolders := &Report{Type: 3, Entries: registrants(2).Entries}
	twoHolders.Entries[0].Holder, twoHolders.Entries[1].Holder = true, true
	twoKeys := registrants(2)
	twoKeys.Entries[1].Host = twoKeys.Entries[0].Host
	for name, answers := range map[string][]func(*Request) (Reply, error){
		"nothing arrives":            {data(nil)},
		"the header alone arrives":   {data(lie(1)[:64])},
		"one more than there is":     {data(lie(2))},
		"65535 registrants":          {data(lie(0xffff)), data(lie(0xffff))},
		"it grows":                   grows,
		"a type that is none":        {data((&Report{Type: 7}).Encode(ExtendedReport))},
		"key 0":                      {data(zeroKey.Encode(ExtendedReport))},
		"two holders":                {data(twoHolders.Encode(ExtendedReport))},
		"reserved, and nobody holds": {data((&Report{Type: 3}).Encode(ExtendedReport))},
		"nobody left of all":         {data((&Report{Type: 5}).Encode(ExtendedReport))},
		"a host with two keys":       {data(twoKeys.Encode(ExtendedReport))},
	} {
		t.Run(name, func(t *testing.T) {
			u := NewUnit("/dev/nvme0n1", &answering{answers: answers})
			s, err := u.State(t.Context())
			if s != nil || !errors.Is(err, pr.ErrMalformed) || pr.OutcomeUnknown(err) {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// One host with several controllers is one registration, and under a type of all
// registrants all hold, however few are marked.
func TestReportState(t *testing.T) {
	a, b := host(t, uuidA), host(t, strings.Repeat("0b", 16))
	r := &Report{Generation: 9, Type: 5, Entries: []ReportEntry{
		{Controller: 1, Host: a, Key: 1}, {Controller: 2, Host: a, Key: 1, Holder: true}, {Controller: 3, Host: b, Key: 1},
	}}
	s, err := r.State()
	if err != nil {
		t.Fatal(err)
	}
	want := &pr.State{Generation: 9, Identified: true, Reservation: &pr.Reservation{Type: pr.WriteExclusiveAllRegistrants}, Registrations: []pr.Registration{
		{Key: 1, Holder: true, AllPorts: true, Initiator: a}, {Key: 1, Holder: true, AllPorts: true, Initiator: b},
	}}
	if diff := cmp.Diff(want, s, cmp.AllowUnexported(HostID{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Controllers that have no host identifier are hosts of their own.
	r = &Report{Entries: []ReportEntry{{Controller: 1, Key: 1}, {Controller: 2, Key: 2}}}
	if s, err := r.State(); err != nil || len(s.Registrations) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestIdentify(t *testing.T) {
	n := &Namespace{Blocks: 100, BlockSize: 4096, Shared: true, Reserves: 0xff, WriteProtected: true, NGUID: [16]byte{1, 15: 2}, EUI64: [8]byte{3, 7: 4}}
	got, err := DecodeNamespace(n.Encode())
	if diff := cmp.Diff(n, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	// Offsets as Linux has them: include/linux/nvme.h, struct nvme_id_ns.
	if b := n.Encode(); b[30] != 1 || b[31] != 0xff || b[99] != 1 || b[104] != 1 || b[120] != 3 {
		t.Error("a field is elsewhere")
	}
	c := &Controller{ID: 7, LongHostIDs: true, Reservations: true, Delays: [3]time.Duration{time.Second, 2 * time.Second, 300 * time.Millisecond}, Subsystem: "nqn.x"}
	ctrl, err := DecodeController(c.Encode())
	if diff := cmp.Diff(c, ctrl); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if b := c.Encode(); b[78] != 7 || b[96] != 1 || b[520] != 0x20 || b[768] != 'n' || b[128] != 10 {
		t.Error("a field is elsewhere")
	}
	names := &Names{UUID: [16]byte{0xab, 15: 1}, NGUID: n.NGUID, EUI64: n.EUI64}
	back, err := DecodeNames(names.Encode())
	if diff := cmp.Diff(names, back); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	want := []string{"uuid.ab000000-0000-0000-0000-000000000001", "eui.01000000000000000000000000000002", "eui.0300000000000004"}
	if diff := cmp.Diff(want, names.WWIDs()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for wwid, unique := range map[string]bool{want[0]: true, want[1]: true, "nvme.1b36-31-51454d55-00000001": false, "": false} {
		if IsUnique(wwid) != unique {
			t.Errorf("%q", wwid)
		}
	}
}

// What was not sent by the controller is no answer.
func TestNothingArrived(t *testing.T) {
	nothing := func() Transport {
		return &answering{answers: []func(*Request) (Reply, error){data(nil)}}
	}
	ctx := t.Context()
	for name, f := range map[string]func(Transport) error{
		"host identifier": func(t Transport) error { _, err := ReadHostID(ctx, t); return err },
		"controller":      func(t Transport) error { _, err := IdentifyController(ctx, t); return err },
		"namespace":       func(t Transport) error { _, err := IdentifyNamespace(ctx, t); return err },
		"names":           func(t Transport) error { _, err := ReadNames(ctx, t); return err },
		"notification":    func(t Transport) error { _, err := ReadNotification(ctx, t); return err },
		"report":          func(t Transport) error { _, err := ReadReport(ctx, t, ShortReport); return err },
	} {
		if err := f(nothing()); !errors.Is(err, pr.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A controller tells of a namespace that it does not have by zeros.
	zeros := &answering{answers: []func(*Request) (Reply, error){data(make([]byte, identifyLen))}}
	if _, err := IdentifyNamespace(ctx, zeros); !errors.Is(err, errNoNamespace) || !errors.Is(err, pr.ErrMalformed) {
		t.Errorf("%v", err)
	}
}

// A host identifier of 8 bytes is asked for where the controller knows no longer one.
func TestReadHostID(t *testing.T) {
	short := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	a := &answering{answers: []func(*Request) (Reply, error){status(InvalidField | DoNotRetry), data(short)}}
	h, err := ReadHostID(t.Context(), a)
	if err != nil || !h.Short() || h.String() != "0102030405060708" || h.Identity().Initiator != h {
		t.Errorf("%v, %v", h, err)
	}
	a = &answering{answers: []func(*Request) (Reply, error){data(make([]byte, 16))}}
	if h, err := ReadHostID(t.Context(), a); err != nil || !h.IsZero() || h.Identity() != (pr.Identity{}) || h.Whole() {
		t.Errorf("%v, %v", h, err)
	}
}

func TestHostID(t *testing.T) {
	a := host(t, uuidA)
	if a.String() != uuidA || a.Host() != uuidA || !a.Same(a) || a.IsZero() || hex.EncodeToString(a.Bytes())[:8] != "2f6e1c5a" {
		t.Errorf("%v", a)
	}
	short := host(t, "2f6e1c5a0b1d4c3e")
	for name, c := range map[string]struct {
		own, listed pr.Initiator
		want        pr.Likeness
	}{
		"itself":             {a, a, pr.Alike},
		"another":            {a, host(t, strings.Repeat("1", 32)), pr.Unlike},
		"its half":           {a, short, pr.Unlike},
		"none and none":      {HostID{}, HostID{}, pr.Perhaps},
		"none and some":      {HostID{}, a, pr.Unlike},
		"of another storage": {a, stranger{}, pr.Unlike},
	} {
		if got := c.own.Likens(c.listed, false); got != c.want || c.own.Same(c.listed) != (c.want == pr.Alike) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, bad := range []string{"", "12", uuidA + "0", "zz" + uuidA[2:]} {
		if h, err := ParseHostID(bad); !errors.Is(err, ErrBadHostID) || !h.IsZero() {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// stranger is an initiator of another kind of storage.
type stranger struct{ pr.Initiator }
