package probe

import (
	"context"
	"errors"
	"io"
	"slices"

	"lunguard/pr"
)

// unit is a device as one initiator sees it.
type unit interface {
	// keys reads the registered keys.
	keys(ctx context.Context) ([]pr.Key, error)
	// register makes key the registration; last is what it may be now.
	register(ctx context.Context, last, key pr.Key) error
	// unregister takes the registration off; none is no error.
	unregister(ctx context.Context, last pr.Key) error
	// perform sends the command of a deed, by a registration with the key own.
	perform(ctx context.Context, d Deed, own, other pr.Key) Answer
	// answer is what an error of the device says.
	answer(err error) Answer
	// capacity tells how many blocks there are, and the size of one in bytes.
	capacity(ctx context.Context) (blocks uint64, size int, err error)
	// readBlock reads a block that has size bytes at most; writeBlock writes one.
	readBlock(ctx context.Context, lba uint32, size int) ([]byte, error)
	writeBlock(ctx context.Context, lba uint32, data []byte) error
	// another is writeBlock by an opening of its own, for writes at the same time.
	another() (blockWriter, io.Closer, error)
}

// blockWriter writes a block.
type blockWriter func(ctx context.Context, lba uint32, data []byte) error

// errOneOpening says that a device cannot be opened once more.
var errOneOpening = errors.New("the device cannot be opened once more")

// actor is an initiator that does deeds.
type actor struct {
	unit
	// scratch is nil if nothing may be written.
	scratch *Scratch
	load    *load
	// own is what it was registered with last.
	own pr.Key
}

// become registers the actor with a key.
func (a *actor) become(ctx context.Context, key pr.Key) error {
	err := a.register(ctx, a.own, key)
	if err == nil {
		a.own = key
	}
	return err
}

// leave takes the registration off.
func (a *actor) leave(ctx context.Context) error {
	if a.own == 0 {
		return nil
	}
	err := a.unregister(ctx, a.own)
	if err == nil {
		a.own = 0
	}
	return err
}

// do does a deed.
func (a *actor) do(ctx context.Context, d Deed, other pr.Key) Answer {
	if d.Outside {
		if err := a.leave(ctx); err != nil {
			return answerOf(noAnswer, 0)
		}
	}
	switch d.Verb {
	case Nothing:
		return answerOf(good, 0)
	case Read:
		_, err := a.read(ctx)
		return a.answer(err)
	case Write, Load:
		if a.scratch == nil {
			return answerOf(impossible, 0)
		}
		a.scratch.saved = d.Saved
		if d.Verb == Load {
			return a.startLoad(ctx)
		}
		return a.write(ctx, secondWriter)
	case Unload:
		return a.endLoad()
	}
	return a.perform(ctx, d, a.own, other)
}

// Side is the other initiator.
type Side interface {
	// Do has it do a deed. An error says that it is lost, or cannot register any more.
	Do(ctx context.Context, d Deed) (Answer, error)
	// Key is what it was registered with last.
	Key() pr.Key
}

// ErrPeerLost says that the other run does not answer any more.
var ErrPeerLost = errors.New("the other run does not answer any more")

// ErrCrowd says that more than two runs are at work on the device.
var ErrCrowd = errors.New("more than two runs are at work on the device")

// ErrNobody says that no other run has come.
var ErrNobody = errors.New("no other run has come")

// ErrNotShown says that a registration which was GOOD is not there.
var ErrNotShown = errors.New("a registration that is GOOD is not there")

// fewestTurns are as many as it takes to be sure of what was seen each time.
const fewestTurns = 5

// near is the second path of this host.
type near struct {
	actor
	first *actor
	run   uint16
	count uint32
}

// secondSide tells the keys of the second path from those of the first.
const secondSide = 1 << 20

// Do does the deed here.
func (n *near) Do(ctx context.Context, d Deed) (Answer, error) {
	answer := n.do(ctx, d, n.first.own)
	n.count++
	return answer, n.become(ctx, mark{kind: aloneMark, run: n.run, payload: secondSide | n.count}.key())
}

// Key is what the second path was registered with last.
func (n *near) Key() pr.Key { return n.own }

// far is another run.
type far struct {
	first *actor
	run   uint16
	seq   uint8
	last  pr.Key
	wait  Wait
}

// Wait is how a run waits for another one: Pause lets a moment pass, Patience is how
// often it does so without a sign of life.
type Wait struct {
	Pause    func(context.Context) error
	Patience int
}

// Do gives the order by the key of this run, and waits for the key that answers.
func (f *far) Do(ctx context.Context, d Deed) (Answer, error) {
	f.seq = next(f.seq)
	if err := f.first.become(ctx, mark{kind: orderMark, run: f.run, seq: f.seq, payload: d.encode()}.key()); err != nil {
		return 0, err
	}
	for range f.wait.Patience {
		keys, err := f.first.keys(ctx)
		if err != nil {
			return 0, err
		}
		if d.Verb == Over && !slices.Contains(keys, f.last) {
			return answerOf(good, 0), nil
		}
		for _, k := range keys {
			if m, ok := markOf(k); ok && m.kind == answerMark && m.run == f.run && m.seq == f.seq {
				f.last = k
				return Answer(m.payload), nil
			}
		}
		if err := f.wait.Pause(ctx); err != nil {
			return 0, err
		}
	}
	return 0, ErrPeerLost
}

