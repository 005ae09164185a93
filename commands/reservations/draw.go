package reservations

import (
	"slices"

	"lunguard/cluster"
	"lunguard/commands/picture"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// packageSection draws what a check found on the LUNs of a package.
func packageSection(conf *cluster.Config, pkg *cluster.Package, own cluster.Node, reports []protocol.Report) picture.Section {
	s := picture.Section{Name: pkg.Name, Type: string(pkg.Type), Known: true, Nodes: columnsOf(conf, pkg.Nodes, reports)}
	for _, rep := range reports {
		s.LUNs = append(s.LUNs, drawLUN(conf, pkg, own, s.Nodes, rep))
	}
	s.State = string(cluster.WorstOf(conditions(reports)...))
	return s
}

// conditions are those of LUNs.
func conditions(reports []protocol.Report) []cluster.Condition {
	var list []cluster.Condition
	for _, rep := range reports {
		list = append(list, cluster.ConditionOf(rep))
	}
	return list
}

// unopened draws a package or group whose LUNs could not be found or opened.
func unopened(name, typ string, err error) picture.Section {
	return picture.Section{Name: name, Type: typ, State: string(cluster.ConditionUnknown), Trouble: problems(err)}
}

// problems says errors in words.
func problems(err error) []picture.Problem {
	var list []picture.Problem
	for _, leaf := range words.Leaves(err) {
		m := words.Of(leaf)
		list = append(list, picture.Problem{Text: m.Text(), Hint: m.Hint})
	}
	return list
}

// columnsOf are the nodes of a table: those that are named, then those of the
// config whose keys are there.
func columnsOf(conf *cluster.Config, named []string, reports []protocol.Report) []string {
	nodes := slices.Clone(named)
	if conf == nil {
		return nodes
	}
	for _, n := range conf.Nodes {
		if slices.Contains(nodes, n.Name) {
			continue
		}
		if slices.ContainsFunc(reports, func(r protocol.Report) bool {
			return r.State != nil && protocol.IsOn(r.State, n.Key)
		}) {
			nodes = append(nodes, n.Name)
		}
	}
	return nodes
}

// drawLUN draws one LUN as this node sees it. Of what is unknown there is
// nothing in the drawing.
func drawLUN(conf *cluster.Config, pkg *cluster.Package, own cluster.Node, nodes []string, rep protocol.Report) picture.LUN {
	l := picture.LUN{
		Name: rep.LUN, Known: !rep.Unknown(), State: string(cluster.ConditionOf(rep)), Paths: &rep.Paths, Working: &rep.Working,
		Nodes: []picture.OfNode{}, Findings: []picture.Finding{},
	}
	for _, name := range nodes {
		l.Nodes = append(l.Nodes, drawNode(conf, own, name, rep))
	}
	for _, f := range rep.Findings {
		l.Findings = append(l.Findings, drawFinding(conf, rep, f))
	}
	l.Can = drawCan(rep.Capabilities)
	if rep.State == nil {
		return l
	}
	held := rep.State.Reservation
	reserved, registrations := held != nil, len(rep.State.Registrations)
	l.Reserved, l.Registrations, l.Generation = &reserved, &registrations, &rep.State.Generation
	l.Keys, l.Nexuses = keyTexts(rep.State.Keys()), drawNexuses(conf, rep.State)
	present := rep.State.Keys()
	if held != nil && held.Key != 0 && !slices.Contains(present, held.Key) {
		present = append(present, held.Key)
	}
	l.Foreign = keyTexts(conf.Foreign(present))
	if held != nil {
		w := words.OfKeys(conf, protocol.Status{LUN: rep.LUN, State: rep.State})
		l.Holder, l.HolderNode, l.Type = w.Holder, w.Node, held.Type.String()
	}
	if pkg != nil {
		l.Protected = protection(rep)
	}
	return l
}

// drawNexuses draws who is registered.
func drawNexuses(conf *cluster.Config, s *pr.State) []picture.Nexus {
	list := make([]picture.Nexus, len(s.Registrations))
	for i, r := range s.Registrations {
		list[i] = picture.Nexus{Key: r.Key.String(), Holds: r.Holder}
		node, _ := conf.NodeOf(r.Key)
		list[i].Node = node.Name
		if r.Initiator != nil {
			list[i].Initiator = r.Initiator.String()
		}
		if port := r.RelativePort; port != 0 {
			list[i].Port = &port
		}
	}
	return list
}

// drawCan says what a failover needs; nil of a device that does not tell.
func drawCan(c *pr.Capabilities) *picture.Can {
	if c == nil {
		return nil
	}
	return &picture.Can{
		PreemptAndAbort: c.PreemptAndAbort.String(), Move: c.Move.String(), Persist: pr.Says(true, c.Persists).String(),
		RegistrantsOnly: pr.Says(c.TypesKnown, c.Supports(pr.WriteExclusiveRegistrantsOnly)).String(),
	}
}

func keyTexts(keys []pr.Key) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.String()
	}
	return list
}

