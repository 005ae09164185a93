// Package corosync reads a cluster's name and nodes from corosync.conf(5), and
// derives the nodes' keys from them in the three ways that fence agents know.
package corosync
