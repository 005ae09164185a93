package commands

import (
	"errors"
	"fmt"
	"syscall"

	"lunguard/protocol"
	"lunguard/scsi"
)

// runWords says what kept a protocol from its end.
func runWords(err error) (message, bool) {
	var (
		shared  *protocol.SharedLUNError
		foreign *protocol.ForeignKeyError
		lost    *protocol.LostError
		stray   *protocol.StrayPortError
		lun     *protocol.LUNError
	)
	switch {
	case errors.As(err, &shared):
		return message{what: shared.Error(), hint: "a LUN with several paths needs multipath above it, and a package names it once", status: exitFailed}, true
	case errors.As(err, &foreign):
		return message{
			what:  fmt.Sprintf("ERROR: Physical Volume %s used in the VG has registration which is not from any of the cluster nodes.", foreign.LUN),
			whole: true, status: exitFailed,
			hint: "the key is " + keyList(foreign.Keys) + "; see who uses the LUN, then clear it with pr_cleanup",
		}, true
	case errors.As(err, &lost):
		return lostWords(lost), true
	case errors.As(err, &stray):
		return message{
			subject: stray.LUN,
			what:    fmt.Sprintf("port %s of node %s is registered with the key of node %s, left by a copy that was killed", stray.Port, stray.Victim, stray.Node),
			hint:    "nothing was changed; run the fence on " + stray.Node + ", which alone can take its key off; if it is down, shut " + stray.Victim + " down, and clear the LUN with pr_cleanup when nothing runs on it", status: exitNode,
		}, true
	case errors.As(err, &lun):
		return lunWords(lun), true
	}
	return message{}, false
}

// lostWords says who has taken the LUNs.
func lostWords(e *protocol.LostError) message {
	if e.Winner == 0 {
		return message{
			subject: e.LUN, what: "cleared by another node while this one took the package's LUNs",
			hint:   "nothing of this node is left on them; a pr_halt or pr_cleanup was run beside it, so start again",
			status: exitFailed,
		}
	}
	who := "the node with the key " + e.Winner.String()
	if e.Node != "" {
		who = "node " + e.Node + " (" + e.Winner.String() + ")"
	}
	return message{
		subject: e.LUN, what: who + " has taken the package's LUNs",
		hint:   "nothing of this node is left on them; find out why two nodes started the package",
		status: exitFailed,
	}
}

// lookAtPath is what can be done about a path that fails.
const lookAtPath = "look at the path: cable, switch, session, kernel log"

// nowhereToStore is what can be done about a target that cannot keep registrations.
const nowhereToStore = "the device may be unable to store registrations; on a Linux target (LIO), make the folder /var/target/pr on it"

// waitForPath is what can be done about a command that the kernel does not return.
const waitForPath = "the path hangs: see the kernel log and multipath -ll; when it has come back or is gone, run this again, and pr_check"

