package session

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"lunguard/commands/front"
	"lunguard/pr"
	"lunguard/pr/rehearsal"
	"lunguard/protocol"
	"lunguard/vg"
)

// access is how LUNs are opened and worked on.
type access struct {
	// timeout is how long one command may take with its retries.
	timeout time.Duration
	// Rehearse turns every path into one that changes nothing.
	Rehearse bool
	// serial works on one LUN after the other.
	serial bool
	// strict makes one path that cannot be opened an error.
	strict bool
	// Own is the key of this node, for the rehearsal.
	Own pr.Key
}

// readAccess reads the flags about it.
func readAccess(c *front.Call) (access, error) {
	timeout, err := Timeout(c)
	return access{
		timeout:  timeout,
		Rehearse: c.Flags.Bool("dry-run"), strict: c.Flags.Bool("strict"), serial: c.Flags.Bool("serial"),
	}, err
}

// Opened holds the LUNs that a command works on, with their paths open.
type Opened struct {
	access
	LUNs []*protocol.LUN
	// sent counts the commands on the wire, retries included, and asked the INQUIRYs
	// apart from them: which LUN a path leads to has to be known in any case.
	sent, asked atomic.Int64
	closers     []io.Closer
	// disks are what the LUNs were opened by.
	disks map[*protocol.LUN]*vg.Disk
	// copies are what a rehearsal works on.
	copies map[*protocol.LUN]*rehearsal.Device
	// Say tells people of a change or a warning.
	Say   func(protocol.Event)
	meter *meter
	// changes are those that were sent to a LUN, for who has to tell what is
	// left there.
	changes map[string][]string
	// left are the LUNs on which the last change took a registration of this node off.
	left map[string]bool
	// ended is called once, when all is closed; nil is not.
	ended func()
}

// newOpened has no LUN yet.
func newOpened(a access) *Opened {
	return &Opened{access: a, changes: map[string][]string{}, left: map[string]bool{}, disks: map[*protocol.LUN]*vg.Disk{}, copies: map[*protocol.LUN]*rehearsal.Device{}}
}

// Fork has no LUN yet, and the same progress: for LUNs that are opened at the same time as
// others, and closed before them.
func (o *Opened) Fork() *Opened {
	f := newOpened(o.access)
	f.meter = o.meter
	return f
}

// Watch shows how far a run on the LUNs is.
func (o *Opened) Watch(run *PackageRun) { o.meter.watch(run) }

// Close closes every path.
func (o *Opened) Close() error {
	if o.ended != nil {
		o.ended()
	}
	o.ended = nil
	var errs []error
	for _, c := range o.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// traffic counts and shows what goes to a LUN.
func (o *Opened) traffic(lun string) traffic {
	return traffic{
		sends: func(command string) {
			o.sent.Add(1)
			o.meter.sends(lun, command)
		},
		asks:  func() { o.asked.Add(1) },
		again: func(why string) { o.meter.retries(lun, why) },
	}
}

// OpenDisk opens all paths of a disk that can be opened. Paths that cannot
// are warned of through warn; all of them is an error, and so is what this host
// refuses of one.
func (o *Opened) OpenDisk(ctx context.Context, host vg.Host, d *vg.Disk, warn func(error)) (*protocol.LUN, error) {
	lun := &protocol.LUN{Name: d.Device, WWID: d.WWID, Timeout: o.timeout}
	var errs []error
	played := rehearsal.New(o.Own)
	o.meter.step(protocol.Step{LUN: d.Device})
	defer o.meter.step(protocol.Step{LUN: d.Device, Done: true})
	for _, name := range d.Gone {
		err := &vg.DeviceError{Device: name, Err: vg.ErrGone}
		errs = append(errs, err)
		lun.Unopened = append(lun.Unopened, protocol.UnopenedPath{Name: name, Err: err})
	}
	for _, dev := range d.Paths {
		p, err := openRetrying(host, dev, o.timeout, o.traffic(d.Device))
		if pr.HostRefused(err) {
			// It says nothing of the path, which may be as good as any.
			return nil, err
		}
		if err != nil {
			errs = append(errs, err)
			lun.Unopened = append(lun.Unopened, protocol.UnopenedPath{Name: dev.Name, Identity: dev.Identity, Err: err})
			continue
		}
		o.closers = append(o.closers, p)
		if lun.WWID == "" {
			// The kernel does not know it; the device does, or nobody.
			lun.WWID, _ = p.WWID(ctx)
		}
		p.Expect(lun.WWID, d.Stated)
		if o.Rehearse {
			lun.Paths = append(lun.Paths, played.Path(p))
			continue
		}
		lun.Paths = append(lun.Paths, p)
	}
	if len(lun.Paths) == 0 || o.strict && len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, err := range errs {
		warn(err)
	}
	if o.Rehearse {
		o.copies[lun] = played
	}
	o.disks[lun] = d
	return lun, nil
}

// OpenDisks opens LUNs. Nothing stays open after an error.
func (o *Opened) OpenDisks(ctx context.Context, host vg.Host, disks []*vg.Disk, warn func(error)) error {
	var errs []error
	for _, d := range disks {
		lun, err := o.OpenDisk(ctx, host, d, warn)
		if pr.HostRefused(err) {
			// It would of each.
			return err
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		o.LUNs = append(o.LUNs, lun)
	}
	return errors.Join(errs...)
}

// OpenEach opens those LUNs of the volumes that can be opened, once each.
// Of the reports, one for each LUN in order, those of the others have the error;
// at says where each LUN that was opened belongs. Both go on from those that are given.
func (o *Opened) OpenEach(ctx context.Context, host vg.Host, devices []string, warn func(error), reports []protocol.Report, at []int) ([]protocol.Report, []int) {
	seen := map[string]bool{}
	lost := func(dev string, err error) {
		reports = append(reports, protocol.Report{LUN: dev, Findings: []protocol.Finding{{Kind: protocol.Unreadable, Err: err}}})
	}
	for _, dev := range devices {
		d, err := host.Disk(dev)
		if err != nil {
			lost(dev, err)
			continue
		}
		if seen[d.Paths[0].Name] {
			continue
		}
		seen[d.Paths[0].Name] = true
		lun, err := o.OpenDisk(ctx, host, d, warn)
		if err != nil {
			lost(d.Device, err)
			continue
		}
		o.LUNs, at = append(o.LUNs, lun), append(at, len(reports))
		reports = append(reports, protocol.Report{LUN: d.Device})
	}
	return reports, at
}

// FindDisks finds the disk under each device, once each, named by the first
// device on it.
func FindDisks(host vg.Host, devices []string) ([]*vg.Disk, error) {
	var disks []*vg.Disk
	var errs []error
	seen := map[string]bool{}
	for _, dev := range devices {
		d, err := host.Disk(dev)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !seen[d.Paths[0].Name] {
			seen[d.Paths[0].Name] = true
			disks = append(disks, d)
		}
	}
	return disks, errors.Join(errs...)
}
