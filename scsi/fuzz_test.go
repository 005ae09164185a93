package scsi

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// fuzzCodec checks the promises of one decoder: no panic, nothing returned with
// an error, and decode, encode, decode gives the same.
func fuzzCodec(f *testing.F, fresh func() codec, seeds ...string) {
	for _, s := range seeds {
		f.Add(hx(f, s))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		first := fresh()
		if err := first.UnmarshalBinary(wire); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error of another class: %v", err)
			}
			if !reflect.DeepEqual(first, fresh()) {
				t.Fatalf("%+v returned with %v", first, err)
			}
			return
		}
		b, err := first.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		second := fresh()
		if err := second.UnmarshalBinary(b); err != nil {
			t.Fatalf("% x, encoded as % x: %v", wire, b, err)
		}
		if d := cmp.Diff(first, second, sameIDs); d != "" {
			t.Fatalf("% x (-first +second):\n%s", wire, d)
		}
	})
}

func FuzzReadKeys(f *testing.F) {
	fuzzCodec(f, func() codec { return new(ReadKeysResponse) }, "00000000 00000000",
		"fffffffe 00000018 00000000bcb00001 00000000bcb00001 ffffffffffffffff", "00000000 fffffff8 00")
}

func FuzzReadReservation(f *testing.F) {
	fuzzCodec(f, func() codec { return new(ReadReservationResponse) }, "00000005 00000000",
		"00000005 00000010 00000000bcb00001 00000000 00 05 0000")
}

func FuzzCapabilities(f *testing.F) {
	fuzzCodec(f, func() codec { return new(Capabilities) }, "0008 1d 90 ea01 0000", "0008 00 80 ea01 0000", "00*8")
}

func FuzzFullStatus(f *testing.F) {
	fuzzCodec(f, func() codec { return new(ReadFullStatusResponse) }, "00000009 00000000",
		"00000009 00000070 "+fromLIO+" | "+fromLoop,
		"00000000 00000030 0000000000000001 eeeeeeee 02 ee eeeeeeee eeee 00000018 06 000000 0000000000000007 00*12",
		"00000000 00000034 0000000000000001 00000000 01 05 00000000 0001 0000001c 0b 000000 00*24")
}

func FuzzInquiry(f *testing.F) {
	fuzzCodec(f, func() codec { return new(InquiryData) }, "00 00 06 02 1f 00 00 02 4c494f2d4f524720 64697370302020202020202020202020 342e3020",
		"7f 00 06 02 1f 00 00 02 ff*28")
}

func FuzzSense(f *testing.F) {
	for _, s := range []string{"70 00 06 00000000 0a 00000000 2a 05 00*4", "73 04 44 00 000000 00", "71 00 03", "f2 01"} {
		f.Add(hx(f, s))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		s, err := DecodeSense(wire)
		if err != nil {
			if !errors.Is(err, ErrNoSense) || s != (Sense{}) {
				t.Fatalf("%+v, %v", s, err)
			}
		} else {
			for _, b := range [][]byte{s.Fixed(), s.Descriptor()} {
				if again, err := DecodeSense(b); err != nil || again != s {
					t.Fatalf("%+v became %+v, %v", s, again, err)
				}
			}
		}
		// Whatever the sense data: CHECK CONDITION is success only if it is a
		// current RECOVERED ERROR.
		err = Reply{Status: CheckCondition, Sense: wire}.Err()
		if (err == nil) != (s.Key == RecoveredError && !s.Deferred) {
			t.Fatalf("%+v: %v", s, err)
		}
	})
}

// safeText fails unless the text can go to a terminal.
func safeText(t *testing.T, text string) {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			t.Fatalf("%q in %q", r, text)
		}
	}
}

// onlyASCII drops what strings.ToLower would treat otherwise.
func onlyASCII(r rune) rune {
	if r > 0x7f {
		return -1
	}
	return r
}

