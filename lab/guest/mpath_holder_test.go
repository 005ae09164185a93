//go:build lab

package guest

import (
	"slices"
	"strings"
	"testing"
)

// holderDown makes the path fail through which jack3 holds the reservation of a LUN, and
// returns it.
func (c *mpath) holderDown(t *testing.T, lun int) int {
	t.Helper()
	full := c.look(t)[lun].Full
	i := slices.IndexFunc(full, func(r Registration) bool { return r.Holder && r.Initiator == c.jack3.IQN() })
	if i < 0 {
		t.Fatalf("LUN %d is not held by jack3: %+v", lun, full)
	}
	path := int(full[i].Port) - 1
	c.down(t, path)
	return path
}

// holderDownAtHalt is a halt when the path that holds the reservation is down: the other
// one clears the LUNs.
func (c *mpath) holderDownAtHalt(t *testing.T) {
	mustType(t, c.jack3, "pr_start pkg1")
	path := c.holderDown(t, 2)
	wantWarnings(t, typed(t, c.jack3, "pr_halt pkg1"), disksOn(c.jack3, path)...)
}

// holderDownAtHandOver is the same on shared LUNs: the other node holds then, and can
// write at all times; nothing of the one that left stays.
func (c *mpath) holderDownAtHandOver(t *testing.T) {
	c.configure(t, "multi_node")
	mustType(t, c.jack3, "pr_start pkg1")
	mustType(t, c.jack4, "pr_start pkg1")
	c.wantPaths(t, c.jack3, both(), both())
	writer := StartWriter(t, c.devices(c.jack4)[0], WriterOffset)
	path := c.holderDown(t, 0)
	wantWarnings(t, typed(t, c.jack3, "pr_halt pkg1"), disksOn(c.jack3, path)...)
	c.wantPaths(t, c.jack4, nil, both())
	c.jack3.RestorePath(t, path)
	c.jack3.Reinstate(t, path)
	c.wantRefused(t, c.jack3)
	stopped(t, c.jack4, writer)
	mustType(t, c.jack4, "pr_check pkg1")
	mustType(t, c.jack4, "pr_halt pkg1")
}

// pathRemoved is a path whose disks the kernel has removed while the maps still have them,
// as after a logout or dev_loss_tmo when multipathd is late: a dead path, no more.
func (c *mpath) pathRemoved(t *testing.T) {
	mustType(t, c.jack3, "pr_start pkg1")
	gone := disksOn(c.jack3, 1)
	c.jack3.Logout(t, 1)
	c.wantPaths(t, c.jack3, both(), nil)
	wantExit(t, typed(t, c.jack3, "pr_check pkg1"), 1)
	wantWarnings(t, typed(t, c.jack3, "pr_start pkg1"), gone...)
	mustType(t, c.jack4, "vg_pr_key -g vga")
	wantWarnings(t, typed(t, c.jack3, "pr_halt pkg1"), gone...)
}

// newSession is a path that comes back as another nexus: the registration of the old one
// stays on the LUNs, and says nothing about the new one.
func (c *mpath) newSession(t *testing.T) {
	for _, kind := range []string{"failover", "multi_node"} {
		c.configure(t, kind)
		mustType(t, c.jack3, "pr_start pkg1")
		c.relogin(t, 1)
		c.wantTold(t, 1)
		r := typed(t, c.jack3, "pr_check --repair pkg1")
		c.wantNexuses(t, 0, 1, 1)
		c.wantWrites(t, c.jack3, 1)
		// What is left of the old session is told, and harms nobody.
		wantExit(t, r, 1)
		mustType(t, c.jack3, "pr_halt pkg1")
		c.wantNothing(t)
		// Nor does a halt need the repair, whichever path is the first.
		mustType(t, c.jack3, "pr_start pkg1")
		c.relogin(t, 0)
		mustType(t, c.jack3, "pr_halt pkg1")
		c.wantNothing(t)
	}
}

// newSessions is a node that has been restarted: all its nexuses are new, and the old ones
// hold the reservation. A start makes all as it was.
func (c *mpath) newSessions(t *testing.T) {
	mustType(t, c.jack3, "pr_start pkg1")
	c.relogin(t, 0)
	c.relogin(t, 1)
	c.wantNexuses(t, 0, 1)
	c.wantTold(t, 0)
	c.wantTold(t, 1)
	mustType(t, c.jack3, "pr_start pkg1")
	c.wantNexuses(t, 0, 1)
	c.wantPaths(t, c.jack3, both(), nil)
	c.wantWrites(t, c.jack3, 0)
	c.wantWrites(t, c.jack3, 1)
	c.wantRefused(t, c.jack4)
	mustType(t, c.jack3, "pr_check pkg1")
	mustType(t, c.jack3, "pr_halt pkg1")
}

// relogin ends a path's session and makes another, and gives the maps the new disks.
func (c *mpath) relogin(t *testing.T, path int) {
	t.Helper()
	c.jack3.Logout(t, path)
	c.jack3.Relogin(t, path)
	c.jack3.ReloadMaps(t)
}

// wantTold checks that pr_check tells of each disk of a path that is not registered.
func (c *mpath) wantTold(t *testing.T, path int) {
	t.Helper()
	r := typed(t, c.jack3, "pr_check pkg1")
	wantExit(t, r, 1)
	for _, disk := range disksOn(c.jack3, path) {
		if !strings.Contains(r.Stdout, disk) {
			t.Errorf("pr_check does not tell of %s: %v", disk, r)
		}
	}
}

// wantNexuses checks through which paths jack3 is registered on each LUN; a path is named
// twice if nexuses of two sessions are.
func (c *mpath) wantNexuses(t *testing.T, paths ...int) {
	t.Helper()
	for lun, p := range c.look(t) {
		var got []int
		sessions := map[string]bool{}
		for _, r := range p.Full {
			got = append(got, int(r.Port)-1)
			sessions[r.ISID] = true
		}
		if !slices.Equal(got, paths) || len(sessions) != len(paths) {
			t.Errorf("LUN %d: registered are nexuses of the paths %v, want %v: %+v", lun, got, paths, p.Full)
		}
	}
}
