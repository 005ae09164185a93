package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// Support says whether a LUN can be reserved as the protocols need it.
type Support uint8

// Answers.
const (
	SupportUnknown Support = iota
	Supported
	Unsupported
)

// View is what one LUN tells of itself.
type View struct {
	LUN     string
	Support Support
	// State is nil if it could not be read, and then Err is set, or if the
	// device has no reservations at all.
	State *pr.State
	// Err tells why the support or the state is unknown.
	Err error
}

// Gate bounds how many LUNs are read at once by several looks together.
type Gate chan struct{}

// NewGate makes a gate for n at once.
func NewGate(n int) Gate { return make(Gate, n) }

// View looks at the LUNs of the run and changes nothing: two commands a LUN,
// some more if the device is old. A nil gate bounds nothing. The views come in
// the order of the LUNs.
func (r *Run) View(ctx context.Context, gate Gate) []View {
	views := make([]View, len(r.LUNs))
	r.eachLUN(func(i int) {
		if gate != nil {
			gate <- struct{}{}
			defer func() { <-gate }()
		}
		views[i] = viewOf(ctx, r.target(r.LUNs[i]))
	})
	return views
}

// viewOf asks one LUN what it can do and reads it. A device that did not answer
// the one is not asked the other, which would take as long again.
func viewOf(ctx context.Context, t *target) View {
	err := t.capabilities(ctx)
	v := View{LUN: t.Name, Support: supportOf(err)}
	switch {
	case errors.Is(err, pr.ErrUnsupported):
		return v
	case v.Support == SupportUnknown:
		v.Err = err
		if !errors.Is(err, pr.ErrMalformed) && !errors.Is(err, pr.ErrDevice) {
			return v
		}
	}
	err = readOwn(t, ctx)
	switch {
	case err == nil:
		v.State = t.State
	case errors.Is(err, pr.ErrUnsupported):
		v.Support, v.Err = Unsupported, nil
	default:
		v.Err = errors.Join(v.Err, err)
		if t.Caps == nil && v.Support == Supported {
			// An old device of which the reading was the test.
			v.Support = SupportUnknown
		}
	}
	return v
}

// Supports asks the devices what they can do, with two commands a LUN at most,
// and changes nothing. The answers come in the order of the LUNs.
func (r *Run) Supports(ctx context.Context) []Support {
	list := make([]Support, len(r.LUNs))
	r.eachLUN(func(i int) { list[i] = support(ctx, r.target(r.LUNs[i])) })
	return list
}

// support asks one LUN.
func support(ctx context.Context, t *target) Support {
	err := t.capabilities(ctx)
	if err == nil && t.Caps == nil {
		// Older than REPORT CAPABILITIES. Whoever knows READ KEYS can reserve.
		err = t.OnAnyPath(ctx, knowsKeys)
	}
	can := supportOf(err)
	if can == Unsupported && contradicted(ctx, t) {
		return SupportUnknown
	}
	return can
}

// contradicted reports whether another path than the first says that the LUN can be
// reserved: one of the two does not lead there.
func contradicted(ctx context.Context, t *target) bool {
	var caps *pr.Capabilities
	ask := func(ctx context.Context, p pr.Path) (err error) {
		caps, err = p.Capabilities(ctx)
		return err
	}
	for _, err := range t.Each(ctx, t.Usable[min(1, len(t.Usable)):], ask) {
		if err == nil && caps.Supports(unit.ReservationType) {
			return true
		}
	}
	return false
}

// supportOf is what a LUN that was asked for its capabilities can do, by the
// outcome.
func supportOf(err error) Support {
	switch {
	case err == nil:
		return Supported
	case errors.Is(err, ErrNoReservationType), errors.Is(err, pr.ErrUnsupported):
		return Unsupported
	}
	return SupportUnknown
}

// knowsKeys asks a device for its keys.
func knowsKeys(ctx context.Context, p pr.Path) error {
	_, err := p.Keys(ctx)
	return err
}

// Status is what one LUN tells; with an error its state is unknown.
type Status struct {
	LUN   string
	State *pr.State
	Err   error
	// Present says that this node is registered through one of the paths that this
	// host has now, or may have: what it left behind in an earlier life does not count.
	Present bool
	// Findings are what is wrong with this node's paths, as far as the state tells it.
	Findings []Finding
}

// Show reads the LUNs of the run and changes nothing. The answers come in the
// order of the LUNs. Without a Node none is present.
func (r *Run) Show(ctx context.Context) []Status { return show(ctx, r, readOwn) }

// ShowSure is Show for who draws conclusions from a key that is not there: the keys are
// asked for by another command, too, and a LUN of which one lists a registration that the
// other does not is unknown, ErrTwoAnswers.
func (r *Run) ShowSure(ctx context.Context) []Status { return show(ctx, r, readWhole) }

func show(ctx context.Context, r *Run, read func(*target, context.Context) error) []Status {
	list := make([]Status, len(r.LUNs))
	r.eachLUN(func(i int) {
		t := r.target(r.LUNs[i])
		list[i] = Status{LUN: t.Name, Err: read(t, ctx)}
		if list[i].Err != nil {
			return
		}
		if list[i].State = t.State; r.Node.Key != 0 {
			list[i].Present = slices.ContainsFunc(t.Own(), t.IsPresent)
			list[i].Findings = pathFindings(&t.position)
		}
	})
	return list
}

