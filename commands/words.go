package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/picture"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// message is an error in words: what happened, what can be done about it, and
// what it means for the exit status. An error of this package that is made for
// people has a method of this name.
type message struct {
	text, hint string
	// whole says that text is the complete line, as the vendor prints it.
	whole  bool
	status int
}

// report prints an error, or each one of several that are joined, and returns
// the exit status that they mean. A hint is given once, and so is what two parts of
// a run have met with.
func (c *call) report(err error) int {
	status := exitOK
	printed := map[string]bool{}
	for _, leaf := range leaves(err) {
		sig := signalOf(c.ctx)
		if sig != nil && errors.Is(leaf, context.Canceled) {
			// Nothing else is wrong.
			leaf = sig
		}
		m := words(leaf)
		status = worse(status, m.status)
		if leaf == error(sig) && sig != nil {
			// Once is enough.
			if c.hinted[m.text] {
				continue
			}
			c.hinted[m.text] = true
		}
		// Joined errors have a line each; one error is one line.
		line := picture.Printable(strings.ReplaceAll(m.text, "\n", "; "))
		if printed[line] {
			continue
		}
		printed[line] = true
		c.said = append(c.said, picture.Problem{Text: line, Hint: m.hint})
		if !m.whole {
			line = fmt.Sprintf("%s: error: %s", c.prog(), line)
		}
		fmt.Fprintln(c.Err, line)
		if m.hint != "" && !c.hinted[m.hint] {
			c.hinted[m.hint] = true
			fmt.Fprintf(c.Err, "%s: hint: %s\n", c.prog(), m.hint)
		}
	}
	return status
}

// warnErr reports an error that does not change the exit status.
func (c *call) warnErr(err error) {
	for _, leaf := range leaves(err) {
		c.warn("%s", words(leaf).text)
	}
}

// leaves takes joined errors apart.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, leaves(e)...)
	}
	return list
}

// words says an error to people.
func words(err error) message {
	var (
		usage   *usageError
		conf    *cluster.ConfigError
		node    *cluster.UnknownNodeError
		pkg     *cluster.UnknownPackageError
		member  *cluster.NotMemberError
		shared  *protocol.SharedLUNError
		foreign *protocol.ForeignKeyError
		lost    *protocol.LostError
		stray   *protocol.StrayPortError
		lun     *protocol.LUNError
		group   *vg.GroupError
		device  *vg.DeviceError
		file    *configFileError
	)
	var own interface{ message() message }
	if errors.As(err, &own) {
		return own.message()
	}
	if m, ok := copyWords(err); ok {
		return m
	}
	switch {
	case errors.As(err, &usage):
		return message{text: usage.what, hint: "--help shows the usage", status: exitFailed}
	case errors.As(err, &conf):
		return message{text: conf.Error(), status: exitFailed}
	case errors.As(err, &file):
		return configFileWords(file)
	case errors.As(err, &node):
		return message{text: node.Error(), hint: "name this node with -n NODE or SG_NODE; " + nodeNames(node.Config), status: exitFailed}
	case errors.As(err, &pkg):
		return message{text: pkg.Error(), hint: packageNames(pkg.Config), status: exitFailed}
	case errors.As(err, &member):
		return message{text: member.Error(), hint: "it runs on " + strings.Join(member.Package.Nodes, ", "), status: exitFailed}
	case errors.As(err, &shared):
		return message{text: shared.Error(), hint: "a LUN with several paths needs multipath above it, and a package names it once", status: exitFailed}
	case errors.As(err, &foreign):
		return message{
			text:  fmt.Sprintf("ERROR: Physical Volume %s used in the VG has registration which is not from any of the cluster nodes.", foreign.LUN),
			whole: true, status: exitFailed,
			hint: "the key is " + keyList(foreign.Keys) + "; see who uses the LUN, then clear it with pr_cleanup",
		}
	case errors.As(err, &lost):
		return lostWords(lost)
	case errors.As(err, &stray):
		return message{
			text: fmt.Sprintf("%s: port %s of node %s is registered with the key of node %s, left by a copy that was killed", stray.LUN, stray.Port, stray.Victim, stray.Node),
			hint: "nothing was changed; run the fence on " + stray.Node + ", which alone can take its key off; if it is down, shut " + stray.Victim + " down, and clear the LUN with pr_cleanup when nothing runs on it", status: exitNode,
		}
	case errors.As(err, &lun):
		return lunWords(lun)
	case errors.As(err, &group):
		return groupWords(group)
	case errors.As(err, &device):
		return deviceWords(device)
	case errors.Is(err, simhost.ErrNotHost), errors.Is(err, simhost.ErrNotArray):
		return message{text: err.Error(), hint: "lunguard sim create DIR makes an array with hosts", status: exitFailed}
	}
	return message{text: err.Error(), status: exitFailed}
}

