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

// Opcodes of persistent reservations.
const (
	opPRIn  = 0x5e
	opPROut = 0x5f
)

// Service actions of PERSISTENT RESERVE OUT.
const (
	prRegister         = 0
	prPreemptAndAbort  = 5
	prRegisterAndIgnor = 6
)

// isOut reports whether the command is PERSISTENT RESERVE OUT with one of the actions.
func (c Command) isOut(actions ...byte) bool {
	return len(c.CDB) > 1 && c.CDB[0] == opPROut && slices.Contains(actions, c.CDB[1]&0x1f)
}

// TraceCommands makes the kernel record the commands to all disks, until the test ends.
func TraceCommands(t testing.TB) {
	t.Helper()
	if err := unix.Mount("tracefs", traceFS, "tracefs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		t.Fatalf("mounting tracefs: %v", err)
	}
	if err := writeAttrs(traceFS, []attr{{"trace_clock", "mono"}, {"buffer_size_kb", "4096"}}); err != nil {
		t.Fatal(err)
	}
	ForgetCommands(t)
	if err := writeAttr(filepath.Join(dispatchEvent, "enable"), "1"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := writeAttr(filepath.Join(dispatchEvent, "enable"), "0"); err != nil {
			t.Error(err)
		}
	})
}

// ForgetCommands empties the record.
func ForgetCommands(t testing.TB) {
	t.Helper()
	if err := os.Truncate(filepath.Join(traceFS, "trace"), 0); err != nil {
		t.Fatal(err)
	}
}

// dispatchLine is an event such as
//
//	pr_start-211 [001] ..... 12.345678: scsi_dispatch_cmd_start: host_no=2 channel=0 id=0 lun=1 ... raw=5e 03 00 ...)
var dispatchLine = regexp.MustCompile(`\s([0-9]+\.[0-9]+): scsi_dispatch_cmd_start: host_no=(\d+) .* lun=(\d+) .* raw=([0-9a-f ]+)\)`)

// Commands lists what was recorded of a node's commands, in order.
func (n *Node) Commands(t testing.TB) []Command {
	t.Helper()
	hosts, err := n.hosts()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(traceFS, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	var list []Command
	for line := range strings.Lines(string(data)) {
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

// hosts are the numbers of the node's SCSI hosts, one a path.
func (n *Node) hosts() ([]int, error) {
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
