package honesty

import (
	"fmt"

	"lunguard/scsi/simlun"
)

// fault is one thing that goes wrong on one of the two paths to one LUN.
type fault struct {
	name string
	// what tells people what it is.
	what string
	// plans are the ways in which it happens; NEXUS is the path. One without NEXUS
	// is a matter of the LUN, whatever path.
	plans []string
	// lie says that the unit itself says what is not so, on that path: who has one
	// command and one path, as sg_persist, can do nothing but pass it on.
	lie bool
	// dies says that the command is killed: nothing is judged but what the next one
	// says.
	dies bool
	// prepare changes the world besides.
	prepare func(s site, lun int) error
}

// hits are the plans of an answer that any command can get.
func hits(action string) []string {
	return []string{
		"any%NEXUS@every:" + action, "prin%NEXUS@every:" + action, "prin%NEXUS@2:" + action,
		"prout%NEXUS@1:" + action, "prout%NEXUS@2:" + action,
	}
}

// outs are the plans of what can happen to a command that changes something.
func outs(action string) []string {
	return []string{"prout%NEXUS@every:" + action, "prout%NEXUS@1:" + action, "prout%NEXUS@2:" + action}
}

// ins are those of a wrong answer to a command that reads.
func ins(actions ...string) []string {
	list := []string{"prin%NEXUS@2:" + actions[0], "prin.full%NEXUS@every:" + actions[0]}
	for _, a := range actions {
		list = append(list, "prin%NEXUS@every:"+a)
	}
	return list
}

// faults are all of them.
func faults() []fault {
	sense := func(name, code, what string) fault {
		return fault{name: name, what: what, plans: hits("sense=" + code)}
	}
	host := func(name string, number int, what string) fault {
		return fault{name: name, what: what, plans: hits(fmt.Sprintf("host=%d", number))}
	}
	return []fault{
		{name: "BUSY", what: "status BUSY", plans: append(hits("busy"), "any@every:busy")},
		{name: "TASK SET FULL", what: "status TASK SET FULL", plans: hits("full")},
		{name: "RESERVATION CONFLICT", what: "status RESERVATION CONFLICT, for no reason", plans: hits("conflict")},
		{name: "ACA ACTIVE", what: "status ACA ACTIVE", plans: hits("status=30")},
		{name: "TASK ABORTED", what: "status TASK ABORTED", plans: hits("aborted")},
		{name: "unknown status", what: "a status byte that SAM-5 does not have, 7Eh", plans: hits("status=7e")},
		sense("ABORTED COMMAND", "b/00/00", "sense key Bh"),
		sense("ALUA transition", "2/04/0a", "the target port is changing its state, 2/04/0A"),
		sense("ALUA standby", "2/04/0b", "the target port is in standby, 2/04/0B"),
		sense("ALUA unavailable", "2/04/0c", "the target port is unavailable, 2/04/0C"),
		sense("invalid command", "5/20/00", "ILLEGAL REQUEST, 5/20/00"),
		sense("invalid field", "5/24/00", "ILLEGAL REQUEST, 5/24/00"),
		sense("no resources", "5/55/04", "INSUFFICIENT REGISTRATION RESOURCES, 5/55/04"),
		sense("MEDIUM ERROR", "3/11/00", "sense key 3h"),
		sense("HARDWARE ERROR", "4/44/00", "sense key 4h"),
		sense("unit attentions", "6/29/00", "unit attentions, one or without an end, 6/29/00"),
		sense("state changed", "6/2a/03", "unit attentions that say that others changed reservations, 6/2A/03"),
		sense("LUNs changed", "6/3f/0e", "unit attentions that say that the array has put other units there, 6/3F/0E"),
		host("no connection", 1, "DID_NO_CONNECT"),
		host("timeout, not performed", 3, "DID_TIME_OUT, and the command did not arrive"),
		{name: "timeout, performed", what: "DID_TIME_OUT, but the command was performed", plans: hits("after:host=3")},
		host("adapter error", 7, "DID_ERROR"),
		{name: "reset, performed", what: "DID_RESET, but the command was performed", plans: hits("after:host=8")},
		host("disrupted", 14, "DID_TRANSPORT_DISRUPTED"),
		{name: "refused, performed", what: "RESERVATION CONFLICT, but the command was performed", plans: outs("after:conflict")},
		{name: "late", what: "DID_TIME_OUT, and the command is performed later: after three more, or after 30 s", plans: append(outs("late=3"), outs("late=30s")...)},
		{name: "short answer", what: "0, 4, 8 or 12 bytes of the answer, and the residual says so", plans: ins("truncate=0", "truncate=4", "truncate=8", "truncate=12"), lie: true},
		{name: "short, residual wrong", what: "the same, and the residual says that all has come", plans: ins("short=0", "short=4", "short=8", "short=12"), lie: true},
		{name: "zeros", what: "zeros instead of the answer, or behind 8 bytes of it", plans: ins("zero=0", "zero=8"), lie: true},
		{name: "answer of another", what: "the answer of another command",
			plans: append(ins("swap=prin.reservation", "swap=prin.capabilities", "swap=inquiry"), "prin.reservation%NEXUS@every:swap=prin.keys", "prin.capabilities%NEXUS@every:swap=prin.keys"), lie: true},
		{name: "another LUN", what: "another unit answers: the array has put it behind the path",
			plans: []string{"any%NEXUS@every:elsewhere", "prin%NEXUS@every:elsewhere", "prout%NEXUS@every:elsewhere", "prout%NEXUS@1:elsewhere"}, lie: true},
		{name: "stale", what: "what was so before the command, from a cache", plans: []string{"prin%NEXUS@every:stale", "prin.keys%NEXUS@every:stale", "prin.full%NEXUS@every:stale", "prin.reservation%NEXUS@every:stale"}, lie: true},
		{name: "GOOD, not performed", what: "GOOD for PERSISTENT RESERVE OUT, and nothing is done", plans: append(outs("status=good"), "prout@every:status=good"), lie: true},
		{name: "list cut", what: "of the registrations none, or the first only", plans: ins("cut=0", "cut=1"), lie: true},
		{name: "length lies", what: "ADDITIONAL LENGTH is 8, 24 or 64 more or less than there is", plans: ins("length=+8", "length=+64", "length=-8", "length=-24"), lie: true},
		{name: "generation stands", what: "PRGENERATION is always 0, or always 1", plans: ins("generation=0", "generation=1"), lie: true},
		{name: "WWID of another", what: "the unit has the name of another unit", plans: []string{""}, prepare: twin},
		{name: "delay", what: "every command takes 2 s, or one takes 90 s, before it is performed or after",
			plans: []string{"any%NEXUS@every:delay=2s", "any%NEXUS@1:delay=90s", "prin%NEXUS@2:delay=90s", "prout%NEXUS@1:delay=90s", "prout%NEXUS@1:after:delay=90s", "prout%NEXUS@2:delay=90s"}},
		{name: "killed", what: "the process is killed at a command, before or after it", dies: true,
			plans: []string{"prin%NEXUS@1:die", "prout%NEXUS@1:die", "prout%NEXUS@1:after:die", "prout%NEXUS@2:die", "prout%NEXUS@2:after:die"}},
	}
}

// twin gives the LUN the name of the first one.
func twin(s site, lun int) error {
	first, err := simlun.Describe(s.lun(0))
	if err != nil {
		return err
	}
	return simlun.SetWWID(s.lun(lun), first.Config.WWID)
}
