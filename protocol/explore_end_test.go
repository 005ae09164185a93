package protocol

import (
	"context"
	"errors"
	"fmt"

	"lunguard/scsi"
)

// end is law END, for a state in which all have ended.
func (x *explorer) end(s *state) string {
	if x.lies() {
		return "" // Nothing works there, and nobody said that it did.
	}
	if s.faults == 0 && s.kills == 0 {
		if wrong := x.failures(s); wrong != "" {
			return wrong
		}
		for i := range x.luns {
			f := x.lunAt(s, i)
			rely := s.up[i] &^ s.gone[i] &^ s.upset
			if rely != 0 && x.typ == Shared && f.typ != 0 && (f.holder&LeavingMark != 0 || f.holds&f.keyed == 0) {
				return fmt.Sprintf("END: %v runs, but who holds LUN %d leaves: %v", rely, i, f)
			}
		}
	}
	if wrong := x.recovers(s); wrong != "" {
		return wrong
	}
	return x.again(s)
}

// again runs a verb that was killed once more, alone, if nothing else went wrong:
// it must come to ok, and a halt leave nothing.
func (x *explorer) again(s *state) string {
	if s.kills == 0 || s.faults > 0 {
		return ""
	}
	for a, verbs := range x.actors {
		v := &verbs[0]
		gone := s.gone[0] | s.gone[1]
		if s.at[a] != killed || v.timid || v.kind != startKind && v.kind != haltKind || gone&bit(v.node) != 0 {
			continue
		}
		key := [mostLUNs + 1]int32{s.luns[0], s.luns[1], int32(8 + a)}
		wrong, known := x.tried[key]
		if !known {
			w, _ := x.resume(s)
			r := w.run(v.node)
			r.Parallel = 1
			err := on(x.set(v), *v).do(context.Background(), r)
			if err != nil && !x.resetless() {
				wrong = fmt.Sprintf("END: %v was killed, and when it is run again: %v; LUNs had %v", v, err, x.all(s))
			}
			for i := range x.luns {
				f := x.factsOf(w.device(i))
				if x.set(v)&(1<<i) != 0 && v.kind == haltKind && err == nil && f.keyed&bit(v.node) != 0 {
					wrong = fmt.Sprintf("END: %v was killed, and when it is run again LUN %d has %v; LUNs had %v", v, i, f, x.all(s))
				}
			}
			x.tried[key] = wrong
		}
		if wrong != "" {
			return wrong
		}
	}
	return ""
}

// failures says who failed without a reason.
func (x *explorer) failures(s *state) string {
	began, won, fences, fenced := 0, 0, 0, 0
	for v := range x.verbs {
		verb := &x.verbs[v]
		got := x.outcome(s, v)
		switch {
		case verb.kind == startKind:
			if !verb.timid {
				began++
			}
			if got == ok {
				won++
			}
		case verb.kind == fenceKind:
			fences++
			if got == ok {
				fenced++
			}
		}
		if got != ok && !x.mayFail(verb, got) {
			return fmt.Sprintf("END: %v said %s", verb, got)
		}
	}
	switch {
	case x.typ == Exclusive && began > 0 && won == 0 && !x.resetless() && !x.has(fenceKind) && !x.has(cleanupKind):
		return "1W: all starts have lost"
	case fences == 2 && len(x.verbs) == 2 && !x.resetless() && fenced == 0 && x.verbs[0].victim == x.verbs[1].node && x.verbs[1].victim == x.verbs[0].node && x.runsAll(&x.verbs[0]) && x.runsAll(&x.verbs[1]):
		return "1W: each has fenced the other, and nobody has won"
	}
	return ""
}

// has reports whether the scenario has a verb of a kind.
func (x *explorer) has(kind verbKind) bool { return x.hasFor(kind, "", "") }

// hasFor reports whether the scenario has a verb of a kind, of a node and for a
// victim if these are given.
func (x *explorer) hasFor(kind verbKind, node, victim string) bool {
	for v := range x.verbs {
		if verb := &x.verbs[v]; verb.kind == kind && (node == "" || verb.node == node) && (victim == "" || verb.victim == victim) {
			return true
		}
	}
	return false
}

// runsAll reports whether a verb's node ran on all of its LUNs at the beginning.
func (x *explorer) runsAll(verb *verb) bool {
	for i := range x.luns {
		if x.set(verb)&(1<<i) != 0 && x.order[0].up[i]&bit(verb.node) == 0 {
			return false
		}
	}
	return true
}

