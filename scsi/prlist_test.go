package scsi

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
)

// pages is a device whose answer is whole, cut to what was asked for: length
// fields stay as they are (SPC-4 4.3, allocation length).
func pages(t testing.TB, whole []byte) *fake {
	return &fake{t: t, answers: func(_ int, req *Request) answer {
		return answer{data: whole[:min(len(whole), len(req.Data))]}
	}}
}

// allocs is what was asked for: by the CDB, and by the buffer.
func allocs(f *fake) (list []int) {
	for _, s := range f.sent {
		n := int(binary.BigEndian.Uint16(s.CDB[7:]))
		if n != s.Len {
			f.t.Errorf("allocation length %d with a buffer of %d", n, s.Len)
		}
		list = append(list, n)
	}
	return list
}

func manyKeys(n int) *ReadKeysResponse {
	r := &ReadKeysResponse{Generation: 1, Keys: []Key{}}
	for i := range n {
		r.Keys = append(r.Keys, Key(i+1))
	}
	return r
}

func manyDescriptors(n int) *ReadFullStatusResponse {
	r := &ReadFullStatusResponse{Generation: 1}
	for i := range n {
		r.Descriptors = append(r.Descriptors, FullStatus{Key: Key(i + 1), RelativePort: 1, TransportID: SASTransportID(uint64(i))})
	}
	return r
}

func encoded(t testing.TB, c codec) []byte {
	t.Helper()
	b, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadKeysLength(t *testing.T) {
	for _, tc := range []struct {
		name   string
		keys   int
		allocs []int
	}{
		{"none", 0, []int{8192}},
		{"exactly the buffer", 1023, []int{8192}},
		{"one more", 1024, []int{8192, 16384}},
		{"much more", 4000, []int{8192, 32008}},
		{"the largest answer", 8190, []int{8192, 65528}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := manyKeys(tc.keys)
			f := pages(t, encoded(t, want))
			got, err := ReadKeys{}.Execute(context.Background(), f)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "answer", want, got)
			diff(t, "allocation lengths", tc.allocs, allocs(f))
		})
	}
	t.Run("more than any answer", func(t *testing.T) {
		f := pages(t, encoded(t, manyKeys(8191)))
		got, err := ReadKeys{}.Execute(context.Background(), f)
		isClass(t, err, ErrMalformed)
		if got != nil {
			t.Errorf("%d keys with an error", len(got.Keys))
		}
		diff(t, "allocation lengths", []int{8192, 65532}, allocs(f))
	})
}

func TestReadFullStatusLength(t *testing.T) {
	for _, tc := range []struct {
		name        string
		descriptors int
		allocs      []int
	}{
		{"none", 0, []int{16384}},
		{"room for one more of any size", 335, []int{16384}}, // 8+335*48 = 16088
		{"perhaps one was left out", 336, []int{16384, 32768}},
		{"twice", 677, []int{16384, 32776}},
		{"the largest answer", 1359, []int{16384, 65512}}, // 65240
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := manyDescriptors(tc.descriptors)
			f := pages(t, encoded(t, want))
			got, err := ReadFullStatus{}.Execute(context.Background(), f)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "answer", want, got)
			diff(t, "allocation lengths", tc.allocs, allocs(f))
		})
	}
	for _, n := range []int{1360, 1365, 1366, 3000} {
		f := pages(t, encoded(t, manyDescriptors(n)))
		got, err := ReadFullStatus{}.Execute(context.Background(), f)
		isClass(t, err, ErrMalformed, errTooLong)
		if got != nil {
			t.Errorf("%d of %d descriptors with an error", len(got.Descriptors), n)
		}
	}
}