// lunWords says what went wrong on one LUN.
func lunWords(e *protocol.LUNError) message {
	m := message{subject: e.LUN, what: causeWords(e, ""), status: exitNode}
	switch {
	case errors.Is(e, protocol.ErrOtherKeys):
		m.what, m.status = "left alone, the key is not registered there", exitFailed
		m.hint = "without -k everything is cleared, whoever registered it"
	case errors.Is(e, protocol.ErrUnresolved):
		m.hint = "do not start anything on it: writes of the node that was removed may still land; shut that node down or cut it off from the array, then run this again, with a longer --timeout if the array is slow"
	case errors.Is(e, protocol.ErrPending):
		m.hint = waitForPath
	case errors.Is(e, protocol.ErrUnsure):
		m.hint = "the answer to its first REGISTER was lost, and nothing of it is registered; see who has the LUNs with pr_check, then run this again"
	case errors.Is(e, protocol.ErrTooSlow):
		m.hint = "see the array: an answer must come within ten seconds for it to be acted on"
	case errors.Is(e, protocol.ErrPathLost):
		m.hint = "mend the path, or leave --strict out: then one working path to each LUN is enough"
	case errors.Is(e, protocol.ErrNoReservationType):
		m.hint, m.status = "let the array have them, or take the LUN out of the package", exitFailed
	case errors.Is(e, protocol.ErrUnsettled) && scsi.ASCOf(e) != scsi.CommunicationFailure:
		m.hint = "other nodes change it all the time, or the device does not do what it says; see vg_pr_key -g and try again"
	case errors.Is(e, protocol.ErrNotRegistered):
		m.hint = "the package is not up on this node, or this node was fenced; act from a node that has it up"
	case errors.Is(e, protocol.ErrRemoved):
		m.what, m.status = "another node has removed this node meanwhile", exitFailed
		m.hint = "this node was fenced; end what is left of the package here, and find out why before starting it again"
	case errors.Is(e, protocol.ErrOtherType):
		m.hint = "see vg_pr_key -g and pr_check; halt the package on the nodes that have it, then start it again"
	case errors.Is(e, protocol.ErrNotCopied):
		m.hint = "run pr_start on the nodes that are missing; pr_check names them"
	case errors.Is(e, protocol.ErrStaleNexus):
		m.hint = "it was registered before a new login or by a replaced adapter; clear it with pr_cleanup when nothing runs on the LUN"
	case errors.Is(e, protocol.ErrKeysLeft):
		m.what = "keys are there again after they were cleared"
		m.hint = "another node registered meanwhile; see vg_pr_key -g and try again"
	case errors.Is(e, protocol.ErrNoWWID):
		m.hint, m.status = "its nodes could not agree on which LUN to take first; give each LUN a package of its own", exitFailed
	default:
		deviceFailure(e, &m)
	}
	return m
}

// deviceFailure says what a device or the way to it did wrong.
func deviceFailure(e *protocol.LUNError, m *message) {
	var op *scsi.OpError
	if !errors.As(e, &op) {
		if errors.Is(e, protocol.ErrNoPath) {
			m.hint = lookAtPath
		}
		return
	}
	m.what = causeWords(e, op.Device)
	where := ""
	if op.Device != "" && op.Device != e.LUN {
		where = "path " + op.Device + ": "
	}
	switch {
	case errors.Is(e, syscall.EPERM), errors.Is(e, syscall.EACCES):
		m.what, m.hint, m.status = where+"not permitted", "run it as root", exitFailed
	case scsi.ASCOf(op) == scsi.CommunicationFailure:
		m.hint = nowhereToStore
	case errors.Is(op, scsi.ErrReservationConflict):
		m.what = where + "reservation conflict on " + op.Op
		m.hint = "a classic SCSI-2 RESERVE is in force, or the device refuses; find who holds it, release or reset the LUN"
	case scsi.ASCOf(op) == scsi.InvalidOpcode, errors.Is(op, syscall.ENOTTY):
		m.what = where + "the device knows no persistent reservations"
		m.hint, m.status = "a virtual disk, or an array with the feature turned off; take the LUN out of the package", exitFailed
	case errors.Is(op, scsi.ErrPendingDir):
		m.hint = "whether a command that was given up is under way stands in it: make root its owner, and take the right to write from group and others"
	case errors.Is(op, scsi.ErrStillUnderWay):
		m.hint = waitForPath
	case errors.Is(op, scsi.ErrTimeout):
		m.hint = "--timeout sets how long to wait; " + lookAtPath
	case errors.Is(op, scsi.ErrTransport):
		m.hint = lookAtPath
	case errors.Is(op, scsi.ErrBusy):
		m.hint = "the array may be in the middle of a controller failover; --timeout sets how long to wait"
	case errors.Is(op, scsi.ErrMalformed):
		m.hint = "the device breaks the standard; its state is unknown, so nothing was concluded from it"
	case errors.Is(op, scsi.ErrUnsupported):
		m.hint = "the device is too old or lacks the function"
	case errors.Is(op, scsi.ErrStateChanged):
		m.hint = "other nodes change its registrations all the time; see who with vg_pr_key -g, and try again"
	case errors.Is(op, scsi.ErrUnitAttention):
		m.hint = "the device announces resets all the time; see the kernel log"
	case errors.Is(op, scsi.ErrDevice):
		m.hint = "see the kernel log and that of the array"
	}
}
