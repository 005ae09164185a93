package scsi

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestTransportIDs(t *testing.T) {
	port := "45 00 0024 69716e2e323032342d30312e783a61 2c692c3078 383030303030343130303031 00*4"
	for _, tc := range []struct {
		name     string
		id       TransportID // as constructed; zero if there is no constructor
		wire     string
		text     string
		protocol Protocol
		format   uint8
	}{
		{"FC", FCTransportID(0x21000024ff3d5a01), "00 00*7 21000024ff3d5a01 00*8", "fc,21000024ff3d5a01", ProtocolFC, 0},
		{"SPI", SPITransportID(7, 0x0102), "01 00 0007 0000 0102 00*16", "spi,7,258", ProtocolSPI, 0},
		{"1394", SBP2TransportID(0x0102030405060708), "03 00*7 0102030405060708 00*8", "1394,0102030405060708", Protocol1394, 0},
		{"SRP", SRPTransportID([16]byte{0xfe, 0x80, 15: 1}), "04 00*7 fe80 00*13 01", "srp,fe800000000000000000000000000001", ProtocolSRP, 0},
		{"iSCSI device", ISCSIDeviceTransportID("iqn.2024-01.x:a"), "05 00 0014 69716e2e323032342d30312e783a61 00*5", "iqn.2024-01.x:a", ProtocolISCSI, 0},
		{"iSCSI port", ISCSIPortTransportID("iqn.2024-01.x:a", 0x800000410001), port, "iqn.2024-01.x:a,i,0x800000410001", ProtocolISCSI, 1},
		{"iSCSI port, ISID of more than 48 bits", ISCSIPortTransportID("iqn.2024-01.x:a", 0xffff800000410001), port, "iqn.2024-01.x:a,i,0x800000410001", ProtocolISCSI, 1},
		{"iSCSI, length of the name a multiple of four", ISCSIDeviceTransportID("iqn.2024-01.x:abcdef"), "05 00 0018 69716e2e323032342d30312e783a616263646566 00*4", "iqn.2024-01.x:abcdef", ProtocolISCSI, 0},
		{"iSCSI port without an ISID", TransportID{}, "45 00 0014 69716e2e323032342d30312e783a61 00*5", "iqn.2024-01.x:a", ProtocolISCSI, 1},
		{"iSCSI of a reserved format", TransportID{}, "85 00 0014 69716e2e323032342d30312e783a61 00*5", "iqn.2024-01.x:a", ProtocolISCSI, 2},
		{"iSCSI without a NUL", TransportID{}, "05 00 0014 61*20", strings.Repeat("a", 20), ProtocolISCSI, 0},
		{"SAS", SASTransportID(0x6001405000000011), "06 000000 6001405000000011 00*12", "sas,6001405000000011", ProtocolSAS, 0},
		{"SOP", SOPTransportID(0x0300), "0a 00 0300 00*20", "sop,0300", ProtocolSOP, 0},
		{"reserved fields stay", TransportID{}, "36 010203 6001405000000011 0405060708090a0b0c0d0e0f", "sas,6001405000000011", ProtocolSAS, 0},
		{"unknown", TransportID{}, "0b 01*23", "protocol-Bh,0b" + strings.Repeat("01", 23), 0xb, 0},
		{"unknown and longer", TransportID{}, "cf 01*31", "protocol-Fh,cf" + strings.Repeat("01", 31), 0xf, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire := hx(t, tc.wire)
			got, err := DecodeTransportID(wire)
			if err != nil {
				t.Fatal(err)
			}
			if !tc.id.IsZero() {
				diff(t, "decoded", tc.id, got)
			}
			diff(t, "encoded", wire, got.Bytes())
			diff(t, "text", tc.text, got.String())
			diff(t, "protocol", tc.protocol, got.Protocol())
			diff(t, "format", tc.format, got.Format())
			list, err := DecodeTransportIDList(append(hx(t, "06 000000 6001405000000011 00*12"), wire...))
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "in a list", []TransportID{SASTransportID(0x6001405000000011), got}, list)
		})
	}
}

func TestTransportIDsRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire string
	}{
		{"nothing", ""},
		{"23 bytes", "06 00*22"},
		{"unknown of 23 bytes", "0b 00*22"},
		{"iSCSI shorter than it says", "45 00 0018 61*20"},
		{"iSCSI with less than 20 bytes", "45 00 0010 61*20"},
		{"iSCSI, no multiple of four", "45 00 0015 61*24"},
		{"iSCSI of 64 KiB", "45 00 fffc 61*20"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id, err := DecodeTransportID(hx(t, tc.wire))
			if !errors.Is(err, ErrBadTransportID) || !id.IsZero() {
				t.Errorf("%v, %v", id, err)
			}
			if tc.wire == "" {
				return
			}
			list, err := DecodeTransportIDList(append(SASTransportID(1).Bytes(), hx(t, tc.wire)...))
			if !errors.Is(err, ErrBadTransportID) || list != nil {
				t.Errorf("list %v, %v", list, err)
			}
		})
	}
	if list, err := DecodeTransportIDList(nil); list != nil || err != nil {
		t.Errorf("empty list: %v, %v", list, err)
	}
}

