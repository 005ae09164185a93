package simlun

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun/fault"
)

func TestParsePlan(t *testing.T) {
	const text = "write@3:busy prout.register@2:sense=6/29/00;any@every:delay=10ms\nprout.clear@1:after:host=3 prin@1:die" +
		" read%sas,000000000000000d/1@2:truncate=5 write%iqn.2001-04.com.example:host,i,0x000000000001@every:after:status=28" +
		" 0x9e.0x10@1:full 0x5f.0x1f@1:conflict prout.preempt-abort@1:aborted prout@1:late=1m30s prout@2:late=3 prout@3:status=good" +
		" prin@1:short=8 prin.full@every:zero=0 prin@2:swap=inquiry prin.keys@1:swap=prin.full prin@every:cut=1 prin@3:length=-16 prin@4:length=+8 prin@5:generation=7 prin@every:stale any@every:elsewhere"
	plan, err := ParsePlan(text)
	if err != nil || len(plan) != 23 {
		t.Fatal(plan, err)
	}
	again, err := ParsePlan(plan.String())
	if err != nil || again.String() != plan.String() {
		t.Errorf("%s\n%s\n%v", plan, again, err)
	}
	for _, bad := range []string{"write", "write@", "write@1", "write@1:", "write@0:busy", "write@x:busy", "wrote@1:busy",
		"prout.regster@1:busy", "write.register@1:busy", "any.register@1:busy", "any.0x01@1:busy", "@1:busy", "write@1:sense=6", "write@1:sense=6/29",
		"write@1:host=x", "write@1:delay=5", "write@1:delay=-5s", "write@1:truncate=-1", "write@1:status=xyz", "write@1:after:", "0xzz@1:busy",
		"write@1:late", "write@1:late=0", "write@1:late=-1", "write@1:late=0s", "write@1:late=x", "write@1:after:late=3", "write@1:after:elsewhere", "write@1:status=bad",
		"prin@1:short", "prin@1:short=-1", "prin@1:zero=x", "prin@1:swap", "prin@1:swap=write", "prin@1:swap=prin.all", "prin@1:cut=", "prin@1:length", "prin@1:generation=-1", "prin@1:stale=1"} {
		if _, err := ParsePlan(bad); !errors.Is(err, ErrBadPlan) || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// bench is a unit in memory with a fault plan.
func newBench(t *testing.T, plan string) *LUN {
	t.Helper()
	lun, err := NewMemory(Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePlan(plan)
	if err != nil {
		t.Fatal(err)
	}
	lun.With(func(m *Machine) { m.SetPlan(p) })
	return lun
}

func do(t *testing.T, tr scsi.Transport, req *scsi.Request, want string) {
	t.Helper()
	r, err := tr.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := words(r); got != want {
		t.Errorf("%x: %s, want %s", req.CDB, got, want)
	}
}

func TestFaults(t *testing.T) {
	reg := outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1})
	for _, x := range []struct {
		plan string
		req  *scsi.Request
		want string // three times the same command, comma
	}{
		{"tur@2:busy", turRequest(), "GOOD,BUSY,GOOD"},
		{"any@every:full", turRequest(), "TASK SET FULL,TASK SET FULL,TASK SET FULL"},
		{"tur@1:busy tur@1:full any@3:status=30", turRequest(), "BUSY,GOOD,ACA ACTIVE"},
		{"write@1:busy", turRequest(), "GOOD,GOOD,GOOD"},
		{"any%sas,000000000000000c@1:busy", turRequest(), "GOOD,GOOD,GOOD"},
		{"any%sas,000000000000000d@1:busy any%sas,000000000000000d/1@2:host=0xb", turRequest(), "BUSY,DID_SOFT_ERROR,GOOD"},
		{"prout.register@1:after:host=3", reg, "DID_TIME_OUT,RC,RC"},
		{"prout.register@1:host=3", reg, "DID_TIME_OUT,GOOD,RC"},
		{"prout.clear@1:host=3", reg, "GOOD,RC,RC"},
		{"prout@2:sense=6/29/00", reg, "GOOD,6/29/00,RC"},
		{"prout@1:status=good", reg, "GOOD,GOOD,RC"}, // the first does nothing
		{"0x5f.0x00@1:conflict", reg, "RC,GOOD,RC"},
		{"prout@1:elsewhere", reg, "GOOD,GOOD,RC"}, // the first is another unit's
		{"prout@2:elsewhere", reg, "GOOD,GOOD,RC"},
		{"tur@2:die", turRequest(), "GOOD,DID_ERROR,GOOD"},
		{"tur@2:after:aborted", turRequest(), "GOOD,TASK ABORTED,GOOD"},
	} {
		lun := newBench(t, x.plan)
		died := 0
		lun.Exit = func(int) { died++ }
		p := lun.Path(at("d"))
		for _, want := range strings.Split(x.want, ",") {
			do(t, p, x.req, want)
		}
		if strings.Contains(x.plan, "die") != (died == 1) {
			t.Errorf("%s: died %d times", x.plan, died)
		}
	}
}

func TestFaultTruncate(t *testing.T) {
	p := newBench(t, "prin@1:truncate=5 inquiry@1:truncate=500").Path(at("d"))
	req := inRequest(scsi.InReportCapabilities, 8)
	r, err := p.Do(t.Context(), req)
	if err != nil || r.Resid != 3 || req.Data[3] == 0 || req.Data[5] != 0 {
		t.Errorf("%+v %x %v", r, req.Data, err)
	}
	if _, err := (scsi.Inquiry{}).Execute(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	lun := newBench(t, "any@every:delay=1h")
	p := lun.Path(at("d"))
	req := outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1})
	req.Timeout = time.Millisecond
	do(t, p, req, "DID_TIME_OUT")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.Do(ctx, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1})); !errors.Is(err, context.DeadlineExceeded) || !pr.StillUnderWay(err) {
		t.Error(err)
	}
	lun.With(func(m *Machine) {
		// The first was taken back, the second is late.
		if len(m.Registrations) != 0 || len(m.tasks) != 1 {
			t.Errorf("%+v", m.Describe())
		}
		m.tasks = nil
		m.SetPlan(Plan{{Match: Match{What: "any"}, After: true, Action: Action{Kind: fault.Delay, Delay: time.Hour}}})
	})
	do(t, p, req, "DID_TIME_OUT") // performed, but the answer comes too late
	lun.With(func(m *Machine) {
		if len(m.Registrations) != 1 {
			t.Errorf("%+v", m.Describe())
		}
	})
}

