package unit

import (
	"cmp"
	"slices"

	"lunguard/pr"
)

// Reading is what was read of a LUN, as this node judges it: what of it is its own,
// what another node's and what a stranger's, and which registration is which path's.
type Reading struct {
	*LUN
	host *Host
	// Alone says that the LUN is to be one node's. Then who is registered alone has it by a
	// reservation of all registrants, too.
	Alone bool
	// State is as it was last read, with the effects of what was performed
	// since (see effects.go).
	State *pr.State
	// list is what the state lists of this node and of keys, for as long as it is
	// the state.
	list listed
	// identities are what the host knows of its paths.
	identities map[pr.Path]pr.Identity
}

// listed is what is asked of one state many times.
type listed struct {
	state *pr.State
	own   []pr.Registration
	keys  []pr.Key
}

// listing is what the state lists.
func (rd *Reading) listing() *listed {
	if rd.list.state != rd.State {
		rd.list = listed{state: rd.State, keys: AllKeys(rd.State)}
		for _, reg := range rd.State.Registrations {
			if Plain(reg.Key) == rd.Me() {
				rd.list.own = append(rd.list.own, reg)
			}
		}
	}
	return &rd.list
}

// Foreign returns the keys on the LUN that belong to no node of the cluster,
// the reservation's included.
func (rd *Reading) Foreign() []pr.Key { return rd.host.Members.Foreign(rd.listing().keys) }

// HasKey reports whether the key is registered or holds, marked or not.
func (rd *Reading) HasKey(k pr.Key) bool {
	return slices.ContainsFunc(rd.listing().keys, func(l pr.Key) bool { return l == k || Plain(l) == k })
}

// AllKeys returns the registered keys and the holder's, once each, ascending.
func AllKeys(s *pr.State) []pr.Key {
	keys := s.Keys()
	if s.Reservation != nil && s.Reservation.Key != 0 && !slices.Contains(keys, s.Reservation.Key) {
		keys = append(keys, s.Reservation.Key)
		slices.Sort(keys)
	}
	return keys
}

// Members are the nodes of the cluster.
func (rd *Reading) Members() Members { return rd.host.Members }

// Me is this node's key.
func (rd *Reading) Me() pr.Key { return rd.host.Node.Key }

// Holder is the key that holds the reservation, with its mark; 0 if none does,
// or if all registrants do.
func (rd *Reading) Holder() pr.Key {
	if rd.State.Reservation == nil {
		return 0
	}
	return cmp.Or(rd.sole(), rd.State.Reservation.Key)
}

// sole is the key of the one node that is registered on a LUN that is to be one node's,
// where all registrants hold the reservation: it alone can write. 0 if there is none.
func (rd *Reading) sole() pr.Key {
	if !rd.Alone || !rd.AllHold() || len(rd.State.Registrations) == 0 {
		return 0
	}
	key := rd.State.Registrations[0].Key
	for _, r := range rd.State.Registrations {
		if Plain(r.Key) != Plain(key) {
			return 0
		}
	}
	return key
}

// IsMine reports whether this node holds the reservation, marked or not.
func (rd *Reading) IsMine() bool { return Plain(rd.Holder()) == rd.Me() && rd.Me() != 0 }

// HeldByOther reports whether one other node holds the reservation.
func (rd *Reading) HeldByOther() bool { return rd.Holder() != 0 && !rd.IsMine() }

// RightType reports whether there is a reservation of the type and scope that
// the protocols make. Where several nodes share the LUN, or one has it alone, that may
// be one of all registrants, too.
func (rd *Reading) RightType(shared bool) bool {
	held := rd.State.Reservation
	shared = shared || rd.sole() != 0
	return held != nil && (held.Type == ReservationType || shared && held.Type == SharedType) && !held.Part
}

// AllHold reports whether every registrant holds the reservation: then it lasts for as
// long as one is left.
func (rd *Reading) AllHold() bool {
	held := rd.State.Reservation
	return held != nil && held.Type.AllRegistrants()
}

// IsHeld reports whether somebody who is registered holds the reservation.
func (rd *Reading) IsHeld() bool { return rd.AllHold() || rd.State.Has(rd.Holder()) }

// Others are the registered keys of other nodes, with their marks.
func (rd *Reading) Others() []pr.Key {
	var keys []pr.Key
	for _, k := range rd.listing().keys {
		if Plain(k) != rd.Me() && rd.State.Has(k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Nodes are the keys of the cluster's nodes that are registered, without marks.
func (rd *Reading) Nodes() []pr.Key {
	var keys []pr.Key
	for _, k := range rd.State.Keys() {
		if n, ok := rd.host.Members.Of(k); ok && !slices.Contains(keys, n.Key) {
			keys = append(keys, n.Key)
		}
	}
	return keys
}

// Takers are the keys of other nodes that are marked taking.
func (rd *Reading) Takers() []pr.Key {
	return slices.DeleteFunc(rd.Others(), func(k pr.Key) bool { return k&TakingMark == 0 })
}
