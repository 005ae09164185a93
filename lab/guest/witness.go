//go:build lab

package guest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// debianSgPersist is the independent witness: not the applet of the same name.
const debianSgPersist = "/usr/bin/sg_persist"

// State is what a LUN says about its persistent reservations.
type State struct {
	Keys       []uint64 // registered keys, sorted; one for each registered nexus
	Holder     uint64   // the reservation's key, 0 if there is no reservation
	Type       string   // as sg_persist spells it, "" if there is no reservation
	Generation uint32   // PRGENERATION
}

// Names of reservation types as sg_persist prints them.
const (
	TypeWE   = "Write Exclusive"
	TypeEA   = "Exclusive Access"
	TypeWERO = "Write Exclusive, registrants only"
	TypeEARO = "Exclusive Access, registrants only"
	TypeWEAR = "Write Exclusive, all registrants"
	TypeEAAR = "Exclusive Access, all registrants"
)

// Registration is one registered I_T nexus.
type Registration struct {
	Key       uint64
	Holder    bool
	Type      string // of the reservation if Holder
	Initiator string // iSCSI name
	ISID      string // with the name, the initiator port; hexadecimal digits
	Port      uint16 // relative target port, 1 and up; the node's path to this LUN
}

// Witness asks Debian's sg_persist for a LUN's keys and reservation. The two answers must
// be of the same generation; otherwise it asks again.
func Witness(t testing.TB, disk string) State {
	t.Helper()
	const attempts = 10
	for range attempts {
		keys := parseKeys(t, sgPersist(t, disk, "--read-keys"))
		res := parseReservation(t, sgPersist(t, disk, "--read-reservation"))
		if keys.Generation == res.Generation {
			res.Keys = keys.Keys
			return res
		}
	}
	t.Fatalf("%s: the registrations change faster than they can be read", disk)
	return State{}
}

// WitnessFull asks Debian's sg_persist which nexuses are registered, sorted by initiator
// name, target port and ISID.
func WitnessFull(t testing.TB, disk string) []Registration {
	t.Helper()
	return parseFullStatus(t, sgPersist(t, disk, "--read-full-status"))
}

// Picture is all that a LUN says about its persistent reservations.
type Picture struct {
	State
	Full  []Registration // sorted as WitnessFull does
	APTPL bool           // registrations are kept through power loss
}

// WitnessAll asks Debian's sg_persist for everything about some LUNs, at the same time.
// Nobody may change anything meanwhile.
func WitnessAll(t testing.TB, disks ...string) []Picture {
	t.Helper()
	var list []Picture
	for i, answers := range sgPersistAll(t, disks, "--read-keys", "--read-reservation", "--read-full-status", "--report-capabilities") {
		keys, res := parseKeys(t, answers[0]), parseReservation(t, answers[1])
		if keys.Generation != res.Generation {
			t.Fatalf("%s: the registrations change while they are read", disks[i])
		}
		res.Keys = keys.Keys
		list = append(list, Picture{State: res, Full: parseFullStatus(t, answers[2]), APTPL: parseAPTPL(t, answers[3])})
	}
	return list
}

// sgPersist runs one PERSISTENT RESERVE IN and returns the lines that are not empty.
func sgPersist(t testing.TB, disk, action string) []string {
	t.Helper()
	return sgPersistAll(t, []string{disk}, action)[0][0]
}

// sgPersistAll runs some PERSISTENT RESERVE INs on each of some disks, all at the same
// time. The answers are numbered by disk and action.
func sgPersistAll(t testing.TB, disks []string, actions ...string) [][][]string {
	t.Helper()
	results := make([]Result, len(disks)*len(actions))
	errs := make([]error, len(results))
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i], errs[i] = askWitness(disks[i/len(actions)], actions[i%len(actions)]) })
	}
	wg.Wait()
	answers := make([][][]string, len(disks))
	for i, r := range results {
		disk, action := disks[i/len(actions)], actions[i%len(actions)]
		if errs[i] != nil || r.Exit != 0 || strings.TrimSpace(r.Stderr) != "" {
			t.Fatalf("sg_persist %s %s: %v %v", action, disk, errs[i], r)
		}
		var lines []string
		for line := range strings.Lines(r.Stdout) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		answers[i/len(actions)] = append(answers[i/len(actions)], lines)
	}
	return answers
}

// askWitness runs sg_persist. A unit attention, which tells of a change that somebody else
// made, is taken note of by asking again.
func askWitness(disk, action string) (Result, error) {
	const unitAttention, attempts = 6, 5
	var r Result
	var err error
	for range attempts {
		r, err = runProgram(baseEnv(systemPath), systemPath, "", []string{debianSgPersist, "--no-inquiry", "--in", action, disk})
		if err != nil || r.Exit != unitAttention {
			break
		}
	}
	return r, err
}

