//go:build lab

package guest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"lunguard/lab/hung"
)

// hungLine is the serial port that carries the line to the host.
const hungLine = "/dev/ttyS1"

// The hung-node test's LUNs: each package owns two of them.
const (
	hungArray  = "hung"
	hungLUNs   = 4
	hungSizeMB = 32
)

// hungRole is which of the three machines this one is, or nothing in the one-guest
// laboratory.
func hungRole() (string, error) {
	data, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return "", err
	}
	for _, word := range strings.Fields(string(data)) {
		if role, ok := strings.CutPrefix(word, hung.RoleParameter); ok {
			return role, nil
		}
	}
	return "", nil
}

// hungArgs are the words for the test binary of one of the three machines. It has no time
// limit of its own: the host has.
func hungArgs() []string { return []string{"-test.run=^TestHungMachine$", "-test.timeout=0"} }

// hungAgent does what the host asks for.
type hungAgent struct {
	role     string
	luns     []string // the files to read and write: disks of a node, files of the target
	watched  []string // the disks to ask sg_persist about
	direct   int      // O_DIRECT, or 0 for the target's files
	counters map[hung.Ring]*counter
	suites   func(*testing.T) error // of namespaces
}

// serveHung answers the host's requests until it asks for the end.
func serveHung(t *testing.T, role string, suites func(*testing.T) error) {
	f, err := openRawTTY(hungLine)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := hung.NewLine(f)
	if err := line.Send(hung.Reply{}); err != nil {
		t.Fatal(err)
	}
	a := &hungAgent{role: role, counters: map[hung.Ring]*counter{}, suites: suites}
	for {
		var q hung.Request
		if err := line.Receive(&q); err != nil {
			t.Fatal(err)
		}
		r, err := a.do(t, q)
		r.ID = q.ID
		if err != nil {
			r.Error = err.Error()
		}
		if err := line.Send(r); err != nil {
			t.Fatal(err)
		}
		if q.Op != hung.OpEnd {
			continue
		}
		if q.Failed {
			t.Error("the host has seen a failure")
		}
		return
	}
}

// do does one request.
func (a *hungAgent) do(t *testing.T, q hung.Request) (r hung.Reply, err error) {
	switch q.Op {
	case hung.OpPrepare:
		if a.role == hung.Target {
			err = a.prepareTarget(t)
		} else {
			err = a.prepareNode()
		}
		r.Disks = a.luns
	case hung.OpTutorial:
		if a.role == hung.Target {
			err = a.tutorialTarget(t)
		} else {
			err = a.tutorialNode(t)
		}
	case hung.OpNVMe:
		if a.role == hung.Target {
			err = a.nvmeTarget(t)
		} else {
			err = a.nvmeNode()
		}
		r.Disks = a.luns
	case hung.OpSuite:
		err = a.suites(t)
	case hung.OpRun:
		var result Result
		path := appletDir + ":" + systemPath
		result, err = runProgram(baseEnv(path), path, "", q.Args)
		r.Stdout, r.Stderr, r.Exit = result.Stdout, result.Stderr, result.Exit
	case hung.OpWrite:
		err = a.startCounters(q.Rings, q.Round)
	case hung.OpFate:
		r.Fates, err = a.fates(q.Rings, false)
	case hung.OpStop:
		r.Fates, err = a.fates(q.Rings, true)
	case hung.OpFill:
		err = a.fill(q.Rings, hung.PatternBlocks(q.Round))
	case hung.OpRead:
		r.Blocks, err = a.read(q.Rings)
	case hung.OpWitness:
		if a.role == hung.Target && len(a.watched) == 0 {
			r.LUNs, err = a.namespaces(q.LUNs)
			break
		}
		r.LUNs = a.witness(t, q.LUNs)
	case hung.OpClock:
		r.Clock, err = readClock()
	case hung.OpEnd:
	default:
		err = fmt.Errorf("unknown operation %q", q.Op)
	}
	return r, err
}

// prepareTarget makes the LUNs, lets the nodes in, and logs in itself to be the witness.
func (a *hungAgent) prepareTarget(t *testing.T) error {
	for link, node := range []string{hung.Jack3, hung.Jack4} {
		if err := setAddress(hung.MAC(hung.Target, link), targetAddress(node)); err != nil {
			return err
		}
	}
	return a.export(t, NewArray(t, hungArray, hungLUNs, hungSizeMB), 1)
}

