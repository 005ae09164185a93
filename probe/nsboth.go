package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/nvme"
	"lunguard/pr"
)

// nsPairChecks are the checks of a namespace that need two hosts.
type nsPairChecks struct{ *NamespaceTrial }

// initiators tries whether each host has a registration of its own.
func (x nsPairChecks) initiators(ctx context.Context) error {
	if err := x.clear(ctx); err != nil {
		return err
	}
	if err := x.join(ctx); err != nil {
		return err
	}
	if x.second != nil && x.b == nil {
		x.b = &near{actor: actor{unit: x.second, scratch: x.Scratch}, first: x.a, run: x.run}
	}
	if x.b == nil {
		x.found(Initiators, false, Untried, "", "to a namespace this host is one initiator; run it on two hosts")
		return nil
	}
	if _, err := x.b.Do(ctx, Deed{}); err != nil {
		return err
	}
	keys, err := x.keys(ctx)
	if err != nil {
		return err
	}
	both := slices.Contains(keys, x.a.own) && slices.Contains(keys, x.b.Key())
	x.found(Initiators, both, Broken, "", "of two hosts only one stays registered")
	if !both {
		x.b = nil
	}
	return nil
}

// held registers both and lets this one acquire; not ok if there is nobody else, or the
// type is not to be had.
func (x nsPairChecks) held(ctx context.Context, t pr.Type) (ok bool, err error) {
	if !slices.Contains(x.types, t) {
		return false, nil
	}
	if ok, err := x.pair(ctx); !ok {
		return false, err
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: t}); !answer.good() {
		return false, &AnswerError{"acquire", answer}
	}
	return true, nil
}

// announces tries what is told of a preemption.
func (x nsPairChecks) announces(ctx context.Context) error {
	if ok, err := x.held(ctx, pr.WriteExclusiveRegistrantsOnly); !ok {
		return err
	}
	if _, err := x.b.Do(ctx, Deed{Verb: Announced}); err != nil {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Preempt, Type: pr.WriteExclusiveRegistrantsOnly, Key: Other}); !answer.good() {
		x.found(Preempts, false, Broken, "", "preempt of a registrant: "+answer.String())
		return nil
	}
	r, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(r.Entries, func(e nvme.ReportEntry) bool { return e.Key == x.b.Key() }) {
		// Whether one that does not hold removes the holder is tried by itself.
		x.found(Preempts, false, Kept, "HolderPreemptsNobody", "who holds alone removes nobody by a preempt, which is Success")
		return nil
	}
	if err := x.expelled(ctx, Preempts); err != nil {
		return err
	}
	answer, err := x.b.Do(ctx, Deed{Verb: Announced})
	if err != nil {
		return err
	}
	event := nvme.Event(answer.detail())
	x.found(Announcements, event == nvme.RegistrationPreempted, Kept, "", "who was preempted is told: "+event.String())
	return nil
}

// expelled looks whether the other host is registered no more, and this one holds.
func (x nsPairChecks) expelled(ctx context.Context, c Check) error {
	r, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	gone := !slices.ContainsFunc(r.Entries, func(e nvme.ReportEntry) bool { return e.Key == x.b.Key() })
	holds := r.Type != 0 && slices.ContainsFunc(r.Entries, func(e nvme.ReportEntry) bool { return e.Key == x.a.own && e.Holder })
	x.found(c, gone && holds, Broken, "", fmt.Sprintf("it is Success, and the report has %d entries, type %d", len(r.Entries), r.Type))
	return nil
}

