package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lunguard/scsi"
)

// Nexus is one path of this host to a LUN, with the verbs that the protocols
// need. [scsi.Unit] is one. Its errors are classed by package scsi.
type Nexus interface {
	// Name is the path as people know it.
	Name() string
	Capabilities(ctx context.Context) (*scsi.Capabilities, error)
	State(ctx context.Context) (*scsi.State, error)
	RegisterAndIgnore(ctx context.Context, key scsi.Key, aptpl bool) error
	Register(ctx context.Context, old, key scsi.Key, aptpl bool) error
	Reserve(ctx context.Context, key scsi.Key, typ scsi.Type) error
	PreemptAndAbort(ctx context.Context, key, victim scsi.Key, typ scsi.Type) error
	Clear(ctx context.Context, key scsi.Key) error
	Move(ctx context.Context, m *scsi.RegisterMove) error
	Introduce(ctx context.Context, key scsi.Key, others []scsi.TransportID, aptpl bool) error
	TargetPort(ctx context.Context) (scsi.TargetPort, error)
	// Identity is what the host knows of the nexus without a command.
	Identity() scsi.Identity
}

// LUN is a logical unit that a package owns, with this host's paths to it.
type LUN struct {
	// Name is the physical volume as people know it.
	Name string
	// WWID is the same on every node.
	WWID  string
	Paths []Nexus
	// Unopened are further paths, which could not be opened. No command goes
	// through them, but they may be registered, and may come back.
	Unopened []UnopenedPath
}

// UnopenedPath is a path that could not be opened, and why.
type UnopenedPath struct {
	Name     string
	Identity scsi.Identity
	Err      error
}

// expected is how many paths this host has.
func (l *LUN) expected() int { return len(l.Paths) + len(l.Unopened) }

const (
	// reservationType is the type of every reservation made here: all may
	// read, registrants alone may write.
	reservationType = scsi.WriteExclusiveRegistrantsOnly
	// maxRounds bounds how often a protocol decides anew because others
	// changed the state under it. Each rival that loses stops, so the number
	// of rounds is bounded by the number of nodes; more is a device that lies.
	maxRounds = 4 * MaxMembers
	// maxFailures is how often a device may fail a command whose outcome is
	// open, before its error is the run's.
	maxFailures = 3
	// maxAge is how old a decision may be when the command that follows from
	// it is sent. A process that was stopped in between decides anew.
	maxAge = 10 * time.Second
)

// errStale says that too much time has passed since the state was read.
var errStale = errors.New("the decision is too old")

// target is a LUN in the hands of a running protocol.
type target struct {
	*LUN
	run *Run
	// before is the state as this run found it, state the latest one.
	before, state *scsi.State
	readAt        time.Time
	// usable are the paths that have not failed, failure why the last one did.
	usable  []Nexus
	failure error
	// failures counts the rounds in a row that the device itself made fail.
	failures int
	// caps is nil if the device does not tell.
	caps *scsi.Capabilities
	// aptpl asks the device to keep registrations through power loss.
	aptpl bool
	// registered says that this run made our key the registration of at least
	// one nexus.
	registered bool
	// enrolled says that the last round of registering came to its end on
	// every usable path.
	enrolled bool
	// sure are the paths that this run has registered and that were still
	// registered when last heard of.
	sure []Nexus
	// removed says that another node took such a registration off, lapsed that
	// it did so since the other LUNs were begun with.
	removed, lapsed bool
	// reserved says that if we hold the reservation, this run made it, on a
	// LUN that had none.
	reserved bool
	// identities are what the host knows of its paths; swept says that this run
	// has tried to remove registrations of the past.
	identities map[Nexus]scsi.Identity
	swept      bool
	// open says that it is not known what a command of this run did, or may
	// still do.
	open bool
	// entered says that the registration stands, as far as is known; looked
	// that it has stood since before the last look at the arbiter, and that
	// nothing was sent since.
	entered, looked bool
}

func (r *Run) target(l *LUN) *target {
	return &target{LUN: l, run: r, usable: slices.Clone(l.Paths)}
}

