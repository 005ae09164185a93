//go:build lab

package guest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// life is start, writes on each path, names of the groups, and halt.
func (c *mpath) life(t *testing.T) {
	mustType(t, c.jack3, "pr_start pkg1")
	c.wantPaths(t, c.jack3, both(), nil)
	for path := range 2 {
		c.wantWrites(t, c.jack3, path)
	}
	c.wantRefused(t, c.jack4)
	mustType(t, c.jack3, "pr_check pkg1")
	for _, n := range []*Node{c.jack3, c.jack4} {
		for _, group := range []string{"vga", "vgp"} {
			c.wantSameGroup(t, n, group)
		}
	}
	// The same again changes nothing that can be seen.
	mustType(t, c.jack3, "pr_start pkg1")
	c.wantPaths(t, c.jack3, both(), nil)
	mustType(t, c.jack3, "pr_halt pkg1")
}

// wantSameGroup checks that vg_pr_key finds a group by all its names.
func (c *mpath) wantSameGroup(t *testing.T, n *Node, group string) {
	t.Helper()
	uuid := strings.TrimSpace(n.MustRun(t, "lvm", "vgs", "--readonly", "--noheadings", "-o", "vg_uuid", group))
	var once string
	volumes := c.devices(n)[:2]
	if group == "vgp" {
		volumes = c.devices(n)[2:]
	}
	for _, v := range slices.Sorted(slices.Values(volumes)) {
		once += v + " 0xbcb00001 0xbcb00001 jack3\n"
	}
	names := strings.Join([]string{group, "/dev/" + group, uuid}, " ")
	// All nodes' maps are in one kernel, so our own reader has to be told whose to read.
	for _, options := range []string{"", "--no-lvm --scan /dev/mapper/" + n.Name + "* "} {
		if got, want := mustType(t, n, "vg_pr_key -g "+options+names), strings.Repeat(once, 3); got != want {
			t.Errorf("%s: vg_pr_key -g %s%s printed\n%swant\n%s", n.Name, options, names, got, want)
		}
	}
}

// returned brings a path of jack3 back, and does what udev does then.
func (c *mpath) returned(t *testing.T, path int) map[string]Result {
	t.Helper()
	c.udev.Forget(t)
	c.jack3.RestorePath(t, path)
	start := time.Now()
	c.jack3.Reinstate(t, path)
	return c.ruled(t, start)
}

// ruled does what udev does about one path of each LUN.
func (c *mpath) ruled(t *testing.T, start time.Time) map[string]Result {
	t.Helper()
	results := c.udev.Run(t, mpathLUNs)
	c.times = append(c.times, time.Since(start))
	for device, r := range results {
		if r.Exit != 0 || r.Stderr != "" {
			t.Errorf("udev for %s: %v", device, r)
		}
	}
	return results
}

// wantAdmitted checks that the commands have registered these disks.
func wantAdmitted(t *testing.T, results map[string]Result, disks ...string) {
	t.Helper()
	var said []string
	for _, r := range results {
		said = append(said, strings.Fields(r.Stdout)...)
	}
	for _, disk := range disks {
		if !slices.Contains(said, disk+":") {
			t.Errorf("%s was not registered: %q", disk, said)
		}
	}
}

// pathDownAtStart is a start while one path of all LUNs is down, and the path's return.
func (c *mpath) pathDownAtStart(t *testing.T) {
	c.down(t, 1)
	wantWarnings(t, typed(t, c.jack3, "pr_start pkg1"), disksOn(c.jack3, 1)...)
	c.wantPaths(t, c.jack3, []int{0}, nil)
	c.wantTold(t, 1)
	wantAdmitted(t, c.returned(t, 1), disksOn(c.jack3, 1)...)
	c.wantPaths(t, c.jack3, both(), nil)
	c.wantWrites(t, c.jack3, 1)
	c.wantRefused(t, c.jack4)
	mustType(t, c.jack3, "pr_check pkg1")
	// The same path down while it is registered is no nexus of the past.
	c.down(t, 1)
	c.wantTold(t, 1)
	wantWarnings(t, typed(t, c.jack3, "pr_start pkg1"), disksOn(c.jack3, 1)...)
	c.wantPaths(t, c.jack3, both(), nil)
	c.jack3.RestorePath(t, 1)
	c.jack3.Reinstate(t, 1)
	mustType(t, c.jack3, "pr_halt pkg1")
}