// end tells the other run of the verdict, and waits until it has gone.
func (f *far) end(ctx context.Context, v Verdict) error {
	// That its key goes is the answer, so it has to be there.
	if _, err := f.Do(ctx, Deed{}); err != nil {
		return err
	}
	_, err := f.Do(ctx, Deed{Verb: Over, Type: pr.Type(v)})
	return err
}

// Key is what the other run was registered with last.
func (f *far) Key() pr.Key { return f.last }

// follow does what the other run orders until that says that it is over, and returns the
// verdict.
func follow(ctx context.Context, a *actor, run uint16, first pr.Key, wait Wait) (Verdict, error) {
	order, _ := markOf(first)
	for {
		d, other := decodeDeed(order.payload), order.key()
		if d.Verb == Over {
			// That the key is gone is the answer.
			return Verdict(d.Type), a.leave(ctx)
		}
		answer := a.do(ctx, d, other)
		if err := a.become(ctx, mark{kind: answerMark, run: run, seq: order.seq, payload: uint32(answer)}.key()); err != nil {
			return Unknown, err
		}
		var err error
		if order, err = nextOrder(ctx, a, order, wait); err != nil {
			return Unknown, err
		}
	}
}

// nextOrder waits for the order behind one.
func nextOrder(ctx context.Context, a *actor, last mark, wait Wait) (mark, error) {
	for range wait.Patience {
		keys, err := a.keys(ctx)
		if err != nil {
			return mark{}, err
		}
		for _, k := range keys {
			if m, ok := markOf(k); ok && m.kind == orderMark && m.run == last.run && m.seq == next(last.seq) {
				return m, nil
			}
		}
		if err := wait.Pause(ctx); err != nil {
			return mark{}, err
		}
	}
	return mark{}, ErrPeerLost
}

// meeting is a run that looks for another one.
type meeting struct {
	a    *actor
	run  uint16
	id   uint32
	wait Wait
	// seen are the hellos of others, by their run and id; lives are those that were seen
	// to change.
	seen  map[mark]uint8
	lives []mark
}

// meet finds the one other run that lives on the device. The one with the higher number
// leads, and gets it as a Side; the other one gets the first order.
func (m *meeting) meet(ctx context.Context) (side *far, order pr.Key, err error) {
	m.seen = map[mark]uint8{}
	missing := 0
	for turn := range m.wait.Patience {
		if err := m.hello(ctx, turn); err != nil {
			return nil, 0, err
		}
		keys, err := m.a.keys(ctx)
		if err != nil {
			return nil, 0, err
		}
		if order = m.ordered(keys); order != 0 {
			return nil, order, nil
		}
		if slices.ContainsFunc(keys, IsMark) {
			missing = 0
		} else if missing++; missing > fewestTurns {
			return nil, 0, ErrNotShown
		}
		if m.look(keys); len(m.lives) > 1 {
			return nil, 0, ErrCrowd
		}
		if len(m.lives) == 1 && m.leads(m.lives[0]) {
			return m.lead(ctx)
		}
		if err := m.wait.Pause(ctx); err != nil {
			return nil, 0, err
		}
	}
	return nil, 0, ErrNobody
}

// hello shows that this run lives.
func (m *meeting) hello(ctx context.Context, turn int) error {
	return m.a.become(ctx, mark{kind: helloMark, run: m.run, seq: uint8(turn), payload: m.id}.key())
}

// leads reports whether this run leads another one.
func (m *meeting) leads(other mark) bool {
	return m.run > other.run || m.run == other.run && m.id > other.payload
}

// look takes in the hellos of others.
func (m *meeting) look(keys []pr.Key) {
	for _, k := range keys {
		h, ok := markOf(k)
		if !ok || h.kind != helloMark || h.run == m.run && h.payload == m.id {
			continue
		}
		seq := h.seq
		h.seq = 0
		if was, ok := m.seen[h]; ok && was != seq && !slices.Contains(m.lives, h) {
			m.lives = append(m.lives, h)
		}
		m.seen[h] = seq
	}
}

// ordered finds the order that is for this run.
func (m *meeting) ordered(keys []pr.Key) pr.Key {
	for _, k := range keys {
		o, ok := markOf(k)
		if ok && o.kind == orderMark && o.payload == callOf(m.run, m.id) && m.knows(o.run) {
			return k
		}
	}
	return 0
}

// knows reports whether a run has said hello.
func (m *meeting) knows(run uint16) bool {
	for h := range m.seen {
		if h.run == run {
			return true
		}
	}
	return false
}

// callOf is the payload of the first order, which is for one run alone. It is no deed
// that is ever ordered: its verb is [Nothing].
func callOf(run uint16, id uint32) uint32 { return (uint32(run)^id)<<5&payloadMask | uint32(Nothing) }

// lead calls the other run, and waits for its answer.
func (m *meeting) lead(ctx context.Context) (*far, pr.Key, error) {
	other := m.lives[0]
	f := &far{first: m.a, run: m.run, wait: m.wait}
	if err := m.a.become(ctx, mark{kind: orderMark, run: m.run, payload: callOf(other.run, other.payload)}.key()); err != nil {
		return nil, 0, err
	}
	for range m.wait.Patience {
		keys, err := m.a.keys(ctx)
		if err != nil {
			return nil, 0, err
		}
		for _, k := range keys {
			if a, ok := markOf(k); ok && a.kind == answerMark && a.run == m.run && a.seq == 0 {
				f.last = k
				return f, 0, nil
			}
		}
		if err := m.wait.Pause(ctx); err != nil {
			return nil, 0, err
		}
	}
	return nil, 0, ErrPeerLost
}
