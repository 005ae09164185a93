package watchdog

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/pr"
	"lunguard/vg"
)

// Keys of the tests.
const (
	ownKey   pr.Key = 0xbcb00001
	otherKey pr.Key = 0xbcb00002
)

// errCable is what a failed path says.
var errCable = errors.New("cable pulled")

// disk is a LUN of a fake host, with the paths that lead to it.
type disk struct {
	t  *testing.T
	mu sync.Mutex

	wwid  string
	names []string
	// numbers are those of the devices that the names lead to.
	numbers map[string]string
	keys    []pr.Key
	// held is the reservation, nil for none.
	held *pr.Reservation
	// generation is that of the registrations.
	generation uint32
	paths      map[string]*wire
	// reads counts the reads that were answered, opened the paths that were
	// opened. findErr makes the search for the paths fail.
	reads, opened int
	findErr       error
	// onRead is called while a read is under way.
	onRead func()
}

// wire is how a path behaves, whoever opens it.
type wire struct {
	failed bool
	// hung holds reads until it is closed, delay for a time.
	hung  chan struct{}
	delay time.Duration
	// past is what it tells in the place of what is so; nil is that.
	past *pr.State
	// under counts the reads under way.
	under int
	// gaveUp makes the transport return while the kernel has not: as long as it
	// is set, reads fail and the path is not idle.
	gaveUp bool
}

func (d *disk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *disk) setKeys(keys ...pr.Key) { d.set(func() { d.keys = keys }) }

// setHolder makes a key hold the reservation, nobody if it is 0.
func (d *disk) setHolder(key pr.Key) {
	d.set(func() {
		if d.held = nil; key != 0 {
			d.held = &pr.Reservation{Key: key, Type: pr.WriteExclusiveRegistrantsOnly}
		}
	})
}

func (d *disk) setFailed(failed bool) {
	d.set(func() {
		for _, w := range d.paths {
			w.failed = failed
		}
	})
}

func (d *disk) hang(name string) { d.set(func() { d.paths[name].hung = make(chan struct{}) }) }

func (d *disk) release(name string) {
	d.set(func() {
		if w := d.paths[name]; w.hung != nil {
			close(w.hung)
			w.hung = nil
		}
	})
}

// nexus is an open path. It is asked for the state, and for nothing else.
type nexus struct {
	pr.Path
	*wire
	disk *disk
}

func (n *nexus) Close() error { return nil }

func (n *nexus) Expect(wwid, _ string) {
	if wwid != n.disk.wwid {
		n.disk.t.Errorf("a path of %s is to be one of %s", n.disk.wwid, wwid)
	}
}

func (n *nexus) Idle() bool {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	return !n.gaveUp
}

// State fails the test for a second read beside it.
func (n *nexus) State(context.Context) (*pr.State, error) {
	d := n.disk
	d.mu.Lock()
	if n.under++; n.under > 1 {
		d.t.Error("a second read on a path whose first has not returned")
	}
	// The device answers as of now, even if the answer comes late.
	state := &pr.State{Reservation: d.held, Generation: d.generation}
	for _, k := range d.keys {
		state.Registrations = append(state.Registrations, pr.Registration{Key: k})
	}
	if n.past != nil {
		state = n.past
	}
	hung, delay, hook := n.hung, n.delay, d.onRead
	d.mu.Unlock()
	if hook != nil {
		hook()
	}
	if hung != nil {
		<-hung
	}
	if delay > 0 {
		time.Sleep(delay)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n.under--
	if n.gaveUp {
		return nil, context.DeadlineExceeded
	}
	if n.failed {
		return nil, errCable
	}
	d.reads++
	return state, nil
}

// fakeHost has disks by name.
type fakeHost struct {
	disks map[string]*disk
}

func (h *fakeHost) Paths(name string) (*vg.Disk, error) {
	d := h.disks[name]
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.findErr != nil {
		return nil, d.findErr
	}
	return &vg.Disk{Device: name, WWID: d.wwid, Paths: d.devices()}, nil
}

// devices are the paths as they are found. Under the lock.
func (d *disk) devices() []vg.Device {
	var list []vg.Device
	for _, name := range d.names {
		list = append(list, vg.Device{Name: name, Number: d.numbers[name]})
	}
	return list
}

func (h *fakeHost) Open(dev vg.Device) (Path, error) {
	for _, d := range h.disks {
		d.mu.Lock()
		w := d.paths[dev.Name]
		d.opened++
		d.mu.Unlock()
		if w != nil {
			return &nexus{wire: w, disk: d}, nil
		}
	}
	return nil, errors.New(dev.Name + ": no such path")
}

// fakeDevice remembers when it was fed.
type fakeDevice struct {
	mu    sync.Mutex
	clock Clock
	feeds []time.Duration
	err   error
}

func (d *fakeDevice) Feed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	d.feeds = append(d.feeds, d.clock())
	return nil
}

func (d *fakeDevice) Close() error { return nil }

func (d *fakeDevice) all() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.feeds)
}

func (d *fakeDevice) last() time.Duration {
	all := d.all()
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1]
}

