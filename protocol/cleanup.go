package protocol

import (
	"context"
	"errors"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// Cleanup clears what an unclean halt left on LUNs, whoever left it. Members
// and Node of the run may be empty.
//
// With a key, those LUNs alone are cleared on which it is registered. Without,
// every LUN is cleared that has a registration. Results come in the order of
// the LUNs; each is final, whatever happened on the others.
func (r *Run) Cleanup(ctx context.Context, key pr.Key) []CleanupResult {
	results := make([]CleanupResult, len(r.LUNs))
	end, cancel := untilHurry(ctx, r.Hurry)
	defer cancel()
	r.eachLUN(func(i int) {
		t := r.target(r.LUNs[i])
		if results[i] = (CleanupResult{LUN: t.Name, Err: t.notBegun()}); ctx.Err() == nil {
			results[i] = cleanUp(end, t, key)
		}
	})
	return results
}

// CleanupResult is what became of one LUN.
type CleanupResult struct {
	LUN string
	// Before are the keys that were found, Holder the reservation's.
	Before []pr.Key
	Holder pr.Key
	// Cleared says that the LUN was cleared and read back empty.
	Cleared bool
	// Err is nil if the LUN was cleared, or had nothing and was not asked for
	// by key; ErrOtherKeys if the key asked for is not registered.
	Err error
}

// ErrOtherKeys says that a LUN was left alone because the key asked for is
// not registered on it.
var ErrOtherKeys = errors.New("the key is not registered there")

// cleanUp clears one LUN and reads back that it is empty. If somebody was taking
// it, what that one had removed may still have commands under way: that is
// resolved afterwards, by a reset, or said.
func cleanUp(ctx context.Context, t *target, only pr.Key) CleanupResult {
	res := CleanupResult{LUN: t.Name}
	if res.Err = t.surveyState(ctx); res.Err != nil {
		return res
	}
	res.Before, res.Holder = t.State.Keys(), t.Holder()
	// What the path holds by the key that is registered in order to clear, it holds
	// by that.
	t.took = true
	res.Err = t.drive(ctx, clearRows(only))
	res.Cleared = t.sent && (res.Err == nil || errors.Is(res.Err, ErrUnresolved))
	if res.Err == nil {
		res.Err = t.unfinished()
	}
	return res
}

// clearRows register one path and clear with it: with this node's own key, with
// both marks, which then stands on a port of its own if the run is killed in between;
// without a config with one that is there already, so that no stranger's is left.
func clearRows(only pr.Key) []row {
	return []row{
		{"it is empty", func(t *position) bool { return len(unit.AllKeys(t.State)) == 0 && !t.doubt && (t.sent || only == 0) }, finish},
		{"it is empty, and it is not known whether commands are over", func(t *position) bool { return len(unit.AllKeys(t.State)) == 0 && t.sent && t.unresolved != nil },
			func(t *target) action { return fail(errors.Join(ErrUnresolved, t.unresolved)) }},
		noPathRow(),
		{"it is empty, and somebody was taking it", func(t *position) bool { return len(unit.AllKeys(t.State)) == 0 && t.doubt },
			func(t *target) action { return t.resets() }},
		{"it was cleared, and is not empty", func(t *position) bool { return t.accepted },
			func(*target) action { return fail(ErrKeysLeft) }},
		{"the key asked for is not there", func(t *position) bool { return only != 0 && !t.touched && !t.HasKey(only) },
			func(*target) action { return fail(ErrOtherKeys) }},
		{"no path is registered", func(t *position) bool { return t.sureKey(t.seat()) == 0 },
			func(t *target) action { return registersFor(t, only) }},
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
