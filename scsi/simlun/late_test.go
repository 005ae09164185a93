package simlun

import (
	"context"
	"errors"
	"testing"
	"time"

	"lunguard/pr"
	"lunguard/scsi"
)

// fakeClock is a clock that goes when somebody sleeps.
type fakeClock struct{ now time.Time }

func newFakeClock() *fakeClock { return &fakeClock{time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)} }

func (c *fakeClock) clock() Clock {
	return Clock{Now: func() time.Time { return c.now }, Sleep: func(d time.Duration) { c.now = c.now.Add(d) }}
}

// register is REGISTER of a nexus that has no key.
func register(key scsi.Key) *scsi.Request {
	return outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: key})
}

// A late command is performed right after as many others as it was told.
func TestLateByCommands(t *testing.T) {
	for _, after := range []int{1, 3} {
		l := newLab(t, "")
		l.register("c", 2)
		l.m.Late(at("a"), register(1), 0, after)
		for n := range after {
			l.keys(2)
			// What is refused is not performed, and does not count.
			l.m.Attend(at("d"), scsi.PowerOnOrReset)
			l.does("d", turRequest(), "6/29/00")
			l.keys(2)
			l.does([]string{"a", "c", "d"}[n], turRequest(), "GOOD")
		}
		l.keys(2, 1)
		if len(l.m.tasks) != 0 {
			t.Errorf("%+v", l.m.tasks)
		}
	}
}

