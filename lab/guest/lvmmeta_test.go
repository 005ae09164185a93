//go:build lab

package guest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lunguard/vg"
)

// TestLVMMetadata compares, for all that a group can look like, what our reader finds on
// the disks of this kernel with what lvm2 reports. The disks are those of one node; the
// other one appears when they are all that is left to look at.
func TestLVMMetadata(t *testing.T) {
	array := NewArray(t, "lvmmeta", lvmDisks, lvmDiskMB)
	node := array.Login(t, "node1", 1)
	disks := disksOf(node)
	for _, c := range lvmCases() {
		t.Run(c.name, func(t *testing.T) {
			defer forget(t, node, disks, c.parts)
			seen := c.build(t, node, disks)
			wantLVM(t, node, append(c.groups, "none"),
				vg.NewSystem().WithoutLVM(""), vg.NewSystem().WithoutLVM(strings.Join(seen, " ")))
		})
	}
	letLVMSee(t, node, disks)
	t.Run("speed", func(t *testing.T) {
		defer forget(t, node, disks, false)
		lvmSpeed(t, node, disks)
	})
	t.Run("fresh", func(t *testing.T) { lvmFresh(t, node, array.Login(t, "node2", 1)) })
}

// disksOf lists the disks of a node's LUNs on its first path.
func disksOf(n *Node) []string {
	var disks []string
	for lun := range lvmDisks {
		disks = append(disks, n.Disk(lun, 0))
	}
	return disks
}

// forget overwrites what lvm2 has written, so that the next case begins with empty disks.
func forget(t *testing.T, n *Node, disks []string, parts bool) {
	t.Helper()
	script := lvmShell
	for _, d := range disks {
		script += "lose " + d + "\n"
	}
	if parts {
		script += "blockdev --rereadpt " + disks[0]
	}
	if r := n.Shell(t, script); r.Exit != 0 {
		t.Errorf("emptying the disks: %v", r)
	}
}

// useLVM lets this process ask lvm2 as programs of the node do.
func useLVM(t *testing.T, n *Node) {
	t.Helper()
	t.Setenv("LVM_SYSTEM_DIR", n.dir())
	t.Setenv("PATH", systemPath)
}

// wantLVM checks that groups, and by UUID too if they are there, are found as lvm2 finds
// them: the same devices in the same order, or an error of the same class.
func wantLVM(t *testing.T, n *Node, groups []string, own ...*vg.System) {
	t.Helper()
	useLVM(t, n)
	lvm := vg.NewSystem()
	uuids := strings.Fields(n.MustRun(t, "lvm", "vgs", "--readonly", "--noheadings", "-o", "vg_uuid"))
	for _, name := range slices.Concat(groups, uuids) {
		want, wantErr := lvm.Group(t.Context(), name)
		for _, s := range own {
			got, err := s.Group(t.Context(), name)
			t.Logf("%s: lvm2 %v, %v; we %v, %v", name, want, wantErr, got, err)
			if class := lvmClass(wantErr); lvmClass(err) != class || (wantErr == nil) != (err == nil) {
				t.Errorf("%s: error %v, lvm2's %v", name, err, wantErr)
			}
			if want != nil && (got == nil || got.Name != want.Name || !slices.Equal(got.Volumes, want.Volumes)) {
				t.Errorf("%s: %v, lvm2 has %v", name, got, want)
			}
		}
	}
}

// lvmClass is the class of an error of vg.
func lvmClass(err error) error {
	for _, class := range []error{vg.ErrNoGroup, vg.ErrSameName, vg.ErrMissingVolume, vg.ErrNoLVM, vg.ErrDuplicateVolume, vg.ErrContradiction} {
		if errors.Is(err, class) {
			return class
		}
	}
	return nil
}

// TestLVMMetadataMultipath is the same on maps: each path shows the physical volume too,
// and only the map counts. Without a map, and on a copy of a LUN, nothing is guessed.
func TestLVMMetadataMultipath(t *testing.T) {
	array := NewArray(t, "lvmpath", 4, lvmDiskMB)
	node := array.Login(t, "node1", 2)
	a, b := node.Multipath(t, 0), node.Multipath(t, 1)
	node.MustRun(t, "vgcreate", "mapped", a, b)
	all := vg.NewSystem().WithoutLVM("")
	wantLVM(t, node, []string{"mapped", "none"}, all)
	wantDisks(t, node, all, "mapped")

	// A path is not taken for a volume, even if only paths are asked for.
	paths := strings.Join(append(node.Disks(0), node.Disks(1)...), " ")
	if g, err := vg.NewSystem().WithoutLVM(paths).Group(t.Context(), "mapped"); !errors.Is(err, vg.ErrNoGroup) {
		t.Errorf("on paths: %v, %v", g, err)
	}

	letLVMSee(t, node, node.Disks(2)[:1])
	node.MustRun(t, "vgcreate", "loose", node.Disk(2, 0))
	wantDuplicate(t, "loose", true, node.Disks(2)...)
	joined := node.Multipath(t, 2)
	wantLVM(t, node, []string{"loose"}, vg.NewSystem().WithoutLVM(""))

	node.MustRun(t, "dd", "if="+joined, "of="+node.Disk(3, 0), "bs=1M", "count=2", "iflag=direct", "oflag=direct", "status=none")
	wantDuplicate(t, "loose", false, append(node.Disks(3), joined)...)
}

