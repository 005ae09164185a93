package unit

import (
	"slices"

	"lunguard/pr"
)

// The effects of commands on the state as a protocol expects it, so that not
// every step has to be read back before the next. What cannot be told is read:
// each of these reports whether the effect is known. SPC-4 5.13.

// RegistrationOf is the index of a nexus's registration in the state, of
// several that may be it the first with the key old; -1 if there is none.
func (u *Unit) RegistrationOf(p pr.Path, old pr.Key) int {
	at := -1
	for i, r := range u.State.Registrations {
		switch u.Identity(p).Likens(r) {
		case pr.Alike:
			return i
		case pr.Perhaps:
			if at < 0 && r.Key == old {
				at = i
			}
		}
	}
	return at
}

// expect makes the state one that may be changed: others may look at the one
// that was read.
func (u *Unit) expect() {
	s := *u.State
	s.Registrations = slices.Clone(s.Registrations)
	if s.Reservation != nil {
		held := *s.Reservation
		s.Reservation = &held
	}
	u.State = &s
}

// ExpectRegistered: the nexus had the key old, 0 for none or any, and has key.
func (u *Unit) ExpectRegistered(p pr.Path, old, key pr.Key) bool {
	u.expect()
	s := u.State
	s.Generation++
	at := u.RegistrationOf(p, old)
	if at < 0 {
		if key != 0 {
			id := u.Identity(p)
			s.Registrations = append(s.Registrations, pr.Registration{Key: key, Initiator: id.Initiator, RelativePort: id.RelativePort, AllPorts: id.AllPorts, Holder: u.AllHold()})
		}
		return old == 0
	}
	r := &s.Registrations[at]
	was, holds := r.Key, r.Holder
	if !s.Identified && s.Reservation != nil && s.Reservation.Key == was {
		if s.Count(was) > 1 {
			// Which of them holds is not known.
			return false
		}
		holds = true
	}
	if holds && s.Reservation != nil && !s.Reservation.Type.AllRegistrants() {
		s.Reservation.Key = key
		if key == 0 {
			s.Reservation = nil
		}
	}
	if r.Key = key; key == 0 {
		s.Registrations = slices.Delete(s.Registrations, at, at+1)
		if len(s.Registrations) == 0 {
			s.Reservation = nil
		}
	}
	return true
}

// ExpectReserved: the nexus holds by the key, or all do.
func (u *Unit) ExpectReserved(p pr.Path, key pr.Key, typ pr.Type) bool {
	u.expect()
	if typ.AllRegistrants() {
		for i := range u.State.Registrations {
			u.State.Registrations[i].Holder = true
		}
		u.State.Reservation = &pr.Reservation{Type: typ}
		return true
	}
	for i := range u.State.Registrations {
		u.State.Registrations[i].Holder = false
	}
	at := u.RegistrationOf(p, key)
	if at >= 0 {
		r := &u.State.Registrations[at]
		r.Holder = true
	}
	u.State.Reservation = &pr.Reservation{Key: key, Type: typ}
	return at >= 0
}

// ExpectPreempted: the nexus, registered by the key, has removed all others
// with the victim's, or, if that is 0, all others; if one of them held, it holds
// now, with a reservation of the type.
func (u *Unit) ExpectPreempted(p pr.Path, key, victim pr.Key, typ pr.Type) bool {
	u.expect()
	s := u.State
	s.Generation++
	held := s.Reservation
	took := held != nil && (held.Key == victim || held.Type.AllRegistrants() && victim == 0)
	own := u.RegistrationOf(p, key)
	if own < 0 {
		return false
	}
	mine := s.Registrations[own]
	s.Registrations = slices.DeleteFunc(s.Registrations, func(r pr.Registration) bool { return r.Key == victim || victim == 0 })
	if mine.Key == victim || victim == 0 {
		s.Registrations = append(s.Registrations, mine)
	}
	if took {
		return u.ExpectReserved(p, key, typ)
	}
	return true
}

// ExpectMoved: the reservation went from the nexus to another, which is
// registered with the heir's key now.
func (u *Unit) ExpectMoved(p pr.Path, m *pr.MoveOrder) bool {
	u.expect()
	s := u.State
	s.Generation++
	heir := slices.IndexFunc(s.Registrations, func(r pr.Registration) bool {
		return pr.Same(r.Initiator, m.Destination) && (r.AllPorts || r.RelativePort == m.RelativePort)
	})
	if heir < 0 {
		s.Registrations = append(s.Registrations, pr.Registration{Initiator: m.Destination, RelativePort: m.RelativePort})
		heir = len(s.Registrations) - 1
	}
	for i := range s.Registrations {
		s.Registrations[i].Holder = i == heir
	}
	r := &s.Registrations[heir]
	r.Key = m.ActionKey
	s.Reservation = &pr.Reservation{Key: m.ActionKey, Type: ReservationType}
	if m.Unregister {
		at := u.RegistrationOf(p, m.Key)
		if at < 0 {
			return false
		}
		s.Registrations = slices.Delete(s.Registrations, at, at+1)
	}
	return true
}

// ExpectCleared: there is nothing left.
func (u *Unit) ExpectCleared() bool {
	u.State = &pr.State{Generation: u.State.Generation + 1, Identified: u.State.Identified}
	return true
}
