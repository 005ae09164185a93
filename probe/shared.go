package probe

import (
	"context"
	"slices"

	"lunguard/pr"
)

// sharedChecks are checks of any device that need two initiators.
type sharedChecks struct{ *bench }

// pair registers both anew: nothing else is registered, and nothing reserved. Not ok if
// there is nobody else.
func (x sharedChecks) pair(ctx context.Context) (ok bool, err error) {
	if x.b == nil {
		return false, nil
	}
	if err := x.clear(ctx); err != nil {
		return false, err
	}
	if err := x.join(ctx); err != nil {
		return false, err
	}
	_, err = x.b.Do(ctx, Deed{})
	return err == nil, err
}

// alone says that a check needs two initiators that count as two.
func (x sharedChecks) alone() string {
	switch {
	case x.blocked:
		return "the device passes over one port of this host while the other holds; run it on two hosts"
	case x.has("AllTgPtImplicit"):
		return "both paths of this host are one registration; run it on two hosts"
	}
	if x.Kind == Namespace {
		return "to a namespace this host is one initiator; run it on two hosts"
	}
	return "there is no second path; name a device with two, or run it on two hosts"
}

// allowed says whether an access passes: by whom, and of what kind.
type access struct {
	deed     Deed
	passes   bool
	check    Check
	exceeded string
}

// accesses are those of the other initiator under a type that this one holds.
func (x sharedChecks) accesses(t pr.Type) []access {
	shared := t.RegistrantsOnly() || t.AllRegistrants()
	list := []access{
		{Deed{Verb: Read, Outside: true}, !t.Exclusive(), FencesReads, "a read of an initiator that is not registered"},
		{Deed{Verb: Read}, shared || !t.Exclusive(), FencesReads, "a read of a registrant"},
	}
	if x.Scratch == nil {
		return list
	}
	return append(list,
		access{Deed{Verb: Write, Outside: true, Saved: x.Scratch.saved}, false, FencesWrites, "a write of an initiator that is not registered"},
		access{Deed{Verb: Write, Saved: x.Scratch.saved}, shared, FencesWrites, "a write of a registrant"})
}

// fences tries who may read and write under each type.
func (x sharedChecks) fences(ctx context.Context) error {
	if x.b == nil {
		x.found(FencesReads, false, Untried, "", x.alone())
		x.found(FencesWrites, false, Untried, "", x.alone())
		return nil
	}
	for _, t := range x.types {
		if err := x.fencesBy(ctx, t); err != nil {
			return err
		}
	}
	if x.Scratch == nil {
		x.found(FencesWrites, false, Untried, "", "no block may be written; see --scratch")
	} else {
		x.found(FencesWrites, true, Kept, "", "")
	}
	x.found(FencesReads, true, Kept, "", "")
	if x.nexusFailed {
		x.found(FencesReads, false, Kept, "DIDNexus", "a conflict comes with the host status DID_NEXUS_FAILURE")
	}
	return nil
}

// fencesBy is one type.
func (x sharedChecks) fencesBy(ctx context.Context, t pr.Type) error {
	if ok, err := x.pair(ctx); !ok {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: t}); !answer.good() {
		x.found(FencesReads, false, Broken, "", "RESERVE, "+t.String()+", beside another registrant: "+answer.String())
		return nil
	}
	for _, a := range x.accesses(t) {
		if a.deed.Verb == Write {
			if answer := x.a.write(ctx, firstWriter); !answer.good() {
				x.found(FencesWrites, false, Broken, "", "a write of the holder under "+t.String()+": "+answer.String())
				continue
			}
		}
		answer, err := x.b.Do(ctx, a.deed)
		if err != nil {
			return err
		}
		if err := x.judge(ctx, t, a, answer); err != nil {
			return err
		}
	}
	if answer := x.do(ctx, Deed{Verb: Release, Type: t}); !answer.good() {
		x.found(FencesReads, false, Broken, "", "RELEASE, "+t.String()+": "+answer.String())
	}
	return nil
}

