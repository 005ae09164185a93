package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"lunguard/pr"
	"lunguard/scsi"
)

// LUNPath is one nexus of this host to a LUN.
type LUNPath struct {
	// Name is the path as people know it.
	Name string
	// Transport sends each command once, to the right LUN only.
	Transport scsi.Transport
	// Open opens the same nexus once more, for commands at the same time; nil if that
	// cannot be.
	Open func() (scsi.Transport, io.Closer, error)
	// Timeout is how long a command may take with its retries.
	Timeout time.Duration
	// Port is the initiator port as the host knows it, zero if it does not.
	Port scsi.TransportID
}

// listener is a transport that keeps the unit attentions which come through it.
type listener struct {
	scsi.Transport
	heard []scsi.ASC
}

// Do sends the request.
func (l *listener) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	reply, err := l.Transport.Do(ctx, req)
	if err != nil {
		return reply, err
	}
	if reply.Status == scsi.CheckCondition {
		if s, err := scsi.DecodeSense(reply.Sense); err == nil && s.Key == scsi.UnitAttention {
			l.heard = append(l.heard, s.ASC)
		}
	}
	return reply, nil
}

// lunUnit is a LUN as one nexus sees it.
type lunUnit struct {
	path LUNPath
	ear  *listener
	// t repeats what may be repeated, attentions included.
	t scsi.Transport
	// plain says that REGISTER AND IGNORE EXISTING KEY is not to be had.
	plain bool
}

func newLUNUnit(p LUNPath) *lunUnit {
	ear := &listener{Transport: p.Transport}
	return &lunUnit{path: p, ear: ear, t: &scsi.Retry{Transport: ear, AfterStateChange: true, Timeout: p.Timeout}}
}

func (u *lunUnit) keys(ctx context.Context) ([]pr.Key, error) {
	r, err := scsi.ReadKeys{}.Execute(ctx, u.t)
	if err != nil {
		return nil, err
	}
	return r.Keys, nil
}

func (u *lunUnit) out(ctx context.Context, p scsi.PROut) error { return p.Execute(ctx, u.t) }

// ignore registers whatever is registered now.
func (u *lunUnit) ignore(ctx context.Context, key pr.Key) error {
	return u.out(ctx, scsi.PROut{Action: scsi.OutRegisterAndIgnoreExistingKey, ActionKey: key})
}

func (u *lunUnit) register(ctx context.Context, last, key pr.Key) error {
	if !u.plain {
		err := u.ignore(ctx, key)
		if !errors.Is(err, pr.ErrUnsupported) {
			return err
		}
		// LIO refuses it where the registration was made with ALL_TG_PT.
		if u.out(ctx, scsi.PROut{Action: scsi.OutRegisterAndIgnoreExistingKey, AllTgtPort: true}) == nil {
			return u.ignore(ctx, key)
		}
		u.plain = true
	}
	candidates := []pr.Key{last}
	if last != 0 {
		candidates = append(candidates, 0)
	}
	// A run that was killed may have left one of these for this nexus.
	keys, err := u.keys(ctx)
	for _, k := range keys {
		if IsMark(k) {
			candidates = append(candidates, k)
		}
	}
	for _, k := range candidates {
		if err = u.out(ctx, scsi.PROut{Action: scsi.OutRegister, Key: k, ActionKey: key}); !errors.Is(err, pr.ErrReservationConflict) {
			break
		}
	}
	return err
}

func (u *lunUnit) unregister(ctx context.Context, last pr.Key) error {
	err := u.out(ctx, scsi.PROut{Action: scsi.OutRegister, Key: last})
	if errors.Is(err, pr.ErrReservationConflict) {
		// Somebody has taken it off.
		return nil
	}
	return err
}

// perform sends the command of a deed.
func (u *lunUnit) perform(ctx context.Context, d Deed, own, other pr.Key) Answer {
	target := [...]pr.Key{Own: own, Other: other, Zero: 0, Nobody: nobodysKey}[d.Key]
	p := scsi.PROut{Key: own, ActionKey: target, Type: d.Type}
	switch d.Verb {
	case Reserve:
		p.Action = scsi.OutReserve
	case Release:
		p.Action = scsi.OutRelease
	case Preempt:
		p.Action = scsi.OutPreempt
	case PreemptAndAbort:
		p.Action = scsi.OutPreemptAndAbort
	case Clear:
		p.Action = scsi.OutClear
	case Announced:
		return u.announced(ctx)
	default:
		return answerOf(impossible, 0)
	}
	return lunAnswer(u.out(ctx, p))
}

// lunAnswer is the answer to a command by its error.
func lunAnswer(err error) Answer {
	var e *scsi.OpError
	switch {
	case err == nil:
		return answerOf(good, 0)
	case !errors.As(err, &e):
		return answerOf(noAnswer, 0)
	case e.Reply.Status == scsi.ReservationConflict && e.Reply.Host == scsi.HostNexusFailure:
		return answerOf(nexusConflict, 0)
	case errors.Is(err, pr.ErrReservationConflict):
		return answerOf(conflict, 0)
	case e.Sense != nil:
		return answerOf(refused, uint32(e.Sense.Key)<<16|uint32(e.Sense.ASC))
	case errors.Is(err, pr.ErrMalformed):
		return answerOf(malformed, 0)
	}
	return answerOf(noAnswer, uint32(e.Reply.Host))
}

// announced drains the unit attentions. What came with other commands since the last
// time counts.
func (u *lunUnit) announced(ctx context.Context) Answer {
	const most = 32
	for range most {
		before := len(u.ear.heard)
		if _, err := u.ear.Do(ctx, &scsi.Request{CDB: make([]byte, 6)}); err != nil {
			return answerOf(noAnswer, 0)
		}
		if len(u.ear.heard) == before {
			break
		}
	}
	first := scsi.ASC(0)
	if len(u.ear.heard) > 0 {
		first = u.ear.heard[0]
	}
	u.ear.heard = nil
	return answerOf(told, uint32(first))
}

func (u *lunUnit) answer(err error) Answer { return lunAnswer(err) }

func (u *lunUnit) capacity(ctx context.Context) (blocks uint64, size int, err error) {
	c, err := scsi.ReadCapacity{}.Execute(ctx, u.t)
	return c.Blocks, int(c.BlockSize), err
}

func (u *lunUnit) readBlock(ctx context.Context, lba uint32, size int) ([]byte, error) {
	req := &scsi.Request{CDB: []byte{byte(scsi.OpRead10), 0, 0, 0, 0, 0, 0, 0, 1, 0}, Dir: scsi.DataIn, Data: make([]byte, size)}
	binary.BigEndian.PutUint32(req.CDB[2:], lba)
	reply, err := scsi.Exec(ctx, u.t, scsi.OpRead10.String(), req)
	if err != nil {
		return nil, err
	}
	return req.Data[:size-reply.Resid], nil
}

func (u *lunUnit) writeBlock(ctx context.Context, lba uint32, data []byte) error {
	return writeLUN(ctx, u.t, lba, data)
}

func (u *lunUnit) another() (blockWriter, io.Closer, error) {
	if u.path.Open == nil {
		return nil, nil, errOneOpening
	}
	t, closer, err := u.path.Open()
	return func(ctx context.Context, lba uint32, data []byte) error { return writeLUN(ctx, t, lba, data) }, closer, err
}

func writeLUN(ctx context.Context, t scsi.Transport, lba uint32, data []byte) error {
	return scsi.Write{LBA: lba, BlockSize: len(data), Data: data}.Execute(ctx, t)
}
