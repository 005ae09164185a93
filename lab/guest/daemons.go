//go:build lab

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Daemons are Debian's udevd and multipathd, run for one node. They are to see its disks
// alone: nobody tells udevd of the other nodes', so they are not in its database, and what
// is not there multipathd leaves alone.
type Daemons struct {
	node              *Node
	udevd, multipathd *Process
}

// What the daemons read and what is made for them.
const (
	multipathConfig = "/etc/multipath.conf"
	udevRules       = "/run/udev/rules.d"
	udevd           = "/run/systemd-udevd" // so called, udevadm is the daemon
	installedApplet = "/usr/local/sbin/pr_check"
)

// StartDaemons starts both; the product's rules are among udevd's, and the node's config is
// where they look for it. multipathd is started with this configuration, and when it
// returns it has made a map of each LUN of the node, mpatha and so on.
func StartDaemons(t testing.TB, n *Node, config string) *Daemons {
	t.Helper()
	for _, module := range []string{"dm-multipath", "dm-round-robin", "dm-service-time"} {
		LoadModule(t, module)
	}
	d := &Daemons{node: n}
	t.Cleanup(func() { d.stop(t) })
	installConfig(t, n)
	if err := d.prepare(); err != nil {
		t.Fatal(err)
	}
	d.udevd = d.start(t, udevd)
	d.eventually(t, "udevd answers", func() bool { return n.Run(t, "udevadm", "control", "--ping").Exit == 0 })
	for lun := range n.array.luns {
		for _, disk := range n.Disks(lun) {
			if err := writeAttr("/sys/block/"+filepath.Base(disk)+"/uevent", "add"); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.Settle(t)
	d.Configure(t, config)
	d.multipathd = d.start(t, "multipathd", "-d", "-s")
	d.WaitPaths(t, "active", n.Paths()*len(n.array.luns))
	d.Settle(t)
	for lun := range n.array.luns {
		n.maps = append(n.maps, "mpath"+string(rune('a'+lun)))
	}
	if err := writeLVMConfig(n); err != nil {
		t.Fatal(err)
	}
	return d
}

// prepare makes files and folders. Rules of LVM and md, of which nothing is here, are
// masked.
func (d *Daemons) prepare() error {
	var errs []error
	for _, dir := range []string{udevRules, "/etc/udev", "/etc/multipath", filepath.Dir(installedApplet)} {
		errs = append(errs, os.MkdirAll(dir, 0o755))
	}
	for _, name := range []string{"63-md-raid-arrays", "64-md-raid-assembly", "69-lvm", "80-drivers"} {
		errs = append(errs, os.Symlink("/dev/null", filepath.Join(udevRules, name+".rules")))
	}
	// The host's name would be the node's.
	node := []byte("ENV{SG_NODE}=\"" + d.node.Name + "\"\n")
	return errors.Join(append(errs,
		os.WriteFile(filepath.Join(udevRules, "00-lab.rules"), node, 0o644),
		os.Symlink(rulesFile, filepath.Join(udevRules, filepath.Base(rulesFile))),
		os.Symlink(lunguard, installedApplet),
		os.Symlink("/bin/udevadm", udevd))...)
}

// daemonEnv is the environment of the daemons and of what works with device-mapper while
// they run: unlike elsewhere here, they wait for each other as on a real host.
func daemonEnv() []string { return []string{"PATH=" + systemPath, "LC_ALL=C"} }

// run runs a program outside of any test's judgement.
func (d *Daemons) run(args ...string) error {
	r, err := runProgram(daemonEnv(), systemPath, "", args)
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("%s: %v", strings.Join(args, " "), r)
	}
	return err
}

// start starts a daemon.
func (d *Daemons) start(t testing.TB, args ...string) *Process {
	t.Helper()
	p, err := start(program{env: daemonEnv(), path: systemPath, args: args})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stop removes the maps and ends the daemons.
func (d *Daemons) stop(t testing.TB) {
	t.Helper()
	n := d.node
	var errs []error
	if d.multipathd != nil {
		errs = append(errs, d.multipathd.cmd.Process.Signal(syscall.SIGTERM))
		r := d.multipathd.Wait(t)
		t.Logf("multipathd: %v", r)
		if r.Exit != 0 {
			errs = append(errs, fmt.Errorf("multipathd: exit status %d", r.Exit))
		}
		for _, name := range n.maps {
			errs = append(errs, d.run("dmsetup", "remove", "--retry", "--force", name))
		}
		n.maps = nil
	}
	if d.udevd != nil {
		errs = append(errs, d.run("udevadm", "settle"), d.run("udevadm", "control", "--exit"))
		// Of the many groups that rules name, this system has few.
		said := slices.DeleteFunc(strings.Split(d.udevd.Wait(t).Stderr, "\n"), func(l string) bool { return strings.Contains(l, "Unknown group") })
		t.Logf("udevd: %s", strings.Join(said, "\n"))
	}
	for _, name := range []string{"/run/udev", "/etc/multipath", multipathConfig, udevd, installedApplet, "/dev/disk"} {
		errs = append(errs, os.RemoveAll(name))
	}
	if err := errors.Join(errs...); err != nil {
		t.Errorf("ending udevd and multipathd: %v", err)
	}
}

// Configure writes multipathd's configuration, and has it read it if it runs.
func (d *Daemons) Configure(t testing.TB, config string) {
	t.Helper()
	if err := os.WriteFile(multipathConfig, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if d.multipathd != nil {
		d.node.MustRun(t, "multipathd", "reconfigure", "all")
	}
}

// Settle waits until udevd has done all that the kernel has asked for. udevd 252 now and
// then drops the connection by which it is asked to tell; then it is asked again, for
// nothing is known yet.
func (d *Daemons) Settle(t testing.TB) {
	t.Helper()
	var r Result
	for range 3 {
		if r = d.node.Run(t, "udevadm", "settle", "--timeout=30"); r.Exit == 0 {
			return
		}
		if !strings.Contains(r.Stderr, "Failed to wait for daemon to reply") {
			break
		}
		t.Logf("udevadm settle: %s", strings.TrimSpace(r.Stderr))
	}
	t.Fatalf("udevadm settle: exit %d: %s", r.Exit, r.Stderr)
}

// WaitPaths waits until so many paths are in a state in device-mapper: active or failed.
func (d *Daemons) WaitPaths(t testing.TB, state string, number int) {
	t.Helper()
	var out string
	d.eventually(t, "multipathd has its paths "+state, func() bool {
		out = d.node.Run(t, "multipathd", "show", "paths", "raw", "format", "%t").Stdout
		return len(strings.Fields(out)) > 0 && strings.Count(out, state) == number
	})
}

// eventually waits until something is so, for at most as long as a disk may take.
func (d *Daemons) eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(diskTimeout); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%v have passed before %s", diskTimeout, what)
		}
	}
}
