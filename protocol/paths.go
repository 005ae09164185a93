package protocol

import (
	"slices"

	"lunguard/pr"
)

// Which of this node's paths acts, and which is still to be registered, marked or
// taken off: questions that the tables ask of a position.

// seat is the path that acts: a usable one that is registered, else the first.
func (t *position) seat() pr.Path {
	for _, p := range t.Usable {
		if t.isSure(p) {
			return p
		}
	}
	for _, p := range t.Usable {
		if _, sure, _ := t.Registration(p); sure {
			return p
		}
	}
	return t.Usable[0]
}

// seatKey is the key that the seat is registered with.
func (t *position) seatKey() pr.Key {
	if key := t.sureKey(t.seat()); key != 0 {
		return key
	}
	if r, _, found := t.Registration(t.seat()); found {
		return r.Key
	}
	return t.Me()
}

// ofNoPath reports whether a registration of this node is that of no usable path.
func (t *position) ofNoPath(r pr.Registration) bool {
	ours, listed := 0, 0
	for _, p := range t.Usable {
		if t.hasHost() && t.sureKey(p) == r.Key {
			return false
		}
		switch t.Identity(p).Likens(r) {
		case pr.Alike:
			return false
		case pr.Perhaps:
			if t.sureKey(p) == r.Key {
				ours++
			}
		}
	}
	for _, o := range t.Own() {
		if o.Key == r.Key {
			listed++
		}
	}
	return listed > ours
}

// markedPath is a path of this node, other than the seat, that a run before has
// left marked; nil if there is none.
func (t *position) markedPath() pr.Path {
	for _, p := range t.Usable {
		if r, sure, _ := t.Registration(p); sure && p != t.seat() && r.Key&Marks != 0 {
			return p
		}
	}
	return nil
}

// widens is a usable path that is still to be registered; nil if there is none.
func (t *position) widens() pr.Path {
	own := t.Own()
	for _, p := range t.Usable {
		if t.isSure(p) || t.Likeness(p, own) == pr.Alike {
			continue
		}
		return p
	}
	return nil
}

// movesFrom is a path that holds, and can register another by moving the
// reservation to it; nil if there is none. A start that makes the LUN its own
// for the first time has nothing to lose by the simpler way.
func (t *position) movesFrom(to pr.Path) pr.Path {
	id := t.Identity(to)
	if !t.up || t.noMove || !t.State.Identified || id.RelativePort == 0 || id.Initiator == nil || !id.Initiator.Whole() || id.Guessed && !t.guessesWell() {
		return nil
	}
	if p := t.Holding(); p != nil && p != to && t.RightType() && t.Holder() == t.Me() {
		return p
	}
	return nil
}

// guessesWell reports whether a path whose initiator port is guessed is listed as
// it was guessed.
func (t *position) guessesWell() bool {
	own := t.Own()
	return slices.ContainsFunc(t.Paths, func(p pr.Path) bool {
		return t.Identity(p).Guessed && t.Likeness(p, own) == pr.Alike
	})
}

// deadMark is a marked key of this node on no usable path, 0 if there is none.
func (t *position) deadMark() pr.Key {
	for _, r := range t.Own() {
		if r.Key&Marks != 0 && t.ofNoPath(r) {
			return r.Key
		}
	}
	return 0
}

// markedByUs is a path that this run has left marked taking.
func (t *position) markedByUs() pr.Path {
	for _, p := range t.Usable {
		if r, sure, _ := t.Registration(p); sure && r.Key&TakingMark != 0 && !t.doubt {
			return p
		}
	}
	return nil
}

// leaves is a usable path that is, or may be, registered with a key that was not
// tried on it yet; nil if there is none.
func (t *position) leaves() pr.Path {
	for _, p := range t.Usable {
		if r, sure, found := t.Registration(p); sure && !t.isAbsent(p, r.Key) || found && !sure && t.likely(p) != 0 {
			return p
		}
	}
	return nil
}

// likely is a key of this node that may be the path's, of those that were not
// tried on it yet; 0 if there is none.
func (t *position) likely(p pr.Path) pr.Key {
	for _, r := range t.Own() {
		if !t.isAbsent(p, r.Key) {
			return r.Key
		}
	}
	return 0
}

// markedLeaving is a path that this run has marked leaving; nil if there is none.
func (t *position) markedLeaving() pr.Path {
	for _, p := range slices.Backward(t.Usable) {
		if key := t.sureKey(p); key&LeavingMark != 0 && t.State.Has(key) {
			return p
		}
	}
	return nil
}

// takingPath is a usable path that is, or may be, marked taking and not leaving;
// nil if there is none. A command by which it takes may still be on its way: it
// quotes that key, and finds it gone once the path is marked leaving, too.
func (t *position) takingPath() pr.Path {
	for _, p := range t.Usable {
		if r, _, found := t.Registration(p); found && r.Key&Marks == TakingMark && !t.isAbsent(p, r.Key) {
			return p
		}
	}
	return nil
}

// isIn reports whether a path is registered, by itself or with the others of its
// host.
func (t *position) isIn(p pr.Path) bool {
	return t.Likeness(p, t.Own()) == pr.Alike || t.isSure(p)
}

// answers reports whether the path was found to answer in this run.
func (t *position) answers(p pr.Path) bool { return slices.Contains(t.tried, p) }
