//go:build lab

package guest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// multipathDefaults is what an administrator writes who wants nothing special, save that
// paths are looked at every second. One more line fits in.
const multipathDefaults = `defaults {
	user_friendly_names yes
	find_multipaths yes
	polling_interval 1
	max_polling_interval 1
	no_path_retry fail
	%s
}
`

// daemons is a cluster on two LUNs. jack3 has two paths, Debian's udevd with the product's
// rules, and Debian's multipathd, which makes the maps. jack4 has one path.
type daemons struct {
	*cluster
	*Daemons
}

// TestMultipathd shows that multipathd and the product get along: no registration is made
// or lost by multipathd, and a path that comes back is registered by the rules.
func TestMultipathd(t *testing.T) {
	NeedLunguard(t, "pr_start", "pr_halt", "pr_check")
	array := NewArray(t, "daemon", 2, 64)
	c := &daemons{cluster: &cluster{array: array, luns: array.all(), jack3: array.Login(t, "jack3", 2)}}
	nodes := array.LoginAll(t, 1, "jack4", "watcher")
	c.jack4, c.watcher = nodes[0], nodes[1]
	for _, n := range []*Node{c.jack3, c.jack4} {
		if err := os.WriteFile(n.ConfigFile(), []byte(nodesText+"vg vgd\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.Daemons = StartDaemons(t, c.jack3, fmt.Sprintf(multipathDefaults, ""))
	c.jack3.MustRun(t, "vgcreate", "vgd", "/dev/mapper/mpatha", "/dev/mapper/mpathb")
	for _, s := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"PathFails", c.pathFails},
		{"PathDownAtStart", c.pathDownAtStart},
		{"NewSession", c.newSession},
		{"Taken", c.taken},
		{"OurKey", c.ourKey},
		{"OtherKey", c.otherKey},
	} {
		t.Run(s.name, func(t *testing.T) {
			s.run(t)
			mustType(t, c.jack3, "pr_halt pkg1")
			c.wantNothing(t)
		})
	}
}

// down makes a path of jack3 fail, and waits until multipathd has noticed.
func (c *daemons) down(t *testing.T, path int) {
	t.Helper()
	c.jack3.FailPath(t, path)
	c.WaitPaths(t, "failed", 2)
}

// up brings it back, and waits until multipathd and the rules have done their work.
func (c *daemons) up(t *testing.T, path int) {
	t.Helper()
	c.jack3.RestorePath(t, path)
	c.WaitPaths(t, "active", 4)
	c.Settle(t)
}

// relogin makes a new session of a path, and waits until the maps have its disks.
func (c *daemons) relogin(t *testing.T, path int) {
	t.Helper()
	c.jack3.Logout(t, path)
	c.WaitPaths(t, "active", 2)
	c.jack3.Relogin(t, path)
	c.WaitPaths(t, "active", 4)
	c.Settle(t)
}

// wantMapWrites checks how writes to both maps end.
func (c *daemons) wantMapWrites(t *testing.T, want Outcome) {
	t.Helper()
	for i, got := range DirectWrites(t, "/dev/mapper/mpatha", "/dev/mapper/mpathb") {
		if got != want {
			t.Errorf("write to map %d: %v, want %v", i, got, want)
		}
	}
}

// registered waits until each LUN has so many registrations.
func (c *daemons) registered(t *testing.T, number int) {
	t.Helper()
	c.eventually(t, fmt.Sprintf("%d paths are registered", number), func() bool {
		return !slices.ContainsFunc(c.watched(), func(disk string) bool { return len(WitnessFull(t, disk)) != number })
	})
}

// pathFails is a path that fails and returns while the package is up: that changes nothing.
func (c *daemons) pathFails(t *testing.T) {
	mustType(t, c.jack3, "pr_start pkg1")
	before := c.look(t)
	c.down(t, 0)
	c.wantMapWrites(t, WriteOK)
	c.up(t, 0)
	c.wantSame(t, before)
	c.wantPaths(t, c.jack3, both(), nil)
	mustType(t, c.jack3, "pr_check pkg1")
}

// pathDownAtStart is a path that returns after the start.
func (c *daemons) pathDownAtStart(t *testing.T) {
	c.down(t, 1)
	wantExit(t, typed(t, c.jack3, "pr_start pkg1"), 0)
	c.wantPaths(t, c.jack3, []int{0}, nil)
	start := time.Now()
	c.jack3.RestorePath(t, 1)
	c.registered(t, 2)
	t.Logf("registered %v after the path's return, multipathd's checker included", time.Since(start))
	c.WaitPaths(t, "active", 4)
	c.wantPaths(t, c.jack3, both(), nil)
	c.down(t, 0)
	c.wantMapWrites(t, WriteOK)
	c.up(t, 0)
	mustType(t, c.jack3, "pr_check pkg1")
}

// newSession is a path with a new session: the rules register it when its disks appear.
func (c *daemons) newSession(t *testing.T) {
	mustType(t, c.jack3, "pr_start pkg1")
	c.relogin(t, 1)
	c.registered(t, 3)
	c.down(t, 0)
	c.wantMapWrites(t, WriteOK)
	c.up(t, 0)
}

// taken is a node that has lost the package: neither its paths' return nor new sessions
// let it in again.
func (c *daemons) taken(t *testing.T) {
	mustType(t, c.jack3, "pr_start pkg1")
	mustType(t, c.jack4, "pr_start pkg1")
	c.wantOwner(t, c.jack4)
	before := c.look(t)
	c.down(t, 1)
	c.up(t, 1)
	c.relogin(t, 1)
	c.wantSame(t, before)
	c.wantMapWrites(t, WriteConflict)
	mustType(t, c.jack4, "pr_halt pkg1")
}

// ourKey is multipathd with the node's key for its reservation_key, without the product's
// rules. It registers disks that appear as long as the key is on the LUN, but it takes the
// registrations' persistence through power loss away from the whole LUN.
func (c *daemons) ourKey(t *testing.T) {
	c.withKey(t, "0xbcb00001")
	c.relogin(t, 1)
	c.registered(t, 3)
	for lun, p := range c.look(t) {
		if p.APTPL || slices.ContainsFunc(p.Keys, func(key uint64) bool { return key != key1 }) {
			t.Errorf("LUN %d: %+v", lun, p)
		}
	}
	c.Configure(t, fmt.Sprintf(multipathDefaults, "reservation_key 0xbcb00001"))
	c.WaitPaths(t, "active", 4)
	if out := c.jack3.MustRun(t, "multipathd", "getprstatus", "map", "mpatha"); !strings.HasPrefix(out, "1") {
		t.Errorf("getprstatus: %q", out)
	}
	mustType(t, c.jack4, "pr_start pkg1")
	before := c.look(t)
	c.down(t, 1)
	c.up(t, 1)
	c.relogin(t, 1)
	c.wantSame(t, before)
	mustType(t, c.jack4, "pr_halt pkg1")
}

// otherKey is the same with a key that is nobody's: multipathd does nothing with it.
func (c *daemons) otherKey(t *testing.T) {
	before := c.withKey(t, "0x123abc")
	c.relogin(t, 1)
	c.wantSame(t, before)
}

// withKey starts the package while multipathd has a reservation_key and udevd has not got
// the product's rules.
func (c *daemons) withKey(t *testing.T, key string) []Picture {
	t.Helper()
	c.withoutRules(t)
	c.Configure(t, fmt.Sprintf(multipathDefaults, "reservation_key "+key))
	c.WaitPaths(t, "active", 4)
	mustType(t, c.jack3, "pr_start pkg1")
	c.wantPaths(t, c.jack3, both(), nil)
	return c.look(t)
}

// withoutRules takes the product's rules away until the test ends.
func (c *daemons) withoutRules(t *testing.T) {
	t.Helper()
	name := udevRules + rulesFile[strings.LastIndexByte(rulesFile, '/'):]
	reload := func() {
		if r := c.jack3.Run(t, "udevadm", "control", "--reload"); r.Exit != 0 {
			t.Error(r)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	reload()
	t.Cleanup(func() {
		if err := os.Symlink(rulesFile, name); err != nil {
			t.Error(err)
		}
		reload()
	})
}
