package probe_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"lunguard/nvme"
	"lunguard/pr"
	"lunguard/probe"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/scsi/simlun/model"
)

// lunLie is what a LUN does otherwise in one check, to commands of the first path, or of the
// second one.
type lunLie struct {
	during probe.Check
	second bool
	// skip is how many of those that match are let through first.
	skip  int
	match func(req *scsi.Request) bool
	// do is nil for GOOD, and nothing is done.
	do func(lun *simlun.LUN, next scsi.Transport, req *scsi.Request) (scsi.Reply, error)
	// quirks, instead, are the LUN's from the beginning of that check on.
	quirks model.Quirks
	check  probe.Check
	want   probe.Result
	// why is a part of what is said of it.
	why string
}

// out matches a PERSISTENT RESERVE OUT.
func out(action scsi.OutAction) func(*scsi.Request) bool {
	return func(req *scsi.Request) bool {
		return req.Opcode() == scsi.OpPROut && scsi.OutAction(req.CDB[1]&0x1f) == action
	}
}

// in matches a PERSISTENT RESERVE IN.
func in(action scsi.InAction) func(*scsi.Request) bool {
	return func(req *scsi.Request) bool {
		return req.Opcode() == scsi.OpPRIn && scsi.InAction(req.CDB[1]&0x1f) == action
	}
}

// writes matches a write of somebody's.
func writes(by string) func(*scsi.Request) bool {
	return func(req *scsi.Request) bool {
		return req.Opcode() == scsi.OpWrite10 && bytes.Contains(req.Data, []byte(by+" initiator"))
	}
}

func conflicts(*simlun.LUN, scsi.Transport, *scsi.Request) (scsi.Reply, error) {
	return scsi.Reply{Status: scsi.ReservationConflict}, nil
}

// changed does the command, and changes what comes.
func changed(change func(data []byte)) func(*simlun.LUN, scsi.Transport, *scsi.Request) (scsi.Reply, error) {
	return func(_ *simlun.LUN, next scsi.Transport, req *scsi.Request) (scsi.Reply, error) {
		reply, err := next.Do(context.Background(), req)
		change(req.Data)
		return reply, err
	}
}

func onlyWriteExclusive() (q simlun.Quirks) {
	q.OnlyTypes.Set(scsi.WriteExclusive)
	return q
}

