package scsi

import "runtime"

const (
	// processors is how many of the runtime's processors MakeRoom asks for at
	// most. More than that gain nothing.
	processors = 8
	// share is how many commands may well wait for one of them.
	share = 16
)

// MakeRoom prepares the process for sending many commands at the same time.
// Each command holds a thread in the kernel until the device answers, and the
// thread holds one of the runtime's processors until its monitor has noticed,
// which takes from 20 µs to 10 ms. A machine with two processors therefore sends
// its commands in a trickle. It does not depend on how many processors the
// machine has: they wait, they do not compute.
func MakeRoom(commands int) {
	if want := min(commands/share, processors); want > runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(want)
	}
}
