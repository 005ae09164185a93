package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// Values of a match that pick everything.
const (
	anyOpcode = -1
	anyAction = -1
)

// Command reads WHAT of a rule.
func Command(what string) (opcode, action int, ok bool) {
	name, sub, hasSub := strings.Cut(what, ".")
	if code, isHex := strings.CutPrefix(name, "0x"); isHex {
		v, err := strconv.ParseUint(code, 16, 8)
		opcode, ok = int(v), err == nil
	} else {
		opcode, ok = opcodeNamed(name)
	}
	if !ok || !hasSub {
		return opcode, anyAction, ok
	}
	switch scsi.Opcode(opcode) {
	case scsi.OpPROut:
		action, ok = outActionNamed(sub)
	case scsi.OpPRIn:
		action, ok = inActionNamed(sub)
	default:
		ok = false
	}
	if code, isHex := strings.CutPrefix(sub, "0x"); isHex && !ok && opcode != anyOpcode {
		v, err := strconv.ParseUint(code, 16, 5)
		action, ok = int(v), err == nil
	}
	return opcode, action, ok
}

func opcodeNamed(name string) (int, bool) {
	switch name {
	case "any":
		return anyOpcode, true
	case "tur":
		return int(scsi.OpTestUnitReady), true
	case "sense":
		return int(scsi.OpRequestSense), true
	case "inquiry":
		return int(scsi.OpInquiry), true
	case "reserve6":
		return int(scsi.OpReserve6), true
	case "release6":
		return int(scsi.OpRelease6), true
	case "modesense":
		return int(model.OpModeSense6), true
	case "readcap":
		return int(scsi.OpReadCapacity10), true
	case "read":
		return int(scsi.OpRead10), true
	case "write":
		return int(scsi.OpWrite10), true
	case "verify":
		return int(model.OpVerify10), true
	case "sync":
		return int(model.OpSyncCache10), true
	case "reportluns":
		return int(model.OpReportLUNs), true
	case "prin":
		return int(scsi.OpPRIn), true
	case "prout":
		return int(scsi.OpPROut), true
	case "reset":
		return int(scsi.OpLogicalUnitReset), true
	}
	return 0, false
}

func outActionNamed(name string) (int, bool) {
	names := [...]string{"register", "reserve", "release", "clear", "preempt", "preempt-abort", "register-ignore", "register-move"}
	for i, n := range names {
		if n == name {
			return i, true
		}
	}
	return 0, false
}

func inActionNamed(name string) (int, bool) {
	names := [...]string{"keys", "reservation", "capabilities", "full"}
	for i, n := range names {
		if n == name {
			return i, true
		}
	}
	return 0, false
}

// ParsePlan reads rules with blanks, newlines or semicolons between them:
//
//	RULE   = WHAT[%NEXUS]@WHEN:[after:]ACTION
//	WHAT   = any | tur | sense | inquiry | reserve6 | release6 | modesense |
//	         readcap | read | write | verify | sync | reportluns | prin[.IN] |
//	         prout[.OUT] | reset | 0xOPCODE[.0xSERVICEACTION]
//	IN     = keys | reservation | capabilities | full | 0xSERVICEACTION
//	OUT    = register | reserve | release | clear | preempt | preempt-abort |
//	         register-ignore | register-move | 0xSERVICEACTION
//	NEXUS  = as NexusID.String writes it, or the initiator port alone
//	WHEN   = 1 and up: that matching command only; every: all of them
//	ACTION = busy | full | conflict | aborted | status=HEX | sense=K/ASC/ASCQ |
//	         host=NUMBER | delay=DURATION | late=DURATION | late=COMMANDS |
//	         truncate=BYTES | elsewhere | die | short=BYTES | zero=BYTES | swap=WHAT |
//	         cut=COUNT | length=NUMBER | generation=NUMBER | stale
//
// "after" performs the command first, which late and elsewhere do not go with. reset is
// LOGICAL UNIT RESET. status=good is GOOD for nothing. The error is ErrBadPlan.
func ParsePlan(text string) (Plan, error) {
	var plan Plan
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("; \t\r\n", r) }) {
		rule, err := parseRule(word)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", word, err)
		}
		plan = append(plan, rule)
	}
	return plan, nil
}

