//go:build !linux

package protocol

import "time"

// uptime is the time since some instant of the past, with the time in it during
// which the machine was suspended. Here it is the time of day, which can be set.
func uptime() time.Duration { return time.Duration(time.Now().UnixNano()) }
