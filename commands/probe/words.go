package probe

import (
	"errors"
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
	switch {
	case errors.Is(e.err, probe.ErrNobody):
		m.What, m.Hint = "no other run of pr_probe has come", "run it on both hosts with --two-hosts, within the time of --wait"
	case errors.Is(e.err, probe.ErrCrowd):
		m.What, m.Hint = "another run of pr_probe is at work on it", "let that one end, or give both --two-hosts"
	case errors.Is(e.err, probe.ErrPeerLost):
		m.What = "the other run does not answer any more, so nothing is known"
	case errors.Is(e.err, probe.ErrDisturbed):
		m.What, m.Hint = "somebody else has registered meanwhile, so nothing is known", "keep others off the LUN, then run it again"
	case errors.Is(e.err, probe.ErrScratchInUse):
		m.What, m.Hint = "the scratch block is not empty", "name a block of zeros, or say --even-in-use; it is restored at the end, unless the run is killed"
	case errors.Is(e.err, probe.ErrNoBlock):
		m.What, m.Hint, m.Status = "there is no such scratch block", "give --scratch a block that the LUN has", words.ExitFailed
	case errors.Is(e.err, probe.ErrNotReady):
		m.What, m.Hint = "the device does not become ready", "wait until the array has done, then run it again"
	default:
		m.What = "not tried to the end: " + words.JoinedLines(words.Reason(e.lun, e.err))
	}
	return m
}
