package words

import (
	"errors"
	"fmt"
	"strings"

	"lunguard/pr"
	"lunguard/protocol"
)

// runWords says what kept a protocol from its end.
func runWords(err error) (Message, bool) {
	var (
		shared  *protocol.SharedLUNError
		foreign *protocol.ForeignKeyError
		lost    *protocol.LostError
		stray   *protocol.StrayPortError
		lun     *protocol.LUNError
		other   *protocol.OtherKeysError
		guarded *protocol.ProtectedError
		away    *protocol.NotUpHereError
	)
	switch {
	case errors.As(err, &other):
		return otherKeysWords(other), true
	case errors.As(err, &guarded):
		return protectedWords(guarded), true
	case errors.As(err, &away):
		return awayWords(away), true
	case errors.As(err, &shared):
		return Message{What: shared.Error(), Hint: "a LUN with several paths needs multipath above it, and a package names it once", Status: ExitFailed}, true
	case errors.As(err, &foreign):
		return Message{
			What:  fmt.Sprintf("ERROR: Physical Volume %s used in the VG has registration which is not from any of the cluster nodes.", foreign.LUN),
			Whole: true, Status: ExitFailed,
			Hint: "the key is " + Keys(foreign.Keys) + "; find its owner; pr_fence --key evicts it, pr_cleanup clears an unused LUN",
		}, true
	case errors.As(err, &lost):
		return lostWords(lost), true
	case errors.As(err, &stray):
		return Message{
			Subject: stray.LUN,
			What:    fmt.Sprintf("port %s of node %s is registered with the key of node %s, left by a copy that was killed", stray.Port, stray.Victim, stray.Node),
			Hint:    "nothing was changed; run the fence on " + stray.Node + ", which alone can take its key off; if it is down, shut " + stray.Victim + " down, and clear the LUN with pr_cleanup --force when nothing runs on it", Status: ExitNode,
		}, true
	case errors.As(err, &lun):
		return lunWords(lun), true
	}
	return Message{}, false
}

// lostWords says who has taken the LUNs.
func lostWords(e *protocol.LostError) Message {
	if e.Winner == 0 {
		return Message{
			Subject: e.LUN, What: "cleared by another node while this one took the package's LUNs",
			Hint:   "nothing of this node is left on them; a pr_halt or pr_cleanup was run beside it, so start again",
			Status: ExitFailed,
		}
	}
	who := "the node with the key " + e.Winner.String()
	if e.Node != "" {
		who = "node " + e.Node + " (" + e.Winner.String() + ")"
	}
	return Message{
		Subject: e.LUN, What: who + " has taken the package's LUNs",
		Hint:   "nothing of this node is left on them; find out why two nodes started the package",
		Status: ExitFailed,
	}
}

// notUpHint is what can be done where it is not known which node has a package.
const notUpHint = "the package is not up on this node, or this node was fenced; act from a node that has it up"

// awayWords says where the package is up that is not up here. What one node has is taken
// by a start; what several have is joined by one, which a node that was fenced must not do
// with what it has in memory.
func awayWords(e *protocol.NotUpHereError) Message {
	m := Message{Subject: e.LUN, What: protocol.ErrNotRegistered.Error(), Hint: notUpHint, Status: ExitNode}
	if len(e.Up) == 0 {
		return m
	}
	names := make([]string, len(e.Up))
	for i, n := range e.Up {
		names[i] = n.Name
	}
	m.Hint = "it is up on " + strings.Join(names, ", ") + ": act there; if that has failed, "
	if e.Mode == protocol.Exclusive {
		m.Hint += "pr_start here takes it over"
	} else {
		m.Hint += "pr_start here, and restart first if fenced"
	}
	return m
}

// lookAtPath is what can be done about a path that fails.
const lookAtPath = "look at the path: cable, switch, session, kernel log"

// nowhereToStore is what can be done about a target that cannot keep registrations.
const nowhereToStore = "the device may be unable to store registrations; on a Linux target (LIO), make the directory /var/target/pr on it"

// waitForPath is what can be done about a command that the kernel does not return.
const waitForPath = "the path hangs: see the kernel log and multipath -ll; when it has come back or is gone, run this again, and pr_check"

