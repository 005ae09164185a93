package pr_test

import (
	"errors"
	"fmt"

	"lunguard/pr"
)

// What a device says of itself, and who may write.
func ExampleState() {
	s := pr.State{
		Registrations: []pr.Registration{{Key: 0xa, Holder: true}, {Key: 0xa}, {Key: 0xb}},
		Reservation:   &pr.Reservation{Key: 0xa, Type: pr.WriteExclusiveRegistrantsOnly},
	}
	fmt.Println(s.Keys(), s.Count(0xa), s.HeldBy(0xb))
	fmt.Println(s.Reservation.Type)
	// Output:
	// [0xa 0xb] 2 false
	// Write Exclusive - Registrants Only
}

// An error says whether the command may have taken effect: only then has the state to be
// read before anything else is done.
func ExampleOutcomeUnknown() {
	for _, err := range []error{pr.ErrReservationConflict, lost{}} {
		fmt.Println(err, pr.OutcomeUnknown(err), pr.PathFailed(err))
	}
	// Output:
	// reservation conflict false false
	// no answer in time: transport error true true
}

// lost is a command without an answer.
type lost struct{}

func (lost) Error() string        { return pr.ErrTimeout.Error() }
func (lost) Unwrap() error        { return pr.ErrTimeout }
func (lost) OutcomeUnknown() bool { return true }

func ExampleParseKey() {
	k, err := pr.ParseKey("BCB00001")
	fmt.Println(k, err)
	_, err = pr.ParseKey("0")
	fmt.Println(errors.Is(err, pr.ErrBadKey))
	// Output:
	// 0xbcb00001 <nil>
	// true
}
