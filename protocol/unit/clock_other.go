//go:build !linux

package unit

import "time"

// Uptime is the time since some instant of the past, with the time in it during
// which the machine was suspended. Here it is the time of day, which can be set.
func Uptime() time.Duration { return time.Duration(time.Now().UnixNano()) }
