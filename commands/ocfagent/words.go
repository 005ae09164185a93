package ocfagent

import (
	"fmt"

	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// actionError says that there is no such action.
type actionError struct{ action string }

func (e *actionError) Error() string { return fmt.Sprintf("unsupported action %q", e.action) }

// parameterError says what is wrong with a parameter.
type parameterError struct{ name, value, what string }

func (e *parameterError) Error() string {
	if e.value == "" {
		return "parameter " + e.name + ": " + e.what
	}
	return fmt.Sprintf("parameter %s is %q: %s", e.name, e.value, e.what)
}

// disabledError says that the config switches reservations off.
type disabledError struct{ path string }

func (e *disabledError) Error() string {
	return "FORCED_PR_DISABLE is set in " + e.path + ": nothing would be protected"
}

// emptyError says that a package has no LUN.
type emptyError struct{ pkg string }

func (e *emptyError) Error() string { return "package " + e.pkg + " has no LUN" }

// goneError says that this node's key has gone.
type goneError struct {
	lun      string
	node, by protocol.Member
	// forgotten says that nobody is registered: who fences is.
	forgotten bool
}

func (e *goneError) Error() string { return e.Message().Text() }

func (e *goneError) Message() words.Message {
	m := words.Message{Subject: e.lun, What: fmt.Sprintf("key %v of %s has gone: it was fenced", e.node.Key, e.node.Name),
		Hint: "restart this node: what it has in memory must not go over what others have written since", Status: words.ExitFailed}
	if e.forgotten {
		m.What = fmt.Sprintf("key %v of %s has gone, and nobody is registered", e.node.Key, e.node.Name)
		m.Hint = "nobody has fenced it: the device has lost its registrations, or a clean-up took them; the package runs unprotected"
	}
	if e.by.Name != "" && e.by.Name != e.node.Name {
		m.What = fmt.Sprintf("key %v of %s has gone: reserved by %s (%v)", e.node.Key, e.node.Name, e.by.Name, e.by.Key)
	}
	return m
}

// outError says that this node was not let in.
type outError struct{ lun, node string }

func (e *outError) Error() string { return e.Message().Text() }

func (e *outError) Message() words.Message {
	return words.Message{Subject: e.lun, What: e.node + " was not let in", Hint: "unfencing does it: fence_lunguard -o on, by a resource of Pacemaker with provides=unfencing; a LUN that was added gets it by vg_pr_key -s", Status: words.ExitFailed}
}

// newError says that a LUN has come to the package since it was started.
type newError struct{ lun string }

func (e *newError) Error() string { return e.Message().Text() }

func (e *newError) Message() words.Message {
	return words.Message{Subject: e.lun, What: "it was added since the package was started, and is not protected", Hint: "run vg_pr_key -s on its volume group", Status: words.ExitFailed}
}

// leftError says that a LUN has left the package since it was started.
type leftError struct{ wwid string }

func (e *leftError) Error() string { return e.Message().Text() }

func (e *leftError) Message() words.Message {
	return words.Message{Subject: "LUN " + e.wwid, What: "the package was started on it, and has it no more", Hint: "it is still reserved for this node: a stop gives it up", Status: words.ExitFailed}
}

// openError says that a LUN is open to all.
type openError struct{ lun string }

func (e *openError) Error() string {
	return e.lun + ": not reserved by a node of the cluster: every host can write"
}

// sharedError says that another node can write to what one node has at a time.
type sharedError struct {
	lun   string
	other protocol.Member
}

func (e *sharedError) Error() string {
	return fmt.Sprintf("%s: %s (%v) is registered, too, and can write", e.lun, e.other.Name, e.other.Key)
}

// strangerError says that keys are registered that are no node's.
type strangerError struct {
	lun  string
	keys []pr.Key
}

func (e *strangerError) Error() string { return e.Message().Text() }

func (e *strangerError) Message() words.Message {
	return words.Message{Subject: e.lun, What: "foreign key " + words.Keys(e.keys) + " is registered, and can write", Hint: "nobody can be fenced from here before it has gone: see who uses the LUN; pr_fence --key on a node that is registered removes that key alone", Status: words.ExitFailed}
}

// pathError says that a path is not registered; of a path without a name, some are not.
type pathError struct{ lun, path string }

func (e *pathError) Error() string { return e.Message().Text() }

func (e *pathError) Message() words.Message {
	m := words.Message{Subject: e.lun, What: "not all paths are registered", Hint: "run pr_check --repair", Status: words.ExitFailed}
	if e.path != "" {
		m.What = "path " + e.path + " is not registered"
	}
	return m
}

// foundError says what a look at all paths has found.
type foundError struct{ message words.Message }

func (e *foundError) Error() string { return e.message.Text() }

func (e *foundError) Message() words.Message { return e.message }

// unfinishedError says that a start or a stop has not come to its end.
type unfinishedError struct{ pkg, what string }

func (e *unfinishedError) Error() string {
	return "a " + e.what + " of package " + e.pkg + " has not come to its end"
}

func (e *unfinishedError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "stop it here: that ends what is left of it", Status: words.ExitFailed}
}

// memoryError says that what this node remembers cannot be read.
type memoryError struct {
	pkg string
	err error
}

func (e *memoryError) Error() string {
	return "it is unknown whether package " + e.pkg + " was started here: " + e.err.Error()
}

func (e *memoryError) Unwrap() error { return e.err }

// scopeError says that a package is let in by unfencing, and not by its resource.
type scopeError struct{ pkg string }

func (e *scopeError) Error() string {
	return "scope=all is for packages that are registered by who runs them; " + e.pkg + " is among what nodes are fenced from"
}

func (e *scopeError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "name the others by the parameter packages of fence_lunguard", Status: words.ExitFailed}
}

// serviceError says that a service of a package has ended.
type serviceError struct{ pkg, how string }

func (e *serviceError) Error() string { return "package " + e.pkg + " runs without service " + e.how }

// stepsError says how a command ended that starts or halts a package.
type stepsError struct {
	command, pkg string
	status       int
}

func (e *stepsError) Error() string {
	return fmt.Sprintf("%s %s: exit status %d", e.command, e.pkg, e.status)
}

// supportError says that a LUN knows no reservations of the type that is needed.
type supportError struct{ lun string }

func (e *supportError) Error() string {
	return e.lun + ": it cannot be reserved Write Exclusive - Registrants Only"
}
