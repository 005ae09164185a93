package prtest

import (
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// simulated is a unit with quirks. A and B are two ports of one host.
func simulated(t *testing.T, quirks string) *Bench {
	t.Helper()
	q, err := simlun.ParseQuirks(quirks)
	if err != nil {
		t.Fatal(err)
	}
	lun, err := simlun.NewMemory(simlun.Config{Quirks: q})
	if err != nil {
		t.Fatal(err)
	}
	bench := &Bench{}
	ports := [3]scsi.TransportID{
		scsi.ISCSIPortTransportID("iqn.2001-04.com.example:host", 1),
		scsi.ISCSIPortTransportID("iqn.2001-04.com.example:host", 2),
		scsi.SASTransportID(3),
	}
	with := func(f func(*simlun.Machine)) error { lun.With(f); return nil }
	for i, port := range ports {
		bench.Paths[i] = Path{Transport: lun.Nexus(port, 1), Port: port, RelativePort: 1}
	}
	bench.PowerCycle = func() error { return with((*simlun.Machine).PowerCycle) }
	bench.ResetLU = func() error { return scsi.NewUnit("C", bench.Paths[2].Transport).Reset(t.Context()) }
	bench.Relogin = func(i int) error {
		return with(func(m *simlun.Machine) { m.NexusLoss(simlun.MakeNexus(ports[i], 1)) })
	}
	return bench
}

// failures counts the cases that a unit does not pass.
func failures(t *testing.T, quirks string) int {
	n := 0
	for _, tc := range cases() {
		r := &run{bench: simulated(t, quirks), tc: tc}
		if r.all(t.Context()) != nil {
			n++
		}
	}
	return n
}

// TestSuiteSees lets the unit err in every way it knows: the suite must see
// each, or it proves nothing.
func TestSuiteSees(t *testing.T) {
	if n := failures(t, ""); n != 0 {
		t.Fatalf("%d cases fail without any quirk", n)
	}
	values := map[string]string{"MaxRegs": "=2", "FirstCmdUA": "=29/00", "Busy": "=3", "TransitioningUntil": "=+1h", "OnlyTypes": "=1+5"}
	for _, name := range simlun.QuirkNames() {
		switch name {
		case "DIDNexus": // what an old kernel adds is no matter of the device
			continue
		case "NewestFirst", "NoOpcodes": // the standard leaves the order open, and that command
			if n := failures(t, name); n != 0 {
				t.Errorf("%s: %d cases fail", name, n)
			}
			continue
		}
		if n := failures(t, name+values[name]); n == 0 {
			t.Errorf("%s: not seen", name)
		}
	}
}

func TestClear(t *testing.T) {
	bench := simulated(t, "")
	r := &run{bench: bench, tc: &testCase{given: "A:1 B:2 C:3 EAAR APTPL"}}
	if err := r.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := Clear(t.Context(), bench.Paths); err != nil {
		t.Fatal(err)
	}
	if _, err := r.attentions(t.Context()); err != nil {
		t.Fatal(err)
	}
	o, err := observe(t.Context(), bench)
	if err != nil || o.String() != "-" {
		t.Errorf("%s %v", o, err)
	}
}