func lunLies() map[string]lunLie {
	return map[string]lunLie{
		"a registration is refused":                 {during: probe.Registers, match: out(scsi.OutRegister), do: conflicts, check: probe.Registers, want: probe.Broken},
		"REGISTER takes any key":                    {during: probe.WrongKey, match: out(scsi.OutRegister), check: probe.WrongKey, want: probe.Broken},
		"CLEAR takes any key":                       {during: probe.WrongKey, match: out(scsi.OutClear), check: probe.WrongKey, want: probe.Broken},
		"the full status leaves a registration out": {during: probe.FullStatus, match: in(scsi.InReadFullStatus), do: changed(func(b []byte) { clear(b[4:8]) }), check: probe.FullStatus, want: probe.Broken},
		"RESERVE does nothing":                      {during: probe.Types, match: out(scsi.OutReserve), check: probe.Types, want: probe.Broken},
		"RELEASE is refused":                        {during: probe.Types, match: out(scsi.OutRelease), do: conflicts, check: probe.Types, want: probe.Broken, why: "RELEASE, "},
		"RELEASE does nothing":                      {during: probe.Releases, match: out(scsi.OutRelease), check: probe.Releases, want: probe.Broken},
		"APTPL does nothing":                        {during: probe.Persists, match: in(scsi.InReportCapabilities), do: changed(func(b []byte) { b[3] &^= 1 }), check: probe.Persists, want: probe.Otherwise},
		"ALL_TG_PT cannot be taken off":             {during: probe.AllPorts, skip: 1, match: func(req *scsi.Request) bool { return out(scsi.OutRegister)(req) && req.Data[20]&4 != 0 }, do: conflicts, check: probe.AllPorts, want: probe.Broken},
		"a second registration is not made":         {during: probe.Initiators, second: true, match: out(scsi.OutRegisterAndIgnoreExistingKey), check: probe.Initiators, want: probe.Broken},
		"the holder cannot write":                   {during: probe.FencesWrites, match: writes("first"), do: conflicts, check: probe.FencesWrites, want: probe.Broken, why: "a write of the holder"},
		"a write is refused and done": {during: probe.FencesWrites, second: true, match: writes("second"), check: probe.FencesWrites, want: probe.Broken,
			do: func(lun *simlun.LUN, next scsi.Transport, req *scsi.Request) (scsi.Reply, error) {
				lun.With(func(m *simlun.Machine) { m.SetQuirks(simlun.Quirks{LooseFencing: true}) })
				defer lun.With(func(m *simlun.Machine) { m.SetQuirks(simlun.Quirks{}) })
				if reply, err := next.Do(context.Background(), req); reply.Status != scsi.Good {
					return reply, err
				}
				return scsi.Reply{Status: scsi.ReservationConflict}, nil
			}},
		"PREEMPT is refused":             {during: probe.Aborts, match: out(scsi.OutPreempt), do: conflicts, check: probe.Preempts, want: probe.Broken, why: "RESERVATION CONFLICT"},
		"PREEMPT does nothing":           {during: probe.Aborts, match: out(scsi.OutPreempt), check: probe.Preempts, want: probe.Broken},
		"PREEMPT AND ABORT is refused":   {during: probe.Aborts, match: out(scsi.OutPreemptAndAbort), do: conflicts, check: probe.Aborts, want: probe.Broken, why: "RESERVATION CONFLICT"},
		"PREEMPT AND ABORT does nothing": {during: probe.Aborts, match: out(scsi.OutPreemptAndAbort), check: probe.Aborts, want: probe.Broken},
		"CLEAR is refused":               {during: probe.Clears, skip: 1, match: out(scsi.OutClear), do: conflicts, check: probe.Clears, want: probe.Broken, why: "RESERVATION CONFLICT"},
		"CLEAR does nothing":             {during: probe.Clears, skip: 1, match: out(scsi.OutClear), check: probe.Clears, want: probe.Broken},
		"who preempts the holder does not hold": {during: probe.Aborts, match: out(scsi.OutPreemptAndAbort), check: probe.Aborts, want: probe.Broken,
			do: func(_ *simlun.LUN, next scsi.Transport, req *scsi.Request) (scsi.Reply, error) {
				reply, err := next.Do(context.Background(), req)
				if err == nil {
					release := scsi.PROut{Action: scsi.OutRelease, Key: pr.Key(binary.BigEndian.Uint64(req.Data)), Type: scsi.Type(req.CDB[2] & 15)}
					err = release.Execute(context.Background(), next)
				}
				return reply, err
			}},
		"REGISTER AND MOVE does nothing": {during: probe.Moves, match: out(scsi.OutRegisterAndMove), check: probe.Moves, want: probe.Broken},
		"a reset takes all off": {during: probe.Resets, match: func(req *scsi.Request) bool { return req.Function == scsi.LogicalUnitReset }, check: probe.Resets, want: probe.Broken,
			do: func(lun *simlun.LUN, _ scsi.Transport, _ *scsi.Request) (scsi.Reply, error) {
				lun.With((*simlun.Machine).PowerCycle)
				return scsi.Reply{}, nil
			}},
		"a write comes after PREEMPT AND ABORT":     {during: probe.AbortsWrites, match: writes("last"), check: probe.AbortsWrites, want: probe.Broken},
		"who was preempted goes on":                 {during: probe.AbortsWrites, quirks: simlun.Quirks{LooseFencing: true}, check: probe.AbortsWrites, want: probe.Broken, why: "goes on writing"},
		"PREEMPT AND ABORT is refused under load":   {during: probe.AbortsWrites, match: out(scsi.OutPreemptAndAbort), do: conflicts, check: probe.AbortsWrites, want: probe.Untried},
		"one registration":                          {during: probe.Registers, quirks: simlun.Quirks{MaxRegs: 1, NoSpecIPT: true}, check: probe.Initiators, want: probe.Broken},
		"three registrations":                       {during: probe.Registers, quirks: simlun.Quirks{MaxRegs: 3}, check: probe.Limit, want: probe.Broken},
		"none of the types that a cluster works by": {during: probe.Registers, quirks: onlyWriteExclusive(), check: probe.Types, want: probe.Broken, why: "no reservation of the type"},
	}
}

