package protocol

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

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
	reply scsi.Reply
	data  []byte
	// err is what the transport returned instead.
	err error
}

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
func (p *scenario) chain(d digest, cdb []byte, a answer) digest {
	b := make([]byte, 0, 512)
	b = append(b, d[:]...)
	b = append(b, cdb[:min(2, len(cdb))]...)
	if a.err != nil {
		b = append(b, a.err.Error()...)
	}
	b = append(b, byte(a.reply.Status), byte(a.reply.Host), byte(len(a.reply.Sense)))
	b = append(b, a.reply.Sense...)
	data := a.data
	if !p.quirks.NoFullStatus && len(cdb) > 1 && scsi.Opcode(cdb[0]) == scsi.OpPRIn && cdb[1]&0x1f != byte(scsi.InReportCapabilities) && len(data) >= 4 {
		data = data[4:] // PRGENERATION
	}
	b = append(b, data...)
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

// wire is the lower end of a path: it answers from the history.
type wire struct {
	p         *player
	lun, path int
}

func (w wire) Do(_ context.Context, req *scsi.Request) (scsi.Reply, error) {
	p := w.p
	if !p.inside {
		panic("a method of pr.Path is missing in actorPath")
	}
	if p.answered == len(p.answers) {
		p.stop = &command{w.lun, w.path, req, len(req.Data)}
		if req.Dir == scsi.DataIn {
			req.Data = nil // large, and empty
		}
		panic(stopped{})
	}
	a := p.answers[p.answered]
	p.answered++
	copy(req.Data, a.data)
	p.attempts = p.chain(p.attempts, req.CDB, a)
	p.sent++
	if typ, tells := reservationIn(req, a); tells {
		p.looked[w.lun] = typ
	}
	return a.reply, a.err
}

// reservationIn is the type of the reservation that an answer tells of, 0 for
// none.
func reservationIn(req *scsi.Request, a answer) (typ pr.Type, tells bool) {
	if req.Opcode() != scsi.OpPRIn || a.err != nil || a.reply.Err() != nil || len(a.data) < 8 {
		return 0, false
	}
	d := a.data
	switch scsi.InAction(req.CDB[1] & 0x1f) {
	case scsi.InReadReservation:
		if len(d) >= 24 {
			typ = pr.Type(d[21] & 0x0f)
		}
		return typ, true
	case scsi.InReadFullStatus:
		for d = d[8:]; len(d) >= 24; d = d[24+binary.BigEndian.Uint32(d[20:]):] {
			if d[12]&1 != 0 {
				typ = pr.Type(d[13] & 0x0f)
			}
		}
		return typ, true
	}
	return 0, false
}

// whole is the upper end: it sees commands with all their retries.
type whole struct {
	p *player
	t scsi.Transport
}

func (w whole) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	w.p.attempts = digest{}
	reply, err := w.t.Do(ctx, req)
	a := answer{reply: reply, err: err}
	if req.Dir == scsi.DataIn && err == nil {
		a.data = req.Data[:len(req.Data)-reply.Resid]
	}
	w.p.sum = w.p.chain(w.p.sum, req.CDB, a)
	w.p.attempts = digest{}
	return reply, err
}

// actorPath is a path of an actor: a unit whose calls are played back.
type actorPath struct {
	*scsi.Unit
	p *player
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

func (n actorPath) Capabilities(ctx context.Context) (*pr.Capabilities, error) {
	return playback(n.p, func() (*pr.Capabilities, error) { return n.Unit.Capabilities(ctx) })
}

func (n actorPath) State(ctx context.Context) (*pr.State, error) {
	return playback(n.p, func() (*pr.State, error) { return n.Unit.State(ctx) })
}

func (n actorPath) Keys(ctx context.Context) ([]pr.Key, error) {
	return playback(n.p, func() ([]pr.Key, error) { return n.Unit.Keys(ctx) })
}

func (n actorPath) Port(ctx context.Context) (pr.Port, error) {
	return playback(n.p, func() (pr.Port, error) { return n.Unit.Port(ctx) })
}

func (n actorPath) RegisterAndIgnore(ctx context.Context, key pr.Key, aptpl bool) error {
	return playbackError(n.p, func() error { return n.Unit.RegisterAndIgnore(ctx, key, aptpl) })
}

func (n actorPath) Register(ctx context.Context, old, key pr.Key, aptpl bool) error {
	return playbackError(n.p, func() error { return n.Unit.Register(ctx, old, key, aptpl) })
}

func (n actorPath) Reserve(ctx context.Context, key pr.Key, typ pr.Type) error {
	return playbackError(n.p, func() error { return n.Unit.Reserve(ctx, key, typ) })
}

func (n actorPath) PreemptAndAbort(ctx context.Context, key, victim pr.Key, typ pr.Type) error {
	return playbackError(n.p, func() error { return n.Unit.PreemptAndAbort(ctx, key, victim, typ) })
}

func (n actorPath) Reset(ctx context.Context) error {
	return playbackError(n.p, func() error { return n.Unit.Reset(ctx) })
}

func (n actorPath) Drain(ctx context.Context) error {
	return playbackError(n.p, func() error { return n.Unit.Drain(ctx) })
}

func (n actorPath) Clear(ctx context.Context, key pr.Key) error {
	return playbackError(n.p, func() error { return n.Unit.Clear(ctx, key) })
}

func (n actorPath) Move(ctx context.Context, m *pr.MoveOrder) error {
	return playbackError(n.p, func() error { return n.Unit.Move(ctx, m) })
}

func (n actorPath) Introduce(ctx context.Context, key pr.Key, others []pr.Initiator, aptpl bool) error {
	return playbackError(n.p, func() error { return n.Unit.Introduce(ctx, key, others, aptpl) })
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
			t := &scsi.Retry{Transport: wire{p, i, path}, Sleep: noSleep, Timeout: time.Hour}
			u := scsi.NewUnit(fmt.Sprint("path ", path), whole{p, t})
			l.Paths = append(l.Paths, actorPath{u.WithIdentity(func() pr.Identity { return identityOf(v.node, path) }), p})
		}
		r.LUNs = append(r.LUNs, l)
	}
	return r
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
