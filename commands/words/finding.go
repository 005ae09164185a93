package words

import (
	"errors"
	"fmt"
	"strings"

	"lunguard/cluster"
	"lunguard/pr"
	"lunguard/protocol"
)

// Finding says what a check found, and what to do about it.
func Finding(conf *cluster.Config, rep protocol.Report, f protocol.Finding) string {
	m := FindingMessage(conf, rep, f)
	if m.Hint == "" || f.Kind == protocol.Unreadable || f.Kind == protocol.DeadPath {
		return m.What
	}
	return m.What + "; " + m.Hint
}

// FindingMessage says what a check found and, apart from it, what to do.
func FindingMessage(conf *cluster.Config, rep protocol.Report, f protocol.Finding) Message {
	keys := make([]string, len(f.Keys))
	for i, k := range f.Keys {
		keys[i] = KeyOf(conf, k)
	}
	list := strings.Join(keys, ", ")
	switch f.Kind {
	case protocol.Unreadable:
		m := Of(f.Err)
		// The LUN is named beside it, and one finding is one line.
		return Message{What: "unknown: " + JoinedLines(m.about(rep.LUN)), Hint: m.Hint}
	case protocol.Contradiction:
		var e *protocol.ContradictionError
		if errors.As(f.Err, &e) {
			return Message{What: "unknown: " + contradictionWords(conf, e), Hint: contradictionHint}
		}
	case protocol.DeadPath:
		return Message{What: "path " + f.Path + " does not answer", Hint: "look at the path: cable, switch, session, kernel log"}
	case protocol.ForeignKeys:
		return Message{What: "foreign key " + list, Hint: "find its owner, or clear it with pr_cleanup"}
	case protocol.Unreserved:
		return Message{What: "not reserved, every node can write", Hint: "run pr_check --repair on a node that has it up"}
	case protocol.WrongType:
		return Message{What: "the reservation is " + rep.State.Reservation.Type.String() + ", by " + list, Hint: "run pr_start on its node"}
	case protocol.LeavingKeys:
		return Message{What: "halt under way or killed: " + list, Hint: "run pr_halt there again, or pr_fence"}
	case protocol.TakingKeys:
		return Message{What: "take-over or fence under way or killed, writes of the removed node may land: " + list, Hint: "run pr_start or pr_halt there, or pr_start or pr_fence elsewhere"}
	case protocol.PathsUnregistered:
		if f.Path != "" {
			return Message{What: "path " + f.Path + " is not registered", Hint: "run pr_check --repair"}
		}
		return Message{What: fmt.Sprintf("%d of %d paths are registered", registrations(rep, f.Keys[0]), rep.Paths), Hint: "run pr_check --repair"}
	case protocol.StaleNexus:
		if f.Path != "" {
			return Message{What: f.Path + " has this node's key and is no path of this host: a nexus of the past, or another host's", Hint: "pr_start removes it if the package is down"}
		}
		return Message{What: fmt.Sprintf("%d registrations of this node for %s: a nexus of the past, or another node's with this key", registrations(rep, f.Keys[0]), Plural(rep.Paths, "path")), Hint: "clear it with pr_cleanup when nothing runs on the LUN"}
	case protocol.KeysMissing:
		return Message{What: "key " + list + " is on other LUNs of the package, not here", Hint: "run vg_pr_key -s if the LUN is new, else pr_start on its node"}
	case protocol.DifferentSets:
		return Message{
			What: fmt.Sprintf("%s is here and not on %s, %s is there and not here", keys[0], f.Other, keys[1]),
			Hint: "compare the package's LUNs in the configs of all nodes; if they agree, run pr_start on the node that runs it",
		}
	case protocol.SeveralOwners:
		return Message{What: "several nodes on a failover package: " + list, Hint: "run pr_start on the one that runs it"}
	case InTwoPackages:
		var e interface{ Finding() Message }
		if errors.As(f.Err, &e) {
			return e.Finding()
		}
	case protocol.WrongKey:
		return Message{What: "nexus " + f.Path + " has different keys on different LUNs: " + list, Hint: "compare the configs of all nodes"}
	case cluster.StartedUnregistered:
		what := "started here by " + f.Other + ", and this node is not registered"
		if rep.State.Reservation == nil {
			what += ": every node can write"
		}
		return Message{What: what, Hint: "end what runs of the package here, then pr_halt and pr_start; find out who took the keys off"}
	case cluster.StartedTaken:
		return Message{What: "started here by " + f.Other + ", and taken by " + list, Hint: "end what is left of it here with cmhaltpkg or pr_halt: it can no longer write"}
	case cluster.StartFailed:
		return Message{What: "the last start or halt of the package here has failed and left something", Hint: "see its log, then halt it with cmhaltpkg"}
	case cluster.Unfinished:
		return Message{What: "a start or halt of the package is under way here, or was killed", Hint: "see its log; if nothing is under way, halt it with cmhaltpkg"}
	case protocol.NotKept:
		return Message{What: "the device would forget it at power loss", Hint: "run pr_start again"}
	}
	return Message{What: string(f.Kind)}
}

// contradictionHint is what can be done about paths that tell different things.
const contradictionHint = "one of them leads to another LUN, or answers what was once: compare their WWIDs, and have the host look for its paths again; start nothing on it before"

// contradictionWords says what two paths tell.
func contradictionWords(conf *cluster.Config, e *protocol.ContradictionError) string {
	text := e.Error()
	for i, s := range e.States {
		text += fmt.Sprintf("; %s: %s, generation %d", e.Paths[i], OnLUN(conf, protocol.Member{}, s), s.Generation)
	}
	return text
}

// InTwoPackages is the kind of finding that says that a LUN is in two packages. It
// is about the config, so package protocol does not know it: its error has a method
// finding.
const InTwoPackages protocol.FindingKind = "two-packages"

// registrations counts those of a node, marked or not.
func registrations(rep protocol.Report, key pr.Key) int {
	n := 0
	for _, r := range rep.State.Registrations {
		if protocol.Plain(r.Key) == key {
			n++
		}
	}
	return n
}

// copyWords says what kept a copy from being made, nil if err is none of it.
func copyWords(err error) (Message, bool) {
	var (
		disagree   *protocol.DisagreeError
		incomplete *protocol.IncompleteError
	)
	switch {
	case errors.As(err, &disagree):
		text := fmt.Sprintf("%s and %s have different keys", disagree.Model, disagree.LUN)
		if len(disagree.Missing) > 0 {
			text += fmt.Sprintf(", %s lacks %s", disagree.LUN, Keys(disagree.Missing))
		}
		if len(disagree.Extra) > 0 {
			text += fmt.Sprintf(", %s has %s beyond", disagree.LUN, Keys(disagree.Extra))
		}
		return Message{What: text, Hint: "nothing was changed; pr_check tells more, pr_start on the nodes concerned registers them", Status: ExitFailed}, true
	case errors.As(err, &incomplete):
		return Message{
			Subject: incomplete.LUN, What: fmt.Sprintf("not complete, the command must be run on %s, too", strings.Join(incomplete.Nodes, ", ")),
			Hint:   "the device does not register other nodes for this one, or their own copy was killed; where such a node is down, clear the LUN with pr_cleanup first",
			Status: ExitNode,
		}, true
	case errors.Is(err, protocol.ErrNothingToCopy):
		return Message{What: "no physical volume has keys that could be copied", Hint: "pr_start reserves the LUNs of a package", Status: ExitFailed}, true
	}
	return Message{}, false
}
