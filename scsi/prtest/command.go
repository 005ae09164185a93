package prtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"lunguard/scsi"
)

// command is one command of a table, or something that happens to the unit.
type command struct {
	name  string
	build func(bench *Bench, by nexus) *scsi.Request
	// accept replaces GOOD by what it says of an answer; nil takes it as it is.
	accept func(ctx context.Context, bench *Bench, by nexus, req *scsi.Request, reply scsi.Reply) (string, error)
	// happens is set instead of build for what is no command.
	happens          func(bench *Bench) error
	offered          func(bench *Bench) bool
	resetsGeneration bool
}

func (k command) event() bool { return k.happens != nil }

// outcome sends the command and says in the tables' words what came of it.
func (k command) outcome(ctx context.Context, bench *Bench, by nexus) (string, error) {
	if k.happens != nil {
		return good, k.happens(bench)
	}
	req := k.build(bench, by)
	reply, err := bench.Paths[by].Transport.Do(ctx, req)
	if err != nil {
		return "", err
	}
	if k.accept != nil {
		return k.accept(ctx, bench, by, req, reply)
	}
	return inWords(reply), nil
}

// inWords is GOOD, RC, key/asc/ascq, or what else came.
func inWords(reply scsi.Reply) string {
	switch {
	case reply.Status == scsi.ReservationConflict && len(reply.Sense) != 0:
		return "RC with sense data"
	case reply.Status == scsi.ReservationConflict:
		return conflict
	case reply.Host != scsi.HostOK:
		return reply.Host.String()
	case reply.Status == scsi.CheckCondition:
		s, err := scsi.DecodeSense(reply.Sense)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%X/%s", uint8(s.Key), code(s.ASC))
	case reply.Status == scsi.Good:
		return good
	}
	return reply.Status.String()
}

// option changes a PERSISTENT RESERVE OUT before it is sent.
type option struct {
	name  string
	apply func(*Bench, *scsi.PROut)
}

// out makes a command of a parameter list.
func out(name string, p scsi.PROut, options ...option) command {
	for _, o := range options {
		if o.name != "" {
			name += " " + o.name
		}
	}
	return command{name: name, build: func(bench *Bench, _ nexus) *scsi.Request {
		q := p
		for _, o := range options {
			o.apply(bench, &q)
		}
		cdb, list := q.Marshal()
		return &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list}
	}}
}

// with adds options to a command made by out.
func (k command) with(options ...option) command {
	inner := k.build
	for _, o := range options {
		if o.name != "" {
			k.name += " " + o.name
		}
	}
	k.build = func(bench *Bench, by nexus) *scsi.Request {
		req := inner(bench, by)
		p, err := scsi.UnmarshalPROut(req.CDB, req.Data)
		if err != nil {
			return req
		}
		for _, o := range options {
			o.apply(bench, p)
		}
		cdb, list := p.Marshal()
		return &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list}
	}
	return k
}

func aptpl() option { return option{"APTPL", func(_ *Bench, p *scsi.PROut) { p.APTPL = true }} }

func aptplIf(v bool) option {
	return option{"", func(_ *Bench, p *scsi.PROut) { p.APTPL = p.APTPL || v }}
}

func allPorts() option {
	return option{"ALL_TG_PT", func(_ *Bench, p *scsi.PROut) { p.AllTgtPort = true }}
}

func scope(s scsi.Scope) option {
	return option{fmt.Sprintf("scope=%X", uint8(s)), func(_ *Bench, p *scsi.PROut) { p.Scope = s }}
}

// specify sets SPEC_I_PT with the ports of the nexuses.
func specify(list ...nexus) option {
	name := "SPEC_I_PT="
	for _, n := range list {
		name += n.String()
	}
	return option{name, func(bench *Bench, p *scsi.PROut) {
		p.TransportIDs = []scsi.TransportID{}
		for _, n := range list {
			p.TransportIDs = append(p.TransportIDs, bench.port(n))
		}
	}}
}

func register(old, key scsi.Key) command {
	return out(fmt.Sprintf("REGISTER %x->%x", uint64(old), uint64(key)), scsi.PROut{Action: scsi.OutRegister, Key: old, ActionKey: key})
}

// unregister is REGISTER to key 0: some devices do not count it.
func unregister(old scsi.Key) command {
	return out(fmt.Sprintf("unregisters %x", uint64(old)), scsi.PROut{Action: scsi.OutRegister, Key: old})
}

func ignore(rk, key scsi.Key) command {
	return out(fmt.Sprintf("REGISTER AND IGNORE %x->%x", uint64(rk), uint64(key)),
		scsi.PROut{Action: scsi.OutRegisterAndIgnoreExistingKey, Key: rk, ActionKey: key})
}

func ignoreUnregister(rk scsi.Key) command {
	return out(fmt.Sprintf("unregisters with IGNORE %x", uint64(rk)), scsi.PROut{Action: scsi.OutRegisterAndIgnoreExistingKey, Key: rk})
}

func reserve(key scsi.Key, t scsi.Type) command {
	return out(fmt.Sprintf("RESERVE %x %s", uint64(key), typeName(t)), scsi.PROut{Action: scsi.OutReserve, Key: key, Type: t})
}

func release(key scsi.Key, t scsi.Type) command {
	return out(fmt.Sprintf("RELEASE %x %s", uint64(key), typeName(t)), scsi.PROut{Action: scsi.OutRelease, Key: key, Type: t})
}

func clearAll(key scsi.Key) command {
	return out(fmt.Sprintf("CLEAR %x", uint64(key)), scsi.PROut{Action: scsi.OutClear, Key: key})
}