func FuzzTransportID(f *testing.F) {
	for _, s := range []string{"06 000000 6001405000000011 00*12", "00*24", "05 00 0014 69716e2e323032342d30312e783a61 00*5",
		"45 00 0024 69716e2e323032342d30312e783a61 2c692c3078 383030303030343130303031 00*4", "0b 01*27", "45 00 0014 ff*15 2c492c3058",
		"45 00 0024 69716e2e323032342d30312e783a61 2c692c3078 383030303030343130303031 00*4 06 00*23",
		// A reserved byte, and something behind the name's end.
		"05 01 0014 69716e2e323032342d30312e783a61 00*5", "05 00 0014 69716e2e323032342d30312e783a61 00*4 61"} {
		f.Add(hx(f, s))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		id, err := DecodeTransportID(wire)
		if err != nil {
			if !errors.Is(err, ErrBadTransportID) || !id.IsZero() {
				t.Fatalf("%v, %v", id, err)
			}
		} else {
			if !bytes.HasPrefix(wire, id.Bytes()) {
				t.Fatalf("% x became % x", wire, id.Bytes())
			}
			again, err := DecodeTransportID(id.Bytes())
			if err != nil || again != id {
				t.Fatalf("% x became % x, %v", id.Bytes(), again.Bytes(), err)
			}
			folded := id.Canonical()
			if text := id.iscsiText(); id.Protocol() == ProtocolISCSI && id.Format() <= 1 && len(text) <= maxISCSIText {
				diff(t, "canonical", iscsiTransportID(id.raw[0], strings.ToLower(strings.Map(onlyASCII, text))), iscsiTransportID(id.raw[0], strings.Map(onlyASCII, folded.iscsiText())))
				if want := iscsiTransportID(id.raw[0], folded.iscsiText()); folded != want {
					t.Fatalf("% x folds to % x, not to % x", id.Bytes(), folded.Bytes(), want.Bytes())
				}
			}
			if back, err := DecodeTransportID(folded.Bytes()); err != nil || back != folded || folded.Canonical() != folded {
				t.Fatalf("% x folds to % x, %v", id.Bytes(), folded.Bytes(), err)
			}
			safeText(t, id.String())
		}
		list, err := DecodeTransportIDList(wire)
		if err != nil {
			if !errors.Is(err, ErrBadTransportID) || list != nil {
				t.Fatalf("%v, %v", list, err)
			}
			return
		}
		var b []byte
		for _, id := range list {
			b = append(b, id.Bytes()...)
		}
		if !bytes.Equal(b, wire) {
			t.Fatalf("list % x became % x", wire, b)
		}
	})
}

func FuzzPROut(f *testing.F) {
	for _, p := range []*PROut{{Action: OutRegister, Key: 1, ActionKey: 2, APTPL: true}, {Action: OutReserve, Key: 1, Type: 5},
		{Action: OutRegister, ActionKey: 2, AllTgtPort: true, TransportIDs: []TransportID{SASTransportID(1), ISCSIPortTransportID("iqn.x:a", 1)}}} {
		cdb, list := p.Marshal()
		f.Add(cdb, list)
	}
	f.Fuzz(func(t *testing.T, cdb, list []byte) {
		p, err := UnmarshalPROut(cdb, list)
		if err != nil {
			if p != nil || !errors.Is(err, ErrListLength) && !errors.Is(err, ErrListField) {
				t.Fatalf("%+v, %v", p, err)
			}
			return
		}
		cdb2, list2 := p.Marshal()
		// All but the reserved and obsolete fields are as they were.
		cdb, list = bytes.Clone(cdb[:10]), bytes.Clone(list)
		cdb[0], cdb[1], cdb[3], cdb[4], cdb[9] = byte(OpPROut), cdb[1]&0x1f, 0, 0, 0
		list[20] &= 0x0d
		for _, i := range []int{16, 17, 18, 19, 21, 22, 23} {
			list[i] = 0
		}
		if !bytes.Equal(cdb, cdb2) || !bytes.Equal(list, list2) {
			t.Fatalf("% x | % x became % x | % x", cdb, list, cdb2, list2)
		}
	})
}