// configFileWords says why the config could not be read or written.
func configFileWords(e *configFileError) message {
	m := message{text: e.Error(), hint: "name it with -C FILE or " + configVariable, status: exitFailed}
	switch {
	case errors.Is(e, ownfile.ErrNotTrusted):
		m.hint = "what root does stands in it: make root its owner, and take the right to write from group and others, of its folders, too"
	case errors.Is(e, ownfile.ErrBeingWritten), errors.Is(e, ownfile.ErrChanged):
		m.hint = "another cmapplyconf was run at the same time; look at what it did, then run it again"
	case errors.Is(e, ownfile.ErrSymlink), errors.Is(e, ownfile.ErrNotFile), errors.Is(e, ownfile.ErrNotFolder):
		m.hint = "put a plain file in its place"
	case errors.Is(e, fs.ErrPermission):
		m.hint = "run it as root"
	}
	return m
}

// nodeNames says which nodes a config has.
func nodeNames(c *cluster.Config) string {
	names := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		names[i] = n.Name
	}
	return c.Path + " has " + strings.Join(names, ", ")
}

// packageNames says which packages a config has.
func packageNames(c *cluster.Config) string {
	if len(c.Packages) == 0 {
		return c.Path + " has no package"
	}
	names := make([]string, len(c.Packages))
	for i, p := range c.Packages {
		names[i] = p.Name
	}
	return c.Path + " has " + strings.Join(names, ", ")
}

func lostWords(e *protocol.LostError) message {
	if e.Winner == 0 {
		return message{
			text:   e.LUN + ": cleared by another node while this one took the package's LUNs",
			hint:   "nothing of this node is left on them; a pr_halt or pr_cleanup was run beside it, so start again",
			status: exitFailed,
		}
	}
	who := "the node with the key " + e.Winner.String()
	if e.Node != "" {
		who = "node " + e.Node + " (" + e.Winner.String() + ")"
	}
	return message{
		text:   fmt.Sprintf("%s: %s has taken the package's LUNs", e.LUN, who),
		hint:   "nothing of this node is left on them; find out why two nodes started the package",
		status: exitFailed,
	}
}

func groupWords(e *vg.GroupError) message {
	var (
		duplicate *vg.DuplicateError
		missing   *vg.MissingError
		unread    *vg.UnreadError
	)
	m := message{text: e.Error(), status: exitNode}
	switch {
	case errors.As(e, &unread):
		m.hint = "it may be on one of the devices that cannot be read; run it as root, or look at their paths and the kernel log"
	case errors.Is(e, vg.ErrNoMatch):
		m.hint = "is it mistyped, or are the LUNs not attached? ls -l /dev/mapper shows the maps"
	case errors.Is(e, vg.ErrNoGroup):
		m.hint = "pvs shows which groups this host sees; are all its LUNs attached?"
	case errors.Is(e, vg.ErrNoLVM):
		m.hint = "the package can list its LUNs with pv lines in the config instead"
	case errors.As(e, &missing) && slices.ContainsFunc(missing.Volumes, func(v vg.MissingVolume) bool { return v.Returned != "" }):
		m.hint = "lvm2 has gone on without a volume that has come back: vgextend --restoremissing takes it in again"
	case errors.Is(e, vg.ErrMissingVolume):
		m.hint = "attach the missing LUN: a group is protected whole or not at all"
	case errors.Is(e, vg.ErrSameName):
		m.hint = "rename one of them with vgrename UUID NAME"
	case errors.As(e, &duplicate) && duplicate.Paths:
		m.hint = "let multipathd join them, see multipath -ll: a LUN with several paths is reserved on all of them"
	case errors.As(e, &duplicate):
		m.hint = "detach the clone or snapshot, or give it a name of its own with vgimportclone"
	case errors.Is(e, vg.ErrDuplicateVolume):
		m.hint = "paths of one LUN need multipath above them; a clone or snapshot must not be attached beside its origin"
	case errors.Is(e, vg.ErrContradiction):
		m.hint = "the group was changed on two hosts, or a LUN is an old copy; see vgck"
	}
	return m
}

func deviceWords(e *vg.DeviceError) message {
	m := message{text: e.Error(), status: exitNode}
	switch {
	case errors.Is(e, vg.ErrNotSCSIDisk), errors.Is(e, simlun.ErrNotSimulated):
		m.hint, m.status = "a SCSI disk, or what lies on one LUN, was expected", exitFailed
	case errors.Is(e, vg.ErrNoPath), errors.Is(e, vg.ErrGone):
		m.hint = "look at the paths: multipath -ll, and the kernel log"
	case errors.Is(e, vg.ErrUnjoined):
		m.hint = "a LUN with several paths needs multipath above it: multipath -ll shows the maps, and the package names one of them"
	case errors.Is(e, vg.ErrStacked):
		m.hint, m.status = "name each LUN that it lies on with a pv line", exitFailed
	case errors.Is(e, syscall.ENXIO), errors.Is(e, syscall.ENODEV):
		m.text, m.hint = e.Device+": the device is offline or gone", lookAtPath
	case errors.Is(e, fs.ErrNotExist):
		m.text = e.Device + ": no such device"
		m.hint = "is the LUN attached to this host?"
	case errors.Is(e, fs.ErrPermission):
		m.hint, m.status = "run it as root", exitFailed
	default:
		if errno := syscall.Errno(0); errors.As(e, &errno) {
			m.hint = lookAtPath
		}
	}
	return m
}

