package probe

import (
	"context"
	"errors"
	"io"
	"time"

	"lunguard/nvme"
	"lunguard/pr"
)

// NamespacePath is this host to a namespace, by whatever controllers the kernel joins.
type NamespacePath struct {
	// Name is the path as people know it.
	Name string
	// Transport sends each command once, to the right namespace only.
	Transport nvme.Transport
	// Open opens the same once more; nil if that cannot be.
	Open func() (nvme.Transport, io.Closer, error)
	// Timeout is how long a command may take with its retries.
	Timeout time.Duration
	// Controllers is how many this host has, 0 if that is not known.
	Controllers int
}

// nsUnit is a namespace as one host sees it.
type nsUnit struct {
	path   NamespacePath
	t      nvme.Transport
	format nvme.ReportFormat
}

func newNSUnit(p NamespacePath) *nsUnit {
	return &nsUnit{path: p, format: nvme.ExtendedReport, t: &nvme.Retry{Transport: p.Transport, Timeout: p.Timeout}}
}

// report reads registrants and reservation.
func (u *nsUnit) report(ctx context.Context) (*nvme.Report, error) {
	r, err := nvme.ReadReport(ctx, u.t, u.format)
	if errors.Is(err, nvme.ErrOtherFormat) {
		u.format = nvme.ExtendedReport - u.format
		r, err = nvme.ReadReport(ctx, u.t, u.format)
	}
	return r, err
}

func (u *nsUnit) keys(ctx context.Context) ([]pr.Key, error) {
	r, err := u.report(ctx)
	if err != nil {
		return nil, err
	}
	var keys []pr.Key
	for _, e := range r.Entries {
		keys = append(keys, e.Key)
	}
	return keys, nil
}

func (u *nsUnit) send(ctx context.Context, req *nvme.Request) error {
	_, err := nvme.Exec(ctx, u.t, req)
	return err
}

func (u *nsUnit) register(ctx context.Context, _, key pr.Key) error {
	return u.send(ctx, (&nvme.Register{Action: nvme.ReplaceKey, IgnoreKey: true, New: key}).Encode())
}

func (u *nsUnit) unregister(ctx context.Context, last pr.Key) error {
	err := u.send(ctx, (&nvme.Register{Action: nvme.UnregisterKey, Current: last}).Encode())
	if errors.Is(err, pr.ErrReservationConflict) {
		// Somebody has taken it off.
		return nil
	}
	return err
}

// perform sends the command of a deed. What may be given up half-way is sent once.
func (u *nsUnit) perform(ctx context.Context, d Deed, own, other pr.Key) Answer {
	target := [...]pr.Key{Own: own, Other: other, Zero: 0, Nobody: nobodysKey}[d.Key]
	typ := nvme.TypeCode(d.Type)
	var req *nvme.Request
	switch d.Verb {
	case Reserve:
		req = (&nvme.Acquisition{Current: own, Type: typ}).Encode()
	case Release:
		req = (&nvme.Releasing{Current: own, Type: typ}).Encode()
	case Preempt:
		req = (&nvme.Acquisition{Action: nvme.Preempt, Current: own, Victim: target, Type: typ}).Encode()
	case PreemptAndAbort:
		req = (&nvme.Acquisition{Action: nvme.PreemptAndAbort, Current: own, Victim: target, Type: typ}).Encode()
		_, err := nvme.Exec(ctx, u.path.Transport, req)
		return nsAnswer(err)
	case Clear:
		req = (&nvme.Releasing{Action: nvme.Clear, Current: own}).Encode()
	case Announced:
		return u.announced(ctx)
	default:
		return answerOf(impossible, 0)
	}
	return nsAnswer(u.send(ctx, req))
}

// nsAnswer is the answer to a command by its error.
func nsAnswer(err error) Answer {
	switch {
	case err == nil:
		return answerOf(good, 0)
	case errors.Is(err, pr.ErrReservationConflict):
		return answerOf(conflict, 0)
	case nvme.StatusOf(err) != nvme.Success:
		return answerOf(status, uint32(nvme.StatusOf(err)))
	case errors.Is(err, pr.ErrMalformed):
		return answerOf(malformed, 0)
	}
	return answerOf(noAnswer, 0)
}

// is reports whether an answer is a status of NVMe.
func (a Answer) is(s nvme.Status) bool { return a.kind() == status && a.detail() == uint32(s) }

// announced takes all notifications off, and answers with the oldest one.
func (u *nsUnit) announced(ctx context.Context) Answer {
	const most = 256
	first := nvme.NoEvent
	for range most {
		n, err := nvme.ReadNotification(ctx, u.t)
		if err != nil {
			return answerOf(noAnswer, 0)
		}
		if n.Event == nvme.NoEvent {
			break
		}
		if first == nvme.NoEvent {
			first = n.Event
		}
	}
	return answerOf(told, uint32(first))
}

func (u *nsUnit) answer(err error) Answer { return nsAnswer(err) }

func (u *nsUnit) capacity(ctx context.Context) (blocks uint64, size int, err error) {
	n, err := nvme.IdentifyNamespace(ctx, u.t)
	if err != nil {
		return 0, 0, err
	}
	return n.Blocks, int(n.BlockSize), nil
}

func (u *nsUnit) readBlock(ctx context.Context, lba uint32, size int) ([]byte, error) {
	req := &nvme.Request{Opcode: nvme.OpRead, Words: [6]uint32{lba}, Data: make([]byte, size)}
	return req.Data, u.send(ctx, req)
}

func (u *nsUnit) writeBlock(ctx context.Context, lba uint32, data []byte) error {
	return writeNamespace(ctx, u.t, lba, data)
}

func (u *nsUnit) another() (blockWriter, io.Closer, error) {
	if u.path.Open == nil {
		return nil, nil, errOneOpening
	}
	t, closer, err := u.path.Open()
	return func(ctx context.Context, lba uint32, data []byte) error { return writeNamespace(ctx, t, lba, data) }, closer, err
}

func writeNamespace(ctx context.Context, t nvme.Transport, lba uint32, data []byte) error {
	_, err := nvme.Exec(ctx, t, &nvme.Request{Opcode: nvme.OpWrite, Words: [6]uint32{lba}, Data: data})
	return err
}
