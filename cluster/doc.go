// Package cluster knows what a cluster is: the config, the nodes and which key each of
// them has, and which LUNs a package owns. What is done to those is package protocol's.
package cluster
