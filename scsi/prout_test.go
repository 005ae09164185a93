package scsi

import (
	"encoding/binary"
	"errors"
	"testing"
)

func TestPROutBothWays(t *testing.T) {
	for _, p := range []*PROut{
		{Action: OutRegister, Key: 1, ActionKey: 2, APTPL: true, AllTgtPort: true},
		{Action: OutRegister, ActionKey: 1<<64 - 1, TransportIDs: []TransportID{
			ISCSIPortTransportID("iqn.2024-01.x:a", 0x800000410001), SASTransportID(7), FCTransportID(8)}},
		{Action: OutRegister, TransportIDs: []TransportID{}},
		{Action: OutReserve, Key: 3, Type: ExclusiveAccess},
		{Action: OutRelease, Key: 3, Scope: 0xf, Type: 0xf},
		{Action: OutClear, Key: 3},
		{Action: OutPreempt, Key: 3, ActionKey: 4, Type: WriteExclusive},
		{Action: OutPreemptAndAbort, Key: 3, ActionKey: 4, Type: WriteExclusiveAllRegistrants},
		{Action: OutRegisterAndIgnoreExistingKey, ActionKey: 4},
		{Action: OutReplaceLostReservation, ActionKey: 4, Type: WriteExclusive},
	} {
		t.Run(p.Action.String(), func(t *testing.T) {
			cdb, list := p.Marshal()
			got, err := UnmarshalPROut(cdb, list)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "decoded", p, got)
		})
	}
}

func TestUnmarshalPROutRefuses(t *testing.T) {
	sas := "06 000000 6001405000000011 00*12"
	for _, tc := range []struct {
		name, cdb, list string
		want            error
	}{
		{"no CDB", "", "00*24", ErrListLength},
		{"CDB cut short", "5f 00 00 0000 00000018", "00*24", ErrListLength},
		{"list shorter than the CDB says", "5f 00 00 0000 00000018 00", "00*23", ErrListLength},
		{"list longer than the CDB says", "5f 00 00 0000 00000018 00", "00*25", ErrListLength},
		{"length in the low 16 bits of 32", "5f 00 00 0000 00010018 00", "00*24", ErrListLength},
		{"no list", "5f 00 00 0000 00000000 00", "", ErrListLength},
		{"one byte too short", "5f 00 00 0000 00000017 00", "00*23", ErrListLength},
		{"one byte too long", "5f 00 00 0000 00000019 00", "00*25", ErrListLength},
		{"SPEC_I_PT without a list", "5f 00 00 0000 00000018 00", "00*20 08 000000", ErrListLength},
		{"SPEC_I_PT, list longer than it says", "5f 00 00 0000 00000034 00", "00*20 08 000000 00000017 " + sas, ErrListLength},
		{"SPEC_I_PT, list shorter than it says", "5f 00 00 0000 00000034 00", "00*20 08 000000 ffffffff " + sas, ErrListLength},
		{"SPEC_I_PT, TransportID cut short", "5f 00 00 0000 00000030 00", "00*20 08 000000 00000014 00*20", ErrListField},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := UnmarshalPROut(hx(t, tc.cdb), hx(t, tc.list))
			if !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if p != nil {
				t.Errorf("returned %+v with an error", p)
			}
		})
	}
}

func TestRegisterMoveBothWays(t *testing.T) {
	for _, tc := range []struct {
		name string
		move RegisterMove
	}{
		{"device name", RegisterMove{Key: 1, ActionKey: 2, RelativePort: 3, Destination: ISCSIDeviceTransportID("iqn.2024-01.x:b")}},
		{"port name", RegisterMove{Key: 1, ActionKey: 2, Unregister: true, Destination: ISCSIPortTransportID("iqn.2024-01.x:b", 1)}},
		{"APTPL", RegisterMove{Key: 1, ActionKey: 2, APTPL: true, RelativePort: 0xffff, Destination: FCTransportID(9)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cdb, list := tc.move.Marshal()
			got, err := UnmarshalRegisterMove(cdb, list)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "decoded", &tc.move, got)
		})
	}
}

func TestUnmarshalRegisterMoveRefuses(t *testing.T) {
	sas := "06 000000 6001405000000011 00*12"
	for _, tc := range []struct {
		name, cdb, list string
		want            error
	}{
		{"no CDB", "", "", ErrListLength},
		{"list without a TransportID", "5f 07 00 0000 00000018 00", "00*24", ErrListField},
		{"list cut short", "5f 07 00 0000 00000017 00", "00*23", ErrListLength},
		{"list not as the CDB says", "5f 07 00 0000 00000030 00", "00*20 00000018 00*20", ErrListLength},
		{"TransportID longer than the list", "5f 07 00 0000 00000030 00", "00*20 00000019 " + sas, ErrListLength},
		{"TransportID shorter than the list", "5f 07 00 0000 00000030 00", "00*20 00000014 " + sas, ErrListLength},
		{"TransportID too short", "5f 07 00 0000 0000002c 00", "00*20 00000014 00*20", ErrListField},
		{"iSCSI TransportID that says more", "5f 07 00 0000 00000030 00", "00*20 00000018 45 00 0018 61*20", ErrListField},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := UnmarshalRegisterMove(hx(t, tc.cdb), hx(t, tc.list))
			if !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if p != nil {
				t.Errorf("returned %+v with an error", p)
			}
		})
	}
}

// The list may be longer than 64 KiB: its length has 32 bits in the CDB.
func TestPROutLongList(t *testing.T) {
	p := &PROut{Action: OutRegister, ActionKey: 1}
	for n := range uint64(3000) {
		p.TransportIDs = append(p.TransportIDs, SASTransportID(n))
	}
	cdb, list := p.Marshal()
	diff(t, "PARAMETER LIST LENGTH", uint32(28+3000*24), binary.BigEndian.Uint32(cdb[5:]))
	got, err := UnmarshalPROut(cdb, list)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "decoded", p, got)
}
