package rehearsal

import (
	"context"
	"errors"
	"slices"
	"testing"

	"lunguard/pr"
	"lunguard/scsi/simlun"
)

// told is a real path that says one state, of a device that may not tell what it can.
type told struct {
	pr.Path
	id    pr.Identity
	state *pr.State
	caps  error
	err   error
	// reads counts.
	reads int
}

func (p *told) Name() string          { return "/dev/sda" }
func (p *told) Identity() pr.Identity { return p.id }

func (p *told) Capabilities(context.Context) (*pr.Capabilities, error) {
	if p.caps != nil {
		return nil, p.caps
	}
	return &pr.Capabilities{}, nil
}

func (p *told) State(context.Context) (*pr.State, error) {
	p.reads++
	return p.state, p.err
}

const kept = pr.WriteExclusiveRegistrantsOnly

// A device that does not tell whose its registrations are: those with this node's key
// are its paths', in order, and a further path has none.
func TestUnidentified(t *testing.T) {
	state := &pr.State{Generation: 7, Registrations: []pr.Registration{{Key: 5}, {Key: 6}, {Key: 5}}, Reservation: &pr.Reservation{Key: 6, Type: kept}}
	d := New(5)
	var paths []pr.Path
	for i := range 3 {
		paths = append(paths, d.Path(&told{state: state, id: pr.Identity{Initiator: madeUp{number: i}, RelativePort: 1}}))
	}
	for i, want := range []error{nil, nil, pr.ErrReservationConflict} {
		if err := paths[i].Register(t.Context(), 5, 0x15, false); !errors.Is(err, want) {
			t.Errorf("path %d: %v, %v expected", i, err, want)
		}
	}
	if err := paths[0].PreemptAndAbort(t.Context(), 0x15, 6, kept); err != nil {
		t.Error(err)
	}
	s := d.Now()
	if !slices.Equal(s.Registrations, []pr.Registration{{Key: 0x15}, {Key: 0x15}}) || s.Identified || s.Generation != 10 || *s.Reservation != (pr.Reservation{Key: 0x15, Type: kept}) {
		t.Errorf("%+v", s)
	}
	if !slices.Equal(state.Registrations, []pr.Registration{{Key: 5}, {Key: 6}, {Key: 5}}) || d.Before() != state {
		t.Errorf("what was read has become %+v", state)
	}
}

// A registration for all ports is that of each path of its initiator.
func TestAllPorts(t *testing.T) {
	us, them := madeUp{number: 1}, madeUp{number: 2}
	state := &pr.State{Identified: true, Registrations: []pr.Registration{{Key: 5, AllPorts: true, Initiator: us}, {Key: 6, RelativePort: 1, Initiator: them}}}
	d := New(5)
	first, second := d.Path(&told{state: state, id: pr.Identity{Initiator: us, RelativePort: 1}}), d.Path(&told{state: state, id: pr.Identity{Initiator: us, RelativePort: 2}})
	if err := errors.Join(first.Reserve(t.Context(), 5, kept), second.Register(t.Context(), 5, 0, false)); err != nil {
		t.Error(err)
	}
	if s := d.Now(); len(s.Registrations) != 1 || s.Registrations[0].Key != 6 || s.Reservation != nil {
		t.Errorf("%+v", s)
	}
}

// A path whose initiator is guessed stands for the registration that it resembles, and
// else for one with this node's key; who that is nobody claims to know.
func TestGuessed(t *testing.T) {
	us := madeUp{number: 1}
	state := &pr.State{Identified: true, Registrations: []pr.Registration{{Key: 5, RelativePort: 1, Initiator: us}}}
	d := New(5)
	p := d.Path(&told{state: state, id: pr.Identity{Initiator: madeUp{number: 9}, Guessed: true}})
	if err := p.Register(t.Context(), 5, 5, false); err != nil {
		t.Error(err)
	}
	if id := p.Identity(); id != (pr.Identity{}) {
		t.Errorf("%+v", id)
	}
}

