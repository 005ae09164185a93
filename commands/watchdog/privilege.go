package watchdog

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// noControllingTTY keeps the console from becoming the process's terminal.
const noControllingTTY = unix.O_NOCTTY

// LockMemory keeps all of the process in memory: a page that had to come from
// a disk that hangs would stop it.
func LockMemory() error {
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE); err != nil {
		return fmt.Errorf("memory is not locked: %w", err)
	}
	return nil
}

// priority is the lowest of the real-time priorities: above everything that is
// not real-time.
const priority = 1

// RealTime gives every thread of the process a real-time priority, which those
// that it makes later inherit.
func RealTime() error {
	done := map[int]bool{}
	for {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("no real-time priority: %w", err)
		}
		fresh := false
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || done[tid] {
				continue
			}
			attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: priority}
			if err := unix.SchedSetAttr(tid, &attr, 0); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("no real-time priority: %w", err)
			}
			done[tid], fresh = true, true
		}
		// A thread that was made meanwhile may come from one that had none yet.
		if !fresh {
			return nil
		}
	}
}
