package protocol

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// simulated is the state of a simulated device of either kind, and how the commands of
// a node's paths come to it. What performs a command changes it: work on a copy.
type simulated interface {
	copied() simulated
	state() *pr.State
	// appendTo appends all of it that a command could see.
	appendTo(key []byte) []byte
	// login makes the path of a node known.
	login(node string, path int)
	perform(node string, path int, c *command, buffer []byte) answer
}

// unitState is a SCSI LUN; counted says that what is decided there depends on
// PRGENERATION.
type unitState struct {
	*simlun.Machine
	counted bool
}

func (u unitState) copied() simulated { return unitState{u.Clone(), u.counted} }
func (u unitState) state() *pr.State  { return u.State() }

func (u unitState) appendTo(key []byte) []byte {
	key = u.AppendFingerprint(key, u.counted)
	for _, r := range u.State().Registrations {
		// Protocols may depend on the order, which a fingerprint leaves out.
		key = binary.BigEndian.AppendUint64(key, uint64(r.Key))
		key = append(key, byte(r.RelativePort))
		key = append(key, scsi.PortOf(r.Initiator).Bytes()...)
	}
	return key
}

func (u unitState) login(node string, path int) {
	u.Login(simlun.MakeNexus(port(node, path), uint16(path+1)))
}

func (u unitState) perform(node string, path int, c *command, buffer []byte) answer {
	req := *c.req.(scsiRequest).Request
	if req.Dir == scsi.DataIn {
		req.Data = buffer[:c.length]
	}
	a := answer{}
	a.reply = u.Execute(simlun.MakeNexus(port(node, path), uint16(path+1)), &req)
	if req.Dir == scsi.DataIn {
		data := req.Data[:len(req.Data)-a.reply.Resid]
		a.data = slices.Clone(data)
		clear(data)
	}
	return a
}

// spaceState is an NVMe namespace.
type spaceState struct{ *simns.Machine }

func (n spaceState) copied() simulated { return spaceState{n.Clone()} }

func (n spaceState) state() *pr.State {
	s, err := n.Report().State()
	if err != nil {
		panic(err)
	}
	return s
}

func (n spaceState) appendTo(key []byte) []byte { return n.AppendFingerprint(key) }
func (n spaceState) login(string, int)          {}

func (n spaceState) perform(node string, path int, c *command, buffer []byte) answer {
	req := *c.req.(nvmeRequest).Request
	if req.Opcode.ReadsData() {
		req.Data = buffer[:c.length]
		nvme.Blank(req.Data)
	}
	a := answer{status: n.Execute(controller(node, path), &req).Status}
	if req.Opcode.ReadsData() {
		a.data = slices.Clone(withoutBlank(req.Data))
	}
	return a
}

// withoutBlank is what was put into a buffer from its beginning.
func withoutBlank(b []byte) []byte {
	n := len(b)
	for n > 0 && b[n-1] == 0xff {
		n--
	}
	return b[:n]
}

// hostOf is the host identifier of a node, or, with the path aPast, the one that it had
// before it was installed anew.
func hostOf(node string, path int) nvme.HostID {
	id := [16]byte{0xaa, byte(nodeNumber(node))}
	if path == aPast {
		id[15] = 1
	}
	h, err := nvme.MakeHostID(id[:])
	if err != nil {
		panic(err)
	}
	return h
}

// controller is the one that a node's path goes to.
func controller(node string, path int) simns.Controller {
	return simns.Controller{ID: uint16(1 + 2*nodeNumber(node) + path), Host: hostOf(node, path)}
}

// request is a command of either kind.
type request interface {
	// head is what of it tells answers apart that are put together.
	head() []byte
	// out reports whether it is one about reservations that changes something, resets
	// whether it ends all commands, preempts whether it removes others, aborts whether it
	// waits for the end of their commands then.
	out() bool
	resets() bool
	preempts() bool
	aborts() bool
	// registersBlindly reports whether it registers this path whatever became of the node
	// meanwhile: it quotes no registration.
	registersBlindly() bool
	// tells is the type of the reservation that an answer tells of, 0 for none.
	tells(a answer) (typ pr.Type, does bool)
	// seen is what an answer's data mean to whoever gets them.
	seen(data []byte) []byte
	String() string
}

