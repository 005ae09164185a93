package cluster

import (
	"context"
	"errors"
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// The mode is told by what the devices say, and is never enabled by guess.
func TestPRMode(t *testing.T) {
	wero := func() (m scsi.TypeMask) { m.Set(scsi.WriteExclusiveRegistrantsOnly); return m }()
	we := func() (m scsi.TypeMask) { m.Set(scsi.WriteExclusive); return m }()
	for _, tc := range []struct {
		name   string
		quirks simlun.Quirks
		// faults are of the first LUN.
		faults string
		forced bool
		luns   int
		want   PRMode
		sent   int64
	}{
		{name: "as the standard says", luns: 3, want: PREnabled, sent: 1},
		{name: "that type only", luns: 1, quirks: simlun.Quirks{OnlyTypes: wero}, want: PREnabled, sent: 1},
		{name: "another type only", luns: 1, quirks: simlun.Quirks{OnlyTypes: we}, want: PRDisabled, sent: 1},
		{name: "older than REPORT CAPABILITIES", luns: 2, quirks: simlun.Quirks{NoCapabilities: true, NoFullStatus: true}, want: PREnabled, sent: 2},
		{name: "no reservations", luns: 1, quirks: simlun.Quirks{NoPR: true}, want: PRDisabled, sent: 1},
		{name: "GOOD to everything", luns: 1, quirks: simlun.Quirks{BadCapabilities: true}, want: PRUnknown, sent: 1},
		{name: "no path", luns: 2, faults: "prin@every:host=1", want: PRUnknown, sent: 1},
		{name: "old, and its keys cannot be read", luns: 1, quirks: simlun.Quirks{NoCapabilities: true}, faults: "prin.keys@every:host=1", want: PRUnknown, sent: 2},
		{name: "forced", luns: 1, forced: true, want: PRDisabled, sent: 0},
		{name: "no LUN", luns: 0, want: PRDisabled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.luns, 1, tc.quirks)
			w.conf.PRDisabled = tc.forced
			if tc.faults != "" {
				w.faults(0, tc.faults)
			}
			if got := w.run("A").PRMode(context.Background()); got != tc.want {
				t.Errorf("%s, %s expected", got, tc.want)
			}
			for i := range w.luns {
				if n := w.sent[i].Load(); n > 2 || n != tc.sent {
					t.Errorf("LUN %d: %d commands, %d expected", i, n, tc.sent)
				}
			}
			if w.logged(Registered) {
				t.Error("something was changed")
			}
		})
	}
}

// One LUN that cannot decides for all, another path is asked where one fails.
func TestPRModeOfSeveralLUNs(t *testing.T) {
	w := newWorld(t, 3, 2, simlun.Quirks{})
	w.faults(0, "prin@every:host=1")
	w.luns[1].With(func(m *simlun.Machine) { m.SetQuirks(simlun.Quirks{NoPR: true}) })
	if got := w.run("A").PRMode(context.Background()); got != PRDisabled {
		t.Errorf("%s, %s expected", got, PRDisabled)
	}
	w = newWorld(t, 1, 2, simlun.Quirks{})
	w.wrap = func(_ string, _, path int, tr scsi.Transport) scsi.Transport {
		if path > 0 {
			return tr
		}
		return doFunc(func(context.Context, *scsi.Request) (scsi.Reply, error) {
			return scsi.Reply{}, errors.New("the path is gone")
		})
	}
	if got := w.run("A").PRMode(context.Background()); got != PREnabled {
		t.Errorf("%s, %s expected", got, PREnabled)
	}
}

func TestClusterPRMode(t *testing.T) {
	for _, tc := range []struct {
		forced   bool
		packages []PRMode
		want     PRMode
	}{
		{want: PREnabled},
		{forced: true, packages: []PRMode{PREnabled}, want: PRDisabled},
		{forced: true, want: PRDisabled},
		{packages: []PRMode{PRDisabled, PRDisabled}, want: PRDisabled},
		{packages: []PRMode{PRDisabled, PRUnknown}, want: PRUnknown},
		{packages: []PRMode{PRUnknown, PREnabled, PRDisabled}, want: PREnabled},
	} {
		if got := ClusterPRMode(&Config{PRDisabled: tc.forced}, tc.packages); got != tc.want {
			t.Errorf("forced %v, packages %v: %s, %s expected", tc.forced, tc.packages, got, tc.want)
		}
	}
}