func FuzzRegisterMove(f *testing.F) {
	for _, p := range []*RegisterMove{{Key: 1, ActionKey: 2, Unregister: true, RelativePort: 3, Destination: SASTransportID(1)},
		{Key: 1, APTPL: true, Destination: ISCSIPortTransportID("iqn.x:a", 1)}} {
		cdb, list := p.Marshal()
		f.Add(cdb, list)
	}
	f.Fuzz(func(t *testing.T, cdb, list []byte) {
		p, err := UnmarshalRegisterMove(cdb, list)
		if err != nil {
			if p != nil || !errors.Is(err, ErrListLength) && !errors.Is(err, ErrListField) {
				t.Fatalf("%+v, %v", p, err)
			}
			return
		}
		again, err := UnmarshalRegisterMove(p.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(p, again, sameIDs); d != "" {
			t.Fatalf("(-first +second):\n%s", d)
		}
	})
}

func FuzzVPD(f *testing.F) {
	for _, s := range []string{"00 83 000c 01 03 00 08 5000c50000000001", "00 80 0004 41423132", "00 83 0103 02 01 00 ff 41*255",
		"00 83 0010 62 91 00 0c 1b5b324a 414243 ff00 0d0a00"} {
		f.Add(hx(f, s))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		if serial, err := DecodeSerial(wire); err == nil {
			safeText(t, serial)
		} else if serial != "" || !errors.Is(err, ErrMalformed) {
			t.Fatalf("%q, %v", serial, err)
		}
		list, err := DecodeDesignators(wire)
		if err != nil {
			if list != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("%+v, %v", list, err)
			}
			return
		}
		safeText(t, list.WWID())
		b, err := list.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeDesignators(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(list, again); d != "" {
			t.Fatalf("(-first +second):\n%s", d)
		}
	})
}

// FuzzAnswers plays any bytes to the commands that ask again: no panic, no
// endless asking, nothing with an error.
func FuzzAnswers(f *testing.F) {
	f.Add(hx(f, "00000001 00000070 "+fromLIO+" | "+fromLoop), int64(0))
	f.Add(hx(f, "00000001 0000fff8"), int64(8000))
	f.Add(hx(f, "00 80 0100"), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, resid int64) {
		device := func() *fake {
			return &fake{t: t, answers: func(n int, req *Request) answer {
				if n > 16 {
					t.Fatalf("asked %d times", n)
				}
				return answer{data: data[:min(len(data), len(req.Data))], noResid: resid != 0, reply: Reply{Resid: int(int32(resid))}}
			}}
		}
		ctx := context.Background()
		if s, err := ReadState(ctx, device()); (s == nil) == (err == nil) {
			t.Fatalf("%+v, %v", s, err)
		}
		if k, err := (ReadKeys{}).Execute(ctx, device()); (k == nil) == (err == nil) {
			t.Fatalf("%+v, %v", k, err)
		}
		if s, err := (SerialNumber{}).Execute(ctx, device()); s != "" && err != nil {
			t.Fatalf("%q, %v", s, err)
		}
		if d, err := (DeviceIdentification{}).Execute(ctx, device()); d != nil && err != nil {
			t.Fatalf("%+v, %v", d, err)
		}
	})
}

func BenchmarkFullStatus1000(b *testing.B) {
	want := &ReadFullStatusResponse{}
	for i := range 1000 {
		want.Descriptors = append(want.Descriptors, FullStatus{Key: Key(i + 1), TransportID: ISCSIPortTransportID("iqn.2024-01.org.example:host", uint64(i))})
	}
	wire := encoded(b, want)
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		var r ReadFullStatusResponse
		if err := r.UnmarshalBinary(wire); err != nil || len(r.Descriptors) != 1000 {
			b.Fatal(err)
		}
	}
}
