package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"lunguard/commands/words"
	"lunguard/probe"
)

// refusedError says why a device is not tried.
type refusedError struct {
	lun     string
	reasons []string
}

func (e *refusedError) Error() string { return e.lun + ": " + strings.Join(e.reasons, "; ") }

// Message says it to people.
func (e *refusedError) Message() words.Message {
	return words.Message{Subject: e.lun, What: "not tried: " + strings.Join(e.reasons, "; "), Status: words.ExitFailed,
		Hint: "nothing was changed; take a LUN that nobody uses, or say --even-in-use if all that may be lost"}
}

// memoryError says that what stood in a scratch block cannot be kept, or not be read.
type memoryError struct {
	path string
	err  error
}

func (e *memoryError) Error() string { return e.path + ": " + e.err.Error() }

// Unwrap gives the reason.
func (e *memoryError) Unwrap() error { return e.err }

// Message says it to people.
func (e *memoryError) Message() words.Message {
	why := e.err
	if path := (*fs.PathError)(nil); errors.As(why, &path) && path.Path == e.path {
		why = path.Err
	}
	return words.Message{Subject: e.path, What: "what stands in the scratch block cannot be kept: " + why.Error(), Status: words.ExitNode,
		Hint: "the block was not written; mend that, or move the file away if what it has is not needed"}
}

// trialError says why a trial has not come to its end.
type trialError struct {
	lun string
	err error
}

func (e *trialError) Error() string { return e.lun + ": " + e.err.Error() }

// Unwrap gives the reason.
func (e *trialError) Unwrap() error { return e.err }

// Message says it to people.
func (e *trialError) Message() words.Message {
	m := words.Message{Subject: e.lun, Status: words.ExitNode, Hint: "run it again: what is left of this run is taken off then"}
	var block *probe.ScratchError
	switch {
	case errors.As(e.err, &block):
		m.What = fmt.Sprintf("block %d, which a run has written, is not what it was: %s", block.LBA, words.JoinedLines(words.Reason(e.lun, block.Err)))
		m.Hint = "run it again on this host when the LUN can be written: it is restored then"
	case errors.Is(e.err, probe.ErrNobody):
		m.What, m.Hint = "no other run of pr_probe has come", "run it on both hosts with --two-hosts, within the time of --wait"
	case errors.Is(e.err, probe.ErrCrowd):
		m.What, m.Hint = "another run of pr_probe is at work on it", "let that one end, or give both --two-hosts"
	case errors.Is(e.err, probe.ErrPeerLost):
		m.What = "the other run does not answer any more, so nothing is known"
	case errors.Is(e.err, probe.ErrDisturbed):
		m.What, m.Hint = "somebody else has registered meanwhile, so nothing is known", "keep others off the LUN, then run it again"
	case errors.Is(e.err, probe.ErrScratchInUse):
		m.What, m.Hint = "the scratch block is not empty", "name a block of zeros, or say --even-in-use; it is restored at the end"
	case errors.Is(e.err, probe.ErrScratchElsewhere):
		m.What, m.Hint = "a run that was killed has left the scratch block, and another host knows what stood there", "run it on that host, which restores it"
	case errors.Is(e.err, probe.ErrNoBlock):
		m.What, m.Hint, m.Status = "there is no such scratch block", "give --scratch a block that the LUN has", words.ExitFailed
	case errors.Is(e.err, probe.ErrNotReady):
		m.What, m.Hint = "the device does not become ready", "wait until the array has done, then run it again"
	default:
		m.What = "not tried to the end: " + words.JoinedLines(words.Reason(e.lun, e.err))
	}
	var left *probe.LeftError
	if errors.As(e.err, &left) {
		m.What, m.Hint = m.What+"; "+leftWords(left), leftHint
	}
	return m
}

// leftHint is how what is left is taken off.
const leftHint = "run it again when nobody else is registered, which takes that off; where a package is up, take it off by pr_fence --key KEY"

// leftWords says what a run has left.
func leftWords(e *probe.LeftError) string {
	if e.Err != nil {
		return "whether registrations of this run are left is not known"
	}
	return "left there, registered by this run: " + keyList(e.Keys)
}
