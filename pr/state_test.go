package pr

import (
	"slices"
	"testing"
)

func TestStateQuestions(t *testing.T) {
	regs := []Registration{{Key: 3}, {Key: 1}, {Key: 3}}
	for _, tc := range []struct {
		name string
		held *Reservation
		by   map[Key]bool
	}{
		{"nobody", nil, map[Key]bool{0: false, 1: false, 3: false}},
		{"one", &Reservation{Key: 3, Type: WriteExclusiveRegistrantsOnly}, map[Key]bool{0: false, 1: false, 3: true}},
		{"all", &Reservation{Type: WriteExclusiveAllRegistrants}, map[Key]bool{0: false, 1: true, 2: false, 3: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &State{Registrations: regs, Reservation: tc.held}
			if got := s.Keys(); !slices.Equal(got, []Key{1, 3}) {
				t.Errorf("keys %v", got)
			}
			if got := []int{s.Count(0), s.Count(1), s.Count(2), s.Count(3)}; !slices.Equal(got, []int{0, 1, 0, 2}) {
				t.Errorf("count %v", got)
			}
			if s.Has(2) || !s.Has(3) {
				t.Error("Has is wrong")
			}
			for k, want := range tc.by {
				if got := s.HeldBy(k); got != want {
					t.Errorf("HeldBy(%v) = %v", k, got)
				}
			}
		})
	}
}
