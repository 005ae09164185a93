package sgpersist

import (
	"context"

	"lunguard/scsi"
)

// writeName is the service action as the original calls it.
func writeName(a scsi.OutAction) string {
	switch a {
	case scsi.OutRegister:
		return "Register"
	case scsi.OutReserve:
		return "Reserve"
	case scsi.OutRelease:
		return "Release"
	case scsi.OutClear:
		return "Clear"
	case scsi.OutPreempt:
		return "Preempt"
	case scsi.OutPreemptAndAbort:
		return "Preempt and abort"
	case scsi.OutRegisterAndIgnoreExistingKey:
		return "Register and ignore existing key"
	case scsi.OutRegisterAndMove:
		return "register and move"
	}
	return "Replace lost reservation"
}

// write carries out one service action of PERSISTENT RESERVE OUT.
func (d *device) write(ctx context.Context, n *nexus, action scsi.OutAction) status {
	c := &command{lead: "Persistent reservation out", dir: scsi.DataOut}
	if action == scsi.OutRegisterAndMove {
		c.cdb, c.data = d.opts.move().Marshal()
	} else {
		c.cdb, c.data = d.opts.change(action).Marshal()
	}
	c.anew = registersAnew(action, d.opts)
	_, s := n.do(ctx, c)
	name, moves := writeName(action), action == scsi.OutRegisterAndMove
	switch s {
	case success:
		switch {
		case d.opts.verbose == 0:
		case moves:
			d.errorf("PR out (%s): command successful\n", name)
		default:
			d.errorf("PR out: command (%s) successful\n", name)
		}
	case invalidOpcode:
		d.errorf("PR out (%s): command not supported\n", name)
	case illegalRequest:
		d.errorf("PR out (%s): bad field in cdb (perhaps unsupported service action)\n", name)
	case invalidParam:
		if moves {
			d.errorf("PR out (%s): bad field in parameter list\n", name)
		} else {
			d.errorf("PR out (%s): bad field parameter list\n", name)
		}
	default:
		d.errorf("PR out (%s): %s\n", name, d.category(s))
	}
	return s
}

// registersAnew reports whether the command makes a registration where there
// may be none.
func registersAnew(action scsi.OutAction, o *Options) bool {
	switch action {
	case scsi.OutRegister:
		return o.key == 0 && o.actionKey != 0
	case scsi.OutRegisterAndIgnoreExistingKey:
		return o.actionKey != 0
	}
	return false
}

// change is the command of every service action but REGISTER AND MOVE.
func (o *Options) change(action scsi.OutAction) *scsi.PROut {
	return &scsi.PROut{
		Action: action, Type: o.typ, Key: o.key, ActionKey: o.actionKey,
		APTPL: o.aptpl, AllTgtPort: o.allTargetPorts, TransportIDs: o.transportIDs,
	}
}

// move is the command of REGISTER AND MOVE.
func (o *Options) move() *scsi.RegisterMove {
	return &scsi.RegisterMove{
		Type: o.typ, Key: o.key, ActionKey: o.actionKey, Unregister: o.unregister, APTPL: o.aptpl,
		RelativePort: o.port, Destination: o.transportIDs[0],
	}
}
