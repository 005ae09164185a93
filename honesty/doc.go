// Package honesty has no code but tests: every command meets every fault, and who
// judges what it said is no part of it. An outsider looks at the units themselves
// and tries to write, as each node, through each path; a command that ended with
// status 0, or said of a LUN that it is up, has lied if that is not so.
//
// make matrix runs all of it and writes docs/honesty.md; the unit tests run a part,
// by a rule that they print.
package honesty