// sameHostHint is what can be done about machines that are one to a device.
const sameHostHint = "two machines have one host identifier, as clones of an installation do: give each its own (/etc/nvme/hostid), connect anew, and run this again"

// ShiftedHint is what can be done about keys that are not those by which nodes are registered.
const ShiftedHint = "nodes were taken out or given other identifiers while some were let in: put the old ones back; or shut all nodes down, change them, and clear the LUN with pr_cleanup --force if need be; keys by nodeid (key_value, NODE_ID) stay when a node leaves"

// nothingConcluded is what became of an answer that makes no sense.
const nothingConcluded = "the device breaks the standard; its state is unknown, so nothing was concluded from it"

// lunWords says what went wrong on one LUN.
func lunWords(e *protocol.LUNError) Message {
	m := Message{Subject: e.LUN, What: causeWords(e, ""), Status: ExitNode}
	var contradiction *protocol.ContradictionError
	switch {
	case errors.As(e, &contradiction):
		m.What, m.Hint = contradictionWords(nil, contradiction), contradictionHint
	case errors.Is(e, protocol.ErrKeyHolds):
		m.Hint, m.Status = "nothing was changed: without it the reservation would be this node's; have it given up where the key comes from, or stop what runs on the LUN and clear it with pr_cleanup --force", ExitFailed
	case errors.Is(e, protocol.ErrCameToHold):
		m.Hint, m.Status = "the LUN was not reserved, and is by this node now; see it with pr_check, and run pr_start on the nodes that have the package up", ExitFailed
	case errors.Is(e, protocol.ErrUnresolved) && errors.Is(e, pr.ErrUnsupported):
		m.Hint = "do not start anything on it: writes of the node that was removed may still land, and the device has no reset to end them; shut that node down or cut it off from the array, then clear it with pr_cleanup --force, and run pr_start where the package is to be up"
	case errors.Is(e, protocol.ErrUnresolved):
		m.Hint = "do not start anything on it: writes of the node that was removed may still land; shut that node down or cut it off from the array, then run this again, with a longer --timeout if the array is slow"
	case errors.Is(e, protocol.ErrPending):
		m.Hint = waitForPath
	case errors.Is(e, protocol.ErrUnsure):
		m.Hint = "the answer to its first REGISTER was lost, and nothing of it is registered; see who has the LUNs with pr_check, then run this again"
	case errors.Is(e, protocol.ErrTooSlow):
		m.Hint = "see the array: an answer must come within ten seconds for it to be acted on"
	case errors.Is(e, protocol.ErrPathLost):
		m.Hint = "mend the path, or leave --strict out: then one working path to each LUN is enough"
	case errors.Is(e, protocol.ErrNoAbort):
		m.What, m.Hint, m.Status = protocol.ErrNoAbort.Error(), noAbortHint, ExitFailed
	case errors.Is(e, protocol.ErrNoReservationType):
		m.Hint, m.Status = noTypeHint, ExitFailed
	case errors.Is(e, protocol.ErrUnsettled) && !errors.Is(e, pr.ErrCannotStore):
		m.Hint = "other nodes change it all the time, or the device does not do what it says; see vg_pr_key -g and try again"
	case errors.Is(e, protocol.ErrNotRegistered):
		m.Hint = notUpHint
	case errors.Is(e, protocol.ErrRemoved):
		m.What, m.Status = "another node has removed this node meanwhile", ExitFailed
		m.Hint = "this node was fenced; end what is left of the package here, and find out why before starting it again"
	case errors.Is(e, protocol.ErrFenced):
		m.Hint, m.Status = "restart this node: what it has in memory must not go over what others have written since; where no fence agent has let it in, it does to end what runs of the package here, and pr_halt", ExitFailed
	case errors.Is(e, protocol.ErrSameHost):
		m.Hint, m.Status = sameHostHint, ExitFailed
	case errors.Is(e, protocol.ErrShifted):
		m.Hint, m.Status = ShiftedHint, ExitFailed
	case errors.Is(e, protocol.ErrOtherType):
		m.Hint = "see vg_pr_key -g and pr_check; halt the package on the nodes that have it, then start it again"
	case errors.Is(e, protocol.ErrNotCopied):
		m.Hint = "run pr_check --repair on the nodes that are missing; pr_check names them"
	case errors.Is(e, protocol.ErrStaleNexus):
		m.Hint = "it was registered before a new login or by a replaced adapter; clear it with pr_cleanup --force when nothing runs on the LUN"
	case errors.Is(e, protocol.ErrKeysLeft):
		m.What = "keys are there after they were cleared"
		m.Hint = "see whose with vg_pr_key -g: what a node has registered since is left to it; else the device has not done what it said"
	case errors.Is(e, protocol.ErrNotUndone):
		m.Hint = "the keys are this node's; see pr_check, and take them off with pr_halt when the device does what it says again"
	case errors.Is(e, protocol.ErrNoWWID):
		m.Hint, m.Status = "its nodes could not agree on which LUN to take first; give each LUN a package of its own", ExitFailed
	default:
		deviceFailure(e, &m)
	}
	return m
}

