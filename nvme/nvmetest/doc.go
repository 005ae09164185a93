// Package nvmetest is a conformance suite for the reservations of a namespace, simulated
// or real: NVMe's own rules, which the suite for any path (package pathtest) does not
// know. What a target does otherwise than the standard stands in a table of [Deviations],
// a line with a reason for each step, and the suite fails when such a line no longer
// holds.
package nvmetest