// useText says how something is used.
func useText(u vg.Use) string {
	switch {
	case u.Kind == vg.Mounted && u.At != "":
		return u.Device + " is mounted on " + u.At
	case u.Kind == vg.Mounted:
		return u.Device + " is part of a mounted file system"
	case u.Kind == vg.Swap:
		return u.Device + " is swap space"
	case u.Kind == vg.Array:
		return u.Device + " is an array that runs"
	case u.Kind == vg.Opened:
		return u.Device + " is open"
	}
	return u.Device + " is in exclusive use"
}

// lookAtPath is what can be done about a path that fails.
const lookAtPath = "look at the path: cable, switch, session, kernel log"

// nowhereToStore is what can be done about a target that cannot keep registrations.
const nowhereToStore = "the device may be unable to store registrations; on a Linux target (LIO), make the folder /var/target/pr on it"

// waitForPath is what can be done about a command that the kernel does not return.
const waitForPath = "the path hangs: see the kernel log and multipath -ll; when it has come back or is gone, run this again, and pr_check"

// lunWords says what went wrong on one LUN.
func lunWords(e *protocol.LUNError) message {
	m := message{text: lunText(e), status: exitNode}
	switch {
	case errors.Is(e, protocol.ErrOtherKeys):
		m.text, m.status = e.LUN+": left alone, the key is not registered there", exitFailed
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
		m.text, m.status = e.LUN+": another node has removed this node meanwhile", exitFailed
		m.hint = "this node was fenced; end what is left of the package here, and find out why before starting it again"
	case errors.Is(e, protocol.ErrOtherType):
		m.hint = "see vg_pr_key -g and pr_check; halt the package on the nodes that have it, then start it again"
	case errors.Is(e, protocol.ErrNotCopied):
		m.hint = "run pr_start on the nodes that are missing; pr_check names them"
	case errors.Is(e, protocol.ErrStaleNexus):
		m.hint = "it was registered before a new login or by a replaced adapter; clear it with pr_cleanup when nothing runs on the LUN"
	case errors.Is(e, protocol.ErrKeysLeft):
		m.text = e.LUN + ": keys are there again after they were cleared"
		m.hint = "another node registered meanwhile; see vg_pr_key -g and try again"
	case errors.Is(e, protocol.ErrNoWWID):
		m.hint, m.status = "its nodes could not agree on which LUN to take first; give each LUN a package of its own", exitFailed
	default:
		deviceFailure(e, &m)
	}
	return m
}

// lunText is the error with the path that it is about, if that is not the LUN
// itself.
func lunText(e *protocol.LUNError) string {
	text := e.Error()
	var op *scsi.OpError
	switch {
	case !errors.As(e, &op) || op.Device == "":
		return text
	case op.Device == e.LUN:
		return strings.ReplaceAll(text, e.LUN+": "+e.LUN+": ", e.LUN+": ")
	}
	text = strings.Replace(text, ": "+op.Device+": ", ": path "+op.Device+": ", 1)
	for _, leaf := range leaves(e.Err) {
		// Several paths have failed, with a line each.
		if errors.As(leaf, &op) && op.Device != e.LUN {
			text = strings.Replace(text, "\n"+op.Device+": ", "\npath "+op.Device+": ", 1)
		}
	}
	return text
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
	m.text = strings.ReplaceAll(m.text, "SG_IO "+op.Device+": ", "SG_IO: ")
	where := e.LUN
	if op.Device != "" && op.Device != e.LUN {
		where += ": path " + op.Device
	}
	switch {
	case errors.Is(e, syscall.EPERM), errors.Is(e, syscall.EACCES):
		m.text, m.hint, m.status = where+": not permitted", "run it as root", exitFailed
	case scsi.ASCOf(op) == scsi.CommunicationFailure:
		m.hint = nowhereToStore
	case errors.Is(op, scsi.ErrReservationConflict):
		m.text = where + ": reservation conflict on " + op.Op
		m.hint = "a classic SCSI-2 RESERVE is in force, or the device refuses; find who holds it, release or reset the LUN"
	case scsi.ASCOf(op) == scsi.InvalidOpcode, errors.Is(op, syscall.ENOTTY):
		m.text = where + ": the device knows no persistent reservations"
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
