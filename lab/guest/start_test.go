//go:build lab

package guest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// strangerKey belongs to no node of the cluster.
const strangerKey = "0x5717a9ec"

// TestForeignKey shows that one registration of a stranger on one LUN keeps everything as
// it is, on LUNs that nobody has and on those of a running package.
func TestForeignKey(t *testing.T) {
	c := newCluster(t, 3)
	jack3, jack4 := c.jack3, c.jack4
	jack3.MustRun(t, "pvcreate", jack3.Disk(0, 0), jack3.Disk(1, 0))
	jack3.MustRun(t, "vgcreate", "foreign_vg", jack3.Disk(0, 0), jack3.Disk(1, 0))
	c.owns(t, "foreign_vg", 2)
	c.luns = []int{0, 1, 2}
	refused := func(n *Node, line string, lun int) {
		t.Helper()
		before := c.look(t)
		r := typed(t, n, line)
		wantExit(t, r, 1)
		said, hints, _ := strings.Cut(r.Stderr, "\n")
		if want := "ERROR: Physical Volume " + n.Disk(lun, 0) + " used in the VG has registration which is not from any of the cluster nodes."; said != want {
			t.Errorf("%s said %q, want %q", line, said, want)
		}
		for hint := range strings.Lines(hints) {
			if !strings.Contains(hint, ": hint: ") {
				t.Errorf("%s said more: %q", line, hint)
			}
		}
		c.wantSame(t, before)
	}

	register(t, c.watcher, c.watcher.Disk(1, 0), strangerKey)
	refused(jack3, "pr_start pkg1", 1)
	refused(jack3, "pr_start --dry-run pkg1", 1)

	jack4.MustRun(t, "pr_cleanup", "-k", strangerKey, "lun", jack4.Disk(1, 0))
	c.wantNothing(t)
	jack4.MustRun(t, "pr_start", "pkg1")
	c.wantOwner(t, jack4)
	register(t, c.watcher, c.watcher.Disk(2, 0), strangerKey)
	refused(jack3, "pr_start pkg1", 2)
	refused(jack4, "pr_start pkg1", 2)
	refused(jack4, "pr_halt pkg1", 2)
}

// TestSameLUNTwice shows that two paths of a LUN cannot be owned as if they were two LUNs.
func TestSameLUNTwice(t *testing.T) {
	NeedLunguard(t, "pr_start")
	array := NewArray(t, "twice", 2, 64)
	nodes := array.LoginAll(t, 2, "jack3", "watcher")
	jack3 := nodes[0]
	one, two := jack3.Disk(1, 0), jack3.Disk(1, 1)
	configure(t, jack3, "", jack3.Disk(0, 0), one, two)
	r := typed(t, jack3, "pr_start pkg1")
	// No map joins the paths on this host; on another one may.
	wantExit(t, r, 2)
	if !strings.Contains(r.Stderr, one) || !strings.Contains(r.Stderr, two) {
		t.Errorf("the message does not name %s and %s: %s", one, two, r.Stderr)
	}
	c := &cluster{array: array, watcher: nodes[1], luns: []int{0, 1}}
	c.wantNothing(t)
}

// TestBrokenPath shows that a package whose second LUN has no working path is not begun:
// the disk is offline, or the connection breaks.
func TestBrokenPath(t *testing.T) {
	c := rawCluster(t, 3)
	jack3, jack4 := c.jack3, c.jack4
	jack4.MustRun(t, "pr_start", "pkg1")
	before := c.look(t)
	broken := jack3.Disk(1, 0)
	refused := func() {
		t.Helper()
		r := typed(t, jack3, "pr_start --timeout 10 pkg1")
		wantExit(t, r, 2)
		if !strings.Contains(r.Stderr, broken) {
			t.Errorf("the message does not name %s: %s", broken, r.Stderr)
		}
		c.wantSame(t, before)
	}
	state := "/sys/block/" + filepath.Base(broken) + "/device/state"
	if err := writeAttr(state, "offline\n"); err != nil {
		t.Fatal(err)
	}
	refused()
	if err := writeAttr(state, "running\n"); err != nil {
		t.Fatal(err)
	}
	jack3.BreakPath(t, 0)
	refused()
	c.wantOwner(t, jack4)
}

