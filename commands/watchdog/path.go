package watchdog

import (
	"context"
	"errors"
	"time"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/vg"
)

// unitAttentions is how many a path may raise in a row before its answer; each
// is told once to each nexus.
const unitAttentions = 5

// path is one nexus of a LUN with the worker that reads through it. All but t
// and wake belongs to the LUN's lock.
type path struct {
	lun  *LUN
	name string
	t    vg.Path
	wake chan struct{}

	// busy says that a read is under way, asked since when, round for whom.
	busy  bool
	asked time.Duration
	round uint64
	// err is why the last read failed.
	err error
	// gone says that the path is none of the LUN's any more.
	gone bool
	// retired says that the path is to be closed, closing that it is.
	retired, closing bool
}

func newPath(l *LUN, name string, t vg.Path) *path {
	return &path{lun: l, name: name, t: t, wake: make(chan struct{}, 1)}
}

// ready reports whether the path can be asked. A read that the transport has
// given up, but the kernel has not returned, is still under way.
func (p *path) ready() bool {
	if p.busy || p.retired {
		return false
	}
	i, ok := p.t.(interface{ Idle() bool })
	return !ok || i.Idle()
}

// fail takes note of why the path does not answer.
func (p *path) fail(err error) {
	if p.err == nil {
		p.lun.log(Event{Kind: PathFailed, LUN: p.lun.Name, Path: p.name, Err: err})
	}
	p.err = err
	if p.lun.current == p {
		p.lun.current = nil
	}
}

// retire closes the path as soon as no read is under way.
func (p *path) retire() {
	p.retired = true
	if !p.busy && !p.closing {
		p.closing = true
		close(p.wake)
	}
}

// work does one read at a time until the path is retired.
func (p *path) work() {
	for range p.wake {
		reading, err := p.read(p.lun.ctx)
		p.lun.answered(p, reading, err)
	}
	p.close(p.t)
}

// close gives the device back. There is nobody to whom an error of it would
// matter.
func (p *path) close(t vg.Path) { _ = t.Close() }

// read asks for the keys, and then for the reservation. What changes between the
// two shows in the second, or in the next pass.
func (p *path) read(ctx context.Context) (Reading, error) {
	var r Reading
	err := p.ask(func() error {
		keys, err := scsi.ReadKeys{}.Execute(ctx, p.t)
		if err == nil {
			r.Keys = keys.Keys
		}
		return err
	})
	if err != nil {
		return Reading{}, err
	}
	err = p.ask(func() error {
		held, err := scsi.ReadReservation{}.Execute(ctx, p.t)
		if err == nil {
			r.Reservation = held.Reservation
		}
		return err
	})
	return r, err
}

// ask sends one command, and again after unit attentions. It sets no time limit: a
// command that is taken back makes the kernel reset devices, so it is only waited
// for no longer. The transport's own limit stays.
func (p *path) ask(send func() error) error {
	for n := 0; ; n++ {
		err := send()
		if err == nil {
			return nil
		}
		if !errors.Is(err, pr.ErrUnitAttention) || n == unitAttentions {
			var op *scsi.OpError
			if errors.As(err, &op) && op.Device == "" {
				op.Device = p.name
			}
			return err
		}
	}
}
