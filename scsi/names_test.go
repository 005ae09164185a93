package scsi

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"lunguard/pr"
)

// No value prints as an empty string; unknown ones print as numbers, and no
// two alike.
func TestNames(t *testing.T) {
	for _, tc := range []struct {
		name    string
		text    func(int) string
		n       int
		some    map[int]string
		unknown string
		at      int
	}{
		{"Type", func(i int) string { return Type(i).String() }, 256,
			map[int]string{1: "Write Exclusive", 3: "Exclusive Access", 5: "Write Exclusive - Registrants Only", 6: "Exclusive Access - Registrants Only",
				7: "Write Exclusive - All Registrants", 8: "Exclusive Access - All Registrants"}, "type Fh", 15},
		{"Scope", func(i int) string { return Scope(i).String() }, 256, map[int]string{0: "LU_SCOPE"}, "scope 1h", 1},
		{"InAction", func(i int) string { return InAction(i).String() }, 256,
			map[int]string{0: "READ KEYS", 1: "READ RESERVATION", 2: "REPORT CAPABILITIES", 3: "READ FULL STATUS"}, "service action 1Fh", 0x1f},
		{"OutAction", func(i int) string { return OutAction(i).String() }, 256,
			map[int]string{0: "REGISTER", 1: "RESERVE", 2: "RELEASE", 3: "CLEAR", 4: "PREEMPT", 5: "PREEMPT AND ABORT",
				6: "REGISTER AND IGNORE EXISTING KEY", 7: "REGISTER AND MOVE", 8: "REPLACE LOST RESERVATION"}, "service action 09h", 9},
		{"Status", func(i int) string { return Status(i).String() }, 256,
			map[int]string{0: "GOOD", 2: "CHECK CONDITION", 4: "CONDITION MET", 8: "BUSY", 0x18: "RESERVATION CONFLICT",
				0x28: "TASK SET FULL", 0x30: "ACA ACTIVE", 0x40: "TASK ABORTED"}, "status 10h", 0x10},
		{"HostStatus", func(i int) string { return HostStatus(i).String() }, 300,
			map[int]string{0: "DID_OK", 1: "DID_NO_CONNECT", 3: "DID_TIME_OUT", 0x0e: "DID_TRANSPORT_DISRUPTED", 0x11: "DID_NEXUS_FAILURE",
				0x14: "DID_TRANSPORT_MARGINAL"}, "host status 0x15", 0x15},
		{"DriverStatus", func(i int) string { return DriverStatus(i).String() }, 256, nil, "driver status 0x08", 8},
		{"Opcode", func(i int) string { return Opcode(i).String() }, 0x200,
			map[int]string{0: "TEST UNIT READY", 3: "REQUEST SENSE", 0x12: "INQUIRY", 0x16: "RESERVE(6)", 0x17: "RELEASE(6)", 0x25: "READ CAPACITY(10)",
				0x28: "READ(10)", 0x2a: "WRITE(10)", 0x5e: "PERSISTENT RESERVE IN", 0x5f: "PERSISTENT RESERVE OUT", 0x9e: "READ CAPACITY(16)", 0xff: "opcode FFh",
				int(OpLogicalUnitReset): "LOGICAL UNIT RESET"}, "task management function 2", 0x101},
		{"SenseKey", func(i int) string { return SenseKey(i).String() }, 256,
			map[int]string{0: "NO SENSE", 1: "RECOVERED ERROR", 2: "NOT READY", 3: "MEDIUM ERROR", 4: "HARDWARE ERROR", 5: "ILLEGAL REQUEST",
				6: "UNIT ATTENTION", 7: "DATA PROTECT", 8: "BLANK CHECK", 0xa: "COPY ABORTED", 0xb: "ABORTED COMMAND", 0xe: "MISCOMPARE"}, "sense key Fh", 0xf},
		{"Protocol", func(i int) string { return Protocol(i).String() }, 256,
			map[int]string{0: "fc", 1: "spi", 3: "1394", 4: "srp", 5: "iscsi", 6: "sas", 0xa: "sop"}, "protocol-8h", 8},
		{"ASC", func(i int) string { return ASC(i).String() }, 0x10000,
			map[int]string{0x2a05: "registrations preempted (2Ah/05h)", 0x5504: "insufficient registration resources (55h/04h)"}, "2Ah/06h", 0x2a06},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seen := map[string]int{}
			for i := range tc.n {
				text := tc.text(i)
				if other, twice := seen[text]; twice || strings.TrimSpace(text) == "" {
					t.Errorf("%d prints as %q, and so does %d", i, text, other)
				}
				seen[text] = i
			}
			for i, want := range tc.some {
				diff(t, fmt.Sprint(i), want, tc.text(i))
			}
			diff(t, "unknown", tc.unknown, tc.text(tc.at))
		})
	}
	diff(t, "no CDB", OpTestUnitReady, (&Request{}).Opcode())
	diff(t, "a function", OpLogicalUnitReset, (&Request{Function: LogicalUnitReset}).Opcode())
	diff(t, "a function beside a CDB", OpLogicalUnitReset, (&Request{Function: LogicalUnitReset, CDB: []byte{0x12}}).Opcode())
}