// deviceFailure says what a device or the way to it did wrong.
func deviceFailure(e *protocol.LUNError, m *Message) {
	var op pr.CommandError
	if !errors.As(e, &op) {
		switch {
		case errors.Is(e, protocol.ErrNoPath):
			m.Hint = lookAtPath
		case errors.Is(e, pr.ErrMalformed):
			m.Hint = nothingConcluded
		}
		return
	}
	m.What = causeWords(e, op.Where())
	where := ""
	if op.Where() != "" && op.Where() != e.LUN {
		where = "path " + op.Where() + ": "
	}
	if what, hint, refused := hostWords(e); refused {
		m.What, m.Hint = where+what, hint
		return
	}
	switch {
	case errors.Is(op, pr.ErrWrongDevice):
		m.Hint = "the array has put another LUN behind the path, and what this host writes may go there: let nothing write to the LUN, delete the disk on this host (echo 1 > /sys/block/DISK/device/delete), have it look for its paths again, and run this again"
	case errors.Is(op, pr.ErrCannotStore):
		m.Hint = nowhereToStore
	case errors.Is(op, pr.ErrReservationConflict):
		m.What = where + "reservation conflict on " + op.What()
		m.Hint = "a classic SCSI-2 RESERVE is in force, or the device refuses; find who holds it, release or reset the LUN"
	case errors.Is(op, pr.ErrNotShared):
		m.What = where + "no other host can have the namespace"
		m.Hint, m.Status = "it is private to one controller (NMIC), and a reservation would keep nobody out: make it a shared one on the target, or take it out of the package", ExitFailed
	case errors.Is(op, pr.ErrNoReservations):
		m.What = where + "the device knows no persistent reservations"
		m.Hint, m.Status = "a virtual disk, or an array with the feature turned off; take the LUN out of the package", ExitFailed
	case errors.Is(op, pr.ErrNotTrusted):
		m.Hint = "whether a command that was given up is under way stands in it: make root its owner, and take the right to write from group and others"
	case errors.Is(op, pr.ErrStillUnderWay):
		m.Hint = waitForPath
	case errors.Is(op, pr.ErrTimeout):
		m.Hint = "--timeout sets how long to wait; " + lookAtPath
	case errors.Is(op, pr.ErrTransport), errors.Is(op, pr.ErrPathUnusable):
		m.Hint = lookAtPath
	case errors.Is(op, pr.ErrBusy):
		m.Hint = "the array may be in the middle of a controller failover; --timeout sets how long to wait"
	case errors.Is(op, pr.ErrMalformed):
		m.Hint = nothingConcluded
	case errors.Is(op, pr.ErrUnsupported):
		m.Hint = "the device is too old or lacks the function"
	case errors.Is(op, pr.ErrStateChanged):
		m.Hint = "other nodes change its registrations all the time; see who with vg_pr_key -g, and try again"
	case errors.Is(op, pr.ErrUnitAttention):
		m.Hint = "the device announces resets all the time; see the kernel log"
	case errors.Is(op, pr.ErrDevice):
		m.Hint = "see the kernel log and that of the array"
	}
}
