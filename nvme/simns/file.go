package simns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"syscall"

	"lunguard/nvme"
	"lunguard/pr"
	"lunguard/statefile"
)

// The state file is one line that tells what it is, how long the rest is and its check
// sum, and then JSON.
const (
	// Magic begins the state file of every namespace.
	Magic         = "lunguard-simulated-namespace"
	formatVersion = 1
)

// Errors of reading a state file.
var (
	// ErrNotSimulated says that a path names no simulated namespace.
	ErrNotSimulated = errors.New("not a simulated namespace")
	// ErrCorrupt says that a simulated namespace's state file is damaged.
	ErrCorrupt = errors.New("damaged state of a simulated namespace")
)

// saved is the JSON of a Machine. Host identifiers are as [nvme.HostID] spells them.
type saved struct {
	Config      Config            `json:"config"`
	Registrants []savedRegistrant `json:"registrants,omitempty"`
	Type        pr.Type           `json:"type,omitempty"`
	Holder      string            `json:"holder,omitempty"`
	Generation  uint32            `json:"generation"`
	Persisting  bool              `json:"persisting,omitempty"`
	Controllers []savedController `json:"controllers,omitempty"`
	Blocks      map[uint64][]byte `json:"blocks,omitempty"`
}

type savedRegistrant struct {
	Host       string `json:"host"`
	Key        pr.Key `json:"key"`
	Controller uint16 `json:"controller"`
}

type savedController struct {
	ID     uint16       `json:"id"`
	Host   string       `json:"host"`
	Failed bool         `json:"failed,omitempty"`
	Log    []nvme.Event `json:"log,omitempty"`
	Count  uint64       `json:"count,omitempty"`
}

func encode(m *Machine) ([]byte, error) {
	s := saved{Config: m.cfg, Type: m.typ, Generation: m.generation, Persisting: m.persisting, Blocks: map[uint64][]byte{}}
	if m.typ != 0 {
		s.Holder = m.holder.String()
	}
	for _, r := range m.registrants {
		s.Registrants = append(s.Registrants, savedRegistrant{r.Host.String(), r.Key, r.Controller})
	}
	for _, c := range m.controllers {
		s.Controllers = append(s.Controllers, savedController{c.ID, c.Host.String(), m.failed[c.ID], m.logs[c.ID], m.counts[c.ID]})
	}
	for lba, b := range m.blocks {
		s.Blocks[lba] = []byte(b)
	}
	body, err := json.MarshalIndent(&s, "", " ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	return append(header(body), body...), nil
}

func header(body []byte) []byte {
	return fmt.Appendf(nil, "%s %d %d %08x\n", Magic, formatVersion, len(body), crc32.ChecksumIEEE(body))
}

func decode(file []byte) (*Machine, error) {
	line, body, found := bytes.Cut(file, []byte("\n"))
	if !found || !bytes.Equal(append(line, '\n'), header(body)) {
		return nil, fmt.Errorf("%w: format, length or check sum is wrong", ErrCorrupt)
	}
	var s saved
	in := json.NewDecoder(bytes.NewReader(body))
	in.DisallowUnknownFields()
	if err := in.Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m, err := s.load()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return m, nil
}

func (s *saved) load() (*Machine, error) {
	m := NewMachine(s.Config)
	m.typ, m.generation, m.persisting = s.Type, s.Generation, s.Persisting
	var errs []error
	host := func(text string) nvme.HostID {
		h, err := nvme.ParseHostID(text)
		errs = append(errs, err)
		return h
	}
	for _, r := range s.Registrants {
		m.registrants = append(m.registrants, registrant{host(r.Host), r.Key, r.Controller})
	}
	for _, c := range s.Controllers {
		m.controllers = append(m.controllers, Controller{c.ID, host(c.Host)})
		m.logs[c.ID], m.counts[c.ID], m.failed[c.ID] = c.Log, c.Count, c.Failed
	}
	for lba, b := range s.Blocks {
		m.blocks[lba] = string(b)
	}
	if m.typ != 0 {
		if m.holder = host(s.Holder); m.find(m.holder) < 0 {
			errs = append(errs, errors.New("a reservation without its holder"))
		}
	}
	return m, errors.Join(errs...)
}

// Create makes a namespace in a file, which must not exist yet.
func Create(path string, cfg Config) error {
	state, err := encode(NewMachine(cfg))
	if err != nil {
		return err
	}
	return statefile.Create(path, state)
}

// Device is one host's way to a namespace that lives in a file, by any of its
// controllers: a nvme.Transport, as the head is that Linux makes of several paths. It is
// safe for concurrent use.
type Device struct {
	file        *statefile.File
	controllers []Controller
}

// Open connects the controllers, all of one host, to the namespace at path. Errors:
// ErrNotSimulated, or why the file could not be opened.
func Open(path string, controllers ...Controller) (*Device, error) {
	f, err := statefile.Open(path, Magic)
	switch {
	case errors.Is(err, statefile.ErrOther):
		return nil, fmt.Errorf("%s: %w", path, ErrNotSimulated)
	case err != nil:
		return nil, err
	}
	d := &Device{f, controllers}
	err = d.step(func(m *Machine) {
		for _, c := range controllers {
			if !m.isConnected(c) {
				m.Connect(c)
			}
		}
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return d, nil
}

// Close gives the file back. The controllers stay connected.
func (d *Device) Close() error { return d.file.Close() }

func (d *Device) step(f func(*Machine)) error {
	return d.file.Change(func(before []byte) ([]byte, error) {
		m, err := decode(before)
		if err != nil {
			return nil, err
		}
		f(m)
		return encode(m)
	})
}

// Do carries one command through the first controller that is there. Without one it is
// EAGAIN, as Linux says. Any other error means that the file could not be used or that
// the context ended.
func (d *Device) Do(ctx context.Context, req *nvme.Request) (reply nvme.Reply, err error) {
	if err := ctx.Err(); err != nil {
		return nvme.Reply{}, err
	}
	lost := true
	err = d.step(func(m *Machine) {
		for _, c := range d.controllers {
			if !m.failed[c.ID] && m.isConnected(c) {
				lost, reply = false, m.Execute(c, req)
				return
			}
		}
	})
	if err == nil && lost {
		err = syscall.EAGAIN
	}
	return reply, err
}

// change runs f on the namespace at path.
func change(path string, f func(*Machine)) error {
	d, err := Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.step(f), d.Close())
}

// PowerCycle switches the namespace at path off and on: [Machine.PowerCycle].
func PowerCycle(path string) error { return change(path, (*Machine).PowerCycle) }

// SetQuirks changes how the namespace at path errs.
func SetQuirks(path string, q Quirks) error {
	return change(path, func(m *Machine) { m.SetQuirks(q) })
}

// FailController cuts a controller of the namespace at path, or mends it.
func FailController(path string, id uint16, failed bool) error {
	return change(path, func(m *Machine) { m.failed[id] = failed })
}

// Description is the state of a namespace, for showing it.
type Description struct {
	Config Config
	// Report is what the namespace tells of its registrants.
	Report *nvme.Report
}

// Describe shows the namespace at path.
func Describe(path string) (Description, error) {
	var d Description
	err := change(path, func(m *Machine) { d = Description{m.cfg, m.Report()} })
	return d, err
}
