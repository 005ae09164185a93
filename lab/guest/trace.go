//go:build lab

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Where the kernel tells each SCSI command that it hands to a host adapter.
const (
	traceFS       = "/sys/kernel/tracing"
	dispatchEvent = traceFS + "/events/scsi/scsi_dispatch_cmd_start"
)

// Command is one SCSI command on its way to a LUN, as the kernel counted it.
type Command struct {
	Time float64 // seconds of the kernel's clock
	Host int     // SCSI host: one session
	LUN  int
	CDB  []byte // the beginning
}

// isPreempt reports whether the command is PERSISTENT RESERVE OUT with PREEMPT AND ABORT.
func (c Command) isPreempt() bool {
	const prOut, preemptAndAbort = 0x5f, 5
	return len(c.CDB) > 1 && c.CDB[0] == prOut && c.CDB[1]&0x1f == preemptAndAbort
}

// startTrace makes the kernel record the commands to all disks. It is done once, while the
// machine is quiet, because it patches running code.
func startTrace() error {
	if err := unix.Mount("tracefs", traceFS, "tracefs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mounting tracefs: %w", err)
	}
	return errors.Join(
		writeAttrs(traceFS, []attr{{"trace_clock", "mono"}, {"buffer_size_kb", "4096"}}),
		writeAttr(filepath.Join(dispatchEvent, "enable"), "1"),
	)
}

// ForgetCommands empties the record of commands.
func ForgetCommands(t testing.TB) {
	t.Helper()
	// It is the opening that empties it.
	f, err := os.OpenFile(filepath.Join(traceFS, "trace"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// dispatchLine is an event such as
//
//	pr_start-211 [001] ..... 12.345678: scsi_dispatch_cmd_start: host_no=2 channel=0 id=0 lun=1 ... raw=5e 03 00 ...)
var dispatchLine = regexp.MustCompile(`\s([0-9]+\.[0-9]+): scsi_dispatch_cmd_start: host_no=(\d+) .* lun=(\d+) .* raw=([0-9a-f ]+)\)`)

// record is what the kernel has recorded, and which SCSI hosts are the node's.
func record(n *Node, t testing.TB) (text string, hosts []int) {
	t.Helper()
	hosts, err := hostsOf(n)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(traceFS, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data), hosts
}

// Commands lists what was recorded of a node's commands, in order.
func (n *Node) Commands(t testing.TB) []Command {
	t.Helper()
	text, hosts := record(n, t)
	var list []Command
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		c, err := parseDispatch(line)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(hosts, c.Host) {
			list = append(list, c)
		}
	}
	return list
}

// parseDispatch reads one event.
func parseDispatch(line string) (Command, error) {
	m := dispatchLine.FindStringSubmatch(line)
	if m == nil {
		return Command{}, fmt.Errorf("unexpected line in the trace: %s", line)
	}
	var c Command
	var errs [3]error
	c.Time, errs[0] = strconv.ParseFloat(m[1], 64)
	c.Host, errs[1] = strconv.Atoi(m[2])
	c.LUN, errs[2] = strconv.Atoi(m[3])
	for _, word := range strings.Fields(m[4]) {
		b, err := strconv.ParseUint(word, 16, 8)
		if err != nil {
			return c, err
		}
		c.CDB = append(c.CDB, byte(b))
	}
	return c, errors.Join(errs[:]...)
}

// hostsOf are the numbers of the node's SCSI hosts, one a path.
func hostsOf(n *Node) ([]int, error) {
	var hosts []int
	for _, s := range n.paths {
		if s == nil {
			continue
		}
		for _, disk := range s.disks {
			address, err := os.Readlink("/sys/block/" + disk + "/device")
			if err != nil {
				return nil, err
			}
			number, _, _ := strings.Cut(filepath.Base(address), ":")
			host, err := strconv.Atoi(number)
			if err != nil {
				return nil, fmt.Errorf("SCSI address %s: %w", address, err)
			}
			hosts = append(hosts, host)
			break
		}
	}
	return hosts, nil
}
