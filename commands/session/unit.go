package session

import (
	"context"
	"io"
	"time"

	"lunguard/nvme"
	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/vg"
)

// This file alone knows what storage paths lead to.

// DefaultTimeout is how long a command may take with its retries, if nobody says.
const DefaultTimeout = scsi.DefaultTimeout

// OpenPath is an open path of this host to a LUN.
type OpenPath interface {
	pr.Path
	io.Closer
	// WWID reads the worldwide name of the LUN from the device; it is empty, without
	// an error, if the device has none.
	WWID(ctx context.Context) (string, error)
	// Expect makes the path ask the device for its names before commands about
	// reservations, and lets none through to one that lacks one of these; nothing is asked
	// for an empty one.
	Expect(wwid, stated string)
	// Idle reports whether the kernel has returned every command: one that was given
	// up is still under way.
	Idle() bool
}

// Open opens a path to a LUN for who repeats commands by rules of his own: each verb
// sends its commands once. Errors: those of [vg.Host].
func Open(host vg.Host, path vg.Device) (OpenPath, error) {
	if path.Namespace {
		device, err := host.OpenNamespace(path)
		if err != nil {
			return nil, err
		}
		return newNamespace(path, device, device), nil
	}
	device, err := host.Open(path)
	if err != nil {
		return nil, err
	}
	guard := &scsi.Guard{Transport: device, Rules: scsi.Retry{Timeout: DefaultTimeout}}
	return newUnit(path, device, guard, guard), nil
}

// HostOf is the NVMe host identifier that an initiator is, empty for another one.
func HostOf(i pr.Initiator) string {
	if host, ok := i.(nvme.HostID); ok {
		return host.String()
	}
	return ""
}

// traffic is told of what goes through a path.
type traffic struct {
	// sends is told of each command before it is sent, but asks of one that only asks
	// the device who it is; again, in a word or two, why one is repeated.
	sends, again func(string)
	asks         func()
}

// openRetrying opens a path on which commands are repeated that may be, each for no
// longer than the timeout.
func openRetrying(host vg.Host, path vg.Device, timeout time.Duration, t traffic) (OpenPath, error) {
	if path.Namespace {
		return openNamespace(host, path, timeout, t)
	}
	device, err := host.Open(path)
	if err != nil {
		return nil, err
	}
	rules := scsi.Retry{
		Timeout: timeout,
		Sends: func(req *scsi.Request) {
			if req.Opcode() == scsi.OpInquiry {
				t.asks()
				return
			}
			t.sends(req.Name())
		},
		Retried: func(e *scsi.OpError) { t.again(e.Brief()) },
	}
	guard := &scsi.Guard{Transport: device, Rules: rules}
	// The guard tells what is sent.
	rules.Transport, rules.Sends = guard, nil
	return newUnit(path, device, guard, &rules), nil
}

// openUnit is an open path to a SCSI unit.
type openUnit struct {
	*scsi.Unit
	device vg.Path
	guard  *scsi.Guard
}

func newUnit(path vg.Device, device vg.Path, guard *scsi.Guard, through scsi.Transport) *openUnit {
	u := scsi.NewUnit(path.Name, through).WithGuard(guard).WithIdentity(func() pr.Identity { return path.Identity })
	return &openUnit{Unit: u, device: device, guard: guard}
}

// Expect tells the guard the names.
func (u *openUnit) Expect(wwid, stated string) { u.guard.WWID, u.guard.Stated = wwid, stated }

// openNamespace is openRetrying for an NVMe namespace.
func openNamespace(host vg.Host, path vg.Device, timeout time.Duration, t traffic) (OpenPath, error) {
	device, err := host.OpenNamespace(path)
	if err != nil {
		return nil, err
	}
	n := newNamespace(path, device, &nvme.Retry{
		Transport: device, Timeout: timeout,
		Sends: func(req *nvme.Request) {
			if req.Opcode == nvme.OpIdentify {
				t.asks()
				return
			}
			t.sends(req.Name())
		},
		Retried: func(e *nvme.OpError) { t.again(e.Brief()) },
	})
	n.guarded = true
	return n, nil
}

// openedNamespace is an open path to an NVMe namespace.
type openedNamespace struct {
	*nvme.Unit
	device vg.NamespacePath
	// guarded is false for a path that sends each command once.
	guarded bool
}

func newNamespace(path vg.Device, device vg.NamespacePath, through nvme.Transport) *openedNamespace {
	u := nvme.NewUnit(path.Name, through).WithIdentity(func() pr.Identity { return device.Host().Identity() })
	return &openedNamespace{Unit: u, device: device}
}

// Expect tells the unit the names.
func (n *openedNamespace) Expect(wwid, stated string) {
	if n.guarded {
		n.Unit.Expect(wwid, stated)
	}
}

// Close gives the device back.
func (n *openedNamespace) Close() error { return n.device.Close() }

// Idle asks the device, if it can tell.
func (n *openedNamespace) Idle() bool { return isIdle(n.device) }

// Close gives the device back.
func (u *openUnit) Close() error { return u.device.Close() }

// Idle asks the device, if it can tell.
func (u *openUnit) Idle() bool { return isIdle(u.device) }

func isIdle(device any) bool {
	i, ok := device.(interface{ Idle() bool })
	return !ok || i.Idle()
}

// storage is what some paths lead to.
type storage int

// Kinds of storage.
const (
	onSCSI storage = iota
	onNVMe
	onBoth
)

// kind is what the LUNs are.
func (o *Opened) kind() storage {
	namespaces := 0
	for _, l := range o.LUNs {
		if d := o.disks[l]; d != nil && len(d.Paths) > 0 && d.Paths[0].Namespace {
			namespaces++
		}
	}
	switch namespaces {
	case 0:
		return onSCSI
	case len(o.LUNs):
		return onNVMe
	}
	return onBoth
}

// words name a command, one that only asks, and for what.
func (s storage) words() (command, question, leads string) {
	switch s {
	case onSCSI:
		return "SCSI command", "INQUIRY", "which LUN the paths lead to"
	case onNVMe:
		return "NVMe command", "Identify command", "what the paths lead to, and what that can do"
	}
	return "command", "INQUIRY or Identify command", "what the paths lead to, and what that can do"
}
