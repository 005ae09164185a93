package scsi

import (
	"context"
	"fmt"
	"testing"

	"lunguard/pr"
)

// partly answers every command with GOOD and a residual count of 0, though no more
// than so many bytes of the answer arrive.
type partly struct {
	answer []byte
	n      int
	// zeros says that the kernel copies memory of its own, where the rest is 0.
	zeros bool
}

func (p partly) Do(_ context.Context, req *Request) (Reply, error) {
	n := copy(req.Data, p.answer[:min(p.n, len(p.answer))])
	if p.zeros {
		clear(req.Data[n:])
	}
	return Reply{}, nil
}

// reader is a command that reads, as a question with yes or no: whether it was
// answered.
type reader struct {
	name   string
	answer []byte
	ask    func(context.Context, Transport) error
}

func readers(t *testing.T) []reader {
	t.Helper()
	encode := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	full := ReadFullStatusResponse{Generation: 7, Descriptors: []FullStatus{
		{Key: 0xa, Holder: true, Type: WriteExclusiveRegistrantsOnly, RelativePort: 1, TransportID: ISCSIPortTransportID("iqn.x:a", 1)},
		{Key: 0xb, RelativePort: 2, TransportID: ISCSIPortTransportID("iqn.x:b", 1)},
	}}
	keys := ReadKeysResponse{Generation: 7, Keys: []Key{0xa, 0xb}}
	held := ReadReservationResponse{Generation: 7, Reservation: &Reservation{Key: 0xa, Type: WriteExclusiveRegistrantsOnly}}
	caps := Capabilities{TypesValid: true, Types: 0xea01, PersistCapable: true}
	names := Designators{{Type: DesignatorNAA, CodeSet: 1, Value: []byte{0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}}
	return []reader{
		{"READ FULL STATUS", encode(full.MarshalBinary()), func(ctx context.Context, t Transport) error { _, err := ReadFullStatus{}.Execute(ctx, t); return err }},
		{"state", encode(full.MarshalBinary()), func(ctx context.Context, t Transport) error { _, err := ReadState(ctx, t); return err }},
		{"READ KEYS", encode(keys.MarshalBinary()), func(ctx context.Context, t Transport) error { _, err := ReadKeys{}.Execute(ctx, t); return err }},
		{"READ RESERVATION", encode(held.MarshalBinary()), func(ctx context.Context, t Transport) error { _, err := ReadReservation{}.Execute(ctx, t); return err }},
		{"REPORT CAPABILITIES", encode(caps.MarshalBinary()), func(ctx context.Context, t Transport) error {
			_, err := ReportCapabilities{}.Execute(ctx, t)
			return err
		}},
		{"VPD page 83h", encode(names.MarshalBinary()), func(ctx context.Context, t Transport) error {
			_, err := DeviceIdentification{}.Execute(ctx, t)
			return err
		}},
		{"VPD page 80h", []byte{0, 0x80, 0, 0}, func(ctx context.Context, t Transport) error { _, err := SerialNumber{}.Execute(ctx, t); return err }},
		{"INQUIRY", []byte{0, 0, 6, 2, 31, 0, 0, 2}, func(ctx context.Context, t Transport) error { _, err := Inquiry{}.Execute(ctx, t); return err }},
		{"READ CAPACITY", []byte{0, 0, 7, 0xff, 0, 0, 2, 0}, func(ctx context.Context, t Transport) error { _, err := ReadCapacity{}.Execute(ctx, t); return err }},
	}
}

// GOOD with a residual count of 0 is no proof that anything has arrived, and a
// buffer that nothing was put into is no answer.
func TestNothingArrived(t *testing.T) {
	for _, r := range readers(t) {
		isClass(t, r.ask(context.Background(), partly{}), pr.ErrMalformed)
		if err := r.ask(context.Background(), partly{answer: r.answer, n: len(r.answer), zeros: true}); err != nil {
			t.Errorf("%s, answered: %v", r.name, err)
		}
	}
}

// An answer that is cut short anywhere is none, whatever the residual count says and
// whatever is behind it in memory. Zeros behind the LENGTH of the capabilities, behind
// the holder's key, and those of an empty list are what a device may say. A name that
// is cut short is another name.
func TestCutShort(t *testing.T) {
	whole := map[string]func(n int) bool{
		"READ FULL STATUS": func(n int) bool { return n < beginning }, "state": func(n int) bool { return n < beginning },
		"READ RESERVATION": func(n int) bool { return n < beginning || n >= 15 }, "REPORT CAPABILITIES": func(n int) bool { return n >= 2 },
	}
	// What is behind the end means nothing.
	name := len(ISCSIPortTransportID("iqn.x:b", 1).Bytes())
	ends := map[string]int{"READ RESERVATION": 22, "REPORT CAPABILITIES": 7, "READ FULL STATUS": -name, "state": -name}
	for _, r := range readers(t) {
		if whole[r.name] == nil {
			continue
		}
		for n := range len(r.answer) {
			for _, zeros := range []bool{false, true} {
				end := ends[r.name]
				if end < 0 {
					end += len(r.answer)
				}
				err := r.ask(context.Background(), partly{answer: r.answer, n: n, zeros: zeros})
				if err == nil && n < end && !(zeros && whole[r.name](n)) {
					t.Errorf("%s, %d of %d bytes, zeros %v: no error", r.name, n, len(r.answer), zeros)
				}
			}
		}
	}
}

// The memory that the kernel is given is never one of zeros.
func TestSGBufferIsBlank(t *testing.T) {
	d := deviceWith(func(*sgCall) error { return nil })
	for _, n := range []int{8, 256, 16384} {
		req := Request{CDB: make([]byte, 10), Dir: DataIn, Data: make([]byte, n)}
		if _, err := d.Do(context.Background(), &req); err != nil || !IsBlank(req.Data, min(n, blankHead)) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	_, err := ReadState(context.Background(), d)
	isClass(t, err, pr.ErrMalformed)
	if err != nil && fmt.Sprint(err) != "PERSISTENT RESERVE IN, READ FULL STATUS: malformed answer: GOOD, and no data" {
		t.Error(err)
	}
}

// TestSGDirection: block devices keep what was in the buffer where nothing arrives; sg
// character devices refuse to be asked for that.
func TestSGDirection(t *testing.T) {
	for char, want := range map[bool]int32{false: sgDxferBoth, true: sgDxferFromDev} {
		var got int32
		d := deviceWith(func(c *sgCall) error { got = int32(c.hdr.dxferDirection); return nil })
		d.char = char
		req := Request{CDB: make([]byte, 10), Dir: DataIn, Data: make([]byte, 8)}
		if _, err := d.Do(context.Background(), &req); err != nil || got != want {
			t.Errorf("character device %v: direction %d, want %d, %v", char, got, want, err)
		}
	}
}
