package watchdog

import (
	"slices"
	"time"

	"lunguard/pr"
	"lunguard/protocol"
)

// State is what is known of a LUN.
type State string

// States of a LUN.
const (
	StatePresent State = "present"
	StateGone    State = "gone"
	StateUnknown State = "unknown"
)

// record is what the watch remembers of a LUN.
type record struct {
	state State
	// since is when the state began; seen when the key was last read, if ever.
	since, seen time.Duration
	everSeen    bool
	// counting says that the grace runs, from the time from.
	counting bool
	from     time.Duration
	// late says that the LUN has been unknown since the process was stopped.
	late bool
	// open says that it had no reservation when last read.
	open bool
}

// Finding is what one pass has found of a LUN.
type Finding struct {
	State State
	// Reading is what is on the LUN, Err why that is unknown.
	Reading
	Err error
	// Registered says that this node's key is among the keys, wherever the
	// reservation is.
	Registered bool
	// at is when the LUN was asked, or now if it is unknown.
	at time.Duration
}

// Reading is what a LUN has said.
type Reading struct {
	Keys []pr.Key
	// Reservation is nil if there is none.
	Reservation *pr.Reservation
}

// has reports whether a node's key is registered. Marked it is there all the
// same: the node is taking the LUN or leaving it, and nobody has taken it off.
func (r *Reading) has(own pr.Key) bool {
	return slices.ContainsFunc(r.Keys, func(k pr.Key) bool { return protocol.Plain(k) == own })
}

// heldBy reports whether a node holds the reservation, by a key marked or not.
func (r *Reading) heldBy(own pr.Key) bool {
	switch held := r.Reservation; {
	case held == nil:
		return false
	case held.Type.AllRegistrants():
		return r.has(own)
	default:
		return protocol.Plain(held.Key) == own
	}
}

// judge finds out what is known of a LUN now. Who has a LUN for itself holds the
// reservation: a key that is merely registered there was registered late, under
// the reservation of the node that has taken the LUN over.
func (w *Watch) judge(l *LUN, now time.Duration) Finding {
	reading, at, err := l.look(now, w.Timing.maxAge())
	if err != nil {
		return Finding{State: StateUnknown, at: now, Err: err}
	}
	f := Finding{State: StateGone, Reading: reading, Registered: reading.has(w.Key), at: at}
	if f.Registered && (!l.Exclusive || reading.heldBy(w.Key)) {
		f.State = StatePresent
	}
	return f
}

// takeOpen takes note of whether a LUN is without any reservation, and returns
// what there is to tell. It keeps nobody out then, which is no reason to restart
// a node that is registered.
func (r *record) takeOpen(f Finding, name string) (Event, bool) {
	open := f.Reservation == nil
	if f.State != StatePresent || open == r.open {
		return Event{}, false
	}
	r.open = open
	if open {
		return Event{Kind: Unreserved, LUN: name}, true
	}
	return Event{Kind: Reserved, LUN: name}, true
}

// take brings the record up to date and returns what there is to tell, if
// anything.
func (r *record) take(f Finding, w *Watch, name string) (Event, bool) {
	before := *r
	if f.State != before.state {
		r.state, r.since = f.State, f.at
		r.late = f.State == StateUnknown && w.late
	}
	switch {
	case f.State == StatePresent:
		r.seen, r.everSeen, r.counting = f.at, true, false
	case !r.counting && (f.State == StateGone || w.ExpireUnknown):
		r.counting, r.from = true, r.begin(f, before, w.Timing.Interval)
	}
	if f.State == before.state {
		return Event{}, false
	}
	e := Event{LUN: name, Reading: f.Reading, Registered: f.Registered, For: f.at - before.since, Err: f.Err, WasGone: r.counting}
	switch f.State {
	case StateGone:
		e.Kind, e.Left = Gone, max(0, r.from+w.Timing.Grace-f.at)
	case StateUnknown:
		e.Kind, e.Left = Unknown, max(0, r.from+w.Timing.Grace-f.at)
	case StatePresent:
		if e.Kind = Back; before.state == StateUnknown {
			e.Kind = Known
		}
		if before.counting {
			e.For = f.at - before.from
		}
	}
	return e, true
}

// begin is when the grace begins to run: when the key was found missing, but
// no later than one interval after it was last seen if it was there in the
// pass before, or if the LUN has been unknown only since the process was
// stopped: a fence must not gain time by that. After any other time in which the
// LUN was unknown nothing tells when the key went, and the grace is granted in
// full.
func (r *record) begin(f Finding, before record, interval time.Duration) time.Duration {
	if (before.state == StatePresent || before.late) && r.everSeen {
		return min(f.at, r.seen+interval)
	}
	return f.at
}

// expired reports whether the grace is over.
func (r *record) expired(now, grace time.Duration) bool {
	return r.counting && now-r.from >= grace
}
