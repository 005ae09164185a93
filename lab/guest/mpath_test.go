//go:build lab

package guest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// mpath is a cluster with two paths from each node to each of three LUNs. The package owns
// two groups: vga on maps of two LUNs, and vgp on two partitions of the third one's map.
// The names of the maps and partitions are what a naive program would misunderstand.
type mpath struct {
	*cluster
	udev  *Udev           // of jack3
	times []time.Duration // that udev's commands took
}

// mpathLUNs is how many LUNs there are.
const mpathLUNs = 3

func newMpath(t *testing.T) *mpath {
	t.Helper()
	NeedLunguard(t, "pr_start", "pr_halt", "pr_check", "vg_pr_key")
	array := NewArray(t, "mpath", mpathLUNs, 64)
	nodes := array.LoginAll(t, 2, "jack3", "jack4")
	c := &mpath{cluster: &cluster{array: array, jack3: nodes[0], jack4: nodes[1], luns: array.all()}}
	c.watcher = array.Login(t, "watcher", 1)
	for _, n := range nodes {
		n.MultipathAs(t, 0, n.Name+"p1")
		n.MultipathAs(t, 1, n.Name+"_part1")
		third := n.MultipathAs(t, 2, n.Name+"-third")
		n.Partition(t, third, 1, 1, 30, n.Name+"-thirdp1")
		n.Partition(t, third, 2, 32, 30, n.Name+"-whole")
	}
	d := c.devices(c.jack3)
	c.jack3.MustRun(t, "vgcreate", "vga", d[0], d[1])
	c.jack3.MustRun(t, "vgcreate", "vgp", d[2], d[3])
	c.configure(t, "failover")
	c.udev = StartUdev(t, c.jack3)
	return c
}

// devices are a node's physical volumes.
func (c *mpath) devices(n *Node) []string {
	prefix := "/dev/mapper/" + n.Name
	return []string{prefix + "p1", prefix + "_part1", prefix + "-thirdp1", prefix + "-whole"}
}

// configure writes both nodes' config.
func (c *mpath) configure(t *testing.T, kind string) {
	t.Helper()
	text := strings.Replace(nodesText, "failover", kind, 1) + "vg vga\nvg vgp\n"
	for _, n := range []*Node{c.jack3, c.jack4} {
		if err := os.WriteFile(n.ConfigFile(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// both are the paths of a node with nothing wrong.
func both() []int { return []int{0, 1} }

// wantWrites checks that a node can write to each volume, and does it on one path, while
// the other ones fail.
func (c *mpath) wantWrites(t *testing.T, n *Node, path int) {
	t.Helper()
	n.FailPath(t, 1-path)
	devices := c.devices(n)
	for i, got := range DirectWrites(t, devices...) {
		if got != WriteOK {
			t.Errorf("%s: write to %s through path %d: %v", n.Name, devices[i], path, got)
		}
	}
	n.RestorePath(t, 1-path)
	n.Reinstate(t, 1-path)
}

// down makes a path of jack3 fail, and the maps notice, as multipathd's checker would.
func (c *mpath) down(t *testing.T, path int) {
	t.Helper()
	c.jack3.FailPath(t, path)
	messageMaps(c.jack3, t, path, "fail_path")
}

// wantRefused checks that a node can write to no volume and through no path.
func (c *mpath) wantRefused(t *testing.T, n *Node) {
	t.Helper()
	devices := c.devices(n)
	for lun := range mpathLUNs {
		devices = append(devices, n.Disks(lun)...)
	}
	for i, got := range DirectWrites(t, devices...) {
		if got != WriteConflict {
			t.Errorf("%s: write to %s: %v", n.Name, devices[i], got)
		}
	}
}

// wantWarnings checks that a command has succeeded and warned of a path of each LUN by its
// name, and of nothing else.
func wantWarnings(t *testing.T, r Result, disks ...string) {
	t.Helper()
	wantExit(t, r, 0)
	lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
	for _, disk := range disks {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, ": warning: ") && strings.Contains(l, disk+":") })
		if i < 0 {
			t.Errorf("no warning of %s: %v", disk, r)
			continue
		}
		lines = slices.Delete(lines, i, i+1)
	}
	if len(lines) > 0 {
		t.Errorf("more than was to be said: %q", lines)
	}
}

// disksOn are a node's disks on a path.
func disksOn(n *Node, path int) []string {
	var disks []string
	for lun := range mpathLUNs {
		disks = append(disks, n.Disk(lun, path))
	}
	return disks
}

// tidy gives the next test a cluster without registrations and with all its paths.
func (c *mpath) tidy(t *testing.T) {
	t.Helper()
	c.configure(t, "failover")
	for _, n := range []*Node{c.jack3, c.jack4} {
		for path := range n.Paths() {
			if n.paths[path] == nil {
				n.Relogin(t, path)
			}
			n.RestorePath(t, path)
		}
		n.ReloadMaps(t)
	}
	if !t.Failed() {
		return
	}
	for lun := range mpathLUNs {
		disk := c.watcher.Disk(lun, 0)
		register(t, c.watcher, disk, strangerKey)
		c.watcher.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--clear", "--param-rk="+strangerKey, disk)
	}
}

// mostChecks is how many times as long as a check of the package it may take from the
// return of a path until it is registered: udev runs one command for each LUN, and one of
// them waits for nothing.
const mostChecks = 12

// TestMultipath is a package's life on multipath maps and partitions of one. The tests
// share the set-up; each begins and ends with LUNs that nobody has registered on.
func TestMultipath(t *testing.T) {
	c := newMpath(t)
	for _, s := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"Life", c.life},
		{"PathDownAtStart", c.pathDownAtStart},
		{"PathAddedLater", c.pathAddedLater},
		{"FencedMeanwhile", c.fencedMeanwhile},
		{"HolderPathDownAtHalt", c.holderDownAtHalt},
		{"HolderPathDownAtHandOver", c.holderDownAtHandOver},
		{"TakeOverOnOnePath", c.takeOverOnOnePath},
		{"PathRemoved", c.pathRemoved},
		{"ReturnedByMove", c.returnedByMove},
		{"MarkedHolderGone", c.markedHolderGone},
		{"AllRegistrants", c.allRegistrants},
		{"NewSession", c.newSession},
		{"NewSessions", c.newSessions},
		{"Strict", c.strict},
	} {
		t.Run(s.name, func(t *testing.T) {
			defer c.tidy(t)
			s.run(t)
			c.wantNothing(t)
		})
	}
	slices.Sort(c.times)
	begin := time.Now()
	c.jack3.Run(t, "pr_check", "pkg1")
	check := time.Since(begin)
	t.Logf("from the kernel's word to the end of udev's commands: %v; a check takes %v", c.times, check)
	if len(c.times) == 0 || c.times[len(c.times)/2] > mostChecks*check {
		t.Errorf("a path is registered later than %d checks after its return", mostChecks)
	}
}
