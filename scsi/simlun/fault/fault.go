// Package fault is what goes wrong on the way to a simulated unit: a [Plan] of rules,
// its text ([ParsePlan]), and what it has in store for a command ([Faults.Count]).
package fault

import (
	"errors"
	"slices"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// Plan lists what goes wrong, in the order in which the rules are looked at.
// Each rule counts the commands that match it. All rules that fire for one
// command add their delays; the first of them with another action decides the
// answer.
type Plan []Rule

// Rule is one fault: which commands, which of them, and what happens.
type Rule struct {
	Match Match
	// At is the number of the matching command that is hit, counted from 1;
	// 0 hits every one.
	At int
	// After says that the command is performed first, and only its answer is
	// replaced.
	After  bool
	Action Action
}

// Match picks commands.
type Match struct {
	// What is "any", the name of a command or "prout.register" and the like;
	// see [ParsePlan].
	What string
	// Nexus is a nexus as [NexusID.String] writes it, or its initiator port
	// alone; empty is any.
	Nexus string
}

// ActionKind is what a rule does.
type ActionKind uint8

// Kinds of action.
const (
	// Status answers Action.Status.
	Status ActionKind = iota + 1
	// Sense answers CHECK CONDITION with Action.Sense.
	Sense
	// Host answers Action.Host, as if the transport had failed.
	Host
	// Delay lets the command wait for Action.Delay before it is
	// performed; After a rule, its answer waits.
	Delay
	// Truncate performs the command and cuts its data to
	// Action.Length bytes.
	Truncate
	// Die ends the process.
	Die
	// Late answers DID_TIME_OUT at once, and the unit performs the command
	// later: after Action.Count further commands of any nexus, or, if that is 0,
	// after Action.Delay. See Machine.Late of package
	// simlun.
	Late
	// Elsewhere lets another unit perform the command: one without
	// registrations, whose name is another, and that forgets what it was told. So
	// it is where an array has put another unit behind a path.
	Elsewhere
	// Short answers GOOD and says that all of the data has arrived, but only
	// the first Action.Length bytes have; those behind stay as they were in
	// the sender's memory.
	Short
	// Zero is FaultShort with zeros behind.
	Zero
	// Swap sends the data of another reading command, Action.What.
	Swap
	// Cut lets PERSISTENT RESERVE IN tell of the first Action.Length
	// registrations only, with lengths that fit.
	Cut
	// Length adds Action.Length to ADDITIONAL LENGTH of PERSISTENT RESERVE IN.
	Length
	// Generation puts Action.Length in the place of PRGENERATION.
	Generation
	// Stale lets PERSISTENT RESERVE IN tell what there was when the plan was
	// set.
	Stale
)

// Action is what a rule does to a command.
type Action struct {
	Kind   ActionKind
	Status scsi.Status
	Sense  scsi.Sense
	Host   scsi.HostStatus
	Delay  time.Duration
	Length int
	Count  int
	// What is another command, as in a Match.
	What string
}

// ErrBadPlan says that a text is no fault plan.
var ErrBadPlan = errors.New("not a fault")

// Verdict is what the plan has in store for one command.
type Verdict struct {
	Before, After time.Duration
	Fault         *Rule // nil for none
}

// Faults are a plan, and how many commands matched each of its rules.
type Faults struct {
	Plan Plan  // shared by clones, never changed in place
	Hits []int // one a rule of plan
}

// Set replaces the plan and begins counting anew.
func (m *Faults) Set(p Plan) { m.Plan, m.Hits = p, make([]int, len(p)) }

// Clone shares nothing that changes.
func (m *Faults) Clone() Faults { return Faults{Plan: m.Plan, Hits: slices.Clone(m.Hits)} }

// Has reports whether the plan has a rule of that kind.
func (m *Faults) Has(k ActionKind) bool {
	return slices.ContainsFunc(m.Plan, func(r Rule) bool { return r.Action.Kind == k })
}

// Count looks the command up in the plan and counts it.
func (m *Faults) Count(from model.NexusID, req *scsi.Request) Verdict {
	var v Verdict
	for i := range m.Plan {
		rule := &m.Plan[i]
		if !rule.Match.matches(from, req) {
			continue
		}
		if rule.At > 0 {
			// Past its turn a rule stops counting: a reading command then
			// changes nothing.
			if m.Hits[i] >= rule.At {
				continue
			}
			if m.Hits[i]++; m.Hits[i] != rule.At {
				continue
			}
		}
		switch {
		case rule.Action.Kind == Delay && rule.After:
			v.After += rule.Action.Delay
		case rule.Action.Kind == Delay:
			v.Before += rule.Action.Delay
		case v.Fault == nil:
			v.Fault = rule
		}
	}
	return v
}

// Prevents reports whether the command is not performed now.
func (v Verdict) Prevents() bool {
	return v.Fault != nil && !v.Fault.After && v.Fault.Action.Kind != Truncate && !v.Fault.Action.Kind.Garbles()
}

// Dies reports whether the process ends.
func (v Verdict) Dies() bool { return v.Fault != nil && v.Fault.Action.Kind == Die }

// Garbles reports whether the command is performed and GOOD, and only what it
// reads is not what the device has.
func (k ActionKind) Garbles() bool {
	switch k {
	case Short, Zero, Swap, Cut, Length, Generation, Stale:
		return true
	}
	return false
}

func (x Match) matches(from model.NexusID, req *scsi.Request) bool {
	if x.Nexus != "" && x.Nexus != from.String() && x.Nexus != from.Port().String() {
		return false
	}
	opcode, action, ok := Command(x.What)
	if !ok {
		return false
	}
	if opcode == anyOpcode {
		return true
	}
	if req.Opcode() != scsi.Opcode(opcode) {
		return false
	}
	return action == anyAction || len(req.CDB) > 1 && int(req.CDB[1]&0x1f) == action
}
