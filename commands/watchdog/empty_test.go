package watchdog

import (
	"slices"
	"testing"
	"time"

	"lunguard/pr"
)

// forget makes a device lose its registrations; it counts them from generation on.
func (d *disk) forget(generation uint32) {
	d.set(func() { d.keys, d.held, d.generation = nil, nil, generation })
}

// remember makes a key the only one, and the holder's.
func (d *disk) remember(key pr.Key) {
	d.setKeys(key)
	d.setHolder(key)
}

// counts is how often what is counted has happened.
func (r *rig) wantCounts(alarms, forgotten, restored int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.alarms != alarms || r.forgotten != forgotten || r.restored != restored {
		r.t.Errorf("%d alarms, %d for what was forgotten, %d attempts; %d, %d, %d expected", r.alarms, r.forgotten, r.restored, alarms, forgotten, restored)
	}
}

// A LUN that has forgotten everybody fences nobody: the device is fed, people are told,
// once a minute, and by one alarm for all LUNs.
func TestEmptyKeep(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		run(t, 2, func(r *rig) {
			r.luns[0].Exclusive = exclusive
			r.disk("A").setHolder(ownKey)
			r.start()
			r.pass(3100 * time.Millisecond)
			r.disk("A").forget(0)
			r.pass(10 * time.Second)
			r.disk("B").forget(0)
			r.pass(45 * time.Second)
			r.wantEvents("empty A", "empty B")
			r.pass(8 * time.Second)
			r.wantEvents("empty A", "empty B", "empty A")
			r.wantCounts(0, 1, 0)
			r.disk("A").remember(ownKey)
			r.disk("B").remember(ownKey)
			r.pass(10 * time.Second)
			r.wantEvents("empty A", "empty B", "empty A", "back A", "back B")
			r.disk("A").forget(0)
			r.pass(2 * time.Second)
			r.wantCounts(0, 2, 0)
			r.wantFed()
			r.end(Ended)
		})
	}
}

// With RegisterEmpty the node is to be registered again at once, and then every few
// seconds as long as nobody is there.
func TestEmptyRegister(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.watch.OnEmpty = RegisterEmpty
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").forget(0)
		r.pass(1100 * time.Millisecond)
		r.wantCounts(0, 1, 1)
		r.pass(10 * time.Second)
		r.wantCounts(0, 1, 3)
		r.disk("A").remember(ownKey)
		r.pass(20 * time.Second)
		r.wantCounts(0, 1, 3)
		r.wantEvents("empty A", "back A")
		r.wantFed()
		r.end(Ended)
	})
}

// With ExpireEmpty it counts as gone.
func TestEmptyExpire(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.watch.OnEmpty = ExpireEmpty
		r.start()
		r.pass(3100 * time.Millisecond)
		forgot := r.clock()
		r.disk("A").forget(0)
		r.pass(20 * time.Second)
		if last := r.device.last(); last-forgot > r.watch.Timing.Interval+r.watch.Timing.Grace || last-forgot < 4*time.Second {
			t.Errorf("last fed %v after it was forgotten", last-forgot)
		}
		r.wantEvents("empty A", "expired A", "holders A")
		r.wantCounts(1, 1, 0)
		r.end(Dead)
	})
}

// Somebody who is there afterwards has the LUN: that is a fence, with all of the grace.
func TestEmptyThenTaken(t *testing.T) {
	for _, policy := range []OnEmpty{KeepEmpty, RegisterEmpty} {
		run(t, 1, func(r *rig) {
			r.watch.OnEmpty = policy
			r.luns[0].Exclusive = true
			r.disk("A").setHolder(ownKey)
			r.start()
			r.pass(3100 * time.Millisecond)
			r.disk("A").forget(0)
			r.pass(30 * time.Second)
			r.wantEvents("empty A")
			r.wantFed()
			taken := r.clock()
			r.disk("A").remember(otherKey)
			r.pass(20 * time.Second)
			if last := r.device.last(); last-taken > r.watch.Timing.Interval+r.watch.Timing.Grace || last-taken < 4*time.Second {
				t.Errorf("last fed %v after it was taken", last-taken)
			}
			r.wantEvents("empty A", "gone A", "expired A", "holders A")
			r.end(Dead)
		})
	}
}

