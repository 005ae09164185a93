package watchdog

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Timing is when what happens.
type Timing struct {
	// Interval is from one pass to the next.
	Interval time.Duration
	// Answer is how long a pass waits for answers, at most the interval. One
	// that comes later counts in the next pass.
	Answer time.Duration
	// Grace is how long a key may be gone.
	Grace time.Duration
	// Timeout is how long after the last feed the device restarts the node,
	// in whole seconds.
	Timeout time.Duration
}

// Limits of a Timing.
const (
	leastInterval = 100 * time.Millisecond
	// feedsMissed is how many feeds in a row may come late as can be before
	// the device restarts a healthy node.
	feedsMissed = 3
)

// Check tells what is wrong with the times; nil if nothing is.
func (t Timing) Check() error {
	switch {
	case t.Interval < leastInterval:
		return fmt.Errorf("an interval of %v is too short, %v is the least", t.Interval, leastInterval)
	case t.Answer <= 0 || t.Answer > t.Interval:
		return fmt.Errorf("a read that may take %v does not fit into an interval of %v", t.Answer, t.Interval)
	case t.Grace < 0:
		return fmt.Errorf("a grace of %v is less than nothing", t.Grace)
	case t.Timeout%time.Second != 0 || t.Timeout > 1<<31*time.Second-1:
		return fmt.Errorf("a watchdog's timeout of %v is not a number of whole seconds", t.Timeout)
	case t.Timeout < t.LeastTimeout():
		return fmt.Errorf("a watchdog's timeout of %v is too short for an interval of %v, %v is the least", t.Timeout, t.Interval, t.LeastTimeout())
	}
	return nil
}

// LeastTimeout is the shortest timeout of the device with which a healthy node
// is not restarted.
func (t Timing) LeastTimeout() time.Duration {
	return (feedsMissed*t.maxAge() + time.Second - 1).Truncate(time.Second)
}

// Total is how long after a fence the node is restarted at the latest, if the
// LUN can be read.
func (t Timing) Total() time.Duration { return t.Interval + t.Grace + t.Timeout }

// maxAge is how long before a decision the reads that it follows from may have
// been begun.
func (t Timing) maxAge() time.Duration { return t.Interval + t.Answer }

// patience is how long a pass waits for answers. It is less than Answer by what
// a slow answer of the pass before needs to be young enough still.
func (t Timing) patience() time.Duration { return t.Answer - t.Answer/10 }

// Clock reads a clock that nobody sets, from an unknown beginning.
type Clock func() time.Duration

// Boottime is CLOCK_BOOTTIME, which goes on while the machine is suspended:
// what was read before is old then.
func Boottime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// Every kernel since 2.6.39 has it. Without time nothing can be decided.
		panic("clock_gettime: " + err.Error())
	}
	return time.Duration(ts.Nano())
}