func TestISCSINames(t *testing.T) {
	raw := func(first byte, text string) TransportID { return iscsiTransportID(first, text) }
	for _, tc := range []struct {
		name       string
		id         TransportID
		iqn, isid  string
		ok         bool
		sameAs     TransportID
		notThePort TransportID
	}{
		{"port", ISCSIPortTransportID("iqn.2024-01.x:a", 0xabcdef), "iqn.2024-01.x:a", "000000abcdef", true,
			raw(0x45, "IQN.2024-01.X:A,I,0X000000ABCDEF"), ISCSIPortTransportID("iqn.2024-01.x:a", 0xabcdee)},
		{"device", ISCSIDeviceTransportID("iqn.2024-01.x:a"), "iqn.2024-01.x:a", "", true,
			ISCSIDeviceTransportID("iqn.2024-01.X:A"), ISCSIDeviceTransportID("iqn.2024-01.x:b")},
		{"the last separator counts", raw(0x45, "iqn.x:a,i,0x1,i,0x2"), "iqn.x:a,i,0x1", "2", true,
			raw(0x45, "iqn.x:a,i,0x1,I,0x2"), raw(0x45, "iqn.x:a,i,0x2")},
		{"a device's name is not parted", raw(0x05, "iqn.x:a,i,0x1"), "iqn.x:a,i,0x1", "", true,
			raw(0x05, "iqn.x:A,i,0x1"), raw(0x45, "iqn.x:a,i,0x1")},
		{"no UTF-8 before the separator", raw(0x45, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff,i,0x1"), strings.Repeat("\xff", 12), "1", true,
			raw(0x45, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff,I,0X1"), raw(0x45, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe,i,0x1")},
		{"letters whose lower case is longer or shorter", raw(0x45, "ȺȺȺȺȺȺ\u212aKKİİ,i,0x12"), "ȺȺȺȺȺȺ\u212aKKİİ", "12", true,
			raw(0x45, "ȺȺȺȺȺȺ\u212aKKİİ,i,0X12"), raw(0x45, "ȺȺȺȺȺȺkKKİİ,i,0x12")},
		{"not iSCSI", SASTransportID(1), "", "", false, SASTransportID(1), FCTransportID(1)},
		{"none", TransportID{}, "", "", false, TransportID{}, FCTransportID(0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			iqn, isid, ok := tc.id.ISCSIName()
			diff(t, "name, ISID, ok", []any{tc.iqn, tc.isid, tc.ok}, []any{iqn, isid, ok})
			diff(t, "canonical", tc.sameAs.Canonical(), tc.id.Canonical())
			if tc.id.Canonical() == tc.notThePort.Canonical() {
				t.Errorf("%v and %v are one", tc.id, tc.notThePort)
			}
			diff(t, "canonical twice", tc.id.Canonical(), tc.id.Canonical().Canonical())
		})
	}
	t.Run("padding", func(t *testing.T) {
		padded, err := DecodeTransportID(hx(t, "05 00 0020 69716e2e323032342d30312e783a61 00*17"))
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "canonical", ISCSIDeviceTransportID("iqn.2024-01.x:a"), padded.Canonical())
	})
	t.Run("garbage behind the NUL", func(t *testing.T) {
		id, err := DecodeTransportID(hx(t, "05 00 0014 69716e2e323032342d30312e783a61 00 41*4"))
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "canonical", ISCSIDeviceTransportID("iqn.2024-01.x:a"), id.Canonical())
	})
	t.Run("too long", func(t *testing.T) {
		if id := ISCSIDeviceTransportID(strings.Repeat("a", 0xfffc)); !id.IsZero() {
			t.Error("a TransportID whose length does not fit")
		}
		if id := ISCSIPortTransportID(strings.Repeat("a", 0xfffc), 1); !id.IsZero() {
			t.Error("a TransportID whose length does not fit")
		}
		id := ISCSIDeviceTransportID(strings.Repeat("A", 0xfffb))
		again, err := DecodeTransportID(id.Bytes())
		if err != nil || again != id || id.Canonical().IsZero() {
			t.Errorf("the longest name: %v", err)
		}
		// No NUL at all in the longest there can be.
		full, err := DecodeTransportID(hx(t, "05 00 fffc 41*65532"))
		if err != nil || full.Canonical() != full {
			t.Errorf("a name without a NUL: %v", err)
		}
	})
}

// Nothing that a device or another initiator calls itself steers a terminal.
func TestTransportIDStringIsSafe(t *testing.T) {
	hostile := "\x1b[2J\x07\x9b31m\u009b\u202eevil\u200b\u2028\xff\xfe\x7f\r\n\t,i,0x\x1b]0;x"
	for _, first := range []byte{0x05, 0x45, 0x85, 0xc5} {
		id := iscsiTransportID(first, hostile)
		for _, r := range id.String() {
			if !unicode.IsPrint(r) {
				t.Errorf("format %d: %q in %q", first>>6, r, id.String())
			}
		}
	}
	if got := iscsiTransportID(0x05, "iqn.2024-01.x:käse").String(); got != "iqn.2024-01.x:käse" {
		t.Errorf("%q", got)
	}
	diff(t, "none", "none", TransportID{}.String())
}

func TestBytesAreACopy(t *testing.T) {
	id := SASTransportID(1)
	id.Bytes()[4] = 0xff
	diff(t, "unchanged", SASTransportID(1), id)
}
