package fenceagent

import (
	"lunguard/protocol"
)

// custody decides what becomes of a package that one node has at a time, when a node is
// fenced.
type custody struct {
	members      protocol.Members
	here, victim protocol.Member
}

// keeping is what is done.
type keeping uint8

const (
	// leaveIt: the node that is fenced is registered nowhere, and its commands are over.
	leaveIt keeping = iota
	// takeIt: it is, or this node was taking it and does not know whether that is over;
	// and nobody else has it.
	takeIt
)

// decide reads the LUNs of one package. Errors: that of a LUN whose state is unknown,
// *protocol.ForeignKeyError, *heldError where a third node has it, and *takingError where
// one is taking it.
func (c custody) decide(luns []protocol.Status) (keeping, error) {
	decision := leaveIt
	for _, lun := range luns {
		if lun.Err != nil {
			return leaveIt, lun.Err
		}
		if keys := c.members.Foreign(lun.State.Keys()); len(keys) > 0 {
			return leaveIt, &protocol.ForeignKeyError{LUN: lun.LUN, Keys: keys}
		}
		switch {
		case protocol.IsOn(lun.State, c.victim.Key), protocol.IsMarked(lun.State, c.here.Key, protocol.TakingMark):
			decision = takeIt
		case isTaking(lun.State):
			return leaveIt, &takingError{lun.LUN}
		}
	}
	if decision == leaveIt {
		return leaveIt, nil
	}
	for _, lun := range luns {
		if held := lun.State.Reservation; held != nil {
			holder, ok := c.members.Of(held.Key)
			if ok && holder != c.here && holder != c.victim {
				return leaveIt, &heldError{lun: lun.LUN, holder: holder.Name, victim: c.victim.Name}
			}
		}
	}
	return takeIt, nil
}
