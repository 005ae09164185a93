package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// FindingKind is one thing that can be wrong with a LUN.
type FindingKind string

// Kinds of finding.
const (
	// Unreadable: the state is unknown.
	Unreadable FindingKind = "unreadable"
	// Contradiction: two paths tell different things, so that the state is unknown.
	Contradiction FindingKind = "contradiction"
	// DeadPath: a path does not answer, another one does.
	DeadPath FindingKind = "dead-path"
	// ForeignKeys are keys that belong to no node.
	ForeignKeys FindingKind = "foreign-keys"
	// SameHost: another node is registered by what the device knows this host by.
	SameHost FindingKind = "same-host"
	// Unreserved: there are registrations but no reservation, so that every
	// node can write.
	Unreserved FindingKind = "unreserved"
	// WrongType: the reservation is of another type.
	WrongType FindingKind = "wrong-type"
	// LeavingKeys: a node's halt is under way, or was killed.
	LeavingKeys FindingKind = "leaving"
	// TakingKeys: a node is removing others, or was killed while it did, and the
	// commands of those that are gone may not be over.
	TakingKeys FindingKind = "taking"
	// PathsUnregistered: a path is not registered, or, if the path is empty,
	// this node has fewer registrations than paths.
	PathsUnregistered FindingKind = "paths-unregistered"
	// StaleNexus: a nexus that is no path of this host, named by the path, is
	// registered with this node's key; or, if the path is empty, this node has
	// more registrations than paths.
	StaleNexus FindingKind = "stale-nexus"
	// KeysMissing: other LUNs of the package have keys that this one lacks.
	KeysMissing FindingKind = "keys-missing"
	// DifferentSets: the node of the first key is on this LUN and not on Other,
	// that of the second one on Other and not on this one.
	DifferentSets FindingKind = "different-sets"
	// SeveralOwners: a failover package has more than one node's key.
	SeveralOwners FindingKind = "several-owners"
	// WrongKey: a nexus has another key on another LUN of the package.
	WrongKey FindingKind = "wrong-key"
	// NotKept: the device could keep registrations through power loss and
	// does not.
	NotKept FindingKind = "not-kept"
	// NoAbort: the device has no PREEMPT AND ABORT, so that no node can take the LUN from
	// another.
	NoAbort FindingKind = "no-preempt-and-abort"
	// NoType: the device has no reservations of the type that protocols make.
	NoType FindingKind = "no-reservation-type"
)

// Finding is one thing that is wrong with a LUN.
type Finding struct {
	Kind FindingKind
	// Path is the path that it is about, empty for the LUN as a whole.
	Path string
	// Keys are those that it is about.
	Keys []pr.Key
	// Other is another LUN that this one is compared with.
	Other string
	// Err tells why something could not be read, or is the error that the finding would be
	// of a command.
	Err error
}

// Report is what a check found out about one LUN.
type Report struct {
	LUN string
	// State is nil if it could not be read.
	State *pr.State
	// Capabilities is nil if the device does not tell.
	Capabilities *pr.Capabilities
	// Paths are this host's paths to the LUN, Working those that answer.
	Paths, Working int
	Findings       []Finding
	// Initiator is this host at the end of its first path; nil if that is not known.
	Initiator pr.Initiator
}

// Unknown reports whether the state could not be read.
func (r *Report) Unknown() bool { return r.State == nil }

// Check looks at every LUN and path of the package and compares them with the
// config and with each other. It changes nothing. The reports come in the
// order of the LUNs.
func (r *Run) Check(ctx context.Context) []Report {
	reports := make([]Report, len(r.LUNs))
	r.eachLUN(func(i int) { reports[i] = examine(ctx, r.target(r.LUNs[i])) })
	c := comparison{members: r.Members, reports: reports}
	c.compare()
	return reports
}

