//go:build lab

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Folders with all iSCSI sessions of this kernel and with their connections. sessionN has
// connectionN:0.
const (
	sessionFS    = "/sys/class/iscsi_session"
	connectionFS = "/sys/class/iscsi_connection"
)

// session is one login of a node: one path, one I_T nexus to every LUN.
type session struct {
	name  string         // sessionN
	disks map[int]string // LUN -> kernel name, such as sda
}

// Bounds of what may take long when the emulated processor is busy.
const (
	loginTimeout = 60 * time.Second
	diskTimeout  = 30 * time.Second
)

// recoverySeconds is how long the kernel holds commands of a session whose connection is
// gone. Nothing reconnects sessions here, so a test should see the error soon.
const recoverySeconds = "5"

// portal is where a session goes: a target, one of its ports, and an address that no
// other session to this target uses.
type portal struct {
	target  string
	port    int // 0 for the first
	address string
}

// login makes one session and waits until all its LUNs are disks. Several may be made at
// the same time.
func login(initiator string, to portal, luns int, params ...string) (*session, error) {
	ctx, cancel := context.WithTimeout(context.Background(), loginTimeout)
	defer cancel()
	// Keep-alive pings are off: a starved guest would miss them and lose the session.
	args := []string{
		"-i", initiator, "-t", to.target,
		"-g", strconv.Itoa(to.port + 1), "-a", to.address, "-p", strconv.Itoa(firstPort + to.port),
	}
	for _, p := range append(params, "node.conn[0].timeo.noop_out_interval=0", "node.conn[0].timeo.noop_out_timeout=0") {
		args = append(args, "--param", p)
	}
	cmd := exec.CommandContext(ctx, "iscsistart", args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("iscsistart: %w: %s", err, strings.TrimSpace(string(out)))
	}
	s, err := findSession(to)
	if err != nil {
		return nil, fmt.Errorf("%w; iscsistart said: %s", err, strings.TrimSpace(string(out)))
	}
	if err := writeAttr(filepath.Join(sessionFS, s.name, "recovery_tmo"), recoverySeconds); err != nil {
		return nil, errors.Join(err, s.logout())
	}
	if err := s.waitDisks(luns); err != nil {
		return nil, errors.Join(err, s.logout())
	}
	return s, nil
}

// findSession finds the session to a portal by what the kernel says about its connection.
func findSession(to portal) (*session, error) {
	found, err := filepath.Glob(filepath.Join(sessionFS, "session*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range found {
		name := filepath.Base(dir)
		connection := strings.Replace(name, "session", "connection", 1) + ":0"
		target, err := readAttr(filepath.Join(dir, "targetname"))
		if err != nil {
			continue // just gone, or not logged in yet
		}
		address, err := readAttr(filepath.Join(connectionFS, connection, "persistent_address"))
		if err == nil && target == to.target && address == to.address {
			return &session{name: name}, nil
		}
	}
	return nil, fmt.Errorf("no session to %s through %s", to.target, to.address)
}

// readAttr reads a kernel attribute of one line.
func readAttr(file string) (string, error) {
	data, err := os.ReadFile(file)
	return strings.TrimSpace(string(data)), err
}

// waitDisks polls until every LUN has a block device that can be opened.
func (s *session) waitDisks(luns int) error {
	deadline := time.Now().Add(diskTimeout)
	for {
		if err := s.findDisks(); err != nil {
			return err
		}
		if len(s.disks) == luns {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %d of %d disks after %v", s.name, len(s.disks), luns, diskTimeout)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// findDisks reads the session's disks from sysfs.
func (s *session) findDisks() error {
	found, err := filepath.Glob(filepath.Join(sessionFS, s.name, "device/target*/*:*:*:*/block/*"))
	if err != nil {
		return err
	}
	s.disks = map[int]string{}
	for _, f := range found {
		address := filepath.Base(filepath.Dir(filepath.Dir(f)))
		lun, err := strconv.Atoi(address[strings.LastIndexByte(address, ':')+1:])
		if err != nil {
			return fmt.Errorf("SCSI address %s: %w", address, err)
		}
		name := filepath.Base(f)
		if canOpen("/dev/" + name) {
			s.disks[lun] = name
		}
	}
	return nil
}

// canOpen reports whether a block device is there. Its node is made a moment before the
// device is: until then it says ENXIO.
func canOpen(node string) bool {
	f, err := os.Open(node)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// setState changes the state of all the session's disks: offline or running. The kernel
// wants the line's end.
func (s *session) setState(state string) error {
	for _, disk := range s.disks {
		if err := writeAttr("/sys/block/"+disk+"/device/state", state+"\n"); err != nil {
			return err
		}
	}
	return nil
}
