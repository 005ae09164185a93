//go:build lab

package guest

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Where the kernel tells of each process and thread that is made, and of each command that
// the host adapter would not take yet: that one is handed to it again.
const (
	taskEvent   = traceFS + "/events/task/task_newtask"
	refuseEvent = traceFS + "/events/scsi/scsi_dispatch_cmd_error"
)

// tally is what a program has cost, by the kernel's own record.
type tally struct {
	processes int // its own included
	threads   int // besides the first one of each process
	commands  int // to the node's disks, by whomever they were sent
	reads     int // of them, those that read data
}

// countAll makes the kernel record processes and refusals, too, until the test ends.
func countAll(t testing.TB) {
	t.Helper()
	for _, event := range []string{taskEvent, refuseEvent} {
		enable := filepath.Join(event, "enable")
		if err := writeAttr(enable, "1"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := writeAttr(enable, "0"); err != nil {
				t.Error(err)
			}
		})
	}
}

// taskLine is an event such as
//
//	init-1 [000] ..... 12.345678: task_newtask: pid=212 comm=init clone_flags=4111 oom_score_adj=0
var taskLine = regexp.MustCompile(`-(\d+)\s+\[\d+\].* task_newtask: pid=(\d+) .*clone_flags=([0-9a-f]+)`)

// tallyOf counts what was recorded since ForgetCommands: processes that descend from
// pid, and commands to the node's disks. What multipathd sends to see whether paths are
// alive is not counted, for it does that anyway.
func tallyOf(t testing.TB, n *Node, pid int) tally {
	t.Helper()
	text, hosts := record(n, t)
	family := map[int]bool{pid: true}
	count := tally{processes: 1}
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.Contains(line, "LOST"):
			t.Fatalf("the kernel's record is not complete: %s", line)
		case strings.Contains(line, "task_newtask:"):
			if err := count.task(family, line); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
		case strings.HasPrefix(strings.TrimSpace(line), "multipathd-"):
		default:
			once := 1
			if strings.Contains(line, "scsi_dispatch_cmd_error:") {
				line, once = strings.Replace(line, "scsi_dispatch_cmd_error:", "scsi_dispatch_cmd_start:", 1), -1
			}
			c, err := parseDispatch(line)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(hosts, c.Host) {
				count.commands += once
				if c.isRead() {
					count.reads += once
				}
			}
		}
	}
	return count
}

// task counts a process or thread if one of the family has made it, and takes it in.
func (c *tally) task(family map[int]bool, line string) error {
	const cloneThread = 0x10000
	m := taskLine.FindStringSubmatch(line)
	if m == nil {
		return errors.New("unexpected line in the trace")
	}
	parent, err1 := strconv.Atoi(m[1])
	child, err2 := strconv.Atoi(m[2])
	flags, err3 := strconv.ParseUint(m[3], 16, 64)
	if err := errors.Join(err1, err2, err3); err != nil || !family[parent] {
		return err
	}
	family[child] = true
	if flags&cloneThread != 0 {
		c.threads++
	} else {
		c.processes++
	}
	return nil
}

// isRead reports whether the command reads data of the medium.
func (c Command) isRead() bool {
	const read6, read10, read12, read16 = 0x08, 0x28, 0xa8, 0x88
	return len(c.CDB) > 0 && slices.Contains([]byte{read6, read10, read12, read16}, c.CDB[0])
}
