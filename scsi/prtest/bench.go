package prtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"lunguard/scsi"
)

// nexus is one of the three nexuses of a bench, or the port that is none.
type nexus int

// The nexuses. C is the one that looks.
const (
	a nexus = iota
	b
	c
	// x is an initiator port that the unit has never seen.
	x
)

// String gives the letter by which tables name the nexus.
func (n nexus) String() string { return string("ABCX"[n]) }

// Path is one nexus of the unit under test.
type Path struct {
	Transport scsi.Transport
	// Port and RelativePort name the nexus. With a zero Port the suite finds
	// both out by registering.
	Port         scsi.TransportID
	RelativePort uint16
}

// Bench is a unit under test, without registrations or reservations.
type Bench struct {
	// Paths are three initiator ports through one target port: REGISTER AND
	// MOVE refuses another path of the sender's port, and SPEC_I_PT registers
	// through the target port of the sender.
	Paths [3]Path
	// Deviations say where this device differs from the standard.
	Deviations Deviations
	// PowerCycle switches the unit off and on, with all three nexuses there
	// again when it returns. Cases that need it run only if it is set.
	PowerCycle func() error
	// ResetLU sends a LOGICAL UNIT RESET; the same goes for it.
	ResetLU func() error
	// Relogin ends nexus number i (0 is A) and makes it anew; the same goes
	// for it.
	Relogin func(i int) error
}

// Factory makes the bench of one case: a new unit, or one that was cleared.
type Factory func(t *testing.T) *Bench

// Run runs the whole suite.
func Run(t *testing.T, f Factory) {
	t.Helper()
	all := cases()
	bench := f(t)
	if err := bench.Deviations.check(all); err != nil {
		t.Error(err)
	}
	for _, tc := range all {
		if !tc.possible(bench) {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			r := &run{bench: f(t), tc: tc}
			if err := r.all(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Clear removes every registration and reservation by way of the paths, for
// factories that use one unit again and again.
func Clear(ctx context.Context, paths [3]Path) error {
	const key = 0xc1ea5
	for _, p := range paths {
		t := &scsi.Retry{Transport: p.Transport, AfterStateChange: true, Timeout: 10 * time.Second}
		u := scsi.NewUnit("", t)
		if err := u.RegisterAndIgnore(ctx, key, false); err != nil {
			return err
		}
		if err := u.Clear(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// learn finds out how the unit names the nexuses.
func (bench *Bench) learn(ctx context.Context) error {
	for i := range bench.Paths {
		p := &bench.Paths[i]
		if !p.Port.IsZero() {
			p.Port = p.Port.Canonical()
			continue
		}
		key := scsi.Key(0xa11ce0 + i)
		u := scsi.NewUnit(nexus(i).String(), p.Transport)
		if err := u.RegisterAndIgnore(ctx, key, false); err != nil {
			return err
		}
		s, err := u.State(ctx)
		if err != nil {
			return err
		}
		for _, r := range s.Registrations {
			if r.Key == key {
				p.Port, p.RelativePort = scsi.PortOf(r.Initiator).Canonical(), r.RelativePort
			}
		}
		if err := u.Register(ctx, key, 0, false); err != nil {
			return err
		}
		if p.Port.IsZero() {
			return fmt.Errorf("nexus %s: not in READ FULL STATUS after it was registered", nexus(i))
		}
	}
	return nil
}

// port names a nexus in a parameter list; x is made up in A's protocol.
func (bench *Bench) port(n nexus) scsi.TransportID {
	if n != x {
		return bench.Paths[n].Port
	}
	switch bench.Paths[a].Port.Protocol() {
	case scsi.ProtocolISCSI:
		return scsi.ISCSIPortTransportID("iqn.2001-04.com.example:nobody", 0xdead)
	case scsi.ProtocolFC:
		return scsi.FCTransportID(0x2000_0000_dead_beef)
	}
	return scsi.SASTransportID(0x3000_0000_dead_beef)
}

// nameOf gives the letter of a registered nexus.
func (bench *Bench) nameOf(d scsi.FullStatus) string {
	id := d.TransportID.Canonical()
	for i, p := range bench.Paths {
		if p.Port == id && (d.AllTgtPort || p.RelativePort == d.RelativePort) {
			return nexus(i).String()
		}
	}
	if id == bench.port(x).Canonical() {
		return x.String()
	}
	return fmt.Sprintf("?%s/%d", id, d.RelativePort)
}