func parseRule(word string) (Rule, error) {
	var r Rule
	at := strings.LastIndexByte(word, '@')
	if at < 0 {
		return r, fmt.Errorf("%w: WHAT@WHEN:ACTION expected, as write@3:busy", ErrBadPlan)
	}
	r.Match.What, r.Match.Nexus, _ = strings.Cut(word[:at], "%")
	if _, _, ok := Command(r.Match.What); !ok {
		return r, fmt.Errorf("%w: no command %q", ErrBadPlan, r.Match.What)
	}
	when, action, ok := strings.Cut(word[at+1:], ":")
	if !ok {
		return r, fmt.Errorf("%w: no action behind %q", ErrBadPlan, when)
	}
	if when != "every" {
		n, err := strconv.Atoi(when)
		if err != nil || n < 1 || n > 1<<30 {
			return r, fmt.Errorf("%w: %q, a number from 1 or every expected", ErrBadPlan, when)
		}
		r.At = n
	}
	action, r.After = strings.CutPrefix(action, "after:")
	var err error
	r.Action, err = parseAction(action)
	if err == nil && r.After && (r.Action.Kind == Late || r.Action.Kind == Elsewhere) {
		err = fmt.Errorf("%w: late and elsewhere are never after", ErrBadPlan)
	}
	return r, err
}

func parseAction(text string) (Action, error) {
	name, value, _ := strings.Cut(text, "=")
	bad := func(expected string) (Action, error) {
		return Action{}, fmt.Errorf("%w: action %q, %s expected", ErrBadPlan, text, expected)
	}
	switch text {
	case "busy":
		return Action{Kind: Status, Status: scsi.Busy}, nil
	case "full":
		return Action{Kind: Status, Status: scsi.TaskSetFull}, nil
	case "conflict":
		return Action{Kind: Status, Status: scsi.ReservationConflict}, nil
	case "aborted":
		return Action{Kind: Status, Status: scsi.TaskAborted}, nil
	case "status=good":
		return Action{Kind: Status, Status: scsi.Good}, nil
	case "die":
		return Action{Kind: Die}, nil
	case "elsewhere":
		return Action{Kind: Elsewhere}, nil
	}
	switch name {
	case "status":
		v, err := strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 8)
		if err != nil {
			return bad("status=HEX")
		}
		return Action{Kind: Status, Status: scsi.Status(v)}, nil
	case "sense":
		key, code, _ := strings.Cut(value, "/")
		k, err := strconv.ParseUint(key, 16, 4)
		asc, err2 := parseCode(code)
		if err != nil || err2 != nil {
			return bad("sense=KEY/ASC/ASCQ in hexadecimal")
		}
		return Action{Kind: Sense, Sense: scsi.Sense{Key: scsi.SenseKey(k), ASC: asc}}, nil
	case "host":
		v, err := strconv.ParseUint(value, 0, 8)
		if err != nil {
			return bad("host=NUMBER")
		}
		return Action{Kind: Host, Host: scsi.HostStatus(v)}, nil
	case "delay":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return bad("delay=10ms or the like")
		}
		return Action{Kind: Delay, Delay: d}, nil
	case "late":
		if n, err := strconv.Atoi(value); err == nil && n > 0 && n <= 1<<20 {
			return Action{Kind: Late, Count: n}, nil
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return bad("late=10ms or late=3")
		}
		return Action{Kind: Late, Delay: d}, nil
	case "truncate":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return bad("truncate=BYTES")
		}
		return Action{Kind: Truncate, Length: n}, nil
	}
	if a, known := garblingNamed(name); known {
		return a.with(value, bad)
	}
	return bad("busy, full, conflict, aborted, status=, sense=, host=, delay=, late=, truncate=, elsewhere, short=, zero=, swap=, cut=, length=, generation=, stale or die")
}