// What is empty after it was seen gone, or after a time in which nobody looked and
// others changed it, may have been a fence by who has left since: it is gone.
func TestEmptyAfterFence(t *testing.T) {
	for name, c := range map[string]func(r *rig){
		"seen gone": func(r *rig) {
			r.disk("A").remember(otherKey)
			r.pass(2 * time.Second)
			r.disk("A").forget(9)
		},
		"seen gone, and then unknown": func(r *rig) {
			r.disk("A").remember(otherKey)
			r.pass(2 * time.Second)
			r.disk("A").setFailed(true)
			r.pass(2 * time.Second)
			r.disk("A").forget(0)
			r.disk("A").setFailed(false)
		},
		"unknown": func(r *rig) {
			r.disk("A").setFailed(true)
			r.pass(10 * time.Second)
			r.disk("A").forget(9)
			r.disk("A").setFailed(false)
			r.pass(3 * time.Second)
		},
		"stopped": func(r *rig) {
			r.disk("A").forget(9)
			r.jump(20 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, 1, func(r *rig) {
				r.disk("A").set(func() { r.disk("A").generation = 5 })
				r.start()
				r.pass(3100 * time.Millisecond)
				c(r)
				r.pass(20 * time.Second)
				r.wantCounts(1, 0, 0)
				r.end(Dead)
			})
		})
	}
}

// An array that was away and counts anew has forgotten; what was to count as gone
// meanwhile does not any more.
func TestEmptyAfterUnknown(t *testing.T) {
	for _, expire := range []bool{false, true} {
		run(t, 1, func(r *rig) {
			r.watch.ExpireUnknown = expire
			r.disk("A").set(func() { r.disk("A").generation = 5 })
			r.start()
			r.pass(3100 * time.Millisecond)
			r.disk("A").setFailed(true)
			r.pass(4 * time.Second)
			r.disk("A").forget(0)
			r.disk("A").setFailed(false)
			r.pass(20 * time.Second)
			r.wantEvents("unknown A", "empty A")
			// Away once more it is empty still when it comes back.
			r.disk("A").setFailed(true)
			r.pass(4 * time.Second)
			r.disk("A").setFailed(false)
			r.pass(10 * time.Second)
			r.wantEvents("unknown A", "empty A", "unknown A", "empty A")
			r.wantFed()
			r.end(Ended)
		})
	}
}

// After each pass it is told what is known.
func TestPassed(t *testing.T) {
	run(t, 2, func(r *rig) {
		var last []Status
		r.watch.Passed = func(list []Status) {
			r.mu.Lock()
			defer r.mu.Unlock()
			last = list
		}
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("B").forget(0)
		r.pass(5 * time.Second)
		r.mu.Lock()
		var got []State
		for _, s := range last {
			got = append(got, s.State)
		}
		if !slices.Equal(got, []State{StatePresent, StateEmpty}) || last[1].LUN != "B" || last[1].Package != "pkg" || last[1].For < 3*time.Second || last[1].For > 5*time.Second {
			t.Errorf("%+v", last)
		}
		r.mu.Unlock()
		r.end(Ended)
	})
}

// A LUN that is unknown at first, of a package of which nobody knows whether it is up, is
// gone only once this node's key was seen on it.
func TestDoubtful(t *testing.T) {
	for _, doubtful := range []bool{true, false} {
		run(t, 2, func(r *rig) {
			r.luns[1].Doubtful = doubtful
			r.disk("B").setFailed(true)
			r.start()
			r.pass(3 * time.Second)
			r.disk("B").setKeys(otherKey)
			r.disk("B").setFailed(false)
			if !doubtful {
				r.pass(15 * time.Second)
				r.end(Dead)
				return
			}
			r.pass(15 * time.Second)
			r.wantFed()
			r.disk("B").remember(ownKey)
			r.pass(5 * time.Second)
			r.wantFed()
			r.disk("B").setKeys(otherKey)
			r.pass(15 * time.Second)
			r.end(Dead)
		})
	}
}
