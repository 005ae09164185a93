package watchdog

import (
	"context"
	"errors"
	"io"
	"time"

	"lunguard/pr"
	"lunguard/vg"
)

// unitAttentions is how many a path may raise in a row before its answer; each
// is told once to each nexus.
const unitAttentions = 5

// Path is an open path to a LUN.
type Path interface {
	pr.Path
	io.Closer
	// Idle reports whether the kernel has returned every command.
	Idle() bool
	// Expect lets nothing through to a unit that lacks one of these names; it is asked
	// before the first command, and again when the device tells that units were exchanged.
	Expect(wwid, stated string)
}

// Host finds the LUNs' paths and opens them.
type Host interface {
	// Paths finds the LUN under a device, with its paths; see [vg.Host].
	Paths(device string) (*vg.Disk, error)
	// Open opens one of the paths.
	Open(path vg.Device) (Path, error)
}

// path is one nexus of a LUN with the worker that reads through it. All but t
// and wake belongs to the LUN's lock.
type path struct {
	lun    *LUN
	device vg.Device
	t      Path
	wake   chan struct{}

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

func newPath(l *LUN, device vg.Device, t Path) *path {
	return &path{lun: l, device: device, t: t, wake: make(chan struct{}, 1)}
}

// ready reports whether the path can be asked. A read that the transport has
// given up, but the kernel has not returned, is still under way.
func (p *path) ready() bool {
	if p.busy || p.retired {
		return false
	}
	return p.t.Idle()
}

// fail takes note of why the path does not answer.
func (p *path) fail(err error) {
	if p.err == nil {
		p.lun.log(Event{Kind: PathFailed, LUN: p.lun.Name, Path: p.device.Name, Err: err})
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
func (p *path) close(t Path) { _ = t.Close() }

// read asks for keys and reservation, and again after unit attentions. It sets no time
// limit: a command that is taken back makes the kernel reset devices, so it is only
// waited for no longer. The path's own limit stays.
func (p *path) read(ctx context.Context) (Reading, error) {
	for n := 0; ; n++ {
		state, err := pr.List(ctx, p.t)
		if err == nil {
			return Reading{Keys: state.Keys(), Reservation: state.Reservation, Generation: state.Generation}, nil
		}
		if !errors.Is(err, pr.ErrUnitAttention) || n == unitAttentions {
			return Reading{}, err
		}
	}
}
