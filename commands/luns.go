package commands

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"

	"lunguard/cluster"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// host is the machine whose devices the command works on.
func (c *call) host() (vg.Host, error) {
	if dir := c.simulated(); dir != "" {
		return simhost.Open(dir)
	}
	scan := c.several("scan")
	if !c.flags.Bool("no-lvm") && len(scan) == 0 {
		return vg.NewSystem(), nil
	}
	for _, glob := range scan {
		if _, err := filepath.Match(glob, ""); err != nil || !filepath.IsAbs(glob) {
			return nil, usagef("--scan %s: a pattern of device files was expected, such as '/dev/mapper/mpath*'", glob)
		}
	}
	return vg.NewSystem().WithoutLVM(strings.Join(scan, " ")), nil
}

// opened holds the LUNs that a command works on, with their paths open.
type opened struct {
	luns []*protocol.LUN
	// sent counts the commands on the wire, retries included.
	sent    atomic.Int64
	closers []io.Closer
	// rehearse turns every path into one that changes nothing.
	rehearse bool
	// serial works on one LUN after the other.
	serial bool
	// strict makes one path that cannot be opened an error.
	strict bool
	// own is the key of this node, for the rehearsal.
	own   scsi.Key
	retry scsi.Retry
	// shadows are the copies that a rehearsal works on.
	shadows map[*protocol.LUN]*shadow
	// say tells people of a change or a warning.
	say   func(protocol.Event)
	meter *meter
	// changes are those that were sent to a LUN, for who has to tell what is
	// left there.
	changes map[string][]string
	closing []func()
}

// Close closes every path.
func (o *opened) Close() error {
	for _, f := range o.closing {
		f()
	}
	o.closing = nil
	var errs []error
	for _, c := range o.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// counted counts what goes through a transport to a LUN.
type counted struct {
	scsi.Transport
	*opened
	lun string
}

func (c counted) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	c.sent.Add(1)
	c.meter.sends(c.lun, req)
	return c.Transport.Do(ctx, req)
}

// openDisk opens all paths of a disk that can be opened. Paths that cannot
// are warned of through warn; all of them is an error.
func (o *opened) openDisk(ctx context.Context, host vg.Host, d *vg.Disk, warn func(error)) (*protocol.LUN, error) {
	lun := &protocol.LUN{Name: d.Device, WWID: d.WWID}
	var errs []error
	shadow := &shadow{own: o.own}
	o.meter.step(protocol.Step{LUN: d.Device})
	defer o.meter.step(protocol.Step{LUN: d.Device, Done: true})
	for _, name := range d.Gone {
		err := &vg.DeviceError{Device: name, Err: vg.ErrGone}
		errs = append(errs, err)
		lun.Unopened = append(lun.Unopened, protocol.UnopenedPath{Name: name, Err: err})
	}
	for _, name := range d.Paths {
		p, err := host.Open(name)
		if err != nil {
			errs = append(errs, err)
			lun.Unopened = append(lun.Unopened, protocol.UnopenedPath{Name: name, Identity: host.Identity(name), Err: err})
			continue
		}
		o.closers = append(o.closers, p)
		retry := o.retry
		retry.Transport = counted{p, o, d.Device}
		if o.meter != nil {
			retry.Retried = func(e *scsi.OpError) { o.meter.retries(d.Device, e) }
		}
		var t scsi.Transport = &retry
		identity := func() scsi.Identity { return host.Identity(name) }
		if o.rehearse {
			r := shadow.path(t, identity)
			t, identity = r, r.Identity
		}
		unit := scsi.NewUnit(name, t).WithIdentity(identity)
		if lun.WWID == "" {
			// The kernel does not know it; the device does, or nobody.
			lun.WWID, _ = unit.WWID(ctx)
		}
		lun.Paths = append(lun.Paths, unit)
	}
	if len(lun.Paths) == 0 || o.strict && len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, err := range errs {
		warn(err)
	}
	if o.rehearse {
		o.shadows[lun] = shadow
	}
	return lun, nil
}

// devicesOf are the volumes of a package: those of its groups and those outside
// any group.
func (c *call) devicesOf(host vg.Host, pkg *cluster.Package) ([]string, error) {
	devices := append([]string(nil), pkg.Volumes...)
	for _, g := range pkg.Groups {
		group, err := host.Group(c.ctx, g)
		if err != nil {
			return nil, err
		}
		devices = append(devices, group.Volumes...)
	}
	return devices, nil
}

// disksOf are the LUNs of a package: those of its groups and those outside any
// group. Volumes that lie on one disk are one LUN.
func (c *call) disksOf(host vg.Host, pkg *cluster.Package) ([]*vg.Disk, error) {
	devices, err := c.devicesOf(host, pkg)
	if err != nil {
		return nil, err
	}
	return findDisks(host, devices)
}

// openDisks opens LUNs. Nothing stays open after an error.
func (c *call) openDisks(host vg.Host, disks []*vg.Disk, o *opened) error {
	var errs []error
	for _, d := range disks {
		lun, err := o.openDisk(c.ctx, host, d, c.warnErr)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		o.luns = append(o.luns, lun)
	}
	return errors.Join(errs...)
}

// openEach opens those LUNs of the volumes that can be opened, once each. Of
// the reports, one for each LUN in order, those of the others have the error;
// at says where each LUN of o belongs.
func (c *call) openEach(host vg.Host, devices []string, o *opened) (reports []protocol.Report, at []int) {
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
		if seen[d.Paths[0]] {
			continue
		}
		seen[d.Paths[0]] = true
		lun, err := o.openDisk(c.ctx, host, d, c.warnErr)
		if err != nil {
			lost(d.Device, err)
			continue
		}
		o.luns, at = append(o.luns, lun), append(at, len(reports))
		reports = append(reports, protocol.Report{LUN: d.Device})
	}
	return reports, at
}

// findDisks finds the disk under each device, once each, named by the first
// device on it.
func findDisks(host vg.Host, devices []string) ([]*vg.Disk, error) {
	var disks []*vg.Disk
	var errs []error
	seen := map[string]bool{}
	for _, dev := range devices {
		d, err := host.Disk(dev)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !seen[d.Paths[0]] {
			seen[d.Paths[0]] = true
			disks = append(disks, d)
		}
	}
	return disks, errors.Join(errs...)
}

// openOptions prepares for opening LUNs as the flags want it.
func (c *call) openOptions() (*opened, error) {
	timeout, err := c.timeout()
	if err != nil {
		return nil, err
	}
	o := &opened{retry: scsi.Retry{Timeout: timeout}, rehearse: c.flags.Bool("dry-run"), strict: c.flags.Bool("strict"), serial: c.flags.Bool("serial"),
		meter: c.meter(), changes: map[string][]string{},
		shadows: map[*protocol.LUN]*shadow{}}
	if o.meter != nil {
		out, errs := c.Out, c.Err
		c.Out, c.Err = o.meter.over(out), o.meter.over(errs)
		o.closing = append(o.closing, func() {
			o.meter.stop()
			c.Out, c.Err = out, errs
		})
	}
	return o, nil
}
