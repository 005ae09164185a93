package scsi

import (
	"errors"
	"testing"
)

func TestDecodeSense(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire string
		want Sense
		text string
	}{
		{"fixed, preempted", "70 00 06 00000000 0a 00000000 2a 05 00*4", Sense{Key: UnitAttention, ASC: RegistrationsPreempted},
			"UNIT ATTENTION, registrations preempted (2Ah/05h)"},
		{"fixed, VALID and other bits set", "f0 00 e5 01020304 0a 00000000 24 00 00*4", Sense{Key: IllegalRequest, ASC: InvalidFieldInCDB},
			"ILLEGAL REQUEST, invalid field in CDB (24h/00h)"},
		{"fixed, deferred", "71 00 03 00000000 0a 00000000 11 00 00*4", Sense{Key: MediumError, ASC: 0x1100, Deferred: true},
			"deferred MEDIUM ERROR, 11h/00h"},
		{"fixed, as long as it has to be", "70 00 02 00000000 06 00000000 04 0a", Sense{Key: NotReady, ASC: AsymmetricTransition},
			"NOT READY, logical unit not accessible, asymmetric access state transition (04h/0Ah)"},
		{"fixed, the additional length ends before the code", "70 00 06 00000000 05 00000000 2a 05 00*4", Sense{Key: UnitAttention}, "UNIT ATTENTION, 00h/00h"},
		{"fixed, cut before the code", "70 00 06 00000000 0a 00000000 2a", Sense{Key: UnitAttention}, "UNIT ATTENTION, 00h/00h"},
		{"fixed, no more than the key", "70 00 0b", Sense{Key: AbortedCommand}, "ABORTED COMMAND, 00h/00h"},
		{"fixed, a whole buffer", "70 00 05 00000000 58 00000000 1a 00 00*82", Sense{Key: IllegalRequest, ASC: ParameterListLengthError},
			"ILLEGAL REQUEST, parameter list length error (1Ah/00h)"},
		{"descriptor", "72 06 2a 03 000000 00", Sense{Key: UnitAttention, ASC: ReservationsPreempted}, "UNIT ATTENTION, reservations preempted (2Ah/03h)"},
		{"descriptor, with a descriptor", "72 f5 26 04 000000 0c 00 0a 80 00 00*8", Sense{Key: IllegalRequest, ASC: InvalidRelease},
			"ILLEGAL REQUEST, invalid release of persistent reservation (26h/04h)"},
		{"descriptor, deferred", "73 04 44 00 000000 00", Sense{Key: HardwareError, ASC: 0x4400, Deferred: true}, "deferred HARDWARE ERROR, 44h/00h"},
		{"descriptor, cut", "72 06 2a 03", Sense{Key: UnitAttention, ASC: ReservationsPreempted}, "UNIT ATTENTION, reservations preempted (2Ah/03h)"},
		{"unknown key", "72 0c ff fe 000000 00", Sense{Key: 0xc, ASC: 0xfffe}, "sense key Ch, FFh/FEh"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := DecodeSense(hx(t, tc.wire))
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "sense", tc.want, got)
			diff(t, "text", tc.text, got.String())
		})
	}
	for _, wire := range []string{"", "70", "70 00", "72", "72 06 2a", "71 00", "73 06 2a", "00*18", "7f 00*17", "74 06 2a 03", "6f 00*17", "ff"} {
		if s, err := DecodeSense(hx(t, wire)); !errors.Is(err, ErrNoSense) || s != (Sense{}) {
			t.Errorf("%s: %+v, %v", wire, s, err)
		}
	}
}

func TestEncodeSense(t *testing.T) {
	for _, tc := range []struct {
		name              string
		sense             Sense
		fixed, descriptor string
	}{
		{"current", Sense{Key: UnitAttention, ASC: RegistrationsPreempted}, "70 00 06 00000000 0a 00000000 2a 05 00000000", "72 06 2a 05 000000 00"},
		{"deferred", Sense{Key: HardwareError, ASC: 0x4400, Deferred: true}, "71 00 04 00000000 0a 00000000 44 00 00000000", "73 04 44 00 000000 00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			diff(t, "fixed", hx(t, tc.fixed), tc.sense.Fixed())
			diff(t, "descriptor", hx(t, tc.descriptor), tc.sense.Descriptor())
		})
	}
}

func TestSenseQuestions(t *testing.T) {
	changed := map[ASC]bool{ReservationsPreempted: true, ReservationsReleased: true, RegistrationsPreempted: true}
	passing := map[ASC]bool{BecomingReady: true, OperationInProgress: true, AsymmetricTransition: true}
	for asc := range ASC(0xffff) {
		for _, key := range []SenseKey{NotReady, IllegalRequest, UnitAttention} {
			s := Sense{Key: key, ASC: asc}
			if got, want := s.StateChanged(), key == UnitAttention && changed[asc]; got != want {
				t.Errorf("%v: StateChanged %v", s, got)
			}
			if got, want := s.Transitional(), key == NotReady && passing[asc]; got != want {
				t.Errorf("%v: Transitional %v", s, got)
			}
		}
	}
}
