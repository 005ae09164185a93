package scsi

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
)

func TestInquiry(t *testing.T) {
	lio := "00 00 06 02 1f 00 00 02 4c494f2d4f524720 64697370302020202020202020202020 342e3020"
	for _, tc := range []struct {
		name string
		wire string
		want InquiryData
	}{
		{"LIO", lio, InquiryData{Vendor: "LIO-ORG", Product: "disp0", Revision: "4.0"}},
		{"longer", lio + " ee*60", InquiryData{Vendor: "LIO-ORG", Product: "disp0", Revision: "4.0"}},
		{"nothing there", "7f 00 06 02 1f 00 00 02 20*28", InquiryData{DeviceType: 0x1f, Qualifier: 3}},
		{"NULs", "00 00 06 02 1f 00 00 02 00*28", InquiryData{}},
		{"hostile", "05 80 06 02 1f 00 00 02 1b5b324a9b33316d 412042 00*13 31ff3220", InquiryData{DeviceType: 5, Vendor: "?[2J?31m", Product: "A B", Revision: "1?2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got InquiryData
			if err := got.UnmarshalBinary(hx(t, tc.wire)); err != nil {
				t.Fatal(err)
			}
			diff(t, "data", tc.want, got)
		})
	}
	b, err := (&InquiryData{Vendor: "LIO-ORG", Product: "disp0", Revision: "4.0"}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "encoded", hx(t, lio), b)
	for _, n := range []string{"", "00*35"} {
		d, err := Inquiry{}.Execute(context.Background(), good(t, hx(t, n)))
		isClass(t, err, ErrMalformed)
		if d != nil {
			t.Errorf("%+v with an error", d)
		}
	}
}

func TestSerialNumber(t *testing.T) {
	long := make([]byte, 4+300)
	long[1] = vpdSerial
	binary.BigEndian.PutUint16(long[2:], 300)
	copy(long[4:], bytes.Repeat([]byte{'7'}, 300))
	for _, tc := range []struct {
		name string
		wire []byte
		want string
	}{
		{"padded", hx(t, "00 80 0008 2020414231320000"), "AB12"},
		{"empty", hx(t, "00 80 0000"), ""},
		{"hostile", hx(t, "00 80 0004 1b5b4d31"), "?[M1"},
		{"a question mark is a character", hx(t, "00 80 0003 3f313f"), "?1?"},
		{"more than the first buffer", long, string(bytes.Repeat([]byte{'7'}, 300))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := SerialNumber{}.Execute(context.Background(), pages(t, tc.wire))
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "serial number", tc.want, got)
		})
	}
}

func TestVPDRefused(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name string
		f    *fake
	}{
		{"nothing", good(t, nil)},
		{"header cut", good(t, hx(t, "00 80 00"))},
		{"another page", good(t, hx(t, "00 00 0002 8083"))},
		{"standard data", good(t, hx(t, "00 00 06 02 1f 00*31"))},
		{"cut", good(t, hx(t, "00 80 0010 41*15"))},
		{"cut at the second reading", &fake{t: t, script: []answer{{data: hx(t, "00 80 0120 41*248")}, {data: hx(t, "00 80 0120 41*287")}}}},
		{"longer than can be asked for", good(t, hx(t, "00 80 ffff 41*248"))},
		{"ever longer", &fake{t: t, answers: func(_ int, req *Request) answer {
			b := make([]byte, len(req.Data))
			b[1] = vpdSerial
			binary.BigEndian.PutUint16(b[2:], uint16(min(2*len(b), 0xffff)))
			return answer{data: b}
		}}},
		{"lost", &fake{t: t, script: []answer{{reply: Reply{Host: HostNoConnect}}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := SerialNumber{}.Execute(ctx, tc.f)
			if err == nil || got != "" {
				t.Errorf("%q, %v", got, err)
			}
			for _, s := range tc.f.sent {
				if n := int(binary.BigEndian.Uint16(s.CDB[3:])); n != s.Len {
					t.Errorf("allocation length %d with a buffer of %d", n, s.Len)
				}
			}
		})
	}
	for _, wire := range []string{"", "00 80", "00 83 0000", "00 80 0001", "00 80 ffff"} {
		_, err := DecodeSerial(hx(t, wire))
		isClass(t, err, ErrMalformed)
	}
	for _, wire := range []string{"", "00 83", "00 80 0000", "00 83 0001", "00 83 0003 010300", "00 83 0004 01030001", "00 83 000c 01 03 00 09 5000c50000000001"} {
		_, err := DecodeDesignators(hx(t, wire))
		isClass(t, err, ErrMalformed)
	}
	if s, err := DecodeSerial(hx(t, "00 80 ffff 41*65535")); err != nil || len(s) != 0xffff {
		t.Errorf("the longest page: %d bytes, %v", len(s), err)
	}
}

func TestDesignators(t *testing.T) {
	wire := hx(t, "00 83 0057 |"+ // as LIO sends it, in short
		"01 03 00 10 6001405abcdef0123456789abcdef012 |"+
		"02 01 00 18 4c494f2d4f524720 6469737030 3a 61626364 2d 31323334 00 |"+
		"61 94 00 04 00000001 |"+
		"63 98 00 0f 6e61612e3530303134303531323300 |"+
		"61 a3 00 08 5001405123456789")
	want := Designators{
		{Type: DesignatorNAA, CodeSet: 1, Value: hx(t, "6001405abcdef0123456789abcdef012")},
		{Type: DesignatorT10, CodeSet: 2, Value: []byte("LIO-ORG disp0:abcd-1234\x00")},
		{Type: DesignatorRelativePort, Association: 1, CodeSet: 1, Value: hx(t, "00000001")},
		{Type: DesignatorSCSIName, Association: 1, CodeSet: 3, Value: []byte("naa.5001405123\x00")},
		{Type: DesignatorNAA, Association: 2, CodeSet: 1, Value: hx(t, "5001405123456789")},
	}
	got, err := DecodeDesignators(wire)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "designators", want, got)
	diff(t, "WWID", "naa.6001405abcdef0123456789abcdef012", got.WWID())
	again, err := got.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	got, err = DecodeDesignators(again)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "designators, encoded and decoded", want, got)
}

