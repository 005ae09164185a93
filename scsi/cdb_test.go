package scsi

import (
	"context"
	"testing"
)

// discard drops the answer, so that commands of all kinds fit into one table.
func discard[T any](_ T, err error) error { return err }

func TestCommandsOnTheWire(t *testing.T) {
	ctx := context.Background()
	sas := SASTransportID(0x6001405000000011)
	keysEmpty := "00000007 00000000"
	for _, tc := range []struct {
		name string
		run  func(Transport) error
		// reply is what the device answers to a command that reads.
		reply string
		want  sent
	}{
		{"TEST UNIT READY", func(t Transport) error { return TestUnitReady{}.Execute(ctx, t) }, "",
			sent{CDB: hx(t, "00 00 00 00 00 00")}},
		{"INQUIRY", func(t Transport) error { return discard(Inquiry{}.Execute(ctx, t)) }, "00*36",
			sent{CDB: hx(t, "12 00 00 0024 00"), Dir: DataIn, Len: 36}},
		{"INQUIRY, serial number", func(t Transport) error { return discard(SerialNumber{}.Execute(ctx, t)) }, "00 80 0000",
			sent{CDB: hx(t, "12 01 80 00fc 00"), Dir: DataIn, Len: 252}},
		{"INQUIRY, device identification", func(t Transport) error { return discard(DeviceIdentification{}.Execute(ctx, t)) }, "00 83 0000",
			sent{CDB: hx(t, "12 01 83 00fc 00"), Dir: DataIn, Len: 252}},
		{"READ CAPACITY(10)", func(t Transport) error { return discard(ReadCapacity{}.Execute(ctx, t)) }, "00000001 00000200",
			sent{CDB: hx(t, "25 00 00000000 00 0000 00"), Dir: DataIn, Len: 8}},
		{"READ(10)", func(t Transport) error {
			return discard(Read{LBA: 0x01020304, Blocks: 3, BlockSize: 4}.Execute(ctx, t))
		}, "ff*12", sent{CDB: hx(t, "28 00 01020304 00 0003 00"), Dir: DataIn, Len: 12}},
		{"WRITE(10)", func(t Transport) error {
			return Write{LBA: 0x01020304, BlockSize: 4, Data: []byte("abcdefgh")}.Execute(ctx, t)
		}, "", sent{CDB: hx(t, "2a 00 01020304 00 0002 00"), Dir: DataOut, Data: []byte("abcdefgh")}},

		{"READ KEYS", func(t Transport) error { return discard(ReadKeys{}.Execute(ctx, t)) }, keysEmpty,
			sent{CDB: hx(t, "5e 00 0000000000 2000 00"), Dir: DataIn, Len: 8192}},
		{"READ RESERVATION", func(t Transport) error { return discard(ReadReservation{}.Execute(ctx, t)) }, keysEmpty,
			sent{CDB: hx(t, "5e 01 0000000000 0100 00"), Dir: DataIn, Len: 256}},
		{"REPORT CAPABILITIES", func(t Transport) error { return discard(ReportCapabilities{}.Execute(ctx, t)) }, "0008 1d 90 ea01 0000",
			sent{CDB: hx(t, "5e 02 0000000000 0100 00"), Dir: DataIn, Len: 256}},
		{"READ FULL STATUS", func(t Transport) error { return discard(ReadFullStatus{}.Execute(ctx, t)) }, keysEmpty,
			sent{CDB: hx(t, "5e 03 0000000000 4000 00"), Dir: DataIn, Len: 16384}},

		{"REGISTER", func(t Transport) error {
			return (&PROut{Action: OutRegister, Key: 0x1122334455667788, ActionKey: 0x99aabbccddeeff01, APTPL: true}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 00 00 0000 00000018 00"), Dir: DataOut,
			Data: hx(t, "1122334455667788 99aabbccddeeff01 00000000 01 000000")}},
		{"REGISTER at all target ports", func(t Transport) error {
			return (&PROut{Action: OutRegister, ActionKey: 1, AllTgtPort: true}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 00 00 0000 00000018 00"), Dir: DataOut,
			Data: hx(t, "00*8 0000000000000001 00000000 04 000000")}},
		{"REGISTER of others", func(t Transport) error {
			return (&PROut{Action: OutRegister, ActionKey: 1, TransportIDs: []TransportID{sas, FCTransportID(2)}}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 00 00 0000 0000004c 00"), Dir: DataOut,
			Data: hx(t, "00*8 0000000000000001 00000000 08 000000 | 00000030 | 06 000000 6001405000000011 00*12 | 00*8 0000000000000002 00*8")}},
		{"REGISTER of no others", func(t Transport) error {
			return (&PROut{Action: OutRegister, ActionKey: 1, TransportIDs: []TransportID{}}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 00 00 0000 0000001c 00"), Dir: DataOut,
			Data: hx(t, "00*8 0000000000000001 00000000 08 000000 | 00000000")}},
		{"RESERVE", func(t Transport) error {
			return (&PROut{Action: OutReserve, Key: 0xabc, Type: WriteExclusiveRegistrantsOnly}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 01 05 0000 00000018 00"), Dir: DataOut, Data: hx(t, "0000000000000abc 00*16")}},
		{"RELEASE", func(t Transport) error {
			return (&PROut{Action: OutRelease, Key: 0xabc, Type: ExclusiveAccessAllRegistrants}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 02 08 0000 00000018 00"), Dir: DataOut, Data: hx(t, "0000000000000abc 00*16")}},
		{"CLEAR", func(t Transport) error {
			return (&PROut{Action: OutClear, Key: 0xabc}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 03 00 0000 00000018 00"), Dir: DataOut, Data: hx(t, "0000000000000abc 00*16")}},
		{"PREEMPT", func(t Transport) error {
			return (&PROut{Action: OutPreempt, Key: 0xabc, ActionKey: 0xdef, Type: WriteExclusive}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 04 01 0000 00000018 00"), Dir: DataOut, Data: hx(t, "0000000000000abc 0000000000000def 00*8")}},
		{"PREEMPT AND ABORT", func(t Transport) error {
			return (&PROut{Action: OutPreemptAndAbort, Key: 0xabc, ActionKey: 0xdef, Type: ExclusiveAccess}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 05 03 0000 00000018 00"), Dir: DataOut, Data: hx(t, "0000000000000abc 0000000000000def 00*8")}},
		{"REGISTER AND IGNORE EXISTING KEY", func(t Transport) error {
			return (&PROut{Action: OutRegisterAndIgnoreExistingKey, ActionKey: 0xdef}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 06 00 0000 00000018 00"), Dir: DataOut, Data: hx(t, "00*8 0000000000000def 00*8")}},
		{"REGISTER AND MOVE", func(t Transport) error {
			return (&RegisterMove{Key: 0xabc, ActionKey: 0xdef, Unregister: true, APTPL: true, RelativePort: 0x0102, Destination: sas}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 07 00 0000 00000030 00"), Dir: DataOut,
			Data: hx(t, "0000000000000abc 0000000000000def 00 03 0102 00000018 | 06 000000 6001405000000011 00*12")}},
		{"REGISTER AND MOVE that keeps the sender", func(t Transport) error {
			return (&RegisterMove{Key: 1, ActionKey: 2, RelativePort: 1, Destination: sas}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 07 00 0000 00000030 00"), Dir: DataOut,
			Data: hx(t, "0000000000000001 0000000000000002 00 00 0001 00000018 | 06 000000 6001405000000011 00*12")}},
		{"REPLACE LOST RESERVATION", func(t Transport) error {
			return (&PROut{Action: OutReplaceLostReservation, ActionKey: 0xdef, Type: ExclusiveAccessRegistrantsOnly, APTPL: true}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 08 06 0000 00000018 00"), Dir: DataOut, Data: hx(t, "00*8 0000000000000def 00000000 01 000000")}},
		{"scope and type keep to their halves", func(t Transport) error {
			return (&PROut{Action: 0x25, Scope: 0x1f, Type: 0x2a}).Execute(ctx, t)
		}, "", sent{CDB: hx(t, "5f 05 fa 0000 00000018 00"), Dir: DataOut, Data: hx(t, "00*24")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := good(t, hx(t, tc.reply))
			if err := tc.run(f); err != nil {
				t.Fatal(err)
			}
			diff(t, "sent", []sent{tc.want}, f.sent)
		})
	}
}

func TestUnitVerbs(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		name string
		run  func(*Unit) error
		want sent
	}{
		{"RegisterAndIgnore", func(u *Unit) error { return u.RegisterAndIgnore(ctx, 0xa, true) },
			sent{CDB: hx(t, "5f 06 00 0000 00000018 00"), Data: hx(t, "00*8 000000000000000a 00000000 01 000000")}},
		{"Register", func(u *Unit) error { return u.Register(ctx, 0xa, 0xb, false) },
			sent{CDB: hx(t, "5f 00 00 0000 00000018 00"), Data: hx(t, "000000000000000a 000000000000000b 00*8")}},
		{"unregister", func(u *Unit) error { return u.Register(ctx, 0xa, 0, true) },
			sent{CDB: hx(t, "5f 00 00 0000 00000018 00"), Data: hx(t, "000000000000000a 00*8 00000000 01 000000")}},
		{"Reserve", func(u *Unit) error { return u.Reserve(ctx, 0xa, WriteExclusiveAllRegistrants) },
			sent{CDB: hx(t, "5f 01 07 0000 00000018 00"), Data: hx(t, "000000000000000a 00*16")}},
		{"PreemptAndAbort", func(u *Unit) error { return u.PreemptAndAbort(ctx, 0xa, 0xb, WriteExclusiveRegistrantsOnly) },
			sent{CDB: hx(t, "5f 05 05 0000 00000018 00"), Data: hx(t, "000000000000000a 000000000000000b 00*8")}},
		{"Clear", func(u *Unit) error { return u.Clear(ctx, 0xa) },
			sent{CDB: hx(t, "5f 03 00 0000 00000018 00"), Data: hx(t, "000000000000000a 00*16")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fake{t: t, script: []answer{{}, {reply: Reply{Status: ReservationConflict}}}}
			u := NewUnit("/dev/sdq", f)
			if err := tc.run(u); err != nil {
				t.Fatal(err)
			}
			tc.want.Dir = DataOut
			diff(t, "sent", []sent{tc.want}, f.sent)
			err := tc.run(u)
			isClass(t, err, ErrReservationConflict)
			var op *OpError
			asOp(t, err, &op)
			diff(t, "device", "/dev/sdq", op.Device)
		})
	}
}

func TestUnitReads(t *testing.T) {
	ctx := context.Background()
	u := NewUnit("/dev/sdq", good(t, hx(t, "0008 1d 90 ea01 0000")))
	if c, err := u.Capabilities(ctx); err != nil || !c.Persists {
		t.Errorf("capabilities %+v, %v", c, err)
	}
	u = NewUnit("/dev/sdq", good(t, hx(t, "00000001 00000000")))
	if s, err := u.State(ctx); err != nil || s.Generation != 1 {
		t.Errorf("state %+v, %v", s, err)
	}
	u = NewUnit("/dev/sdq", good(t, hx(t, "00 83 000c | 01 03 00 08 5000c50000000001")))
	if w, err := u.WWID(ctx); err != nil || w != "naa.5000c50000000001" {
		t.Errorf("WWID %q, %v", w, err)
	}
	u = NewUnit("/dev/sdq", &fake{t: t, script: []answer{{reply: Reply{Host: HostNoConnect}}}})
	_, err1 := u.Capabilities(ctx)
	_, err2 := u.State(ctx)
	_, err3 := u.WWID(ctx)
	for _, err := range []error{err1, err2, err3} {
		isClass(t, err, ErrTransport)
		var op *OpError
		asOp(t, err, &op)
		diff(t, "device", "/dev/sdq", op.Device)
	}
	if u.Name() != "/dev/sdq" || u.Transport() == nil {
		t.Error("name or transport got lost")
	}
}
