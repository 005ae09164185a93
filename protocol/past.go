package protocol

import (
	"slices"

	"lunguard/scsi"
)

// A host that logs in to an iSCSI target anew, or gets another adapter, is
// another I_T nexus. What the old one had registered stays, under the same key:
// it must not be taken for the registration of a path that there is now.

// identity is what the host knows of a path, asked for once.
func (t *target) identity(p Nexus) scsi.Identity {
	if t.identities == nil {
		t.identities = map[Nexus]scsi.Identity{}
		for _, p := range t.Paths {
			t.identities[p] = p.Identity()
		}
	}
	return t.identities[p]
}

// likeness is the best that any of the registrations has to a path.
func (t *target) likeness(p Nexus, list []scsi.FullStatus) scsi.Likeness {
	best := scsi.Unlike
	for _, r := range list {
		best = max(best, t.identity(p).Likens(r))
	}
	return best
}

// own are the registrations with this node's key.
func (t *target) own() []scsi.FullStatus {
	var list []scsi.FullStatus
	for _, r := range t.state.Registrations {
		if r.Key == t.run.Node.Key {
			list = append(list, r)
		}
	}
	return list
}

// present are all registrations of this node: a path that carries the mark of a
// halt is registered, too.
func (t *target) present() []scsi.FullStatus {
	var list []scsi.FullStatus
	for _, r := range t.state.Registrations {
		if r.Key&^LeavingMark == t.run.Node.Key {
			list = append(list, r)
		}
	}
	return list
}

// past are those of them that were made through none of the initiator ports
// that this host reaches the LUN by now. If too little is known of any path
// there are none.
func (t *target) past() []scsi.FullStatus { return slices.DeleteFunc(t.own(), t.isPresent) }

// isPresent reports whether a registration is, or may be, that of one of this
// host's initiator ports.
func (t *target) isPresent(r scsi.FullStatus) bool {
	return slices.ContainsFunc(t.Paths, func(p Nexus) bool { return t.identity(p).LikensInitiator(r) != scsi.Unlike }) ||
		slices.ContainsFunc(t.Unopened, func(p UnopenedPath) bool { return p.Identity.LikensInitiator(r) != scsi.Unlike })
}

// haunted reports whether registrations of the past are to be removed: this
// node holds the reservation, so a PREEMPT of its own key takes them away, and
// those of its other paths, which are made again then. Writes on these would
// fail in between; where the package may be up already they are left.
func (t *target) haunted() bool {
	held := t.state.HeldBy(t.run.Node.Key) || !t.run.keeps(ruleSweepHeld)
	if t.swept || !held || t.state.Count(t.run.Node.Key) <= len(t.usable) || len(t.past()) == 0 {
		return false
	}
	return !slices.ContainsFunc(t.before.Registrations, func(r scsi.FullStatus) bool { return r.Key == t.run.Node.Key && t.isPresent(r) })
}
