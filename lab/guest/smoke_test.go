//go:build lab

package guest

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Keys of the smoke tests' nodes.
const (
	key1, key2 = uint64(0xbcb00001), uint64(0xbcb00002)
	hex1, hex2 = "0xbcb00001", "0xbcb00002"
	weroType   = "--prout-type=5"
)

// TestLogin shows how long the smallest useful cluster takes, and that two paths of a node
// are two nexuses to one LUN.
func TestLogin(t *testing.T) {
	array := NewArray(t, "login", 3, 64)
	node1, node2 := pair(t, array)
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("2 nodes, 3 LUNs: %s s after the kernel's start", strings.Fields(string(uptime))[0])
	for lun := range 3 {
		a, b := node1.Disk(lun, 0), node2.Disk(lun, 0)
		wwid := node1.MustRun(t, "cat", "/sys/block/"+a[len("/dev/"):]+"/device/wwid")
		if want := "naa." + array.WWID(lun)[1:] + "\n"; wwid != want {
			t.Errorf("LUN %d: WWID %q, want %q", lun, wwid, want)
		}
		if other := node2.MustRun(t, "cat", "/sys/block/"+b[len("/dev/"):]+"/device/wwid"); a == b || other != wwid {
			t.Errorf("LUN %d: %s has WWID %s, %s has %s", lun, a, wwid, b, other)
		}
	}
}

// TestPaths shows that each path of a node is a nexus of its own, that a path can fail and
// come back, and that a map over them survives it.
func TestPaths(t *testing.T) {
	array := NewArray(t, "paths", 1, 64)
	node := array.Login(t, "node1", 2)
	register(t, node, node.Disk(0, 0), hex1)
	reserve(t, node, node.Disk(0, 0), hex1)
	if got := DirectWrite(t, node.Disk(0, 1)); got != WriteConflict {
		t.Errorf("write on a path that is not registered: %v", got)
	}
	register(t, node, node.Disk(0, 1), hex1)
	if got := DirectWrite(t, node.Disk(0, 1)); got != WriteOK {
		t.Errorf("write on the second path, registered: %v", got)
	}
	regs := WitnessFull(t, node.Disk(0, 0))
	if len(regs) != 2 || regs[0].Initiator != node.IQN() || regs[1].Initiator != node.IQN() || regs[0].ISID == regs[1].ISID {
		t.Fatalf("registrations of two paths: %+v", regs)
	}
	dm := node.Multipath(t, 0)
	node.FailPath(t, 0)
	if got := DirectWrite(t, node.Disk(0, 0)); got != WriteFailed {
		t.Errorf("write on a failed path: %v", got)
	}
	if got := DirectWrite(t, dm); got != WriteOK {
		t.Errorf("write on the map with one path left: %v", got)
	}
	node.RestorePath(t, 0)
	if got := DirectWrite(t, node.Disk(0, 0)); got != WriteOK {
		t.Errorf("write on a restored path: %v", got)
	}
}

// TestNodeDeath shows that registrations outlive the session that made them, and that a
// new session is not registered.
func TestNodeDeath(t *testing.T) {
	array := NewArray(t, "death", 1, 64)
	node1, node2 := pair(t, array)
	register(t, node1, node1.Disk(0, 0), hex1)
	reserve(t, node1, node1.Disk(0, 0), hex1)
	before := WitnessFull(t, node2.Disk(0, 0))
	if len(before) != 1 || before[0].Initiator != node1.IQN() || !before[0].Holder || before[0].Type != TypeWERO {
		t.Fatalf("before the holder's death: %+v", before)
	}
	node1.Logout(t, 0)
	state := Witness(t, node2.Disk(0, 0))
	if !slices.Equal(state.Keys, []uint64{key1}) || state.Holder != key1 {
		t.Errorf("after the holder's death: %+v", state)
	}
	node1.Relogin(t, 0)
	if after := WitnessFull(t, node1.Disk(0, 0)); !slices.Equal(after, before) {
		t.Errorf("registrations %+v, want the old session's only: %+v", after, before)
	}
	if got := DirectWrite(t, node2.Disk(0, 0)); got != WriteConflict {
		t.Errorf("write of the other node: %v", got)
	}
}

// TestBrokenConnection shows that a lost connection does not hang anybody for long, and
// that a map goes on with the other path.
func TestBrokenConnection(t *testing.T) {
	array := NewArray(t, "broken", 1, 64)
	node := array.Login(t, "node1", 2)
	dm := node.Multipath(t, 0)
	node.BreakPath(t, 0)
	if got := DirectWrite(t, node.Disk(0, 0)); got != WriteFailed {
		t.Errorf("write on the broken path: %v", got)
	}
	if got := DirectWrite(t, dm); got != WriteOK {
		t.Errorf("write on the map: %v", got)
	}
}

// TestReset shows that a session survives a logical unit reset under load, and that
// registrations made with APTPL are written to the target's disk.
func TestReset(t *testing.T) {
	array := NewArray(t, "reset", 1, 64)
	node := array.Login(t, "node1", 1)
	disk := node.Disk(0, 0)
	node.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--register-ignore", "--param-aptpl",
		"--param-sark="+hex1, disk)
	w := StartWriter(t, disk, WriterOffset)
	node.MustRun(t, "sg_reset", "--device", disk)
	if _, err := w.Stop(); err != nil {
		t.Errorf("writer across a reset: %v", err)
	}
	if state := Witness(t, disk); !slices.Equal(state.Keys, []uint64{key1}) {
		t.Errorf("after a reset: %+v", state)
	}
	data, err := os.ReadFile(array.APTPLFile(0))
	if err != nil || !strings.Contains(string(data), "initiator_node="+node.IQN()) {
		t.Errorf("APTPL file: %v: %s", err, data)
	}
}

