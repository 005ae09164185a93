package session

import (
	"io"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/vg"
)

// OpenPath is an open path of this host to a LUN.
type OpenPath interface {
	pr.Path
	io.Closer
	// Idle reports whether the kernel has returned every command: one that was given
	// up is still under way.
	Idle() bool
}

// Open opens a path to a LUN for who repeats commands by rules of his own: each verb
// sends its commands once. Errors: those of [vg.Host].
func Open(host vg.Host, path vg.Device) (OpenPath, error) {
	device, err := host.Open(path)
	if err != nil {
		return nil, err
	}
	unit := scsi.NewUnit(path.Name, device).WithIdentity(func() pr.Identity { return path.Identity })
	return &openUnit{unit, device}, nil
}

// openUnit is an open path to a SCSI unit.
type openUnit struct {
	*scsi.Unit
	device vg.Path
}

// Close gives the device back.
func (u *openUnit) Close() error { return u.device.Close() }

// Idle asks the device, if it can tell.
func (u *openUnit) Idle() bool {
	i, ok := u.device.(interface{ Idle() bool })
	return !ok || i.Idle()
}
