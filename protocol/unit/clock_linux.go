package unit

import (
	"time"

	"golang.org/x/sys/unix"
)

// Uptime is the time since the machine was started, with the time in it during
// which it was suspended: CLOCK_BOOTTIME. Nobody can set it. The clock behind
// time.Since stands still in a suspended machine, while other nodes go on.
func Uptime() time.Duration {
	var ts unix.Timespec
	// Cannot fail: every kernel since 2.6.39 has the clock.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}
