package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// Keys of the nodes in a world, and one of nobody.
const (
	keyA    = pr.Key(0xbcb00001)
	keyB    = pr.Key(0xbcb00002)
	keyC    = pr.Key(0xbcb00003)
	foreign = pr.Key(0xdead)
)

// world is a cluster of nodes A, B, C with simulated LUNs in memory.
type world struct {
	t       testing.TB
	members Members
	mode    Mode
	// kept is the type of reservations in shared mode, 0 for the usual one.
	kept pr.Type
	luns []*simlun.LUN
	// spaces are NVMe namespaces in the place of the LUNs.
	spaces []*simns.Namespace
	paths  int
	// sent counts commands by LUN.
	sent []atomic.Int64
	mu   sync.Mutex
	log  []Event
	// dies, if not nil, is asked before each command and keeps it from being sent.
	dies func() error
	// wrap changes a path's transport, given node, LUN and path.
	wrap func(node string, lun, path int, t scsi.Transport) scsi.Transport
}

func newWorld(t testing.TB, luns, paths int, quirks simlun.Quirks) *world {
	t.Helper()
	w := &world{t: t, paths: paths, sent: make([]atomic.Int64, luns), members: Members{{Name: "A", Key: keyA}, {Name: "B", Key: keyB}, {Name: "C", Key: keyC}}}
	for i := range luns {
		l, err := simlun.NewMemory(simlun.Config{Serial: fmt.Sprintf("W%04d", i), WWID: fmt.Sprintf("naa.600140500000%04x", i), Quirks: quirks})
		if err != nil {
			t.Fatal(err)
		}
		w.luns = append(w.luns, l)
	}
	return w
}

// newSpaces is a world of NVMe namespaces.
func newSpaces(t testing.TB, spaces, paths int, quirks simns.Quirks) *world {
	t.Helper()
	w := newWorld(t, 0, paths, simlun.Quirks{})
	w.sent = make([]atomic.Int64, spaces)
	for i := range spaces {
		w.spaces = append(w.spaces, simns.NewMemory(simns.Config{NSID: uint32(i + 1), Quirks: quirks}))
	}
	return w
}

// count is how many LUNs or namespaces there are.
func (w *world) count() int { return max(len(w.luns), len(w.spaces)) }

// device is a copy of the state of a LUN or namespace.
func (w *world) device(i int) (d simulated) {
	if len(w.spaces) > 0 {
		w.spaces[i].With(func(m *simns.Machine) { d = spaceState{m.Clone()} })
		return d
	}
	w.luns[i].With(func(m *simlun.Machine) { d = unitState{m.Clone(), m.Cfg.Quirks.NoFullStatus} })
	return d
}

// setDevice makes that the state.
func (w *world) setDevice(i int, d simulated) {
	switch d := d.(type) {
	case spaceState:
		w.spaces[i].With(func(m *simns.Machine) { *m = *d.Machine })
	case unitState:
		w.luns[i].With(func(m *simlun.Machine) { *m = *d.Machine })
	}
}

// port is the initiator port of a node's path.
func port(node string, path int) scsi.TransportID {
	return scsi.ISCSIPortTransportID("iqn.2026-01.test:"+node, uint64(path+1))
}

// transport is a node's path to a LUN without retries.
func (w *world) transport(node string, lun, path int) *simlun.Path {
	return w.luns[lun].Nexus(port(node, path), uint16(path+1))
}

// identityOf is what a node knows of its path.
func identityOf(node string, path int) pr.Identity {
	return pr.Identity{Initiator: port(node, path), RelativePort: uint16(path + 1)}
}

// tally counts the commands of a LUN.
type tally struct {
	scsi.Transport
	n    *atomic.Int64
	dies func() error
}

func (c tally) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	c.n.Add(1)
	if c.dies != nil {
		if err := c.dies(); err != nil {
			return scsi.Reply{}, err
		}
	}
	return c.Transport.Do(ctx, req)
}

// counted counts those of a namespace.
type counted struct {
	nvme.Transport
	n    *atomic.Int64
	dies func() error
}

func (c counted) Do(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
	c.n.Add(1)
	if c.dies != nil {
		if err := c.dies(); err != nil {
			return nvme.Reply{}, err
		}
	}
	return c.Transport.Do(ctx, req)
}

func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// node is the member of that name.
func (w *world) node(name string) (Member, error) { return named(w.members, name) }

// named is the member of that name.
func named(list Members, name string) (Member, error) {
	for _, m := range list {
		if m.Name == name {
			return m, nil
		}
	}
	return Member{}, fmt.Errorf("no node %s", name)
}

// run is a protocol on the node. The LUNs are named sda, sdb, ... in an order
// that is not that of the WWIDs.
func (w *world) run(node string) *Run {
	w.t.Helper()
	n, err := w.node(node)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &Run{Members: w.members, Mode: w.mode, SharedType: w.kept, Node: n, Log: w.note, Sleep: noSleep}
	for i := range w.count() {
		l := &LUN{Name: "sd" + string(rune('a'+i)), WWID: fmt.Sprintf("naa.600140500000%04x", i)}
		for p := range w.paths {
			l.Paths = append(l.Paths, w.path(fmt.Sprintf("%s%d", l.Name, p), node, i, p))
		}
		r.LUNs = append(r.LUNs, l)
	}
	slices.Reverse(r.LUNs)
	return r
}