// inFlight waits until the unit has a command of the nexus in its task set.
func inFlight(t *testing.T, describe func() Description, n NexusID) {
	t.Helper()
	for range 5000 {
		for _, x := range describe().Nexuses {
			if x.Nexus == n && x.InFlight > 0 {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the command never was in flight")
}

// TestAbort is why fencing takes PREEMPT AND ABORT: a write that has begun is
// not stopped by PREEMPT.
func TestAbort(t *testing.T) {
	path := filepath.Join(dir(t), "lun")
	if err := Create(path, Config{}); err != nil {
		t.Fatal(err)
	}
	file := func(name string) *Device {
		d, err := Open(path, at(name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
	lun := newBench(t, "")
	memory := func() Description {
		var d Description
		lun.With(func(m *Machine) { d = m.Describe() })
		return d
	}
	onDisk := func() Description {
		d, err := Describe(path)
		if err != nil {
			t.Error(err)
		}
		return d
	}
	plan, err := ParsePlan("write@1:delay=30ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []struct {
		name       string
		a, c       scsi.Transport
		describe   func() Description
		setFaults  func() error
		powerCycle func() error
	}{
		{"memory", lun.Path(at("a")), lun.Path(at("c")), memory,
			func() error { lun.With(func(m *Machine) { m.SetPlan(plan) }); return nil },
			func() error { lun.With((*Machine).PowerCycle); return nil }},
		{"file", file("a"), file("c"), onDisk,
			func() error { return SetFaults(path, plan) }, func() error { return PowerCycle(path) }},
	} {
		for action, want := range map[scsi.OutAction]string{scsi.OutPreempt: "GOOD", scsi.OutPreemptAndAbort: "TASK ABORTED"} {
			if err := errors.Join(place.powerCycle(), place.setFaults()); err != nil {
				t.Fatal(err)
			}
			for _, p := range []scsi.Transport{place.a, place.c} {
				do(t, p, turRequest(), "6/29/00")
			}
			do(t, place.c, writeRequest(9, 0), "GOOD")
			if err := place.setFaults(); err != nil {
				t.Fatal(err)
			}
			do(t, place.a, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
			do(t, place.c, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 2}), "GOOD")
			do(t, place.a, outRequest(scsi.PROut{Action: scsi.OutReserve, Key: 1, Type: wero}), "GOOD")
			done := make(chan struct{})
			go func() {
				defer close(done)
				r, err := place.a.Do(context.Background(), writeRequest(9, 7))
				if got := words(r); got != want || err != nil {
					t.Errorf("%s, %s: the write came back %s, %v", place.name, action, got, err)
				}
			}()
			inFlight(t, place.describe, at("a"))
			do(t, place.c, outRequest(scsi.PROut{Action: action, Key: 2, ActionKey: 1, Type: wero}), "GOOD")
			<-done
			req := readRequest(9)
			do(t, place.c, req, "GOOD")
			if landed := req.Data[0] == 7; landed != (want == "GOOD") {
				t.Errorf("%s, %s: landed %v", place.name, action, landed)
			}
		}
	}
}

func TestFailedPath(t *testing.T) {
	lun := newBench(t, "")
	p := lun.Path(at("d"))
	lun.With(func(m *Machine) { m.FailPath(at("d"), true) })
	do(t, p, turRequest(), "DID_NO_CONNECT")
	do(t, lun.Path(at("c")), turRequest(), "GOOD")
	lun.With(func(m *Machine) { m.FailPath(at("d"), false) })
	do(t, p, turRequest(), "GOOD")
}
