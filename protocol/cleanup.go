package protocol

import (
	"context"
	"errors"
	"slices"
	"strings"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// Clearing says which LUNs a clean-up clears.
type Clearing struct {
	// Only, if not 0, is the key without which a LUN is left alone.
	Only pr.Key
	// Force clears what a node of the cluster has, too.
	Force bool
}

// Cleanup clears what an unclean halt left on LUNs, whoever left it. Members
// and Node of the run may be empty.
//
// All are read first. If a node of the cluster has one that would be cleared, and may
// run something on it, nothing is changed on any, unless that is forced: the errors are
// joined *ProtectedError, one for each such LUN, and there are no results.
//
// Results come in the order of the LUNs; each is final, whatever happened on the
// others.
func (r *Run) Cleanup(ctx context.Context, c Clearing) ([]CleanupResult, error) {
	results, targets := make([]CleanupResult, len(r.LUNs)), make([]*target, len(r.LUNs))
	end, cancel := untilHurry(ctx, r.Hurry)
	defer cancel()
	r.eachLUN(func(i int) {
		t := r.target(r.LUNs[i])
		t.Alone = false // whoever is there may be any package's
		targets[i], results[i] = t, CleanupResult{LUN: t.Name, Err: t.notBegun()}
		if ctx.Err() == nil {
			results[i].Err = t.surveyState(end)
		}
	})
	var refused, unread []error
	for i, t := range targets {
		if unread = append(unread, results[i].Err); results[i].Err == nil {
			refused = append(refused, c.refuses(&t.position))
		}
	}
	if err := errors.Join(refused...); err != nil {
		return nil, errors.Join(err, errors.Join(unread...))
	}
	r.eachLUN(func(i int) {
		switch {
		case results[i].Err != nil:
		case ctx.Err() != nil:
			results[i].Err = targets[i].notBegun()
		default:
			results[i] = c.cleanUp(end, targets[i])
		}
	})
	return results, nil
}

// CleanupResult is what became of one LUN.
type CleanupResult struct {
	LUN string
	// Before are the keys that were found, Holder the reservation's.
	Before []pr.Key
	Holder pr.Key
	// Lost are the nodes of the cluster that were there, and may run something on it.
	Lost []Member
	// Cleared says that the LUN was cleared and read back empty.
	Cleared bool
	// Err is nil if the LUN was cleared, or had nothing and was not asked for
	// by key; *OtherKeysError if the key asked for is not registered.
	Err error
}

// OtherKeysError says that a LUN was left alone because the key asked for is not
// registered on it.
type OtherKeysError struct {
	LUN string
	Key pr.Key
	// There are the keys that are registered, Members the nodes of the cluster.
	There   []pr.Key
	Members Members
}

func (e *OtherKeysError) Error() string {
	return e.LUN + ": the key " + e.Key.String() + " is not registered there"
}

// ProtectedError says that a LUN was left alone because nodes of the cluster would have
// lost their protection.
type ProtectedError struct {
	LUN string
	// Nodes would have, Holder of them holds the reservation, if one does. Foreign are
	// the keys beside theirs.
	Nodes   []Member
	Holder  Member
	Foreign []pr.Key
}

func (e *ProtectedError) Error() string {
	names := make([]string, len(e.Nodes))
	for i, n := range e.Nodes {
		names[i] = n.Name
	}
	return e.LUN + ": would be taken from " + strings.Join(names, ", ")
}

// isAsked reports whether a LUN has what is to be cleared.
func (c Clearing) isAsked(t *position) bool { return c.Only == 0 || t.HasKey(c.Only) }

// refuses is the *ProtectedError of a LUN that would be cleared, and is not to be.
func (c Clearing) refuses(t *position) error {
	nodes := t.mayRun()
	if c.Force || !c.isAsked(t) || len(nodes) == 0 {
		return nil
	}
	e := &ProtectedError{LUN: t.Name, Nodes: nodes, Foreign: t.Foreign()}
	e.Holder, _ = t.Members().Of(t.Holder())
	return e
}

// mayRun are the nodes of the cluster that may run something on the LUN: those with a
// key that is not marked leaving. Who leaves has stopped before.
func (t *position) mayRun() []Member {
	var list []Member
	for _, k := range unit.AllKeys(t.State) {
		if n, ok := t.Members().Of(k); ok && k&LeavingMark == 0 && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// cleanUp clears one LUN and reads back that it is empty. If somebody was taking
// it, what that one had removed may still have commands under way: that is
// resolved afterwards, by a reset, or said.
func (c Clearing) cleanUp(ctx context.Context, t *target) CleanupResult {
	res := CleanupResult{LUN: t.Name, Before: t.State.Keys(), Holder: t.Holder(), Lost: t.mayRun()}
	// What the path holds by the key that is registered in order to clear, it holds
	// by that.
	t.took = true
	res.Err = t.drive(ctx, c.rows())
	res.Cleared = t.sent && (res.Err == nil || errors.Is(res.Err, ErrUnresolved))
	if res.Err == nil {
		res.Err = t.unfinished()
	}
	return res
}

// rows register one path and clear with it: with this node's own key, with
// both marks, which then stands on a port of its own if the run is killed in between;
// without a config with one that is there already, so that no stranger's is left.
func (c Clearing) rows() []row {
	return []row{
		{"it is empty", func(t *position) bool { return len(unit.AllKeys(t.State)) == 0 && !t.doubt && (t.sent || c.Only == 0) }, finish},
		{"it is empty, and it is not known whether commands are over", func(t *position) bool { return len(unit.AllKeys(t.State)) == 0 && t.sent && t.unresolved != nil },
			func(t *target) action { return fail(errors.Join(ErrUnresolved, t.unresolved)) }},
		noPathRow(),
		{"it is empty, and somebody was taking it", func(t *position) bool { return len(unit.AllKeys(t.State)) == 0 && t.doubt },
			func(t *target) action { return t.resets() }},
		{"it was cleared, and is not empty", func(t *position) bool { return t.accepted },
			func(*target) action { return fail(ErrKeysLeft) }},
		{"the key asked for is not there", func(t *position) bool { return !t.touched && !c.isAsked(t) },
			func(t *target) action {
				return fail(&OtherKeysError{LUN: t.Name, Key: c.Only, There: t.State.Keys(), Members: t.Members()})
			}},
		{"a node of the cluster has come, and that is not forced", func(t *position) bool { return !t.touched && c.refuses(t) != nil },
			func(t *target) action { return fail(c.refuses(&t.position)) }},
		{"no path is registered", func(t *position) bool { return t.sureKey(t.seat()) == 0 },
			func(t *target) action { return registersFor(t, c.Only) }},
		{"a path is registered", func(*position) bool { return true },
			clearsAll},
	}
}

// registersFor registers the seat in order to clear, quoting the key that is listed
// for it. The key has both marks: a CLEAR that was given up and is performed late
// finds it gone, and does nothing to this node's next start; and nobody takes a node
// that runs for one that has stopped.
func registersFor(t *target, only pr.Key) action {
	key := t.Me()
	switch {
	case key != 0:
	case only != 0:
		key = Plain(only)
	default:
		key = Plain(unit.AllKeys(t.State)[0])
	}
	p := t.seat()
	if r, sure, _ := t.Registration(p); sure {
		return t.registers(Registered, p, r.Key, Taking(Leaving(key)))
	}
	return t.registersAnew(p, Taking(Leaving(key)))
}

// clearsAll clears with the key of the seat. A REGISTER of this run whose end is not
// known may be performed after it, and would be left behind.
func clearsAll(t *target) action {
	p := t.seat()
	comes := len(t.unanswered) > 0
	takers := slices.ContainsFunc(t.before.Registrations, func(r pr.Registration) bool { return r.Key&TakingMark != 0 }) || len(t.Takers()) > 0
	a := t.clears(p, t.sureKey(p))
	a.ended = func(how end, _ error) {
		t.registered(p, 0)
		t.accepted = t.accepted || how == performed
		t.sent = t.sent || how == performed || how == unknown
		t.doubt = t.doubt || t.sent && (takers || comes)
	}
	return a
}
