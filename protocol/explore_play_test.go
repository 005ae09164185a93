package protocol

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi"
)

// What a node does in a scenario is the protocol code itself. A goroutine
// cannot be copied, so a run that stands before a command is known by the
// answers that it has had so far: given the same answers again, the code
// comes to the same command again. Each such point is a moment. The code must
// therefore do everything in one goroutine if Parallel is 1.

// answer is what came back for a command: only the bytes that are the
// device's.
type answer struct {
	reply  scsi.Reply
	status nvme.Status // of a namespace
	data   []byte
	// err is what the transport returned instead.
	err error
}

// failed is why the command was not done as it was asked.
func (a *answer) failed() error {
	switch {
	case a.err != nil:
		return a.err
	case a.status != nvme.Success:
		return statusError{a.status}
	}
	return a.reply.Err()
}

// statusError is a status of NVMe, in the standard's words.
type statusError struct{ nvme.Status }

func (e statusError) Error() string { return e.String() }

// call is a call of a method of pr.Path that has come back. The next run through
// the same history gets its result at once.
type call struct {
	value any
	err   error
	after memory
}

// memory is what is kept of a verb's history.
type memory struct {
	// sum is the digest of the answers, attempts that of those within one
	// command with its retries: when that is over only its result counts,
	// because a Retry keeps nothing from one command to the next.
	sum, attempts digest
	// sent counts the verb's commands so far.
	sent int
	// looked is the type of the reservation that each LUN had when the verb
	// looked last, 0 for none.
	looked [mostLUNs]pr.Type
}

// moment is a point in the life of an actor: it stands before a command, or
// has ended.
type moment struct {
	id int32
	// calls and answers are one history that leads here, the answers being
	// those of the call under way; others with the same digest do, too.
	calls   []call
	answers []answer
	next    command
	ended   bool
	// results are the outcomes of the verbs that have ended, one each.
	results []outcome
	// commands is how many have been sent, in this history.
	commands int
	// flags is how the verbs ended, in short.
	flags uint8
	memory
}

// verb is the index of the verb under way.
func (m *moment) verb() int { return len(m.results) }

// first says that the verb under way has sent nothing yet.
func (m *moment) first() bool { return !m.ended && m.sent == 0 }

// digest names a moment.
type digest [16]byte

// player lets the code run into the history it is given and stops it before
// the command that comes next.
type player struct {
	*scenario
	calls   []call
	answers []answer
	// at counts the calls, and the answers of the one under way.
	at, answered int
	inside       bool
	stop         *command
	memory
}

// stopped is what a run panics with in order to stop.
type stopped struct{}

// chain adds an answer to a digest.
func (p *scenario) chain(d digest, req request, a answer) digest {
	b := make([]byte, 0, 512)
	b = append(b, d[:]...)
	b = append(b, req.head()...)
	if a.err != nil {
		b = append(b, a.err.Error()...)
	}
	b = append(b, byte(a.reply.Status), byte(a.reply.Host), byte(len(a.reply.Sense)), byte(a.status), byte(a.status>>8))
	b = append(b, a.reply.Sense...)
	b = append(b, req.seen(a.data)...)
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

// wire is the lower end of a path: it answers from the history.
type wire struct {
	p         *player
	lun, path int
}

// next is the answer to a command, if the history has it; else the run stops there.
func (w wire) next(req request, length int, stopping func()) answer {
	p := w.p
	if !p.inside {
		panic("a method of pr.Path is missing in played")
	}
	if p.answered == len(p.answers) {
		p.stop = &command{w.lun, w.path, req, length}
		stopping()
		panic(stopped{})
	}
	a := p.answers[p.answered]
	p.answered++
	p.attempts = p.chain(p.attempts, req, a)
	p.sent++
	if typ, tells := req.tells(a); tells && a.failed() == nil {
		p.looked[w.lun] = typ
	}
	return a
}

// unitWire is that of a LUN.
type unitWire struct{ wire }

func (w unitWire) Do(_ context.Context, req *scsi.Request) (scsi.Reply, error) {
	a := w.next(scsiRequest{req, w.p.quirks.NoFullStatus}, len(req.Data), func() {
		if req.Dir == scsi.DataIn {
			req.Data = nil // large, and empty
		}
	})
	copy(req.Data, a.data)
	return a.reply, a.err
}

// spaceWire is that of a namespace. What it can do never changes, so the questions for
// that are answered at once: they come before or after nothing.
type spaceWire struct{ wire }

func (w spaceWire) Do(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
	if req.Opcode.Admin() {
		return w.p.world.spaces[w.lun].Path(simns.Controller{ID: 1}).Do(ctx, req)
	}
	a := w.next(nvmeRequest{req}, len(req.Data), func() {
		if req.Opcode.ReadsData() {
			req.Data = nil
		}
	})
	copy(req.Data, a.data)
	return nvme.Reply{Status: a.status}, a.err
}

// wholeUnit is the upper end: it sees commands with all their retries.
type wholeUnit struct {
	p *player
	t scsi.Transport
}

func (w wholeUnit) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	w.p.attempts = digest{}
	reply, err := w.t.Do(ctx, req)
	a := answer{reply: reply, err: err}
	if req.Dir == scsi.DataIn && err == nil {
		a.data = req.Data[:len(req.Data)-reply.Resid]
	}
	w.p.over(scsiRequest{req, w.p.quirks.NoFullStatus}, a)
	return reply, err
}