// A designator may have up to 255 bytes, so that its end does not fit into the
// byte that holds its length.
func TestLongDesignators(t *testing.T) {
	for n := 250; n <= 255; n++ {
		want := Designators{{Type: DesignatorT10, CodeSet: 2, Value: bytes.Repeat([]byte{'a'}, n)}, {Type: DesignatorNAA, CodeSet: 1, Value: make([]byte, 8)}}
		b, err := want.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DeviceIdentification{}.Execute(context.Background(), pages(t, b))
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "designators", want, got)
	}
	if _, err := (Designators{{Value: make([]byte, 256)}}).MarshalBinary(); err == nil {
		t.Error("a designator of 256 bytes was encoded")
	}
	many := make(Designators, 300)
	for i := range many {
		many[i].Value = make([]byte, 255)
	}
	if _, err := many.MarshalBinary(); err == nil {
		t.Error("a page of more than 65535 bytes was encoded")
	}
}

func TestWWID(t *testing.T) {
	naa6 := Designator{Type: DesignatorNAA, CodeSet: 1, Value: hx(t, "6001405abcdef0123456789abcdef012")}
	naa5 := Designator{Type: DesignatorNAA, CodeSet: 1, Value: hx(t, "5000c50000000001")}
	naa3 := Designator{Type: DesignatorNAA, CodeSet: 1, Value: hx(t, "3000000000000001")}
	eui := Designator{Type: DesignatorEUI64, CodeSet: 1, Value: hx(t, "0025380000000001")}
	name := Designator{Type: DesignatorSCSIName, CodeSet: 3, Value: []byte("iqn.2024-01.x:disk1\x00")}
	t10 := Designator{Type: DesignatorT10, CodeSet: 2, Value: []byte("IET     0001  0001\x00\x00")}
	at := func(association uint8, x Designator) Designator { x.Association = association; return x }
	with := func(x Designator, value string) Designator { x.Value = []byte(value); return x }
	for _, tc := range []struct {
		name string
		list Designators
		want string
	}{
		{"none", nil, ""},
		{"the longest NAA", Designators{t10, naa5, eui, naa6, name}, "naa.6001405abcdef0123456789abcdef012"},
		{"EUI-64 before names", Designators{t10, name, eui}, "eui.0025380000000001"},
		{"SCSI name before T10", Designators{t10, name}, "iqn.2024-01.x:disk1"},
		{"T10", Designators{t10}, "t10.IET_0001_0001"},
		{"locally assigned NAA last", Designators{naa3, t10}, "t10.IET_0001_0001"},
		{"locally assigned NAA alone", Designators{naa3}, "naa.3000000000000001"},
		{"registered before local", Designators{naa3, naa5}, "naa.5000c50000000001"},
		{"two alike: the lesser", Designators{naa5, with(naa5, "\x50\x00\xc5\x00\x00\x00\x00\x00")}, "naa.5000c50000000000"},
		{"of a port", Designators{at(1, naa6), at(1, t10)}, ""},
		{"of the target", Designators{at(2, naa6), at(2, name)}, ""},
		{"reserved association", Designators{at(3, naa6)}, ""},
		{"the port's is longer", Designators{at(1, naa6), naa5}, "naa.5000c50000000001"},
		{"zeros", Designators{with(naa6, string(make([]byte, 16))), with(eui, string(make([]byte, 8))), with(t10, "        \x00"), with(name, "\x00\x00"), naa3}, "naa.3000000000000001"},
		{"empty", Designators{with(naa6, ""), with(eui, ""), with(t10, ""), with(name, "")}, ""},
		{"NAA of no known kind", Designators{with(naa5, "\x10\x00\x00\x01"), with(naa5, "\x40\x00\xc5\x00\x00\x00\x00\x01"), with(naa5, "\x60\x00\xc5\x00\x00\x00\x00\x01")}, ""},
		{"EUI-64 of no known length", Designators{with(eui, "\x01\x02\x03")}, ""},
		{"a vendor alone", Designators{with(t10, "LIO-ORG         ")}, ""},
		{"relative port", Designators{{Type: DesignatorRelativePort, Value: []byte{1}}}, ""},
		{"binary T10", Designators{with(t10, "VENDOR  \x01\x02")}, "t10.0x56454e444f5220200102"},
		{"hostile name", Designators{with(name, "\x1b[2J")}, "0x1b5b324a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			diff(t, "WWID", tc.want, tc.list.WWID())
			var backwards Designators
			for i := range tc.list {
				backwards = append(backwards, tc.list[len(tc.list)-1-i])
			}
			diff(t, "WWID of the list backwards", tc.want, backwards.WWID())
		})
	}
	if a, b := (Designators{with(t10, "VENDOR  \x01\x02")}), (Designators{with(t10, "VENDOR  \x01\x03")}); a.WWID() == b.WWID() {
		t.Error("two units, one name")
	}
}
