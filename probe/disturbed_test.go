package probe_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"lunguard/pr"
	"lunguard/probe"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// watched is a path whose commands are told of before they are sent.
type watched struct {
	scsi.Transport
	before func(ctx context.Context, req *scsi.Request)
}

func (w watched) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	w.before(ctx, req)
	return w.Transport.Do(ctx, req)
}

// watchedTrial is a trial by two paths of a LUN, both watched.
func watchedTrial(lun *simlun.LUN, before func(ctx context.Context, req *scsi.Request)) *probe.LUNTrial {
	first := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 1), 1)
	second := pathOf(lun, "/dev/sdb", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 2), 2)
	first.Transport, second.Transport = watched{first.Transport, before}, watched{second.Transport, before}
	return probe.NewLUNTrial(first, &second, options())
}

// state is what is registered and reserved.
func state(lun *simlun.LUN) (s *pr.State) {
	lun.With(func(m *simlun.Machine) { s = m.State() })
	return s
}

// Whenever somebody else registers, and reserves if nothing is reserved, before any one
// command of a run, the run takes off all that is its own, and nothing else once it has
// seen the other.
func TestDisturbed(t *testing.T) {
	const node = pr.Key(0xbcb00002)
	for _, quirks := range []string{"", "NoRegIgnore", "NoFullStatus", "AllTgPtImplicit"} {
		for at, reached := 1, true; reached; at++ {
			lun := newLUN(t, quirks)
			stranger := scsi.NewUnit("", &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(8), 1), AfterStateChange: true})
			n := 0
			reached = false
			trial := watchedTrial(lun, func(ctx context.Context, req *scsi.Request) {
				if req.Opcode() != scsi.OpPROut {
					return
				}
				if n++; n == at {
					reached = true
					if err := stranger.Register(ctx, 0, node, false); err != nil {
						t.Error(err)
					}
					_ = stranger.Reserve(ctx, node, pr.WriteExclusiveRegistrantsOnly) // the run may hold
				}
			})
			_, err := trial.Look(t.Context())
			if err == nil {
				err = trial.Run(t.Context())
			}
			s := state(lun)
			for _, k := range s.Keys() {
				if probe.IsMark(k) {
					t.Fatalf("%s %d: %v, left is %v", quirks, at, err, s)
				}
			}
			if errors.Is(err, probe.ErrDisturbed) && !s.Has(node) {
				t.Fatalf("%s %d: %v, and the other is gone: %v", quirks, at, err, s)
			}
		}
	}
}

// No mark of a node can be read into a key of a run.
func TestMarksApart(t *testing.T) {
	lun := newLUN(t, "")
	trial := watchedTrial(lun, func(context.Context, *scsi.Request) {
		for _, k := range state(lun).Keys() {
			if k>>62 != 0 {
				t.Fatalf("%v", k)
			}
		}
	})
	if _, err := trial.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := trial.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What cannot be taken off is told of, and the next run takes it off.
func TestLeft(t *testing.T) {
	for name, opcodes := range map[string][]scsi.Opcode{"known": {scsi.OpPROut}, "not known": {scsi.OpPROut, scsi.OpPRIn}} {
		t.Run(name, func(t *testing.T) {
			lun := newLUN(t, "")
			dead := false
			first := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 1), 1)
			first.Transport = broken{first.Transport, func(req *scsi.Request) bool { return dead && slices.Contains(opcodes, req.Opcode()) }}
			o := options()
			o.Say = func(c probe.Check) { dead = dead || c == probe.WrongKey }
			trial := probe.NewLUNTrial(first, nil, o)
			_, err := trial.Look(t.Context())
			if err == nil {
				err = trial.Run(t.Context())
			}
			var left *probe.LeftError
			if s := state(lun); !errors.As(err, &left) || !errors.Is(err, errDead) || len(s.Keys()) == 0 ||
				(left.Err == nil) != (name == "known") || left.Err == nil && !slices.Equal(left.Keys, s.Keys()) {
				t.Fatalf("%v, %+v, left is %v", err, left, state(lun))
			}
			if r, err := tryLUN(t, lun, options()); err != nil || r.Verdict() != probe.Fit || !state(lun).Empty() {
				t.Errorf("%v, %v, left is %v", err, r.Verdict(), state(lun))
			}
		})
	}
}

// broken is a path over which some commands fail.
type broken struct {
	scsi.Transport
	fails func(req *scsi.Request) bool
}

func (b broken) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	if b.fails(req) {
		return scsi.Reply{}, errDead
	}
	return b.Transport.Do(ctx, req)
}
