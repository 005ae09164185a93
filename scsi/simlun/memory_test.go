package simlun

import (
	"sync"
	"testing"

	"lunguard/scsi"
)

func TestMemoryClone(t *testing.T) {
	lun := newBench(t, "")
	p := lun.Nexus(at("d").Port(), 1)
	if p.ID() != at("d") {
		t.Errorf("%s", p.ID())
	}
	do(t, p, writeRequest(0, 1), "GOOD")
	do(t, p, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
	clone := lun.Clone()
	if clone.Fingerprint(true) != lun.Fingerprint(true) {
		t.Error("the clone differs")
	}
	do(t, clone.Path(at("d")), writeRequest(0, 2), "GOOD")
	do(t, clone.Path(at("d")), outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 1}), "GOOD")
	req := readRequest(0)
	do(t, p, req, "GOOD")
	if req.Data[0] != 1 {
		t.Error("the clone wrote into its model")
	}
	do(t, p, outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 1}), "GOOD")
}

// TestConcurrent lets goroutines at one unit, for the race detector, and
// counts as TestProcesses does.
func TestConcurrent(t *testing.T) {
	lun := newBench(t, "write@every:delay=1us prin@5:after:busy")
	var group sync.WaitGroup
	counts := make([]int, 4)
	for i := range counts {
		p := lun.Nexus(scsi.SASTransportID(uint64(i+1)), 1)
		key := scsi.Key(i + 1)
		group.Go(func() {
			for n := range 50 {
				for _, out := range []scsi.PROut{
					{Action: scsi.OutRegisterAndIgnoreExistingKey, ActionKey: key},
					{Action: scsi.OutReserve, Key: key, Type: wero},
					{Action: scsi.OutPreemptAndAbort, Key: key, ActionKey: scsi.Key(n%4 + 1), Type: wero},
				} {
					r, err := p.Do(t.Context(), outRequest(out))
					if err != nil {
						t.Error(err)
					}
					if r.Status == scsi.Good && out.Action != scsi.OutReserve {
						counts[i]++
					}
				}
				for _, req := range []*scsi.Request{writeRequest(0, byte(i)), readRequest(0), inRequest(scsi.InReadKeys, 256)} {
					if _, err := p.Do(t.Context(), req); err != nil {
						t.Error(err)
					}
				}
				lun.Clone().Fingerprint(true)
			}
		})
	}
	group.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	lun.With(func(m *Machine) {
		if int(m.Generation) != sum || consistent(m) != nil || len(m.tasks) != 0 {
			t.Errorf("PRGENERATION %d, want %d; %+v", m.Generation, sum, m.Describe())
		}
	})
}

// TestTaskSet looks at commands in flight one step at a time.
func TestTaskSet(t *testing.T) {
	begin := func(l lab, n string) TaskID {
		id, reply := l.m.Begin(at(n), writeRequest(0, 1))
		if id == 0 {
			t.Fatal(words(reply))
		}
		return id
	}
	preempt := func(action scsi.OutAction, victim scsi.Key) func(lab) {
		return func(l lab) {
			l.out("c", scsi.PROut{Action: action, Key: 2, ActionKey: victim, Type: wear}, "GOOD")
		}
	}
	for name, x := range map[string]struct {
		typ    scsi.Type
		event  func(lab)
		a, out string // what comes of a command of registrant a, and of d
	}{
		"nothing":             {wero, func(lab) {}, "GOOD", "GOOD"},
		"PREEMPT":             {wero, preempt(scsi.OutPreempt, 1), "GOOD", "GOOD"},
		"PREEMPT AND ABORT":   {wero, preempt(scsi.OutPreemptAndAbort, 1), "TASK ABORTED", "GOOD"},
		"P&A of all":          {wear, preempt(scsi.OutPreemptAndAbort, 0), "TASK ABORTED", "TASK ABORTED"},
		"P&A of one of all":   {wear, preempt(scsi.OutPreemptAndAbort, 1), "TASK ABORTED", "GOOD"},
		"CLEAR":               {wero, func(l lab) { l.out("c", scsi.PROut{Action: scsi.OutClear, Key: 2}, "GOOD") }, "GOOD", "GOOD"},
		"reset":               {wero, func(l lab) { l.m.ResetLU() }, "TASK ABORTED", "TASK ABORTED"},
		"power cycle":         {wero, func(l lab) { l.m.PowerCycle() }, "TASK ABORTED", "TASK ABORTED"},
		"logout":              {wero, func(l lab) { l.m.NexusLoss(at("a")) }, "TASK ABORTED", "GOOD"},
		"the clone's abort":   {wero, func(l lab) { preempt(scsi.OutPreemptAndAbort, 1)(lab{l.t, l.m.Clone()}) }, "GOOD", "GOOD"},
		"a new reservation":   {0, func(l lab) { l.reserve("c", 2, scsi.ExclusiveAccess) }, "GOOD", "GOOD"},
		"a new RESERVE(6)":    {0, func(l lab) { l.does("c", &scsi.Request{CDB: []byte{0x16, 0, 0, 0, 0, 0}}, "RC") }, "GOOD", "GOOD"},
		"the victim vanishes": {wero, func(l lab) { l.out("a", scsi.PROut{Action: scsi.OutRegister, Key: 1}, "GOOD") }, "GOOD", "GOOD"},
	} {
		l := newLab(t, "")
		l.register("a", 1)
		l.register("c", 2)
		outsider := begin(l, "d") // before anything is reserved
		if x.typ != 0 {
			l.reserve("a", 1, x.typ)
		}
		registrant := begin(l, "a")
		x.event(l)
		if got := words(l.m.Finish(registrant, writeRequest(0, 1))); got != x.a {
			t.Errorf("%s: registrant: %s, want %s", name, got, x.a)
		}
		if got := words(l.m.Finish(outsider, writeRequest(0, 1))); got != x.out {
			t.Errorf("%s: outsider: %s, want %s", name, got, x.out)
		}
	}
}
