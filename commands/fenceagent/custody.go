package fenceagent

import (
	"cmp"
	"slices"

	"lunguard/pr"
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
	// leaveIt: the node that is fenced is registered nowhere, its commands are over, and a
	// reservation of another node keeps it out of every LUN.
	leaveIt keeping = iota
	// takeIt: it is registered, or nobody reserves a LUN, so that it can write to it all the
	// same, or this node was taking it and does not know whether that is over; and nobody
	// else has it.
	takeIt
)

// decide reads the LUNs of one package. Errors: that of a LUN whose state is unknown,
// *protocol.ForeignKeyError, *heldError where a third node has it, *openError where one has
// a part of it, and *takingError where one is taking it.
func (c *custody) decide(luns []protocol.Status) (keeping, error) {
	decision, open := leaveIt, ""
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
		case !isReserved(c.members, lun.State):
			open = cmp.Or(open, lun.LUN)
		}
	}
	switch {
	case decision == leaveIt && open == "":
		return leaveIt, nil
	case decision == leaveIt:
		if other := c.third(luns); other != "" {
			return leaveIt, &openError{lun: open, other: other}
		}
	}
	for _, lun := range luns {
		if held := lun.State.Reservation; held != nil {
			holder, ok := c.members.Of(held.Key)
			if ok && c.isThird(holder) {
				return leaveIt, &heldError{lun: lun.LUN, holder: holder.Name, victim: c.victim.Name}
			}
		}
	}
	return takeIt, nil
}

// mayTake is decide once more, before the first change: a third node that has begun to start
// the package since must not lose it. Errors: as from decide.
func (c *custody) mayTake(luns []protocol.Status) error {
	act, err := c.decide(luns)
	if err != nil || act == takeIt {
		return err
	}
	if other := c.third(luns); other != "" {
		return &openError{lun: luns[0].LUN, other: other}
	}
	return nil
}

// isThird reports whether a node is neither the one that fences nor the one that is fenced.
func (c *custody) isThird(n protocol.Member) bool { return n != c.here && n != c.victim }

// third is the name of a third node that is registered or holds, empty if there is none.
func (c *custody) third(luns []protocol.Status) string {
	for _, lun := range luns {
		keys := lun.State.Keys()
		if held := lun.State.Reservation; held != nil {
			keys = append(keys, held.Key)
		}
		for _, k := range keys {
			if n, ok := c.members.Of(k); ok && c.isThird(n) {
				return n.Name
			}
		}
	}
	return ""
}

// isReserved reports whether a node of the cluster that is registered holds a LUN in a
// way that keeps who is not registered from writing.
func isReserved(members protocol.Members, state *pr.State) bool {
	held := state.Reservation
	if held == nil || held.Part || !held.Type.Shared() {
		return false
	}
	return slices.ContainsFunc(state.Keys(), func(k pr.Key) bool {
		_, ours := members.Of(k)
		return ours && state.HeldBy(k)
	})
}