// scsiRequest is a request to a LUN; counted is as in unitState.
type scsiRequest struct {
	*scsi.Request
	counted bool
}

func (r scsiRequest) head() []byte { return r.CDB[:min(2, len(r.CDB))] }
func (r scsiRequest) out() bool    { return r.Opcode() == scsi.OpPROut }
func (r scsiRequest) resets() bool { return r.Function == scsi.LogicalUnitReset }
func (r scsiRequest) preempts() bool {
	return r.out() && (r.action() == scsi.OutPreempt || r.action() == scsi.OutPreemptAndAbort)
}
func (r scsiRequest) aborts() bool { return r.out() && r.action() == scsi.OutPreemptAndAbort }

func (r scsiRequest) action() scsi.OutAction { return scsi.OutAction(r.CDB[1] & 0x1f) }
func (r scsiRequest) keys() (key, arg pr.Key) {
	return pr.Key(binary.BigEndian.Uint64(r.Data)), pr.Key(binary.BigEndian.Uint64(r.Data[8:]))
}

func (r scsiRequest) registersBlindly() bool {
	if !r.out() || r.action() != scsi.OutRegister && r.action() != scsi.OutRegisterAndIgnoreExistingKey {
		return false
	}
	key, to := r.keys()
	return to != 0 && (key == 0 || r.action() == scsi.OutRegisterAndIgnoreExistingKey)
}

// tells: see request.
func (r scsiRequest) tells(a answer) (typ pr.Type, does bool) {
	if r.Opcode() != scsi.OpPRIn || len(a.data) < 8 {
		return 0, false
	}
	d := a.data
	switch scsi.InAction(r.CDB[1] & 0x1f) {
	case scsi.InReadReservation:
		if len(d) >= 24 {
			typ = pr.Type(d[21] & 0x0f)
		}
		return typ, true
	case scsi.InReadFullStatus:
		for d = d[8:]; len(d) >= 24; d = d[24+binary.BigEndian.Uint32(d[20:]):] {
			if d[12]&1 != 0 {
				typ = pr.Type(d[13] & 0x0f)
			}
		}
		return typ, true
	}
	return 0, false
}

func (r scsiRequest) seen(data []byte) []byte {
	if !r.counted && r.Opcode() == scsi.OpPRIn && r.CDB[1]&0x1f != byte(scsi.InReportCapabilities) && len(data) >= 4 {
		return data[4:] // PRGENERATION
	}
	return data
}

func (r scsiRequest) String() string {
	switch {
	case !r.out() && r.Opcode() != scsi.OpPRIn:
		return strings.ToLower(r.Opcode().String())
	case !r.out():
		return strings.ToLower(scsi.InAction(r.CDB[1] & 0x1f).String())
	}
	key, arg := r.keys()
	return fmt.Sprintf("%v, key %v, for %v", r.action(), short(key), short(arg))
}

// nvmeRequest is a request to a namespace.
type nvmeRequest struct{ *nvme.Request }

func (r nvmeRequest) head() []byte { return []byte{byte(r.Opcode), byte(r.Words[0])} }
func (r nvmeRequest) out() bool    { return r.Decides() }
func (r nvmeRequest) resets() bool { return false }
func (r nvmeRequest) preempts() bool {
	return r.Opcode == nvme.OpAcquire && nvme.AcquireAction(r.head()[1]&7) != nvme.Acquire
}
func (r nvmeRequest) aborts() bool { return r.Aborts() }

