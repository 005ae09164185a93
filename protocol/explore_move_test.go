package protocol

// moves lists what can happen next in a state. In a list of its own, so that
// nothing is allocated for each state.
func (x *explorer) moves(s *state, list []uint8) []uint8 {
	add := func(m move, a int) { list = append(list, uint8(m)<<2|uint8(a)) }
	faults := s.faults < uint8(x.faults)
	for a := range x.actors {
		m := x.live(s, a)
		if m == nil {
			continue
		}
		if s.kills < uint8(x.kills) && len(x.actors[a]) == 1 {
			add(isKilled, a)
		}
		if s.waits[a] != 0 {
			add(finishes, a)
			if faults {
				add(answerLost, a)
			}
			continue
		}
		if s.dead&x.pathOf(a, m) != 0 {
			add(noPath, a)
			continue
		}
		if x.held(s, a, m) {
			add(notSent, a)
			continue
		}
		add(goes, a)
		if !faults {
			continue
		}
		if x.adversity.paths {
			add(pathDies, a)
		}
		if !m.next.changes() {
			continue
		}
		add(neverDone, a)
		if took := x.take(a, m, s.luns[m.next.lun]); took.done && took.lun != s.luns[m.next.lun] {
			add(answerLost, a)
		}
		if x.late && s.ghost == 0 {
			add(isLate, a)
		}
		if x.attentions && m.next.req.out() {
			if x.newer {
				add(attention2a05, a)
			} else {
				add(attention2a03, a)
			}
			add(attention2900, a)
		}
	}
	if s.ghost != 0 {
		add(ghostGoes, int(s.ghost>>28))
	}
	return list
}

// held reports whether the path of an actor's next command is taken by one that
// was given up: as long as that is under way the same process sends nothing
// there, and other processes of the host no PERSISTENT RESERVE OUT.
func (x *explorer) held(s *state, a int, m *moment) bool {
	if s.ghost == 0 {
		return false
	}
	by := int(s.ghost >> 28)
	g := x.moments[by][s.ghost&(1<<28-1)]
	if g.next.lun != m.next.lun || g.next.path != m.next.path || x.actors[by][0].node != x.actors[a][0].node {
		return false
	}
	return m.next.req.out() || by == a && g.verb() == m.verb()
}

// pathOf is the path that an actor's next command goes by.
func (x *explorer) pathOf(a int, m *moment) uint8 {
	return pathBit(nodeNumber(x.actors[a][0].node), m.next.path)
}

// after makes a move. It returns what is wrong with it, or nothing.
func (x *explorer) after(before *state, how move, a int) (s state, wrong string) {
	s = *before
	if how == isKilled {
		s.at[a], s.waits[a] = killed, 0
		s.kills++
		return s, ""
	}
	var m *moment
	if how == ghostGoes {
		m = x.moments[a][s.ghost&(1<<28-1)]
		s.ghost = 0
	} else {
		m = x.moments[a][s.at[a]]
	}
	v := x.verbOf(a, m)
	if m.first() {
		x.sets(&s, v)
	}
	lun := m.next.lun
	switch how {
	case goes, ghostGoes:
		took := x.take(a, m, s.luns[lun])
		if how == goes {
			s.at[a] = took.moment
		}
		// What is begun here is answered at once unless somebody's writes have to
		// be waited for.
		if waits := x.strikes(&s, a, m, took); waits != 0 && how == goes {
			s.at[a], s.waits[a] = before.at[a], inAbort|waits
		}
		if took.done {
			wrong = x.acts(before, &s, v, m)
			if how == ghostGoes {
				x.haunts(&s, v)
			}
		}
	case answerLost:
		if s.waits[a] != 0 {
			s.waits[a] = 0
		} else {
			took := x.take(a, m, s.luns[lun])
			x.strikes(&s, a, m, took)
			wrong = x.acts(before, &s, v, m)
		}
		s.at[a] = x.fail(a, m, how)
	case finishes:
		over := s.waits[a]
		s.waits[a] = 0
		for b := range x.actors {
			if other := x.live(&s, b); other != nil && other.next.lun == lun {
				over &^= s.waits[b]
			}
		}
		f := x.lunAt(&s, lun)
		s.luns[lun] = x.dying(lun, s.luns[lun], f.dying&^over)
		s.at[a] = x.fail(a, m, how)
	case isLate:
		s.ghost = int32(a)<<28 | m.id
		s.at[a] = x.fail(a, m, how)
	default:
		s.at[a] = x.fail(a, m, how)
	}
	switch how {
	case answerLost, neverDone, isLate, attention2a03, attention2a05, attention2900:
		s.faults++
		s.hurt |= x.pathOf(a, m)
	case pathDies:
		s.faults++
		s.dead |= x.pathOf(a, m)
	}
	if wrong == "" && how != ghostGoes {
		wrong = x.ends(&s, a, m, v)
	}
	if wrong == "" {
		wrong = x.holds(&s)
	}
	return s, wrong
}

