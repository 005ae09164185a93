// Package guest is what runs inside the laboratory's virtual machine: a small initial
// process, an API to build storage arrays and cluster nodes in one kernel, and the
// scenario tests that use them.
//
// Everything else in this package has the build tag "lab", so that go test ./... on a
// development machine does not try to run it; "go run ./lab" builds and boots it.
//
// # One kernel, many nodes
//
// An Array is a target of the kernel's LIO with file-backed LUNs. A Node is an iSCSI
// initiator name that has logged in, once for each path, through an address of the
// loopback network of its own. Every session is an I_T nexus of its own to the target, so
// registrations, reservations and unit attentions are those of separate machines, although
// all disks show up in one /dev. Node.Env hides the difference from programs: LVM's filter
// accepts the node's own disks only, and SG_NODE says which node it is.
//
// What nodes share, because the kernel is one: device-mapper names (two nodes cannot
// activate the same volume group), the host name, the clock, and the process table.
//
// # Writing a scenario
//
//	func TestTakeover(t *testing.T) {
//		array := NewArray(t, "takeover", 2, 64)
//		node1, node2 := array.Login(t, "node1", 1), array.Login(t, "node2", 1)
//		w := StartWriter(t, node1.Disk(0, 0), WriterOffset)
//		node2.MustRun(t, "pr_fence", "node1")
//		if _, err := w.Wait(10 * time.Second); !errors.Is(err, ErrReservationConflict) { ... }
//		state := Witness(t, node2.Disk(0, 0))
//	}
//
// What a test makes is taken down when it ends: sessions, maps, targets and files. Tests
// must not run in parallel with each other.
package guest
