package probe

import (
	"lunguard/commands/front"
	"lunguard/probe"
	"lunguard/vg"
)

// tryNamespace tries an NVMe namespace.
func (t *target) tryNamespace(_ *front.Call) (*probe.Report, error) {
	return nil, &vg.DeviceError{Device: t.order.device, Err: vg.ErrNotSCSIDisk}
}
