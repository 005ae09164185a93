//go:build lab

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Node is one host of the cluster, logged in to one array.
type Node struct {
	Name string // the initiator is iqn.2026-01.lab:NAME

	array *Array
	index int            // position among the array's nodes, 1 for the first
	paths []*session     // nil where logged out
	maps  []string       // device-mapper devices on this node's disks, by name
	mapOf map[int]string // multipath maps, by LUN
}

// Login logs a node in to the array, once for each path. Each path is a session, and so an
// I_T nexus, of its own, through a target port and an address of its own. When it returns,
// all disks of all paths exist.
func (a *Array) Login(t testing.TB, node string, paths int) *Node {
	t.Helper()
	return a.LoginAll(t, paths, node)[0]
}

// LoginAll is Login for several nodes at the same time. A login is mostly waiting, so this
// takes little longer than one.
func (a *Array) LoginAll(t testing.TB, paths int, names ...string) []*Node {
	t.Helper()
	if err := a.open(paths); err != nil {
		t.Fatalf("array %s: %v", a.Name, err)
	}
	var nodes []*Node
	for _, name := range names {
		if slices.ContainsFunc(a.nodes, func(n *Node) bool { return n.Name == name }) {
			t.Fatalf("node %s has already logged in to %s", name, a.Name)
		}
		n := &Node{Name: name, array: a, index: len(a.nodes) + 1, paths: make([]*session, paths)}
		a.nodes = append(a.nodes, n)
		nodes = append(nodes, n)
		if err := prepare(n); err != nil {
			t.Fatalf("node %s: %v", name, err)
		}
	}
	if err := connectAll(nodes); err != nil {
		t.Fatalf("array %s: %v", a.Name, err)
	}
	return nodes
}

// prepare makes the node known to the array and gives it a folder.
func prepare(n *Node) error {
	for path := range n.paths {
		if err := n.array.admit(n.IQN(), path); err != nil {
			return err
		}
	}
	return os.MkdirAll(n.dir(), 0o755)
}

// connectAll connects all paths of nodes at once.
func connectAll(nodes []*Node) error {
	var wg sync.WaitGroup
	failed := make([][]error, len(nodes))
	for i, n := range nodes {
		failed[i] = make([]error, len(n.paths))
		for path := range n.paths {
			wg.Go(func() { failed[i][path] = connect(n, path) })
		}
	}
	wg.Wait()
	errs := slices.Concat(failed...)
	for _, n := range nodes {
		errs = append(errs, writeLVMConfig(n))
	}
	return errors.Join(errs...)
}

// connect makes a path's session.
func connect(n *Node, path int) error {
	to := portal{target: n.array.IQN(), port: path, address: n.Address(path)}
	s, err := login(n.IQN(), to, len(n.array.luns), n.array.sessionParams()...)
	if err != nil {
		return fmt.Errorf("node %s, path %d: %w", n.Name, path, err)
	}
	n.paths[path] = s
	return nil
}

// Relogin makes a path that Logout has ended. The new session has a session identifier of
// its own, so it is a new I_T nexus: not registered, even if the old one was, and the old
// registration stays until somebody removes it. (That LIO lets the new session write all
// the same is its leniency about sessions of one initiator on one port.) Disks may get
// other names.
func (n *Node) Relogin(t testing.TB, path int) {
	t.Helper()
	if n.paths[path] != nil {
		t.Fatalf("node %s, path %d: still logged in", n.Name, path)
	}
	if err := errors.Join(connect(n, path), writeLVMConfig(n)); err != nil {
		t.Fatalf("node %s: %v", n.Name, err)
	}
}

// Logout ends the session of a path as the death of the node would: the connection closes
// without a logout, registrations and reservations stay, the disks disappear.
func (n *Node) Logout(t testing.TB, path int) {
	t.Helper()
	if n.paths[path] == nil {
		t.Fatalf("node %s, path %d: not logged in", n.Name, path)
	}
	if err := n.paths[path].logout(); err != nil {
		t.Fatalf("node %s, path %d: %v", n.Name, path, err)
	}
	n.paths[path] = nil
	if err := writeLVMConfig(n); err != nil {
		t.Fatalf("node %s: %v", n.Name, err)
	}
}

