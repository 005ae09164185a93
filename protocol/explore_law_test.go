package protocol

import (
	"fmt"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// The laws speak of who can write and who believes to be protected, not of
// lists of keys. A node runs (state.up) from the beginning if the scenario says
// so, or since its start said ok, until its own halt or start begins. A node that
// was taken over or fenced does not know it and goes on writing.
//
//	W   After a start of an exclusive package or a fence said ok, no node that
//	    ran before and was taken over or fenced can write, by any nexus
//	    registered with any key, nor is a write of its still under way.
//	R   No LUN that is reserved becomes unreserved while a node runs that was not
//	    fenced or taken over.
//	K   A node that runs, and against which nobody has begun anything, keeps what
//	    its start gave it: its registration under a reservation of the right type,
//	    and the reservation if the package is exclusive.
//	H   After a halt said ok nothing of its node is registered.
//	S   Whoever says ok is right at that instant.
//	1W  Of rivals that were under way together not more than one says ok.
//	V   An eviction takes off what its victim has registered, and nothing else but a
//	    path of its own that has died: the reservation stays as it is and whose it is.
//	END When all have ended without a fault nobody failed without a reason, and
//	    one of the rivals has won. However they ended, another node's start comes
//	    to ok, and is right. Every verb comes to an end.
//
// The exceptions, by name:
//
//	admitted      W, H: a repair, a readmission or a copy registers without
//	              quoting, so that it may come after a fence. Until it ends, or
//	              for good if it was killed or the command was given up. Not of
//	              exclusive packages with REGISTER AND MOVE and without a fault.
//	without move  R, K, W: a device without REGISTER AND MOVE, or that does not tell
//	              who is registered, when a holder leaves.
//	clean-up      W, R: it is there to take everybody's reservation away.
//	all down      W: an unreserved LUN, if nobody relies on it: see K.
//	late          H: a command that the halted node gave up before. K: a fence's or
//	              a clean-up's command that was given up.
//	mending       H: the node's own repair or readmission, if it is under way, was
//	              killed, or failed by a fault; anybody's copy that has not said ok.

// holds looks at the laws that hold at any instant.
func (x *explorer) holds(s *state) string {
	cleans := x.began(s, cleanupKind)
	for i := range x.luns {
		f := x.lunAt(s, i)
		if gone := s.gone[i]; gone != 0 {
			can := f.writers & gone
			if f.typ == 0 && (cleans || x.unmoves(s) || s.up[i]&^gone&^s.upset == 0) {
				can = 0
			}
			if can &^= s.admits | x.cutOff(s); can != 0 {
				return fmt.Sprintf("W: %v was fenced or taken over and can write to LUN %d: %v", can, i, f)
			}
			if f.dying&gone&^s.admits != 0 {
				return fmt.Sprintf("W: %v was fenced or taken over, but its writes to LUN %d may be under way: %v", f.dying&gone, i, f)
			}
		}
		if rely := s.up[i] &^ s.gone[i] &^ s.upset; rely != 0 {
			unmoved := f.typ == 0 && x.unmoves(s)
			switch {
			case !x.isRightType(f.typ) && !unmoved, x.typ == Exclusive && f.holds != rely, x.typ == Shared && rely&^f.own != 0:
				return fmt.Sprintf("K: %v runs, but LUN %d has %v", rely, i, f)
			}
		}
		if left := s.halted[i] & (f.keyed | f.any) &^ s.admits; left != 0 && !cleans {
			if left &^= s.late; left == 0 || x.mends(s, left) {
				continue
			}
			return fmt.Sprintf("H: %v has halted, but LUN %d has %v", left, i, f)
		}
	}
	return ""
}

// mends reports whether a repair or a readmission of one of the nodes, or
// anybody's copy, is under way, was killed, or has met with a fault and said so.
func (x *explorer) mends(s *state, n nodes) bool {
	for v := range x.verbs {
		switch verb := &x.verbs[v]; verb.kind {
		case repairKind, readmitKind:
			if bit(verb.node)&n == 0 {
				continue
			}
		case copyKind:
		default:
			continue
		}
		if s.begun&(1<<v) != 0 && !x.saidOK(s, v) && (x.verbs[v].kind == copyKind || x.underWay(s, v) || s.kills > 0 || ofPaths(s.hurt|s.dead)&bit(x.verbs[v].node) != 0) {
			return true
		}
	}
	return false
}

// cutOff are the nodes that have no path left to write by.
func (x *explorer) cutOff(s *state) nodes {
	var cut nodes
	for n := range nodeNames {
		all := true
		for p := range x.paths {
			all = all && s.dead&pathBit(n, p) != 0
		}
		if all {
			cut |= 1 << n
		}
	}
	return cut
}

// began reports whether a verb of a kind has begun.
func (x *explorer) began(s *state, kind verbKind) bool {
	if s.begun == 0 {
		return false
	}
	for v := range x.verbs {
		if x.verbs[v].kind == kind && s.begun&(1<<v) != 0 {
			return true
		}
	}
	return false
}

// unmoving says that no reservation can be handed over.
func (x *explorer) unmoving() bool {
	return x.typ == Shared && x.right() == unit.ReservationType && x.moveless()
}

// right is the type of the reservations that are made.
func (x *explorer) right() pr.Type {
	if x.typ == Shared && x.kept != 0 {
		return x.kept
	}
	return unit.ReservationType
}

// isRightType reports whether a reservation protects what the package is. On a namespace one
// of the other type will do: that of all registrants which some targets keep in an exclusive
// package, or one that somebody else has made in a shared one.
func (x *explorer) isRightType(typ pr.Type) bool {
	return typ == x.right() || x.space != nil && (typ == unit.ReservationType || typ == unit.SharedType)
}

// unmoves reports whether somebody had to leave without handing over: a halt, or
// a start that was backed out of.
func (x *explorer) unmoves(s *state) bool {
	return x.unmoving() && (x.began(s, haltKind) || x.began(s, startKind) || x.began(s, repairKind) || x.began(s, readmitKind))
}

// unreserved is law R: verb v has just unreserved a LUN.
func (x *explorer) unreserved(s *state, f *facts, v, lun int) string {
	kind := x.verbs[v].kind
	moves := x.unmoving() && (kind == haltKind || kind == startKind || kind == repairKind || kind == readmitKind)
	rely := s.up[lun] &^ s.gone[lun]
	if kind != startKind || x.has(copyKind) {
		// Whom another's start has taken the LUN from relies on that.
		rely &= f.any
	}
	if rely == 0 || moves || x.began(s, cleanupKind) {
		return ""
	}
	return fmt.Sprintf("R: %v unreserves LUN %d, on which %v relies", &x.verbs[v], lun, rely)
}

// evicted is law V: the eviction v has just changed a LUN from f to g.
func (x *explorer) evicted(f, g *facts, v, lun int) string {
	verb := &x.verbs[v]
	switch others := f.any &^ g.any &^ bit(verb.victim); {
	case f.typ != g.typ || f.holds != g.holds && !f.typ.AllRegistrants():
		return fmt.Sprintf("V: %v changes who holds LUN %d: %v becomes %v", verb, lun, f, g)
	case others != 0 || g.any&^f.any != 0 || f.paths&^g.paths&^(3<<(2*nodeNumber(verb.victim))|3<<(2*nodeNumber(verb.node))) != 0:
		return fmt.Sprintf("V: %v registers or removes another than its victim on LUN %d: %v becomes %v", verb, lun, f, g)
	}
	return ""
}

// saysRight is law S: verb v has just said ok.
func (x *explorer) saysRight(s *state, v int, set uint8) string {
	verb := &x.verbs[v]
	self := bit(verb.node)
	if verb.kind == startKind || verb.kind == fenceKind && !verb.evicts {
		if wrong := x.hasSeen(s, v, set); wrong != "" {
			return wrong
		}
	}
	for i := range x.luns {
		if set&(1<<i) == 0 {
			continue
		}
		if wrong := x.saysRightOf(s, verb, self, i); wrong != "" {
			return fmt.Sprintf("S: %v says ok, but %s: LUN %d has %v", verb, wrong, i, x.lunAt(s, i))
		}
	}
	return ""
}

// hasSeen: a start and a fence say ok only if a reservation was there when they
// looked last, even where it may have gone since by an exception.
func (x *explorer) hasSeen(s *state, v int, set uint8) string {
	for a, verbs := range x.actors {
		n := v - x.offset[a]
		if n < 0 || n >= len(verbs) || s.at[a] == killed {
			continue
		}
		now := x.moments[a][s.at[a]]
		if now.verb() > n && !now.ended {
			continue // Its last look is not kept.
		}
		for i := range x.luns {
			if set&(1<<i) != 0 && !x.isRightType(now.looked[i]) {
				return fmt.Sprintf("S: %v says ok, but when it looked last there was no reservation as it should be: LUN %d has %v", &x.verbs[v], i, x.lunAt(s, i))
			}
		}
	}
	return ""
}

func (x *explorer) saysRightOf(s *state, verb *verb, self nodes, i int) string {
	f := x.lunAt(s, i)
	if verb.kind != haltKind && verb.kind != cleanupKind && verb.kind != readmitKind && !verb.evicts && !x.isRightType(f.typ) && s.upset&self == 0 &&
		!x.unmoves(s) && !x.began(s, cleanupKind) && s.gone[i]&self == 0 {
		relied := s.up[i] &^ s.gone[i]
		if verb.kind == startKind || verb.kind == fenceKind && relied != 0 || relied&self != 0 {
			return "it is not reserved as it should be"
		}
	}
	switch verb.kind {
	case startKind:
		if x.typ == Exclusive && f.dying != 0 {
			return "writes may be under way"
		}
		if s.upset&self != 0 || s.gone[i]&self != 0 {
			return "" // Somebody fences it at this moment.
		}
		switch {
		case x.typ == Exclusive && f.holds != self:
			return "it does not hold"
		case x.typ == Exclusive && f.writers&s.up[i]&^self&^s.admits != 0:
			return "another node that runs can write"
		case f.own&self == 0:
			return "it is not registered"
		}
		return x.lacks(s, self, f, s.hurt|s.dead)
	case fenceKind:
		if victim := bit(verb.victim); f.any&victim&^s.admits != 0 && s.gone[i]&victim == 0 && !x.acting(victim) {
			return "its victim is registered"
		}
	case repairKind, readmitKind:
		if s.upset&self != 0 || s.gone[i]&self != 0 || s.up[i]&self == 0 || verb.kind == readmitKind && f.own&self == 0 {
			return ""
		}
		return x.lacks(s, self, f, s.dead)
	case copyKind:
		if lack := s.up[i] &^ s.gone[i] &^ s.upset &^ f.own; lack != 0 && x.alone() {
			return lack.String() + " is not registered"
		}
	case cleanupKind:
		if f.any != 0 && x.alone() {
			return "it is not empty"
		}
	}
	return ""
}

// lacks says which of a node's paths, but those, is not registered.
func (x *explorer) lacks(_ *state, self nodes, f *facts, but uint8) string {
	n := slices.Index([]nodes{1, 2, 4}, self)
	for p := range x.paths {
		if b := pathBit(n, p); (f.paths|but)&b == 0 {
			return fmt.Sprintf("its path %d is not registered", p)
		}
	}
	return ""
}

// acting reports whether a node does anything in the scenario.
func (x *explorer) acting(n nodes) bool {
	return slices.ContainsFunc(x.verbs, func(v verb) bool { return bit(v.node) == n && v.kind != haltKind })
}

// alone reports whether there is one verb in the scenario.
func (x *explorer) alone() bool { return len(x.verbs) == 1 }