// examine reads one LUN through each of its paths.
func examine(ctx context.Context, t *target) Report {
	rep := Report{LUN: t.Name, Paths: t.Expected()}
	if len(t.Paths) > 0 {
		rep.Initiator = t.Paths[0].Identity().Initiator
	}
	heard := t.Ask(ctx)
	if _, _, found := heard.Contradiction(); found {
		// Somebody may have changed it between one path and the next.
		heard = t.Ask(ctx)
	}
	rep.Working = len(heard.Said)
	var dead []Finding
	for _, d := range heard.Dead {
		dead = append(dead, Finding{Kind: DeadPath, Path: d.Path, Err: d.Err})
	}
	if err := heard.Unfit(); err != nil {
		rep.Findings = append([]Finding{{Kind: Unreadable, Err: &LUNError{LUN: t.Name, Err: err}}}, dead...)
		return rep
	}
	if a, b, found := heard.Contradiction(); found {
		err := &ContradictionError{Paths: [2]string{a.Path, b.Path}, States: [2]*pr.State{a.State, b.State}}
		rep.Findings = append([]Finding{{Kind: Contradiction, Path: b.Path, Err: &LUNError{LUN: t.Name, Err: err}}}, dead...)
		return rep
	}
	if len(heard.Said) == 0 {
		rep.Findings = []Finding{{Kind: Unreadable, Err: &LUNError{LUN: t.Name, Err: heard.Errors()}}}
		return rep
	}
	rep.State = heard.Said[0].State
	rep.Findings = dead
	t.State = rep.State
	t.Usable = slices.DeleteFunc(t.Usable, func(p pr.Path) bool {
		return slices.ContainsFunc(dead, func(f Finding) bool { return f.Path == p.Name() })
	})
	switch err := t.capabilities(ctx); {
	case err == nil, errors.Is(err, ErrNoReservationType):
		t.Probe(ctx)
		rep.Capabilities = t.Caps
	default:
		rep.Findings = append(rep.Findings, Finding{Kind: Unreadable, Err: err})
	}
	if err := t.confirm(ctx); err != nil {
		rep.State = nil
		rep.Findings = append(rep.Findings, Finding{Kind: Unreadable, Err: t.final(err)})
		return rep
	}
	rep.State = t.State
	rep.Findings = append(rep.Findings, findings(&t.position, rep.Capabilities)...)
	return rep
}

// confirm asks a LUN by another command. One on which nobody seems to be registered may
// have answered with zeros, and one whose list is cut hides who can write.
func (t *target) confirm(ctx context.Context) error {
	if !t.State.Empty() {
		return confirmKeys(ctx, t)
	}
	empty := false
	err := t.OnAnyPath(ctx, func(ctx context.Context, p pr.Path) (err error) {
		empty, err = t.IsEmpty(ctx, p)
		return err
	})
	if err != nil || empty {
		return err
	}
	t.State = nil
	return t.Load(ctx)
}

// findings judges one LUN by itself.
func findings(t *position, caps *pr.Capabilities) []Finding {
	var list []Finding
	add := func(kind FindingKind, keys ...pr.Key) { list = append(list, Finding{Kind: kind, Keys: keys}) }
	if keys := t.Foreign(); len(keys) > 0 {
		add(ForeignKeys, keys...)
	}
	if twin, is := twinOf(t); is {
		list = append(list, Finding{Kind: SameHost, Path: twin.Initiator.String(), Keys: []pr.Key{Plain(twin.Key)}, Err: twinError(t)})
	}
	s := t.State
	held := s.Reservation
	switch {
	case held == nil && len(s.Registrations) > 0:
		add(Unreserved, s.Keys()...)
	case held != nil && !t.RightType():
		add(WrongType, held.Key)
	case held != nil && !t.IsHeld():
		add(Unreserved, held.Key)
	}
	if keys := marked(s, LeavingMark); len(keys) > 0 {
		add(LeavingKeys, keys...)
	}
	if keys := marked(s, TakingMark); len(keys) > 0 {
		add(TakingKeys, keys...)
	}
	list = append(list, pathFindings(t)...)
	if t.mode == Exclusive {
		if nodes := t.Nodes(); len(nodes) > 1 {
			add(SeveralOwners, nodes...)
		}
	}
	if caps != nil && caps.Persists && !caps.Persisting && len(s.Registrations) > 0 {
		add(NotKept)
	}
	if caps != nil && caps.PreemptAndAbort == pr.CanNot {
		add(NoAbort)
	}
	if caps != nil && !caps.Supports(unit.ReservationType) {
		add(NoType)
	}
	return list
}

// marked are the registered keys that have a mark.
func marked(s *pr.State, mark pr.Key) []pr.Key {
	return slices.DeleteFunc(s.Keys(), func(k pr.Key) bool { return k&mark == 0 })
}

