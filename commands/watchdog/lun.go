package watchdog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lunguard/vg"
)

// Reasons why a LUN is unknown.
var (
	// ErrNoAnswer says that a read is still under way, or was too slow.
	ErrNoAnswer = errors.New("no answer in time")
	// ErrOtherLUN says that the device's name now means another LUN.
	ErrOtherLUN = errors.New("another LUN has this name now")
	// ErrNoPath says that the LUN has no path that could be asked.
	ErrNoPath = errors.New("no path")
	// ErrBehind says that a path has told what was so before another one's answer, as from
	// a cache.
	ErrBehind = errors.New("its answer is older than another path's")
	// ErrNotStarted says that nobody is registered as this node, and that nothing says
	// that it ever was: see LUN.Doubtful.
	ErrNotStarted = errors.New("this node's key is not on it, and was not seen there")
)

// findPause is the least time between two searches for the paths of a LUN, and between two
// attempts with a path that has failed.
const findPause = 5 * time.Second

// LUN is a logical unit that is watched, with all its paths on this host. It
// is safe for concurrent use, and none of its methods waits for a device.
type LUN struct {
	// Name is the device by which it was found, Package whose it is.
	Name, Package string
	// Exclusive says that the LUN is to be this node's alone, as those of a failover
	// package are: then the reservation is to be this node's, too.
	Exclusive bool
	// Doubtful says that nobody knows whether this node has the package up. Then a key
	// that is not there is gone only after it has been seen: a node that boots while its
	// storage does not answer yet has lost nothing.
	Doubtful bool
	// WWID tells it from another LUN that gets its device's name; without one
	// its paths are looked for only once.
	WWID string

	host  Host
	clock Clock
	log   func(Event)

	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	paths []*path
	// current is the path that answered last; nil if it failed since.
	current *path
	// latest is the newest answer.
	latest answer
	// round counts the rounds of asking, pass waits for the one under way.
	round uint64
	pass  *pass

	// found says that the paths were found once, findErr why not the last time.
	finding, found bool
	lastFind       time.Duration
	findErr        error
}

// answer is what a path said. at is when it was asked, so that the answer is
// at least that old.
type answer struct {
	from    *path
	at      time.Duration
	reading Reading
	ok      bool
}

// pass waits for several LUNs. done is closed when all have settled.
type pass struct {
	mu   sync.Mutex
	left int
	done chan struct{}
}

func newPass(n int) *pass {
	p := &pass{left: n, done: make(chan struct{})}
	if n == 0 {
		close(p.done)
	}
	return p
}

func (p *pass) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left--; p.left == 0 {
		close(p.done)
	}
}

// NewLUN prepares a LUN; its paths are looked for when it is first asked. log
// takes what happens to its paths, from several goroutines; it must not block.
func NewLUN(host Host, d *vg.Disk, pkg string, clock Clock, log func(Event)) *LUN {
	ctx, cancel := context.WithCancel(context.Background())
	return &LUN{Name: d.Device, WWID: d.WWID, Package: pkg, host: host, clock: clock, log: log, ctx: ctx, cancel: cancel}
}

// Close lets the LUN go. A read that hangs keeps its path open until the
// kernel returns.
func (l *LUN) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return
	}
	l.cancel()
	for _, p := range l.paths {
		p.retire()
	}
	l.paths = nil
	l.settle()
}

// ask begins a round: the path behind the one that answered last is asked, so that
// none is believed for ever; all if that has not answered since. What has failed is tried
// beside it now and then.
func (l *LUN) ask(p *pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Who waited for the round before has given it up.
	l.round++
	l.pass = p
	for _, q := range l.paths {
		switch {
		case q.err == nil && q.asked > 0 && !q.ready():
			q.fail(&vg.DeviceError{Device: q.device.Name, Err: ErrNoAnswer})
		case q.err != nil && q.ready() && l.clock()-q.asked >= findPause && l.current != nil:
			l.wake(q)
		}
	}
	if l.current != nil {
		l.wake(l.next())
	} else if !l.wakeOthers() {
		l.fail()
	}
}