// What cannot be is malformed, and nothing is rehearsed on it; a path that fails leaves
// it to the next one, and what is told is asked once.
func TestSeed(t *testing.T) {
	for name, state := range map[string]*pr.State{
		"nobody":      {Reservation: &pr.Reservation{Key: 6, Type: kept}},
		"a stranger":  {Registrations: []pr.Registration{{Key: 5}}, Reservation: &pr.Reservation{Key: 6, Type: kept}},
		"no such one": {Registrations: []pr.Registration{{Key: 5}}, Reservation: &pr.Reservation{Key: 5, Type: 2}},
	} {
		d := New(5)
		if err := d.Path(&told{state: state}).Reserve(t.Context(), 5, kept); !errors.Is(err, pr.ErrMalformed) || d.Before() != nil || d.Now() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dead, live := &told{err: pr.ErrTransport}, &told{state: &pr.State{Identified: true}, caps: pr.ErrUnsupported}
	d := New(5)
	first, second := d.Path(dead), d.Path(live)
	if _, err := first.State(t.Context()); !errors.Is(err, pr.ErrTransport) {
		t.Error(err)
	}
	if caps, err := second.Capabilities(t.Context()); caps != nil || !errors.Is(err, pr.ErrUnsupported) {
		t.Errorf("%v %v", caps, err)
	}
	if _, err := first.Keys(t.Context()); !errors.Is(err, pr.ErrTransport) {
		t.Error(err)
	}
	keys, err := second.Keys(t.Context())
	if err != nil || len(keys) != 0 || dead.reads+live.reads != 2 {
		t.Errorf("%v %v, read %d times", keys, err, dead.reads+live.reads)
	}
	if err := d.Path(&told{caps: pr.ErrTransport}).Drain(t.Context()); err != nil {
		t.Errorf("read again: %v", err)
	}
	if err := New(5).Path(&told{caps: pr.ErrTransport}).Drain(t.Context()); !errors.Is(err, pr.ErrTransport) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := second.State(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What the real path cannot do, and what is refused, is told as any storage tells it.
func TestRefusal(t *testing.T) {
	p := New(5).Path(&told{state: &pr.State{}})
	for what, err := range map[string]error{
		"move": pr.Move(t.Context(), p, &pr.MoveOrder{}), "introduce": pr.Introduce(t.Context(), p, 5, nil, false), "reset": pr.Reset(t.Context(), p),
	} {
		var failed pr.CommandError
		if !errors.As(err, &failed) || failed.Where() != "/dev/sda" || failed.What() != what || failed.OutcomeUnknown() || !errors.Is(err, pr.ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A rehearsed reset resets nothing real.
func TestResetsNothing(t *testing.T) {
	w := newWorld(t, simlun.Quirks{})
	attentions := func() (n int) {
		w.lun.With(func(m *simlun.Machine) {
			for _, x := range m.Describe().Nexuses {
				n += len(x.Attentions)
			}
		})
		return n
	}
	before := attentions()
	if err := pr.Reset(t.Context(), New(5).Path(w.paths[0])); err != nil {
		t.Fatal(err)
	}
	if after := attentions(); after != before {
		t.Errorf("%d unit attentions more on the real LUN", after-before)
	}
}

// Keys are those of the device.
func (p *told) Keys(context.Context) ([]pr.Key, error) {
	if p.err != nil {
		return nil, p.err
	}
	return p.state.Keys(), nil
}

// As long as nothing was changed each path tells the keys that its device tells, and then
// those of the copy.
func TestOtherStory(t *testing.T) {
	d := New(1)
	none := d.Path(&told{state: &pr.State{}, id: pr.Identity{Initiator: madeUp{number: 0}, RelativePort: 1}})
	other := d.Path(&told{state: &pr.State{Registrations: []pr.Registration{{Key: 2}}}, id: pr.Identity{Initiator: madeUp{number: 1}, RelativePort: 1}})
	for i, want := range [][]pr.Key{{2}, {1}} {
		if s, err := none.State(t.Context()); err != nil || len(s.Registrations) != i {
			t.Fatalf("%v, %v", s, err)
		}
		if keys, err := other.Keys(t.Context()); err != nil || !slices.Equal(keys, want) {
			t.Errorf("%v, %v; %v wanted", keys, err, want)
		}
		if err := none.RegisterAndIgnore(t.Context(), 1, false); err != nil {
			t.Fatal(err)
		}
	}
}
