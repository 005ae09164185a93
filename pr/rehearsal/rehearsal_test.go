package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/pr/pathtest"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// empty is a real path to a device without registrations, of a storage that is none.
type empty struct {
	pr.Mover
	pr.Introducer
	pr.Resetter
	pr.Path
	id pr.Identity
}

func (e *empty) Name() string { return e.id.Initiator.String() }

// Keys are none.
func (e *empty) Keys(context.Context) ([]pr.Key, error) { return nil, nil }

func (e *empty) Identity() pr.Identity { return e.id }

func (e *empty) Capabilities(context.Context) (*pr.Capabilities, error) {
	return &pr.Capabilities{Persists: true, Introduces: true}, nil
}

func (e *empty) State(context.Context) (*pr.State, error) { return &pr.State{Identified: true}, nil }

func (e *empty) Port(context.Context) (pr.Port, error) { return pr.Port{Name: "p", Relative: 1}, nil }

// write is whether a write by the path would be taken.
func (p *path) write() error {
	d := p.device
	d.mu.Lock()
	defer d.mu.Unlock()
	p.play()
	held, at := d.state.Reservation, d.find(p.nexus)
	if held == nil || d.holds(at) || at >= 0 && held.Type.RegistrantsOnly() {
		return nil
	}
	return pr.ErrReservationConflict
}

// The paths of a rehearsal do what every path does.
func TestPath(t *testing.T) {
	pathtest.Run(t, func(*testing.T) *pathtest.Bench {
		d, bench := New(0), &pathtest.Bench{}
		for i := range bench.Paths {
			bench.Paths[i] = d.Path(&empty{id: pr.Identity{Initiator: madeUp{number: 10 + i}, RelativePort: 1}})
		}
		bench.Write = func(_ context.Context, i int) error { return bench.Paths[i].(*path).write() }
		return bench
	})
}

// world is a simulated LUN with the paths of three hosts, the first of which has two.
type world struct {
	lun   *simlun.LUN
	paths []pr.Path
}

// hosts are the hosts of the paths of a world.
var hosts = [...]int{0, 0, 1, 2}

func newWorld(t *testing.T, q simlun.Quirks) *world {
	t.Helper()
	lun, err := simlun.NewMemory(simlun.Config{Quirks: q})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{lun: lun}
	for i, h := range hosts {
		port := scsi.ISCSIPortTransportID(fmt.Sprintf("iqn.2001-04.com.example:%d", h), uint64(i+1))
		relative := uint16(1)
		if i == 1 {
			relative = 2
		}
		u := scsi.NewUnit(fmt.Sprintf("/dev/sd%d", i), &scsi.Retry{Transport: lun.Nexus(port, relative), AfterStateChange: true})
		w.paths = append(w.paths, u.WithIdentity(func() pr.Identity { return pr.Identity{Initiator: port, RelativePort: relative} }))
	}
	return w
}

// verb is one of a random history.
type verb struct {
	path, kind int
	a, b       pr.Key
	typ        pr.Type
	to         int
	persist    bool
}

func (v verb) String() string {
	return fmt.Sprintf("path %d, verb %d, keys %v %v, %v, to %d, persist %v", v.path, v.kind, v.a, v.b, v.typ, v.to, v.persist)
}

// do runs it by paths of a world or of its rehearsal.
func (v verb) do(ctx context.Context, paths, real []pr.Path) error {
	p, to := paths[v.path], real[v.to].Identity()
	switch v.kind {
	case 0:
		return p.RegisterAndIgnore(ctx, v.a, v.persist)
	case 1:
		return p.Register(ctx, v.a, v.b, v.persist)
	case 2:
		return p.Reserve(ctx, v.a, v.typ)
	case 3:
		return p.PreemptAndAbort(ctx, v.a, v.b, v.typ)
	case 4:
		return p.Clear(ctx, v.a)
	case 5:
		return pr.Move(ctx, p, &pr.MoveOrder{Key: v.a, ActionKey: v.b, Destination: to.Initiator, RelativePort: to.RelativePort, Unregister: v.persist})
	case 6:
		return pr.Introduce(ctx, p, v.a, []pr.Initiator{to.Initiator}, v.persist)
	default:
		return p.Drain(ctx)
	}
}

