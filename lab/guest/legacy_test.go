//go:build lab

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A legacy package as it has always been: the package file has no volume group, the control
// script activates its own, mounts, and starts a service, and knows nothing of reservations.
const (
	legacyFile = `PACKAGE_NAME		pkg1
PACKAGE_TYPE		FAILOVER
NODE_NAME		jack3
NODE_NAME		jack4
RUN_SCRIPT		%[1]s/pkg1.cntl
RUN_SCRIPT_TIMEOUT	NO_TIMEOUT
HALT_SCRIPT		%[1]s/pkg1.cntl
HALT_SCRIPT_TIMEOUT	NO_TIMEOUT
SERVICE_NAME		sleeper
SERVICE_FAIL_FAST_ENABLED	NO
SERVICE_HALT_TIMEOUT	5
`
	legacyScript = `#!/bin/sh
. ${SGCONFFILE:=/etc/cmcluster.conf}
VGCHANGE="vgchange -a y"
VG="iscsi_vg3"
LV="/dev/mapper/iscsi_vg3-lvol1"; FS="$SGMNT/mnt"; FS_MOUNT_OPT="-o rw"
SERVICE_NAME="sleeper"
SERVICE_CMD="sleep 1000"
SERVICE_RESTART="-r 1"

customer_defined_run_cmds()
{
	echo "written on $NODE" >>$FS/data && sync
}

print_it()
{
	echo "$(date '+%b %e %T') - Node \"$NODE\": $1"
}

if [ "$1" = start ]; then
	print_it "Activating volume group $VG"
	$VGCHANGE $VG || exit 1
	mount $FS_MOUNT_OPT $LV $FS || exit 1
	customer_defined_run_cmds || exit 1
	[ -z "$SERVICES" ] || cmrunserv $SERVICE_RESTART $SERVICE_NAME $SERVICE_CMD || exit 1
elif [ "$1" = stop ]; then
	[ -z "$SERVICES" ] || cmhaltserv $SERVICE_NAME || exit 1
	umount $FS || exit 1
	print_it "Deactivating volume group $VG"
	vgchange -a n $VG || exit 1
fi
exit 0
`
)

// newLegacy is a cluster with that package.
func newLegacy(t *testing.T) *serviceguard {
	t.Helper()
	NeedLunguard(t, "cmrunserv", "cmhaltserv", "cmgetconf")
	s := newServiceguard(t)
	s.write(t, "pkg1.conf", fmt.Sprintf(legacyFile, s.dir), 0o644)
	s.write(t, "pkg1.cntl", legacyScript, 0o755)
	s.write(t, "cmcluster.conf", "SGMNT="+s.dir+"\nSGCONF="+s.dir+"\n", 0o644)
	return s
}

// folders is the word before a command that tells the vendor's file of folders.
func (s *serviceguard) folders() string {
	return "env SERVICES=yes SGCONFFILE=" + s.dir + "/cmcluster.conf "
}

// wantIdle checks that nothing of the package is left on a node.
func (s *serviceguard) wantIdle(t *testing.T, n *Node) {
	t.Helper()
	if mounted := n.MustRun(t, "cat", "/proc/mounts"); strings.Contains(mounted, s.dir) {
		t.Errorf("still mounted:\n%s", mounted)
	}
	if active := n.MustRun(t, "dmsetup", "ls"); strings.Contains(active, "iscsi_vg3") {
		t.Errorf("still active:\n%s", active)
	}
}

// TestLegacyLife is a legacy package's life: its groups are read from its control script,
// which runs unchanged, by cmrunpkg, and between pr_start and pr_halt in each shell.
func TestLegacyLife(t *testing.T) {
	s := newLegacy(t)
	jack3, jack4 := s.jack3, s.jack4
	for _, n := range []*Node{jack3, jack4} {
		want(t, typed(t, n, s.folders()+"cmapplyconf -f -C "+s.dir+"/cmcl.conf -P "+s.dir+"/pkg1.conf").Stdout, `^Package pkg1: volume groups of its control script .*/pkg1.cntl: iscsi_vg3$`, `^Completed the cluster update\.$`)
	}
	if got := mustType(t, jack3, s.folders()+"cmgetconf -p pkg1"); got != fmt.Sprintf(legacyFile, s.dir) {
		t.Errorf("the package's file is %s", got)
	}
	mustType(t, jack3, s.folders()+"cmrunpkg pkg1")
	s.wantOwner(t, jack3)
	wantFenced(t, s.cluster, jack4)
	want(t, mustType(t, jack3, s.folders()+"cmviewcl -v -p pkg1"), `^ +Service +up +1 +0 +sleeper$`, `^ +Style +legacy$`)

	// The group grows while the package is up.
	jack3.MustRun(t, "pvcreate", jack3.Disk(2, 0))
	jack3.MustRun(t, "vgextend", "iscsi_vg3", jack3.Disk(2, 0))
	want(t, typed(t, jack3, s.folders()+"cmapplyconf -f -P "+s.dir+"/pkg1.conf").Stdout, `^Successfully copied registration key 0xbcb00001 to `+jack3.Disk(2, 0))
	s.luns = []int{0, 1, 2}
	s.wantOwner(t, jack3)

	mustType(t, jack3, s.folders()+"cmhaltpkg pkg1")
	s.wantNothing(t)
	s.wantIdle(t, jack3)
	if left := jack3.MustRun(t, "ps", "-e", "-o", "args"); strings.Contains(left, "sleep 1000") {
		t.Errorf("its service still runs:\n%s", left)
	}

	mustType(t, jack4, s.folders()+"cmrunpkg pkg1")
	s.wantOwner(t, jack4)
	if got := s.data(t); got != "written on jack3\nwritten on jack4\n" {
		t.Errorf("the file system has %q", got)
	}
	mustType(t, jack4, s.folders()+"cmhaltpkg pkg1")
	s.wantNothing(t)
	s.wantIdle(t, jack4)

	for _, shell := range shells(t) {
		by := func(action string) string {
			return "env NODE=jack3 PACKAGE=pkg1 SGCONFFILE=" + s.dir + "/cmcluster.conf " + shell + " " + s.dir + "/pkg1.cntl " + action
		}
		mustType(t, jack3, s.folders()+"pr_start pkg1")
		mustType(t, jack3, by("start"))
		s.wantOwner(t, jack3)
		wantFenced(t, s.cluster, jack4)
		mustType(t, jack3, by("stop"))
		mustType(t, jack3, s.folders()+"pr_halt pkg1")
		s.wantNothing(t)
		s.wantIdle(t, jack3)
	}
}

