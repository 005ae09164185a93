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
	// StateEmpty: nobody is registered, and nobody was seen to have taken this node's
	// key away: the device has lost its registrations. Who fences is registered.
	StateEmpty State = "empty"
)

// States are all states of a LUN.
func States() []State { return []State{StatePresent, StateGone, StateEmpty, StateUnknown} }

// OnEmpty is what becomes of a node one of whose LUNs is empty.
type OnEmpty string

// Choices.
const (
	// KeepEmpty goes on feeding: nothing was taken from this node.
	KeepEmpty OnEmpty = "keep"
	// RegisterEmpty does so, too, and has the node registered again.
	RegisterEmpty OnEmpty = "register"
	// ExpireEmpty counts it as gone.
	ExpireEmpty OnEmpty = "expire"
)

const (
	// remindPause is the time from one event about an empty LUN to the next.
	remindPause = time.Minute
	// restorePause is the time from one attempt to register again to the next.
	restorePause = 5 * time.Second
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
	// generation is that of the reading in which the key was last seen.
	generation uint32
	// gone and empty say that the LUN was when it was last read.
	gone, empty bool
	// told is when people last heard that the LUN is empty, restored when it was last
	// attempted to register again.
	told, restored time.Duration
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
	// Generation counts the changes of registrations.
	Generation uint32
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

// forgot reports whether a LUN without this node's key is one that has lost its
// registrations, and not one that others have been on and left: nobody is there, and
// the key was there a moment ago, or the device has begun to count anew since. A LUN that
// was seen gone is gone.
func (r *record) forgot(f Finding, moment time.Duration) bool {
	if f.State != StateGone || len(f.Keys) > 0 || f.Reservation != nil || r.gone || !r.everSeen {
		return false
	}
	return r.empty || f.at-r.seen <= moment || f.Generation < r.generation
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
func (r *record) take(f Finding, w *Watch, l *LUN) (Event, bool) {
	before := *r
	if f.State == StateGone && l.Doubtful && !r.everSeen {
		f.State, f.Err = StateUnknown, ErrNotStarted
	}
	if r.forgot(f, 2*w.Timing.maxAge()) {
		f.State = StateEmpty
	}
	if f.State != before.state {
		r.state, r.since = f.State, f.at
		r.late = f.State == StateUnknown && w.late
	}
	switch {
	case f.State == StatePresent:
		r.seen, r.everSeen, r.counting, r.generation = f.at, true, false, f.Generation
	case f.State == StateEmpty && w.OnEmpty != ExpireEmpty:
		r.counting = false
	case !r.counting && (f.State != StateUnknown || w.ExpireUnknown):
		r.counting, r.from = true, r.begin(f, before, w.Timing.Interval)
	}
	if f.State != StateUnknown {
		r.gone, r.empty = f.State == StateGone, f.State == StateEmpty
	}
	remind := f.State == StateEmpty && f.at-r.told >= remindPause
	if f.State == before.state && !remind {
		return Event{}, false
	}
	e := Event{LUN: l.Name, Reading: f.Reading, Registered: f.Registered, For: f.at - before.since, Err: f.Err, WasGone: r.counting}
	switch f.State {
	case StateGone:
		e.Kind, e.Left = Gone, max(0, r.from+w.Timing.Grace-f.at)
	case StateEmpty:
		e.Kind, e.Left, r.told = Empty, max(0, r.from+w.Timing.Grace-f.at), f.at
		if before.state != StateEmpty {
			e.For = 0
		}
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
