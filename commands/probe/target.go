package probe

import (
	"errors"
	"io"
	"slices"
	"strings"

	"lunguard/commands/front"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/probe"
	"lunguard/scsi"
	"lunguard/vg"
)

// target is the device to be tried.
type target struct {
	*order
	host vg.Host
	disk *vg.Disk
	// cut are the keys that an earlier run has left.
	cut int
	// remembered says that this host knows of a block that one has left.
	remembered bool
	closers    []io.Closer
}

// Close closes its paths.
func (t *target) Close() {
	for _, c := range t.closers {
		_ = c.Close() // nothing is kept in it
	}
}

// find finds the device, and refuses one that is in use. Nothing is sent to it.
func find(c *front.Call, host vg.Host, o *order) (*target, error) {
	named, err := host.Paths(o.device)
	if err != nil {
		return nil, err
	}
	t := &target{order: o, host: host, disk: named}
	listed, err := host.LUNs()
	if err != nil {
		return nil, err
	}
	var reasons []string
	for _, l := range listed {
		if !slices.ContainsFunc(l.Paths, func(p vg.Device) bool { return p.Number == named.Paths[0].Number }) {
			continue
		}
		if len(l.Paths) > len(named.Paths) && l.Device != o.device && strings.HasPrefix(l.Device, "/dev/mapper/") {
			reasons = append(reasons, "it is one path of "+l.Device+", whose name is to be given")
		}
		disk := *l.Disk
		disk.Device = o.device
		t.disk = &disk
	}
	reasons = append(reasons, t.uses(c)...)
	if len(reasons) > 0 && !o.despite {
		return nil, &refusedError{lun: o.device, reasons: reasons}
	}
	return t, nil
}

// uses says what of this host uses the device. That it is not known is a use.
func (t *target) uses(c *front.Call) []string {
	var reasons []string
	for _, usage := range t.host.InUse([]*vg.Disk{t.disk}) {
		for _, u := range usage.Uses {
			reasons = append(reasons, "in use: "+words.Use(u))
		}
		if usage.Err != nil {
			reasons = append(reasons, "whether it is in use is not known: "+words.Reason(t.order.device, usage.Err))
		}
	}
	groups, err := t.host.Groups(c.Ctx)
	if err != nil {
		reasons = append(reasons, "whether it is in a volume group is not known: "+words.Reason(t.order.device, err))
	}
	for _, g := range groups {
		if slices.ContainsFunc(g.Volumes, t.holds) {
			reasons = append(reasons, "in volume group "+g.Name)
		}
	}
	return reasons
}

// holds reports whether a volume lies on the device.
func (t *target) holds(volume string) bool {
	d, err := t.host.Paths(volume)
	return err == nil && slices.ContainsFunc(t.disk.Paths, func(p vg.Device) bool { return p.Number == d.Paths[0].Number })
}

// looked refuses a device on which somebody is registered that no earlier run has made.
func (t *target) looked(c *front.Call, s *pr.State) error {
	if s == nil || s.Empty() {
		return nil
	}
	if probe.OnlyMarks(s) {
		if !t.options.TwoHosts {
			t.cut = len(s.Registrations)
		}
		return nil
	}
	reason := "registered: " + keyList(s.Keys())
	if held := s.Reservation; held != nil {
		reason += "; reserved, " + held.Type.String()
	}
	if !t.despite {
		return &refusedError{lun: t.order.device, reasons: []string{reason}}
	}
	c.Warn("%s: taken off: %s", t.order.device, reason)
	return nil
}

func keyList(keys []pr.Key) string {
	var list []string
	for _, k := range keys {
		list = append(list, k.String())
	}
	return strings.Join(list, ", ")
}

// try tries the device. No report comes with an error before anything was looked at.
func (t *target) try(c *front.Call) (*probe.Report, error) {
	if t.disk.Paths[0].Namespace {
		return t.tryNamespace(c)
	}
	paths, err := t.openLUN(c)
	if err != nil {
		return nil, err
	}
	var second *probe.LUNPath
	if len(paths) > 1 && !t.options.TwoHosts {
		second = &paths[1]
	}
	if err := t.remember(c); err != nil {
		return nil, err
	}
	trial := probe.NewLUNTrial(paths[0], second, t.options)
	state, err := trial.Look(c.Ctx)
	if err != nil || state == nil {
		return &trial.Report, err
	}
	if err := t.looked(c, state); err != nil {
		return nil, err
	}
	return &trial.Report, trial.Run(c.Ctx)
}

// remember reads what this host has kept for the device.
func (t *target) remember(c *front.Call) (err error) {
	t.options.Memory, err = memoryOf(c.Ctx, c.Simulated(), t.disk.WWID)
	t.remembered = t.options.Memory != nil && t.options.Memory.Left != nil
	return err
}

// openLUN opens two paths: if there are some, those of different hosts. Each lets commands
// about reservations through to this LUN only.
func (t *target) openLUN(c *front.Call) ([]probe.LUNPath, error) {
	var paths []probe.LUNPath
	var errs []error
	for _, d := range t.chosen() {
		p, closer, err := t.open(d)
		if pr.HostRefused(err) {
			return nil, err
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t.closers = append(t.closers, closer)
		if t.disk.WWID == "" {
			t.disk.WWID, _ = scsi.NewUnit(d.Name, &scsi.Retry{Transport: p, Timeout: t.timeout}).WWID(c.Ctx)
			p.WWID = t.disk.WWID
		}
		port, _ := d.Identity.Initiator.(scsi.TransportID)
		paths = append(paths, probe.LUNPath{
			Name: d.Name, Transport: p, Timeout: t.timeout, Port: port,
			Open: func() (scsi.Transport, io.Closer, error) { return t.open(d) },
		})
	}
	if len(paths) == 0 {
		return nil, errors.Join(errs...)
	}
	for _, err := range errs {
		c.WarnErr(err)
	}
	return paths, nil
}

// open opens a path.
func (t *target) open(d vg.Device) (*scsi.Guard, io.Closer, error) {
	p, err := t.host.Open(d)
	if err != nil {
		return nil, nil, err
	}
	return &scsi.Guard{Transport: p, WWID: t.disk.WWID, Stated: t.disk.Stated, Rules: scsi.Retry{Timeout: t.timeout}}, p, nil
}

// chosen are the paths, the second one of another host if there is one.
func (t *target) chosen() []vg.Device {
	list := slices.Clone(t.disk.Paths)
	first := list[0].Identity.Initiator
	for i, d := range list {
		if first != nil && d.Identity.Initiator != nil && d.Identity.Initiator.Host() != first.Host() {
			list[1], list[i] = list[i], list[1]
			break
		}
	}
	return list
}
