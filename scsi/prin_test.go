package scsi

import (
	"context"
	"encoding"
	"testing"
)

// codec is what each answer of PERSISTENT RESERVE IN is.
type codec interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// Registrations as two targets send them.
const (
	// LIO over iSCSI.
	fromLIO = "000000000000abcd 00000000 01 01 00000000 0001 00000028 | 45 00 0024 " +
		"69716e2e323032342d30312e783a61 2c692c3078 383030303030343130303031 00*4"
	// LIO over tcm_loop, which speaks SAS.
	fromLoop = "0000000000001111 00000000 00 00 00000000 0002 00000018 | 06 000000 6001405000000011 00*12"
)

func TestPRInAnswers(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire string
		want codec
	}{
		{"READ KEYS, none", "00000000 00000000", &ReadKeysResponse{Keys: []Key{}}},
		{"READ KEYS, two nexuses with one key", "fffffffe 00000018 | 00000000bcb00001 00000000bcb00001 ffffffffffffffff",
			&ReadKeysResponse{Generation: 0xfffffffe, Keys: []Key{0xbcb00001, 0xbcb00001, 1<<64 - 1}}},
		{"READ RESERVATION, none", "00000005 00000000", &ReadReservationResponse{Generation: 5}},
		{"READ RESERVATION, holder", "00000005 00000010 | 00000000bcb00001 00000000 00 05 0000",
			&ReadReservationResponse{Generation: 5, Reservation: &Reservation{Key: 0xbcb00001, Type: WriteExclusiveRegistrantsOnly}}},
		{"READ RESERVATION, all registrants", "00000005 00000010 | 0000000000000000 00000000 00 08 0000",
			&ReadReservationResponse{Generation: 5, Reservation: &Reservation{Type: ExclusiveAccessAllRegistrants}}},
		{"READ RESERVATION, odd scope and type", "00000005 00000010 | 0000000000000001 00000000 00 f0 0000",
			&ReadReservationResponse{Generation: 5, Reservation: &Reservation{Key: 1, Scope: 0xf, Type: 0}}},
		{"REPORT CAPABILITIES, LIO", "0008 1d 90 ea01 0000", &Capabilities{CompatibleHandle: true, SpecIPT: true,
			AllTargetPorts: true, PersistCapable: true, TypesValid: true, AllowCommands: 1, Types: 0xea01}},
		{"REPORT CAPABILITIES, LIO with APTPL", "0008 1d 91 ea01 0000", &Capabilities{CompatibleHandle: true, SpecIPT: true,
			AllTargetPorts: true, PersistCapable: true, PersistActive: true, TypesValid: true, AllowCommands: 1, Types: 0xea01}},
		{"REPORT CAPABILITIES, tgtd", "0008 00 80 ea01 0000", &Capabilities{TypesValid: true, Types: 0xea01}},
		{"REPORT CAPABILITIES, replace lost", "0008 80 40 0000 0000", &Capabilities{ReplaceLost: true, AllowCommands: 4}},
		{"READ FULL STATUS, none", "00000009 00000000", &ReadFullStatusResponse{Generation: 9}},
		{"READ FULL STATUS, LIO", "00000009 00000070 | " + fromLIO + " | " + fromLoop,
			&ReadFullStatusResponse{Generation: 9, Descriptors: []FullStatus{
				{Key: 0xabcd, Holder: true, Type: WriteExclusive, RelativePort: 1, TransportID: ISCSIPortTransportID("iqn.2024-01.x:a", 0x800000410001)},
				{Key: 0x1111, RelativePort: 2, TransportID: SASTransportID(0x6001405000000011)},
			}}},
		{"READ FULL STATUS, all target ports", "00000009 00000030 | 0000000000000001 00000000 03 07 00000000 0000 00000018 06 000000 0000000000000007 00*12",
			&ReadFullStatusResponse{Generation: 9, Descriptors: []FullStatus{
				{Key: 1, AllTgtPort: true, Holder: true, Type: WriteExclusiveAllRegistrants, TransportID: SASTransportID(7)},
			}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire := hx(t, tc.wire)
			encoded, err := tc.want.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "encoded", wire, encoded)
			got := empty(tc.want)
			// What stands behind the length is none of the answer.
			if err := got.UnmarshalBinary(append(wire, 0xee, 0xee)); err != nil {
				t.Fatal(err)
			}
			diff(t, "decoded", tc.want, got)
		})
	}
}

func empty(c codec) codec {
	switch c.(type) {
	case *ReadKeysResponse:
		return new(ReadKeysResponse)
	case *ReadReservationResponse:
		return new(ReadReservationResponse)
	case *Capabilities:
		return new(Capabilities)
	case *InquiryData:
		return new(InquiryData)
	}
	return new(ReadFullStatusResponse)
}

// What a descriptor leaves undefined is not shown, whatever stands there.
func TestFullStatusIgnoresGarbage(t *testing.T) {
	var r ReadFullStatusResponse
	if err := r.UnmarshalBinary(hx(t, "00000000 00000030 | 0000000000000001 eeeeeeee 02 ee eeeeeeee eeee 00000018 06 000000 0000000000000007 00*12")); err != nil {
		t.Fatal(err)
	}
	diff(t, "descriptors", []FullStatus{{Key: 1, AllTgtPort: true, TransportID: SASTransportID(7)}}, r.Descriptors)
}