// class is how a verb ended.
func class(err error) string {
	for _, c := range []error{pr.ErrReservationConflict, pr.ErrUnsupported} {
		if errors.Is(err, c) {
			return c.Error()
		}
	}
	if err != nil {
		return err.Error()
	}
	return "done"
}

func read(t *testing.T, p pr.Path) *pr.State {
	t.Helper()
	s, err := p.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sorted is a state with its registrations in an order that no device has to keep.
func sorted(s *pr.State) []string {
	var list []string
	for _, r := range s.Registrations {
		list = append(list, fmt.Sprintf("%v %v %v %v %v", r.Key, r.Holder, r.AllPorts, r.RelativePort, r.Initiator))
	}
	slices.Sort(list)
	return append(list, fmt.Sprintf("%v %d", s.Identified, s.Generation), fmt.Sprintf("%+v", s.Reservation))
}

// persisting is whether registrations outlast a loss of power.
func persisting(t *testing.T, p pr.Path) bool {
	t.Helper()
	caps, err := p.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return caps.Persisting
}

// A rehearsal that begins at any state of a simulated LUN ends each verb as that LUN
// does, in the same state, and does nothing to it.
func TestLikeReal(t *testing.T) {
	for name, q := range map[string]simlun.Quirks{
		"standard": {}, "cannot store": {NoAPTPL: true}, "cannot introduce": {NoSpecIPT: true},
		"two types": {OnlyTypes: 1<<pr.WriteExclusive | 1<<pr.WriteExclusiveRegistrantsOnly},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(100) {
				likeReal(t, q, rand.New(rand.NewPCG(seed, 7)))
			}
		})
	}
}

func likeReal(t *testing.T, q simlun.Quirks, random *rand.Rand) {
	t.Helper()
	w := newWorld(t, q)
	next := func() verb {
		types := scsi.Types()
		return verb{path: random.IntN(len(hosts)), kind: random.IntN(8), a: pr.Key(random.IntN(4)), b: pr.Key(random.IntN(4)),
			typ: types[random.IntN(len(types))], to: random.IntN(len(hosts)), persist: random.IntN(4) == 0}
	}
	history := []verb{}
	for range random.IntN(12) {
		v := next()
		_ = v.do(t.Context(), w.paths, w.paths) // some fail
		history = append(history, v)
	}
	before := sorted(read(t, w.paths[0]))
	d := New(0)
	var paths []pr.Path
	for _, p := range w.paths {
		paths = append(paths, d.Path(p))
	}
	if diff := cmp.Diff(before, sorted(read(t, paths[3]))); diff != "" {
		t.Fatalf("after %v it begins with (-real +rehearsal):\n%s", history, diff)
	}
	first := before
	for range 12 {
		v := next()
		history = append(history, v)
		got := class(v.do(t.Context(), paths, w.paths))
		if unchanged := sorted(read(t, w.paths[0])); !slices.Equal(before, unchanged) {
			t.Fatalf("%v has made of the real one %q", v, unchanged)
		}
		if want := class(v.do(t.Context(), w.paths, w.paths)); got != want {
			t.Fatalf("%v: %s, on the real one %s; after %v", v, got, want, history)
		}
		if got, want := persisting(t, paths[v.to]), persisting(t, w.paths[v.to]); got != want {
			t.Fatalf("after %v it keeps them: %v, the real one %v", history, got, want)
		}
		before = sorted(read(t, w.paths[0]))
		if diff := cmp.Diff(before, sorted(d.Now())); diff != "" {
			t.Fatalf("after %v (-real +rehearsal):\n%s", history, diff)
		}
		if diff := cmp.Diff(first, sorted(d.Before())); diff != "" {
			t.Fatalf("after %v it says that it began otherwise (-then +now):\n%s", history, diff)
		}
	}
}
