package watchdog

import "time"

// Kind is what an Event tells.
type Kind string

// Kinds of events.
const (
	// Gone: the key is not on the LUN any more or, if the LUN is to be this node's
	// alone, does not hold the reservation; Left is what is left of the grace, Keys
	// who is on it.
	Gone Kind = "gone"
	// Empty: nobody is registered any more, For, and again once a minute as long as it
	// is so; Left is what is left of the grace, if it counts as gone.
	Empty Kind = "empty"
	// Back: the key is on the LUN again, after For.
	Back Kind = "back"
	// Unknown: no path gives a list of keys; Err says why.
	Unknown Kind = "unknown"
	// Known: it gives one again, after For, and the key is in it.
	Known Kind = "known"
	// Unreserved: the key is there and nobody holds a reservation. Reserved: somebody
	// does again.
	Unreserved Kind = "unreserved"
	Reserved   Kind = "reserved"
	// Expired: the feeding has ended because of this LUN, after For.
	Expired Kind = "expired"
	// Holders: the keys on a LUN for which the feeding has ended.
	Holders Kind = "holders"
	// PathFailed and PathBack are about one path, of a LUN that has others.
	PathFailed Kind = "path-failed"
	PathBack   Kind = "path-back"
	// Late: the process, or the machine, was stopped for about For.
	Late Kind = "late"
	// NotFed: the device does not take the feed; Err says why. Fed: it does
	// again.
	NotFed Kind = "not-fed"
	Fed    Kind = "fed"
)

// Event is a change that somebody may want to know.
type Event struct {
	Kind      Kind
	LUN, Path string
	// Package is whose LUN it is, where the event is Empty or Expired.
	Package string
	// Reading is who is on the LUN.
	Reading
	// Registered says that this node's key is on it all the same.
	Registered bool
	For, Left  time.Duration
	// WasGone says of Unknown that the key was gone when last read, or counts
	// as gone, so that the grace goes on.
	WasGone bool
	Err     error
}
