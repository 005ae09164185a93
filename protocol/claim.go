package protocol

import (
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// claim is what a run has done on a LUN and what it may still be doing. It is
// part of every decision: what is read may look the same with another claim.
type claim struct {
	// before is the state as this run found it.
	before *pr.State
	// sure are the paths that this run has registered, and with which key. They
	// stay here when the path is given up: fewer registrations than these mean
	// that another node has removed this one, which a path that is registered
	// later would hide.
	sure []registeredPath
	// unsure are those for which the end of a REGISTER is not known. If the next
	// reading shows it, the path is sure.
	unsure []registeredPath
	// unanswered are all paths that were ever unsure: what is to be undone may be there,
	// whatever became of the path.
	unanswered []pr.Path
	// removals counts how often this run was removed.
	removals int
	// unseen says that the next reading showed nothing of this node: the REGISTER
	// was not performed, or another node has removed this one since.
	unseen bool
	// old are the registrations of this node that were there before, and prove
	// that it was not removed as long as they are there.
	old []pr.Registration
	// up says that one of those is of a port that this host has: what is to be
	// started may be up already.
	up bool
	// refused are the paths on which a REGISTER without a key to quote was a
	// conflict.
	refused []pr.Path
	// absent are paths, each with a key by which it was found not to be
	// registered, or is not any more.
	absent []registeredPath
	// tried are the paths that a readmission has sent a command for.
	tried []pr.Path
	// removed says that another node took this one's registration off.
	removed bool
	// reserved says that if we hold the reservation, this run made it, on a
	// LUN that had none.
	reserved bool
	// doubt says that a node was removed and it is not known whether its
	// commands are over: a PREEMPT AND ABORT of this run has an unknown end, or
	// somebody before left a mark that says so.
	doubt bool
	// theirs says that the doubt is about nodes which another one removes, and whose mark
	// says so.
	theirs bool
	// settled says that this run has resolved what was in doubt on the LUN.
	settled bool
	// suspect says that a node was removed and its commands should be over, by the
	// answer of PREEMPT AND ABORT; there are targets that abort the holder's only.
	suspect bool
	// vainResets are the paths on which LOGICAL UNIT RESET was tried in vain.
	vainResets []pr.Path
	// unresolved is why the doubt could not be resolved.
	unresolved error
	// resolved are the keys marked taking, of other nodes, whose doubt this run
	// has resolved, patience how often it has waited for them.
	resolved []pr.Key
	patience int
	// took says that this run came to hold the reservation by a command that was
	// answered, or held it before.
	took bool
	// tookAll says that this run has removed all others from a reservation of all
	// registrants, which some devices leave one of all registrants.
	tookAll bool
	// heldBefore is the key, without marks, that had the LUN when this run began; 0 if none
	// had.
	heldBefore pr.Key
	// open says that a command by which the LUN is taken had an unknown end.
	open bool
	// pending is the error of a command that was given up and may still be
	// performed.
	pending error
	// sent says that a CLEAR may have taken effect, accepted that the device
	// said so.
	sent, accepted bool
	// touched says that something was sent that may have changed the LUN.
	touched bool
	// looked says that the arbiter was ours after the seat was registered.
	looked bool
	// staleKept says that the device refused to remove registrations of the past.
	staleKept bool
	// noMove says that the device cannot do REGISTER AND MOVE, or not to there.
	noMove bool
	// failures counts the commands in a row that the device itself failed.
	failures int
	// busy counts those in a row that it was too busy for.
	busy int
	// contradicted counts the times that one command listed what another did not.
	contradicted int
	// struck are keys that this run has removed while this node held alone. One that is
	// there again may never have gone.
	struck []pr.Key
	// turned says that this run has made all registrants hold.
	turned bool
	// drained says that the unit attentions of the other paths were taken off.
	drained bool
}

// registeredPath is a path that is registered with a key; host says that the
// device registers all paths of a host as one, and lists another.
type registeredPath struct {
	path pr.Path
	key  pr.Key
	host bool
}

// position is all that is decided by: the unit as it was read, and this run's claim to
// it.
type position struct {
	unit.Unit
	claim
	mode Mode
	// preferred is the type of reservations in shared mode, if the device can do it.
	preferred pr.Type
}

// found notes the state that the run begins with.
func (t *position) found() {
	t.before = t.State
	// A registration that is marked leaving may be removed by anybody.
	t.old = slices.DeleteFunc(slices.Clone(t.Own()), func(r pr.Registration) bool { return !t.IsPresent(r) || r.Key&LeavingMark != 0 })
	if t.up = len(t.old) > 0; !t.up {
		t.old = slices.DeleteFunc(slices.Clone(t.Own()), func(r pr.Registration) bool { return r.Key&LeavingMark != 0 })
	}
	t.took, t.heldBefore = t.IsMine(), Plain(t.Holder())
	// Who takes a LUN removes the holder first, and nobody else before. Who
	// fences removes others, too.
	t.doubt = t.doubt || t.HasOwn(TakingMark) && (t.mode == Shared || !t.HeldByOther())
}

// isSure reports whether this run has registered the path.
func (c *claim) isSure(p pr.Path) bool { return c.sureKey(p) != 0 }

// sureKey is the key that this run has registered the path with, 0 if it has not.
func (c *claim) sureKey(p pr.Path) pr.Key {
	for _, r := range c.sure {
		if r.path == p {
			return r.key
		}
	}
	return 0
}

// coverHost notes that the path is registered with the others of this host.
func (c *claim) coverHost(p pr.Path, key pr.Key) {
	c.registered(p, 0)
	c.sure = append(c.sure, registeredPath{path: p, key: key, host: true})
}

// hasHost reports whether the device registers the paths of this host as one.
func (c *claim) hasHost() bool {
	return slices.ContainsFunc(c.sure, func(r registeredPath) bool { return r.host })
}

// isAbsent reports whether the path was found not to be registered with the key.
func (c *claim) isAbsent(p pr.Path, key pr.Key) bool {
	return slices.Contains(c.absent, registeredPath{path: p, key: key})
}

// isRefused reports whether the path refused to be registered as a new one.
func (c *claim) isRefused(p pr.Path) bool { return slices.Contains(c.refused, p) }

// isResolved reports whether the doubt that the key stands for was resolved.
func (c *claim) isResolved(k pr.Key) bool { return slices.Contains(c.resolved, k) }

// registered notes that the path has the key, 0 for none.
func (c *claim) registered(p pr.Path, key pr.Key) {
	c.sure = slices.DeleteFunc(c.sure, func(r registeredPath) bool { return r.path == p })
	if key != 0 {
		c.sure = append(c.sure, registeredPath{path: p, key: key})
	}
}

// preempted notes that this node has removed its own registrations with the
// victim's key, 0 for all, but the path's.
func (c *claim) preempted(p pr.Path, victim pr.Key) {
	goes := func(key pr.Key) bool { return victim == 0 || key == victim }
	c.sure = slices.DeleteFunc(c.sure, func(r registeredPath) bool { return r.path != p && goes(r.key) })
	c.old = slices.DeleteFunc(c.old, func(r pr.Registration) bool { return goes(r.Key) })
	c.refused = nil
}

// noticeRemoval compares what was read with the claim. generation is the
// PRGENERATION that was expected.
func (t *position) noticeRemoval(generation uint32) {
	own := t.Own()
	t.reconcile(own)
	gone := slices.ContainsFunc(t.old, func(r pr.Registration) bool {
		return r.Initiator != nil && !slices.ContainsFunc(own, r.SameNexus)
	})
	gone = gone || slices.ContainsFunc(t.sure, func(r registeredPath) bool {
		return r.host && len(own) == 0 || !r.host && t.Likeness(r.path, own) == pr.Unlike
	})
	if !t.State.Identified && len(own) < max(len(t.sure), len(t.old)) {
		// A device may list a key once for several nexuses. If nobody else has
		// changed anything, that is it.
		gone = gone || t.State.Generation != generation || len(own) == 0
	}
	if t.IsMine() && t.Holder()&TakingMark != 0 && !t.took {
		// By a command of this node that nobody has the answer of: an earlier
		// run's, or one of this run's that was given up.
		t.doubt, t.took = true, true
		t.theirs = false
	}
	if gone {
		t.removed, t.sure, t.old, t.looked = true, nil, nil, false
		t.refused = nil
		t.removals++
	}
}

// reconcile brings what is known of paths up to date: a path of which it was not
// known whether it is registered, and keys that another node's command has changed.
func (t *position) reconcile(own []pr.Registration) {
	for _, u := range t.unsure {
		like := t.Likeness(u.path, own)
		if !t.isSure(u.path) && (like == pr.Alike || like == pr.Perhaps && len(own) > len(t.sure)) {
			t.registered(u.path, u.key)
		}
	}
	t.unseen = len(t.unsure) > 0 && len(t.sure) == 0 && len(own) == 0
	t.unsure = nil
	for i, r := range t.sure {
		now, sure, _ := t.Registration(r.path)
		switch {
		case sure:
			t.sure[i].key = now.Key
		case len(own) > 0 && (r.host || !t.State.Identified && !t.State.Has(r.key)):
			t.sure[i].key = own[0].Key
		}
	}
}

// retry lets those paths be used again that were given up when a REGISTER of this
// run got lost on them, for undoing: it may have been performed.
func (t *position) retry() {
	t.Undo()
	for _, p := range t.unanswered {
		if !slices.Contains(t.Usable, p) {
			t.Usable = append(t.Usable, p)
		}
	}
}

// Which of this node's paths acts, and which is still to be registered, marked or
// taken off: questions that the tables ask of a position.

// seat is the path that acts: a usable one that is registered, else the one that has
// answered.
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
	return t.First()
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

// markedPath is a path of this node with another registration than the seat's, that a run
// before has left marked; nil if there is none.
func (t *position) markedPath() pr.Path {
	seat := t.seat()
	for _, p := range t.Usable {
		if r, sure, _ := t.Registration(p); sure && p != seat && r.Key&Marks != 0 && t.Identity(seat).Likens(r) != pr.Alike {
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

// twinOf is another node's registration by what the device knows this host by. Where paths
// can be registered for others it says less: a copy that was killed leaves such a path.
func twinOf(t *position) (pr.Registration, bool) {
	for _, p := range t.Paths {
		if pr.Moves(p) {
			continue
		}
		for _, r := range t.State.Registrations {
			if n, ok := t.Members().Of(r.Key); ok && n.Key != t.Me() && t.Me() != 0 && t.Identity(p).Likens(r) == pr.Alike {
				return r, true
			}
		}
	}
	return pr.Registration{}, false
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
