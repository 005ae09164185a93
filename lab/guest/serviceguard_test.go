//go:build lab

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lunguard/testdata/legacy"
)

// Files as a Serviceguard administrator has them.
const (
	clusterFile = `CLUSTER_NAME bla
NODE_NAME jack3
  NETWORK_INTERFACE lan0
    HEARTBEAT_IP 10.0.0.3
  NODE_PR_KEY bcb00001
NODE_NAME jack4
  NETWORK_INTERFACE lan0
    HEARTBEAT_IP 10.0.0.4
  NODE_PR_KEY bcb00002
MEMBER_TIMEOUT 14000000
`
	packageFile = `package_name pkg1
package_type failover
node_name jack3
node_name jack4
run_script_timeout 60
script_log_file %[1]s/pkg1.log
vgchange_cmd "vgchange -a y"
vg iscsi_vg3
fs_name /dev/iscsi_vg3/lvol1
fs_directory %[1]s/mnt
fs_type ext4
fs_mount_opt "-o rw"
service_name sleeper
service_cmd "sleep 1000"
service_halt_timeout 5
external_script %[1]s/app.sh
`
	appScript = `#!/bin/sh
[ "$1" = validate ] && exit
echo "$SG_PACKAGE on $SG_NODE: $1"
case $1 in
start) echo "written on $SG_NODE" >>%[1]s/mnt/data && sync ;;
esac
`
)

// serviceguard is a cluster whose nodes have Serviceguard's files, a volume group on two
// LUNs with a file system, and a third LUN.
type serviceguard struct {
	*cluster
	dir string
}

func newServiceguard(t *testing.T) *serviceguard {
	t.Helper()
	NeedLunguard(t, "cmcheckconf", "cmapplyconf", "cmrunpkg", "cmhaltpkg", "cmviewcl", "cmgetpkgenv")
	s := &serviceguard{newCluster(t, 3), t.TempDir()}
	s.luns = []int{0, 1}
	s.write(t, "cmcl.conf", clusterFile, 0o644)
	s.write(t, "pkg1.conf", fmt.Sprintf(packageFile, s.dir), 0o644)
	s.write(t, "app.sh", fmt.Sprintf(appScript, s.dir), 0o755)
	if err := os.Mkdir(filepath.Join(s.dir, "mnt"), 0o755); err != nil {
		t.Fatal(err)
	}
	jack3 := s.jack3
	for _, line := range []string{
		"pvcreate " + jack3.Disk(0, 0) + " " + jack3.Disk(1, 0), "vgcreate iscsi_vg3 " + jack3.Disk(0, 0) + " " + jack3.Disk(1, 0),
		"lvcreate -L 96m -n lvol1 -Zn -Wn iscsi_vg3", "mke2fs -q -t ext4 /dev/mapper/iscsi_vg3-lvol1", "vgchange -a n iscsi_vg3",
	} {
		jack3.MustRun(t, strings.Fields(line)...)
	}
	return s
}

func (s *serviceguard) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// data is what stands in the file system.
func (s *serviceguard) data(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "mnt", "data"))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// want checks that what a command printed matches.
func want(t *testing.T, out string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(out) {
			t.Errorf("no line matches %s in\n%s", p, out)
		}
	}
}