func preempt(key, victim scsi.Key, t scsi.Type) command {
	return out(fmt.Sprintf("PREEMPT %x->%x %s", uint64(key), uint64(victim), typeName(t)),
		scsi.PROut{Action: scsi.OutPreempt, Key: key, ActionKey: victim, Type: t})
}

// aborting makes PREEMPT AND ABORT of PREEMPT.
func (k command) aborting() command {
	inner := k.build
	k.name = "P&A" + k.name[len("PREEMPT"):]
	k.build = func(bench *Bench, by nexus) *scsi.Request {
		req := inner(bench, by)
		req.CDB[1] = byte(scsi.OutPreemptAndAbort)
		return req
	}
	return k
}

// move is REGISTER AND MOVE; change may spoil the request.
func move(key, newKey scsi.Key, to nexus, unreg bool, change ...func(*scsi.Request)) command {
	name := fmt.Sprintf("MOVE %x->%s:%x", uint64(key), to, uint64(newKey))
	if unreg {
		name += " UNREG"
	}
	return command{name: name, build: func(bench *Bench, by nexus) *scsi.Request {
		port := bench.Paths[by].RelativePort
		if to != x {
			port = bench.Paths[to].RelativePort
		}
		p := scsi.RegisterMove{Key: key, ActionKey: newKey, Unregister: unreg, RelativePort: port, Destination: bench.port(to)}
		cdb, list := p.Marshal()
		req := &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list}
		for _, f := range change {
			f(req)
		}
		return req
	}}
}

// spoiled sends another command's request after changing its bytes.
func (k command) spoiled(how string, change func(*scsi.Request)) command {
	inner := k.build
	k.name += " " + how
	k.build = func(bench *Bench, by nexus) *scsi.Request {
		req := inner(bench, by)
		change(req)
		return req
	}
	return k
}

// listOf makes the parameter list n bytes long.
func listOf(n int) func(*scsi.Request) {
	return func(req *scsi.Request) {
		list := make([]byte, n)
		copy(list, req.Data)
		req.Data = list
		binary.BigEndian.PutUint32(req.CDB[5:], uint32(n))
	}
}

// plain is a command without persistent reservations of its own.
func plain(name string, dir scsi.Direction, size int, cdb ...byte) command {
	return command{name: name, build: func(*Bench, nexus) *scsi.Request {
		return &scsi.Request{CDB: bytes.Clone(cdb), Dir: dir, Data: make([]byte, size)}
	}}
}

// prIn is PERSISTENT RESERVE IN whose answer must be the beginning of the one
// that has room enough; cutWrong if it is not.
func prIn(action scsi.InAction, alloc int) command {
	k := plain(fmt.Sprintf("%s alloc=%d", action, alloc), scsi.DataIn, alloc, prInCDB(action, alloc)...)
	k.accept = func(ctx context.Context, bench *Bench, by nexus, req *scsi.Request, reply scsi.Reply) (string, error) {
		if inWords(reply) != good {
			return inWords(reply), nil
		}
		whole := &scsi.Request{CDB: prInCDB(action, 32768), Dir: scsi.DataIn, Data: make([]byte, 32768)}
		wholeReply, err := bench.Paths[by].Transport.Do(ctx, whole)
		if err == nil && inWords(wholeReply) != good {
			err = fmt.Errorf("the whole answer: %s", inWords(wholeReply))
		}
		if err != nil {
			return "", err
		}
		want := whole.Data[:len(whole.Data)-wholeReply.Resid]
		want = want[:min(len(want), alloc)]
		if got := req.Data[:len(req.Data)-reply.Resid]; !bytes.Equal(got, want) {
			return cutWrong, nil
		}
		return good, nil
	}
	return k
}

func prInCDB(action scsi.InAction, alloc int) []byte {
	return []byte{byte(scsi.OpPRIn), byte(action), 0, 0, 0, 0, 0, byte(alloc >> 8), byte(alloc), 0}
}

// passes wraps a command of the access table: anything but a conflict is GOOD,
// because a device need not know every command.
func (k command) passes() command {
	k.accept = func(_ context.Context, _ *Bench, _ nexus, _ *scsi.Request, reply scsi.Reply) (string, error) {
		if inWords(reply) == conflict {
			return conflict, nil
		}
		return good, nil
	}
	return k
}

// requestSense is REQUEST SENSE; the outcome tells the sense data that came.
func requestSense() command {
	k := plain("REQUEST SENSE", scsi.DataIn, 18, 0x03, 0, 0, 0, 18, 0)
	k.accept = func(_ context.Context, _ *Bench, _ nexus, req *scsi.Request, reply scsi.Reply) (string, error) {
		if inWords(reply) != good {
			return inWords(reply), nil
		}
		s, err := scsi.DecodeSense(req.Data[:len(req.Data)-reply.Resid])
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("GOOD %X/%s", uint8(s.Key), code(s.ASC)), nil
	}
	return k
}

func testUnitReady() command { return plain("TUR", scsi.NoData, 0, 0, 0, 0, 0, 0, 0) }

func powerCycle() command {
	return command{name: "power cycle", resetsGeneration: true,
		happens: func(bench *Bench) error { return bench.PowerCycle() },
		offered: func(bench *Bench) bool { return bench.PowerCycle != nil }}
}

func resetLU() command {
	return command{name: "LU reset",
		happens: func(bench *Bench) error { return bench.ResetLU() },
		offered: func(bench *Bench) bool { return bench.ResetLU != nil }}
}

func relogin(n nexus) command {
	return command{name: n.String() + " logs out and in",
		happens: func(bench *Bench) error { return bench.Relogin(int(n)) },
		offered: func(bench *Bench) bool { return bench.Relogin != nil }}
}