// The length of the descriptor decides where the next one begins, not what its
// TransportID seems to be.
func TestFullStatusSteps(t *testing.T) {
	unknown := "4b 11 2233 " + "ee*28"
	wire := hx(t, "00000001 00000088 | 0000000000000001 00000000 00 00 00000000 0001 00000020 "+unknown+
		" | 0000000000000002 00000000 00 00 00000000 0001 00000020 06 000000 0000000000000007 00*12 eeeeeeee eeeeeeee"+
		" | 0000000000000003 00000000 00 00 00000000 0001 00000018 00*24")
	wire[7] = byte(len(wire) - 8)
	var r ReadFullStatusResponse
	if err := r.UnmarshalBinary(wire); err != nil {
		t.Fatal(err)
	}
	diff(t, "keys", []Key{1, 2, 3}, r.Keys())
	diff(t, "raw", hx(t, unknown), r.Descriptors[0].TransportID.Bytes())
	diff(t, "padding dropped", SASTransportID(7), r.Descriptors[1].TransportID)
}

func TestPRInAnswersRefused(t *testing.T) {
	head := "0000000000000001 00000000 00 00 00000000 0001 "
	for _, tc := range []struct {
		name string
		into codec
		wire string
	}{
		{"READ KEYS, nothing", new(ReadKeysResponse), ""},
		{"READ KEYS, header cut", new(ReadKeysResponse), "00000000 000000"},
		{"READ KEYS, more said than came", new(ReadKeysResponse), "00000000 00000010 0000000000000001"},
		{"READ KEYS, 4 GiB said", new(ReadKeysResponse), "00000000 fffffff8 0000000000000001"},
		{"READ KEYS, half a key", new(ReadKeysResponse), "00000000 0000000c 0000000000000001 00000000"},
		{"READ RESERVATION, header cut", new(ReadReservationResponse), "00000000"},
		{"READ RESERVATION, half", new(ReadReservationResponse), "00000000 00000008 0000000000000001"},
		{"READ RESERVATION, two", new(ReadReservationResponse), "00000000 00000020 | 0000000000000001 00000000 00 05 0000 | 0000000000000002 00000000 00 05 0000"},
		{"READ RESERVATION, more said than came", new(ReadReservationResponse), "00000000 00000010 0000000000000001"},
		{"REPORT CAPABILITIES, cut", new(Capabilities), "0008 1d 90 ea01 00"},
		{"REPORT CAPABILITIES, zeros", new(Capabilities), "00*256"},
		{"REPORT CAPABILITIES, other length", new(Capabilities), "0009 1d 90 ea01 0000 00"},
		{"READ FULL STATUS, header cut", new(ReadFullStatusResponse), "00000000 00"},
		{"READ FULL STATUS, half a descriptor", new(ReadFullStatusResponse), "00000000 00000017 00*23"},
		{"READ FULL STATUS, no TransportID", new(ReadFullStatusResponse), "00000000 00000018 " + head + "00000000"},
		{"READ FULL STATUS, TransportID longer than the answer", new(ReadFullStatusResponse), "00000000 00000030 " + head + "00000019 00*24"},
		{"READ FULL STATUS, 4 GiB of TransportID", new(ReadFullStatusResponse), "00000000 00000030 " + head + "ffffffff 00*24"},
		{"READ FULL STATUS, TransportID too short", new(ReadFullStatusResponse), "00000000 0000002c " + head + "00000014 00*20"},
		{"READ FULL STATUS, iSCSI name longer than the descriptor", new(ReadFullStatusResponse), "00000000 00000030 " + head + "00000018 45 00 0018 61*20"},
		{"READ FULL STATUS, iSCSI name of odd length", new(ReadFullStatusResponse), "00000000 00000034 " + head + "0000001c 45 00 0015 61*24"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.into.UnmarshalBinary(hx(t, tc.wire))
			isClass(t, err, ErrMalformed)
			diff(t, "returned with an error", empty(tc.into), tc.into)
		})
	}
}

func TestTypeMask(t *testing.T) {
	all := []Type{WriteExclusive, ExclusiveAccess, WriteExclusiveRegistrantsOnly,
		ExclusiveAccessRegistrantsOnly, WriteExclusiveAllRegistrants, ExclusiveAccessAllRegistrants}
	wire := map[Type]string{1: "0200", 3: "0800", 5: "2000", 6: "4000", 7: "8000", 8: "0001"}
	var whole TypeMask
	for _, typ := range all {
		var one TypeMask
		one.Set(typ)
		whole.Set(typ)
		b, err := (&Capabilities{TypesValid: true, Types: one}).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		diff(t, typ.String(), hx(t, wire[typ]), b[4:6])
		for _, other := range all {
			if one.Has(other) != (other == typ) {
				t.Errorf("mask of %v has %v: %v", typ, other, one.Has(other))
			}
		}
	}
	whole.Set(2)
	diff(t, "all six", TypeMask(0xea01), whole)
	for typ := range Type(16) {
		if whole.Has(typ) != typ.Valid() {
			t.Errorf("type %d: Has %v, Valid %v", typ, whole.Has(typ), typ.Valid())
		}
	}
	c := &Capabilities{Types: 0x0200}
	if !c.Supports(ExclusiveAccess) {
		t.Error("a mask that is not valid was believed")
	}
	c.TypesValid = true
	if c.Supports(ExclusiveAccess) || !c.Supports(WriteExclusive) {
		t.Error("a valid mask was not believed")
	}
}

func TestCapabilitiesExecute(t *testing.T) {
	for _, tc := range []struct {
		name  string
		wire  string
		class error
	}{
		{"a bridge that answers anything with zeros", "00*256", ErrMalformed},
		{"nothing", "", ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := ReportCapabilities{}.Execute(context.Background(), good(t, hx(t, tc.wire)))
			isClass(t, err, tc.class)
			if c != nil {
				t.Errorf("%+v with an error", c)
			}
		})
	}
}
