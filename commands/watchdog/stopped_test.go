package watchdog

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// A process that was stopped reads first, wherever it was stopped: if the node
// was fenced meanwhile, and the grace is over, it is not fed once more.
func TestStopped(t *testing.T) {
	const slowly = "while it reads, and slowly then"
	stops := map[string]func(r *rig, stop func()){
		"between passes": func(r *rig, stop func()) {
			r.pass(300 * time.Millisecond)
			stop()
		},
		"while it reads": func(r *rig, stop func()) {
			r.disk("A").set(func() { r.disk("A").onRead = stop })
		},
		// The process goes on, and is asked again, before what was on its way
		// has come in.
		"while it reads slowly": func(r *rig, stop func()) {
			r.disk("A").set(func() {
				var slept atomic.Bool
				r.disk("A").onRead = func() {
					if stop(); !slept.Swap(true) {
						time.Sleep(460 * time.Millisecond)
					}
				}
			})
		},
		// The device is slow after that, so that the first look finds nothing out.
		slowly: func(r *rig, stop func()) {
			r.disk("A").set(func() {
				var reads atomic.Int32
				r.disk("A").onRead = func() {
					switch n := reads.Add(1); {
					case n == 1:
						stop()
					case n <= int32(1+len(r.disk("A").names)):
						time.Sleep(700 * time.Millisecond)
					}
				}
			})
		},
		"before it decides": func(r *rig, stop func()) { r.trapIn(3, stop) },
		"before it feeds":   func(r *rig, stop func()) { r.trapIn(4, stop) },
	}
	for name, arrange := range stops {
		for i := range 4 {
			fenced, paths := i%2 == 1, 1+i/2
			t.Run(fmt.Sprintf("%s, fenced: %v, paths: %d", name, fenced, paths), func(t *testing.T) {
				run(t, 1, func(r *rig) {
					r.disk("A").names = r.disk("A").names[:paths]
					r.start()
					r.pass(3100 * time.Millisecond)
					var woken time.Duration
					var stopped atomic.Bool
					arrange(r, func() {
						if stopped.Swap(true) {
							return
						}
						r.jump(8 * time.Second)
						woken = time.Since(r.begun) + r.offset
						if fenced {
							// After the device has answered what is on its way.
							r.disk("A").setKeys(otherKey)
						}
					})
					r.pass(3 * time.Second)
					if !stopped.Load() {
						t.Fatal("the test has not stopped the watch")
					}
					if !fenced {
						r.pass(10 * time.Second)
						r.wantFedSince(woken)
						for _, e := range r.events {
							if e != "late" && (name != slowly || e != "unknown A" && e != "known A") {
								t.Errorf("events %q", r.events)
							}
						}
						r.end(Ended)
						return
					}
					if last := r.device.last(); last >= woken {
						t.Errorf("fed %v after it went on", last-woken)
					}
					r.end(Dead)
				})
			})
		}
	}
}

// trapIn calls stop when the clock is read for the nth time from the next pass
// on. With one LUN of one path that answers: 1 the pass begins, 2 the path is
// asked, 3 the pass has ended, 4 before the feed.
func (r *rig) trapIn(n int, stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A pass begins where the rest before it has read the clock once.
	first := r.reads
	r.trap = func(reading int) time.Duration {
		if reading-first != n {
			return 0
		}
		r.mu.Unlock()
		stop()
		r.mu.Lock()
		return 0
	}
}

// A machine that was stopped for less than the grace grants the rest of it.
func TestStoppedWithinGrace(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		fenced := r.clock()
		r.disk("A").setKeys(otherKey)
		r.jump(3 * time.Second)
		r.pass(2 * time.Second)
		r.wantEvents("gone A")
		r.pass(10 * time.Second)
		if last := r.device.last(); last-fenced > r.watch.Timing.Interval+r.watch.Timing.Grace {
			t.Errorf("last fed %v after the fence", last-fenced)
		}
		r.end(Dead)
	})
}