// next is the path behind the current one, which is ready, that is well.
func (l *LUN) next() *path {
	at := slices.Index(l.paths, l.current)
	for i := range l.paths {
		if p := l.paths[(at+1+i)%len(l.paths)]; p.err == nil && p.ready() {
			return p
		}
	}
	return l.current
}

// wakeOthers asks all paths that have not been asked in this round and are
// free, and reports whether there was one.
func (l *LUN) wakeOthers() bool {
	woken := false
	for _, p := range l.paths {
		if p.round != l.round && p.ready() {
			l.wake(p)
			woken = true
		}
	}
	return woken
}

func (l *LUN) wake(p *path) {
	p.round, p.asked, p.busy = l.round, l.clock(), true
	p.wake <- struct{}{} // never blocks: the worker is idle
}

// settle ends the round for those who wait.
func (l *LUN) settle() {
	if l.pass != nil {
		l.pass.settle()
		l.pass = nil
	}
}

// answered takes what a path's read has come to.
func (l *LUN) answered(p *path, reading Reading, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.busy = false
	if l.ctx.Err() != nil || p.retired {
		p.retire()
		return
	}
	heard := false
	switch {
	case err != nil:
		p.fail(err)
	case !p.gone:
		heard = l.heard(p, reading) && p.round == l.round
	}
	if p.gone {
		l.drop(p)
	}
	switch {
	case l.pass == nil:
	case heard:
		l.settle()
	case slices.ContainsFunc(l.paths, func(q *path) bool { return q.busy && q.round == l.round }):
		// That one may answer.
	case !l.wakeOthers():
		l.fail()
	}
}

// drop lets a path go that is none of the LUN's any more.
func (l *LUN) drop(p *path) {
	l.paths = slices.DeleteFunc(l.paths, func(q *path) bool { return q == p })
	if l.current == p {
		l.current = nil
	}
	p.retire()
}

// heard takes an answer, which may be one of a round before: then it is too old
// to settle this one, and the path is asked again. It reports whether the path is to be believed.
func (l *LUN) heard(p *path, reading Reading) bool {
	late := l.latest.ok && p.asked < l.latest.at
	if !late && l.behind(p, reading) {
		p.fail(&vg.DeviceError{Device: p.device.Name, Err: ErrBehind})
		return false
	}
	if p.err != nil {
		p.err = nil
		l.log(Event{Kind: PathBack, LUN: l.Name, Path: p.device.Name})
	}
	if !late {
		l.latest = answer{from: p, at: p.asked, reading: reading, ok: true}
		l.current = p
	}
	return true
}

// behind reports whether an answer is of a time before that of another path. A device
// that counts anew does so on all paths: the other one is asked next, and what it says
// counts; if it does not answer, the paths are looked for anew.
func (l *LUN) behind(p *path, reading Reading) bool {
	other := l.latest.from
	if !l.latest.ok || other == p || !slices.Contains(l.paths, other) {
		return false
	}
	// The count begins again at 0 after 2^32 changes.
	return int32(reading.Generation-l.latest.reading.Generation) < 0
}

// fail is for a round in which no further path can be asked. It looks for
// others, and ends the round unless a read may still return.
func (l *LUN) fail() {
	now := l.clock()
	// Without a name of the LUN nobody can tell that a path still leads to it.
	again := l.WWID != "" && now-l.lastFind >= findPause
	if !l.finding && (!l.found || again) {
		l.finding, l.lastFind = true, now
		go l.find(l.held())
	}
	if l.found {
		l.giveUp()
	}
}

// giveUp ends the round, unless a read may still return.
func (l *LUN) giveUp() {
	if !slices.ContainsFunc(l.paths, func(p *path) bool { return p.busy }) {
		l.settle()
	}
}

