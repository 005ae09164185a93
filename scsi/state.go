package scsi

import (
	"context"
	"errors"
	"slices"
)

// State is all that a device tells of its registrations and reservation at
// one moment.
type State struct {
	// Generation is PRGENERATION, see ReadKeysResponse.
	Generation uint32
	// Registrations has one entry a registered nexus. Where the device has no
	// READ FULL STATUS the entries carry keys only, and Identified is false.
	Registrations []FullStatus
	// Identified says that each registration carries its TransportID.
	Identified bool
	// Reservation is nil if there is none.
	Reservation *Reservation
}

// Keys returns the different registered keys in ascending order.
func (s *State) Keys() []Key {
	return (&ReadFullStatusResponse{Descriptors: s.Registrations}).Keys()
}

// Count tells how many registrations have the key.
func (s *State) Count(k Key) int {
	n := 0
	for _, r := range s.Registrations {
		if r.Key == k {
			n++
		}
	}
	return n
}

// Has reports whether the key is registered.
func (s *State) Has(k Key) bool { return s.Count(k) > 0 }

// HeldBy reports whether the key's nexus holds the reservation, or is one of
// the holders: under an all-registrants type every registered key is. Nexuses
// that share one key cannot be told apart by it.
func (s *State) HeldBy(k Key) bool {
	if s.Reservation == nil {
		return false
	}
	if s.Reservation.Type.AllRegistrants() {
		return s.Has(k)
	}
	return s.Reservation.Key == k
}

// stateTries is how often the pair READ KEYS, READ RESERVATION is repeated
// until nothing changed between the two.
const stateTries = 5

// ReadState reads registrations and reservation: READ FULL STATUS, or READ
// KEYS and READ RESERVATION where the device lacks it or where its answer is
// too long. The pair is read until two readings of the keys around one of the
// reservation are equal, five times at most. Errors: *OpError; ErrMalformed for
// a registration with key 0, for two different holders, and for a pair that
// does not come to rest. A State is never returned with an error.
func ReadState(ctx context.Context, t Transport) (*State, error) {
	full, err := ReadFullStatus{}.Execute(ctx, t)
	if err == nil {
		return stateOf(full)
	}
	noFullStatus := errors.Is(err, ErrUnsupported) && ASCOf(err) != InvalidOpcode
	if noFullStatus || errors.Is(err, errTooLong) {
		return readStatePair(ctx, t)
	}
	return nil, err
}

// stateOf turns descriptors into a State and refuses what cannot be. A target
// that folds the nexuses of one host may mark several of them as the holder.
func stateOf(full *ReadFullStatusResponse) (*State, error) {
	s := &State{Generation: full.Generation, Registrations: full.Descriptors, Identified: true}
	for _, d := range full.Descriptors {
		if d.Key == 0 {
			return nil, malformed(prInName(InReadFullStatus), "a registration with key 0")
		}
		if !d.Holder {
			continue
		}
		held := Reservation{Key: d.Key, Scope: d.Scope, Type: d.Type}
		if d.Type.AllRegistrants() {
			held.Key = 0
		}
		if s.Reservation != nil && *s.Reservation != held {
			return nil, malformed(prInName(InReadFullStatus), "two reservation holders, %v and %v", s.Reservation.Key, held.Key)
		}
		s.Reservation = &held
	}
	return s, nil
}

func readStatePair(ctx context.Context, t Transport) (*State, error) {
	before, err := ReadKeys{}.Execute(ctx, t)
	if err != nil {
		return nil, err
	}
	for range stateTries {
		held, err := ReadReservation{}.Execute(ctx, t)
		if err != nil {
			return nil, err
		}
		// RESERVE and RELEASE leave PRGENERATION alone and some devices do
		// not count an unregistration, so equal generations prove nothing:
		// the content has to be equal, too.
		after, err := ReadKeys{}.Execute(ctx, t)
		if err != nil {
			return nil, err
		}
		if before.Generation == held.Generation && after.Generation == held.Generation && slices.Equal(before.Keys, after.Keys) {
			return pairState(after, held)
		}
		before = after
	}
	return nil, malformed(prInName(InReadKeys), "PRGENERATION did not come to rest")
}

func pairState(keys *ReadKeysResponse, held *ReadReservationResponse) (*State, error) {
	s := &State{Generation: keys.Generation, Reservation: held.Reservation}
	for _, k := range keys.Keys {
		if k == 0 {
			return nil, malformed(prInName(InReadKeys), "a registration with key 0")
		}
		s.Registrations = append(s.Registrations, FullStatus{Key: k})
	}
	return s, nil
}