// TestServiceguardLife is a package's life with Serviceguard's commands and files, on a real
// volume group with a real file system.
func TestServiceguardLife(t *testing.T) {
	s := newServiceguard(t)
	jack3, jack4 := s.jack3, s.jack4
	check := " -C " + s.dir + "/cmcl.conf -P " + s.dir + "/pkg1.conf"
	want(t, mustType(t, jack3, "cmcheckconf -v"+check), `^Package pkg1: 2 LUNs, pkg_pr_mode=pr_enabled$`, `^Verification completed with no errors found\.$`)
	for _, n := range []*Node{jack3, jack4} {
		want(t, mustType(t, n, "cmapplyconf -f"+check), `^Completed the cluster update\.$`)
	}
	want(t, mustType(t, jack3, "cmviewcl -f line"), `^cluster_pr_mode=pr_enabled$`, `^node:jack3\|node_pr_key=bcb00001$`,
		`^package:pkg1\|pkg_pr_mode=pr_enabled$`, `^package:pkg1\|status=down$`)

	want(t, mustType(t, jack3, "cmrunpkg pkg1"), `^Successfully started package pkg1 on node jack3$`, `^cmrunpkg: All specified packages are running$`)
	s.wantOwner(t, jack3)
	if got := s.data(t); got != "written on jack3\n" {
		t.Errorf("the file system has %q", got)
	}
	for _, n := range []*Node{jack3, jack4} {
		want(t, mustType(t, n, "cmviewcl -v -f line -p pkg1"), `^status=up$`, `^owner=jack3$`, `^node:jack3\|status=up$`)
	}
	wantFenced(t, s.cluster, jack4)
	r := typed(t, jack4, "cmrunpkg pkg1")
	wantExit(t, r, 1)
	want(t, r.Stderr, `running on node jack3`)

	// The group grows while the package is up; the application of the file protects it.
	jack3.MustRun(t, "pvcreate", jack3.Disk(2, 0))
	jack3.MustRun(t, "vgextend", "iscsi_vg3", jack3.Disk(2, 0))
	want(t, mustType(t, jack3, "cmapplyconf -f -P "+s.dir+"/pkg1.conf"), `^Successfully copied registration key 0xbcb00001 to `+jack3.Disk(2, 0))
	s.luns = []int{0, 1, 2}
	s.wantOwner(t, jack3)

	want(t, mustType(t, jack3, "cmhaltpkg pkg1"), `^Successfully halted package pkg1 on node jack3$`)
	s.wantNothing(t)
	if mounted := jack3.MustRun(t, "cat", "/proc/mounts"); strings.Contains(mounted, s.dir) {
		t.Errorf("still mounted:\n%s", mounted)
	}
	if active := jack3.MustRun(t, "dmsetup", "ls"); strings.Contains(active, "iscsi_vg3") {
		t.Errorf("still active:\n%s", active)
	}

	// On the other node it finds what was written.
	mustType(t, jack4, "cmrunpkg pkg1")
	s.wantOwner(t, jack4)
	if got := s.data(t); got != "written on jack3\nwritten on jack4\n" {
		t.Errorf("the file system has %q", got)
	}
	mustType(t, jack4, "cmhaltpkg pkg1")
	s.wantNothing(t)
	log, err := os.ReadFile(filepath.Join(s.dir, "pkg1.log"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(t.Output(), "pkg1.log:\n%s", log)
	want(t, string(log), `pkg1 on jack3: start`, `pkg1 on jack3: stop`, `pkg1 on jack4: stop`)
}

// wantFenced checks that a node cannot write to any LUN of the package.
func wantFenced(t *testing.T, c *cluster, n *Node) {
	t.Helper()
	for _, lun := range c.luns {
		if got := DirectWrite(t, n.Disk(lun, 0)); got != WriteConflict {
			t.Errorf("write of %s to LUN %d: %v", n.Name, lun, got)
		}
	}
}

// TestLegacyControlScript runs a package by a control script that sources cmgetpkgenv and
// calls pr_start and pr_halt itself: reserve, activate, mount, write, unmount, deactivate,
// release.
func TestLegacyControlScript(t *testing.T) {
	s := newServiceguard(t)
	jack3, jack4 := s.jack3, s.jack4
	script := filepath.Join(s.dir, "control.sh")
	if err := os.WriteFile(script, []byte(legacy.Script), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(t, "pkg1.conf", "package_name pkg1\nvg iscsi_vg3\npev_device /dev/iscsi_vg3/lvol1\npev_directory "+s.dir+"/mnt\n", 0o644)
	for _, n := range []*Node{jack3, jack4} {
		mustType(t, n, "cmapplyconf -f -C "+s.dir+"/cmcl.conf -P "+s.dir+"/pkg1.conf")
	}
	for _, shell := range []string{"bash", "dash"} {
		run := func(n *Node, action string) Result {
			return typed(t, n, "env SG_PACKAGE=pkg1 SG_NODE="+n.Name+" "+shell+" "+script+" "+action)
		}
		wantExit(t, run(jack3, "start"), 0)
		s.wantOwner(t, jack3)
		jack3.MustRun(t, "dd", "if=/dev/zero", "of="+s.dir+"/mnt/zeros", "bs=4k", "count=16", "conv=fsync", "status=none")
		wantFenced(t, s.cluster, jack4)
		wantExit(t, run(jack3, "stop"), 0)
		s.wantNothing(t)
	}
	// A file system that cannot be mounted: what was done before is undone, and another
	// node may try.
	jack3.MustRun(t, "rmdir", s.dir+"/mnt")
	s.write(t, "mnt", "in the way", 0o644)
	wantExit(t, typed(t, jack3, "env SG_PACKAGE=pkg1 SG_NODE=jack3 bash "+script+" start"), 2)
	s.wantNothing(t)
}
