package watchdog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/pr"
	"lunguard/protocol"
)

// While the key is there the device is fed once an interval, and the end is an
// orderly one.
func TestHealthy(t *testing.T) {
	run(t, 3, func(r *rig) {
		r.start()
		r.pass(time.Minute)
		if n := len(r.device.all()); n < 60 || n > 61 {
			t.Errorf("fed %d times in a minute", n)
		}
		r.wantFed()
		r.wantEvents()
		// One path of each LUN is read once an interval; the first pass asks both.
		if n := r.disk("A").reads; n < 60 || n > 63 {
			t.Errorf("LUN A was read %d times in a minute", n)
		}
		r.end(Ended)
	})
}

// A node that halts has marked its key, and is not fenced.
func TestLeaving(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.disk("A").setKeys(otherKey, protocol.Leaving(ownKey))
		r.start()
		r.pass(10 * time.Second)
		r.wantEvents()
		r.disk("A").setKeys(otherKey, protocol.Leaving(otherKey))
		r.pass(10 * time.Second)
		r.wantEvents("gone A", "expired A", "holders A")
		r.end(Dead)
	})
}

// A key that comes back within the grace is told of, twice, and no more.
func TestBackWithinGrace(t *testing.T) {
	run(t, 2, func(r *rig) {
		r.start()
		r.pass(3500 * time.Millisecond)
		r.disk("B").setKeys(otherKey)
		r.pass(4500 * time.Millisecond)
		r.wantEvents("gone B")
		r.disk("B").setKeys(ownKey)
		r.pass(10 * time.Second)
		r.wantEvents("gone B", "back B")
		r.wantFed()
		r.end(Ended)
	})
}

// A key that stays away ends the feeding within interval and grace, for good:
// neither its return nor a signal changes that.
func TestGone(t *testing.T) {
	run(t, 2, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		fenced := r.clock()
		r.disk("B").setKeys(otherKey)
		r.pass(20 * time.Second)
		if last := r.device.last(); last-fenced > r.watch.Timing.Interval+r.watch.Timing.Grace || last-fenced < 4*time.Second {
			t.Errorf("last fed %v after the fence", last-fenced)
		}
		r.wantEvents("gone B", "expired B", "holders B")
		if r.alarms != 1 {
			t.Errorf("%d alarms", r.alarms)
		}
		fed := len(r.device.all())
		r.disk("B").setKeys()
		r.pass(2 * time.Second)
		r.disk("B").setKeys(ownKey)
		r.pass(20 * time.Second)
		r.end(Dead)
		if n := len(r.device.all()); n != fed || r.alarms != 1 {
			t.Errorf("fed %d times after the end, %d alarms", n-fed, r.alarms)
		}
		r.wantEvents("gone B", "expired B", "holders B", "holders B", "holders B")
	})
}

// Without a grace the first look that misses the key is the end.
func TestNoGrace(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.watch.Timing.Grace = 0
		r.start()
		r.pass(3100 * time.Millisecond)
		fenced := r.clock()
		r.disk("A").setKeys()
		r.pass(10 * time.Second)
		if last := r.device.last(); last > fenced {
			t.Errorf("fed %v after the fence", last-fenced)
		}
		r.wantEvents("gone A", "expired A", "holders A")
		r.end(Dead)
	})
}

// An unreadable LUN is warned of once, and when it is over.
func TestUnknownKeep(t *testing.T) {
	run(t, 2, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").setFailed(true)
		r.pass(time.Minute)
		r.wantEvents("unknown A")
		r.wantFed()
		r.disk("A").setFailed(false)
		r.pass(10 * time.Second)
		r.wantEvents("unknown A", "known A")
		r.end(Ended)
	})
}

// If it is to, an unreadable LUN counts as a fenced one, and a short trouble
// does not.
func TestUnknownExpire(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.watch.ExpireUnknown = true
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").setFailed(true)
		r.pass(3 * time.Second)
		r.disk("A").setFailed(false)
		r.pass(10 * time.Second)
		r.wantEvents("unknown A", "known A")
		r.wantFed()
		failed := r.clock()
		r.disk("A").setFailed(true)
		r.pass(20 * time.Second)
		r.wantEvents("unknown A", "known A", "unknown A", "expired A")
		if last := r.device.last(); last-failed > r.watch.Timing.Interval+r.watch.Timing.Grace {
			t.Errorf("last fed %v after the failure", last-failed)
		}
		r.end(Dead)
	})
}

