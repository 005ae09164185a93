package nvme

import (
	"bytes"
	"testing"
)

// Each decoder is total: whatever arrives, it is an answer or an error, and an answer
// says the same when it is encoded.
func FuzzReport(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		f.Add(registrants(n).Encode(ExtendedReport), true)
		f.Add(registrants(n).Encode(ShortReport), false)
	}
	f.Add(bytes.Repeat([]byte{0xff}, 128), true)
	f.Fuzz(func(t *testing.T, b []byte, extended bool) {
		format := ShortReport
		if extended {
			format = ExtendedReport
		}
		r, err := DecodeReport(b, format)
		if (r == nil) == (err == nil) {
			t.Fatalf("%v, %v", r, err)
		}
		if err != nil {
			return
		}
		again, err := DecodeReport(r.Encode(format), format)
		if err != nil || again.Generation != r.Generation || again.Type != r.Type || len(again.Entries) != len(r.Entries) {
			t.Fatalf("%+v, %v of %+v", again, err, r)
		}
		for i, e := range r.Entries {
			if again.Entries[i] != e {
				t.Fatalf("%+v of %+v", again.Entries[i], e)
			}
		}
		if s, err := r.State(); (s == nil) == (err == nil) || s != nil && len(s.Registrations) > len(r.Entries) {
			t.Fatalf("%+v, %v", s, err)
		}
	})
}

func FuzzIdentify(f *testing.F) {
	f.Add((&Namespace{Blocks: 1, BlockSize: 512, Reserves: 0xff}).Encode())
	f.Add((&Controller{ID: 1, Reservations: true}).Encode())
	f.Add((&Names{UUID: [16]byte{1}, EUI64: [8]byte{2}}).Encode())
	f.Add(bytes.Repeat([]byte{0xff}, identifyLen))
	f.Add(append([]byte{3, 16}, make([]byte, 10)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := DecodeNamespace(b); (n == nil) == (err == nil) {
			t.Fatalf("%v, %v", n, err)
		} else if err == nil {
			if again, err := DecodeNamespace(n.Encode()); err != nil || *again != *n {
				t.Fatalf("%+v, %v of %+v", again, err, n)
			}
		}
		if c, err := DecodeController(b); (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if n, err := DecodeNames(b); (n == nil) == (err == nil) {
			t.Fatalf("%v, %v", n, err)
		} else if err == nil {
			if again, err := DecodeNames(n.Encode()); err != nil || *again != *n {
				t.Fatalf("%+v, %v of %+v", again, err, n)
			}
		}
		if n, err := DecodeNotification(b); (n == nil) == (err == nil) {
			t.Fatalf("%v, %v", n, err)
		}
	})
}

// FuzzCommands is for a target's side: what a request says is what it was made of.
func FuzzCommands(f *testing.F) {
	f.Add(uint32(0xc000000a), make([]byte, 16))
	f.Add(uint32(0x302), make([]byte, 8))
	f.Fuzz(func(t *testing.T, word uint32, b []byte) {
		req := &Request{Data: b}
		req.Words[0] = word
		for _, op := range []Opcode{OpRegister, OpAcquire, OpRelease} {
			req.Opcode = op
			var again *Request
			switch op {
			case OpRegister:
				if c, err := DecodeRegister(req); err == nil {
					again = c.Encode()
				}
			case OpAcquire:
				if c, err := DecodeAcquisition(req); err == nil {
					again = c.Encode()
				}
			case OpRelease:
				if c, err := DecodeReleasing(req); err == nil {
					again = c.Encode()
				}
			}
			if again != nil && !bytes.Equal(again.Data, b[:len(again.Data)]) {
				t.Fatalf("%x of %x", again.Data, b)
			}
		}
	})
}
