package unit

import "lunguard/pr"

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

// IsLeaving reports whether the key says that its node gives its registrations up
// and has stopped writing. Beside the mark of taking it says no more than that: a
// clean-up marks so, whose node may be running.
func IsLeaving(k pr.Key) bool { return k&Marks == LeavingMark }