func TestTypeQuestions(t *testing.T) {
	for typ := range Type(16) {
		got := []bool{typ.Valid(), typ.AllRegistrants(), typ.RegistrantsOnly(), typ.Exclusive()}
		want := map[Type][]bool{
			1: {true, false, false, false}, 3: {true, false, false, true}, 5: {true, false, true, false},
			6: {true, false, true, true}, 7: {true, true, false, false}, 8: {true, true, false, true},
		}[typ]
		if want == nil {
			want = make([]bool, 4)
		}
		diff(t, typ.String(), want, got)
	}
}

func TestReadCapacity(t *testing.T) {
	ctx := context.Background()
	for wire, want := range map[string]Capacity{
		"00000000 00000200": {1, 512}, "0001ffff 00001000": {0x20000, 4096}, "ffffffff 00000200": {1 << 32, 512},
	} {
		got, err := ReadCapacity{}.Execute(ctx, good(t, hx(t, wire)))
		if err != nil {
			t.Fatal(err)
		}
		diff(t, wire, want, got)
	}
	for _, wire := range []string{"", "0001ffff 000002", "00*8"} {
		got, err := ReadCapacity{}.Execute(ctx, good(t, hx(t, wire)))
		isClass(t, err, ErrMalformed)
		diff(t, "with an error", Capacity{}, got)
	}
	_, err := ReadCapacity{}.Execute(ctx, &fake{t: t, script: []answer{{reply: Reply{Status: ReservationConflict}}}})
	isClass(t, err, ErrReservationConflict)
	_, err = ReadCapacity{}.Execute(ctx, &fake{t: t, script: []answer{{reply: Reply{Resid: 9}, noResid: true}}})
	isClass(t, err, ErrMalformed)
}

func TestReadWrite(t *testing.T) {
	ctx := context.Background()
	if got, err := (Read{Blocks: 1, BlockSize: 4}).Execute(ctx, good(t, []byte("abcd"))); err != nil || string(got) != "abcd" {
		t.Errorf("%q, %v", got, err)
	}
	got, err := Read{Blocks: 2, BlockSize: 4}.Execute(ctx, good(t, []byte("abcd")))
	isClass(t, err, ErrMalformed)
	if got != nil {
		t.Errorf("%q with an error", got)
	}
	conflict := []answer{{reply: Reply{Status: ReservationConflict}}}
	_, err = Read{Blocks: 1, BlockSize: 4}.Execute(ctx, &fake{t: t, script: conflict})
	isClass(t, err, ErrReservationConflict)
	err = Write{BlockSize: 4, Data: make([]byte, 4)}.Execute(ctx, &fake{t: t, script: conflict})
	isClass(t, err, ErrReservationConflict)
	err = Write{BlockSize: 4, Data: make([]byte, 8)}.Execute(ctx, &fake{t: t, script: []answer{{reply: Reply{Resid: 4}}}})
	isClass(t, err, ErrMalformed)
	if !pr.OutcomeUnknown(err) {
		t.Error("outcome known of half a write")
	}
	never := &fake{t: t}
	for _, w := range []Write{{}, {BlockSize: 4, Data: make([]byte, 5)}, {BlockSize: 1, Data: make([]byte, 0x10000)}, {BlockSize: -4, Data: make([]byte, 4)}} {
		if err := w.Execute(ctx, never); err == nil {
			t.Errorf("%d bytes in blocks of %d were written", len(w.Data), w.BlockSize)
		}
	}
	for _, size := range []int{0, -512} {
		if got, err := (Read{Blocks: 1, BlockSize: size}).Execute(ctx, never); err == nil || got != nil {
			t.Errorf("blocks of %d were read", size)
		}
	}
}

// A command is named by what it does, and an answer in a word or two.
func TestBrief(t *testing.T) {
	for want, req := range map[string]*Request{
		"REGISTER": {CDB: []byte{byte(OpPROut), 0}}, "READ FULL STATUS": {CDB: []byte{byte(OpPRIn), 3}}, "INQUIRY": {CDB: []byte{byte(OpInquiry), 3}},
		"LOGICAL UNIT RESET": {Function: LogicalUnitReset}, OpPRIn.String(): {CDB: []byte{byte(OpPRIn)}},
	} {
		if got := req.Name(); got != want {
			t.Errorf("%s, %s expected", got, want)
		}
	}
	for want, e := range map[string]*OpError{
		"BUSY": {Reply: Reply{Status: Busy}}, "RESERVATION CONFLICT": {Reply: Reply{Status: ReservationConflict, Host: HostNexusFailure}},
		NotReady.String(): {Reply: Reply{Status: CheckCondition}, Sense: &Sense{Key: NotReady}}, "DID_RESET": {Reply: Reply{Host: HostReset}},
	} {
		if got := e.Brief(); got != want {
			t.Errorf("%s, %s expected", got, want)
		}
	}
}
