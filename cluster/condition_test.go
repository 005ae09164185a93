package cluster

import (
	"strings"
	"testing"

	"lunguard/pr"
	"lunguard/protocol"
)

// How a LUN stands by what was found, and by what this node has written down.
func TestConditionOf(t *testing.T) {
	const own, other = pr.Key(1), pr.Key(2)
	state := func(held pr.Key, keys ...pr.Key) *pr.State {
		s := &pr.State{}
		for _, k := range keys {
			s.Registrations = append(s.Registrations, pr.Registration{Key: k})
		}
		if held != 0 {
			s.Reservation = &pr.Reservation{Key: held, Type: pr.WriteExclusiveRegistrantsOnly}
		}
		return s
	}
	started := Memory{By: "pr_start"}
	for name, c := range map[string]struct {
		state  *pr.State
		memory Memory
		typ    PackageType
		found  []protocol.FindingKind
		want   Condition
	}{
		"nobody, nothing written":        {state(0), Memory{}, Failover, nil, Down},
		"nobody, and started here":       {state(0), started, Failover, nil, Unprotected},
		"started and registered":         {state(own, own), started, Failover, nil, Up},
		"registered, nothing written":    {state(own, own), Memory{}, Failover, nil, Up},
		"kept since a fence":             {state(own, own), Memory{Kept: "jack3"}, Failover, nil, Degraded},
		"kept once, started since":       {state(own, own), Memory{Kept: "jack3", By: "pr_start"}, Failover, nil, Up},
		"kept once, taken since":         {state(other, other), Memory{Kept: "jack3"}, Failover, nil, Up},
		"kept once, given up since":      {state(0), Memory{Kept: "jack3"}, Failover, nil, Down},
		"nobody keeps what is shared":    {state(own, own), Memory{Kept: "jack3"}, MultiNode, nil, Up},
		"taken by another":               {state(other, other), started, Failover, nil, Failed},
		"up elsewhere":                   {state(other, other), Memory{}, Failover, nil, Up},
		"a member taken off":             {state(other, other), started, MultiNode, nil, Unprotected},
		"others registered, no reserve":  {state(0, other), started, Failover, []protocol.FindingKind{protocol.Unreserved}, Unprotected},
		"marked leaving, and started":    {state(protocol.Leaving(own), protocol.Leaving(own)), started, Failover, []protocol.FindingKind{protocol.LeavingKeys}, Changing},
		"start failed":                   {state(own, own), Memory{By: "cmrunpkg", Failed: true}, Failover, nil, Failed},
		"failed and nothing left":        {state(0), Memory{Failed: true}, Failover, nil, Failed},
		"unfinished":                     {state(0), Memory{Unfinished: true}, Failover, nil, Changing},
		"unread":                         {nil, started, Failover, []protocol.FindingKind{protocol.Unreadable}, ConditionUnknown},
		"capabilities unread":            {state(own, own), started, Failover, []protocol.FindingKind{protocol.Unreadable}, ConditionUnknown},
		"a dead path":                    {state(own, own), started, Failover, []protocol.FindingKind{protocol.DeadPath}, Degraded},
		"a key missing, and reserved":    {state(own, own), Memory{}, MultiNode, []protocol.FindingKind{protocol.KeysMissing}, Degraded},
		"a key missing, and free":        {state(0), Memory{}, MultiNode, []protocol.FindingKind{protocol.KeysMissing}, Unprotected},
		"a dead path and a foreign key":  {state(own, own), Memory{}, Failover, []protocol.FindingKind{protocol.DeadPath, protocol.ForeignKeys}, Unprotected},
		"two owners":                     {state(own, own, other), Memory{}, Failover, []protocol.FindingKind{protocol.SeveralOwners}, Failed},
		"a kind that nobody thought of":  {state(own, own), Memory{}, Failover, []protocol.FindingKind{"new"}, Unprotected},
		"a dead path, down and as it is": {state(0), Memory{}, Failover, []protocol.FindingKind{protocol.DeadPath}, Degraded},
	} {
		t.Run(name, func(t *testing.T) {
			rep := protocol.Report{LUN: "/dev/sda", State: c.state}
			for _, k := range c.found {
				rep.Findings = append(rep.Findings, protocol.Finding{Kind: k})
			}
			reports := []protocol.Report{rep}
			c.memory.Recall(reports, &Package{Type: c.typ}, own)
			if got := ConditionOf(reports[0]); got != c.want {
				t.Errorf("%s, %s expected", got, c.want)
			}
			if got := ConditionOf(reports[0]).Well(); got != (c.want == Up || c.want == Down) {
				t.Errorf("well: %v", got)
			}
		})
	}
}

// A whole is as bad as its worst part, and nothing is known of one without parts.
func TestWorstOf(t *testing.T) {
	all := Conditions()
	for i, a := range all {
		for j, b := range all {
			if got := WorstOf(a, b); got != all[max(i, j)] {
				t.Errorf("%s and %s: %s", a, b, got)
			}
		}
	}
	if got := WorstOf(); got != ConditionUnknown {
		t.Errorf("of nothing: %s", got)
	}
}

// What a node has written down outweighs what the LUNs say of it.
func TestViewRecall(t *testing.T) {
	for name, c := range map[string]struct {
		onLUN  UpStatus
		memory Memory
		want   UpStatus
	}{
		"up":               {StatusUp, Memory{By: "cmrunpkg"}, StatusUp},
		"down":             {StatusDown, Memory{}, StatusDown},
		"start failed":     {StatusUp, Memory{By: "cmrunpkg", Failed: true}, StatusFailed},
		"keys gone":        {StatusDown, Memory{By: "cmrunpkg"}, StatusFailed},
		"keys partly gone": {StatusStarting, Memory{By: "pr_start"}, StatusFailed},
		"partly, starting": {StatusStarting, Memory{By: "cmrunpkg", Unfinished: true}, StatusStarting},
		"partly elsewhere": {StatusStarting, Memory{}, StatusStarting},
		"fences":           {StatusStarting, Memory{By: "pr_start"}, StatusStarting},
		"being started":    {StatusUp, Memory{By: "cmrunpkg", Unfinished: true}, StatusStarting},
		"being halted":     {StatusUp, Memory{Unfinished: true, Halting: true}, StatusHalting},
		"nobody can tell":  {StatusUnknown, Memory{Failed: true}, StatusUnknown},
		"up without words": {StatusUp, Memory{}, StatusUp},
	} {
		t.Run(name, func(t *testing.T) {
			v := &PackageView{Package: &Package{}, Nodes: []NodeView{{Node: "a", Status: c.onLUN, partly: strings.Contains(name, "partly")}}}
			v.Recall("a", c.memory)
			if got := [2]UpStatus{v.Nodes[0].Status, v.Status}; c.want != StatusUnknown && got != [2]UpStatus{c.want, c.want} || got[0] != c.want {
				t.Errorf("%v, %s expected", got, c.want)
			}
		})
	}
}
