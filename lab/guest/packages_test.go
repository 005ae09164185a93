//go:build lab

package guest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// installedConf is where the commands look for a config.
const installedConf = "/etc/lunguard/cluster.conf"

// dpkg runs dpkg, which has to succeed. It wants, and warns of, ldconfig and others in PATH,
// which only other packages need.
func dpkg(t *testing.T, n *Node, words string) {
	t.Helper()
	wantExit(t, typed(t, n, "dpkg --force-bad-path --force-unsafe-io "+words), 0)
	if t.Failed() {
		t.FailNow()
	}
}

// emptyDpkg makes a database of packages in which there is none, for the time of a test.
func emptyDpkg(t *testing.T) {
	t.Helper()
	if err := makeDpkgDatabase(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dpkgDir); err != nil {
			t.Error(err)
		}
	})
}

// allFiles lists the files of the root that do not come and go.
func allFiles(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir("/", func(path string, _ fs.DirEntry, err error) error {
		switch path {
		case "/proc", "/sys", "/dev", "/run", "/tmp", "/var/lib/dpkg", "/var/log", "/var/target":
			return fs.SkipDir
		}
		list = append(list, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// added lists what one list has more than the other.
func added(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(f string) bool {
		_, found := slices.BinarySearch(before, f)
		return found
	})
}

// installedWatcher starts pr_watchdog from where the package has it.
func installedWatcher(t *testing.T, n *Node) *watcher {
	t.Helper()
	w := &watcher{t: t, file: filepath.Join(n.dir(), "watchdog.log")}
	w.p = n.Start(t, nil, "/bin/bash", "-c", "unset LUNGUARD_CONF; exec /usr/sbin/pr_watchdog --interval 0.5 --watchdog-timeout 10 >"+w.file+" 2>&1")
	t.Cleanup(w.p.Kill)
	w.says("a fence restarts this node within")
	return w
}

// TestPackages installs the Debian package, keeps a volume group safe with the commands from
// where they are installed and the config from where they look for it, upgrades and removes
// it. What is up stays up meanwhile, no LUN is touched, and nothing but the config is left.
func TestPackages(t *testing.T) {
	c := newCluster(t, 1)
	emptyDpkg(t)
	loadSoftdog(t, "soft_noboot=1")
	jack3, disk := c.jack3, c.jack3.Disk(0, 0)
	c.luns = []int{0}
	jack3.MustRun(t, "pvcreate", disk)
	jack3.MustRun(t, "vgcreate", "pkgvg", disk)
	before := allFiles(t)
	slices.Sort(before)

	ForgetCommands(t)
	dpkg(t, jack3, "--install "+debFile)
	want(t, mustType(t, jack3, "dpkg --status lunguard"), `^Status: install ok installed$`)
	if sent := jack3.Commands(t); len(sent) > 0 {
		t.Errorf("the installation has sent commands to LUNs: %v", sent)
	}
	if info, err := os.Stat("/etc/lunguard"); err != nil || info.Mode() != fs.ModeDir|0o755 {
		t.Errorf("/etc/lunguard: %v, %v", info, err)
	}
	if _, err := os.Stat(installedConf); err == nil {
		t.Fatal("the package has an active config")
	}
	if err := os.WriteFile(installedConf, []byte(nodesText+"vg pkgvg\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll("/etc/lunguard"); err != nil {
			t.Error(err)
		}
	})

	const installed = "env -u LUNGUARD_CONF "
	mustType(t, jack3, installed+"/usr/sbin/pr_start pkg1")
	c.wantOwner(t, jack3)
	want(t, mustType(t, jack3, installed+"/usr/lib/lunguard/bin/vg_pr_key -g pkgvg"), `^`+disk+` 0xbcb00001 0xbcb00001 jack3$`)
	mustType(t, jack3, installed+"/usr/sbin/pr_check pkg1")
	wantFenced(t, c, c.jack4)

	// Neither an upgrade nor an attempt to remove it ends the deadman.
	w := installedWatcher(t, jack3)
	dpkg(t, jack3, "--install "+debFile)
	wantRefused(t, jack3, w)
	if s := watchdogState(t); s != "active" {
		t.Errorf("the watchdog is %s", s)
	}
	w.signal(syscall.SIGTERM)
	w.wantExit(0)
	c.wantOwner(t, jack3)

	mustType(t, jack3, installed+"/usr/sbin/pr_halt pkg1")
	c.wantNothing(t)
	ForgetCommands(t)
	dpkg(t, jack3, "--remove lunguard")
	dpkg(t, jack3, "--purge lunguard")
	if sent := jack3.Commands(t); len(sent) > 0 {
		t.Errorf("the removal has sent commands to LUNs: %v", sent)
	}
	after := allFiles(t)
	slices.Sort(after)
	if left := added(before, after); !slices.Equal(left, []string{"/etc/lunguard", installedConf}) {
		t.Errorf("left behind: %q", left)
	}
	if gone := added(after, before); len(gone) > 0 {
		t.Errorf("taken away: %q", gone)
	}
}

// wantRefused checks that the package cannot be removed while the deadman runs, and is whole
// after the attempt.
func wantRefused(t *testing.T, n *Node, w *watcher) {
	t.Helper()
	r := typed(t, n, "dpkg --force-bad-path --remove lunguard")
	if r.Exit == 0 || !strings.Contains(r.Stderr, "lunguard: not removed, something of it is up: pr_watchdog (process ") {
		t.Errorf("removed under a deadman: %v", r)
	}
	want(t, mustType(t, n, "dpkg --status lunguard"), `^Status: deinstall ok installed$`)
	mustType(t, n, "/usr/sbin/lunguard --version")
	if !w.runs() {
		t.Errorf("the deadman has ended:\n%s", w.text())
	}
}