// reasons says of each path why it gives no answer.
func (l *LUN) reasons(now time.Duration) error {
	var errs []error
	for _, p := range l.paths {
		switch {
		case p.busy || !p.ready():
			errs = append(errs, &vg.DeviceError{Device: p.device.Name, Err: fmt.Errorf("%w, asked %v ago", ErrNoAnswer, (now - p.asked).Round(100*time.Millisecond))})
		case p.err != nil:
			errs = append(errs, p.err)
		}
	}
	if l.findErr != nil {
		errs = append(errs, l.findErr)
	}
	if len(errs) == 0 && len(l.paths) > 0 {
		return ErrNoAnswer
	}
	if len(errs) == 0 {
		return ErrNoPath
	}
	return &reasonError{errs}
}

// reasonError joins the reasons of several paths in one line.
type reasonError struct{ errs []error }

func (e *reasonError) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (e *reasonError) Unwrap() []error { return e.errs }

// held lists the paths that must not be opened again: a read on them hangs.
func (l *LUN) held() []vg.Device {
	var held []vg.Device
	for _, p := range l.paths {
		if !p.ready() {
			held = append(held, p.device)
		}
	}
	return held
}

// find looks the LUN's paths up and opens those that are not held. It may
// block, and then it is not begun again.
func (l *LUN) find(held []vg.Device) {
	opened, gone, err := l.open(held)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finding = false
	if l.ctx.Err() != nil {
		for _, p := range opened {
			p.close(p.t)
		}
		return
	}
	if l.findErr = err; err == nil {
		l.found = true
		l.replace(opened, gone)
	}
	if !l.wakeOthers() {
		l.giveUp()
	}
}

// open finds the paths and opens them. gone reports whether a path is none of
// the LUN's any more.
func (l *LUN) open(held []vg.Device) (opened []*path, gone func(vg.Device) bool, err error) {
	d, err := l.host.Paths(l.Name)
	switch {
	case err != nil:
		return nil, nil, err
	case d.WWID != l.WWID:
		return nil, nil, &vg.DeviceError{Device: l.Name, Err: fmt.Errorf("%w: %s instead of %s", ErrOtherLUN, cmp.Or(d.WWID, "one without a name"), l.WWID)}
	}
	var errs []error
	for _, dev := range d.Paths {
		if slices.ContainsFunc(held, dev.Same) {
			continue
		}
		t, err := l.host.Open(dev)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t.Expect(l.WWID, d.Stated)
		opened = append(opened, newPath(l, dev, t))
	}
	if len(opened) == 0 && len(errs) > 0 {
		return nil, nil, &reasonError{errs}
	}
	return opened, func(dev vg.Device) bool { return !slices.ContainsFunc(d.Paths, dev.Same) }, nil
}

// replace puts newly opened paths in the place of those of the same device, and
// drops those that are gone. A path on which a read hangs stays until that
// returns.
func (l *LUN) replace(opened []*path, gone func(vg.Device) bool) {
	renewed := func(p *path) bool {
		return slices.ContainsFunc(opened, func(o *path) bool { return o.device.Same(p.device) })
	}
	for _, p := range slices.Clone(l.paths) {
		if p.gone = gone(p.device); p.ready() && (p.gone || renewed(p)) {
			l.drop(p)
		}
	}
	for _, p := range opened {
		if slices.ContainsFunc(l.paths, func(q *path) bool { return q.device.Same(p.device) }) {
			// Asked meanwhile, and it hangs: one read at a time.
			p.close(p.t)
			continue
		}
		l.paths = append(l.paths, p)
		go p.work()
	}
}

// look returns what was read, no longer than maxAge before now, and when. Without
// it, why it is unknown.
func (l *LUN) look(now, maxAge time.Duration) (reading Reading, at time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest.ok && now-l.latest.at <= maxAge {
		return l.latest.reading, l.latest.at, nil
	}
	return Reading{}, 0, l.reasons(now)
}