// pathFindings compares this node's registrations with its paths: one by one if
// enough is known of each, else their numbers.
func pathFindings(t *position) []Finding {
	key := t.Me()
	own := t.Own()
	if len(own) == 0 || key == 0 {
		return nil
	}
	keys := []pr.Key{key}
	var list []Finding
	for _, p := range t.Usable {
		switch t.Likeness(p, own) {
		case pr.Perhaps:
			return countFindings(t, len(own), keys)
		case pr.Unlike:
			list = append(list, Finding{Kind: PathsUnregistered, Path: p.Name(), Keys: keys})
		}
	}
	for _, r := range t.Past() {
		list = append(list, Finding{Kind: StaleNexus, Path: r.Initiator.String(), Keys: keys})
	}
	return list
}

// countFindings compares numbers only.
func countFindings(t *position, n int, keys []pr.Key) []Finding {
	switch {
	case n < t.Expected() && !t.ForHost():
		return []Finding{{Kind: PathsUnregistered, Keys: keys}}
	case n > t.Expected():
		return []Finding{{Kind: StaleNexus, Keys: keys}}
	}
	return nil
}

// comparison is of the reports on all LUNs with each other.
type comparison struct {
	members Members
	reports []Report
}

// compare judges the LUNs by each other: nodes that won different LUNs, or whose
// configs name different ones, keys that stand on some only, nexuses that have
// different keys.
func (c *comparison) compare() {
	var all []pr.Key
	seen := seenKeys{}
	for i := range c.reports {
		for _, k := range c.staying(&c.reports[i]) {
			if !slices.Contains(all, k) {
				all = append(all, k)
			}
		}
	}
	slices.Sort(all)
	for i := range c.reports {
		rep := &c.reports[i]
		if rep.Unknown() {
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(all), func(k pr.Key) bool { return rep.State.Has(k) || rep.State.Has(Taking(k)) })
		apart := c.apart(rep, missing)
		for _, f := range apart {
			missing = slices.DeleteFunc(missing, func(k pr.Key) bool { return k == f.Keys[1] })
		}
		if len(missing) > 0 {
			rep.Findings = append(rep.Findings, Finding{Kind: KeysMissing, Keys: missing})
		}
		rep.Findings = append(rep.Findings, apart...)
		for _, reg := range rep.State.Registrations {
			key := reg.Key &^ TakingMark
			if reg.Initiator == nil || key&LeavingMark != 0 {
				continue
			}
			if first := seen.first(reg.Initiator, key); first != key {
				rep.Findings = append(rep.Findings, Finding{Kind: WrongKey, Path: reg.Initiator.String(), Keys: []pr.Key{first, key}})
			}
		}
	}
}

// seenKeys are the keys that initiators were first seen with, by their hosts.
type seenKeys map[string][]pr.Registration

// first is the key that the initiator was first seen with; the one given, if that is
// now.
func (s seenKeys) first(i pr.Initiator, key pr.Key) pr.Key {
	for _, r := range s[i.Host()] {
		if r.Initiator.Same(i) {
			return r.Key
		}
	}
	s[i.Host()] = append(s[i.Host()], pr.Registration{Initiator: i, Key: key})
	return key
}

// staying are the nodes that are registered on a LUN and do not leave it.
func (c *comparison) staying(rep *Report) []pr.Key {
	if rep.Unknown() {
		return nil
	}
	var keys []pr.Key
	for _, k := range rep.State.Keys() {
		if n, ok := c.members.Of(k); ok && k&LeavingMark == 0 && !slices.Contains(keys, n.Key) {
			keys = append(keys, n.Key)
		}
	}
	return keys
}

// apart finds, of the nodes that are missing on a LUN, those each of which is on
// another LUN that some node of this one is not on. A start or fence under way
// has more LUNs, or fewer, than another node, but it has none of its own only as
// long as a take-over goes on.
func (c *comparison) apart(rep *Report, missing []pr.Key) []Finding {
	var list []Finding
	here := c.staying(rep)
	for _, k := range missing {
		for i := range c.reports {
			there := c.staying(&c.reports[i])
			lone := difference(here, there)
			if slices.Contains(there, k) && len(lone) > 0 {
				list = append(list, Finding{Kind: DifferentSets, Keys: []pr.Key{lone[0], k}, Other: c.reports[i].LUN})
				break
			}
		}
	}
	return list
}