// wholeSpace is that of a namespace.
type wholeSpace struct {
	p *player
	t nvme.Transport
}

func (w wholeSpace) Do(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
	if req.Opcode.Admin() {
		return w.t.Do(ctx, req)
	}
	w.p.attempts = digest{}
	reply, err := w.t.Do(ctx, req)
	a := answer{status: reply.Status, err: err}
	if req.Opcode.ReadsData() && err == nil {
		a.data = withoutBlank(req.Data)
	}
	w.p.over(nvmeRequest{req}, a)
	return reply, err
}

// over notes what came of a command with all its retries.
func (p *player) over(req request, a answer) {
	p.sum, p.attempts = p.chain(p.sum, req, a), digest{}
}

// played is a path of an actor whose calls are played back.
type played struct {
	pr.Path
	p *player
}

// ListsOnce is what the path says of itself.
func (n played) ListsOnce() bool { return pr.ListsOnce(n.Path) }

// playedUnit is that of a LUN, with what SCSI has beyond.
type playedUnit struct {
	played
	unit *scsi.Unit
}

// playback gives the result that a call had in the history, or makes it.
func playback[T any](p *player, f func() (T, error)) (T, error) {
	if p.at < len(p.calls) {
		c := p.calls[p.at]
		p.at++
		p.memory = c.after
		return c.value.(T), c.err
	}
	p.inside = true
	v, err := f()
	if p.answered < len(p.answers) {
		panic("the code did not come the same way again")
	}
	p.inside = false
	p.calls = append(slices.Clip(p.calls), call{v, err, p.memory})
	p.at++
	p.answers, p.answered = nil, 0
	return v, err
}

