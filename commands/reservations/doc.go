// Package reservations has the commands on the reservations of packages and volume
// groups: pr_start, pr_halt, pr_fence, pr_check, pr_cleanup and vg_pr_key.
package reservations