// What was seen gone is gone until it is read there: that it cannot be read
// any more saves nobody.
func TestGoneThenUnknown(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		fenced := r.clock()
		r.disk("A").setKeys(otherKey)
		r.pass(2 * time.Second)
		r.disk("A").setFailed(true)
		r.pass(20 * time.Second)
		r.wantEvents("gone A", "unknown A", "expired A")
		if last := r.device.last(); last-fenced > r.watch.Timing.Interval+r.watch.Timing.Grace {
			t.Errorf("last fed %v after the fence", last-fenced)
		}
		r.end(Dead)
	})
}

// After a time in which nothing was known, a key that is gone has its grace.
func TestUnknownThenGone(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").setFailed(true)
		r.pass(time.Minute)
		r.disk("A").setKeys(otherKey)
		r.disk("A").setFailed(false)
		r.pass(4 * time.Second)
		r.wantEvents("unknown A", "gone A")
		r.disk("A").setKeys(ownKey)
		r.pass(4 * time.Second)
		r.wantEvents("unknown A", "gone A", "back A")
		r.end(Ended)
	})
}

// A LUN that cannot be read from the beginning is unknown, too.
func TestUnknownFromTheStart(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.disk("A").findErr = errors.New("no such device")
		r.start()
		r.pass(10 * time.Second)
		r.wantEvents("unknown A")
		r.wantFed()
		r.disk("A").set(func() { r.disk("A").findErr = nil })
		r.pass(10 * time.Second)
		r.wantEvents("unknown A", "known A")
		r.end(Ended)
	})
}

// A read that hangs on every path stops nothing: the LUN is unknown, the
// others are watched, and no path is asked twice.
func TestHungRead(t *testing.T) {
	run(t, 2, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").hang("A1")
		r.disk("A").hang("A2")
		r.pass(time.Minute)
		r.wantEvents("unknown A")
		r.wantFed()
		r.disk("A").release("A1")
		r.pass(5 * time.Second)
		r.wantEvents("unknown A", "known A")
		r.disk("B").setKeys(otherKey)
		r.pass(20 * time.Second)
		r.wantEvents("unknown A", "known A", "gone B", "expired B", "holders B")
		r.end(Dead)
	})
}

// A hung LUN that was fenced before it came back says so then: what the device
// answered before it hung is too old.
func TestHungReadAnswersLate(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").hang("A1")
		r.disk("A").hang("A2")
		r.pass(10 * time.Second)
		// The reads that hang were answered with the key in the list.
		r.disk("A").setKeys(otherKey)
		r.disk("A").release("A1")
		r.disk("A").release("A2")
		r.pass(20 * time.Second)
		r.wantEvents("unknown A", "gone A", "expired A", "holders A")
		r.end(Dead)
	})
}

// SIGTERM before the end of the grace is an orderly end, in every state.
func TestEndInEachState(t *testing.T) {
	states := map[string]func(d *disk){
		"present": func(d *disk) {},
		"gone":    func(d *disk) { d.setKeys(otherKey) },
		"unknown": func(d *disk) { d.setFailed(true) },
		"hung":    func(d *disk) { d.hang("A1"); d.hang("A2") },
	}
	for name, trouble := range states {
		for _, at := range []time.Duration{0, 100 * time.Millisecond, 2300 * time.Millisecond} {
			t.Run(fmt.Sprint(name, at), func(t *testing.T) {
				run(t, 1, func(r *rig) {
					r.start()
					r.pass(3100 * time.Millisecond)
					trouble(r.disk("A"))
					r.pass(at)
					r.stop()
					r.pass(time.Second)
					fed := len(r.device.all())
					r.pass(10 * time.Second)
					if n := len(r.device.all()); n != fed {
						t.Errorf("fed after the end")
					}
					r.end(Ended)
				})
			})
		}
	}
}

