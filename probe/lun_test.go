package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/probe"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/scsi/simlun/model"
)

// yield lets other runs go on, without a clock.
func yield(ctx context.Context) error {
	runtime.Gosched()
	return ctx.Err()
}

// anyTime is a clock that goes on by a second each time.
func anyTime() func() time.Time {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

type nothing struct{}

func (nothing) Close() error { return nil }

// pathOf is a nexus of a simulated LUN.
func pathOf(lun *simlun.LUN, name string, port scsi.TransportID, relative uint16) probe.LUNPath {
	return probe.LUNPath{
		Name: name, Transport: lun.Nexus(port, relative), Port: port,
		Open: func() (scsi.Transport, io.Closer, error) { return lun.Nexus(port, relative), nothing{}, nil },
	}
}

func options() probe.Options {
	return probe.Options{
		Wait: probe.Wait{Pause: yield, Patience: 20}, Now: anyTime(),
		Scratch: &probe.Scratch{LBA: 100},
	}
}

// newLUN is a simulated LUN with quirks.
func newLUN(t *testing.T, text string) *simlun.LUN {
	t.Helper()
	q, err := simlun.ParseQuirks(text)
	if err != nil {
		t.Fatal(err)
	}
	lun, err := simlun.NewMemory(simlun.Config{Quirks: q})
	if err != nil {
		t.Fatal(err)
	}
	return lun
}

// tryLUN tries a LUN by two paths of one host, as an array of simulated hosts has them.
func tryLUN(t *testing.T, lun *simlun.LUN, o probe.Options) (*probe.Report, error) {
	t.Helper()
	first := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 1), 1)
	second := pathOf(lun, "/dev/sdb", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 2), 2)
	trial := probe.NewLUNTrial(first, &second, o)
	state, err := trial.Look(t.Context())
	if err == nil && state != nil {
		err = trial.Run(t.Context())
	}
	return &trial.Report, err
}

// samples are quirks with values; the others are switches.
func samples() map[string]string {
	return map[string]string{
		"MaxRegs": "MaxRegs=7", "FirstCmdUA": "FirstCmdUA=29/00", "Busy": "Busy=3", "OnlyTypes": "OnlyTypes=5+7",
		"TransitioningUntil": "TransitioningUntil=+100h",
	}
}

