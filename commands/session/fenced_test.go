package session

import (
	"context"
	"errors"
	"testing"

	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// TestDuringMembership: who starts a package is in before and after that, as far as anybody
// can see, and what was begun in vain is undone.
func TestDuringMembership(t *testing.T) {
	const key, victor pr.Key = 0xa, 0xb
	broken, errAny := errors.New("broken"), errors.New("any")
	for _, tt := range []struct {
		name            string
		before, during  string // the state of the LUN: in, out, empty, away
		unread          bool   // another LUN cannot be opened
		none            bool   // no fence agent has let this node in
		fails           error
		want            error
		started, undone bool
	}{
		{name: "in", before: "in", during: "in", started: true},
		{name: "no agent", none: true, started: true},
		{name: "fenced before", before: "out", want: protocol.ErrFenced},
		{name: "fenced, and all have left", before: "empty", want: protocol.ErrFenced},
		{name: "fenced meanwhile", before: "in", during: "out", started: true, undone: true, want: protocol.ErrFenced},
		{name: "start fails", before: "in", during: "out", fails: broken, started: true, want: broken},
		{name: "seen on one of two", before: "in", during: "in", unread: true, started: true},
		{name: "fenced from one of two", before: "out", unread: true, want: protocol.ErrFenced},
		{name: "seen nowhere", before: "away", want: errAny},
		{name: "seen nowhere after", before: "in", during: "away", started: true, undone: true, want: errAny},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lun, err := simlun.NewMemory(simlun.Config{Serial: "1"})
			if err != nil {
				t.Fatal(err)
			}
			m := &membership{run: &PackageRun{Run: &protocol.Run{Members: protocol.Members{{Name: "a", Key: key}, {Name: "b", Key: victor}}, Node: protocol.Member{Name: "a", Key: key}}}}
			away := false
			if !tt.none {
				own := scsi.NewUnit("/dev/sda", awayOr{lun.Nexus(scsi.SASTransportID(1), 1), &away})
				m.luns = []*protocol.LUN{{Name: "/dev/sda", Paths: []pr.Path{own}}}
			}
			if tt.unread {
				m.errs = []error{&unaskedError{"naa.6", errors.New("no such device")}}
			}
			other := scsi.NewUnit("", &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(2), 1), AfterStateChange: true})
			be := func(state string) {
				away = state == "away"
				if state == "" || away {
					return
				}
				must(t, other.RegisterAndIgnore(t.Context(), victor, false))
				must(t, other.Clear(t.Context(), victor))
				if state == "in" {
					must(t, scsi.NewUnit("", &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(1), 1), AfterStateChange: true}).RegisterAndIgnore(t.Context(), key, false))
				}
				if state != "empty" {
					must(t, other.RegisterAndIgnore(t.Context(), victor, false))
				}
			}
			be(tt.before)
			var started, undone bool
			err = m.during(t.Context(), nil,
				func(context.Context) error { started = true; be(tt.during); return tt.fails },
				func(context.Context) error { undone = true; return nil })
			if (err == nil) != (tt.want == nil) || tt.want != errAny && !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if started != tt.started || undone != tt.undone {
				t.Errorf("started %t, undone %t", started, undone)
			}
		})
	}
}

// awayOr is a path of which the storage can be away.
type awayOr struct {
	scsi.Transport
	away *bool
}

func (a awayOr) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	if *a.away {
		return scsi.Reply{}, errors.New("no answer")
	}
	return (&scsi.Retry{Transport: a.Transport, AfterStateChange: true}).Do(ctx, req)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
