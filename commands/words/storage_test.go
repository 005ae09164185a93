package words

import (
	"errors"
	"fmt"
	"testing"

	"lunguard/pr"
	"lunguard/protocol"
)

// nvmeError is the error of a command of a storage that words know nothing of.
type nvmeError struct{ where string }

func (e *nvmeError) Error() string         { return e.where + ": " + e.Say(e.Why().Error()) }
func (e *nvmeError) Unwrap() error         { return e.Why() }
func (e *nvmeError) OutcomeUnknown() bool  { return false }
func (e *nvmeError) Where() string         { return e.where }
func (e *nvmeError) What() string          { return "Reservation Acquire" }
func (e *nvmeError) Why() error            { return pr.ErrReservationConflict }
func (e *nvmeError) Say(why string) string { return e.What() + ": " + why + ": 83h" }

// Words are made of what any storage's errors tell, and not of one storage's.
func TestAnyStorage(t *testing.T) {
	err := &nvmeError{"/dev/nvme0n1"}
	for _, c := range []struct{ got, want string }{
		{Of(&protocol.LUNError{LUN: "/dev/nvme0n1", Err: err}).Text(), "/dev/nvme0n1: reservation conflict on Reservation Acquire"},
		{Of(&protocol.LUNError{LUN: "/dev/dm-0", Err: err}).Text(), "/dev/dm-0: path /dev/nvme0n1: reservation conflict on Reservation Acquire"},
		{Of(&protocol.LUNError{LUN: "/dev/dm-0", Err: fmt.Errorf("%w: %w", protocol.ErrUnsettled, err)}).Text(),
			"/dev/dm-0: the reservation state keeps changing: path /dev/nvme0n1: Reservation Acquire: reservation conflict: 83h"},
		{Reason("/dev/nvme0n1", err), "Reservation Acquire: reservation conflict: 83h"},
		{Reason("/dev/dm-0", errors.Join(err)), "/dev/nvme0n1: Reservation Acquire: reservation conflict: 83h"},
		{Outcome(protocol.Event{Err: err}), ": reservation conflict"},
	} {
		if c.got != c.want {
			t.Errorf("%s\n%s expected", c.got, c.want)
		}
	}
}
