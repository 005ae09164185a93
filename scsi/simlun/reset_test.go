package simlun

import (
	"strings"
	"testing"

	"lunguard/pr"
	"lunguard/scsi"
)

func resetRequest() *scsi.Request { return &scsi.Request{Function: scsi.LogicalUnitReset} }

// A LOGICAL UNIT RESET meets neither queue nor reservation nor unit attention; it
// ends all tasks and RESERVE(6), and leaves what is persistent.
func TestReset(t *testing.T) {
	reserve6 := &scsi.Request{CDB: []byte{0x16, 0, 0, 0, 0, 0}}
	for name, x := range map[string]struct {
		quirks string
		before func(l lab)
		want   string
		tasks  int
	}{
		"nothing":              {"", func(lab) {}, "GOOD", 0},
		"not registered":       {"", func(l lab) { l.register("a", 1); l.reserve("a", 1, scsi.ExclusiveAccess) }, "GOOD", 0},
		"busy":                 {"Busy=1", func(lab) {}, "GOOD", 0},
		"a unit attention":     {"", func(l lab) { l.m.Attend(at("c"), scsi.PowerOnOrReset) }, "GOOD", 0},
		"an ALUA transition":   {"TransitioningUntil=+1h", func(lab) {}, "GOOD", 0},
		"RESERVE(6) of others": {"", func(l lab) { l.does("a", reserve6, "GOOD") }, "GOOD", 0},
		"unsupported":          {"NoReset", func(l lab) { l.does("a", reserve6, "GOOD") }, "5/20/00", 1},
	} {
		l := newLab(t, x.quirks)
		x.before(l)
		had := l.m.Keys()
		l.m.tasks = []task{{id: 1, nexus: at("a")}}
		l.does("c", resetRequest(), x.want)
		l.keys(had...)
		if len(l.m.tasks) != x.tasks || l.m.legacy.IsZero() != (x.tasks == 0) {
			t.Errorf("%s: %d tasks, RESERVE(6) of %s", name, len(l.m.tasks), l.m.legacy)
		}
	}
	l := newLab(t, "")
	l.m.Login(at("d"))
	l.does("c", resetRequest(), "GOOD")
	l.uas("c", scsi.BusDeviceReset)
	l.uas("d", scsi.BusDeviceReset)
	l.does("c", &scsi.Request{Function: scsi.LogicalUnitReset + 1}, "5/20/00")
	if id, reply := l.m.Begin(at("c"), resetRequest()); id != 0 || words(reply) != "GOOD" {
		t.Errorf("task %d, %s", id, words(reply))
	}
}

func TestFaultsOfReset(t *testing.T) {
	for plan, want := range map[string]string{
		"reset@2:host=3":                          "GOOD,DID_TIME_OUT,GOOD resets 2",
		"reset@2:after:host=3":                    "GOOD,DID_TIME_OUT,GOOD resets 3",
		"reset@1:status=08":                       "BUSY,GOOD,GOOD resets 2",
		"reset%sas,000000000000000d@1:busy":       "BUSY,GOOD,GOOD resets 2",
		"any@1:busy tur@every:full":               "BUSY,GOOD,GOOD resets 2",
		"tur@every:busy 0x00@every:busy":          "GOOD,GOOD,GOOD resets 3",
		"reset@1:sense=5/20/00 reset@3:delay=1us": "5/20/00,GOOD,GOOD resets 2",
	} {
		lun := newBench(t, plan)
		p := lun.Path(at("d"))
		answers, resets, _ := strings.Cut(want, " resets ")
		done := 0
		for _, answer := range strings.Split(answers, ",") {
			do(t, p, resetRequest(), answer)
			lun.With(func(m *Machine) {
				if m.TakeAttention(at("d")) == scsi.BusDeviceReset {
					done++
				}
			})
		}
		if resets != string(rune('0'+done)) {
			t.Errorf("%s: %d resets, want %s", plan, done, resets)
		}
	}
}

// Another process's reset through files ends what is in flight.
func TestResetDevice(t *testing.T) {
	path := create(t, Config{})
	a, c := open(t, path, "a"), open(t, path, "c")
	do(t, a, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
	if err := SetFaults(path, mustPlan(t, "write@1:delay=30ms")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(t, a, writeRequest(0, 7), "TASK ABORTED")
	}()
	describe := func() Description {
		d, err := Describe(path)
		if err != nil {
			t.Error(err)
		}
		return d
	}
	inFlight(t, describe, at("a"))
	if err := scsi.NewUnit("c", c).Reset(t.Context()); err != nil {
		t.Error(err)
	}
	<-done
	do(t, c, turRequest(), "6/29/03")
	req := readRequest(0)
	do(t, c, req, "GOOD")
	if req.Data[0] != 0 || len(describe().Registrations) != 1 {
		t.Errorf("block begins with %d, %+v", req.Data[0], describe().Registrations)
	}
	if err := SetQuirks(path, Quirks{NoReset: true}); err != nil {
		t.Fatal(err)
	}
	if err := scsi.NewUnit("c", c).Reset(t.Context()); !strings.Contains(err.Error(), "LOGICAL UNIT RESET: not supported") || pr.OutcomeUnknown(err) {
		t.Errorf("%v", err)
	}
}

func mustPlan(t *testing.T, text string) Plan {
	t.Helper()
	p, err := ParsePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
