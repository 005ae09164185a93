package nvme

import (
	"context"
	"fmt"
	"time"
)

// Transport carries commands to one namespace, by whatever controller.
//
// Do returns an error only if no completion came back at all (the system call failed,
// the deadline passed). Whatever the controller or the kernel's host side said stands in
// the Reply, good or bad; [Status.Err] tells which. An error is taken to leave open
// whether the command took effect, unless it is an *OpError that says otherwise, or one
// with which nothing was sent: see [Exec]. At most one command may be in flight on a
// Transport. The deadline of ctx is what bounds it.
type Transport interface {
	Do(ctx context.Context, req *Request) (Reply, error)
}

// Opcode is that of a command. Opcodes of the admin queue are other commands than those
// of I/O queues with the same number, and have adminQueue added.
type Opcode uint16

const adminQueue Opcode = 0x100

// Commands used here. Sections 5 and 7.
const (
	OpGetLogPage  = adminQueue | 0x02
	OpIdentify    = adminQueue | 0x06
	OpGetFeatures = adminQueue | 0x0a

	OpFlush    Opcode = 0x00
	OpWrite    Opcode = 0x01
	OpRead     Opcode = 0x02
	OpRegister Opcode = 0x0d
	OpReport   Opcode = 0x0e
	OpAcquire  Opcode = 0x11
	OpRelease  Opcode = 0x15
)

// Admin reports whether the command belongs to the admin queue.
func (o Opcode) Admin() bool { return o&adminQueue != 0 }

// Byte is the opcode as it is sent.
func (o Opcode) Byte() byte { return byte(o) }

// SendsData reports whether the host sends data with the command, ReadsData whether the
// controller does: bits 1:0 of an opcode say so.
func (o Opcode) SendsData() bool { return o&3 == 1 }

// ReadsData reports whether the controller sends data.
func (o Opcode) ReadsData() bool { return o&3 == 2 }

// String names the command as the standard spells it.
func (o Opcode) String() string {
	switch o {
	case OpGetLogPage:
		return "Get Log Page"
	case OpIdentify:
		return "Identify"
	case OpGetFeatures:
		return "Get Features"
	case OpFlush:
		return "Flush"
	case OpWrite:
		return "Write"
	case OpRead:
		return "Read"
	case OpRegister:
		return "Reservation Register"
	case OpReport:
		return "Reservation Report"
	case OpAcquire:
		return "Reservation Acquire"
	case OpRelease:
		return "Reservation Release"
	}
	if o.Admin() {
		return fmt.Sprintf("admin opcode %02Xh", o.Byte())
	}
	return fmt.Sprintf("opcode %02Xh", o.Byte())
}

// Request is one command on its way out.
type Request struct {
	Opcode Opcode
	// OfController says that the command is not about the namespace: it goes with
	// NSID 0. Any other one goes with the NSID of the transport's namespace.
	OfController bool
	// Words are command dwords 10 to 15.
	Words [6]uint32
	// Data is what is sent, or the buffer that is filled; the opcode says which.
	Data []byte
	// Timeout of this command, all its way; zero leaves it to the transport.
	Timeout time.Duration
}

// Name is the command in the standard's words, with what it is asked to do.
func (r *Request) Name() string {
	action := r.Words[0] & actionMask
	switch r.Opcode {
	case OpRegister:
		return r.Opcode.String() + ", " + RegisterAction(action).String()
	case OpAcquire:
		return r.Opcode.String() + ", " + AcquireAction(action).String()
	case OpRelease:
		return r.Opcode.String() + ", " + ReleaseAction(action).String()
	}
	return r.Opcode.String()
}

// Decides reports whether the command changes what others see, so that it must not be
// sent twice, or on a state that has gone. What is not known here to be a read does.
func (r *Request) Decides() bool {
	switch r.Opcode {
	case OpReport, OpRead, OpIdentify, OpGetFeatures:
		return false
	}
	return true
}

// Aborts reports whether the command may wait for what others have under way.
func (r *Request) Aborts() bool {
	return r.Opcode == OpAcquire && AcquireAction(r.Words[0]&actionMask) == PreemptAndAbort
}

// Reply is the completion of a command.
type Reply struct {
	Status Status
	// Result is command specific: dwords 0 and 1 of the completion.
	Result uint64
}

// Blank fills a buffer with what no answer is made of. Whoever puts answers into it
// counts on that: what does not arrive stays.
func Blank(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}

// IsBlank reports whether nothing was put into a buffer.
func IsBlank(b []byte) bool {
	for _, c := range b {
		if c != 0xff {
			return false
		}
	}
	return true
}

// Exec sends req once and turns every failure into an *OpError that carries the
// command. The buffer of a command that reads is filled with FFh before. The Reply is
// worth reading only if the error is nil.
func Exec(ctx context.Context, t Transport, req *Request) (Reply, error) {
	if req.Opcode.ReadsData() {
		Blank(req.Data)
	}
	reply, err := t.Do(ctx, req)
	if err != nil {
		return reply, failure(req, err)
	}
	if e := reply.Status.err(req); e != nil {
		return reply, e
	}
	return reply, nil
}
