package words

import (
	"errors"

	"lunguard/cluster"
	"lunguard/pr"
	"lunguard/protocol"
)

// Event says a change or a warning of a protocol.
func Event(conf *cluster.Config, e protocol.Event) string {
	where := e.LUN
	if e.Path != "" && e.Path != e.LUN {
		where += ": path " + e.Path
	}
	if e.Change() {
		return where + ": " + Change(conf, e)
	}
	key := KeyOf(conf, e.Key)
	switch e.Action {
	case protocol.NothingLeft:
		if e.Heir == 0 {
			return where + ": nothing of this node is left"
		}
		return where + ": nothing of this node is left; reserved by " + KeyOf(conf, e.Heir)
	case protocol.Unmoved:
		return where + ": the device cannot hand the reservation over and is unreserved now; run pr_check --repair on " + Nodes(conf, e.Heirs)
	case protocol.PathFailed:
		return where + ": the path fails and is left out: " + Reason(e.Path, e.Err)
	case protocol.NotPersistent:
		text := where + ": the device does not keep registrations through power loss: " + Reason(e.Path, e.Err)
		if errors.Is(e.Err, pr.ErrCannotStore) {
			text += "; " + nowhereToStore
		}
		return text
	case protocol.Forgets:
		return Forgets(e.LUN)
	case protocol.PastLeft:
		return where + ": stale registrations with " + key + " are left; the next pr_halt removes them"
	case protocol.PathsMissing:
		return where + ": the device lists fewer registrations than paths were registered; pr_check names those that are missing"
	case protocol.PerHost:
		return where + ": the device registers all paths of a host at once"
	case protocol.TakingOpen:
		who := "nobody"
		if e.Heir != 0 {
			who = KeyOf(conf, e.Heir)
		}
		return where + ": stays registered with " + key + ", reserved by " + who + ": a command that takes it may still be on its way; run pr_start or pr_halt again"
	case protocol.Kept:
		return where + ": stays reserved by " + key + ": given up, it would be open to the node it was taken from; run pr_start again, or pr_halt when that node is down"
	}
	return where + ": " + string(e.Action)
}

// Forgets says that a LUN cannot keep registrations through power loss.
func Forgets(lun string) string {
	return lun + ": the device cannot keep registrations through power loss; after one, every node can write until the package is started again"
}

// Change says a command that changes something.
func Change(conf *cluster.Config, e protocol.Event) string {
	key := KeyOf(conf, e.Key)
	switch e.Action {
	case protocol.Registered, protocol.Readmitted:
		switch {
		case e.From != "":
			return "REGISTER AND MOVE " + key + " from path " + e.From
		case e.Anew:
			return "REGISTER AND IGNORE EXISTING KEY " + key
		}
		return "REGISTER " + key
	case protocol.Unregistered:
		return "unregister " + key
	case protocol.Reserved:
		return "RESERVE, " + e.Type.String() + ", by " + key
	case protocol.Preempted:
		if e.Victim == 0 {
			return "PREEMPT AND ABORT all registrants by " + key
		}
		return "PREEMPT AND ABORT " + KeyOf(conf, e.Victim) + " by " + key
	case protocol.Cleared:
		return "CLEAR by " + key
	case protocol.Introduced:
		return "REGISTER other nexuses (SPEC_I_PT) with " + key
	case protocol.Marked:
		return "REGISTER the leaving mark in place of " + key
	case protocol.MarkedTaking:
		return "REGISTER the taking mark in place of " + key
	case protocol.Unmarked:
		return "REGISTER " + key + " in place of its mark"
	case protocol.Reset:
		return "LOGICAL UNIT RESET"
	case protocol.Moved:
		return "REGISTER AND MOVE from " + key + " to " + KeyOf(conf, e.Heir)
	}
	return string(e.Action)
}

// Outcome says how a change went.
func Outcome(e protocol.Event) string {
	if e.Err == nil {
		return ": done"
	}
	var failed pr.CommandError
	if errors.As(e.Err, &failed) {
		return ": " + failed.Why().Error()
	}
	return ": " + e.Err.Error()
}