// strict is a start that must have all paths, when a disk is offline and when one hangs up:
// it leaves nothing, on LUNs that are nobody's and on those of another node.
func (c *mpath) strict(t *testing.T) {
	const line = "pr_start --strict --timeout 5 pkg1"
	refused := func() {
		t.Helper()
		before := c.look(t)
		r := typed(t, c.jack3, line)
		wantExit(t, r, 2)
		for _, disk := range disksOn(c.jack3, 1) {
			if !strings.Contains(r.Stderr, disk) {
				t.Errorf("%s is not named: %v", disk, r)
			}
		}
		c.wantSame(t, before)
	}
	c.down(t, 1)
	refused()
	mustType(t, c.jack4, "pr_start pkg1")
	refused()
	mustType(t, c.jack4, "pr_halt pkg1")
	c.jack3.RestorePath(t, 1)
	c.jack3.Reinstate(t, 1)
	mustType(t, c.jack3, line)
	c.wantPaths(t, c.jack3, both(), nil)
	mustType(t, c.jack3, "pr_halt pkg1")
}

// pathAddedLater is a start while a path is not there at all, neither disks nor places in
// the maps. It appears: the rules register the disks before the maps have them.
func (c *mpath) pathAddedLater(t *testing.T) {
	c.jack3.Logout(t, 1)
	c.jack3.ReloadMaps(t)
	mustType(t, c.jack3, "pr_start pkg1")
	c.wantPaths(t, c.jack3, []int{0}, nil)
	mustType(t, c.jack3, "pr_check pkg1")
	c.udev.Forget(t)
	c.jack3.Relogin(t, 1)
	start := time.Now()
	results := c.ruled(t, start)
	wantAdmitted(t, results, disksOn(c.jack3, 1)...)
	for _, disk := range disksOn(c.jack3, 1) {
		if _, ok := results[filepath.Base(disk)]; !ok {
			t.Errorf("the rules did nothing for %s", disk)
		}
	}
	c.wantPaths(t, c.jack3, both(), nil)
	c.jack3.ReloadMaps(t)
	c.wantWrites(t, c.jack3, 1)
	mustType(t, c.jack3, "pr_check pkg1")
	mustType(t, c.jack3, "pr_halt pkg1")
}

// fencedMeanwhile is a path that returns to a node that has lost the package: it stays out,
// whether jack4 still has it or nobody does.
func (c *mpath) fencedMeanwhile(t *testing.T) {
	c.down(t, 1)
	wantWarnings(t, typed(t, c.jack3, "pr_start pkg1"), disksOn(c.jack3, 1)...)
	mustType(t, c.jack4, "pr_start pkg1")
	c.wantPaths(t, c.jack4, nil, both())
	before := c.look(t)
	for device, r := range c.returned(t, 1) {
		if r.Stdout != "" {
			t.Errorf("udev for %s did something: %v", device, r)
		}
	}
	c.wantSame(t, before)
	c.wantRefused(t, c.jack3)
	mustType(t, c.jack4, "pr_halt pkg1")
	before = c.look(t)
	c.down(t, 1)
	c.returned(t, 1)
	c.wantSame(t, before)
}

// takeOverOnOnePath is a node with one path that takes the package from one that runs.
func (c *mpath) takeOverOnOnePath(t *testing.T) {
	mustType(t, c.jack4, "pr_start pkg1")
	c.down(t, 0)
	wantWarnings(t, typed(t, c.jack3, "pr_start pkg1"), disksOn(c.jack3, 0)...)
	c.wantPaths(t, c.jack3, []int{1}, nil)
	c.wantRefused(t, c.jack4)
	wantAdmitted(t, c.returned(t, 0), disksOn(c.jack3, 0)...)
	c.wantPaths(t, c.jack3, both(), nil)
	c.wantWrites(t, c.jack3, 0)
	c.wantRefused(t, c.jack4)
	mustType(t, c.jack3, "pr_halt pkg1")
}