func playbackError(p *player, f func() error) error {
	_, err := playback(p, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func (n played) Capabilities(ctx context.Context) (*pr.Capabilities, error) {
	return playback(n.p, func() (*pr.Capabilities, error) { return n.Path.Capabilities(ctx) })
}

func (n played) State(ctx context.Context) (*pr.State, error) {
	return playback(n.p, func() (*pr.State, error) { return n.Path.State(ctx) })
}

func (n played) Keys(ctx context.Context) ([]pr.Key, error) {
	return playback(n.p, func() ([]pr.Key, error) { return n.Path.Keys(ctx) })
}

func (n playedUnit) Port(ctx context.Context) (pr.Port, error) {
	return playback(n.p, func() (pr.Port, error) { return n.unit.Port(ctx) })
}

func (n played) RegisterAndIgnore(ctx context.Context, key pr.Key, aptpl bool) error {
	return playbackError(n.p, func() error { return n.Path.RegisterAndIgnore(ctx, key, aptpl) })
}

func (n played) Register(ctx context.Context, old, key pr.Key, aptpl bool) error {
	return playbackError(n.p, func() error { return n.Path.Register(ctx, old, key, aptpl) })
}

func (n played) Reserve(ctx context.Context, key pr.Key, typ pr.Type) error {
	return playbackError(n.p, func() error { return n.Path.Reserve(ctx, key, typ) })
}

func (n played) PreemptAndAbort(ctx context.Context, key, victim pr.Key, typ pr.Type) error {
	return playbackError(n.p, func() error { return n.Path.PreemptAndAbort(ctx, key, victim, typ) })
}

func (n playedUnit) Reset(ctx context.Context) error {
	return playbackError(n.p, func() error { return n.unit.Reset(ctx) })
}

func (n played) Drain(ctx context.Context) error {
	return playbackError(n.p, func() error { return n.Path.Drain(ctx) })
}

func (n played) Clear(ctx context.Context, key pr.Key) error {
	return playbackError(n.p, func() error { return n.Path.Clear(ctx, key) })
}

func (n playedUnit) Move(ctx context.Context, m *pr.MoveOrder) error {
	return playbackError(n.p, func() error { return n.unit.Move(ctx, m) })
}

func (n playedUnit) Introduce(ctx context.Context, key pr.Key, others []pr.Initiator, aptpl bool) error {
	return playbackError(n.p, func() error { return n.unit.Introduce(ctx, key, others, aptpl) })
}

// newRun is a Run whose commands the player answers.
func (p *player) newRun(v verb) *Run {
	n, err := p.world.node(v.node)
	if err != nil {
		panic(err)
	}
	r := &Run{Members: p.world.members, Mode: p.typ, SharedType: p.kept, Node: n, Parallel: 1,
		Now: func() time.Duration { return 0 }, Sleep: noSleep}
	if p.stranger != "" {
		r.Members = slices.DeleteFunc(slices.Clone(r.Members), func(m Member) bool { return m.Name == p.stranger })
	}
	for i := range p.luns {
		l := &LUN{Name: fmt.Sprint("LUN ", i), WWID: fmt.Sprintf("naa.%d", i)}
		for path := range p.paths {
			l.Paths = append(l.Paths, p.path(v.node, i, path))
		}
		r.LUNs = append(r.LUNs, l)
	}
	return r
}

// path is one of a node's paths.
func (p *player) path(node string, lun, path int) pr.Path {
	name, w := fmt.Sprint("path ", path), wire{p, lun, path}
	if p.space != nil {
		// The first try is the last one: what the kernel has no path for is waited for.
		late := func(context.Context, time.Duration) error { return context.DeadlineExceeded }
		t := &nvme.Retry{Transport: spaceWire{w}, Sleep: late, Timeout: time.Hour}
		u := nvme.NewUnit(name, wholeSpace{p, t})
		return played{u.WithIdentity(hostOf(node, path).Identity), p}
	}
	t := &scsi.Retry{Transport: unitWire{w}, Sleep: noSleep, Timeout: time.Hour}
	u := scsi.NewUnit(name, wholeUnit{p, t})
	u.WithIdentity(func() pr.Identity { return identityOf(node, path) })
	return playedUnit{played{u, p}, u}
}

// play runs an actor from the beginning through the history of a moment with
// one more answer (none for the first moment), and returns where it stands
// then and the digest of that.
func (s *scenario) play(verbs []verb, from *moment, more ...answer) (m *moment, d digest) {
	p := &player{scenario: s}
	if from != nil {
		p.calls, p.answers = from.calls, append(slices.Clip(from.answers), more...)
	}
	m = &moment{}
	defer func() {
		if e := recover(); e != nil {
			if _, is := e.(stopped); !is {
				panic(e)
			}
			m.next = *p.stop
		}
		m.calls, m.answers, m.memory = p.calls, p.answers, p.memory
		if from != nil {
			m.commands = from.commands + len(more)
		}
		d = m.digest()
	}()
	for _, v := range verbs {
		// Each verb is a process of its own, which knows nothing of the one
		// before.
		p.memory = memory{}
		err := v.do(context.Background(), p.newRun(v))
		if len(m.results) < 8 && err == nil {
			m.flags |= 1 << len(m.results)
		}
		m.results = append(m.results, outcomeOf(err))
	}
	m.ended = true
	return m, d
}

func (m *moment) digest() digest {
	b := []byte(fmt.Sprint(m.results, m.ended))
	if m.ended {
		b = fmt.Append(b, m.looked)
	} else {
		b = append(b, m.sum[:]...)
		b = append(b, m.attempts[:]...)
	}
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}
