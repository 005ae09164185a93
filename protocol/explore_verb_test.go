package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/pr"
)

// verb is one protocol on one node.
type verb struct {
	node, name string
	kind       verbKind
	// timid says that it gives way to whoever else is there.
	timid bool
	// victim is whom a fence is for.
	victim string
	// evicts says that the victim is none of the cluster's nodes, and that its key
	// alone is to go.
	evicts bool
	// set are the LUNs that the verb knows of, a bit each; 0 is all.
	set uint8
	do  func(context.Context, *Run) error
}

type verbKind int

const (
	startKind verbKind = iota
	haltKind
	fenceKind
	repairKind
	readmitKind
	copyKind
	cleanupKind
)

func starts(node string) verb {
	return verb{node: node, name: "start", kind: startKind, do: func(ctx context.Context, r *Run) error { return r.Start(ctx) }}
}

// restores is a start on LUNs that have forgotten who was there.
func restores(node string) verb {
	return verb{node: node, name: "restore", kind: startKind, timid: true, do: func(ctx context.Context, r *Run) error { return r.Restore(ctx) }}
}

func halts(node string) verb {
	return verb{node: node, name: "halt", kind: haltKind, do: func(ctx context.Context, r *Run) error { return r.Halt(ctx) }}
}

// haltsAlone is a halt by a config that has the package as one of one node.
func haltsAlone(node string) verb {
	return verb{node: node, name: "halt by another config", kind: haltKind, do: func(ctx context.Context, r *Run) error {
		r.Mode = Exclusive
		return r.Halt(ctx)
	}}
}

func fences(node, victim string) verb {
	return verb{node: node, name: "fence of " + victim, kind: fenceKind, victim: victim, do: func(ctx context.Context, r *Run) error {
		n, err := named(r.Members, victim)
		if err != nil {
			return err
		}
		return r.Fence(ctx, n)
	}}
}

// evicts is a fence of a stranger's key.
func evicts(node, victim string) verb {
	return verb{node: node, name: "eviction of " + victim, kind: fenceKind, victim: victim, evicts: true, do: func(ctx context.Context, r *Run) error {
		_, err := r.Evict(ctx, keyOf(victim))
		return err
	}}
}

// readmits is what udev starts when a path comes back.
func readmits(node string) verb {
	return verb{node: node, name: "readmit", kind: readmitKind, do: func(ctx context.Context, r *Run) error {
		_, err := r.Readmit(ctx)
		return err
	}}
}

func repairs(node string) verb {
	return verb{node: node, name: "repair", kind: repairKind, do: func(ctx context.Context, r *Run) error { return r.Repair(ctx) }}
}

func copies(node string) verb {
	return verb{node: node, name: "copy", kind: copyKind, do: func(ctx context.Context, r *Run) error {
		_, err := r.Copy(ctx)
		return err
	}}
}

// cleans is a clean-up of all that is there.
func cleans(node string) verb {
	return verb{node: node, name: "clean-up", kind: cleanupKind, do: func(ctx context.Context, r *Run) error {
		var errs []error
		for _, res := range clearAnyway(ctx, r, 0) {
			errs = append(errs, res.Err)
		}
		return errors.Join(errs...)
	}}
}

// on lets a verb know of some LUNs only, a bit each: the config of its node
// differs, or it is another package.
func on(set uint8, v verb) verb {
	do := v.do
	v.name += fmt.Sprintf(" on LUNs %b", set)
	v.set = set
	v.do = func(ctx context.Context, r *Run) error {
		r.LUNs = slices.DeleteFunc(slices.Clone(r.LUNs), func(l *LUN) bool { return set&(1<<indexOf(l)) == 0 })
		return do(ctx, r)
	}
	return v
}

// indexOf is the number of a LUN in a world, by the end of its WWID.
func indexOf(l *LUN) int { return int(l.WWID[len(l.WWID)-1] - '0') }

// onFirst lets a verb know of the first LUN only: the config of its node is
// older than the new LUN.
func onFirst(v verb) verb { return on(1, v) }

func one(v verb) []verb { return []verb{v} }

func (v verb) String() string { return v.node + " " + v.name }

// outcome is how a verb ended, as far as anybody can tell from outside.
type outcome string

const (
	ok   outcome = "ok"
	lost outcome = "lost"
)

func outcomeOf(err error) outcome {
	var l *LostError
	var f *ForeignKeyError
	var i *IncompleteError
	var d *DisagreeError
	switch {
	case err == nil:
		return ok
	case errors.As(err, &l):
		return lost
	case errors.As(err, &f):
		return "foreign key"
	case errors.As(err, &i):
		return "incomplete"
	case errors.As(err, &d):
		return "disagree"
	}
	for _, reason := range []error{ErrUnsettled, ErrNothingToCopy, ErrNotCopied, ErrNotRegistered, ErrStaleNexus, ErrKeysLeft, ErrNotUndone, ErrRemoved, ErrNoPath, ErrOtherType, ErrUnresolved, ErrPending, ErrUnsure, ErrKeyHolds, ErrCameToHold, ErrPathLost, ErrTooSlow} {
		if errors.Is(err, reason) {
			return outcome(reason.Error())
		}
	}
	return outcome(err.Error())
}

// command is what a run is about to send.
type command struct {
	lun, path int
	req       request
	// length is that of the data, which is not kept if it comes in.
	length int
}

// changes reports whether the command changes reservations, or is a reset.
func (c *command) changes() bool { return c.req.out() || c.req.resets() }

func (c *command) String() string {
	where := fmt.Sprintf("LUN %d", c.lun)
	if c.path > 0 {
		where += fmt.Sprintf(" path %d", c.path)
	}
	return where + ": " + c.req.String()
}

// short is a key in the words of the tests: A, or A with its marks.
func short(k pr.Key) string {
	name := fmt.Sprint(Plain(k))
	switch Plain(k) {
	case 0:
		return "0"
	case keyA:
		name = "A"
	case keyB:
		name = "B"
	case keyC:
		name = "C"
	}
	if k&LeavingMark != 0 {
		name += "-leaving"
	}
	if k&TakingMark != 0 {
		name += "-taking"
	}
	return name
}