// TestCannotStore shows a target that has nowhere to store registrations: LIO performs
// each REGISTER and answers NOT READY. What is read back counts, so the package is
// protected until the target loses power, which pr_start says, and how to mend it. A
// start after that is kept.
func TestCannotStore(t *testing.T) {
	c := rawCluster(t, 2)
	if err := os.Rename(aptplDir, aptplDir+".away"); err != nil {
		t.Fatal(err)
	}
	away := true
	back := func() {
		if !away {
			return
		}
		away = false
		if err := errors.Join(removeExisting(aptplDir), os.Rename(aptplDir+".away", aptplDir)); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(back)
	r := typed(t, c.jack3, "pr_start pkg1")
	wantExit(t, r, 0)
	for _, want := range []string{"does not keep registrations through power loss", "NOT READY", "/var/target/pr"} {
		if !strings.Contains(r.Stderr, want) {
			t.Errorf("%q is missing: %s", want, r.Stderr)
		}
	}
	for i, s := range c.look(t) {
		if s.Holder != nodeKey(c.jack3) || s.Type != TypeWERO || !ownedBy(s.Full, c.jack3) {
			t.Errorf("LUN %d: %+v", c.luns[i], s)
		}
	}
	wantExit(t, typed(t, c.jack3, "pr_halt pkg1"), 0)
	c.wantNothing(t)
	back()
	mustType(t, c.jack3, "pr_start pkg1")
	c.wantOwner(t, c.jack3)
}

// TestUnprivileged shows that a user who may read the disks cannot start a package, and is
// told why. The kernel lets him read keys, but not register.
func TestUnprivileged(t *testing.T) {
	c := rawCluster(t, 2)
	const nobody = 65534
	for _, mode := range []fs.FileMode{0o600, 0o644} {
		for _, lun := range c.luns {
			if err := os.Chmod(c.jack3.Disk(lun, 0), mode); err != nil {
				t.Fatal(err)
			}
		}
		before := c.look(t)
		r := c.jack3.RunAs(t, nobody, "pr_start", "pkg1")
		wantExit(t, r, 2)
		for _, want := range []string{c.jack3.Disk(0, 0), "not permitted", "run it as root"} {
			if mode == 0o600 && want == "not permitted" {
				want = "permission denied" // by open
			}
			if !strings.Contains(r.Stderr, want) {
				t.Errorf("mode %o: the message lacks %q: %s", mode, want, r.Stderr)
			}
		}
		c.wantSame(t, before)
	}
}

// TestNotSCSI shows what is said of things that are not SCSI disks.
func TestNotSCSI(t *testing.T) {
	c := newCluster(t, 1)
	c.luns = []int{0}
	jack3 := c.jack3
	LoadModule(t, "loop")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	loop := strings.TrimSpace(jack3.MustRun(t, "losetup", "--find", "--show", file))
	t.Cleanup(func() { jack3.MustRun(t, "losetup", "--detach", loop) })
	for _, dev := range []string{"/dev/null", "/root", file, loop} {
		configure(t, jack3, "", jack3.Disk(0, 0), dev)
		for _, line := range []string{"pr_start pkg1", "pr_halt pkg1", "pr_cleanup lun " + jack3.Disk(0, 0) + " " + dev} {
			r := jack3.Run(t, strings.Fields(line)...)
			wantExit(t, r, 1)
			if !strings.Contains(r.Stderr, dev+": not a SCSI disk") || r.Stdout != "" {
				t.Errorf("%s with %s: %v", line, dev, r)
			}
		}
	}
	configure(t, jack3, "", jack3.Disk(0, 0), "/dev/absent")
	r := jack3.Run(t, "pr_start", "pkg1")
	wantExit(t, r, 2)
	if !strings.Contains(r.Stderr, "/dev/absent: no such device") {
		t.Errorf("with /dev/absent: %v", r)
	}
	c.wantNothing(t)
}