// lunLiar is a path of a LUN that lies.
type lunLiar struct {
	scsi.Transport
	lun    *simlun.LUN
	lie    *lunLie
	second bool
	on     *bool
}

func (l lunLiar) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	if !*l.on || l.lie.match == nil || l.lie.second != l.second || !l.lie.match(req) {
		return l.Transport.Do(ctx, req)
	}
	if l.lie.skip--; l.lie.skip >= 0 {
		return l.Transport.Do(ctx, req)
	}
	if l.lie.do == nil {
		return scsi.Reply{}, nil
	}
	return l.lie.do(l.lun, l.Transport, req)
}

// TestLies finds what a LUN says without doing it, or does without saying it.
func TestLies(t *testing.T) {
	for name, lie := range lunLies() {
		t.Run(name, func(t *testing.T) {
			lun := newLUN(t, "")
			first := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 1), 1)
			second := pathOf(lun, "/dev/sdb", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 2), 2)
			on := false
			first.Transport = lunLiar{first.Transport, lun, &lie, false, &on}
			second.Transport = lunLiar{second.Transport, lun, &lie, true, &on}
			o := options()
			o.Say = func(c probe.Check) {
				on = c == lie.during
				if on && lie.match == nil {
					lun.With(func(m *simlun.Machine) { m.SetQuirks(lie.quirks) })
				}
			}
			trial := probe.NewLUNTrial(first, &second, o)
			_, err := trial.Look(t.Context())
			if err == nil {
				err = trial.Run(t.Context())
			}
			judgeLie(t, &trial.Report, err, lie.check, lie.want, lie.why)
		})
	}
}

// judgeLie looks whether a lie was found, and nothing called fit.
func judgeLie(t *testing.T, r *probe.Report, err error, check probe.Check, want probe.Result, why string) {
	t.Helper()
	found := false
	for _, f := range r.Findings {
		found = found || f.Check == check && f.Result == want && strings.Contains(f.Why, why)
	}
	verdict := map[probe.Result]probe.Verdict{probe.Broken: probe.Unfit, probe.Otherwise: probe.FitWith, probe.Untried: probe.Unknown}[want]
	if err != nil || !found || r.Verdict() != verdict {
		t.Errorf("%v, %v\n%s", err, r.Verdict(), findings(r))
	}
}

// nsLie is the same of a namespace; action is that of the command.
type nsLie struct {
	during probe.Check
	second bool
	skip   int
	op     nvme.Opcode
	action uint32
	// by leaves out writes of others.
	by string
	// refused says that the command is a conflict, and not Success without being done.
	refused bool
	change  func([]byte)
	// returns says that who is removed is registered again at once.
	returns bool
	check   probe.Check
}

// Actions of Reservation Register, Acquire and Release.
const (
	registers, unregisters, replaces = 0, 1, 2
	acquires, preempts, aborts       = 0, 1, 2
	releases, clears                 = 0, 1
)

