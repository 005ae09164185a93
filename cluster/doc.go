// Package cluster knows who the nodes are, which key each of them has, which
// LUNs a package owns, and by which steps those LUNs pass from node to node.
//
// The protocols work on the small interface [Nexus]; they know nothing of
// CDBs, of volume groups or of command lines. Each runs in four phases: read
// all, judge all, act, verify. If judging finds one key that belongs to no
// node, nothing is changed anywhere. Each is safe to kill at any command and
// safe to run again.
package cluster
