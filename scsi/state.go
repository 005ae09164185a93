package scsi

import (
	"context"
	"errors"
	"slices"
)

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
	s := &State{Generation: full.Generation, Identified: true}
	s.Registrations = slices.Grow(s.Registrations, len(full.Descriptors))
	for _, d := range full.Descriptors {
		s.Registrations = append(s.Registrations, d.Registration())
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
		common := held.Common()
		if s.Reservation != nil && *s.Reservation != *common {
			return nil, malformed(prInName(InReadFullStatus), "two reservation holders, %v and %v", s.Reservation.Key, held.Key)
		}
		s.Reservation = common
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
	s := &State{Generation: keys.Generation, Reservation: held.Reservation.Common()}
	for _, k := range keys.Keys {
		if k == 0 {
			return nil, malformed(prInName(InReadKeys), "a registration with key 0")
		}
		s.Registrations = append(s.Registrations, Registration{Key: k})
	}
	return s, nil
}
