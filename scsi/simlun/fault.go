package simlun

import (
	"errors"
	"time"

	"lunguard/scsi"
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
	// FaultStatus answers Action.Status.
	FaultStatus ActionKind = iota + 1
	// FaultSense answers CHECK CONDITION with Action.Sense.
	FaultSense
	// FaultHost answers Action.Host, as if the transport had failed.
	FaultHost
	// FaultDelay lets the command wait for Action.Delay before it is
	// performed; After a rule, its answer waits.
	FaultDelay
	// FaultTruncate performs the command and cuts its data to
	// Action.Length bytes.
	FaultTruncate
	// FaultDie ends the process.
	FaultDie
	// FaultLate answers DID_TIME_OUT at once, and the unit performs the command
	// later: after Action.Count further commands of any nexus, or, if that is 0,
	// after Action.Delay. See [Machine.Late].
	FaultLate
	// FaultElsewhere lets another unit perform the command: one without
	// registrations, whose name is another, and that forgets what it was told. So
	// it is where an array has put another unit behind a path.
	FaultElsewhere
	// FaultShort answers GOOD and says that all of the data has arrived, but only
	// the first Action.Length bytes have; those behind stay as they were in
	// the sender's memory.
	FaultShort
	// FaultZero is FaultShort with zeros behind.
	FaultZero
	// FaultSwap sends the data of another reading command, Action.What.
	FaultSwap
	// FaultCut lets PERSISTENT RESERVE IN tell of the first Action.Length
	// registrations only, with lengths that fit.
	FaultCut
	// FaultLength adds Action.Length to ADDITIONAL LENGTH of PERSISTENT RESERVE IN.
	FaultLength
	// FaultGeneration puts Action.Length in the place of PRGENERATION.
	FaultGeneration
	// FaultStale lets PERSISTENT RESERVE IN tell what there was when the plan was
	// set.
	FaultStale
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

// SetPlan replaces the fault plan and begins counting anew.
func (m *Machine) SetPlan(p Plan) {
	m.plan, m.hits = p, make([]int, len(p))
	m.recall()
}

// Plan returns the fault plan and how many commands matched each rule.
func (m *Machine) Plan() (Plan, []int) { return m.plan, m.hits }

// verdict is what the plan has in store for one command.
type verdict struct {
	before, after time.Duration
	fault         *Rule // nil for none
}

// count looks the command up in the plan and counts it.
func (m *Machine) count(from NexusID, req *scsi.Request) verdict {
	var v verdict
	for i := range m.plan {
		rule := &m.plan[i]
		if !rule.Match.matches(from, req) {
			continue
		}
		if rule.At > 0 {
			// Past its turn a rule stops counting: a reading command then
			// changes nothing.
			if m.hits[i] >= rule.At {
				continue
			}
			if m.hits[i]++; m.hits[i] != rule.At {
				continue
			}
		}
		switch {
		case rule.Action.Kind == FaultDelay && rule.After:
			v.after += rule.Action.Delay
		case rule.Action.Kind == FaultDelay:
			v.before += rule.Action.Delay
		case v.fault == nil:
			v.fault = rule
		}
	}
	return v
}

// prevents reports whether the command is not performed now.
func (v verdict) prevents() bool {
	return v.fault != nil && !v.fault.After && v.fault.Action.Kind != FaultTruncate && !v.fault.Action.Kind.garbles()
}

// dies reports whether the process ends.
func (v verdict) dies() bool { return v.fault != nil && v.fault.Action.Kind == FaultDie }

// answer makes the faulty answer out of the true one.
func (m *Machine) answer(v verdict, from NexusID, req *scsi.Request, reply scsi.Reply) scsi.Reply {
	if v.fault == nil {
		return reply
	}
	switch a := v.fault.Action; a.Kind {
	case FaultElsewhere:
		return m.stranger().Execute(from, req)
	case FaultStatus:
		return m.status(req, a.Status)
	case FaultSense:
		return m.check(req, a.Sense.Key, a.Sense.ASC)
	case FaultHost:
		return m.lost(req, a.Host)
	case FaultLate:
		return m.lost(req, scsi.HostTimeOut)
	case FaultDie:
		// Nobody sees this answer, unless Exit was replaced.
		return m.lost(req, scsi.HostError)
	case FaultTruncate:
		if req.Dir == scsi.DataIn {
			reply.Resid = max(reply.Resid, len(req.Data)-a.Length)
			clear(req.Data[len(req.Data)-reply.Resid:])
		}
	}
	return reply
}

// stranger is another unit of the same make, with another name.
func (m *Machine) stranger() *Machine {
	cfg := m.Config()
	cfg.Serial = "ELSEWHERE"
	cfg.WWID = wwidOf(cfg.Serial)
	cfg.Quirks.Busy, cfg.Quirks.FirstCmdUA = 0, 0
	// What its own configuration was made of makes another one.
	other, _ := NewMachine(cfg, nil)
	other.now = m.now
	return other
}

func (x Match) matches(from NexusID, req *scsi.Request) bool {
	if x.Nexus != "" && x.Nexus != from.String() && x.Nexus != from.port.String() {
		return false
	}
	opcode, action, ok := commandNamed(x.What)
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