// wantDuplicate checks that a group is refused, and on account of which devices.
func wantDuplicate(t *testing.T, group string, paths bool, devices ...string) {
	t.Helper()
	g, err := vg.NewSystem().WithoutLVM("").Group(t.Context(), group)
	t.Logf("%s: %v", group, err)
	var de *vg.DuplicateError
	if !errors.Is(err, vg.ErrDuplicateVolume) || !errors.As(err, &de) || de.Paths != paths {
		t.Fatalf("%s: %v, %v", group, g, err)
	}
	got, want := slices.Sorted(slices.Values(de.Devices)), slices.Sorted(slices.Values(devices))
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", group, got, want)
	}
}

// wantDisks checks that the devices of a group lead to all paths of their LUNs.
func wantDisks(t *testing.T, n *Node, s *vg.System, group string) {
	t.Helper()
	g, err := s.Group(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	for i, device := range g.Volumes {
		d, err := s.Disk(device)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range d.Paths {
			got = append(got, p.Name)
		}
		slices.Sort(got)
		want := slices.Sorted(slices.Values(n.Disks(i)))
		if !slices.Equal(got, want) {
			t.Errorf("%s lies on %v, want %v", device, got, want)
		}
	}
}

// TestLVMMetadataHung is a group beside disks that hang: a map that is suspended, one whose
// paths are gone, and a path whose connection is cut.
func TestLVMMetadataHung(t *testing.T) {
	array := NewArray(t, "lvmhung", 2, lvmDiskMB)
	near := array.Login(t, "node1", 1)
	near.MustRun(t, "vgcreate", "near", near.Disk(0, 0))
	other := NewArray(t, "lvmgone", 2, lvmDiskMB)
	far := other.Login(t, "node2", 1)
	far.MustRun(t, "vgcreate", "far", far.Disk(0, 0), far.Disk(1, 0))
	m := far.Multipath(t, 0)
	far.MustRun(t, "/sbin/dmsetup", "suspend", m)
	find := func(group string) (*vg.Group, error) {
		start := time.Now()
		g, err := vg.NewSystem().WithoutLVM("").Group(t.Context(), group)
		t.Logf("%s: %v, %v, after %v", group, g, err, time.Since(start).Round(time.Millisecond))
		return g, err
	}
	if _, err := find("near"); err != nil {
		t.Error(err)
	}
	if _, err := find("far"); !errors.Is(err, vg.ErrMissingVolume) || !strings.Contains(err.Error(), m+": suspended") {
		t.Error(err)
	}
	far.MustRun(t, "/sbin/dmsetup", "resume", m)
	if _, err := find("far"); err != nil {
		t.Error(err)
	}
	far.BreakPath(t, 0)
	if _, err := find("near"); err != nil {
		t.Error(err)
	}
	if _, err := find("far"); !errors.Is(err, vg.ErrNoGroup) && !errors.Is(err, vg.ErrMissingVolume) || !strings.Contains(err.Error(), "unreadable") {
		t.Error(err)
	}
}

// lvmFresh is two nodes on one disk: what one changes the other one finds at once, although
// this kernel has the disk of the other in its page cache.
func lvmFresh(t *testing.T, node1, node2 *Node) {
	node1.MustRun(t, "vgcreate", "fresh", node1.Disk(0, 0))
	seen := node2.Disk(0, 0) + " " + node2.Disk(1, 0)
	for i, want := range [][]string{{node2.Disk(0, 0)}, {node2.Disk(0, 0), node2.Disk(1, 0)}} {
		node2.MustRun(t, "dd", "if="+node2.Disk(0, 0), "of=/dev/null", "bs=1M", "count=2", "status=none")
		if i == 1 {
			node1.MustRun(t, "vgextend", "fresh", node1.Disk(1, 0))
		}
		slices.Sort(want)
		g, err := vg.NewSystem().WithoutLVM(seen).Group(t.Context(), "fresh")
		if err != nil || !slices.Equal(g.Volumes, want) {
			t.Errorf("%v, %v, want %v", g, err, want)
		}
	}
}

// lvmSpeed compares the time to find a group of all disks. The fastest of some rounds
// counts: the question is what the work costs, not what else two guests do on two
// processors meanwhile, of which the one that works on all disks at once has more.
func lvmSpeed(t *testing.T, node *Node, disks []string) {
	// lvm2 is a dynamic program, of which the emulator need not translate each start anew
	// (norandmaps): it was ten times before.
	const rounds, atLeast = 9, 4
	node.MustRun(t, append([]string{"vgcreate", "speed"}, disks...)...)
	useLVM(t, node)
	var lvm, own []time.Duration
	for range rounds {
		lvm = append(lvm, groupTime(t, vg.NewSystem(), "speed"))
		own = append(own, groupTime(t, vg.NewSystem().WithoutLVM(""), "speed"))
	}
	slices.Sort(lvm)
	slices.Sort(own)
	for _, of := range []struct {
		what string
		n    int
	}{{"fastest", 0}, {"medians", rounds / 2}} {
		fmt.Fprintf(t.Output(), "%s of %d: lvm2 %v, our reader %v: %.1f times faster\n", of.what, rounds,
			lvm[of.n].Round(10*time.Microsecond), own[of.n].Round(10*time.Microsecond), float64(lvm[of.n])/float64(own[of.n]))
	}
	fast, slow := own[0], lvm[0]
	if slow < atLeast*fast {
		t.Errorf("our reader takes %v, lvm2 %v", fast, slow)
	}
}

// groupTime is how long it takes to find a group of all disks.
func groupTime(t *testing.T, s *vg.System, group string) time.Duration {
	t.Helper()
	start := time.Now()
	g, err := s.Group(t.Context(), group)
	took := time.Since(start)
	if err != nil || len(g.Volumes) != lvmDisks {
		t.Fatalf("%v, %v", g, err)
	}
	return took
}