// haunts is what follows from a command of verb v that was performed late. Whom
// it strikes could not know of it.
func (x *explorer) haunts(s *state, v int) {
	switch verb := &x.verbs[v]; verb.kind {
	case fenceKind:
		s.upset |= bit(verb.victim)
	case cleanupKind:
		s.upset = 7
	default:
		s.late |= bit(verb.node)
	}
}

// sets is what follows from the beginning of a verb, before its first command.
func (x *explorer) sets(s *state, v int) {
	verb := &x.verbs[v]
	n := bit(verb.node)
	for i := range s.up {
		if x.set(verb)&(1<<i) == 0 {
			continue
		}
		s.halted[i] &^= n
		switch verb.kind {
		case haltKind:
			// It has stopped what ran, and all of its writes were answered.
			if i < x.luns {
				s.luns[i] = x.dying(i, s.luns[i], x.lunAt(s, i).dying&^n)
			}
			s.up[i] &^= n
			s.gone[i] &^= n
		case startKind:
			// A new life: whatever it was, it runs nothing now.
			s.up[i] &^= n
			s.gone[i] &^= n
		}
	}
	if verb.kind == haltKind {
		// Whoever was beaten by this node may win now.
		s.beaten = 0
	}
}

// strikes puts the outcome of a command into the state of its LUN, and returns
// the nodes whose writes a PREEMPT AND ABORT has to wait for. It is the worst
// case that the writes of all nodes that ran were under way.
func (x *explorer) strikes(s *state, a int, m *moment, took step) nodes {
	lun := m.next.lun
	s.luns[lun] = took.lun
	if took.lost == 0 || !m.next.req.preempts() {
		return 0
	}
	waits := ofPaths(took.lost) & s.up[lun] &^ bit(x.actors[a][0].node)
	if waits != 0 {
		s.luns[lun] = x.dying(lun, s.luns[lun], x.lunAt(s, lun).dying|waits)
	}
	if !m.next.req.aborts() {
		return 0
	}
	return waits
}

// acts is what follows for the nodes from a command that was performed.
func (x *explorer) acts(before, s *state, v int, m *moment) string {
	lun := m.next.lun
	f, g := x.lunAt(before, lun), x.lunAt(s, lun)
	verb := &x.verbs[v]
	self := bit(verb.node)
	if s.begun&(1<<v) == 0 {
		s.begun |= 1 << v
		switch verb.kind {
		case startKind:
			if x.typ == Exclusive {
				s.upset |= 7 &^ self
			}
		case fenceKind:
			s.upset |= bit(verb.victim)
		case cleanupKind:
			s.upset = 7
		}
	}
	if f == g {
		return ""
	}
	if verb.evicts {
		if wrong := x.evicted(f, g, v, lun); wrong != "" {
			return wrong
		}
	}
	if lost := ofPaths(f.paths &^ g.paths); lost != 0 && verb.kind == fenceKind {
		for w := range x.verbs {
			other := &x.verbs[w]
			if other.kind == startKind && lost&bit(other.node) != 0 && other.node == verb.victim && x.underWay(s, w) {
				s.cut |= 1 << w
			}
		}
	}
	if m.next.req.registersBlindly() {
		s.admits |= x.admitted(s, verb, g.any&^f.any|self)
	}
	if f.typ != 0 && g.typ == 0 {
		return x.unreserved(s, f, v, lun)
	}
	return ""
}

// admitted are the nodes that a REGISTER lets in by the hole that is admitted:
// it quotes no registration where there was none, so that it works even
// if the node was fenced after the command was decided on. On a device with
// REGISTER AND MOVE the owner of an exclusive package has another way, as long as
// the path that holds has not failed.
func (x *explorer) admitted(s *state, verb *verb, who nodes) nodes {
	switch {
	case verb.kind == copyKind:
		return who
	case verb.kind == repairKind || verb.kind == readmitKind:
		if x.typ == Shared || x.moveless() || x.perHost() || ofPaths(s.dead|s.hurt)&bit(verb.node) != 0 {
			return who
		}
	}
	return 0
}

