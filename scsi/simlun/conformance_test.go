package simlun_test

import (
	"os"
	"path/filepath"
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/prtest"
	"lunguard/scsi/simlun"
)

// ports are the three nexuses of a conformance bench.
func ports() [3]simlun.NexusID {
	return [3]simlun.NexusID{
		simlun.MakeNexus(scsi.ISCSIPortTransportID("iqn.2001-04.com.example:a", 1), 1),
		simlun.MakeNexus(scsi.ISCSIPortTransportID("iqn.2001-04.com.example:b", 2), 1),
		simlun.MakeNexus(scsi.SASTransportID(0x5000c500a0000003), 1),
	}
}

func memoryFactory(q simlun.Quirks, dev prtest.Deviations) prtest.Factory {
	return func(t *testing.T) *prtest.Bench {
		lun, err := simlun.NewMemory(simlun.Config{Quirks: q})
		if err != nil {
			t.Fatal(err)
		}
		b := &prtest.Bench{Deviations: dev}
		for i, n := range ports() {
			b.Paths[i] = prtest.Path{Transport: lun.Path(n), Port: n.Port(), RelativePort: n.RelativePort()}
		}
		with := func(f func(*simlun.Machine)) error { lun.With(f); return nil }
		b.PowerCycle = func() error { return with((*simlun.Machine).PowerCycle) }
		b.ResetLU = func() error { return scsi.NewUnit("A", b.Paths[0].Transport).Reset(t.Context()) }
		b.Relogin = func(i int) error {
			return with(func(m *simlun.Machine) { m.NexusLoss(ports()[i]); m.Login(ports()[i]) })
		}
		return b
	}
}

func TestConformanceMemory(t *testing.T) { prtest.Run(t, memoryFactory(simlun.Quirks{}, nil)) }

// TestConformanceLearning lets the suite find out the ports by itself.
func TestConformanceLearning(t *testing.T) {
	f := memoryFactory(simlun.Quirks{}, nil)
	prtest.Run(t, func(t *testing.T) *prtest.Bench {
		b := f(t)
		for i := range b.Paths {
			b.Paths[i].Port, b.Paths[i].RelativePort = scsi.TransportID{}, 0
		}
		return b
	})
}

// shm is a temporary directory in memory, if there is one: every change of a
// unit in files is synced.
func shm(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "simlun")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestConformanceQuirks lets devices err: the suite must say where.
func TestConformanceQuirks(t *testing.T) {
	for name, x := range map[string]struct {
		quirks     simlun.Quirks
		deviations prtest.Deviations
	}{
		"NoUnregGenBump": {simlun.Quirks{NoUnregGenBump: true}, prtest.Deviations{
			"*/? unregisters*":                    {Gen: prtest.Is(0), Reason: "quirk"},
			"ALL_TG_PT/A unregisters 3 ALL_TG_PT": {Gen: prtest.Is(0), Reason: "quirk"},
		}},
		"MinAlloc8": {simlun.Quirks{MinAlloc8: true}, prtest.Deviations{
			"PR IN with */C * alloc=[0147]": {Want: prtest.Is("5/24/00"), Reason: "quirk"},
		}},
		"SpecIPTKnownOnly": {simlun.Quirks{SpecIPTKnownOnly: true}, prtest.Deviations{
			"SPEC_I_PT with an unknown port/*": {After: prtest.Is("A:5"), Reason: "quirk"},
			"MOVE to an unknown port/*":        {Want: prtest.Is("5/26/00"), After: prtest.Is("A:1* EA"), Gen: prtest.Is(0), Reason: "quirk"},
		}},
	} {
		t.Run(name, func(t *testing.T) { prtest.Run(t, memoryFactory(x.quirks, x.deviations)) })
	}
}

func TestConformanceFile(t *testing.T) {
	prtest.Run(t, func(t *testing.T) *prtest.Bench {
		path := filepath.Join(shm(t), "lun")
		if err := simlun.Create(path, simlun.Config{}); err != nil {
			t.Fatal(err)
		}
		b := &prtest.Bench{
			PowerCycle: func() error { return simlun.PowerCycle(path) },
			ResetLU:    func() error { return simlun.ResetLU(path) },
			Relogin:    func(i int) error { return simlun.Logout(path, ports()[i]) },
		}
		for i, n := range ports() {
			d, err := simlun.Open(path, n)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
			b.Paths[i] = prtest.Path{Transport: d, Port: n.Port(), RelativePort: n.RelativePort()}
		}
		return b
	})
}