// TestRoundTrip finds each quirk of the simulated LUN from outside, and nothing else. What
// cannot be seen is said in pr_probe(8).
func TestRoundTrip(t *testing.T) {
	hidden := map[string]string{"NexusLostOnRelogin": "no path logs out"}
	for _, name := range model.QuirkNames() {
		t.Run(name, func(t *testing.T) {
			text := name
			if s, ok := samples()[name]; ok {
				text = s
			}
			lun := newLUN(t, text)
			r, err := tryLUN(t, lun, options())
			if name == "TransitioningUntil" {
				if err == nil || !strings.HasPrefix(r.Quirks(), name) || r.Verdict() != probe.Unknown {
					t.Errorf("%q, %v, %v", r.Quirks(), r.Verdict(), err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := text
			if hidden[name] != "" {
				want = ""
			}
			if got := r.Quirks(); got != want {
				t.Errorf("found %q, want %q\n%s", got, want, findings(r))
			}
			if !clean(lun) {
				t.Error("something is left")
			}
		})
	}
}

// clean reports whether nothing is registered or reserved, and the scratch block zeros.
func clean(lun *simlun.LUN) (is bool) {
	p := lun.Nexus(scsi.SASTransportID(9), 1)
	s, err := scsi.NewUnit("", &scsi.Retry{Transport: p, AfterStateChange: true}).List(context.Background())
	if err != nil {
		lun.With(func(m *simlun.Machine) { is = m.Quirks().NoPR || m.Quirks().LiesGood })
		return is
	}
	b, err := scsi.Read{LBA: 100, Blocks: 1, BlockSize: 512}.Execute(context.Background(), &scsi.Retry{Transport: p, AfterStateChange: true})
	return s.Empty() && err == nil && reflect.DeepEqual(b, make([]byte, 512))
}

func findings(r *probe.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-10v %s %s %s\n", f.Result, f.Check, f.Quirk, f.Why)
	}
	return b.String()
}

// TestFitLUN is a LUN that does what the standard says.
func TestFitLUN(t *testing.T) {
	lun := newLUN(t, "")
	r, err := tryLUN(t, lun, options())
	if err != nil || r.Verdict() != probe.Fit || r.Quirks() != "" {
		t.Errorf("%v, %q, %v\n%s", r.Verdict(), r.Quirks(), err, findings(r))
	}
	if r.Limit != 256 || r.Limited {
		t.Errorf("limit %d, %v", r.Limit, r.Limited)
	}
}

// TestTgt is the target of userspace: unfit, and for what it does, not for what it is only
// odd in. By two hosts it is the same.
func TestTgt(t *testing.T) {
	want := map[probe.Check]string{
		probe.Aborts: "PREEMPT AND ABORT: 5/20/00",
	}
	broken := func(r *probe.Report) map[probe.Check]string {
		got := map[probe.Check]string{}
		for _, f := range r.Findings {
			if f.Result == probe.Broken {
				got[f.Check] = strings.TrimPrefix(f.Why, "PERSISTENT RESERVE OUT, ")
			}
		}
		return got
	}
	lun := newLUN(t, "tgt")
	r, err := tryLUN(t, lun, options())
	if diff := cmp.Diff(want, broken(r)); diff != "" || err != nil || r.Verdict() != probe.Unfit {
		t.Errorf("%v, %v (-want +got):\n%s%s", err, r.Verdict(), diff, findings(r))
	}
	// No path logs out, and nobody can be moved to who is not told of.
	same, err := simlun.ParseQuirks("tgt")
	seen, err2 := simlun.ParseQuirks(r.Quirks())
	same.NexusLostOnRelogin = false
	if err != nil || err2 != nil || seen != same {
		t.Errorf("%v, %v: found %v, want %v", err, err2, seen, same)
	}
	leader, follower, errs := pairLUN(t, lun, patient())
	if diff := cmp.Diff(want, broken(leader)); diff != "" || errs != [2]error{} || follower.Verdict() != probe.Unfit {
		t.Errorf("by two hosts: %v, %v (-want +got):\n%s", errs, follower.Verdict(), diff)
	}
	if !clean(lun) {
		t.Error("something is left")
	}
}

// pairLUN tries a LUN by two runs that meet on it.
func pairLUN(t *testing.T, lun *simlun.LUN, o probe.Options) (leader, follower *probe.Report, errs [2]error) {
	t.Helper()
	var reports [2]*probe.Report
	done := make(chan struct{})
	one := func(i int) {
		defer func() { done <- struct{}{} }()
		mine := o
		mine.Scratch = &probe.Scratch{LBA: 100}
		mine.TwoHosts, mine.Run, mine.ID = true, uint16(0xfff0-i), uint32(0xffffff77+i)
		trial := probe.NewLUNTrial(pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID(fmt.Sprintf("iqn.2026-01.sim:host%d", i), 1), 1), nil, mine)
		reports[i] = &trial.Report
		state, err := trial.Look(t.Context())
		if err == nil && state != nil {
			err = trial.Run(t.Context())
		}
		errs[i] = err
	}
	go one(0)
	go one(1)
	<-done
	<-done
	return reports[0], reports[1], errs
}

// patient is for two runs of which both live.
func patient() probe.Options {
	o := options()
	o.Patience, o.Now = 1<<30, time.Now
	return o
}

// TestTwoHosts finds by two runs what one finds, and more: both say the same.
func TestTwoHosts(t *testing.T) {
	for text, want := range map[string]probe.Verdict{
		"": probe.Fit, "SameIQNBlocked": probe.Fit, "AllTgPtImplicit": probe.FitWith, "LiesGood": probe.Unfit, "NoRegIgnore": probe.FitWith, "NoFullStatus,NoSpecIPT": probe.FitWith,
		"LooseFencing": probe.Unfit, "NoPreemptAndAbort": probe.Unfit, "UAInverted,NoReset": probe.FitWith,
	} {
		t.Run(text, func(t *testing.T) {
			lun := newLUN(t, text)
			leader, follower, errs := pairLUN(t, lun, patient())
			if errs[0] != nil || errs[1] != nil {
				t.Fatal(errs)
			}
			if leader.Verdict() != want || follower.Verdict() != want {
				t.Errorf("%v and %v, want %v\n%s", leader.Verdict(), follower.Verdict(), want, findings(leader))
			}
			seen := text
			if text == "SameIQNBlocked" || text == "AllTgPtImplicit" {
				seen = "" // nobody has two ports here
			}
			if got := leader.Quirks(); len(got) != len(seen) {
				t.Errorf("found %q, want %q", got, seen)
			}
			if !clean(lun) {
				t.Error("something is left")
			}
		})
	}
}

// mortal is a path of a host that dies after some commands: nothing is answered any more.
type mortal struct {
	scsi.Transport
	life *int
}

var errDead = errors.New("the host is dead")

func (m mortal) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	if *m.life--; *m.life < 0 {
		return scsi.Reply{}, errDead
	}
	return m.Transport.Do(ctx, req)
}