// garblingNamed is the kind of a garbled answer by its name.
func garblingNamed(name string) (Action, bool) {
	switch name {
	case "short":
		return Action{Kind: Short}, true
	case "zero":
		return Action{Kind: Zero}, true
	case "swap":
		return Action{Kind: Swap}, true
	case "cut":
		return Action{Kind: Cut}, true
	case "length":
		return Action{Kind: Length}, true
	case "generation":
		return Action{Kind: Generation}, true
	case "stale":
		return Action{Kind: Stale}, true
	}
	return Action{}, false
}

// with is the garbled answer with its value.
func (a Action) with(value string, bad func(string) (Action, error)) (Action, error) {
	switch a.Kind {
	case Stale:
		if value != "" {
			return bad("stale")
		}
		return a, nil
	case Swap:
		opcode, _, ok := Command(value)
		if op := scsi.Opcode(opcode); !ok || op != scsi.OpInquiry && op != scsi.OpPRIn {
			return bad("swap=inquiry, prin or the like")
		}
		a.What = value
		return a, nil
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 && a.Kind != Length {
		return bad("a number behind =")
	}
	a.Length = int(n)
	return a, nil
}

// parseCode reads "29/00", also 00/00.
func parseCode(text string) (scsi.ASC, error) {
	high, low, ok := strings.Cut(text, "/")
	asc, err1 := strconv.ParseUint(high, 16, 8)
	ascq, err2 := strconv.ParseUint(low, 16, 8)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q: ASC/ASCQ expected", text)
	}
	return scsi.ASC(asc<<8 | ascq), nil
}

// String gives the text that ParsePlan reads.
func (p Plan) String() string {
	words := make([]string, len(p))
	for i, r := range p {
		words[i] = r.String()
	}
	return strings.Join(words, " ")
}

// String gives the text of the rule.
func (r Rule) String() string {
	var b strings.Builder
	b.WriteString(r.Match.What)
	if r.Match.Nexus != "" {
		b.WriteString("%" + r.Match.Nexus)
	}
	b.WriteString("@")
	if r.At == 0 {
		b.WriteString("every")
	} else {
		b.WriteString(strconv.Itoa(r.At))
	}
	b.WriteString(":")
	if r.After {
		b.WriteString("after:")
	}
	b.WriteString(r.Action.String())
	return b.String()
}

// String gives the text of the action.
func (a Action) String() string {
	switch a.Kind {
	case Status:
		return fmt.Sprintf("status=%02x", uint8(a.Status))
	case Sense:
		return fmt.Sprintf("sense=%x/%02x/%02x", uint8(a.Sense.Key), uint8(a.Sense.ASC>>8), uint8(a.Sense.ASC))
	case Host:
		return fmt.Sprintf("host=%d", a.Host)
	case Delay:
		return "delay=" + a.Delay.String()
	case Truncate:
		return fmt.Sprintf("truncate=%d", a.Length)
	case Late:
		if a.Count > 0 {
			return fmt.Sprintf("late=%d", a.Count)
		}
		return "late=" + a.Delay.String()
	case Die:
		return "die"
	case Elsewhere:
		return "elsewhere"
	case Short:
		return fmt.Sprintf("short=%d", a.Length)
	case Zero:
		return fmt.Sprintf("zero=%d", a.Length)
	case Swap:
		return "swap=" + a.What
	case Cut:
		return fmt.Sprintf("cut=%d", a.Length)
	case Length:
		return fmt.Sprintf("length=%+d", a.Length)
	case Generation:
		return fmt.Sprintf("generation=%d", a.Length)
	case Stale:
		return "stale"
	}
	return fmt.Sprintf("action-%d", a.Kind)
}
