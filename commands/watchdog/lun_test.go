package watchdog

import (
	"errors"
	"slices"
	"testing"
	"time"

	"lunguard/pr"
)

// When the path that is read fails, another one is asked in the same pass, and
// nobody but -v hears of it.
func TestDeadPath(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		for range 4 {
			for _, name := range []string{"A1", "A2"} {
				r.disk("A").set(func() { r.disk("A").paths[name].failed = true })
				r.pass(5 * time.Second)
				r.disk("A").set(func() { r.disk("A").paths[name].failed = false })
				r.pass(5 * time.Second)
			}
		}
		r.wantEvents()
		r.wantFed()
		if !slices.Contains(r.paths, "path-failed A1") && !slices.Contains(r.paths, "path-failed A2") {
			t.Errorf("the failed path was not told of: %q", r.paths)
		}
		r.end(Ended)
	})
}

// A path that tells of the past is not believed: the other one is asked, too.
func TestStalePath(t *testing.T) {
	for _, stale := range []string{"A1", "A2"} {
		run(t, 1, func(r *rig) {
			d := r.disk("A")
			d.set(func() {
				d.generation = 3
				d.paths[stale].past = &pr.State{Generation: 3, Reservation: d.held, Registrations: []pr.Registration{{Key: ownKey}}}
			})
			r.start()
			r.pass(3100 * time.Millisecond)
			r.wantEvents()
			d.set(func() { d.keys, d.generation = []pr.Key{otherKey}, 5 })
			r.pass(r.watch.Timing.Interval + r.watch.Timing.Grace + time.Second)
			r.wantEvents("gone A", "expired A", "holders A")
			r.end(Dead)
			if !slices.Contains(r.paths, "path-failed "+stale) {
				t.Errorf("%s: told were %q", stale, r.paths)
			}
		})
	}
}

// It does so, too, when the path that was ahead has failed meanwhile.
func TestCountsAnewOnOnePath(t *testing.T) {
	run(t, 1, func(r *rig) {
		d := r.disk("A")
		d.set(func() { d.generation = 7 })
		r.start()
		r.pass(3100 * time.Millisecond)
		d.set(func() { d.generation, d.paths[r.luns[0].latest.from.device.Name].failed = 1, true })
		r.pass(12 * time.Second)
		if got, _, err := r.luns[0].look(r.clock(), r.watch.Timing.maxAge()); err != nil || got.Generation != 1 {
			t.Errorf("read as %d, %v", got.Generation, err)
		}
		r.end(Ended)
	})
}

// A device that counts anew tells so on every path, and is believed.
func TestCountsAnew(t *testing.T) {
	run(t, 1, func(r *rig) {
		d := r.disk("A")
		d.set(func() { d.generation = 1<<32 - 1 })
		r.start()
		r.pass(3100 * time.Millisecond)
		for _, generation := range []uint32{0, 7, 2, 9} {
			d.set(func() { d.generation = generation })
			r.pass(12 * time.Second)
			if got, _, err := r.luns[0].look(r.clock(), r.watch.Timing.maxAge()); err != nil || got.Generation != generation {
				t.Errorf("%d is read as %d, %v", generation, got.Generation, err)
			}
			for _, p := range r.luns[0].paths {
				if p.err != nil {
					t.Errorf("at %d: %v", generation, p.err)
				}
			}
		}
		r.wantEvents()
		r.end(Ended)
	})
}

// The other path is asked at once, not in the next pass.
func TestDeadPathAtOnce(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").set(func() { r.disk("A").paths[r.luns[0].current.device.Name].failed = true })
		r.pass(time.Second)
		if _, at, err := r.luns[0].look(r.clock(), time.Minute); err != nil || r.clock()-at > 200*time.Millisecond {
			t.Errorf("last read %v ago, %v", r.clock()-at, err)
		}
		r.end(Ended)
	})
}