// TestKilled kills a run behind each of its commands. What is left is the run's own, and the
// next one takes it off and comes to the same verdict.
func TestKilled(t *testing.T) {
	for _, quirks := range []string{"", "NoRegIgnore"} {
		for life := 0; ; life += 23 {
			lun := newLUN(t, quirks)
			left := life
			first := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 1), 1)
			second := pathOf(lun, "/dev/sdb", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 2), 2)
			for _, p := range []*probe.LUNPath{&first, &second} {
				p.Transport = mortal{p.Transport, &left}
				p.Open = nil
			}
			trial := probe.NewLUNTrial(first, &second, options())
			state, err := trial.Look(t.Context())
			if err == nil && state != nil {
				err = trial.Run(t.Context())
			}
			if err == nil {
				if life < 100 {
					t.Fatalf("over after %d commands", life)
				}
				break
			}
			if trial.Verdict() != probe.Unknown {
				t.Fatalf("killed after %d commands: %v", life, trial.Verdict())
			}
			var is *pr.State
			lun.With(func(m *simlun.Machine) { is = m.State() })
			if !probe.OnlyMarks(is) && life > 0 {
				t.Fatalf("killed after %d commands: left is %v", life, is)
			}
			r, err := tryLUN(t, lun, options())
			if err != nil || r.Quirks() != quirks {
				t.Fatalf("killed after %d commands, then: %q, %v", life, r.Quirks(), err)
			}
			if !clean(lun) {
				t.Fatalf("killed after %d commands: something is left", life)
			}
		}
	}
}

// TestPeerDies kills one of two runs that work together behind each of its commands: the
// other one says that it knows nothing.
func TestPeerDies(t *testing.T) {
	for dies := range 2 {
		for life := 10; life < 400; life += 17 {
			lun := newLUN(t, "")
			var verdicts [2]probe.Verdict
			var errs [2]error
			left := [2]int{1 << 40, 1 << 40}
			left[dies] = life
			done := make(chan struct{})
			for i := range 2 {
				go func() {
					defer func() { done <- struct{}{} }()
					o := options()
					// The living one waits for as long as it takes the other one to go on.
					o.TwoHosts, o.Run, o.ID, o.Patience = true, uint16(0xfff0-i), uint32(0xffffff77+i), 3000
					p := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID(fmt.Sprintf("iqn.2026-01.sim:host%d", i), 1), 1)
					p.Transport, p.Open = mortal{p.Transport, &left[i]}, nil
					trial := probe.NewLUNTrial(p, nil, o)
					state, err := trial.Look(t.Context())
					if err == nil && state != nil {
						err = trial.Run(t.Context())
					}
					verdicts[i], errs[i] = trial.Verdict(), err
				}()
			}
			<-done
			<-done
			if errs[dies] == nil {
				continue // it was over before
			}
			if verdicts[0] != probe.Unknown && errs[0] != nil || verdicts[1] != probe.Unknown && errs[1] != nil {
				t.Errorf("%d dies after %d commands: %v %v", dies, life, verdicts, errs)
			}
		}
	}
}

// TestCrowd begins where another run says hello again and again: that one is let alone.
func TestCrowd(t *testing.T) {
	lun := newLUN(t, "")
	other := scsi.NewUnit("", &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(8), 1), AfterStateChange: true})
	o := options()
	hello := pr.Key(0x1b0be5<<40 | 0x155<<28)
	o.Pause = func(ctx context.Context) error {
		hello += 1 << 24
		return other.RegisterAndIgnore(ctx, hello, false)
	}
	r, err := tryLUN(t, lun, o)
	var s *pr.State
	lun.With(func(m *simlun.Machine) { s = m.State() })
	if !errors.Is(err, probe.ErrCrowd) || r.Verdict() != probe.Unknown || len(s.Registrations) != 1 || !s.Has(hello) {
		t.Errorf("%v, %v, left is %v", err, r.Verdict(), s)
	}
}

// TestTwoAlone starts a run on a LUN that another one is at work on: neither says anything
// of the device.
func TestTwoAlone(t *testing.T) {
	lun := newLUN(t, "")
	var reports [2]*probe.Report
	var errs [2]error
	done := make(chan struct{})
	for i := range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			o := options()
			o.Run, o.ID = uint16(i+1), uint32(i+1)
			first := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID(fmt.Sprintf("iqn.2026-01.sim:host%d", i), 1), 1)
			trial := probe.NewLUNTrial(first, nil, o)
			_, err := trial.Look(t.Context())
			if err == nil {
				err = trial.Run(t.Context())
			}
			reports[i], errs[i] = &trial.Report, err
		}()
	}
	<-done
	<-done
	for i, r := range reports {
		if v := r.Verdict(); v != probe.Unknown {
			t.Errorf("%d: %v, %v\n%s", i, v, errs[i], findings(r))
		}
	}
}
