package probe

import (
	"slices"
	"strings"
	"time"
)

// Check is a promise that is tried.
type Check string

// Checks.
const (
	Answers       Check = "answers"
	Registers     Check = "register"
	Ignores       Check = "register and ignore existing key"
	WrongKey      Check = "wrong key"
	Capabilities  Check = "report capabilities"
	Opcodes       Check = "report supported operation codes"
	FullStatus    Check = "read full status"
	Buffers       Check = "short buffers"
	SenseData     Check = "sense data"
	Types         Check = "reservation types"
	Releases      Check = "release"
	Clears        Check = "clear"
	Persists      Check = "persist through power loss"
	AllPorts      Check = "all target ports"
	Introduces    Check = "specify initiator ports"
	Moves         Check = "register and move"
	Legacy        Check = "reserve(6)"
	Limit         Check = "registrations"
	Generation    Check = "generation"
	Order         Check = "order of keys"
	Initiators    Check = "a registration for each initiator"
	FencesReads   Check = "reads are fenced"
	FencesWrites  Check = "writes are fenced"
	Preempts      Check = "preempt"
	Aborts        Check = "preempt and abort"
	AbortsWrites  Check = "writes under way are aborted"
	Announcements Check = "unit attentions"
	Resets        Check = "reset of the LUN"
	KeyZero       Check = "key 0"
	Relogin       Check = "a session that comes back"
)

// Result is what was found out of a check.
type Result uint8

// Results.
const (
	// NotTried: nothing is known. Untried is the same of what a fit device needs.
	NotTried Result = iota
	Untried
	// Kept is as the standard says, or otherwise in a way that nothing depends on.
	Kept
	// Otherwise: something is missing, and the commands have another way.
	Otherwise
	// Broken: the commands cannot protect anything on such a device.
	Broken
)

// String is the result in a word.
func (r Result) String() string {
	switch r {
	case Kept:
		return "kept"
	case Otherwise:
		return "otherwise"
	case Broken:
		return "broken"
	}
	return "not tried"
}

// Finding is the result of one check.
type Finding struct {
	Check  Check
	Result Result
	// Quirk is what the simulated device needs to do the same, as its parser reads it;
	// empty for what the standard says.
	Quirk string
	// Why is what was seen, in the terms of the standards.
	Why string
}

// Verdict is what is thought of a device.
type Verdict uint8

// Verdicts.
const (
	// Unknown: something that matters was not tried.
	Unknown Verdict = iota
	Fit
	// FitWith: fit, and some commands take another way.
	FitWith
	Unfit
)

// String is the verdict in a word or two.
func (v Verdict) String() string {
	switch v {
	case Fit:
		return "fit"
	case FitWith:
		return "fit with other ways"
	case Unfit:
		return "unfit"
	}
	return "unknown"
}

// Report is what was found out of a device.
type Report struct {
	// Kind is that of the device: LUN or namespace.
	Kind     Kind
	Findings []Finding
	// Preemption is how long PREEMPT AND ABORT took under load; 0 if it was not tried.
	Preemption time.Duration
	// Writes is how many writes were done by the other initiator until then.
	Writes int
	// Limit is how many registrations were seen at once; Limited says that more were
	// refused.
	Limit   int
	Limited bool
	// Left is the scratch block of a run that was killed, nil if nothing is known of one.
	Left *LeftBlock
	// Joint is the verdict of the run that leads, where this one has followed.
	Joint *Verdict
	// Whole says that all was tried that is to be tried.
	Whole bool
	// Err is why the trial has ended early: nothing is known, then.
	Err error
}

// Kind is the kind of a device.
type Kind string

// Kinds.
const (
	LUN       Kind = "LUN"
	Namespace Kind = "namespace"
)

// Verdict is what follows from the findings. What was not tried and matters is never fit.
func (r *Report) Verdict() Verdict {
	if r.Joint != nil {
		return *r.Joint
	}
	v := Fit
	if r.Err != nil {
		return Unknown
	}
	if !r.Whole {
		v = Unknown
	}
	for _, f := range r.Findings {
		switch {
		case f.Result == Broken:
			return Unfit
		case f.Result == Untried:
			v = Unknown
		case f.Result == Otherwise && v == Fit:
			v = FitWith
		}
	}
	return v
}

// Quirks is what the simulated device needs to do the same, in one line.
func (r *Report) Quirks() string {
	var list []string
	for _, f := range r.Findings {
		if f.Quirk != "" && !slices.Contains(list, f.Quirk) {
			list = append(list, f.Quirk)
		}
	}
	return strings.Join(list, ",")
}

// has reports whether a quirk was found.
func (r *Report) has(quirk string) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { name, _, _ := strings.Cut(f.Quirk, "="); return name == quirk })
}