func nsLies() map[string]nsLie {
	return map[string]nsLie{
		"a registration is refused":           {during: probe.Registers, op: nvme.OpRegister, action: registers, refused: true, check: probe.Registers},
		"a registration does nothing":         {during: probe.Registers, op: nvme.OpRegister, action: registers, check: probe.Registers},
		"replace takes any key":               {during: probe.WrongKey, op: nvme.OpRegister, action: replaces, check: probe.WrongKey},
		"acquire takes any key":               {during: probe.WrongKey, op: nvme.OpAcquire, action: acquires, check: probe.WrongKey},
		"clear takes any key":                 {during: probe.WrongKey, op: nvme.OpRelease, action: clears, check: probe.WrongKey},
		"another host is told of":             {during: probe.FullStatus, op: nvme.OpReport, change: func(b []byte) { clear(b[80:]) }, check: probe.FullStatus},
		"acquire does nothing":                {during: probe.Types, op: nvme.OpAcquire, action: acquires, check: probe.Types},
		"acquire is refused":                  {during: probe.Types, op: nvme.OpAcquire, action: acquires, refused: true, check: probe.Types},
		"release is refused":                  {during: probe.Types, op: nvme.OpRelease, action: releases, refused: true, check: probe.Types},
		"a second registration does nothing":  {during: probe.Initiators, second: true, op: nvme.OpRegister, action: replaces, check: probe.Initiators},
		"preempt is refused":                  {during: probe.Announcements, op: nvme.OpAcquire, action: preempts, refused: true, check: probe.Preempts},
		"preempt and abort is refused":        {during: probe.Aborts, op: nvme.OpAcquire, action: aborts, refused: true, check: probe.Aborts},
		"preempt and abort does nothing":      {during: probe.Aborts, op: nvme.OpAcquire, action: aborts, check: probe.Aborts},
		"who was removed is there again":      {during: probe.Aborts, op: nvme.OpAcquire, action: aborts, returns: true, check: probe.Aborts},
		"clear is refused":                    {during: probe.Clears, skip: 1, op: nvme.OpRelease, action: clears, refused: true, check: probe.Clears},
		"clear does nothing":                  {during: probe.Clears, skip: 1, op: nvme.OpRelease, action: clears, check: probe.Clears},
		"a write comes after it was aborted":  {during: probe.AbortsWrites, op: nvme.OpWrite, by: "last initiator", check: probe.AbortsWrites},
		"a holder cannot write":               {during: probe.FencesWrites, op: nvme.OpWrite, refused: true, check: probe.FencesWrites},
		"who is not registered may not read":  {during: probe.FencesWrites, second: true, op: nvme.OpRead, refused: true, check: probe.FencesReads},
		"who is not registered writes freely": {during: probe.FencesWrites, second: true, op: nvme.OpWrite, check: probe.FencesWrites},
	}
}

type nsLiar struct {
	nvme.Transport
	lie    *nsLie
	second bool
	on     *bool
	// other is the second host, without a lie.
	other nvme.Transport
}

func (l nsLiar) Do(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
	reserves := req.Opcode == nvme.OpRegister || req.Opcode == nvme.OpAcquire || req.Opcode == nvme.OpRelease
	if !*l.on || l.lie.second != l.second || req.Opcode != l.lie.op || reserves && req.Words[0]&7 != l.lie.action || !bytes.Contains(req.Data, []byte(l.lie.by)) {
		return l.Transport.Do(ctx, req)
	}
	if l.lie.skip--; l.lie.skip >= 0 {
		return l.Transport.Do(ctx, req)
	}
	switch {
	case l.lie.change != nil:
		reply, err := l.Transport.Do(ctx, req)
		l.lie.change(req.Data)
		return reply, err
	case l.lie.returns:
		reply, err := l.Transport.Do(ctx, req)
		if err == nil {
			_, err = nvme.Exec(ctx, l.other, (&nvme.Register{Action: nvme.ReplaceKey, IgnoreKey: true, New: pr.Key(binary.LittleEndian.Uint64(req.Data[8:]))}).Encode())
		}
		return reply, err
	case l.lie.refused:
		return nvme.Reply{Status: nvme.ReservationConflict}, nil
	}
	return nvme.Reply{}, nil
}

// TestNamespaceLies is TestLies for a namespace.
func TestNamespaceLies(t *testing.T) {
	for name, lie := range nsLies() {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t, "")
			first, second := hostPath(t, ns, 1), hostPath(t, ns, 2)
			on := false
			honest := second.Transport
			second.Open = func() (nvme.Transport, io.Closer, error) { return honest, nothing{}, nil }
			first.Transport = nsLiar{first.Transport, &lie, false, &on, honest}
			second.Transport = nsLiar{second.Transport, &lie, true, &on, honest}
			o := options()
			o.Say = func(c probe.Check) { on = c == lie.during }
			trial := probe.NewNamespaceTrial(first, &second, o)
			_, err := trial.Look(t.Context())
			if err == nil {
				err = trial.Run(t.Context())
			}
			judgeLie(t, &trial.Report, err, lie.check, probe.Broken, "")
		})
	}
}
