package probe

import (
	"io"
	"slices"

	"lunguard/commands/front"
	"lunguard/nvme"
	"lunguard/pr"
	"lunguard/probe"
	"lunguard/vg"
)

// tryNamespace tries an NVMe namespace, by whatever controllers this host has.
func (t *target) tryNamespace(c *front.Call) (*probe.Report, error) {
	device := t.disk.Paths[0]
	p, err := t.openNamespace(c, device)
	if err != nil {
		return nil, err
	}
	path := probe.NamespacePath{
		Name: device.Name, Transport: p, Timeout: t.timeout,
		Open: func() (nvme.Transport, io.Closer, error) {
			more, err := t.host.OpenNamespace(device)
			return more, more, err
		},
	}
	if err := t.remember(c); err != nil {
		return nil, err
	}
	trial := probe.NewNamespaceTrial(path, nil, t.options)
	state, err := trial.Look(c.Ctx)
	if err != nil || state == nil {
		return &trial.Report, err
	}
	if err := t.looked(c, state); err != nil {
		return nil, err
	}
	return &trial.Report, trial.Run(c.Ctx)
}

// openNamespace opens the namespace, if it has the name that it is known by.
func (t *target) openNamespace(c *front.Call, device vg.Device) (vg.NamespacePath, error) {
	p, err := t.host.OpenNamespace(device)
	if err != nil {
		return nil, err
	}
	t.closers = append(t.closers, p)
	names, err := nvme.ReadNames(c.Ctx, &nvme.Retry{Transport: p, Timeout: t.timeout})
	other := func(name string) bool { return name != "" && !slices.Contains(names.WWIDs(), name) }
	if err == nil && (other(t.disk.WWID) || other(t.disk.Stated)) {
		err = &vg.DeviceError{Device: device.Name, Err: pr.ErrWrongDevice}
	}
	return p, err
}