// A late answer does not replace a newer one, while the pass waits for others.
func TestLateAnswer(t *testing.T) {
	run(t, 2, func(r *rig) {
		for _, w := range r.disk("B").paths {
			w.delay = 300 * time.Millisecond
		}
		r.start()
		r.pass(3100 * time.Millisecond)
		late := r.luns[0].current.device.Name
		r.disk("A").hang(late)
		r.pass(9950 * time.Millisecond)
		// 13.05 s: A has answered on its other path, B has not.
		r.disk("A").release(late)
		r.disk("A").hang(late)
		r.pass(10 * time.Second)
		r.wantEvents()
		r.end(Ended)
	})
}

// When it hangs, the same; the hung one is not asked again until it returns.
func TestHungPath(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		for _, name := range []string{"A1", "A2", "A1"} {
			r.disk("A").hang(name)
			r.pass(time.Minute)
			r.wantEvents()
			r.wantFed()
			r.disk("A").release(name)
			r.pass(3 * time.Second)
		}
		r.disk("A").hang("A1")
		r.disk("A").setKeys(otherKey)
		r.pass(20 * time.Second)
		r.wantEvents("gone A", "expired A", "holders A")
		r.end(Dead)
	})
}

// A LUN that answers slowly, but within the interval, is known.
func TestSlowLUN(t *testing.T) {
	for _, delay := range []time.Duration{400, 600, 800, 950} {
		run(t, 2, func(r *rig) {
			for _, w := range r.disk("A").paths {
				w.delay = delay * time.Millisecond
			}
			r.start()
			r.pass(3100 * time.Millisecond)
			known := len(r.events)
			r.pass(time.Minute)
			r.wantFed()
			if len(r.events) != known {
				t.Errorf("delay %v: events %q", delay, r.events)
			}
			fenced := r.clock()
			r.disk("A").setKeys()
			r.pass(20 * time.Second)
			if last := r.device.last(); last-fenced > r.watch.Timing.Interval+r.watch.Timing.Grace {
				t.Errorf("delay %v: last fed %v after the fence", delay, last-fenced)
			}
			r.end(Dead)
		})
	}
}

// Paths that get other names are found again, with no more than one search in
// a while.
func TestPathsRenamed(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		d := r.disk("A")
		d.setFailed(true)
		r.pass(time.Minute)
		r.wantEvents("unknown A")
		if d.opened > 2*(2+60/5) {
			t.Errorf("%d paths opened in a minute", d.opened)
		}
		d.set(func() {
			d.names = []string{"A3"}
			d.paths["A3"] = &wire{}
		})
		r.pass(10 * time.Second)
		r.wantEvents("unknown A", "known A")
		if n := len(r.luns[0].paths); n != 1 {
			t.Errorf("%d paths are left", n)
		}
		r.end(Ended)
	})
}

// A name that has become another device's is another path: it is opened although a
// read on the old one hangs.
func TestPathReplaced(t *testing.T) {
	run(t, 1, func(r *rig) {
		d := r.disk("A")
		d.set(func() { d.names = []string{"A1"} })
		r.start()
		r.pass(3100 * time.Millisecond)
		old := d.paths["A1"]
		d.hang("A1")
		d.set(func() {
			d.numbers = map[string]string{"A1": "8:16"}
			d.paths["A1"] = &wire{}
		})
		r.pass(20 * time.Second)
		if _, _, err := r.luns[0].look(r.clock(), 1500*time.Millisecond); err != nil {
			t.Errorf("unknown: %v", err)
		}
		d.set(func() { close(old.hung); old.hung = nil })
		r.pass(5 * time.Second)
		if n := len(r.luns[0].paths); n != 1 || r.luns[0].paths[0].device.Number != "8:16" {
			t.Errorf("%d paths are left, the first is %v", n, r.luns[0].paths[0].device)
		}
		r.end(Ended)
	})
}