// generationLine is the first line of all answers.
const generationLine = `^PR generation=0x([0-9a-f]+)`

// parseKeys reads the answer to READ KEYS.
func parseKeys(t testing.TB, lines []string) State {
	t.Helper()
	if len(lines) == 1 {
		if m := match(lines[0], generationLine+`, there are NO registered reservation keys$`); m != nil {
			return State{Generation: uint32(hex(t, m[1]))}
		}
	}
	m := match(first(lines), generationLine+`, (\d+) registered reservation keys? follows?:$`)
	if m == nil || m[2] != strconv.Itoa(len(lines)-1) {
		unexpected(t, "keys", lines)
	}
	s := State{Generation: uint32(hex(t, m[1]))}
	for _, line := range lines[1:] {
		key := match(line, `^0x([0-9a-f]+)$`)
		if key == nil {
			unexpected(t, "keys", lines)
		}
		s.Keys = append(s.Keys, hex(t, key[1]))
	}
	slices.Sort(s.Keys)
	return s
}

// parseReservation reads the answer to READ RESERVATION.
func parseReservation(t testing.TB, lines []string) State {
	t.Helper()
	if len(lines) == 1 {
		if m := match(lines[0], generationLine+`, there is NO reservation held$`); m != nil {
			return State{Generation: uint32(hex(t, m[1]))}
		}
	}
	if len(lines) != 3 {
		unexpected(t, "reservation", lines)
	}
	gen := match(lines[0], generationLine+`, Reservation follows:$`)
	key := match(lines[1], `^Key=0x([0-9a-f]+)$`)
	typ := match(lines[2], `^scope: LU_SCOPE,\s+type: (.+)$`)
	if gen == nil || key == nil || typ == nil {
		unexpected(t, "reservation", lines)
	}
	return State{Generation: uint32(hex(t, gen[1])), Holder: hex(t, key[1]), Type: typ[1]}
}

// parseFullStatus reads the answer to READ FULL STATUS.
func parseFullStatus(t testing.TB, lines []string) []Registration {
	t.Helper()
	if match(first(lines), generationLine+`$`) == nil {
		unexpected(t, "full status", lines)
	}
	if len(lines) == 2 && lines[1] == "No full status descriptors" {
		return nil
	}
	var regs []Registration
	for i, line := range lines[1:] {
		if m := match(line, `^Key=0x([0-9a-f]+)$`); m != nil {
			regs = append(regs, Registration{Key: hex(t, m[1])})
			continue
		}
		if len(regs) == 0 {
			unexpected(t, fmt.Sprintf("full status, line %d", i+2), lines)
		}
		if !regs[len(regs)-1].parse(line) {
			unexpected(t, fmt.Sprintf("full status, line %d", i+2), lines)
		}
	}
	slices.SortFunc(regs, func(a, b Registration) int {
		return cmp.Or(strings.Compare(a.Initiator, b.Initiator),
			cmp.Compare(a.Port, b.Port), strings.Compare(a.ISID, b.ISID))
	})
	return regs
}

// parse takes one line about a registration and reports whether it is a known one.
func (r *Registration) parse(line string) bool {
	if m := match(line, `^<< Reservation holder >>$`); m != nil {
		r.Holder = true
		return true
	}
	if m := match(line, `^scope: LU_SCOPE,\s+type: (.+)$`); m != nil {
		r.Type = m[1]
		return true
	}
	if m := match(line, `^iSCSI world wide unique port id: (\S+),i,0x([0-9a-f]+)$`); m != nil {
		r.Initiator, r.ISID = m[1], m[2]
		return true
	}
	if m := match(line, `^Relative port address: 0x([0-9a-f]{1,4})$`); m != nil {
		port, err := strconv.ParseUint(m[1], 16, 16)
		r.Port = uint16(port)
		return err == nil
	}
	return match(line, `^(All target ports bit (set|clear)|not reservation holder|`+
		`Transport Id of initiator:)$`) != nil
}

// parseAPTPL reads the answer to REPORT CAPABILITIES.
func parseAPTPL(t testing.TB, lines []string) bool {
	t.Helper()
	for _, line := range lines {
		if m := match(line, `\(PTPL_A\): ([01])$`); m != nil {
			return m[1] == "1"
		}
	}
	unexpected(t, "capabilities", lines)
	return false
}

func match(line, pattern string) []string {
	return regexp.MustCompile(pattern).FindStringSubmatch(line)
}

func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}

func hex(t testing.TB, digits string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		t.Fatalf("sg_persist printed a number that is none: %v", err)
	}
	return n
}

// unexpected fails the test: an answer that is only half understood proves nothing.
func unexpected(t testing.TB, what string, lines []string) {
	t.Helper()
	t.Fatalf("sg_persist printed unexpected %s:\n%s", what, strings.Join(lines, "\n"))
}