// export lets the nodes in to an array by a number of paths, and the witness.
func (a *hungAgent) export(t *testing.T, array *Array, paths int) error {
	array.Abandon() // the machine goes, and the target with it
	watcher := array.Login(t, "watcher", paths)
	for lun := range array.luns {
		a.luns = append(a.luns, array.file(lun))
		a.watched = append(a.watched, watcher.Disk(lun, 0))
	}
	for _, node := range []string{hung.Jack3, hung.Jack4} {
		for path := range paths {
			if err := array.admit(iqnPrefix+node, path); err != nil {
				return err
			}
			// The target is not to ask whether the initiator is alive: the session of a
			// stopped machine stays, with the registrations' nexus and the queued writes.
			if err := writeAttr(filepath.Join(array.portal(path), "acls", iqnPrefix+node, "attrib/nopin_timeout"), "0"); err != nil {
				return err
			}
		}
	}
	return nil
}

// hungConfig is the config of both nodes, but for the device names.
const hungConfig = `CLUSTER_NAME       bla
CLUSTER_PR_TAG     0xbcb0
NODE_NAME          jack3
  NODE_ID          1
NODE_NAME          jack4
  NODE_ID          2

package_name       pkg1
package_type       failover
node_name          jack3
node_name          jack4
pv                 %s
pv                 %s

package_name       pkg2
package_type       multi_node
node_name          jack3
node_name          jack4
pv                 %s
pv                 %s
`

// prepareNode makes this machine the node of its role: name, network, disks, config.
func (a *hungAgent) prepareNode() error {
	if err := unix.Sethostname([]byte(a.role)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	if err := setAddress(hung.MAC(a.role, 0), nodeAddress(a.role)); err != nil {
		return err
	}
	s, err := login(iqnPrefix+a.role, portal{target: iqnPrefix + hungArray, address: targetAddress(a.role)}, hungLUNs)
	if err != nil {
		return err
	}
	var names []any
	for lun := range hungLUNs {
		a.luns = append(a.luns, "/dev/"+s.disks[lun])
		names = append(names, a.luns[lun])
	}
	a.direct = unix.O_DIRECT
	if err := os.MkdirAll("/etc/lunguard", 0o755); err != nil {
		return err
	}
	return os.WriteFile("/etc/lunguard/cluster.conf", fmt.Appendf(nil, hungConfig, names...), 0o644)
}

// witness asks Debian's sg_persist about LUNs. Nobody may change anything meanwhile.
func (a *hungAgent) witness(t *testing.T, luns []int) []hung.State {
	var disks []string
	for _, lun := range luns {
		disks = append(disks, a.watched[lun])
	}
	actions := []string{"--read-keys", "--read-reservation", "--read-full-status"}
	var states []hung.State
	for i, answers := range sgPersistAll(t, disks, actions...) {
		reservation := parseReservation(t, answers[1])
		s := hung.State{Keys: parseKeys(t, answers[0]).Keys, Holder: reservation.Holder, Type: reservation.Type}
		for j, lines := range answers {
			s.Text = append(s.Text, fmt.Sprintf("# sg_persist --in %s %s", actions[j], disks[i]))
			s.Text = append(s.Text, lines...)
		}
		states = append(states, s)
	}
	return states
}

// readClock tells the time of this machine.
func readClock() (hung.Clock, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return hung.Clock{Monotonic: ts.Nano() / 1e6, Real: time.Now().UnixMilli()}, err
}

// targetAddress is the target's end of the link to a node.
func targetAddress(node string) string { return linkNetwork(node) + "1" }

// nodeAddress is the node's end of its link to the target.
func nodeAddress(node string) string { return linkNetwork(node) + "2" }

// linkNetwork is a network for each link.
func linkNetwork(node string) string {
	return map[string]string{hung.Jack3: "10.0.3.", hung.Jack4: "10.0.4."}[node]
}

// setAddress gives the network card with a hardware address IP addresses and raises it.
func setAddress(mac string, addresses ...string) error {
	for _, module := range []string{"virtio_pci", "virtio_net"} {
		if err := loadModule(module); err != nil {
			return err
		}
	}
	cards, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, card := range cards {
		if card.HardwareAddr.String() != mac {
			continue
		}
		for i, address := range addresses {
			name := card.Name
			if i > 0 {
				name += fmt.Sprintf(":%d", i)
			}
			r, err := runProgram(baseEnv(systemPath), systemPath, "",
				[]string{"/bin/busybox", "ifconfig", name, address, "netmask", "255.255.255.0", "up"})
			if err == nil && r.Exit != 0 {
				err = errors.New(r.String())
			}
			if err != nil {
				return fmt.Errorf("ifconfig %s: %w", name, err)
			}
		}
		return nil
	}
	return fmt.Errorf("no network card %s", mac)
}

// openRawTTY opens a serial port that changes nothing of what it carries.
func openRawTTY(name string) (*os.File, error) {
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	raw := &unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200, Ispeed: unix.B115200, Ospeed: unix.B115200}
	raw.Cc[unix.VMIN] = 1
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, raw); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
