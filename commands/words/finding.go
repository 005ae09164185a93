package words

import (
	"errors"
	"fmt"
	"slices"
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
		return Message{What: "foreign key " + foreignWords(conf, f.Keys), Hint: foreignHint(conf, rep.State, f.Keys)}
	case protocol.SameHost:
		return Message{What: "to the device this host is " + list + ", by its identifier " + f.Path, Hint: sameHostHint}
	case protocol.Unreserved:
		return Message{What: "not reserved, every node can write", Hint: "run pr_check --repair on a node that has it up"}
	case protocol.WrongType:
		return Message{What: "the reservation is " + rep.State.Reservation.Type.String() + ", by " + list, Hint: wrongTypeHint(conf, rep.State)}
	case protocol.LeavingKeys:
		return Message{What: "halt under way or killed: " + list, Hint: "wait for its end; if it was killed, run pr_halt there again, and if that node is down, pr_fence or pr_start elsewhere"}
	case protocol.TakingKeys:
		return Message{What: "take-over or fence under way or killed, writes of the removed node may land: " + list, Hint: "wait for its end; if it was killed, run it there again, and if that node is down, pr_start or pr_fence elsewhere"}
	case protocol.PathsUnregistered:
		if f.Path != "" {
			return Message{What: "path " + f.Path + " is not registered", Hint: "run pr_check --repair"}
		}
		return Message{What: fmt.Sprintf("%d of %d paths are registered", registrations(rep, f.Keys[0]), rep.Paths), Hint: "run pr_check --repair"}
	case protocol.StaleNexus:
		if f.Path != "" {
			return Message{What: f.Path + " has this node's key and is no path of this host: a stale registration, or another host's", Hint: "pr_start removes it if the package is down on every node"}
		}
		return Message{What: fmt.Sprintf("%d registrations of this node for %s: a stale registration, or another node's with this key", registrations(rep, f.Keys[0]), Plural(rep.Paths, "path")), Hint: "clear it with pr_cleanup --force when nothing runs on the LUN"}
	case protocol.KeysMissing:
		return Message{What: "key " + list + " is on other LUNs of the package, not here", Hint: "run vg_pr_key -s if the LUN is new, else pr_check --repair on its node"}
	case protocol.DifferentSets:
		return Message{
			What: fmt.Sprintf("%s is here and not on %s, %s is there and not here", keys[0], f.Other, keys[1]),
			Hint: "compare the package's LUNs in the configs of all nodes; if they agree, run pr_start on the node that runs it",
		}
	case protocol.SeveralOwners:
		return Message{What: "several nodes on a failover package: " + list, Hint: "run pr_start on the one that runs it, which removes the others"}
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
		if f.Other == cluster.LetIn {
			return Message{What: "this node was let in, and is not registered any more", Hint: "restart this node: it was fenced, unless the device has forgotten its registrations"}
		}
		return Message{What: what, Hint: "end what runs of the package here, then pr_halt and pr_start; find out who took the keys off"}
	case cluster.StartedPartly:
		return Message{What: "started here by " + f.Other + ", and this node is registered on other LUNs of the package, not here", Hint: "run pr_check --repair here; find out who took the keys off"}
	case cluster.StartedTaken:
		return Message{What: "started here by " + f.Other + ", and taken by " + list, Hint: "end what is left of it here with cmhaltpkg or pr_halt: it can no longer write"}
	case cluster.StartedOutside:
		return Message{What: "started here with the package, and not in it any more", Hint: "halt the package here, which gives it up, too, before another package has it; or put it back"}
	case cluster.StartFailed:
		return Message{What: "the last start or halt of the package here has failed and left something", Hint: "see its log, then halt it with cmhaltpkg"}
	case cluster.KeptHere:
		return Message{What: "kept here since " + f.Other + " was fenced: the package is up nowhere, and nobody else can write", Hint: "start it where it is to run: that takes it over from here"}
	case cluster.Unfinished:
		return Message{What: "a start or halt of the package is under way here, or was killed", Hint: "see its log; if nothing is under way, halt it with cmhaltpkg"}
	case protocol.NoAbort:
		return Message{What: protocol.ErrNoAbort.Error() + ": no node can take it from another", Hint: noAbortHint}
	case protocol.NoType:
		return Message{What: protocol.ErrNoReservationType.Error() + ": it cannot be protected", Hint: noTypeHint}
	case protocol.NotKept:
		return Message{What: "the device would forget it at power loss (APTPL is off)", Hint: againHint(conf, rep.State)}
	}
	return Message{What: string(f.Kind)}
}

// foreignWords lists foreign keys with what they look like.
func foreignWords(conf *cluster.Config, keys []pr.Key) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		if list[i] = KeyOf(conf, k); list[i] != k.String() {
			continue
		}
		if like := LooksLike(k); like != "" {
			list[i] += " (" + like + ")"
		}
	}
	return strings.Join(list, ", ")
}

// noAbortHint is what can be done about a device that lacks it.
const noAbortHint = "let the array have it, or take the LUN out of the package: after PREEMPT alone, writes of the other node may still land"

// noTypeHint is what can be done about one without the reservations that protocols make.
const noTypeHint = "let the array have them, or take the LUN out of the package"

// foreignHint is what can be done about foreign keys, in the state that they are in.
func foreignHint(conf *cluster.Config, s *pr.State, keys []pr.Key) string {
	names := Keys(keys)
	if len(keys) > 1 {
		names = "KEY"
	}
	holds := s.Reservation != nil && slices.Contains(keys, s.Reservation.Key)
	switch here := slices.ContainsFunc(s.Keys(), func(k pr.Key) bool { _, ok := conf.NodeOf(k); return ok }); {
	case here && holds:
		return "it holds the reservation: have it given up where it comes from, or stop what runs on the LUN and clear it with pr_cleanup --force"
	case here:
		return "find its owner; where the package is up, pr_fence --key " + names + " removes it alone"
	}
	return "find its owner; if nobody uses the LUN, clear it with pr_cleanup"
}

// wrongTypeHint is what can be done about a reservation of another type.
func wrongTypeHint(conf *cluster.Config, s *pr.State) string {
	if n, ok := conf.NodeOf(s.Reservation.Key); ok {
		return "run pr_start on " + n.Name + " if that has the package up"
	}
	if s.Reservation.Type.AllRegistrants() {
		return "run pr_start on the node that has the package up"
	}
	return "find its owner"
}

// againHint is where a start registers once more what is up, and takes it from nobody.
func againHint(conf *cluster.Config, s *pr.State) string {
	if s.Reservation != nil {
		if n, ok := conf.NodeOf(s.Reservation.Key); ok {
			return "run pr_start again on " + n.Name + ", which holds it"
		}
	}
	return "run pr_start again on a node that has the package up"
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
		return Message{What: text, Hint: "nothing was changed; pr_check tells more, pr_check --repair on the nodes concerned registers them", Status: ExitFailed}, true
	case errors.As(err, &incomplete):
		return Message{
			Subject: incomplete.LUN, What: fmt.Sprintf("not complete, the command must be run on %s, too", strings.Join(incomplete.Nodes, ", ")),
			Hint:   "the device does not register other nodes for this one, or their own copy was killed; where such a node is down, and the LUN is not in use yet, clear it with pr_cleanup --force first",
			Status: ExitNode,
		}, true
	case errors.Is(err, protocol.ErrNothingToCopy):
		return Message{What: "no physical volume has keys that could be copied", Hint: "pr_start reserves the LUNs of a package, on the node that has it up or is to have it", Status: ExitFailed}, true
	}
	return Message{}, false
}
