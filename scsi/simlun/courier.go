package simlun

import (
	"context"
	"time"

	"lunguard/scsi"
)

// steps is a place where a Machine lives: step runs f on it while nobody else
// can, and keeps what f changed before it returns.
type steps interface {
	step(f func(*Machine)) error
	exit(code int)
}

// killed is the exit status of a process that died of SIGKILL, as shells show
// it.
const killed = 137

// deliver carries one command to the machine and back, with all that the
// fault plan has in store for it. The machine is never locked while time
// passes.
func deliver(ctx context.Context, at steps, from NexusID, req *scsi.Request) (scsi.Reply, error) {
	if err := ctx.Err(); err != nil {
		return scsi.Reply{}, err
	}
	var reply scsi.Reply
	var v verdict
	var id TaskID
	err := at.step(func(m *Machine) {
		if m.session(from).failed {
			reply = m.lost(req, scsi.HostNoConnect)
			return
		}
		v = m.count(from, req)
		switch {
		case v.prevents():
			reply = m.answer(v, req, scsi.Reply{})
		case v.before > 0:
			id, reply = m.Begin(from, req)
		default:
			reply = m.answer(v, req, m.Execute(from, req))
		}
	})
	if err != nil {
		return scsi.Reply{}, err
	}
	if err := wait(ctx, at, v.before, id, req, &reply); err != nil || reply.Host == scsi.HostTimeOut && id != 0 {
		return reply, err
	}
	if id != 0 {
		err := at.step(func(m *Machine) { reply = m.answer(v, req, m.Finish(id, req)) })
		if err != nil {
			return scsi.Reply{}, err
		}
	}
	if v.dies() {
		at.exit(killed)
	}
	err = wait(ctx, at, v.after, 0, req, &reply)
	return reply, err
}

// wait lets time pass, but no more than the request and the deadline of ctx
// allow: then the host takes the command back and reports a timeout. As with a
// real device, a ctx that is cancelled does not end the wait for a command that
// is on its way.
func wait(ctx context.Context, at steps, d time.Duration, id TaskID, req *scsi.Request, reply *scsi.Reply) error {
	if d == 0 {
		return nil
	}
	late := req.Timeout > 0 && d > req.Timeout
	if late {
		d = req.Timeout
	}
	var err error
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		d, err = time.Until(deadline), context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
	if err == nil && !late {
		return nil
	}
	if id != 0 {
		if stepErr := at.step(func(m *Machine) { m.Withdraw(id) }); stepErr != nil {
			return stepErr
		}
	}
	*reply = scsi.Reply{Host: scsi.HostTimeOut, Resid: len(req.Data)}
	return err
}
