package session

import (
	"runtime"
	"runtime/debug"
)

const (
	// processors is how many of the runtime's processors makeRoom asks for at
	// most. More than that gain nothing.
	processors = 16
	// share is how many commands may well wait for one of them.
	share = 8
	// garbage is how much memory may be waiting to be collected, in percent of
	// what is in use, of which 4 MiB are assumed. The collector takes turns on
	// all processors, while answers wait: a process that ends in a second had
	// better not begin with it.
	garbage = 200
)

// makeRoom prepares the process for sending many commands at the same time.
// Each command holds a thread in the kernel until the device answers, and the
// thread holds one of the runtime's processors until its monitor has noticed,
// which takes from 20 µs to 10 ms. A machine with two processors therefore sends
// its commands in a trickle. It does not depend on how many processors the
// machine has: they wait, they do not compute.
func makeRoom(commands int) {
	want := min(commands/share, processors)
	if want <= runtime.GOMAXPROCS(0) {
		return
	}
	runtime.GOMAXPROCS(want)
	if before := debug.SetGCPercent(garbage); before < 0 || before > garbage {
		debug.SetGCPercent(before)
	}
}