// A late command does what it does at its time, or nothing.
func TestLateMeets(t *testing.T) {
	const held = scsi.Key(1)
	unregister := outRequest(scsi.PROut{Action: scsi.OutRegister, Key: held})
	preempt := outRequest(scsi.PROut{Action: scsi.OutPreemptAndAbort, Key: 2, ActionKey: held, Type: wero})
	for name, x := range map[string]struct {
		late   *scsi.Request
		before func(l lab) // performed as one command, or none
		keys   []scsi.Key
		block  byte
	}{
		"its key":     {unregister, func(l lab) { l.does("d", turRequest(), "GOOD") }, []scsi.Key{2}, 0},
		"another key": {unregister, func(l lab) { l.out("a", scsi.PROut{Action: scsi.OutRegister, Key: held, ActionKey: 9}, "GOOD") }, []scsi.Key{9, 2}, 0},
		"a write":     {writeRequest(0, 7), func(l lab) { l.does("d", turRequest(), "GOOD") }, []scsi.Key{held, 2}, 7},
		"a write and PREEMPT": {writeRequest(0, 7), func(l lab) {
			l.out("c", scsi.PROut{Action: scsi.OutPreempt, Key: 2, ActionKey: held, Type: wero}, "GOOD")
		}, []scsi.Key{2}, 7},
		"a write and P&A": {writeRequest(0, 7), func(l lab) { l.does("c", preempt, "GOOD") }, []scsi.Key{2}, 0},
		"a reset":         {unregister, func(l lab) { l.does("c", resetRequest(), "GOOD") }, []scsi.Key{held, 2}, 0},
		"a logout":        {unregister, func(l lab) { l.m.NexusLoss(at("a")); l.does("d", turRequest(), "GOOD") }, []scsi.Key{held, 2}, 0},
		"a power cycle": {unregister, func(l lab) {
			l.m.APTPL = true
			l.m.PowerCycle()
			l.does("d", turRequest(), "GOOD")
		}, []scsi.Key{held, 2}, 0},
		"a clone":                 {unregister, func(l lab) { lab{l.t, l.m.Clone()}.does("d", turRequest(), "GOOD") }, []scsi.Key{held, 2}, 0},
		"a read":                  {readRequest(0), func(l lab) { l.does("d", turRequest(), "GOOD") }, []scsi.Key{held, 2}, 0},
		"one refused at once":     {&scsi.Request{CDB: []byte{0x04, 0, 0, 0, 0, 0}}, func(l lab) { l.does("d", turRequest(), "GOOD") }, []scsi.Key{held, 2}, 0},
		"the caller's own buffer": {writeRequest(0, 7), nil, []scsi.Key{held, 2}, 7},
	} {
		l := newLab(t, "")
		l.register("a", held)
		l.register("c", 2)
		late := *x.late
		late.CDB, late.Data = append([]byte(nil), late.CDB...), append([]byte(nil), late.Data...)
		l.m.Late(at("a"), &late, 0, 1)
		clear(late.CDB)
		clear(late.Data)
		if x.before == nil {
			x.before = func(l lab) { l.does("d", turRequest(), "GOOD") }
		}
		x.before(l)
		l.keys(x.keys...)
		block := make([]byte, 512)
		if err := l.m.medium.ReadAt(block, 0); err != nil || block[0] != x.block {
			t.Errorf("%s: block begins with %d, %v", name, block[0], err)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// A write of an outsider is refused when it comes, not when it is late.
func TestLateIsRefusedAtOnce(t *testing.T) {
	l := newLab(t, "")
	l.register("a", 1)
	l.reserve("a", 1, wero)
	l.m.Late(at("d"), writeRequest(0, 7), 0, 1)
	l.out("a", scsi.PROut{Action: scsi.OutClear, Key: 1}, "GOOD")
	req := readRequest(0)
	l.does("a", req, "GOOD")
	if req.Data[0] != 0 {
		t.Error("it was written")
	}
}

// A task management function is not a task, and so no other one ends it.
func TestLateReset(t *testing.T) {
	l := newLab(t, "")
	l.m.Late(at("a"), resetRequest(), 0, 2)
	l.m.Late(at("c"), register(1), 0, 3)
	l.does("d", resetRequest(), "GOOD")
	for l.m.TakeAttention(at("d")) != 0 {
	}
	l.does("d", turRequest(), "GOOD")
	l.uas("d", scsi.BusDeviceReset)
	l.keys()
}

// By time they are performed in the order of their times, before anybody looks,
// whether the unit is in memory or in files.
func TestLateByTime(t *testing.T) {
	clock := newFakeClock()
	lun := newBench(t, "")
	lun.Clock = clock.clock()
	path := create(t, Config{})
	a, c := open(t, path, "a"), open(t, path, "c")
	a.Clock, c.Clock = clock.clock(), clock.clock()
	for name, x := range map[string]struct {
		a, c scsi.Transport
		at   steps
	}{
		"memory": {lun.Path(at("a")), lun.Path(at("c")), lun},
		"file":   {a, c, c},
	} {
		plan := mustPlan(t, "prout@1:late=90s prout@2:late=60s")
		if err := x.at.step(func(m *Machine) { m.SetPlan(plan) }); err != nil {
			t.Fatal(err)
		}
		// The second makes the key that the first quotes.
		do(t, x.a, outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 2}), "DID_TIME_OUT")
		do(t, x.a, register(1), "DID_TIME_OUT")
		for _, want := range []struct {
			sleep time.Duration
			key   scsi.Key
		}{{59 * time.Second, 0}, {time.Second, 1}, {29 * time.Second, 1}, {time.Second, 2}} {
			clock.now = clock.now.Add(want.sleep)
			keys, err := scsi.ReadKeys{}.Execute(t.Context(), x.c)
			if err != nil {
				t.Fatal(err)
			}
			var key scsi.Key
			if len(keys.Keys) == 1 {
				key = keys.Keys[0]
			}
			if key != want.key {
				t.Errorf("%s, at %v: key %v, want %v", name, clock.now, key, want.key)
			}
		}
		// Both at once, as after a long time without anybody.
		if err := x.at.step(func(m *Machine) { m.SetPlan(mustPlan(t, "prout@1:late=90s prout@2:late=60s")) }); err != nil {
			t.Fatal(err)
		}
		do(t, x.a, outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 3, ActionKey: 4}), "DID_TIME_OUT")
		do(t, x.a, outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 2, ActionKey: 3}), "DID_TIME_OUT")
		clock.now = clock.now.Add(time.Hour)
		if err := x.at.step(func(m *Machine) { lab{t, m}.keys(4) }); err != nil {
			t.Fatal(err)
		}
	}
}

// A Device's late commands outlive the process, and wait for the commands of all.
func TestLateDevice(t *testing.T) {
	path := create(t, Config{})
	a, c := open(t, path, "a"), open(t, path, "c")
	if err := SetFaults(path, mustPlan(t, "prout@1:late=2 prout@2:late=2")); err != nil {
		t.Fatal(err)
	}
	do(t, a, register(1), "DID_TIME_OUT")
	do(t, a, turRequest(), "GOOD")
	do(t, c, register(2), "DID_TIME_OUT")
	for n, want := range []int{0, 1, 2, 2} {
		d, err := Describe(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Registrations) != want {
			t.Errorf("after %d: %+v", n, d.Registrations)
		}
		do(t, open(t, path, "d"), turRequest(), "GOOD")
	}
}