// LIO leaves out the descriptors for which there is no room in the buffer, and
// its ADDITIONAL LENGTH does not count them (seen: 984 for an allocation length
// of 1024 where 2616 are the truth), or exceeds what it sent (64 for 64).
func TestLIOUnderstatesFullStatus(t *testing.T) {
	for _, tc := range []struct {
		name        string
		descriptors int
		slack       int // how far LIO's own check is off
		ok          bool
	}{
		{"fits", 600, 0, true},
		{"cut at the first buffer", 900, 0, true},
		{"cut at the first buffer, overstated", 900, 8, true},
		{"cut at both", 1500, 0, false},
		{"cut at both, overstated", 1500, 8, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			whole := manyDescriptors(tc.descriptors)
			f := &fake{t: t, answers: func(_ int, req *Request) answer {
				part := *whole
				part.Descriptors = part.Descriptors[:min(len(part.Descriptors), (len(req.Data)+tc.slack-8)/48)]
				b := encoded(t, &part)
				return answer{data: b[:min(len(b), len(req.Data))]}
			}}
			got, err := ReadFullStatus{}.Execute(context.Background(), f)
			if !tc.ok {
				isClass(t, err, ErrMalformed)
				if got != nil {
					t.Errorf("%d of %d descriptors with an error", len(got.Descriptors), tc.descriptors)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "answer", whole, got)
		})
	}
}

// Never is more decoded than arrived, and nothing is returned with an error.
func TestShortTransfers(t *testing.T) {
	keys := encoded(t, manyKeys(4))
	ctx := context.Background()
	for _, tc := range []struct {
		name   string
		answer answer
		ok     bool
	}{
		{"whole", answer{data: keys}, true},
		{"a driver that counts no rest", answer{data: keys, noResid: true}, true},
		{"last key cut", answer{data: keys[:len(keys)-1]}, false},
		{"all keys cut", answer{data: keys[:8]}, false},
		{"header cut", answer{data: keys[:7]}, false},
		{"nothing arrived", answer{}, false},
		{"rest larger than the buffer", answer{data: keys, noResid: true, reply: Reply{Resid: 8193}}, false},
		{"negative rest", answer{data: keys, noResid: true, reply: Reply{Resid: -1}}, false},
		{"the whole buffer is rest, but there is data in it", answer{data: keys, noResid: true, reply: Reply{Resid: 8192}}, false},
		{"the answer is cut in the rest", answer{data: keys, noResid: true, reply: Reply{Resid: 8192 - 16}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ReadKeys{}.Execute(ctx, &fake{t: t, script: []answer{tc.answer}})
			if tc.ok {
				if err != nil {
					t.Fatal(err)
				}
				diff(t, "keys", manyKeys(4), got)
				return
			}
			isClass(t, err, ErrMalformed)
			if got != nil {
				t.Errorf("%+v with an error", got)
			}
			full, err := ReadFullStatus{}.Execute(ctx, &fake{t: t, script: []answer{tc.answer}})
			if err == nil || full != nil {
				t.Errorf("full status %+v, %v", full, err)
			}
		})
	}
}

// A list that says it is longer at each reading ends in an error, not in a loop.
func TestEverLongerList(t *testing.T) {
	f := &fake{t: t, answers: func(_ int, req *Request) answer {
		b := make([]byte, len(req.Data))
		binary.BigEndian.PutUint32(b[4:], uint32(len(req.Data)))
		return answer{data: b}
	}}
	_, err := ReadKeys{}.Execute(context.Background(), f)
	isClass(t, err, ErrMalformed)
	diff(t, "allocation lengths", []int{8192, 16384, 32768, 65532}, allocs(f))
}

// An error at any reading is the error of the command.
func TestListErrors(t *testing.T) {
	ctx := context.Background()
	long := encoded(t, manyKeys(2000))
	lost := errors.New("lost")
	for _, tc := range []struct {
		name   string
		script []answer
		class  error
	}{
		{"conflict", []answer{{reply: Reply{Status: ReservationConflict}}}, ErrReservationConflict},
		{"lost", []answer{{err: lost}}, lost},
		{"lost at the second reading", []answer{{data: long[:8192]}, {err: lost}}, lost},
		{"unsupported", []answer{{reply: check(IllegalRequest, InvalidFieldInCDB)}}, ErrUnsupported},
		{"GOOD data with a bad host status", []answer{{data: encoded(t, manyKeys(1)), reply: Reply{Host: HostError}}}, ErrTransport},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keys, err := ReadKeys{}.Execute(ctx, &fake{t: t, script: tc.script})
			isClass(t, err, tc.class)
			held, err2 := ReadReservation{}.Execute(ctx, &fake{t: t, script: tc.script[len(tc.script)-1:]})
			isClass(t, err2, tc.class)
			if keys != nil || held != nil {
				t.Errorf("%+v, %+v with errors", keys, held)
			}
		})
	}
}