// So are those of a LUN on which another path hangs.
func TestPathRenamedBesideHung(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		d := r.disk("A")
		d.hang("A1")
		d.set(func() {
			d.paths["A2"].failed = true
			d.names = []string{"A1", "A3"}
			d.paths["A3"] = &wire{}
		})
		r.pass(20 * time.Second)
		if _, _, err := r.luns[0].look(r.clock(), 1500*time.Millisecond); err != nil {
			t.Errorf("unknown: %v", err)
		}
		// A path that hangs is held for as long as it does, and no longer.
		d.set(func() {
			d.names = []string{"A4"}
			d.paths["A3"].failed, d.paths["A4"] = true, &wire{}
		})
		r.pass(20 * time.Second)
		if n := len(r.luns[0].paths); n != 2 {
			t.Errorf("%d paths while one of them hangs", n)
		}
		d.release("A1")
		r.pass(5 * time.Second)
		if n := len(r.luns[0].paths); n != 1 {
			t.Errorf("%d paths are left", n)
		}
		r.wantFed()
		r.end(Ended)
	})
}

// Another LUN that has got the name is not taken for the one that is watched,
// and a LUN that nobody can tell from another keeps the paths it has.
func TestOtherLUN(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		d := r.disk("A")
		d.setFailed(true)
		d.set(func() {
			d.wwid, d.names = "naa.X", []string{"X1"}
			d.paths["X1"] = &wire{}
		})
		r.pass(time.Minute)
		r.wantEvents("unknown A")
		if _, _, err := r.luns[0].look(r.clock(), time.Second); !errors.Is(err, ErrOtherLUN) || !errors.Is(err, errCable) {
			t.Errorf("unknown because of %v", err)
		}
		r.end(Ended)
	})
	run(t, 1, func(r *rig) {
		d := r.disk("A")
		d.wwid = ""
		r.luns = []*LUN{r.lun("A")}
		r.start()
		r.pass(3100 * time.Millisecond)
		d.setFailed(true)
		d.set(func() {
			d.names = []string{"X1"}
			d.paths["X1"] = &wire{}
		})
		r.pass(time.Minute)
		r.wantEvents("unknown A")
		d.setFailed(false)
		d.set(func() { delete(d.paths, "X1") })
		r.pass(10 * time.Second)
		r.wantEvents("unknown A", "known A")
		r.end(Ended)
	})
}

// A command that the transport has given up, but the kernel has not, keeps its
// path from being used or opened again until the kernel returns it.
func TestAbandoned(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		d := r.disk("A")
		d.set(func() { d.paths["A1"].gaveUp, d.paths["A2"].gaveUp = true, true })
		r.pass(2 * time.Second)
		opened, reads := d.opened, d.reads
		r.pass(time.Minute)
		r.wantEvents("unknown A")
		r.wantFed()
		if d.opened != opened || d.reads != reads {
			t.Errorf("%d paths opened, %d reads on paths that hang", d.opened-opened, d.reads-reads)
		}
		d.set(func() { d.paths["A1"].gaveUp = false })
		r.pass(10 * time.Second)
		r.wantEvents("unknown A", "known A")
		r.end(Ended)
	})
}

// A search that hangs is not begun again and stops nothing.
func TestHungSearch(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(3100 * time.Millisecond)
		d := r.disk("A")
		d.setFailed(true)
		r.pass(time.Second)
		d.mu.Lock()
		gate := make(chan struct{})
		d.mu.Unlock()
		slow := &slowHost{fakeHost: r.host, gate: gate}
		r.luns[0].mu.Lock()
		r.luns[0].host = slow
		r.luns[0].mu.Unlock()
		r.pass(time.Minute)
		r.wantFed()
		if n := slow.searches.Load(); n != 1 {
			t.Errorf("%d searches at once", n)
		}
		close(gate)
		d.setFailed(false)
		r.pass(10 * time.Second)
		r.wantEvents("unknown A", "known A")
		r.end(Ended)
	})
}