func (r nvmeRequest) registersBlindly() bool {
	if r.Opcode != nvme.OpRegister {
		return false
	}
	c, err := nvme.DecodeRegister(r.Request)
	return err == nil && (c.Action == nvme.RegisterKey || c.Action == nvme.ReplaceKey && c.IgnoreKey)
}

func (r nvmeRequest) tells(a answer) (typ pr.Type, does bool) {
	if r.Opcode != nvme.OpReport || len(a.data) < 5 {
		return 0, false
	}
	return nvme.RType(a.data[4]).Common(), true
}

// seen leaves the generation out of a report: nothing is decided by it.
func (r nvmeRequest) seen(data []byte) []byte {
	if r.Opcode == nvme.OpReport && len(data) >= 4 {
		return data[4:]
	}
	return data
}

func (r nvmeRequest) String() string {
	text := strings.TrimPrefix(r.Name(), "Reservation ")
	if r.Opcode.SendsData() && len(r.Data) >= 8 {
		text += ", key " + short(pr.Key(binary.LittleEndian.Uint64(r.Data)))
		if len(r.Data) >= 16 {
			text += ", for " + short(pr.Key(binary.LittleEndian.Uint64(r.Data[8:])))
		}
	}
	return text
}

// mishapOfUnit is what comes back for a command to a LUN that was not answered by it, and
// should have had so many bytes of data.
func mishapOfUnit(how move, length int) answer {
	var a answer
	switch how {
	case finishes: // what was begun is answered
	case answerLost, neverDone:
		a.reply = scsi.Reply{Host: scsi.HostTimeOut}
	case isLate:
		a.err = errStillUnderWay()
	case notSent:
		a.err = &scsi.OpError{Class: errNotSent()}
	case pathDies, noPath:
		a.reply = scsi.Reply{Host: scsi.HostNoConnect}
	case attention2a03:
		a.reply = senseReply(scsi.UnitAttention, scsi.ReservationsPreempted)
	case attention2a05:
		a.reply = senseReply(scsi.UnitAttention, scsi.RegistrationsPreempted)
	case attention2900:
		a.reply = senseReply(scsi.UnitAttention, scsi.PowerOnOrReset)
	}
	if length > 0 {
		a.reply.Resid = length
	}
	return a
}

// mishapOfSpace is that of a namespace: the kernel takes the command back, by a timeout or
// a reset of the controller, and has no path any more when the last one is lost. givesUp
// says that the target itself ends a PREEMPT AND ABORT that has waited too long.
func mishapOfSpace(how move, givesUp bool) answer {
	switch how {
	case answerLost:
		if givesUp {
			return answer{status: nvme.CommandInterrupted | nvme.DoNotRetry}
		}
		return answer{err: syscall.EINTR}
	case neverDone:
		return answer{err: syscall.EINTR}
	case isLate:
		return answer{err: errStillUnderWay()}
	case notSent:
		return answer{err: &nvme.OpError{Class: errNotSent()}}
	case pathDies, noPath:
		return answer{err: syscall.EAGAIN}
	}
	return answer{}
}

func errStillUnderWay() error {
	return fmt.Errorf("%w: %w", pr.ErrStillUnderWay, context.DeadlineExceeded)
}

func errNotSent() error {
	return fmt.Errorf("not sent, an earlier command of this host is %w: %w", pr.ErrStillUnderWay, pr.ErrTimeout)
}

// Traits that the laws ask of a device.

// lies says that it says GOOD and does nothing.
func (s *scenario) lies() bool { return s.quirks.LiesGood }

// resetless says that nothing but the answer of PREEMPT AND ABORT tells that commands are
// over.
func (s *scenario) resetless() bool { return s.space != nil || s.quirks.NoReset }

// perHost says that all paths of a host are registered as one.
func (s *scenario) perHost() bool { return s.space != nil || s.quirks.AllTgPtImplicit }

// moveless says that no reservation can be moved.
func (s *scenario) moveless() bool {
	return s.space != nil || s.quirks.NoRegisterMove || s.quirks.NoFullStatus
}
