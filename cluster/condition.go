package cluster

import (
	"slices"

	"lunguard/pr"
	"lunguard/protocol"
)

// Condition is how a LUN or a package stands, as one node sees it. Every command, in
// every format, has these words; lunguard(7) says what each means.
type Condition string

// Conditions.
const (
	// Up: it is reserved as it should be, for nodes of the cluster, and nothing is wrong.
	Up Condition = "up"
	// Down: nobody is registered, and it is not known to have been started here.
	Down Condition = "down"
	// Degraded: it is protected, and something is not as it should be.
	Degraded Condition = "degraded"
	// Changing: a start, halt or fence is under way, or was killed.
	Changing Condition = "changing"
	// Failed: a start or halt did not succeed, or another node has taken what was started
	// here, or two have it.
	Failed Condition = "failed"
	// Unprotected: it is in use by what is known, and somebody can write who should not.
	Unprotected Condition = "unprotected"
	// ConditionUnknown: it could not be read, or what is read contradicts itself.
	ConditionUnknown Condition = "unknown"
)

// Conditions lists them, each before those that outweigh it.
func Conditions() []Condition {
	return []Condition{Down, Up, Degraded, Changing, Failed, Unprotected, ConditionUnknown}
}

// WorstOf is the condition of a whole by those of its parts; unknown if it has none.
func WorstOf(parts ...Condition) Condition {
	if len(parts) == 0 {
		return ConditionUnknown
	}
	return slices.MaxFunc(parts, func(a, b Condition) int {
		return slices.Index(Conditions(), a) - slices.Index(Conditions(), b)
	})
}

// Well reports whether it is as it should be.
func (c Condition) Well() bool { return c == Up || c == Down }

// Kinds of finding that come of what this node has written down.
const (
	// StartedUnregistered: the package was started here, and this node is not
	// registered on the LUN.
	StartedUnregistered protocol.FindingKind = "started-unregistered"
	// StartedPartly: the same, and nobody is, but this node on another LUN of it.
	StartedPartly protocol.FindingKind = "started-partly"
	// StartedTaken: the failover package was started here, and another node has the LUN.
	StartedTaken protocol.FindingKind = "started-taken"
	// StartedOutside: the package was started here on the LUN, and does not have it any more.
	StartedOutside protocol.FindingKind = "started-outside"
	// StartFailed: the last start or halt here has left something of the package.
	StartFailed protocol.FindingKind = "start-failed"
	// KeptHere: this node has taken the failover package from a node that it fenced, and
	// nobody has started it since.
	KeptHere protocol.FindingKind = "kept"
	// Unfinished: a start or halt here has not come to its end.
	Unfinished protocol.FindingKind = "unfinished"
)

// LetIn is who has let a node in to LUNs of a package that it has not started.
const LetIn = "fence_lunguard"

// Memory is what a node has written down about a package since it was booted. The zero
// value is that of a node which has not started it.
type Memory struct {
	// By is the command that has taken the LUNs; empty if none has, or if they were given
	// up since.
	By string
	// LUNs are the worldwide names of those that were taken, or were to be, and are not
	// known to have been given up.
	LUNs []string
	// Unfinished says that a start or halt was begun and not ended, Failed that the last
	// one has left something.
	Unfinished, Failed bool
	// Halting says that what is unfinished is a halt.
	Halting bool
	// Kept is the node from which the package was taken by a fence, if it is kept since and
	// was not started.
	Kept string
}

// Keeps reports whether what this node holds of a package it only keeps.
func (m Memory) Keeps(pkg *Package) bool {
	return m.Kept != "" && m.By == "" && !m.Unfinished && pkg.Type == Failover
}

// Recall compares what the LUNs of a package say with what this node has written down.
// What does not fit is a finding.
func (m Memory) Recall(reports []protocol.Report, pkg *Package, own pr.Key) {
	elsewhere := slices.ContainsFunc(reports, func(r protocol.Report) bool { return !r.Unknown() && protocol.IsOn(r.State, own) })
	for i := range reports {
		rep := &reports[i]
		if m.Keeps(pkg) && !rep.Unknown() && protocol.Holds(rep.State, own) {
			rep.Findings = append(rep.Findings, protocol.Finding{Kind: KeptHere, Other: m.Kept})
		}
		if m.By == "" || rep.Unknown() || protocol.IsOn(rep.State, own) {
			continue
		}
		kind := StartedUnregistered
		if elsewhere && len(rep.State.Registrations) == 0 {
			kind = StartedPartly
		}
		if pkg.Type == Failover && rep.State.Reservation != nil {
			kind = StartedTaken
		}
		rep.Findings = append([]protocol.Finding{{Kind: kind, Other: m.By, Keys: rep.State.Keys()}}, rep.Findings...)
	}
	if len(reports) == 0 || reports[0].Unknown() {
		return
	}
	for _, f := range []struct {
		is   bool
		kind protocol.FindingKind
	}{{m.Failed, StartFailed}, {m.Unfinished, Unfinished}} {
		if f.is {
			reports[0].Findings = append(reports[0].Findings, protocol.Finding{Kind: f.kind})
		}
	}
}

// ConditionOf is how a LUN stands, by all that was found out about it.
func ConditionOf(rep protocol.Report) Condition {
	if rep.Unknown() {
		return ConditionUnknown
	}
	stands := []Condition{Up}
	if rep.State.Reservation == nil && len(rep.State.Registrations) == 0 {
		stands = []Condition{Down}
	}
	for _, f := range rep.Findings {
		stands = append(stands, conditionOf(f.Kind, rep.State))
	}
	return WorstOf(stands...)
}

// conditionOf is what one finding makes of a LUN. A kind that is not here is as bad as
// those that are known to be bad.
func conditionOf(kind protocol.FindingKind, s *pr.State) Condition {
	switch kind {
	case protocol.Unreadable, protocol.Contradiction:
		return ConditionUnknown
	case StartedTaken, StartFailed, protocol.SeveralOwners, protocol.DifferentSets:
		return Failed
	case Unfinished, protocol.LeavingKeys, protocol.TakingKeys:
		return Changing
	case protocol.KeysMissing:
		if s.Reservation == nil {
			return Unprotected
		}
		return Degraded
	case KeptHere, StartedOutside, protocol.DeadPath, protocol.PathsUnregistered, protocol.WrongKey, protocol.NotKept, protocol.NoAbort:
		return Degraded
	}
	return Unprotected
}
