package watchdog

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/pr"
	"lunguard/protocol"
)

// A LUN that is to be this node's alone is so only while this node holds the
// reservation: a key that was registered late, under the reservation of the node that
// has taken the LUN over, does not keep it fed.
func TestExclusive(t *testing.T) {
	cases := map[string]struct {
		keys   []pr.Key
		holder pr.Key
		fed    bool
	}{
		"held":                     {[]pr.Key{ownKey}, ownKey, true},
		"held, another registered": {[]pr.Key{ownKey, otherKey}, ownKey, true},
		"held, leaving":            {[]pr.Key{protocol.Leaving(ownKey)}, protocol.Leaving(ownKey), true},
		"held, taking":             {[]pr.Key{ownKey | protocol.TakingMark}, ownKey | protocol.TakingMark, true},
		"late":                     {[]pr.Key{otherKey, ownKey}, otherKey, false},
		"late, the other leaving":  {[]pr.Key{protocol.Leaving(otherKey), ownKey}, protocol.Leaving(otherKey), false},
		"not reserved":             {[]pr.Key{ownKey}, 0, false},
		"taken over":               {[]pr.Key{otherKey}, otherKey, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			run(t, 1, func(r *rig) {
				r.luns[0].Exclusive = true
				r.disk("A").setHolder(ownKey)
				r.start()
				r.pass(3100 * time.Millisecond)
				r.wantEvents()
				changed := r.clock()
				r.disk("A").setKeys(c.keys...)
				r.disk("A").setHolder(c.holder)
				r.pass(20 * time.Second)
				if c.fed {
					r.wantEvents()
					r.wantFed()
					r.end(Ended)
					return
				}
				if last := r.device.last(); last-changed > r.watch.Timing.Interval+r.watch.Timing.Grace {
					t.Errorf("last fed %v after the change", last-changed)
				}
				r.wantEvents("gone A", "expired A", "holders A")
				r.end(Dead)
			})
		})
	}
}

// On a device that reserves for all registrants, who is registered holds.
func TestExclusiveAllRegistrants(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.luns[0].Exclusive = true
		d := r.disk("A")
		d.set(func() { d.held = &pr.Reservation{Type: pr.WriteExclusiveAllRegistrants} })
		r.start()
		r.pass(10 * time.Second)
		r.wantEvents()
		d.setKeys(otherKey)
		r.pass(10 * time.Second)
		r.wantEvents("gone A", "expired A", "holders A")
		r.end(Dead)
	})
}

// A reservation that comes back within the grace is as good as a key that does.
func TestExclusiveBack(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.luns[0].Exclusive = true
		r.disk("A").setHolder(ownKey)
		r.start()
		r.pass(3100 * time.Millisecond)
		r.disk("A").setHolder(otherKey)
		r.pass(4 * time.Second)
		r.disk("A").setHolder(ownKey)
		r.pass(20 * time.Second)
		r.wantEvents("gone A", "back A")
		r.wantFed()
		r.end(Ended)
	})
}

// Nodes that share a LUN need not hold it. That nobody does is warned of and is no
// fence: on an array that cannot move a reservation, a halt leaves it so to all.
func TestShared(t *testing.T) {
	run(t, 1, func(r *rig) {
		r.start()
		r.pass(5 * time.Second)
		r.wantEvents()
		r.disk("A").setHolder(0)
		r.pass(20 * time.Second)
		r.wantEvents("unreserved A")
		r.disk("A").setHolder(ownKey)
		r.pass(20 * time.Second)
		r.wantEvents("unreserved A", "reserved A")
		r.wantFed()
		r.end(Ended)
	})
}

// What has no reservation when it is first looked at is told, too.
func TestSurveyExclusive(t *testing.T) {
	run(t, 2, func(r *rig) {
		r.luns[1].Exclusive = true
		r.disk("A").setHolder(0)
		found := r.watch.Survey(context.Background(), r.luns)
		if found[0].State != StatePresent || found[1].State != StateGone || !found[1].Registered || found[1].Reservation.Key != otherKey {
			t.Errorf("found %+v", found)
		}
		for _, l := range r.luns {
			l.Close()
		}
		synctest.Wait()
	})
}