// A command that takes 90 s is performed under a timeout of 120 s. Under 60 s it
// is still under way, and performed 30 s later.
func TestSlowCommand(t *testing.T) {
	for _, x := range []struct {
		plan    string
		timeout time.Duration
		under   bool
		keys    []scsi.Key // at the end of the command
	}{
		{"prout@1:delay=90s", 120 * time.Second, false, []scsi.Key{1}},
		{"prout@1:delay=90s", 60 * time.Second, true, nil},
		{"prout@1:after:delay=90s", 120 * time.Second, false, []scsi.Key{1}},
		{"prout@1:after:delay=90s", 60 * time.Second, true, []scsi.Key{1}},
	} {
		clock := newFakeClock()
		lun := newBench(t, x.plan)
		lun.Clock = clock.clock()
		began := clock.now
		retry := func(n string) *scsi.Retry {
			return &scsi.Retry{Transport: lun.Path(at(n)), Timeout: x.timeout, Now: lun.Clock.Now,
				Sleep: func(_ context.Context, d time.Duration) error { lun.Clock.Sleep(d); return nil }}
		}
		err := scsi.NewUnit("a", retry("a")).Register(t.Context(), 0, 1, false)
		took := min(90*time.Second, x.timeout)
		if pr.StillUnderWay(err) != x.under || pr.OutcomeUnknown(err) != x.under || (err == nil) == x.under || clock.now.Sub(began) != took {
			t.Errorf("%s, timeout %v: %v after %v", x.plan, x.timeout, err, clock.now.Sub(began))
		}
		if x.under && (!errors.Is(err, scsi.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded)) {
			t.Errorf("%v", err)
		}
		lun.With(func(m *Machine) { lab{t, m}.keys(x.keys...) })
		clock.now = began.Add(90 * time.Second)
		keys, err := scsi.ReadKeys{}.Execute(t.Context(), retry("c"))
		if err != nil || len(keys.Keys) != 1 {
			t.Errorf("%s, timeout %v: in the end %+v, %v", x.plan, x.timeout, keys, err)
		}
	}
}

// A slow reset is not ended by another one, and is late as a command is.
func TestSlowReset(t *testing.T) {
	clock := newFakeClock()
	lun := newBench(t, "reset@1:delay=90s")
	lun.Clock = clock.clock()
	other := lun.Path(at("c"))
	lun.Clock.Sleep = func(d time.Duration) {
		clock.now = clock.now.Add(d)
		do(t, other, resetRequest(), "GOOD")
		lun.With(func(m *Machine) {
			for m.TakeAttention(at("c")) != 0 {
			}
		})
	}
	do(t, lun.Path(at("a")), resetRequest(), "GOOD")
	do(t, other, turRequest(), "6/29/03")
}

