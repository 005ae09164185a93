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

func TestStateEqual(t *testing.T) {
	held := &Reservation{Key: 1, Type: WriteExclusiveRegistrantsOnly}
	state := func(generation uint32, held *Reservation, keys ...Key) *State {
		s := &State{Generation: generation, Reservation: held}
		for _, k := range keys {
			s.Registrations = append(s.Registrations, Registration{Key: k})
		}
		return s
	}
	ports := func(identified bool, ports ...uint16) *State {
		s := &State{Identified: identified}
		for _, p := range ports {
			s.Registrations = append(s.Registrations, Registration{Key: 1, RelativePort: p})
		}
		return s
	}
	for name, c := range map[string]struct {
		a, b *State
		want bool
	}{
		"nothing":                 {state(0, nil), state(0, nil), true},
		"another order":           {state(3, held, 1, 2, 1), state(3, held, 1, 1, 2), true},
		"generation":              {state(3, held, 1), state(4, held, 1), false},
		"a key more":              {state(3, held, 1), state(3, held, 1, 2), false},
		"another key":             {state(3, held, 1, 1), state(3, held, 1, 2), false},
		"held and not":            {state(3, held, 1), state(3, nil, 1), false},
		"another holder":          {state(3, held, 1, 2), state(3, &Reservation{Key: 2, Type: held.Type}, 1, 2), false},
		"the same reservation":    {state(3, held, 1), state(3, &Reservation{Key: 1, Type: held.Type}, 1), true},
		"another nexus":           {ports(true, 1, 2), ports(true, 1, 3), false},
		"the same nexuses":        {ports(true, 1, 2), ports(true, 2, 1), true},
		"a nexus nobody tells of": {ports(true, 1, 2), ports(false, 0, 0), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := [2]bool{c.a.Equal(c.b), c.b.Equal(c.a)}; got != [2]bool{c.want, c.want} {
				t.Errorf("%v", got)
			}
		})
	}
}
