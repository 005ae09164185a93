package watchdog

import (
	"context"
	"slices"
	"time"

	"lunguard/pr"
)

// Device restarts the node unless it is fed.
type Device interface {
	// Feed puts the restart off by the device's timeout.
	Feed() error
	// Close disarms the device in order. Without it the device stays armed.
	Close() error
}

// Watch feeds a device while this node's key is on all LUNs.
type Watch struct {
	Timing Timing
	// Key is this node's.
	Key pr.Key
	// ExpireUnknown makes an unknown LUN count like one whose key is gone.
	ExpireUnknown bool
	// OnEmpty is what an empty LUN does; "" is KeepEmpty.
	OnEmpty OnEmpty
	// Restore is called for an empty LUN, with RegisterEmpty, from time to time as long
	// as it is so; it must not block.
	Restore func(*LUN)
	// Forgotten is called when a LUN is empty and none was before; it must not block. It
	// and Restore may be nil.
	Forgotten func()
	// Passed is called after each pass with what is known of the LUNs; it must not
	// block. It may be nil.
	Passed func([]Status)
	// Hint brings the next pass forward; it is nothing that anybody relies on, and may
	// be nil.
	Hint   <-chan struct{}
	Clock  Clock
	Device Device
	// Log takes what happens; it must not block.
	Log func(Event)
	// Alive is called after each feed, and instead of it when the feeding has
	// ended for good; it must not block.
	Alive func()
	// Alarm is called once, when the feeding has ended for good; it must not
	// block.
	Alarm func()
	// Life ends Run after the feeding has ended for good; only tests set it.
	Life <-chan struct{}

	watched []watched
	notFed  bool
	// last is when the pass before was begun, late that the process has been
	// stopped since, or in this pass.
	last time.Duration
	late bool
	// empty says that a LUN is.
	empty bool
}

// Status is what is known of a LUN, and for how long.
type Status struct {
	LUN, Package string
	State        State
	For          time.Duration
}

// watched is a LUN with what is remembered of it.
type watched struct {
	lun *LUN
	record
}

// Outcome is how a watch has ended.
type Outcome string

// Outcomes of a watch.
const (
	// Ended: somebody wanted it to end, and nothing was wrong.
	Ended Outcome = "ended"
	// Dead: the feeding had ended for good before. Only a test sees this.
	Dead Outcome = "dead"
)

// Survey reads LUNs until all are known, in three passes at the most, and
// returns what was found of each. The LUNs must not be watched meanwhile.
func (w *Watch) Survey(ctx context.Context, luns []*LUN) []Finding {
	const passes = 3
	found := make([]Finding, len(luns))
	for i := range found {
		found[i] = Finding{State: StateUnknown, Err: context.Canceled}
	}
	for range passes {
		start, now, ok := w.pass(ctx, luns)
		if !ok {
			break
		}
		for i, l := range luns {
			found[i] = w.judge(l, now)
		}
		unknown := func(f Finding) bool { return f.State == StateUnknown }
		if !slices.ContainsFunc(found, unknown) || !w.rest(ctx, start, nil) {
			break
		}
	}
	return found
}

// Watch takes these LUNs instead of those before, which it closes. What is
// remembered of one that was there before stays; a new one counts as present.
func (w *Watch) Watch(luns []*LUN) {
	var list []watched
	for _, l := range luns {
		i := slices.IndexFunc(w.watched, func(o watched) bool { return o.lun == l })
		if i >= 0 {
			list = append(list, w.watched[i])
			continue
		}
		list = append(list, watched{lun: l, record: record{state: StatePresent, since: w.Clock()}})
	}
	for _, o := range w.watched {
		if !slices.Contains(luns, o.lun) {
			o.lun.Close()
		}
	}
	w.watched = list
}

// luns lists what is watched.
func (w *Watch) luns() []*LUN {
	list := make([]*LUN, len(w.watched))
	for i := range w.watched {
		list[i] = w.watched[i].lun
	}
	return list
}

// Run watches until ctx ends. The device is fed for the first time after the
// first pass. On change come other LUNs to watch.
//
// Once a key has been gone for longer than the grace, Run never feeds again
// and never returns, whatever comes: the device is to restart the node.
func (w *Watch) Run(ctx context.Context, change <-chan []*LUN) Outcome {
	for {
		start, now, ok := w.pass(ctx, w.luns())
		if !ok {
			return Ended
		}
		if w.decide(now) {
			return w.die()
		}
		if late := w.Clock() - start; late > w.Timing.maxAge() {
			// Stopped since: what was decided is too old to feed on.
			w.Log(Event{Kind: Late, For: late})
			continue
		}
		if w.late && w.anyUnknown() {
			// What has not answered may be gone. The pass after this one has the
			// time to find out, and the device the patience.
			continue
		}
		w.feed()
		if !w.rest(ctx, start, change) {
			return Ended
		}
	}
}

// anyUnknown reports whether a LUN is unknown.
func (w *Watch) anyUnknown() bool {
	return slices.ContainsFunc(w.watched, func(x watched) bool { return x.state == StateUnknown })
}

// hintedShare is the part of an interval that is between two passes at least, however
// many hints there are.
const hintedShare = 4

