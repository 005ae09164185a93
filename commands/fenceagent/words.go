package fenceagent

import (
	"fmt"
	"strings"

	"lunguard/cluster/corosync"
	"lunguard/commands/words"
	"lunguard/pr"
)

// inputError says that the parameters could not be read.
type inputError struct {
	Err     error
	TooLong bool
}

func (e *inputError) Error() string {
	if e.TooLong {
		return fmt.Sprintf("more than %d bytes on standard input", maxInput)
	}
	return "reading parameters from standard input: " + e.Err.Error()
}

func (e *inputError) Unwrap() error { return e.Err }

// unknownError says that it is not known whether a node can write. Why is said by
// others beside it.
type unknownError struct{ node string }

func (e *unknownError) Error() string {
	return "it is not known whether " + e.node + " can write"
}

// takingError says that a node is removing others.
type takingError struct{ lun string }

func (e *takingError) Error() string {
	return e.lun + ": a node is removing others, and their commands may not be over"
}

// emptyError says that a package has no LUN.
type emptyError struct{ pkg string }

func (e *emptyError) Error() string { return "package " + e.pkg + " has no LUN" }

// missingError says that a LUN to which this node was let in is not among those that are
// seen now.
type missingError struct{ wwid string }

func (e *missingError) Error() string {
	return "LUN " + e.wwid + ", to which this node was let in, is in no volume group that is seen here now"
}

func (e *missingError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "pvs shows which groups this host sees; if the LUN was taken out of use, restart this node or name the groups by vgs", Status: words.ExitFailed}
}

// otherHostError says that a node can only be let in by itself.
type otherHostError struct{ node, here string }

func (e *otherHostError) Error() string {
	return fmt.Sprintf("this host is %s: %s can only be let in by itself", e.here, e.node)
}

// ownNodeError says that a node is asked to fence itself.
type ownNodeError struct{ node string }

func (e *ownNodeError) Error() string { return e.node + " is this host: no node fences itself" }

// notInError says that this node is not among those who may fence.
type notInError struct{ lun, node string }

func (e *notInError) Error() string {
	return fmt.Sprintf("%s: %s is not registered: it was fenced, or was not let in yet", e.lun, e.node)
}

func (e *notInError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "nobody is fenced from here before action on has succeeded on this node", Status: words.ExitFailed}
}

// partlyError says that this node has lost a registration, or has a path that never had one.
type partlyError struct{ lun string }

func (e *partlyError) Error() string {
	return e.lun + ": this node is not registered by all of its paths; run pr_check --repair"
}

// heldError says that a third node has a package on which the victim is registered.
type heldError struct{ lun, holder, victim string }

func (e *heldError) Error() string {
	return fmt.Sprintf("%s: reserved by %s, and %s is registered, too", e.lun, e.holder, e.victim)
}

func (e *heldError) Message() words.Message {
	return words.Message{Subject: e.lun, What: fmt.Sprintf("reserved by %s, and %s is registered, too", e.holder, e.victim),
		Hint: "run pr_check --repair on " + e.holder, Status: words.ExitFailed}
}

// openError says that nobody reserves a LUN of a package of which a third node has a part.
type openError struct{ lun, other string }

func (e *openError) Error() string {
	return e.lun + ": not reserved, and " + e.other + " has the package, or is starting it"
}

func (e *openError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "every host can write: run vg_pr_key -s on " + e.other + " if the LUN was added, else pr_check --repair", Status: words.ExitFailed}
}

// notReservedError says that a LUN is open to all.
type notReservedError struct{ lun string }

func (e *notReservedError) Error() string {
	return e.lun + ": not reserved by a node of the cluster: every host can write"
}

// fencedError says that this node was fenced and has not been restarted since.
type fencedError struct{ lun, node string }

func (e *fencedError) Error() string {
	return fmt.Sprintf("%s: %s was fenced: its key has gone", e.lun, e.node)
}

func (e *fencedError) Message() words.Message {
	return words.Message{Subject: e.lun, What: e.node + " was fenced: its key has gone", Hint: "restart this node: what it has in memory must not go over what others have written since", Status: words.ExitFailed}
}

// usedError says that a LUN that this node was not let in to is in use here.
type usedError struct{ lun, use string }

func (e *usedError) Error() string {
	return e.lun + ": this node is not registered, and has it in use: " + e.use
}

func (e *usedError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "restart this node, or end what uses it", Status: words.ExitFailed}
}

// derivedError says that a foreign key is a node's by another derivation.
type derivedError struct {
	key  pr.Key
	node string
	by   corosync.Derivation
}

func (e *derivedError) Error() string {
	return fmt.Sprintf("key %v is that of %s by key_value %s", e.key, e.node, e.by)
}

func (e *derivedError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "nodes have been let in by that key_value: set it here, too, or let them leave before it is changed", Status: words.ExitFailed}
}

// unloadedError says that corosync runs with other nodes than its configuration has.
type unloadedError struct {
	path    string
	running *corosync.Config
}

func (e *unloadedError) Error() string { return e.Message().Text() }

func (e *unloadedError) Message() words.Message {
	var list []string
	for _, n := range e.running.Nodes {
		list = append(list, fmt.Sprintf("%s (%d)", n.Name, n.ID))
	}
	return words.Message{Subject: e.path, What: fmt.Sprintf("it was edited and not loaded: corosync has the cluster %s of %s", e.running.Name, strings.Join(list, ", ")),
		Hint: "nodes' keys are made of it: make it the same on all nodes, and load it with corosync-cfgtool -R", Status: words.ExitFailed}
}