// judge compares an access with what it should be. What a refused write has left is read.
func (x sharedChecks) judge(ctx context.Context, t pr.Type, a access, answer Answer) error {
	if answer.kind() == nexusConflict {
		x.nexusFailed = true
	}
	if a.deed.Verb == Write && a.deed.Outside && answer.conflict() {
		b, err := x.a.read(ctx)
		if err != nil {
			return err
		}
		if !x.Scratch.has(b, firstWriter) {
			x.found(a.check, false, Broken, "", a.exceeded+" under "+t.String()+" is refused, and the block has changed")
		}
	}
	switch seen := a.exceeded + " under " + t.String() + ": " + answer.String(); {
	case answer.unknown():
		x.found(a.check, false, Untried, "", seen)
	case a.passes && answer.conflict() && !x.TwoHosts && !a.deed.Outside:
		x.blocked = true
		x.found(a.check, false, Kept, "SameIQNBlocked", "while one port of this host holds, its other port does not count as registered")
		x.found(a.check, false, Untried, "", x.alone())
	case a.passes && !answer.good():
		x.found(a.check, false, Broken, "", seen)
	case !a.passes && answer.good() && a.deed.Outside:
		x.found(a.check, false, Broken, "LooseFencing", seen)
	case !a.passes && answer.good():
		x.found(a.check, false, Broken, loose(x.has("LooseFencing")), seen)
	case !a.passes && !answer.conflict():
		x.found(a.check, false, Untried, "", seen)
	}
	return nil
}

// loose is the quirk once more, if it was seen.
func loose(is bool) string {
	if is {
		return "LooseFencing"
	}
	return ""
}

// abortsWrites preempts the other initiator while it writes. Once that is answered no
// write of it may take effect.
func (x sharedChecks) abortsWrites(ctx context.Context) error {
	switch {
	case x.b == nil || x.blocked:
		x.found(AbortsWrites, false, Untried, "", x.alone())
		return nil
	case x.Scratch == nil:
		x.found(AbortsWrites, false, Untried, "", "no block may be written; see --scratch")
		return nil
	case !slices.Contains(x.types, pr.WriteExclusiveRegistrantsOnly) || x.has("NoPreemptAndAbort") || x.has("GivesUp"):
		return nil
	}
	if ok, err := x.pair(ctx); !ok {
		return err
	}
	reserve := func() (Answer, error) {
		d := Deed{Verb: Reserve, Type: pr.WriteExclusiveRegistrantsOnly}
		if x.has("HolderPreemptsNobody") {
			return x.b.Do(ctx, d)
		}
		return x.do(ctx, d), nil
	}
	switch answer, err := reserve(); {
	case err != nil:
		return err
	case !answer.good():
		return &AnswerError{"RESERVE", answer}
	}
	answer, err := x.b.Do(ctx, Deed{Verb: Load, Saved: x.Scratch.saved})
	if err != nil {
		return err
	}
	if !answer.good() {
		x.found(AbortsWrites, false, Untried, "", "the other initiator cannot write: "+answer.String())
		_, err := x.b.Do(ctx, Deed{Verb: Unload})
		return err
	}
	begun := x.Now()
	answer = x.do(ctx, Deed{Verb: PreemptAndAbort, Type: pr.WriteExclusiveRegistrantsOnly, Key: Other})
	x.Preemption = x.Now().Sub(begun)
	ours := x.a.write(ctx, lastWriter)
	wrote, err := x.b.Do(ctx, Deed{Verb: Unload})
	if err != nil {
		return err
	}
	return x.judgeAborted(ctx, answer, ours, wrote)
}

// judgeAborted says what came of the writes.
func (x sharedChecks) judgeAborted(ctx context.Context, preempted, ours, wrote Answer) error {
	x.Writes = int(wrote.detail() &^ unrefused)
	block, err := x.a.read(ctx)
	switch {
	case err != nil:
		return err
	case !preempted.good():
		x.found(AbortsWrites, false, Untried, "", "PREEMPT AND ABORT under load: "+preempted.String())
	case !ours.good():
		x.found(AbortsWrites, false, Untried, "", "a write of the holder: "+ours.String())
	case wrote.detail()&unrefused != 0:
		x.found(AbortsWrites, false, Broken, loose(x.has("LooseFencing")), "who was preempted goes on writing")
	default:
		x.found(AbortsWrites, x.Scratch.has(block, lastWriter), Broken, "", "a write of who was preempted took effect after PREEMPT AND ABORT")
	}
	return nil
}
