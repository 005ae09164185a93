// Package watchdog is the deadman: it feeds a watchdog device for as long as
// this node's key is on all LUNs that it watches, and holds those that are to be
// this node's alone, and lets the device restart
// the node when one is gone.
//
// The watch works in passes, one an interval: it reads every LUN,
// decides, and then feeds, never the other way round. What it decides on was
// read in this pass or, from a slow LUN, in the one before; a pass that took
// longer than an interval and the time for an answer, because the process or
// the machine had been stopped, decides nothing and is done again.
//
//	present  it was read, and the node's key is there, marked or not
//	gone     it was read, and the key is not there, or does not hold it
//	empty    it was read, and nobody is registered: the device has forgotten, and
//	         nobody has fenced anybody, for who does so is registered
//	unknown  it was not read in time
//
// Empty counts as gone only if it is to; the key may be registered again by who knows
// how to do that without taking a LUN from anybody. A LUN that was seen gone is not empty
// later: who fenced this node may have left since.
//
// Gone for longer than the grace ends the feeding for good. Unknown does not,
// unless it is to count as gone; but it does not undo gone either: what was
// seen gone is gone until it is read there again.
//
// # Threads
//
// A read that hangs holds a thread in the kernel that nobody can free. Each
// path therefore has one worker, which does one read at a time; while it hangs
// the path is passed over, and the LUN's others are asked. Nothing that may
// block is done in the loop of the watch itself, save the feeding.
package watchdog
