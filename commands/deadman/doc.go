// Package deadman is pr_watchdog: which LUNs are watched, on which device, and what
// is said and logged of it. The loop that looks and feeds is package watchdog.
package deadman
