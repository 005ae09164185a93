//go:build lab

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"lunguard/lab/hung"
)

// The package, and where dpkg has its database.
const (
	debFile = "/lab/lunguard.deb"
	dpkgDir = "/var/lib/dpkg"
)

// The tutorial's LUNs. A node has two paths to each, through two ports of the target.
const (
	tutorialArray  = "tutorial"
	tutorialLUNs   = 2
	tutorialSizeMB = 128
	tutorialPaths  = 2
)

// tutorialAddress is the target's address for a path of a node. Both are on the one link.
func tutorialAddress(node string, path int) string {
	return linkNetwork(node) + []string{"1", "3"}[path]
}

// tutorialTarget is prepareTarget for the tutorial.
func (a *hungAgent) tutorialTarget(t *testing.T) error {
	for link, node := range []string{hung.Jack3, hung.Jack4} {
		if err := setAddress(hung.MAC(hung.Target, link), tutorialAddress(node, 0), tutorialAddress(node, 1)); err != nil {
			return err
		}
	}
	return a.export(t, NewArray(t, tutorialArray, tutorialLUNs, tutorialSizeMB), tutorialPaths)
}

// tutorialNode makes this machine what an administrator has when the tutorial begins: a
// host with the two LUNs attached, as /dev/mapper/mpatha and mpathb, and the package at
// hand, which is not installed.
func (a *hungAgent) tutorialNode(t *testing.T) error {
	if err := unix.Sethostname([]byte(a.role)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	if err := setAddress(hung.MAC(a.role, 0), nodeAddress(a.role)); err != nil {
		return err
	}
	if err := errors.Join(loadModule("ext4"), debianHost()); err != nil {
		return err
	}
	array := &Array{Name: tutorialArray}
	for lun := range tutorialLUNs {
		array.luns = append(array.luns, serial(array.device(lun)))
	}
	n := &Node{Name: a.role, array: array}
	for path := range tutorialPaths {
		s, err := login(n.IQN(), portal{target: array.IQN(), port: path, address: tutorialAddress(a.role, path)}, tutorialLUNs)
		if err != nil {
			return err
		}
		n.paths = append(n.paths, s)
	}
	if err := os.MkdirAll(n.dir(), 0o755); err != nil {
		return err
	}
	for lun, name := range []string{"mpatha", "mpathb"} {
		n.MultipathAs(t, lun, name)
	}
	return nodeLVM(n)
}

// nodeLVM makes the config of a node's lvm that of the whole machine.
func nodeLVM(n *Node) error {
	const system = "/etc/lvm/lvm.conf"
	return errors.Join(os.MkdirAll(filepath.Dir(system), 0o755), removeExisting(system),
		os.Symlink(filepath.Join(n.dir(), "lvm.conf"), system))
}

// debianHost adds to the root what the tutorial takes for granted: dpkg with its database,
// the package in root's folder, and a system log.
func debianHost() error {
	errs := []error{makeDpkgDatabase(), os.Symlink(debFile, "/root/lunguard_1_amd64.deb")}
	for _, dir := range []string{"/usr/local/sbin", "/var/log", "/srv"} {
		errs = append(errs, os.MkdirAll(dir, 0o755))
	}
	// dpkg asks for programs that only other packages need.
	for _, name := range []string{"diff", "ldconfig", "start-stop-daemon"} {
		if findInPath(systemPath, name) == name {
			errs = append(errs, os.Symlink("/bin/true", filepath.Join("/usr/sbin", name)))
		}
	}
	if err := errors.Join(append(errs, eagerFileSystems())...); err != nil {
		return err
	}
	r, err := runProgram(baseEnv(systemPath), systemPath, "", []string{"/bin/busybox", "syslogd"})
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("syslogd: %v", r)
	}
	return err
}

// eagerFileSystems makes mkfs.ext4 initialize all of a file system at once. A kernel that does it
// later, in the background, might be the first to write on a node that was fenced, and make
// the file system read-only before the tutorial writes to it.
func eagerFileSystems() error {
	const config, section = "/etc/mke2fs.conf", "[defaults]\n"
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	before, after, found := strings.Cut(string(text), section)
	if !found {
		return fmt.Errorf("%s has no %s", config, section)
	}
	return os.WriteFile(config, []byte(before+section+"\tlazy_itable_init = 0\n"+after), 0o644)
}

// makeDpkgDatabase makes a database of packages in which there is none.
func makeDpkgDatabase() error {
	for _, sub := range []string{"info", "updates", "triggers", "alternatives", "parts"} {
		if err := os.MkdirAll(filepath.Join(dpkgDir, sub), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dpkgDir, "status"), nil, 0o644)
}