// path is one of a node's paths.
func (w *world) path(name, node string, lun, p int) pr.Path {
	if len(w.spaces) > 0 {
		t := counted{w.spaces[lun].Path(controller(node, p)), &w.sent[lun], w.dies}
		u := nvme.NewUnit(name, &nvme.Retry{Transport: t, Sleep: noSleep, Timeout: 2 * time.Second})
		return u.WithIdentity(hostOf(node, p).Identity)
	}
	var t scsi.Transport = tally{w.transport(node, lun, p), &w.sent[lun], w.dies}
	if w.wrap != nil {
		t = w.wrap(node, lun, p, t)
	}
	u := scsi.NewUnit(name, &scsi.Retry{Transport: t, Sleep: noSleep, Timeout: 2 * time.Second})
	return u.WithIdentity(func() pr.Identity { return identityOf(node, p) })
}

func (w *world) note(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, e)
}

func (w *world) logged(a Action) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.log, func(e Event) bool { return e.Action == a })
}

// put registers a key on a LUN from outside the protocols, and reserves if
// typ is not 0.
func (w *world) put(lun int, node string, path int, key pr.Key, typ pr.Type) {
	w.t.Helper()
	ctx, p := context.Background(), w.plainPath(lun, node, path)
	if err := p.RegisterAndIgnore(ctx, key, false); err != nil {
		w.t.Fatal(err)
	}
	if typ != 0 {
		if err := p.Reserve(ctx, key, typ); err != nil {
			w.t.Fatal(err)
		}
	}
}

// plainPath is a path for what is done from outside the protocols.
func (w *world) plainPath(lun int, node string, path int) pr.Path {
	if len(w.spaces) > 0 {
		return nvme.NewUnit("put", w.spaces[lun].Path(controller(node, path)))
	}
	t := w.transport(node, lun, path)
	if path == aPast {
		t = w.luns[lun].Nexus(port(node, path), 1)
	}
	return scsi.NewUnit("put", &scsi.Retry{Transport: t, AfterStateChange: true, Sleep: noSleep})
}

// canWrite tries a write on every path and reports whether one went through.
func (w *world) canWrite(node string, lun int) bool {
	w.t.Helper()
	can := false
	for p := range w.paths {
		t := &scsi.Retry{Transport: w.transport(node, lun, p), AfterStateChange: true, Sleep: noSleep}
		err := scsi.Write{BlockSize: 512, Data: make([]byte, 512)}.Execute(context.Background(), t)
		if err != nil && !errors.Is(err, pr.ErrReservationConflict) {
			w.t.Fatalf("write by %s: %v", node, err)
		}
		can = can || err == nil
	}
	return can
}

// status is what the tests compare of a LUN.
type status struct {
	Keys   []pr.Key // one for each registration
	Holder pr.Key
	Type   pr.Type
}

func (w *world) status(lun int) status {
	var s *pr.State
	w.luns[lun].With(func(m *simlun.Machine) { s = m.State() })
	var st status
	for _, r := range s.Registrations {
		st.Keys = append(st.Keys, r.Key)
	}
	slices.Sort(st.Keys)
	if s.Reservation != nil {
		st.Holder, st.Type = s.Reservation.Key, s.Reservation.Type
	}
	return st
}

func (w *world) prints() []string {
	var list []string
	for _, l := range w.luns {
		list = append(list, l.Fingerprint(true))
	}
	return list
}

// wantOwned fails the test unless the key alone holds every LUN, on each path.
func (w *world) wantOwned(key pr.Key) {
	w.t.Helper()
	want := status{Keys: slices.Repeat([]pr.Key{key}, w.paths), Holder: key, Type: unit.ReservationType}
	for i := range w.luns {
		if diff := cmp.Diff(want, w.status(i)); diff != "" {
			w.t.Errorf("LUN %d (-want +got):\n%s", i, diff)
		}
	}
}

// wantEmpty fails the test unless no LUN has a registration.
func (w *world) wantEmpty() {
	w.t.Helper()
	for i := range w.luns {
		if diff := cmp.Diff(status{}, w.status(i)); diff != "" {
			w.t.Errorf("LUN %d (-want +got):\n%s", i, diff)
		}
	}
}

func (w *world) start(node string) {
	w.t.Helper()
	if err := w.run(node).Start(context.Background()); err != nil {
		w.t.Fatalf("start on %s: %v", node, err)
	}
}

// faults sets a fault plan on a LUN.
func (w *world) faults(lun int, plan string) {
	w.t.Helper()
	p, err := simlun.ParsePlan(plan)
	if err != nil {
		w.t.Fatal(err)
	}
	w.luns[lun].With(func(m *simlun.Machine) { m.SetPlan(p) })
}
