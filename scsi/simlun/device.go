package simlun

import (
	"context"
	"errors"
	"fmt"
	"os"

	"lunguard/scsi"
	"lunguard/statefile"
)

// Create makes a unit in files: the state at path, which must not exist yet,
// the medium in path.data and the lock in path.lock. Errors: ErrBadConfig,
// fs.ErrExist, or why a file could not be made.
func Create(path string, cfg Config) error {
	m, err := NewMachine(cfg, nil)
	if err != nil {
		return err
	}
	state, err := encode(m)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, os.ErrExist)
	}
	if err := makeData(path+dataSuffix, int64(m.Cfg.Blocks)*int64(m.Cfg.BlockSize)); err != nil {
		return err
	}
	// The state comes last: with it the unit is whole.
	return statefile.Create(path, state)
}

func makeData(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// Device is one I_T nexus of a unit that lives in files: a scsi.Transport. It
// is safe for concurrent use.
type Device struct {
	// Exit replaces os.Exit for faults that end the process.
	Exit func(code int)
	// Clock replaces the real time; to be set before the first command. All who
	// use the unit need one time.
	Clock Clock

	store *store
	nexus NexusID
}

// Open logs the nexus in to the unit at path. Errors: ErrNotSimulated if path
// is anything but the state file of a unit, ErrCorrupt if that is damaged,
// ErrBadNexus, or why a file could not be opened.
func Open(path string, nexus NexusID) (*Device, error) {
	if nexus.IsZero() || nexus.RelativePort() == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrBadNexus)
	}
	s, err := openStore(path)
	if err != nil {
		return nil, err
	}
	// No clock is known yet, so nothing that is late is performed here.
	if err := s.step(func(m *Machine) { m.Login(nexus) }); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &Device{store: s, nexus: nexus}, nil
}

// ID names the nexus.
func (d *Device) ID() NexusID { return d.nexus }

// Do carries one command to the unit. An error means that the unit's files
// could not be used or that the context ended; all else is in the reply.
func (d *Device) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	return deliver(ctx, d, d.nexus, req)
}

// Close gives the files back. The nexus stays logged in, as a disk does when
// a program closes it: see [Logout].
func (d *Device) Close() error { return d.store.close() }

func (d *Device) step(f func(*Machine)) error {
	return d.store.step(func(m *Machine) { m.during(d.Clock, f) })
}

func (d *Device) clock() Clock { return d.Clock }

func (d *Device) exit(code int) {
	if d.Exit != nil {
		d.Exit(code)
		return
	}
	os.Exit(code)
}