// ends is what follows if a verb has ended by a move.
func (x *explorer) ends(s *state, a int, was *moment, v int) string {
	now := x.moments[a][s.at[a]]
	if len(now.results) == was.verb() {
		if now.commands > mostCommands {
			return "END: " + x.actors[a][was.verb()].String() + " does not come to an end"
		}
		return ""
	}
	verb := &x.verbs[v]
	self := bit(verb.node)
	switch verb.kind {
	case repairKind, readmitKind:
		if now.flags&(1<<was.verb()) != 0 || s.faults == 0 {
			// Else its undoing may have failed, too, and it says so.
			s.admits &^= self
		}
	case copyKind:
		s.admits = 0
	}
	if now.flags&(1<<was.verb()) == 0 {
		return ""
	}
	set := x.set(verb)
	switch verb.kind {
	case startKind:
		return x.started(s, v, self, set)
	case fenceKind:
		return x.fenced(s, v, bit(verb.victim), set)
	case haltKind:
		for i := range x.luns {
			if set&(1<<i) != 0 {
				s.halted[i] |= self
			}
		}
	case copyKind:
		x.extends(s, set)
	}
	return x.saysRight(s, v, set)
}

// started: a start said ok.
func (x *explorer) started(s *state, v int, self nodes, set uint8) string {
	if s.beaten&(1<<v) != 0 {
		return "1W: " + x.verbs[v].String() + " says ok, but a rival that was under way has said so before"
	}
	elsewhere := false
	for i := range x.luns {
		elsewhere = elsewhere || set&(1<<i) == 0 && s.up[i]&self != 0
	}
	if !elsewhere {
		// What was begun against it on other LUNs goes on.
		s.upset &^= self
	}
	var fencedFrom uint8
	for w := range x.verbs {
		other := &x.verbs[w]
		takes := other.kind == startKind && x.typ == Exclusive && other.node != x.verbs[v].node
		rival := takes && x.set(other)&set != 0
		fence := other.kind == fenceKind && bit(other.victim) == self
		switch {
		case rival && x.underWay(s, w):
			s.beaten |= 1 << w
		case fence && s.cut&(1<<v) != 0 && x.saidOK(s, w):
			fencedFrom |= x.set(other)
		case fence && s.cut&(1<<v) != 0, (fence || takes || other.kind == cleanupKind) && x.underWay(s, w):
			s.upset |= self
		}
	}
	for i := range x.luns {
		if set&(1<<i) == 0 {
			continue
		}
		s.up[i] |= self
		if fencedFrom&(1<<i) != 0 {
			// It was fenced in the middle, and nobody will do it again.
			s.gone[i] |= self
		}
		if x.typ == Exclusive {
			s.gone[i] |= s.up[i] &^ self
		}
	}
	return x.saysRight(s, v, set)
}

// fenced: a fence said ok.
func (x *explorer) fenced(s *state, v int, victim nodes, set uint8) string {
	if s.beaten&(1<<v) != 0 {
		return "1W: " + x.verbs[v].String() + " says ok, but the victim's fence of it has said so before"
	}
	runs := false
	for i := range x.luns {
		runs = runs || set&(1<<i) != 0 && s.up[i]&victim != 0
	}
	for i := range x.luns {
		if runs && set&(1<<i) != 0 {
			s.gone[i] |= victim
			s.up[i] |= victim
		}
	}
	for w := range x.verbs {
		other := &x.verbs[w]
		if other.kind == fenceKind && bit(other.node) == victim && other.victim == x.verbs[v].node && x.underWay(s, w) {
			s.beaten |= 1 << w
		}
	}
	return x.saysRight(s, v, set)
}

// extends: a copy said ok, so that all who run the package use the new LUNs,
// too, those included who do not know that they are kept out.
func (x *explorer) extends(s *state, set uint8) {
	var up, gone nodes
	for i := range x.luns {
		up |= s.up[i]
		gone |= s.gone[i]
	}
	for i := range x.luns {
		if set&(1<<i) != 0 {
			s.up[i] |= up
			s.gone[i] |= gone
		}
	}
}
