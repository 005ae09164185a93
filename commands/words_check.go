package commands

import (
	"errors"
	"fmt"
	"strings"

	"lunguard/cluster"
)

// findingWords says what a check found, and what to do about it.
func findingWords(conf *cluster.Config, rep cluster.Report, f cluster.Finding) string {
	keys := make([]string, len(f.Keys))
	for i, k := range f.Keys {
		keys[i] = keyWithNode(conf, k)
	}
	list := strings.Join(keys, ", ")
	switch f.Kind {
	case cluster.Unreadable:
		return "unknown: " + words(f.Err).text
	case cluster.DeadPath:
		return "path " + f.Path + " does not answer"
	case cluster.ForeignKeys:
		return "foreign key " + list + "; find its owner, or clear it with pr_cleanup"
	case cluster.Unreserved:
		return "not reserved, every node can write; run pr_check --repair on a node that has it up"
	case cluster.WrongType:
		return "the reservation is " + rep.State.Reservation.Type.String() + ", by " + list + "; run pr_start on its node"
	case cluster.LeavingKeys:
		return "halt under way or killed: " + list + "; run pr_halt there again, or pr_fence"
	case cluster.PathsUnregistered:
		return fmt.Sprintf("%d of %d paths are registered; run pr_check --repair", rep.State.Count(f.Keys[0]), rep.Paths)
	case cluster.StaleNexus:
		return fmt.Sprintf("%d registrations of this node for %s: a nexus of the past, or another node's with this key", rep.State.Count(f.Keys[0]), plural(rep.Paths, "path"))
	case cluster.KeysMissing:
		return "key " + list + " is on other LUNs of the package, not here"
	case cluster.SeveralOwners:
		return "several nodes on a failover package: " + list + "; run pr_start on the one that runs it"
	case cluster.WrongKey:
		return "nexus " + f.Path + " has different keys on different LUNs: " + list
	case cluster.NotKept:
		return "the device would forget it at power loss; run pr_start again"
	}
	return string(f.Kind)
}

// copyWords says what kept a copy from being made, nil if err is none of it.
func copyWords(err error) (message, bool) {
	var (
		disagree   *cluster.DisagreeError
		incomplete *cluster.IncompleteError
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
		return message{text: text, hint: "nothing was changed; pr_check tells more, pr_start on the nodes concerned registers them", status: exitFailed}, true
	case errors.As(err, &incomplete):
		return message{
			text:   fmt.Sprintf("%s: not complete, the command must be run on %s, too", incomplete.LUN, strings.Join(incomplete.Nodes, ", ")),
			hint:   "the device does not register other nodes for this one, or their own copy was killed; where such a node is down, clear the LUN with pr_cleanup first",
			status: exitNode,
		}, true
	case errors.Is(err, cluster.ErrNothingToCopy):
		return message{text: "no physical volume has keys that could be copied", hint: "pr_start reserves the LUNs of a package", status: exitFailed}, true
	}
	return message{}, false
}
