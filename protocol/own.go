package protocol

import (
	"slices"

	"lunguard/pr"
)

// A host that logs in to an iSCSI target anew, or gets another adapter, is
// another I_T nexus. What the old one had registered stays, under the same key:
// it must not be taken for the registration of a path that there is now.

// identity is what the host knows of a path, asked for once.
func (u *unit) identity(p pr.Path) pr.Identity {
	if u.identities == nil {
		u.identities = map[pr.Path]pr.Identity{}
		for _, p := range u.Paths {
			u.identities[p] = p.Identity()
		}
	}
	return u.identities[p]
}

// likeness is the best that any of the registrations has to a path.
func (u *unit) likeness(p pr.Path, list []pr.Registration) pr.Likeness {
	best := pr.Unlike
	for _, r := range list {
		best = max(best, u.identity(p).Likens(r))
	}
	return best
}

// own are the registrations of this node, whatever their marks. They are not to be
// changed.
func (u *unit) own() []pr.Registration { return u.listing().own }

// hasOwn reports whether a registration of this node has one of the marks.
func (u *unit) hasOwn(marks pr.Key) bool {
	return slices.ContainsFunc(u.own(), func(r pr.Registration) bool { return r.Key&marks != 0 })
}

// registration is the one of this node that is, or may be, the path's. Of
// several that may be it is the first; sure says that it is the path's.
func (u *unit) registration(p pr.Path) (r pr.Registration, sure, found bool) {
	for _, r := range u.own() {
		if u.identity(p).Likens(r) == pr.Alike {
			return r, true, true
		}
	}
	for _, r := range u.own() {
		if u.identity(p).Likens(r) == pr.Perhaps {
			return r, false, true
		}
	}
	return pr.Registration{}, false, false
}

// past are the registrations of this node that were made through none of the
// initiator ports that this host reaches the LUN by now. If too little is known
// of any path there are none.
func (u *unit) past() []pr.Registration { return slices.DeleteFunc(slices.Clone(u.own()), u.isPresent) }

// isPresent reports whether a registration is, or may be, that of one of this
// host's initiator ports.
func (u *unit) isPresent(r pr.Registration) bool {
	return slices.ContainsFunc(u.Paths, func(p pr.Path) bool { return u.identity(p).LikensInitiator(r) != pr.Unlike }) ||
		slices.ContainsFunc(u.Unopened, func(p UnopenedPath) bool { return p.Identity.LikensInitiator(r) != pr.Unlike })
}

// isOn reports whether the registration of the path is known to hold the
// reservation.
func (u *unit) isOn(p pr.Path) bool {
	r, sure, _ := u.registration(p)
	return sure && r.Holder && u.state.Reservation != nil
}

// holding is a usable path that is known to hold the reservation; nil if none is.
func (u *unit) holding() pr.Path {
	for _, p := range u.usable {
		if u.isOn(p) {
			return p
		}
	}
	return nil
}
