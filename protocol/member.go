package protocol

import (
	"slices"

	"lunguard/pr"
)

// Member is a node of a cluster: its name, and the one key by which it is
// registered on every path of every LUN.
type Member struct {
	Name string
	Key  pr.Key
}

// Members are all nodes of a cluster. A key that belongs to none of them is
// foreign.
type Members []Member

// Of returns the node that the key belongs to, marked or not.
func (list Members) Of(k pr.Key) (Member, bool) {
	for _, m := range list {
		if m.Key == Plain(k) {
			return m, true
		}
	}
	return Member{}, false
}

// Foreign returns those keys that belong to no node.
func (list Members) Foreign(keys []pr.Key) []pr.Key {
	var foreign []pr.Key
	for _, k := range keys {
		if _, ok := list.Of(k); !ok {
			foreign = append(foreign, k)
		}
	}
	return foreign
}

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

// Marks are high bits of a key by which its node says on the LUN itself what
// it is about to do. No node's key may have one. A key that differs from a
// node's key by a mark only belongs to that node.
const (
	// LeavingMark: the node is giving its registrations up.
	LeavingMark pr.Key = 1 << 63
	// TakingMark: the node removes others, and it is not known yet whether the
	// commands of those that are gone are over.
	TakingMark pr.Key = 1 << 62
	// Marks are both.
	Marks = LeavingMark | TakingMark
)

// Plain is the key without a mark.
func Plain(k pr.Key) pr.Key { return k &^ Marks }

// Leaving returns the key by which a node marks itself leaving.
func Leaving(k pr.Key) pr.Key { return k | LeavingMark }

// Taking returns the key by which a node marks itself taking.
func Taking(k pr.Key) pr.Key { return k | TakingMark }

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

// isLeaving reports whether the key says that its node gives its registrations up
// and has stopped writing. Beside the mark of taking it says no more than that: a
// clean-up marks so, whose node may be running.
func isLeaving(k pr.Key) bool { return k&Marks == LeavingMark }
