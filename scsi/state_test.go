package scsi

import (
	"context"
	"testing"

	"lunguard/pr"
)

// lacksFullStatus is how tgtd says that it has no READ FULL STATUS.
var lacksFullStatus = answer{reply: check(IllegalRequest, InvalidFieldInCDB)}

func keysAnswer(t testing.TB, generation uint32, keys ...Key) answer {
	return answer{data: encoded(t, &ReadKeysResponse{Generation: generation, Keys: keys})}
}

func heldAnswer(t testing.TB, generation uint32, r *Reservation) answer {
	return answer{data: encoded(t, &ReadReservationResponse{Generation: generation, Reservation: r})}
}

func fullAnswer(t testing.TB, list ...FullStatus) answer {
	return answer{data: encoded(t, &ReadFullStatusResponse{Generation: 7, Descriptors: list})}
}

func TestReadState(t *testing.T) {
	a, b := SASTransportID(1), SASTransportID(2)
	wero := WriteExclusiveRegistrantsOnly
	held := &Reservation{Key: 0xa, Type: wero}
	long := encoded(t, manyDescriptors(2000))
	for _, tc := range []struct {
		name   string
		script []answer
		want   *State
	}{
		{"full status, empty", []answer{fullAnswer(t)}, &State{Generation: 7, Identified: true}},
		{"full status, registered only", []answer{fullAnswer(t, FullStatus{Key: 0xa, TransportID: a})},
			&State{Generation: 7, Identified: true, Registrations: []Registration{{Key: 0xa, Initiator: a}}}},
		{"full status, one holds", []answer{fullAnswer(t, FullStatus{Key: 0xb, TransportID: b}, FullStatus{Key: 0xa, Holder: true, Type: wero, TransportID: a})},
			&State{Generation: 7, Identified: true, Reservation: held.Common(),
				Registrations: []Registration{{Key: 0xb, Initiator: b}, {Key: 0xa, Holder: true, Initiator: a}}}},
		{"full status, one key marked on two paths", []answer{fullAnswer(t, FullStatus{Key: 0xa, Holder: true, Type: wero, TransportID: b}, FullStatus{Key: 0xa, Holder: true, Type: wero, TransportID: a})},
			&State{Generation: 7, Identified: true, Reservation: held.Common(),
				Registrations: []Registration{{Key: 0xa, Holder: true, Initiator: b}, {Key: 0xa, Holder: true, Initiator: a}}}},
		{"full status, all hold", []answer{fullAnswer(t, FullStatus{Key: 0xb, Holder: true, Type: 7, TransportID: b}, FullStatus{Key: 0xa, Holder: true, Type: 7, TransportID: a})},
			&State{Generation: 7, Identified: true, Reservation: &pr.Reservation{Type: 7},
				Registrations: []Registration{{Key: 0xb, Holder: true, Initiator: b}, {Key: 0xa, Holder: true, Initiator: a}}}},

		{"pair, empty", []answer{lacksFullStatus, keysAnswer(t, 3), heldAnswer(t, 3, nil), keysAnswer(t, 3)},
			&State{Generation: 3}},
		{"pair, held", []answer{lacksFullStatus, keysAnswer(t, 3, 0xa, 0xb), heldAnswer(t, 3, held), keysAnswer(t, 3, 0xa, 0xb)},
			&State{Generation: 3, Reservation: held.Common(), Registrations: []Registration{{Key: 0xa}, {Key: 0xb}}}},
		{"pair, changed before the reservation was read", []answer{lacksFullStatus, keysAnswer(t, 3, 0xa), heldAnswer(t, 4, held), keysAnswer(t, 4, 0xa, 0xb),
			heldAnswer(t, 4, held), keysAnswer(t, 4, 0xa, 0xb)},
			&State{Generation: 4, Reservation: held.Common(), Registrations: []Registration{{Key: 0xa}, {Key: 0xb}}}},
		{"pair, unregistered without a count", []answer{lacksFullStatus, keysAnswer(t, 3, 0xa, 0xb), heldAnswer(t, 3, held), keysAnswer(t, 3, 0xb),
			heldAnswer(t, 3, nil), keysAnswer(t, 3, 0xb)},
			&State{Generation: 3, Registrations: []Registration{{Key: 0xb}}}},
		{"pair, restless but for the last time", []answer{lacksFullStatus, keysAnswer(t, 1), heldAnswer(t, 1, nil), keysAnswer(t, 2), heldAnswer(t, 2, nil), keysAnswer(t, 3),
			heldAnswer(t, 3, nil), keysAnswer(t, 4), heldAnswer(t, 4, nil), keysAnswer(t, 5), heldAnswer(t, 5, nil), keysAnswer(t, 5)},
			&State{Generation: 5}},
		{"pair, because full status is too long", []answer{{data: long[:16384]}, {data: long[:65532]}, keysAnswer(t, 3, 0xa), heldAnswer(t, 3, held), keysAnswer(t, 3, 0xa)},
			&State{Generation: 3, Reservation: held.Common(), Registrations: []Registration{{Key: 0xa}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fake{t: t, script: tc.script}
			got, err := ReadState(context.Background(), f)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "state", tc.want, got)
			diff(t, "commands", len(tc.script), len(f.sent))
		})
	}
}