// rest waits for the next pass; false if ctx ended. Other LUNs begin one at
// once, and a hint almost.
func (w *Watch) rest(ctx context.Context, start time.Duration, change <-chan []*LUN) bool {
	timer := time.NewTimer(w.until(start + w.Timing.Interval))
	defer timer.Stop()
	for hint := w.Hint; ; {
		select {
		case <-ctx.Done():
			return false
		case luns := <-change:
			w.Watch(luns)
		case <-hint:
			timer.Reset(w.until(start + w.Timing.Interval/hintedShare))
			hint = nil
			continue
		case <-timer.C:
		}
		return ctx.Err() == nil
	}
}

// until is how long an instant is away.
func (w *Watch) until(instant time.Duration) time.Duration {
	return max(0, instant-w.Clock())
}

// pass asks all LUNs and waits for their answers, for no longer than patience.
// It tells when it began and when it ended; false if ctx ended.
//
// A pass during which the process was stopped is done again: what has answered
// may be wrong by now, and what has not may not have had the time to.
func (w *Watch) pass(ctx context.Context, luns []*LUN) (start, now time.Duration, ok bool) {
	for again := false; ; again = true {
		start = w.Clock()
		w.late = again || w.last != 0 && start-w.last > w.Timing.maxAge()
		w.last = start
		all := w.ask(ctx, luns)
		now = w.Clock()
		if ctx.Err() != nil {
			return start, now, false
		}
		limit := w.Timing.Answer
		if all || again {
			// A machine that is always late must not be restarted for that.
			limit = w.Timing.maxAge()
		}
		if now-start <= limit {
			return start, now, true
		}
		w.Log(Event{Kind: Late, For: now - start})
	}
}

// ask asks all LUNs. It reports whether all have answered in time, or have no
// path that could.
func (w *Watch) ask(ctx context.Context, luns []*LUN) bool {
	p := newPass(len(luns))
	for _, l := range luns {
		l.ask(p)
	}
	timer := time.NewTimer(w.Timing.patience())
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

// decide judges all LUNs, tells what has changed, and reports whether the
// feeding has to end.
func (w *Watch) decide(now time.Duration) bool {
	var dead []Event
	for i := range w.watched {
		r := &w.watched[i]
		f := w.judge(r.lun, now)
		if e, changed := r.take(f, w, r.lun); changed {
			e.Package = r.lun.Package
			w.Log(e)
		}
		if e, changed := r.takeOpen(f, r.lun.Name); changed {
			w.Log(e)
		}
		if r.expired(now, w.Timing.Grace) {
			dead = append(dead, Event{Kind: Expired, LUN: r.lun.Name, Package: r.lun.Package, Reading: f.Reading, Registered: f.Registered, For: now - r.from, Err: f.Err})
		}
	}
	w.passed(now)
	w.tendEmpty(now)
	if len(dead) == 0 {
		return false
	}
	w.Alarm()
	for _, e := range dead {
		w.Log(e)
	}
	return true
}

// passed tells what is known of each LUN.
func (w *Watch) passed(now time.Duration) {
	if w.Passed == nil {
		return
	}
	list := make([]Status, len(w.watched))
	for i, r := range w.watched {
		list[i] = Status{LUN: r.lun.Name, Package: r.lun.Package, State: r.state, For: now - r.since}
	}
	w.Passed(list)
}

// tendEmpty raises the alarm for LUNs that are empty, and has the node registered again if
// it is to be.
func (w *Watch) tendEmpty(now time.Duration) {
	before := w.empty
	w.empty = false
	for i := range w.watched {
		r := &w.watched[i]
		if r.state != StateEmpty {
			r.restored = 0
			continue
		}
		w.empty = true
		if w.OnEmpty == RegisterEmpty && w.Restore != nil && (r.restored == 0 || now-r.restored >= restorePause) {
			r.restored = now
			w.Restore(r.lun)
		}
	}
	if w.empty && !before && w.Forgotten != nil {
		w.Forgotten()
	}
}

// feed feeds the device. A feed that fails is tried again in the next pass.
func (w *Watch) feed() {
	err := w.Device.Feed()
	switch {
	case err != nil && !w.notFed:
		w.Log(Event{Kind: NotFed, Err: err})
	case err == nil && w.notFed:
		w.Log(Event{Kind: Fed})
	}
	if w.notFed = err != nil; err == nil {
		w.Alive()
	}
}

// die waits for the restart and tells meanwhile who has the LUNs.
func (w *Watch) die() Outcome {
	shown := map[*LUN][]pr.Key{}
	for {
		luns := w.luns()
		start, now, _ := w.pass(context.Background(), luns)
		for i := range w.watched {
			r := &w.watched[i]
			f := w.judge(r.lun, now)
			if f.State == StateUnknown || f.State == StatePresent && !r.counting {
				continue
			}
			if before, ok := shown[r.lun]; !ok || !slices.Equal(before, f.Keys) {
				shown[r.lun] = f.Keys
				w.Log(Event{Kind: Holders, LUN: r.lun.Name, Reading: f.Reading})
			}
		}
		w.Alive()
		select {
		case <-w.Life:
			return Dead
		case <-time.After(w.until(start + w.Timing.Interval)):
		}
	}
}