// shells are those that control scripts are written for; the guest has the Korn shell if
// the host has it.
func shells(t *testing.T) []string {
	t.Helper()
	const korn = "/lab/bin/ksh93"
	list := []string{"bash", "dash"}
	if _, err := os.Stat(korn); err != nil {
		fmt.Fprintln(t.Output(), "the host has no ksh93, so control scripts are not run by it")
		return list
	}
	return append(list, korn)
}

// intruder writes to disks, again and again, as somebody who has no right to.
type intruder struct {
	stop           chan struct{}
	done           sync.WaitGroup
	tries, through atomic.Int64
}

// intrude starts one.
func intrude(t *testing.T, disks []string) *intruder {
	t.Helper()
	in := &intruder{stop: make(chan struct{})}
	for _, disk := range disks {
		f, err := os.OpenFile(disk, os.O_RDWR|unix.O_DIRECT, 0)
		if err != nil {
			t.Fatal(err)
		}
		block, err := unix.Mmap(-1, 0, blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		in.done.Go(func() {
			defer f.Close()
			// The processor is emulated, and others want it, too.
			beat := time.NewTicker(2 * time.Millisecond)
			defer beat.Stop()
			for {
				select {
				case <-in.stop:
					return
				case <-beat.C:
				}
				in.tries.Add(1)
				if _, err := f.WriteAt(block, WriterOffset); err == nil {
					in.through.Add(1)
				}
			}
		})
	}
	return in
}

// want ends it; all that it tried must have been refused.
func (in *intruder) want(t *testing.T) {
	t.Helper()
	close(in.stop)
	in.done.Wait()
	fmt.Fprintf(t.Output(), "an intruder has tried %d writes\n", in.tries.Load())
	if in.tries.Load() < 100 || in.through.Load() > 0 {
		t.Errorf("of %d writes of an intruder %d came through", in.tries.Load(), in.through.Load())
	}
}

// TestVendorTakeover takes a package over that is up in a cluster of the vendor's, as
// docs/serviceguard.md has it: its LUNs are reserved by keys that others have made, without
// persistence, a file system of it is mounted; and at no instant anybody else can write.
func TestVendorTakeover(t *testing.T) {
	s := newServiceguard(t)
	jack3, jack4 := s.jack3, s.jack4
	const mine = "/usr/bin/sg_persist --out --no-inquiry "
	for _, lun := range s.luns {
		jack3.MustRun(t, strings.Fields(mine+"--register --param-sark=0xbcb00001 "+jack3.Disk(lun, 0))...)
		jack3.MustRun(t, strings.Fields(mine+"--reserve --param-rk=0xbcb00001 --prout-type=5 "+jack3.Disk(lun, 0))...)
	}
	jack3.MustRun(t, "vgchange", "-a", "y", "iscsi_vg3")
	jack3.MustRun(t, "mount", "/dev/mapper/iscsi_vg3-lvol1", s.dir+"/mnt")
	s.write(t, "mnt/data", "written there\n", 0o644)
	s.write(t, "saved", "name=bla\nnode:jack3|node_pr_key=bcb00001\nnode:jack4|node_pr_key=bcb00002\n", 0o644)
	s.write(t, "cluster.ascii", "CLUSTER_NAME bla\nNODE_NAME jack3\nNODE_NAME jack4\n", 0o644)
	in := intrude(t, s.watched())

	for _, n := range []*Node{jack3, jack4} {
		want(t, mustType(t, n, "cmapplyconf -f -C "+s.dir+"/cluster.ascii --keys-from "+s.dir+"/saved -P "+s.dir+"/pkg1.conf"), `^keys taken: jack3 0xbcb00001, jack4 0xbcb00002$`)
	}
	want(t, mustType(t, jack4, "cmviewcl -f line -p pkg1"), `^status=up$`, `^owner=jack3$`)
	// The keys of others may be gone after a power loss; these not.
	mustType(t, jack3, "pr_start pkg1")
	s.wantOwner(t, jack3)
	mustType(t, jack3, "pr_check pkg1")

	// The package moves: what writes ends there, the keys stay.
	wantExit(t, typed(t, jack4, "cmrunpkg pkg1"), 1)
	jack3.MustRun(t, "umount", s.dir+"/mnt")
	jack3.MustRun(t, "vgchange", "-a", "n", "iscsi_vg3")
	s.wantOwner(t, jack3)
	mustType(t, jack4, "cmrunpkg --takeover pkg1")
	in.want(t)
	s.wantOwner(t, jack4)
	wantFenced(t, s.cluster, jack3)
	if got := s.data(t); got != "written there\nwritten on jack4\n" {
		t.Errorf("the file system has %q", got)
	}
	mustType(t, jack4, "cmhaltpkg pkg1")
	s.wantNothing(t)
	if _, err := os.Stat(filepath.Join(s.dir, "mnt", "data")); err == nil {
		t.Error("still mounted")
	}
}