func TestReadStateRefuses(t *testing.T) {
	a, b := SASTransportID(1), SASTransportID(2)
	conflict := answer{reply: Reply{Status: ReservationConflict}}
	lost := answer{reply: Reply{Host: HostTimeOut}}
	for _, tc := range []struct {
		name   string
		script []answer
		class  error
		sent   int
	}{
		{"key 0", []answer{fullAnswer(t, FullStatus{Key: 0, TransportID: a})}, ErrMalformed, 1},
		{"two holders", []answer{fullAnswer(t, FullStatus{Key: 1, Holder: true, Type: 5, TransportID: a}, FullStatus{Key: 2, Holder: true, Type: 5, TransportID: b})}, ErrMalformed, 1},
		{"two types", []answer{fullAnswer(t, FullStatus{Key: 1, Holder: true, Type: 7, TransportID: a}, FullStatus{Key: 2, Holder: true, Type: 8, TransportID: b})}, ErrMalformed, 1},
		{"no persistent reservations", []answer{{reply: check(IllegalRequest, InvalidOpcode)}}, ErrUnsupported, 1},
		{"conflict with a classic reservation", []answer{conflict}, ErrReservationConflict, 1},
		{"lost", []answer{lost}, ErrTimeout, 1},
		{"empty answer", []answer{{}}, ErrMalformed, 1},
		{"pair, key 0", []answer{lacksFullStatus, keysAnswer(t, 1, 0), heldAnswer(t, 1, nil), keysAnswer(t, 1, 0)}, ErrMalformed, 4},
		{"pair, never at rest", []answer{lacksFullStatus, keysAnswer(t, 1), heldAnswer(t, 1, nil), keysAnswer(t, 2), heldAnswer(t, 2, nil), keysAnswer(t, 3),
			heldAnswer(t, 3, nil), keysAnswer(t, 4), heldAnswer(t, 4, nil), keysAnswer(t, 5), heldAnswer(t, 5, nil), keysAnswer(t, 6)}, ErrMalformed, 12},
		{"pair, lost keys", []answer{lacksFullStatus, lost}, ErrTimeout, 2},
		{"pair, lost reservation", []answer{lacksFullStatus, keysAnswer(t, 1), lost}, ErrTimeout, 3},
		{"pair, lost the second keys", []answer{lacksFullStatus, keysAnswer(t, 1), heldAnswer(t, 1, nil), lost}, ErrTimeout, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fake{t: t, script: tc.script}
			got, err := ReadState(context.Background(), f)
			isClass(t, err, tc.class)
			if got != nil {
				t.Errorf("%+v with an error", got)
			}
			diff(t, "commands", tc.sent, len(f.sent))
		})
	}
}
