package scsi

import (
	"context"
	"errors"
	"testing"

	"lunguard/pr"
)

func opcodesOf(actions ...OutAction) SupportedOpcodes {
	list := SupportedOpcodes{{Opcode: OpInquiry}, {Opcode: OpPRIn, HasAction: true, Action: 5}}
	for _, a := range actions {
		list = append(list, SupportedOpcode{Opcode: OpPROut, HasAction: true, Action: uint16(a)})
	}
	return list
}

// What the list has not is not there, unless the list does not tell service actions.
func TestSupportedOpcodes(t *testing.T) {
	for _, tc := range []struct {
		name        string
		list        SupportedOpcodes
		abort, move pr.Can
	}{
		{"all", opcodesOf(OutRegister, OutPreemptAndAbort, OutRegisterAndMove), pr.CanDo, pr.CanDo},
		{"no PREEMPT AND ABORT", opcodesOf(OutRegister, OutPreempt, OutRegisterAndMove), pr.CanNot, pr.CanDo},
		{"no REGISTER AND MOVE", opcodesOf(OutPreemptAndAbort), pr.CanDo, pr.CanNot},
		{"no service actions", append(opcodesOf(), SupportedOpcode{Opcode: OpPROut}), pr.CanUnknown, pr.CanUnknown},
		{"not a word of it", opcodesOf(), pr.CanUnknown, pr.CanUnknown},
		{"nothing", nil, pr.CanUnknown, pr.CanUnknown},
	} {
		f := good(t, encoded(t, &tc.list))
		got, err := ReportOpcodes{}.Execute(context.Background(), f)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		diff(t, tc.name, tc.list, got)
		diff(t, tc.name+": PREEMPT AND ABORT", tc.abort, got.Can(OutPreemptAndAbort))
		diff(t, tc.name+": REGISTER AND MOVE", tc.move, got.Can(OutRegisterAndMove))
		var caps pr.Capabilities
		if err := NewUnit("sda", good(t, encoded(t, &tc.list))).Probe(context.Background(), &caps); err != nil || caps.PreemptAndAbort != tc.abort || caps.Move != tc.move {
			t.Errorf("%s: %+v, %v", tc.name, caps, err)
		}
	}
}

// A list that is cut says nothing, and least of all that something is not there.
func TestSupportedOpcodesCut(t *testing.T) {
	opcodes := opcodesOf(OutRegister, OutPreemptAndAbort)
	whole := encoded(t, &opcodes)
	for n := range len(whole) {
		var list SupportedOpcodes
		if err := list.UnmarshalBinary(whole[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
	// A descriptor with command timeouts is longer.
	long := append([]byte{0, 0, 0, 28, 0x5f, 0, 0, 5, 0, 3, 0, 10}, make([]byte, 12)...)
	long = append(long, 0x5f, 0, 0, 7, 0, 1, 0, 10)
	var list SupportedOpcodes
	if err := list.UnmarshalBinary(long); err != nil || list.Can(OutPreemptAndAbort) != pr.CanDo || list.Can(OutRegisterAndMove) != pr.CanDo {
		t.Errorf("%+v, %v", list, err)
	}
}