// Other LUNs: what is remembered stays, what is left out is forgotten, and
// what is new is watched.
func TestChange(t *testing.T) {
	run(t, 2, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").setKeys(otherKey)
		r.disk("B").setKeys(otherKey)
		r.pass(2 * time.Second)
		gone := r.clock() - 2*time.Second
		r.addDisk("C")
		r.changes <- []*LUN{r.luns[0], r.luns[2]}
		r.pass(20 * time.Second)
		r.wantEvents("gone A", "gone B", "expired A", "holders A")
		if last := r.device.last(); last-gone > r.watch.Timing.Interval+r.watch.Timing.Grace {
			t.Errorf("last fed %v after the fence: the change gave it a new grace", last-gone)
		}
		r.end(Dead)
	})
	run(t, 2, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("B").setKeys(otherKey)
		r.pass(2 * time.Second)
		r.changes <- []*LUN{r.luns[0]}
		reads := r.disk("B").reads
		r.pass(20 * time.Second)
		if r.luns[1].ctx.Err() == nil {
			t.Error("LUN B was not closed")
		}
		r.wantEvents("gone B")
		if r.disk("B").reads != reads {
			t.Error("LUN B is read, though nobody watches it")
		}
		r.addDisk("C")
		r.changes <- []*LUN{r.luns[0], r.luns[2]}
		r.pass(5 * time.Second)
		r.disk("C").setKeys()
		r.pass(20 * time.Second)
		r.wantEvents("gone B", "gone C", "expired C", "holders C")
		r.end(Dead)
	})
}

// A device that does not take the feed is told of, once, and tried again.
func TestNotFed(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		r.device.mu.Lock()
		r.device.err = errors.New("broken")
		r.device.mu.Unlock()
		r.pass(3 * time.Second)
		r.device.mu.Lock()
		r.device.err = nil
		r.device.mu.Unlock()
		r.pass(3 * time.Second)
		r.wantEvents("not-fed", "fed")
		r.end(Ended)
	})
}

// Survey tells what is known, and waits for what is slow.
func TestSurvey(t *testing.T) {
	run(t, 4, func(r *rig) {
		r.disk("B").setKeys(otherKey)
		r.disk("C").setFailed(true)
		r.disk("D").paths["D1"].delay = 900 * time.Millisecond
		r.disk("D").paths["D2"].delay = 900 * time.Millisecond
		found := r.watch.Survey(context.Background(), r.luns)
		var states []State
		for _, f := range found {
			states = append(states, f.State)
		}
		if want := []State{StatePresent, StateGone, StateUnknown, StatePresent}; !slices.Equal(states, want) {
			t.Errorf("%v, want %v", states, want)
		}
		if !errors.Is(found[2].Err, errCable) || !slices.Equal(found[1].Keys, []pr.Key{otherKey}) {
			t.Errorf("%+v", found)
		}
		r.start()
		r.end(Ended)
	})
}

// Whatever a key does, a LUN that can be read is never fed for later than
// interval and grace after it went for good, and never given up while the key
// was not away for the grace.
func TestAnyCourse(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			r := newRig(t, 2)
			defer func() {
				if t.Failed() {
					t.Logf("seed %d, events %q", seed, r.events)
				}
			}()
			r.start()
			limit := r.watch.Timing.Grace - r.watch.Timing.Interval - r.watch.Timing.Answer
			for range 30 {
				r.pass(time.Duration(random.Int64N(int64(4 * time.Second))))
				d := r.disk([]string{"A", "B"}[random.IntN(2)])
				d.setKeys(otherKey)
				switch random.IntN(3) {
				case 0:
					r.jump(time.Duration(random.Int64N(int64(limit))))
				case 1:
					r.pass(time.Duration(random.Int64N(int64(limit))))
				}
				d.setKeys(otherKey, ownKey)
				// The next look must be able to see it.
				r.pass(1600 * time.Millisecond)
			}
			if r.alarms != 0 {
				t.Fatal("given up without a reason")
			}
			fenced := r.clock()
			r.disk("A").setKeys(otherKey)
			for range 4 {
				r.pass(time.Duration(random.Int64N(int64(time.Second))))
				r.jump(time.Duration(random.Int64N(int64(3 * time.Second))))
			}
			r.pass(10 * time.Second)
			if last := r.device.last(); last-fenced > r.watch.Timing.Interval+r.watch.Timing.Grace {
				t.Errorf("last fed %v after the fence", last-fenced)
			}
			r.end(Dead)
		})
	}
}
