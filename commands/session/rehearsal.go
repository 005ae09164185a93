package session

import (
	"context"
	"errors"
	"slices"
	"sync"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// shadow is a simulated LUN that starts in the state of a real one, for a
// rehearsal: the real protocol runs on it and shows which commands it would
// send, while the real LUN is only read.
type shadow struct {
	// own is the key of this node, 0 if it acts as nobody.
	own pr.Key
	mu  sync.Mutex
	lun *simlun.LUN
	// before is the state of the real LUN, nil until it was read.
	before *pr.State
	paths  int
}

// now is the state that the rehearsal has led to, nil if it cannot be told.
func (s *shadow) now() *pr.State {
	reader, _ := s.nexus(s.lun, s.paths, pr.Identity{})
	state, err := scsi.ReadState(context.Background(), &scsi.Retry{Transport: reader})
	if err != nil {
		return nil
	}
	return state
}

// rehearsal is a Transport that sends PERSISTENT RESERVE commands to a shadow
// and other reads to the device.
type rehearsal struct {
	shadow *shadow
	real   scsi.Transport
	// index counts the paths of this host to the LUN.
	index int
	// identity tells what is known of the path.
	identity func() pr.Identity
	path     scsi.Transport
	// played is the identity of the nexus that stands for the path.
	played pr.Identity
}

// path makes a rehearsal of one more path to the LUN.
func (s *shadow) path(real scsi.Transport, identity func() pr.Identity) *rehearsal {
	s.paths++
	return &rehearsal{shadow: s, real: real, index: s.paths - 1, identity: identity}
}

// Identity is that of the nexus that stands for the path. It is known once the
// LUN has been read.
func (r *rehearsal) Identity() pr.Identity {
	if r.path == nil && r.shadow.lun != nil {
		r.cast(r.shadow.lun)
	}
	return r.played
}

// cast chooses the nexus that stands for the path.
func (r *rehearsal) cast(lun *simlun.LUN) {
	path, played := r.shadow.nexus(lun, r.index, r.identity())
	// A reset on one path is a unit attention on the others.
	r.path, r.played = &scsi.Retry{Transport: path}, played
}

func (r *rehearsal) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	switch req.Opcode() {
	case scsi.OpPRIn, scsi.OpPROut, scsi.OpLogicalUnitReset:
	default:
		return r.real.Do(ctx, req)
	}
	if r.path == nil {
		lun, err := r.shadow.seed(ctx, r.real)
		if err != nil {
			return scsi.Reply{}, err
		}
		r.cast(lun)
	}
	return r.path.Do(ctx, req)
}

// seed reads the real LUN once.
func (s *shadow) seed(ctx context.Context, real scsi.Transport) (*simlun.LUN, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lun != nil {
		return s.lun, nil
	}
	caps, err := scsi.ReportCapabilities{}.Execute(ctx, real)
	if err != nil && !errors.Is(err, pr.ErrUnsupported) {
		return nil, err
	}
	state, err := scsi.ReadState(ctx, real)
	if err != nil {
		return nil, err
	}
	s.lun, err = simlun.SeedFrom(simlun.Config{}, state, caps)
	if err == nil {
		s.before = state
	}
	return s.lun, err
}

// nexus picks what stands for one path of this host: its own nexus, if that is
// known for sure. Else the registrations with this node's key are taken to be
// those of its paths, in order; a further path is a nexus that was never
// registered.
func (s *shadow) nexus(lun *simlun.LUN, index int, id pr.Identity) (scsi.Transport, pr.Identity) {
	var registrations []pr.Registration
	lun.With(func(m *simlun.Machine) { registrations = m.State().Registrations })
	known := id.Initiator != nil && !id.Guessed && id.RelativePort != 0
	if known || slices.ContainsFunc(registrations, func(r pr.Registration) bool { return id.Likens(r) == pr.Alike }) {
		return lun.Nexus(scsi.PortOf(id.Initiator), id.RelativePort), id
	}
	var own []simlun.NexusID
	if s.own != 0 {
		lun.With(func(m *simlun.Machine) { own = m.NexusesWith(s.own) })
	}
	if index < len(own) {
		return lun.Path(own[index]), pr.Identity{}
	}
	// A locally assigned NAA 3h name: no real port has it.
	return lun.Nexus(scsi.SASTransportID(0x3fff_0000_0000_0000+uint64(index)), 1), pr.Identity{}
}
