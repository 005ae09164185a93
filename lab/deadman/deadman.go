// Package deadman is what the host and the guest of the deadman test have in common.
//
// The guest is a cluster of two nodes in one kernel, with the watchdog driver softdog. One
// node runs pr_watchdog, for a minute in health; then the other node takes its package over.
// The kernel has to restart the machine for it, and QEMU, which was told so, ends instead.
// Only the host can see that: a guest that is still there to report anything has failed.
package deadman

import "time"

// Role is the word behind lab.role= on the kernel's command line.
const Role = "deadman"

// Lines by which the guest tells the host how far it is, the first with its test's number
// of seconds in health, the others right before and right after the other node's take-over.
const (
	Healthy = "LAB-HEALTHY "
	Fencing = "LAB-FENCING"
	Fenced  = "LAB-FENCED"
	// Syslog is in front of what the system's log got.
	Syslog = "LAB-SYSLOG "
)

// Times that pr_watchdog is told.
const (
	Interval = 1 * time.Second
	Grace    = 3 * time.Second
	Timeout  = 10 * time.Second
)

// Health is how long the node is watched before it is fenced.
const Health = 60 * time.Second

// Last are the last words of pr_watchdog, Kernel those of the kernel.
const (
	Last   = "DEADMAN: Time expired, initiating system restart."
	Kernel = "softdog: Initiating system reboot"
)
