package commands

import (
	"errors"
	"fmt"
	"strings"

	"lunguard/cluster"
	"lunguard/protocol"
	"lunguard/scsi"
)

// findingWords says what a check found, and what to do about it.
func findingWords(conf *cluster.Config, rep protocol.Report, f protocol.Finding) string {
	m := findingMessage(conf, rep, f)
	if m.hint == "" || f.Kind == protocol.Unreadable || f.Kind == protocol.DeadPath {
		return m.what
	}
	return m.what + "; " + m.hint
}

// findingMessage says what a check found and, apart from it, what to do.
func findingMessage(conf *cluster.Config, rep protocol.Report, f protocol.Finding) message {
	keys := make([]string, len(f.Keys))
	for i, k := range f.Keys {
		keys[i] = keyWithNode(conf, k)
	}
	list := strings.Join(keys, ", ")
	switch f.Kind {
	case protocol.Unreadable:
		m := words(f.Err)
		// The LUN is named beside it, and one finding is one line.
		return message{what: "unknown: " + joinedLines(m.about(rep.LUN)), hint: m.hint}
	case protocol.DeadPath:
		return message{what: "path " + f.Path + " does not answer", hint: "look at the path: cable, switch, session, kernel log"}
	case protocol.ForeignKeys:
		return message{what: "foreign key " + list, hint: "find its owner, or clear it with pr_cleanup"}
	case protocol.Unreserved:
		return message{what: "not reserved, every node can write", hint: "run pr_check --repair on a node that has it up"}
	case protocol.WrongType:
		return message{what: "the reservation is " + rep.State.Reservation.Type.String() + ", by " + list, hint: "run pr_start on its node"}
	case protocol.LeavingKeys:
		return message{what: "halt under way or killed: " + list, hint: "run pr_halt there again, or pr_fence"}
	case protocol.TakingKeys:
		return message{what: "take-over or fence under way or killed, writes of the removed node may land: " + list, hint: "run pr_start or pr_halt there, or pr_start or pr_fence elsewhere"}
	case protocol.PathsUnregistered:
		if f.Path != "" {
			return message{what: "path " + f.Path + " is not registered", hint: "run pr_check --repair"}
		}
		return message{what: fmt.Sprintf("%d of %d paths are registered", registrations(rep, f.Keys[0]), rep.Paths), hint: "run pr_check --repair"}
	case protocol.StaleNexus:
		if f.Path != "" {
			return message{what: f.Path + " has this node's key and is no path of this host: a nexus of the past, or another host's", hint: "pr_start removes it if the package is down"}
		}
		return message{what: fmt.Sprintf("%d registrations of this node for %s: a nexus of the past, or another node's with this key", registrations(rep, f.Keys[0]), plural(rep.Paths, "path")), hint: "clear it with pr_cleanup when nothing runs on the LUN"}
	case protocol.KeysMissing:
		return message{what: "key " + list + " is on other LUNs of the package, not here", hint: "run vg_pr_key -s if the LUN is new, else pr_start on its node"}
	case protocol.DifferentSets:
		return message{
			what: fmt.Sprintf("%s is here and not on %s, %s is there and not here", keys[0], f.Other, keys[1]),
			hint: "compare the package's LUNs in the configs of all nodes; if they agree, run pr_start on the node that runs it",
		}
	case protocol.SeveralOwners:
		return message{what: "several nodes on a failover package: " + list, hint: "run pr_start on the one that runs it"}
	case inTwoPackages:
		var e interface{ finding() message }
		if errors.As(f.Err, &e) {
			return e.finding()
		}
	case protocol.WrongKey:
		return message{what: "nexus " + f.Path + " has different keys on different LUNs: " + list, hint: "compare the configs of all nodes"}
	case protocol.NotKept:
		return message{what: "the device would forget it at power loss", hint: "run pr_start again"}
	}
	return message{what: string(f.Kind)}
}

// inTwoPackages is the kind of finding that says that a LUN is in two packages. It
// is about the config, so package protocol does not know it: its error has a method
// finding.
const inTwoPackages protocol.FindingKind = "two-packages"

// registrations counts those of a node, marked or not.
func registrations(rep protocol.Report, key scsi.Key) int {
	n := 0
	for _, r := range rep.State.Registrations {
		if protocol.Plain(r.Key) == key {
			n++
		}
	}
	return n
}

// copyWords says what kept a copy from being made, nil if err is none of it.
func copyWords(err error) (message, bool) {
	var (
		disagree   *protocol.DisagreeError
		incomplete *protocol.IncompleteError
	)
	switch {
	case errors.As(err, &disagree):
		text := fmt.Sprintf("%s and %s have different keys", disagree.Model, disagree.LUN)
		if len(disagree.Missing) > 0 {
			text += fmt.Sprintf(", %s lacks %s", disagree.LUN, keyList(disagree.Missing))
		}
		if len(disagree.Extra) > 0 {
			text += fmt.Sprintf(", %s has %s beyond", disagree.LUN, keyList(disagree.Extra))
		}
		return message{what: text, hint: "nothing was changed; pr_check tells more, pr_start on the nodes concerned registers them", status: exitFailed}, true
	case errors.As(err, &incomplete):
		return message{
			subject: incomplete.LUN, what: fmt.Sprintf("not complete, the command must be run on %s, too", strings.Join(incomplete.Nodes, ", ")),
			hint:   "the device does not register other nodes for this one, or their own copy was killed; where such a node is down, clear the LUN with pr_cleanup first",
			status: exitNode,
		}, true
	case errors.Is(err, protocol.ErrNothingToCopy):
		return message{what: "no physical volume has keys that could be copied", hint: "pr_start reserves the LUNs of a package", status: exitFailed}, true
	}
	return message{}, false
}