// Late commands are part of what tells units apart, and of what is kept.
func TestLateIsState(t *testing.T) {
	seen := map[string]string{}
	for name, late := range map[string]func(m *Machine){
		"none":                   func(*Machine) {},
		"a task":                 func(m *Machine) { m.Begin(at("a"), register(1)) },
		"one":                    func(m *Machine) { m.Late(at("a"), register(1), 0, 1) },
		"after two":              func(m *Machine) { m.Late(at("a"), register(1), 0, 2) },
		"another key":            func(m *Machine) { m.Late(at("a"), register(2), 0, 1) },
		"another CDB":            func(m *Machine) { m.Late(at("a"), outRequest(scsi.PROut{Action: scsi.OutReserve, ActionKey: 1}), 0, 1) },
		"another nexus":          func(m *Machine) { m.Late(at("b"), register(1), 0, 1) },
		"after a minute":         func(m *Machine) { m.Late(at("a"), register(1), time.Minute, 0) },
		"after an hour":          func(m *Machine) { m.Late(at("a"), register(1), time.Hour, 0) },
		"a reset":                func(m *Machine) { m.Late(at("a"), resetRequest(), 0, 1) },
		"a read":                 func(m *Machine) { m.Late(at("a"), readRequest(0), 0, 1) },
		"a read of no direction": func(m *Machine) { r := readRequest(0); r.Dir = scsi.NoData; m.Late(at("a"), r, 0, 1) },
	} {
		l := newLab(t, "")
		// A file keeps neither the zone nor the monotonic clock.
		zone := time.FixedZone("elsewhere", 3600)
		l.m.now = func() time.Time { return time.Now().In(zone) }
		l.m.Login(at("a"))
		l.m.Login(at("b"))
		late(l.m)
		print := l.m.Fingerprint(true)
		if other, ok := seen[print]; ok {
			t.Errorf("%s is like %s", name, other)
		}
		seen[print] = name
		file, err := encode(l.m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(file)
		if err != nil {
			t.Fatal(err)
		}
		back.medium = l.m.medium
		if back.Fingerprint(true) != print {
			t.Errorf("%s: the file forgets something", name)
		}
		back.now = l.m.now
		for _, m := range []*Machine{l.m, back} {
			m.Execute(at("a"), turRequest())
			m.Execute(at("a"), turRequest())
		}
		if l.m.Fingerprint(true) != back.Fingerprint(true) {
			t.Errorf("%s: performed otherwise from a file", name)
		}
	}
}

// No file makes the unit perform what it could not have let in.
func TestImpossibleLate(t *testing.T) {
	for name, change := range map[string]func(*task){
		"a short CDB":         func(x *task) { x.late.CDB = x.late.CDB[:5] },
		"no CDB":              func(x *task) { x.late.CDB = nil },
		"waits for nothing":   func(x *task) { x.commands = 0 },
		"waits for two":       func(x *task) { x.due = time.Unix(1, 0) },
		"waits for less":      func(x *task) { x.commands = -1 },
		"waits for less, too": func(x *task) { x.commands, x.due = -1, time.Unix(1, 0) },
	} {
		l := newLab(t, "")
		l.m.Late(at("a"), register(1), 0, 1)
		change(&l.m.tasks[0])
		file, err := encode(l.m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(file); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A machine alone looks at its clock whenever it is given a command.
func TestLateMachine(t *testing.T) {
	for name, look := range map[string]func(l lab, id TaskID){
		"Execute": func(l lab, _ TaskID) { l.does("d", turRequest(), "GOOD") },
		"Begin":   func(l lab, _ TaskID) { l.m.Begin(at("d"), turRequest()) },
		"Finish":  func(l lab, id TaskID) { l.m.Finish(id, turRequest()) },
		"Late":    func(l lab, _ TaskID) { l.m.Late(at("d"), turRequest(), time.Hour, 0) },
	} {
		clock := newFakeClock()
		l := newLab(t, "")
		l.m.now = clock.clock().Now
		id, _ := l.m.Begin(at("d"), turRequest())
		l.m.Late(at("a"), register(1), time.Minute, 0)
		clock.now = clock.now.Add(time.Minute)
		if look(l, id); len(l.m.Registrations) != 1 {
			t.Errorf("%s: nothing was performed", name)
		}
	}
}

// Copies share no late command that changes, and a copy of a LUN has its clock.
func TestLateClones(t *testing.T) {
	l := newLab(t, "")
	l.does("a", writeRequest(0, 7), "GOOD")
	req := readRequest(0)
	req.Data[0] = 9 // what is in the caller's buffer is not the unit's
	l.m.Late(at("a"), req, 0, 2)
	before := l.m.Fingerprint(true)
	other := newLab(t, "")
	other.does("a", writeRequest(0, 7), "GOOD")
	other.m.Late(at("a"), readRequest(0), 0, 2)
	if other.m.Fingerprint(true) != before {
		t.Error("the buffer counts")
	}
	clone := lab{t, l.m.Clone()}
	clone.does("d", turRequest(), "GOOD")
	clone.does("d", turRequest(), "GOOD")
	if l.m.Fingerprint(true) != before || len(clone.m.tasks) != 0 {
		t.Error("the copy changed its model")
	}
	clock := newFakeClock()
	lun := newBench(t, "prout@1:late=60s")
	lun.Clock = clock.clock()
	do(t, lun.Path(at("a")), register(1), "DID_TIME_OUT")
	lun.Clone().With(func(m *Machine) { lab{t, m}.keys() })
	clock.now = clock.now.Add(time.Minute)
	lun.Clone().With(func(m *Machine) { lab{t, m}.keys(1) })
	if began := clock.now; lun.Clone().Clock.Sleep != nil {
		lun.Clone().Clock.Sleep(time.Hour)
		if clock.now.Sub(began) != time.Hour {
			t.Error("the copy sleeps by another clock")
		}
	} else {
		t.Error("the copy sleeps for real")
	}
}

// Describe, too, shows what has been performed by now.
func TestLateDescribe(t *testing.T) {
	path := create(t, Config{})
	a := open(t, path, "a")
	past := time.Now().Add(-time.Hour)
	a.Clock = Clock{Now: func() time.Time { return past }}
	if err := SetFaults(path, mustPlan(t, "prout@1:late=60s")); err != nil {
		t.Fatal(err)
	}
	do(t, a, register(1), "DID_TIME_OUT")
	if d, err := Describe(path); err != nil || len(d.Registrations) != 1 {
		t.Errorf("%+v, %v", d.Registrations, err)
	}
}