// readOwn reads a LUN for who draws conclusions from whose keys are there: ErrSameHost if
// to the device another node is this host.
func readOwn(t *target, ctx context.Context) error {
	if err := t.read(ctx); err != nil {
		return err
	}
	return twinError(&t.position)
}

// readWhole reads a LUN and confirms it.
func readWhole(t *target, ctx context.Context) error {
	if err := readOwn(t, ctx); err != nil {
		return err
	}
	if err := shiftError(&t.position, true); err != nil {
		return err
	}
	return confirmKeys(ctx, t)
}

// confirmKeys reads the LUN again until the keys by themselves are none that the state
// lacks: a node may register between the two.
func confirmKeys(ctx context.Context, t *target) error {
	if listsOnce(&t.position) {
		return nil
	}
	for range maxContradictions {
		lacks := false
		err := t.OnAnyPath(ctx, func(ctx context.Context, p pr.Path) error {
			keys, err := p.Keys(ctx)
			lacks = slices.ContainsFunc(keys, func(k pr.Key) bool { return !t.State.Has(k) })
			return err
		})
		if err != nil || !lacks {
			return t.final(err)
		}
		if err := t.read(ctx); err != nil {
			return err
		}
	}
	return t.final(ErrTwoAnswers)
}

// listsOnce reports whether the LUN has no other command for keys than the one that reads
// its state.
func listsOnce(t *position) bool { return len(t.Paths) > 0 && pr.ListsOnce(t.Paths[0]) }

// Up reports whether this node has the package up, as far as can be told: its
// key is on one of the LUNs, or the state of one is unknown.
func (r *Run) Up(ctx context.Context) bool {
	for _, s := range r.Show(ctx) {
		if s.Err != nil || s.State.Has(r.Node.Key) || s.State.Has(Taking(r.Node.Key)) {
			return true
		}
	}
	return false
}

// absent makes sure, by the keys alone, that a key which the states do not show is on none
// of the LUNs: a device may cut the longer list, and whoever is missing there can write. If
// it shows after all, the states are read again, and false is returned: the key has come
// since, and may have gone. Where that happens time and again the device tells two stories,
// ErrTwoAnswers.
func absent(ctx context.Context, r *Run, targets []*target, is func(pr.Key) bool) (bool, error) {
	targets = slices.DeleteFunc(slices.Clone(targets), func(t *target) bool { return listsOnce(&t.position) })
	shown := make([]bool, len(targets))
	at := func(t *target) int { return slices.Index(targets, t) }
	err := r.each(targets, func(t *target) error {
		err := t.OnAnyPath(ctx, func(ctx context.Context, p pr.Path) error {
			keys, err := p.Keys(ctx)
			shown[at(t)] = slices.ContainsFunc(keys, is)
			return err
		})
		return t.final(err)
	})
	if err != nil || !slices.Contains(shown, true) {
		return err == nil, err
	}
	return false, r.each(targets, func(t *target) error {
		if err := t.read(ctx); err != nil {
			return err
		}
		if !shown[at(t)] || slices.ContainsFunc(t.State.Keys(), is) {
			return nil
		}
		if t.contradicted++; t.contradicted == maxContradictions {
			return t.final(ErrTwoAnswers)
		}
		return nil
	})
}

// shiftError is ErrShifted if this node's key is registered by another host and not by this
// one, or another node's by this host and by no other: the keys of the nodes were given anew
// while some were registered, and whose registration has which key is not known any more. A
// copy that was killed leaves a port of one host with another's key, beside that one's own.
//
// An iSCSI name tells hosts apart. A port of an adapter may be one that this host had before,
// which a start removes as a stale one: strict counts it as another host's, for who would
// conclude from it that a node is gone.
func shiftError(t *position, strict bool) error {
	if own := t.Own(); len(own) > 0 {
		if slices.ContainsFunc(own, func(r pr.Registration) bool { return isHere(t, r) }) || !strict && !tellsHosts(t, own[0]) {
			return nil
		}
		return shifted(t, own[0])
	}
	if t.State.Reservation == nil {
		// So does a copy leave it that was killed; and every node can write.
		return nil
	}
	for _, r := range t.State.Registrations {
		by := func(p pr.Path) bool { return t.Identity(p).Likens(r) == pr.Alike }
		if _, ours := t.Members().Of(r.Key); t.Me() == 0 || !ours || !slices.ContainsFunc(t.Paths, by) {
			continue
		}
		elsewhere := func(o pr.Registration) bool { return Plain(o.Key) == Plain(r.Key) && !isHere(t, o) }
		if !slices.ContainsFunc(t.State.Registrations, elsewhere) {
			return shifted(t, r)
		}
	}
	return nil
}

// shifted is the error of a registration that has the key of another node.
func shifted(t *position, r pr.Registration) error {
	n, _ := t.Members().Of(r.Key)
	return &LUNError{LUN: t.Name, Err: fmt.Errorf("%w: %v has the key of %s", ErrShifted, r.Initiator, n.Name)}
}

// isHere reports whether a registration is, or may be, one of this host, by a port that it
// has or by one that it had.
func isHere(t *position, r pr.Registration) bool {
	return t.IsPresent(r) || slices.ContainsFunc(t.Paths, func(p pr.Path) bool { return t.Identity(p).Initiator.Host() == r.Initiator.Host() })
}

// tellsHosts reports whether the names of the registration and of all paths are those of
// hosts.
func tellsHosts(t *position, r pr.Registration) bool {
	return r.Initiator.NamesHost() && !slices.ContainsFunc(t.Paths, func(p pr.Path) bool { return !t.Identity(p).Initiator.NamesHost() })
}
