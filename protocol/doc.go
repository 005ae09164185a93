// Package protocol is what is done to LUNs: how they pass from node to node, and how
// that is looked at. It takes the nodes of a cluster with their keys, whether one node
// has the LUNs or several do, and paths ([pr.Path]); it knows no CDB, no volume group and
// no command line.
//
// A [Run] is one protocol under way. Each reads all, judges all, acts and looks again. If
// judging finds one key that belongs to no node, nothing is changed anywhere. Each is safe
// to kill at any command and safe to run again.
//
// On one LUN the unit (package unit) has the paths and what was read, the claim (claim.go)
// what this run has done and what of it is not known; a protocol is a table of rows, each
// a condition and an action, and one driver (driver.go) carries the actions out. A command
// has four ends: performed, refused, not sent, unknown. docs/protocols.md has the tables
// row by row, with what happens without each.
package protocol
