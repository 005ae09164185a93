package watchdog

import (
	"slices"
	"time"

	"lunguard/protocol"
	"lunguard/scsi"
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
}

// Finding is what one pass has found of a LUN.
type Finding struct {
	State State
	// Keys are those on the LUN, Err why they are unknown.
	Keys []scsi.Key
	Err  error
	// at is when the keys were asked for, or now if they are unknown.
	at time.Duration
}

// has reports whether a node's key is among keys. Marked as leaving it is there
// all the same: the node is halting, and nobody has taken it off.
func has(keys []scsi.Key, own scsi.Key) bool {
	return slices.Contains(keys, own) || slices.Contains(keys, protocol.Leaving(own))
}

// judge finds out what is known of a LUN now.
func (w *Watch) judge(l *LUN, now time.Duration) Finding {
	keys, at, err := l.look(now, w.Timing.maxAge())
	switch {
	case err != nil:
		return Finding{State: StateUnknown, at: now, Err: err}
	case has(keys, w.Key):
		return Finding{State: StatePresent, at: at, Keys: keys}
	}
	return Finding{State: StateGone, at: at, Keys: keys}
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
	e := Event{LUN: name, Keys: f.Keys, For: f.at - before.since, Err: f.Err, WasGone: r.counting}
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
