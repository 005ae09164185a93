package protocol

import (
	"errors"
	"fmt"
	"strings"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// Reasons of a *LUNError, to be tested with errors.Is.
var (
	// ErrNoReservationType says that the device cannot reserve Write
	// Exclusive - Registrants Only.
	ErrNoReservationType = unit.ErrNoReservationType
	// ErrNoAbort says that the device has no PREEMPT AND ABORT, without which nobody can
	// take a LUN over, or fence: PREEMPT alone lets writes that are under way land later.
	ErrNoAbort = errors.New("the device has no PREEMPT AND ABORT")
	// ErrNoPath says that no path to the LUN is left.
	ErrNoPath = unit.ErrNoPath
	// ErrTwoAnswers says that one command lists a registration that another does not.
	ErrTwoAnswers = unit.ErrTwoAnswers
	// ErrPathLost says that a path failed, where every path is wanted
	// (Run.Strict).
	ErrPathLost = errors.New("a path failed")
	// ErrUnsettled says that the state kept changing, or that the device does
	// not do what it says.
	ErrUnsettled = errors.New("the reservation state keeps changing")
	// ErrStaleNexus says that our key is registered by a nexus that this host
	// no longer has, so that no path of ours can remove it.
	ErrStaleNexus = errors.New("the key is registered, but by no path that this host has now")
	// ErrNotRegistered says that this node is not registered, so that it may
	// not act on the LUN.
	ErrNotRegistered = errors.New("this node is not registered there")
	// ErrRemoved says that another node has taken this one's registration off
	// while it was starting: it was fenced.
	ErrRemoved = errors.New("another node has removed this node's registration")
	// ErrFenced says that this node was registered there since it was booted, that it did not
	// leave by itself, and that others are registered and it is not.
	ErrFenced = errors.New("this node was fenced: its key has gone")
	// ErrUnlisted says that this node is registered there and that the device does not list
	// it.
	ErrUnlisted = fmt.Errorf("%w: this node is registered, and is not listed", pr.ErrMalformed)
	// ErrSameHost says that another node is registered by the identifier that the device
	// knows this host by, so that to it both are one.
	ErrSameHost = errors.New("another node is registered by this host's identifier")
	// ErrShifted says that a registration of one host has the key of another: keys were given
	// anew while nodes were registered.
	ErrShifted = errors.New("the keys of the nodes have changed while some were registered")
	// ErrOtherType says that other nodes hold a reservation of another type.
	ErrOtherType = errors.New("the reservation is not Write Exclusive - Registrants Only")
	// ErrUnresolved says that nodes were removed from a LUN and that it is not
	// known whether their commands are over: they may still be performed. The
	// mark on the LUN says so, too.
	ErrUnresolved = errors.New("it is not known whether the commands of a node that was removed are over")
	// ErrPending says that a command was given up which the kernel still holds,
	// and which may be performed at any later time.
	ErrPending = errors.New("a command that was given up may still be performed")
	// ErrUnsure says that the end of this node's first REGISTER is not known, and
	// that nothing of it is registered: it was not performed, or another node has
	// removed this one since.
	ErrUnsure = errors.New("it is not known whether another node has removed this one")
	// ErrTooSlow says that the device answers so late that what was read is too
	// old to act on.
	ErrTooSlow = errors.New("the device answers too late for what it says to be acted on")
	// ErrNoWWID says that a LUN has no worldwide name, so that nodes cannot
	// agree on which one is the arbiter.
	ErrNoWWID = errors.New("the LUN has no worldwide name, which a package of several LUNs needs")
	// ErrNotBegun says that nothing was done on the LUN, because the run was
	// ended before.
	ErrNotBegun = errors.New("ended before anything was done there")
	// ErrNotUndone says that a run which failed could not take off what it had
	// registered: no path does it, or the device does not do what it says.
	ErrNotUndone = errors.New("what this run has registered could not be taken off again")
	// ErrKeysLeft says that keys were there after they had been cleared.
	ErrKeysLeft = errors.New("keys are left")
)

// LUNError is a failure on one LUN. Err is a reason of this package, or one
// of package scsi with the path, command and answer.
type LUNError struct {
	LUN string
	Err error
}

func (e *LUNError) Error() string { return e.LUN + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e *LUNError) Unwrap() error { return e.Err }

// NotUpHereError is an ErrNotRegistered that tells where the package is up.
type NotUpHereError struct {
	LUN  string
	Mode Mode
	// Up are the nodes of the cluster that have the LUN, in the order of their keys: of
	// one that a single node has, the one that holds it.
	Up []Member
}

func (e *NotUpHereError) Error() string { return e.LUN + ": " + ErrNotRegistered.Error() }

// Unwrap is ErrNotRegistered.
func (e *NotUpHereError) Unwrap() error { return ErrNotRegistered }

// ContradictionError says that two paths to one LUN tell different things of it, and
// went on to when they were asked again.
type ContradictionError struct {
	Paths  [2]string
	States [2]*pr.State
}

func (e *ContradictionError) Error() string {
	return fmt.Sprintf("paths %s and %s contradict each other", e.Paths[0], e.Paths[1])
}

// ForeignKeyError says that a LUN has keys which belong to no node of the
// cluster.
type ForeignKeyError struct {
	LUN  string
	Keys []pr.Key
}

func (e *ForeignKeyError) Error() string {
	return fmt.Sprintf("%s: foreign %s", e.LUN, joinKeys(e.Keys))
}

// StrayPortError says that a port of the node that is to be fenced is registered
// with the key of another node, which alone can take it off.
type StrayPortError struct {
	LUN string
	// Port is the initiator port, Key what it is registered with, Node whose key
	// that is, Victim whose port.
	Port         pr.Initiator
	Key          pr.Key
	Node, Victim string
}

func (e *StrayPortError) Error() string {
	return fmt.Sprintf("%s: %s of %s has the key %v of %s", e.LUN, e.Port, e.Victim, e.Key, e.Node)
}

// LostError says that another node took the package's LUNs meanwhile.
type LostError struct {
	LUN    string
	Winner pr.Key
	// Node is the winner's name, empty if the key has none.
	Node string
}

func (e *LostError) Error() string { return fmt.Sprintf("%s: lost to %v", e.LUN, e.Winner) }

// SharedLUNError says that two names of a package are one LUN.
type SharedLUNError struct {
	Names []string
	WWID  string
}

func (e *SharedLUNError) Error() string {
	return fmt.Sprintf("%s are one LUN, %s", strings.Join(e.Names, " and "), e.WWID)
}

func joinKeys(keys []pr.Key) string {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = k.String()
	}
	return strings.Join(words, ",")
}