// TestRegisterReserve shows that a reservation keeps an unregistered node from writing.
func TestRegisterReserve(t *testing.T) {
	array := NewArray(t, "reserve", 1, 64)
	node1, node2 := pair(t, array)
	disk1, disk2 := node1.Disk(0, 0), node2.Disk(0, 0)
	if state := Witness(t, disk2); len(state.Keys) != 0 || state.Holder != 0 {
		t.Fatalf("new LUN: %+v", state)
	}
	if got := DirectWrite(t, disk2); got != WriteOK {
		t.Errorf("write without a reservation: %v", got)
	}
	register(t, node1, disk1, hex1)
	reserve(t, node1, disk1, hex1)
	state := Witness(t, disk2)
	if !slices.Equal(state.Keys, []uint64{key1}) || state.Holder != key1 || state.Type != TypeWERO {
		t.Errorf("after node1's reservation: %+v", state)
	}
	if got := DirectWrite(t, disk1); got != WriteOK {
		t.Errorf("write of the holder: %v", got)
	}
	if got := DirectWrite(t, disk2); got != WriteConflict {
		t.Errorf("write of the node that is not registered: %v", got)
	}
	register(t, node2, disk2, hex2)
	if got := DirectWrite(t, disk2); got != WriteOK {
		t.Errorf("write of the node that is registered now: %v", got)
	}
}

// TestPreemptAbort shows that a writer is cut off in the middle of its work.
func TestPreemptAbort(t *testing.T) {
	array := NewArray(t, "preempt", 1, 64)
	node1, node2 := pair(t, array)
	disk1, disk2 := node1.Disk(0, 0), node2.Disk(0, 0)
	register(t, node1, disk1, hex1)
	reserve(t, node1, disk1, hex1)
	w := StartWriter(t, disk1, WriterOffset)

	register(t, node2, disk2, hex2)
	node2.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--preempt-abort", "--param-rk="+hex2,
		"--param-sark="+hex1, weroType, disk2)
	if got := DirectWrite(t, disk2); got != WriteOK {
		t.Errorf("write of the new holder: %v", got)
	}
	last, err := w.Wait(30 * time.Second)
	t.Logf("node1 wrote %d times, then: %v", last, err)
	if !errors.Is(err, ErrReservationConflict) {
		t.Errorf("node1's writer: %v, want a reservation conflict", err)
	}
	// The write that was aborted may have reached the disk; nothing after it has.
	if got := ReadNumber(t, disk2, WriterOffset); got != last && got != last+1 {
		t.Errorf("the disk has number %d, node1 was acknowledged %d", got, last)
	}
	state := Witness(t, disk2)
	if !slices.Equal(state.Keys, []uint64{key2}) || state.Holder != key2 || state.Type != TypeWERO {
		t.Errorf("after node2's preemption: %+v", state)
	}
}

// TestVolumeGroup shows that two nodes see one volume group, each on its own disks.
func TestVolumeGroup(t *testing.T) {
	array := NewArray(t, "vg", 2, 64)
	node1, node2 := pair(t, array)
	for _, words := range [][]string{
		{"pvcreate", node1.Disk(0, 0), node1.Disk(1, 0)},
		{"vgcreate", "vg1", node1.Disk(0, 0)},
		{"vgextend", "vg1", node1.Disk(1, 0)},
	} {
		if r := node1.Run(t, words...); r.Exit != 0 || r.Stderr != "" {
			t.Fatalf("%q: %v", words, r)
		}
	}
	for _, node := range []*Node{node1, node2} {
		want := []string{node.Disk(0, 0), node.Disk(1, 0)}
		slices.Sort(want)
		if got := volumesOf(t, node, "vg1"); !slices.Equal(got, want) {
			t.Errorf("%s sees vg1 on %q, want %q", node.Name, got, want)
		}
	}
}

// volumesOf lists the physical volumes of a volume group as a node's LVM reports them.
func volumesOf(t *testing.T, node *Node, vg string) []string {
	t.Helper()
	r := node.Run(t, "lvm", "pvs", "--reportformat", "json", "-o", "pv_name,vg_name")
	if r.Exit != 0 || r.Stderr != "" {
		t.Fatalf("pvs on %s: %v", node.Name, r)
	}
	var report struct {
		Report []struct {
			PV []struct {
				Name string `json:"pv_name"`
				VG   string `json:"vg_name"`
			} `json:"pv"`
		} `json:"report"`
	}
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil {
		t.Fatalf("pvs on %s: %v: %s", node.Name, err, r.Stdout)
	}
	var names []string
	for _, part := range report.Report {
		for _, pv := range part.PV {
			if pv.VG == vg {
				names = append(names, pv.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// pair logs two nodes in, with one path each.
func pair(t *testing.T, array *Array) (node1, node2 *Node) {
	t.Helper()
	nodes := array.LoginAll(t, 1, "node1", "node2")
	return nodes[0], nodes[1]
}

// register registers a key through one disk of a node.
func register(t *testing.T, node *Node, disk, key string) {
	t.Helper()
	node.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--register-ignore", "--param-sark="+key, disk)
}

// reserve makes a Write Exclusive, Registrants Only reservation.
func reserve(t *testing.T, node *Node, disk, key string) {
	t.Helper()
	node.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--reserve", "--param-rk="+key, weroType, disk)
}