// mayFail reports whether a verb has a reason to fail, without any fault.
func (x *explorer) mayFail(verb *verb, got outcome) bool {
	if x.has(cleanupKind) || x.resetless() && got == outcome(ErrUnresolved.Error()) {
		return true
	}
	if x.stranger != "" && got == "foreign key" {
		return true
	}
	fenced := x.hasFor(fenceKind, "", verb.node)
	switch verb.kind {
	case startKind:
		if verb.timid && got == lost {
			return true
		}
		if x.typ == Exclusive {
			return fenced || got == lost
		}
		return fenced
	case fenceKind:
		return fenced || !x.runsAll(verb) || x.hasFor(haltKind, verb.node, "") || x.typ == Exclusive && x.hasFor(startKind, "", "")
	case haltKind:
		return x.hasFor(readmitKind, verb.node, "")
	}
	// Others were in between; it says so.
	return !x.alone()
}

// outcome is how a verb ended.
func (x *explorer) outcome(s *state, v int) outcome {
	for a, verbs := range x.actors {
		if n := v - x.offset[a]; n >= 0 && n < len(verbs) && s.at[a] != killed {
			return x.moments[a][s.at[a]].results[n]
		}
	}
	return ""
}

// recovers starts a node that runs nothing, alone and without faults, on what was
// left. It must come to ok, and be right.
func (x *explorer) recovers(s *state) string {
	var busy nodes
	for i := range x.luns {
		busy |= s.up[i]
	}
	node := 2
	for ; node >= 0 && busy&(1<<node) != 0; node-- {
	}
	if node < 0 {
		return ""
	}
	key := [mostLUNs + 1]int32{s.luns[0], s.luns[1], int32(node)}
	wrong, known := x.tried[key]
	if !known {
		if wrong = x.recover(s, node); wrong != "" {
			wrong = fmt.Sprintf("END: a start of %s afterwards %s", nodeNames[node], wrong)
		}
		x.tried[key] = wrong
	}
	return wrong
}

// resume is a world that goes on from a state, with whose writes may be under
// way.
func (x *explorer) resume(s *state) (*world, *[mostLUNs]nodes) {
	w := x.world.copy()
	w.mode, w.kept = x.typ, x.kept
	var dying [mostLUNs]nodes
	for i := range x.luns {
		w.setDevice(i, x.lunAt(s, i).machine.copied())
		dying[i] = x.lunAt(s, i).dying
	}
	w.wrap = func(_ string, lun, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			reply, err := t.Do(ctx, req)
			if req.Function == scsi.LogicalUnitReset && err == nil && reply.Err() == nil {
				dying[lun] = 0
			}
			return reply, err
		})
	}
	return w, &dying
}

func (x *explorer) recover(s *state, node int) string {
	w, dying := x.resume(s)
	r := w.run(nodeNames[node])
	r.Parallel = 1
	if err := r.Start(context.Background()); err != nil {
		if x.resetless() && errors.Is(err, ErrUnresolved) {
			return "" // It says what there is to do.
		}
		return fmt.Sprintf("fails: %v; LUNs have %v", err, x.all(s))
	}
	for i := range x.luns {
		f := x.factsOf(w.device(i))
		f.dying = dying[i]
		switch {
		case f.dying != 0 && x.typ == Exclusive:
			return fmt.Sprintf("says ok while writes are under way; LUNs had %v", x.all(s))
		case !x.isRightType(f.typ), f.own&(1<<node) == 0, x.typ == Exclusive && (f.holds != 1<<node || f.any != 1<<node):
			return fmt.Sprintf("says ok and leaves LUN %d as %v; LUNs had %v", i, f, x.all(s))
		}
	}
	return x.refences(s, w, node, dying)
}

// refences has the node that has just joined fence each node whose writes may be
// under way: nobody was told yet that they are not.
func (x *explorer) refences(s *state, w *world, node int, dying *[mostLUNs]nodes) string {
	for n, name := range nodeNames {
		if n == node || (dying[0]|dying[1])&(1<<n) == 0 {
			continue
		}
		r := w.run(nodeNames[node])
		r.Parallel = 1
		m, _ := named(r.Members, name)
		switch err := r.Fence(context.Background(), m); {
		case err == nil && (dying[0]|dying[1])&(1<<n) != 0:
			return fmt.Sprintf("and its fence of %s say ok while that node's writes are under way; LUNs had %v", name, x.all(s))
		case err != nil && !x.resetless():
			return fmt.Sprintf("is ok, but its fence of %s fails: %v; LUNs had %v", name, err, x.all(s))
		}
	}
	return ""
}

// all are the LUNs in a state.
func (x *explorer) all(s *state) []*facts {
	var list []*facts
	for i := range x.luns {
		list = append(list, x.lunAt(s, i))
	}
	return list
}