// drawNode draws one node on one LUN. How many paths another node has nobody
// here can know: of it there is only what the device lists.
func drawNode(conf *cluster.Config, own cluster.Node, name string, rep protocol.Report) picture.OfNode {
	out := picture.OfNode{Node: name}
	if name == own.Name {
		out.Expected = &rep.Paths
		out.HostID = session.HostOf(rep.Initiator)
	}
	n, err := conf.Node(name)
	if err != nil || rep.State == nil {
		return out
	}
	count := 0
	var different []pr.Registration
	for _, r := range rep.State.Registrations {
		if protocol.Plain(r.Key) != n.Key {
			continue
		}
		count++
		if out.HostID == "" {
			out.HostID = session.HostOf(r.Initiator)
		}
		if !slices.ContainsFunc(different, r.SameNexus) {
			different = append(different, r)
		}
		out.AllPorts = out.AllPorts || r.AllPorts
	}
	if out.Expected == nil && rep.State.Identified && count > 0 {
		// A device may list a nexus of the same name twice.
		count = len(different)
	}
	out.Registered = &count
	out.Leaving = protocol.IsMarked(rep.State, n.Key, protocol.LeavingMark)
	out.Taking = protocol.IsMarked(rep.State, n.Key, protocol.TakingMark)
	out.Holds = protocol.Holds(rep.State, n.Key)
	return out
}

func drawFinding(conf *cluster.Config, rep protocol.Report, f protocol.Finding) picture.Finding {
	m := words.FindingMessage(conf, rep, f)
	out := picture.Finding{Kind: string(f.Kind), Path: f.Path, Text: words.Finding(conf, rep, f), What: m.What, Hint: m.Hint, Grave: grave(f.Kind)}
	for _, k := range f.Keys {
		out.Keys = append(out.Keys, k.String())
	}
	return out
}

// grave reports whether data can be lost as it is, or nobody knows.
func grave(kind protocol.FindingKind) bool {
	switch kind {
	case cluster.StartedUnregistered, cluster.StartedPartly, cluster.StartedTaken, cluster.StartFailed,
		protocol.Unreadable, protocol.Contradiction, protocol.ForeignKeys, protocol.Unreserved, protocol.WrongType, protocol.TakingKeys,
		protocol.SeveralOwners, protocol.DifferentSets, protocol.StaleNexus, protocol.SameHost, words.InTwoPackages:
		return true
	}
	return false
}

// protection tells whether no other can write than those who shall, nil if
// that is unknown: the reservation is of the type made here, its holder is
// registered, and no finding says that somebody is registered who should not
// be.
func protection(rep protocol.Report) *bool {
	yes := rep.State.Reservation != nil
	for _, f := range rep.Findings {
		if f.Kind == protocol.Unreadable {
			return nil
		}
		yes = yes && !grave(f.Kind)
	}
	return &yes
}
