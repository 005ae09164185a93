package registry

import (
	"encoding/binary"
	"errors"
	"slices"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// Commands are a registry with the commands that change it, as whole steps.
type Commands struct{ Registry }

// New has no registrations.
func New(cfg *model.Config) Commands {
	return Commands{Registry{Nexuses: Nexuses{Model: model.Model{Cfg: cfg}}}}
}

// Clone shares nothing that changes.
func (m *Commands) Clone() Commands {
	c := *m
	c.Registrations = slices.Clone(m.Registrations)
	c.Sessions = slices.Clone(m.Sessions)
	return c
}

// Out is PERSISTENT RESERVE OUT. SPC-4 6.16. The checks come in the order
// of the standard's wording: service action, list length, fields that may not
// be set, registration, key, scope and type. Nothing changes unless the
// answer is GOOD. abort ends the commands in flight of the nexuses that of picks.
func (m *Commands) Out(from model.NexusID, req *scsi.Request, abort func(of func(model.NexusID) bool)) scsi.Reply {
	q := m.Quirks()
	action := scsi.OutAction(req.CDB[1] & 0x1f)
	switch {
	case q.LiesGood:
		return m.Status(req, scsi.Good)
	case action > scsi.OutRegisterAndMove, // 08h needs RLR_C, which is 0
		action == scsi.OutRegisterAndIgnoreExistingKey && q.NoRegIgnore,
		action == scsi.OutRegisterAndMove && q.NoRegisterMove:
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	case action == scsi.OutPreemptAndAbort && q.NoPreemptAndAbort:
		return m.Illegal(req, scsi.InvalidOpcode)
	}
	var list []byte
	if req.Dir == scsi.DataOut {
		list = req.Data
	}
	if action == scsi.OutRegisterAndMove {
		move, err := scsi.UnmarshalRegisterMove(req.CDB, list)
		if err != nil {
			return m.badList(req, err)
		}
		return m.registerMove(from, req, move)
	}
	out, err := scsi.UnmarshalPROut(req.CDB, list)
	if err != nil {
		return m.badList(req, err)
	}
	registers := action == scsi.OutRegister || action == scsi.OutRegisterAndIgnoreExistingKey
	switch {
	case out.TransportIDs != nil && (action != scsi.OutRegister || q.NoSpecIPT),
		registers && out.APTPL && q.NoAPTPL,
		registers && out.AllTgtPort && q.NoAllTgPt:
		return m.Illegal(req, scsi.InvalidFieldInParameterList)
	}
	if registers {
		return m.register(from, req, out)
	}
	at := m.registered(from)
	if at < 0 || m.Registrations[at].Key != out.Key && !(q.ReserveAnyKey && action == scsi.OutReserve) {
		return m.Conflict(req)
	}
	switch action {
	case scsi.OutReserve:
		return m.reserve(from, req, out)
	case scsi.OutRelease:
		return m.releaseCommand(from, req, out)
	case scsi.OutClear:
		return m.clear(from, req)
	}
	if action != scsi.OutPreemptAndAbort {
		abort = nil
	}
	return m.preempt(from, req, out, abort)
}

// badList turns a decoding error into sense data: 1A/00 if the list is not as
// long as the CDB says or the action demands, 26/00 if TransportIDs inside it
// do not fit. SPC-4 6.16.3, 6.16.4.
func (m *Commands) badList(req *scsi.Request, err error) scsi.Reply {
	said := int64(binary.BigEndian.Uint32(req.CDB[5:]))
	carriesIDs := said >= 24 && said == int64(len(req.Data)) &&
		(scsi.OutAction(req.CDB[1]&0x1f) == scsi.OutRegisterAndMove || req.Data[20]&8 != 0)
	if errors.Is(err, scsi.ErrListLength) && !carriesIDs {
		return m.Illegal(req, scsi.ParameterListLengthError)
	}
	return m.Illegal(req, scsi.InvalidFieldInParameterList)
}

// usable reports whether scope and type are such that the device can make a
// reservation of them.
func (m *Commands) usable(out *scsi.PROut) bool {
	return out.Scope == scsi.LUScope && m.Quirks().Supports(out.Type)
}

// reserve is RESERVE. SPC-4 5.13.9: the holder may repeat what it has; a
// change of type goes by PREEMPT only.
func (m *Commands) reserve(from model.NexusID, req *scsi.Request, out *scsi.PROut) scsi.Reply {
	switch {
	case !m.usable(out):
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	case m.Reserved == 0:
		m.hold(from, out.Type)
	case !m.holds(m.Find(from)) || m.Reserved != out.Type:
		return m.Conflict(req)
	}
	return m.Status(req, scsi.Good)
}

// releaseCommand is RELEASE. SPC-4 5.13.11.2.2.
func (m *Commands) releaseCommand(from model.NexusID, req *scsi.Request, out *scsi.PROut) scsi.Reply {
	switch {
	case !m.usable(out):
		return m.Illegal(req, scsi.InvalidFieldInCDB)
	case !m.holds(m.Find(from)):
		return m.Status(req, scsi.Good)
	case m.Reserved != out.Type:
		return m.Illegal(req, scsi.InvalidRelease)
	}
	was := m.Reserved
	m.release()
	m.attendRelease(from, was)
	return m.Status(req, scsi.Good)
}

// clear is CLEAR. SPC-4 5.13.11.2.8. It leaves APTPL as it is.
func (m *Commands) clear(from model.NexusID, req *scsi.Request) scsi.Reply {
	m.attendOthers(from, scsi.ReservationsPreempted)
	m.release()
	m.Registrations = nil
	m.Generation++
	return m.Status(req, scsi.Good)
}
