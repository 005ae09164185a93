package simlun

import (
	"context"
	"fmt"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun/fault"
)

// steps is a place where a Machine lives: step runs f on it while nobody else
// can, and keeps what f changed before it returns.
type steps interface {
	step(f func(*Machine)) error
	exit(code int)
	clock() Clock
}

// killed is the exit status of a process that died of SIGKILL, as shells show
// it.
const killed = 137

// deliver carries one command to the machine and back, with all that the
// fault plan has in store for it. The machine is never locked while time
// passes.
//
// A command that is not performed when the deadline of ctx passes is late from
// then on ([Machine.Late]), as one that the kernel does not return: the error is
// scsi.ErrStillUnderWay and context.DeadlineExceeded. The timeout of a request is
// the kernel's own: the command is taken back, with host status DID_TIME_OUT.
func deliver(ctx context.Context, at steps, from NexusID, req *scsi.Request) (scsi.Reply, error) {
	if err := ctx.Err(); err != nil {
		return scsi.Reply{}, err
	}
	var reply scsi.Reply
	var v fault.Verdict
	var id TaskID
	err := at.step(func(m *Machine) {
		if m.Session(from).Failed {
			reply = m.Fail(req, scsi.HostNoConnect)
			return
		}
		v = m.faults.Count(from, req)
		switch {
		case v.Prevents():
			if a := v.Fault.Action; a.Kind == fault.Late {
				m.Late(from, req, a.Delay, a.Count)
			}
			reply = answer(m, v, from, req, scsi.Reply{})
		case v.Before > 0:
			id, reply = m.admit(from, req)
		default:
			reply = execute(m, v, from, req, func(r *scsi.Request) scsi.Reply { return m.Execute(from, r) })
		}
	})
	if err != nil {
		return scsi.Reply{}, err
	}
	if err := wait(ctx, at, v.Before, id, req, &reply); err != nil {
		return scsi.Reply{}, err
	}
	if reply.Host == scsi.HostTimeOut && id != 0 {
		return reply, nil
	}
	if id != 0 {
		err := at.step(func(m *Machine) {
			reply = execute(m, v, from, req, func(r *scsi.Request) scsi.Reply { return m.Finish(id, r) })
		})
		if err != nil {
			return scsi.Reply{}, err
		}
	}
	if v.Dies() {
		at.exit(killed)
	}
	if err := wait(ctx, at, v.After, 0, req, &reply); err != nil {
		return scsi.Reply{}, err
	}
	return reply, nil
}

// wait lets time pass, but no more than the request and the deadline of ctx
// allow: see deliver. As with a real device, a ctx that is cancelled does not end
// the wait for a command that is on its way.
func wait(ctx context.Context, at steps, d time.Duration, id TaskID, req *scsi.Request, reply *scsi.Reply) error {
	if d == 0 {
		return nil
	}
	clock := at.clock()
	now := clock.now()
	due := now.Add(d)
	timedOut := req.Timeout > 0 && d > req.Timeout
	if timedOut {
		d = req.Timeout
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(now) < d {
		clock.sleep(deadline.Sub(now))
		err := at.step(func(m *Machine) { m.tasks.postpone(id, req, due, 0) })
		if err == nil {
			err = fmt.Errorf("%w: %w", scsi.ErrStillUnderWay, context.DeadlineExceeded)
		}
		return err
	}
	clock.sleep(d)
	if !timedOut {
		return nil
	}
	*reply = scsi.Reply{Host: scsi.HostTimeOut, Resid: len(req.Data)}
	if id == 0 {
		return nil
	}
	return at.step(func(m *Machine) { m.Withdraw(id) })
}
