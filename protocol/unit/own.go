package unit

import (
	"slices"

	"lunguard/pr"
)

// A host that logs in to an iSCSI target anew, or gets another adapter, is
// another I_T nexus. What the old one had registered stays, under the same key:
// it must not be taken for the registration of a path that there is now.

// Identity is what the host knows of a path, asked for once.
func (rd *Reading) Identity(p pr.Path) pr.Identity {
	if rd.identities == nil {
		rd.identities = map[pr.Path]pr.Identity{}
		for _, p := range rd.Paths {
			rd.identities[p] = p.Identity()
		}
	}
	return rd.identities[p]
}

// Likeness is the best that any of the registrations has to a path.
func (rd *Reading) Likeness(p pr.Path, list []pr.Registration) pr.Likeness {
	best := pr.Unlike
	for _, r := range list {
		best = max(best, rd.Identity(p).Likens(r))
	}
	return best
}

// Own are the registrations of this node, whatever their marks. They are not to be
// changed.
func (rd *Reading) Own() []pr.Registration { return rd.listing().own }

// HasOwn reports whether a registration of this node has one of the marks.
func (rd *Reading) HasOwn(marks pr.Key) bool {
	return slices.ContainsFunc(rd.Own(), func(r pr.Registration) bool { return r.Key&marks != 0 })
}

// Registration is the one of this node that is, or may be, the path's. Of
// several that may be it is the first; sure says that it is the path's.
func (rd *Reading) Registration(p pr.Path) (r pr.Registration, sure, found bool) {
	for _, r := range rd.Own() {
		if rd.Identity(p).Likens(r) == pr.Alike {
			return r, true, true
		}
	}
	for _, r := range rd.Own() {
		if rd.Identity(p).Likens(r) == pr.Perhaps {
			return r, false, true
		}
	}
	return pr.Registration{}, false, false
}

// Past are the registrations of this node that were made through none of the
// initiator ports that this host reaches the LUN by now. If too little is known
// of any path there are none.
func (rd *Reading) Past() []pr.Registration {
	return slices.DeleteFunc(slices.Clone(rd.Own()), rd.IsPresent)
}

// IsPresent reports whether a registration is, or may be, that of one of this
// host's initiator ports.
func (rd *Reading) IsPresent(r pr.Registration) bool {
	return slices.ContainsFunc(rd.Paths, func(p pr.Path) bool { return rd.Identity(p).LikensInitiator(r) != pr.Unlike }) ||
		slices.ContainsFunc(rd.Unopened, func(p UnopenedPath) bool { return p.Identity.LikensInitiator(r) != pr.Unlike })
}

// IsOn reports whether the registration of the path is known to hold the
// reservation.
func (rd *Reading) IsOn(p pr.Path) bool {
	r, sure, _ := rd.Registration(p)
	return sure && r.Holder && rd.State.Reservation != nil
}

// ForHost reports whether a registration of this node stands for all paths of its host.
func (rd *Reading) ForHost() bool {
	return slices.ContainsFunc(rd.Own(), func(r pr.Registration) bool { return r.AllPorts })
}
