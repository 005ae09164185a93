package protocol

import (
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// Who and what a run is about; see package unit.
type (
	// Member is a node of a cluster.
	Member = unit.Member
	// Members are all nodes of a cluster.
	Members = unit.Members
	// LUN is a logical unit that is to be protected, with this host's paths to it.
	LUN = unit.LUN
	// UnopenedPath is a path that could not be opened, and why.
	UnopenedPath = unit.UnopenedPath
)

// The marks of keys; see package unit.
const (
	LeavingMark = unit.LeavingMark
	TakingMark  = unit.TakingMark
	Marks       = unit.Marks
)

// Plain is the key without a mark.
func Plain(k pr.Key) pr.Key { return unit.Plain(k) }

// Leaving returns the key by which a node marks itself leaving.
func Leaving(k pr.Key) pr.Key { return unit.Leaving(k) }

// Taking returns the key by which a node marks itself taking.
func Taking(k pr.Key) pr.Key { return unit.Taking(k) }

// MaxMembers is the largest cluster that the protocols are made for.
const MaxMembers = 16

// Mode says how many nodes write to the LUNs at once.
type Mode uint8

// Modes.
const (
	// Exclusive: one node has the LUNs; another one takes them over.
	Exclusive Mode = iota
	// Shared: several nodes have the LUNs at once.
	Shared
)

// IsOn reports whether the node of the key is registered, marked or not.
func IsOn(s *pr.State, node pr.Key) bool {
	return slices.ContainsFunc(s.Registrations, func(r pr.Registration) bool { return Plain(r.Key) == node })
}

// IsMarked reports whether a registration of the node has the mark.
func IsMarked(s *pr.State, node, mark pr.Key) bool {
	return slices.ContainsFunc(s.Registrations, func(r pr.Registration) bool { return Plain(r.Key) == node && r.Key&mark != 0 })
}

// Holds reports whether the node of the key, marked or not, holds the
// reservation; see [pr.State.HeldBy].
func Holds(s *pr.State, node pr.Key) bool {
	switch held := s.Reservation; {
	case held == nil:
		return false
	case held.Type.AllRegistrants():
		return IsOn(s, node)
	default:
		return Plain(held.Key) == node
	}
}

// String names the mode.
func (m Mode) String() string {
	if m == Exclusive {
		return "exclusive"
	}
	return "shared"
}