// FailPath makes all commands on a path's disks fail at once, without the target noticing.
func (n *Node) FailPath(t testing.TB, path int) {
	t.Helper()
	if err := n.paths[path].setState("offline"); err != nil {
		t.Fatalf("node %s, path %d: %v", n.Name, path, err)
	}
}

// RestorePath undoes FailPath.
func (n *Node) RestorePath(t testing.TB, path int) {
	t.Helper()
	if err := n.paths[path].setState("running"); err != nil {
		t.Fatalf("node %s, path %d: %v", n.Name, path, err)
	}
}

// BreakPath cuts a path's connection: commands on its disks hang until the kernel gives the
// session up, some seconds later, and fail from then on. Only Logout and Relogin bring the
// path back.
func (n *Node) BreakPath(t testing.TB, path int) {
	t.Helper()
	if err := n.paths[path].disconnect(); err != nil {
		t.Fatalf("node %s, path %d: %v", n.Name, path, err)
	}
}

// IQN is the node's initiator name.
func (n *Node) IQN() string { return iqnPrefix + n.Name }

// Address is the address a path's session connects to.
func (n *Node) Address(path int) string { return fmt.Sprintf("127.0.%d.%d", n.index, path+1) }

// Paths is the number of paths, logged in or not.
func (n *Node) Paths() int { return len(n.paths) }

// Disk is the device of a LUN on a path, such as /dev/sda. It panics if there is none: to
// ask for a disk of a path that is logged out is a mistake of the test.
func (n *Node) Disk(lun, path int) string {
	if s := n.paths[path]; s != nil && s.disks[lun] != "" {
		return "/dev/" + s.disks[lun]
	}
	panic(fmt.Sprintf("node %s has no disk for LUN %d on path %d", n.Name, lun, path))
}

// Disks lists the devices of a LUN on all paths that are logged in.
func (n *Node) Disks(lun int) []string {
	var disks []string
	for path, s := range n.paths {
		if s != nil {
			disks = append(disks, n.Disk(lun, path))
		}
	}
	return disks
}

// dir is the node's private folder. Nodes of the same name on two arrays differ.
func (n *Node) dir() string { return filepath.Join("/run/lab", n.array.Name, n.Name) }

// leave takes down all that the node has, whatever state a failed test left it in.
func leave(n *Node) error {
	return errors.Join(disconnect(n), os.RemoveAll(n.dir()))
}

// disconnect ends all sessions, and before them what lies on their disks.
func disconnect(n *Node) error {
	errs := []error{removeMaps(n)}
	for path, s := range n.paths {
		if s != nil {
			errs = append(errs, s.logout())
			n.paths[path] = nil
		}
	}
	return errors.Join(errs...)
}

// lvmConfig is what LVM needs to know on a node: there is no udev to wait for and no daemon
// to talk to, and backups, without which it warns, go to the node's folder. The filter
// keeps it from seeing the other nodes' disks, which are the same LUNs.
const lvmConfig = `devices {
	dir = "/dev"
	scan = [ "/dev" ]
	use_devicesfile = 0
	filter = [ %s"r|.*|" ]
	obtain_device_list_from_udev = 0
	external_device_info_source = "none"
	md_component_detection = 0
	multipath_component_detection = 0
}
global {
	use_lvmlockd = 0
	use_lvmpolld = 0
	event_activation = 0
}
activation {
	udev_sync = 0
	udev_rules = 0
	verify_udev_operations = 0
	monitoring = 0
}
backup {
	backup = 1
	backup_dir = "%s"
	archive = 0
}
`

// writeLVMConfig makes the node's filter fit its disks: its multipath maps if it has any,
// or else the disks of the first path that is logged in. More than one path of a LUN would
// be duplicates to LVM.
func writeLVMConfig(n *Node) error {
	var accept []string
	for _, m := range n.maps {
		accept = append(accept, "/dev/mapper/"+m)
	}
	for _, s := range n.paths {
		if len(accept) == 0 && s != nil {
			for _, disk := range s.disks {
				accept = append(accept, "/dev/"+disk)
			}
		}
	}
	slices.Sort(accept)
	var filter strings.Builder
	for _, dev := range accept {
		fmt.Fprintf(&filter, "\"a|^%s$|\", ", dev)
	}
	text := fmt.Appendf(nil, lvmConfig, filter.String(), filepath.Join(n.dir(), "backup"))
	return os.WriteFile(filepath.Join(n.dir(), "lvm.conf"), text, 0o644)
}
