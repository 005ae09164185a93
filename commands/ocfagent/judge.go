package ocfagent

import (
	"slices"

	"lunguard/pr"
	"lunguard/protocol"
)

// grade is how a LUN stands for the node that has started its package, the worse the
// higher.
type grade uint8

const (
	// well: protected as it was when the package was started.
	well grade = iota
	// degraded: protected, and something is not as it should be.
	degraded
	// unknown: it could not be read.
	unknown
	// failed: this node cannot write, or somebody else can.
	failed
)

// judge tells how LUNs stand.
type judge struct {
	members protocol.Members
	own     protocol.Member
	mode    protocol.Mode
	// known are the worldwide names of the LUNs that the package was started with.
	known []string
}

// verdict is the worst of all LUNs, and why it is no better.
func (j judge) verdict(luns []protocol.Status, wwids []string) (grade, []error) {
	worst, why := well, [failed + 1][]error{}
	for i, lun := range luns {
		g, err := j.lun(lun, wwids[i])
		if err != nil {
			why[g] = append(why[g], err)
		}
		worst = max(worst, g)
	}
	return worst, why[worst]
}

// left is the verdict where the package has not all LUNs any more that it was started with;
// where it has others in their place, what it was started for is not what is protected.
func (j judge) left(g grade, why []error, wwids []string) (grade, []error) {
	as := degraded
	if slices.ContainsFunc(wwids, func(w string) bool { return !slices.Contains(j.known, w) }) {
		as = failed
	}
	for _, was := range j.known {
		if slices.Contains(wwids, was) || as < g {
			continue
		}
		if as > g {
			g, why = as, nil
		}
		why = append(why, &leftError{was})
	}
	return g, why
}

// lun judges one LUN.
func (j judge) lun(lun protocol.Status, wwid string) (grade, error) {
	if lun.Err != nil {
		return unknown, lun.Err
	}
	s := lun.State
	if !lun.Present || !s.Has(j.own.Key) && !s.Has(protocol.Taking(j.own.Key)) {
		switch {
		case slices.Contains(j.known, wwid):
		case s.Empty():
			return degraded, &newError{lun.LUN}
		default:
			return failed, &outError{lun: lun.LUN, node: j.own.Name}
		}
		return failed, &goneError{lun: lun.LUN, node: j.own, by: j.holder(s), forgotten: s.Empty()}
	}
	held := s.Reservation
	if held == nil || held.Part || !held.Type.Shared() {
		return failed, &openError{lun.LUN}
	}
	holder, ours := j.members.Of(held.Key)
	if !held.Type.AllRegistrants() && (!ours || !s.Has(held.Key)) {
		return failed, &openError{lun.LUN}
	}
	if j.mode == protocol.Exclusive {
		if !held.Type.AllRegistrants() && holder.Key != j.own.Key {
			return failed, &goneError{lun: lun.LUN, node: j.own, by: holder}
		}
		for _, k := range s.Keys() {
			if n, ours := j.members.Of(k); ours && n.Key != j.own.Key {
				return failed, &sharedError{lun: lun.LUN, other: n}
			}
		}
	}
	if keys := j.members.Foreign(s.Keys()); len(keys) > 0 {
		return degraded, &strangerError{lun: lun.LUN, keys: keys}
	}
	for _, f := range lun.Findings {
		if f.Kind == protocol.PathsUnregistered {
			return degraded, &pathError{lun: lun.LUN, path: f.Path}
		}
	}
	return well, nil
}

// holder is the node that holds a LUN, without a name if none of the cluster does.
func (j judge) holder(s *pr.State) protocol.Member {
	if s.Reservation == nil {
		return protocol.Member{}
	}
	m, _ := j.members.Of(s.Reservation.Key)
	return m
}