// survey reads what the device can do and its state.
func (t *target) survey(ctx context.Context) error {
	if err := t.readCapabilities(ctx); err != nil {
		return err
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	t.before = t.state
	return nil
}

func (t *target) readCapabilities(ctx context.Context) error {
	var caps *scsi.Capabilities
	err := t.onAnyPath(func(p Nexus) (err error) {
		caps, err = p.Capabilities(ctx)
		return err
	})
	switch {
	case errors.Is(err, scsi.ErrUnsupported) && scsi.ASCOf(err) != scsi.InvalidOpcode && scsi.ASCOf(err) != 0:
		// A device older than this service action; READ decides the rest.
		return nil
	case err != nil:
		return &LUNError{LUN: t.Name, Err: err}
	}
	t.caps, t.aptpl = caps, caps.PersistCapable
	if !caps.Supports(reservationType) {
		return &LUNError{LUN: t.Name, Err: ErrNoReservationType}
	}
	return nil
}

// read brings the state up to date, on the first path that answers. The error
// is a *LUNError: the state is unknown.
func (t *target) read(ctx context.Context) error {
	var s *scsi.State
	// The clock starts before the command: the answer is at least this old.
	now := t.run.now()
	err := t.onAnyPath(func(p Nexus) (err error) {
		s, err = p.State(ctx)
		return err
	})
	if err != nil {
		return &LUNError{LUN: t.Name, Err: err}
	}
	t.state, t.readAt = s, now
	return nil
}

// onAnyPath tries usable paths in order until one does not fail for reasons
// of its own. Paths that fail so are no longer usable, unless all do.
func (t *target) onAnyPath(f func(Nexus) error) error {
	var errs []error
	for i, p := range t.usable {
		err := f(p)
		if err == nil || !pathFailed(err) {
			if i > 0 && err == nil {
				t.dropPaths(i, errs)
			}
			return err
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return t.noPath()
	}
	return errors.Join(errs...)
}

// noPath is the error of a LUN without usable paths, with the last reason.
func (t *target) noPath() error {
	if t.failure == nil {
		return ErrNoPath
	}
	return fmt.Errorf("%w: %w", ErrNoPath, t.failure)
}

// notBegun is the error of a LUN that was left as it was.
func (t *target) notBegun() error { return &LUNError{LUN: t.Name, Err: ErrNotBegun} }

// stale reports whether the state was read too long ago to act on.
func (t *target) stale() bool { return t.run.now().Sub(t.readAt) > maxAge }

// dropPaths gives up the first n usable paths.
func (t *target) dropPaths(n int, errs []error) {
	for i, p := range t.usable[:n] {
		t.run.log(Event{Action: PathFailed, LUN: t.Name, Path: p.Name(), Err: errs[i]})
		t.failure = errs[i]
	}
	t.usable = t.usable[n:]
}

// pathFailed reports whether err speaks of the path rather than of the LUN.
func pathFailed(err error) bool {
	if errors.Is(err, context.Canceled) {
		// It was not sent, which says nothing of the path.
		return false
	}
	if errors.Is(err, scsi.ErrTransport) {
		return true
	}
	switch scsi.ASCOf(err) {
	case scsi.TargetPortStandby, scsi.TargetPortUnavailable, scsi.LUNotSupported:
		return true
	}
	return false
}

// out sends one command that changes something, as the event describes it,
// unless the decision for it is too old or all is to end at once.
func (t *target) out(p Nexus, e Event, send func() error) error {
	if t.stale() {
		return errStale
	}
	select {
	case <-t.run.Hurry:
		return &LUNError{LUN: t.Name, Err: context.Canceled}
	default:
	}
	e.LUN, e.Path, e.Generation = t.Name, p.Name(), t.state.Generation
	e.Err = send()
	t.open = t.open || scsi.OutcomeUnknown(e.Err)
	t.run.log(e)
	return e.Err
}

// final makes an error that ends the run say which LUN it is about.
func (t *target) final(err error) error {
	switch err.(type) {
	case *LUNError, *ForeignKeyError, *LostError:
		return err
	}
	return &LUNError{LUN: t.Name, Err: err}
}

// again reports whether err asks for reading and deciding anew: others
// changed something, or it is open what the command did.
func again(err error) bool {
	var unread *LUNError
	if errors.As(err, &unread) {
		// What could not be read cannot be decided on.
		return false
	}
	return errors.Is(err, scsi.ErrReservationConflict) || errors.Is(err, scsi.ErrStateChanged) ||
		errors.Is(err, errStale) || scsi.OutcomeUnknown(err)
}

// hopeless counts the commands in a row that the device itself failed, and
// reports whether there is no point in another try.
func (t *target) hopeless(err error) bool {
	if !errors.Is(err, scsi.ErrDevice) {
		t.failures = 0
		return false
	}
	t.failures++
	return t.failures >= maxFailures
}

// dropIfFailed gives up a path on which a command got lost.
func (t *target) dropIfFailed(p Nexus, err error) {
	if !pathFailed(err) {
		return
	}
	t.run.log(Event{Action: PathFailed, LUN: t.Name, Path: p.Name(), Err: err})
	t.failure = err
	t.usable = slices.DeleteFunc(t.usable, func(q Nexus) bool { return q == p })
}

// foreign returns the keys on the LUN that belong to no node of the cluster,
// the reservation's included.
func (t *target) foreign() []scsi.Key { return t.run.Members.Foreign(allKeys(t.state)) }

// allKeys returns the registered keys and the holder's, once each, ascending.
func allKeys(s *scsi.State) []scsi.Key {
	keys := s.Keys()
	if s.Reservation != nil && s.Reservation.Key != 0 && !slices.Contains(keys, s.Reservation.Key) {
		keys = append(keys, s.Reservation.Key)
		slices.Sort(keys)
	}
	return keys
}

// owner returns the key that has the LUN: the holder's, else the lowest
// registered one that is not ours.
func (t *target) owner() scsi.Key {
	if held := t.state.Reservation; held != nil && held.Key != 0 && held.Key != t.run.Node.Key {
		return held.Key
	}
	for _, k := range t.state.Keys() {
		if k != t.run.Node.Key {
			return k
		}
	}
	return 0
}

// exclusive reports whether this node's key alone is registered and holds the
// reservation, of the right type.
func (t *target) exclusive() bool {
	held := t.state.Reservation
	keys := t.state.Keys()
	return held != nil && held.Key == t.run.Node.Key && held.Type == reservationType && held.Scope == scsi.LUScope &&
		len(keys) == 1 && keys[0] == t.run.Node.Key
}

// byWWID orders LUNs in the same way on every node; the first is the arbiter.
func byWWID(a, b *target) int {
	if c := strings.Compare(a.WWID, b.WWID); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}