// allHold tries the type under which every registrant holds.
func (x nsPairChecks) allHold(ctx context.Context) error {
	const all = pr.WriteExclusiveAllRegistrants
	ok, err := x.held(ctx, all)
	if !ok {
		return err
	}
	r, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	holders := map[string]bool{}
	for _, e := range r.Entries {
		if e.Holder {
			holders[e.Host.String()] = true
		}
	}
	x.found(Types, len(holders) == 2, Kept, "OneHolder", "the report marks one holder where all registrants hold")
	answer, err := x.b.Do(ctx, Deed{Verb: Reserve, Type: all})
	if err != nil {
		return err
	}
	x.found(Types, answer.good(), Kept, "SecondConflicts", "acquire of another one who holds already: "+answer.String())
	if _, err := x.b.Do(ctx, Deed{Verb: Release, Type: all}); err != nil {
		return err
	}
	if r, err = x.u.report(ctx); err != nil {
		return err
	}
	x.found(Releases, r.Type == 0, Kept, "AcquirerReleases", "where all hold, only who has acquired can release")
	if ok, err = x.held(ctx, all); !ok {
		return err
	}
	if answer = x.do(ctx, Deed{Verb: Preempt, Type: pr.WriteExclusiveRegistrantsOnly, Key: Zero}); !answer.good() {
		x.found(Preempts, false, Kept, "", "a preempt of key 0 where all hold: "+answer.String())
		return nil
	}
	if r, err = x.u.report(ctx); err != nil {
		return err
	}
	x.found(Preempts, r.Type.Common() == pr.WriteExclusiveRegistrantsOnly, Kept, "KeepsType", "a preempt of all leaves the type as it was")
	return nil
}

// namesakes lets the holder preempt a key that another host has, too.
func (x nsPairChecks) namesakes(ctx context.Context) error {
	if x.has("HolderPreemptsNobody") {
		return nil // nor does it remove them
	}
	if ok, err := x.pair(ctx); !ok {
		return err
	}
	if err := x.a.become(ctx, x.b.Key()); err != nil {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: pr.WriteExclusiveRegistrantsOnly}); !answer.good() {
		return &AnswerError{"acquire", answer}
	}
	answer := x.do(ctx, Deed{Verb: Preempt, Type: pr.WriteExclusive, Key: Own})
	r, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	others := slices.ContainsFunc(r.Entries, func(e nvme.ReportEntry) bool { return !e.Host.Same(x.host) })
	x.found(Preempts, !answer.good() || !others, Kept, "NamesakesStay", "who holds and preempts its own key leaves others with that key there")
	return x.join(ctx)
}

// preempts takes the reservation over from the holder.
func (x nsPairChecks) preempts(ctx context.Context) error {
	if ok, err := x.pair(ctx); !ok {
		return errors.Join(err, x.abortsNobody(ctx))
	}
	answer, err := x.b.Do(ctx, Deed{Verb: Reserve, Type: pr.WriteExclusiveRegistrantsOnly})
	if err != nil {
		return err
	}
	if !answer.good() {
		return &AnswerError{"acquire by the other host", answer}
	}
	answer = x.do(ctx, Deed{Verb: PreemptAndAbort, Type: pr.WriteExclusiveRegistrantsOnly, Key: Other})
	if !answer.good() {
		x.abortFailed(answer)
		return nil
	}
	return x.expelled(ctx, Aborts)
}

// abortFailed says what an answer to a preempt and abort means.
func (x nsPairChecks) abortFailed(answer Answer) {
	quirk := ""
	switch {
	case answer.unknown():
		x.found(Aborts, false, Untried, "", answer.String())
		return
	case answer.is(nvme.InvalidField):
		quirk = "NoPreemptAndAbort"
	case answer.is(nvme.CommandInterrupted):
		quirk = "GivesUp"
	}
	x.found(Aborts, false, Broken, quirk, "preempt and abort: "+answer.String())
}

// abortsNobody asks at least whether there is a preempt and abort.
func (x nsPairChecks) abortsNobody(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	answer := x.do(ctx, Deed{Verb: PreemptAndAbort, Type: pr.WriteExclusiveRegistrantsOnly, Key: Nobody})
	if answer.is(nvme.InvalidField) {
		x.abortFailed(answer)
		return nil
	}
	x.found(Aborts, false, Untried, "", "to a namespace this host is one initiator; run it on two hosts")
	return nil
}

// clears takes all registrations off.
func (x nsPairChecks) clears(ctx context.Context) error {
	if ok, err := x.held(ctx, pr.WriteExclusiveRegistrantsOnly); !ok {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Clear}); !answer.good() {
		x.found(Clears, false, Broken, "", "clear: "+answer.String())
		return nil
	}
	x.a.own = 0
	keys, err := x.keys(ctx)
	x.found(Clears, len(keys) == 0, Broken, "", "clear is Success, and registrants are there")
	return err
}