// rig is a watch of some LUNs in a bubble of synctest.
type rig struct {
	t      *testing.T
	host   *fakeHost
	device *fakeDevice
	watch  *Watch
	luns   []*LUN

	mu sync.Mutex
	// events but those of paths, in words; alarms counts.
	events []string
	paths  []string
	alarms int
	// forgotten counts the alarms for empty LUNs, restored the attempts.
	forgotten, restored int
	// offset is how much the clock was put on, trap decides on more.
	begun  time.Time
	offset time.Duration
	trap   func(reading int) time.Duration
	reads  int

	life    chan struct{}
	changes chan []*LUN
	stop    context.CancelFunc
	outcome chan Outcome
}

// times are those of the tests.
func times() Timing {
	return Timing{Interval: time.Second, Answer: 500 * time.Millisecond, Grace: 5 * time.Second, Timeout: 10 * time.Second}
}

// newRig makes LUNs named A, B, ... with two paths each: A1, A2.
func newRig(t *testing.T, luns int) *rig {
	r := &rig{t: t, host: &fakeHost{disks: map[string]*disk{}}, begun: time.Now(), life: make(chan struct{}), changes: make(chan []*LUN), outcome: make(chan Outcome, 1)}
	r.device = &fakeDevice{clock: r.clock}
	for i := range luns {
		r.addDisk(string(rune('A' + i)))
	}
	r.watch = &Watch{
		Timing: times(), Key: ownKey, Clock: r.clock, Device: r.device, Log: r.log, Life: r.life, Alive: func() {},
		Alarm:     func() { r.mu.Lock(); r.alarms++; r.mu.Unlock() },
		Forgotten: func() { r.mu.Lock(); r.forgotten++; r.mu.Unlock() },
		Restore:   func(*LUN) { r.mu.Lock(); r.restored++; r.mu.Unlock() },
	}
	return r
}

func (r *rig) addDisk(name string) {
	d := &disk{t: r.t, wwid: "naa." + name, names: []string{name + "1", name + "2"}, keys: []pr.Key{ownKey}, paths: map[string]*wire{}}
	d.setHolder(otherKey) // of a shared package, as long as a test does not make it this node's alone
	for _, p := range d.names {
		d.paths[p] = &wire{}
	}
	r.host.disks[name] = d
	r.luns = append(r.luns, r.lun(name))
}

func (r *rig) lun(name string) *LUN {
	return NewLUN(r.host, &vg.Disk{Device: name, WWID: r.host.disks[name].wwid}, "pkg", r.clock, r.log)
}

func (r *rig) disk(name string) *disk { return r.host.disks[name] }

func (r *rig) clock() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if r.trap != nil {
		r.offset += r.trap(r.reads)
	}
	return time.Since(r.begun) + r.offset
}

// jump lets time pass that nobody in the process notices.
func (r *rig) jump(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offset += d
}

func (r *rig) log(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case PathFailed, PathBack:
		r.paths = append(r.paths, string(e.Kind)+" "+e.Path)
	default:
		text := string(e.Kind)
		if e.LUN != "" {
			text += " " + e.LUN
		}
		r.events = append(r.events, text)
	}
}

// start runs the watch.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.watch.Watch(r.luns)
	go func() { r.outcome <- r.watch.Run(ctx, r.changes) }()
}

// pass lets time pass, and all settle.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// end ends the watch, which must have the outcome, and everything else.
func (r *rig) end(want Outcome) {
	r.t.Helper()
	r.stop()
	if want == Dead {
		r.pass(3 * time.Second)
		select {
		case <-r.outcome:
			r.t.Error("the watch ended although the feeding has ended for good")
		default:
		}
		close(r.life)
	}
	for _, d := range r.host.disks {
		for name := range d.paths {
			d.release(name)
		}
	}
	if got := <-r.outcome; got != want {
		r.t.Errorf("the watch has ended as %s, %s expected; events %q", got, want, r.events)
	}
	r.watch.Watch(nil)
	for _, l := range r.luns {
		l.Close()
	}
	r.pass(5 * time.Second) // what sleeps wakes up
}

// wantEvents compares the events so far, but those of paths.
func (r *rig) wantEvents(want ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.events, want) {
		r.t.Errorf("events %q, want %q", r.events, want)
	}
}

// wantFed checks that the device was fed without a gap up to now.
func (r *rig) wantFed() {
	r.t.Helper()
	r.wantFedSince(0)
}

func (r *rig) wantFedSince(from time.Duration) {
	r.t.Helper()
	now := r.clock()
	for _, at := range append(r.device.all(), now) {
		if at < from {
			continue
		}
		if at-from > 1600*time.Millisecond {
			r.t.Errorf("not fed from %v to %v; events %q", from, at, r.events)
		}
		from = at
	}
}

// run is a test in a bubble.
func run(t *testing.T, luns int, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newRig(t, luns)) })
}

// slowHost finds no disk before its gate opens.
type slowHost struct {
	*fakeHost
	gate     chan struct{}
	searches atomic.Int32
}

func (h *slowHost) Paths(name string) (*vg.Disk, error) {
	h.searches.Add(1)
	<-h.gate
	return h.fakeHost.Paths(name)
}
