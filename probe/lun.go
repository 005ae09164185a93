package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lunguard/pr"
	"lunguard/scsi"
)

// LUNTrial is a SCSI LUN under trial.
type LUNTrial struct {
	sharedChecks
	u *lunUnit
	// second is the other path of this host, nil if there is none.
	second *lunUnit
	// caps is nil if the device does not tell.
	caps *scsi.Capabilities
	// can is what it says of its service actions.
	can scsi.SupportedOpcodes
	// port is the initiator port of the first path; zero if it is not known.
	port scsi.TransportID
}

// NewLUNTrial begins a trial by one path of this host, or two.
func NewLUNTrial(first LUNPath, second *LUNPath, o Options) *LUNTrial {
	o.fit()
	x := &LUNTrial{sharedChecks: sharedChecks{&bench{}}, u: newLUNUnit(first), port: first.Port}
	x.Options, x.Kind, x.run = o, LUN, o.Run
	x.a = &actor{unit: x.u, scratch: o.Scratch}
	if second != nil {
		x.second = newLUNUnit(*second)
	}
	return x
}

// Look does what changes nothing. The state is what is registered and reserved; nil if
// the device has no reservations, and then the report says so. Errors: those of the
// device.
func (x *LUNTrial) Look(ctx context.Context) (*pr.State, error) {
	if err := x.answers(ctx); err != nil {
		return nil, err
	}
	x.say(Registers)
	_, err := scsi.ReadKeys{}.Execute(ctx, x.u.t)
	if errors.Is(err, pr.ErrNoReservations) {
		x.found(Registers, false, Broken, "NoPR", "READ KEYS: "+lunAnswer(err).String())
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	x.capabilities(ctx)
	x.opcodes(ctx)
	return scsi.NewUnit(x.u.path.Name, x.u.t).List(ctx)
}

// answers waits until the device answers, and counts how often it does not.
func (x *LUNTrial) answers(ctx context.Context) error {
	x.say(Answers)
	busy, waited, begun := 0, 0, x.Now()
	first := scsi.ASC(0)
	for {
		reply, err := x.u.ear.Transport.Do(ctx, &scsi.Request{CDB: make([]byte, 6)})
		if err != nil {
			return err
		}
		sense, senseErr := scsi.DecodeSense(reply.Sense)
		attention := reply.Status == scsi.CheckCondition && senseErr == nil
		switch {
		case reply.Status == scsi.Busy && busy < x.Patience:
			busy++
			if busy < freeBusy {
				continue
			}
		case attention && sense.Key == scsi.UnitAttention:
			if first == 0 && sense.ASC>>8 != 0x2a && sense.ASC != scsi.BusDeviceReset {
				first = sense.ASC
			}
			continue
		case attention && sense.Key == scsi.NotReady && sense.ASC == scsi.AsymmetricTransition && waited < x.Patience:
			waited++
		default:
			return x.answered(busy, waited, first, x.Now().Sub(begun), reply)
		}
		if err := x.Pause(ctx); err != nil {
			return err
		}
	}
}

// freeBusy is how many BUSYs are passed over without a pause.
const freeBusy = 64

// ErrNotReady says that a device is not ready, and has not become so.
var ErrNotReady = errors.New("the device does not become ready")

// answered says what came before the first answer. The error is ErrNotReady.
func (x *LUNTrial) answered(busy, waited int, first scsi.ASC, took time.Duration, reply scsi.Reply) error {
	if busy > 0 {
		x.found(Answers, false, Kept, fmt.Sprintf("Busy=%d", busy), fmt.Sprintf("BUSY %d times at first", busy))
	}
	if first != 0 {
		x.found(Answers, false, Kept, fmt.Sprintf("FirstCmdUA=%02x/%02x", uint8(first>>8), uint8(first)), "unit attention at first: "+first.String())
	}
	if waited == 0 {
		return nil
	}
	quirk := fmt.Sprintf("TransitioningUntil=+%ds", int(took/time.Second)+1)
	if reply.Status == scsi.CheckCondition {
		x.found(Answers, false, Untried, quirk, "the asymmetric access state transition does not end")
		return ErrNotReady
	}
	x.found(Answers, false, Kept, quirk, "asymmetric access state transition at first")
	return nil
}

// capabilities asks what the device says that it can do.
func (x *LUNTrial) capabilities(ctx context.Context) {
	x.say(Capabilities)
	caps, err := scsi.ReportCapabilities{}.Execute(ctx, x.u.t)
	switch {
	case err == nil:
		x.caps = caps
		x.found(Capabilities, true, Kept, "", "")
	case errors.Is(err, pr.ErrUnsupported):
		x.found(Capabilities, false, Otherwise, "NoCapabilities", "REPORT CAPABILITIES: "+lunAnswer(err).String())
	case errors.Is(err, pr.ErrMalformed):
		x.found(Capabilities, false, Broken, "BadCapabilities", "REPORT CAPABILITIES: a malformed answer")
	default:
		x.found(Capabilities, false, Untried, "", "REPORT CAPABILITIES: "+lunAnswer(err).String())
	}
}

// opcodes asks which commands it says that it has.
func (x *LUNTrial) opcodes(ctx context.Context) {
	x.say(Opcodes)
	can, err := scsi.ReportOpcodes{}.Execute(ctx, x.u.t)
	switch {
	case err == nil:
		x.can = can
		x.found(Opcodes, true, Kept, "", "")
	case errors.Is(err, pr.ErrUnsupported):
		x.found(Opcodes, false, Otherwise, "NoOpcodes", "REPORT SUPPORTED OPERATION CODES: "+lunAnswer(err).String())
	default:
		x.found(Opcodes, false, Kept, "", "REPORT SUPPORTED OPERATION CODES: "+lunAnswer(err).String())
	}
}

// Run tries the device. What it made there is taken off at the end, whatever happens.
// Errors: ErrNobody, ErrCrowd, ErrPeerLost, *AnswerError, and those of the device.
func (x *LUNTrial) Run(ctx context.Context) error { return x.try(ctx, x.registers, x.checks) }

// checks are those that one initiator does, and then those that two do.
func (x *LUNTrial) checks() []trial {
	one, both := aloneChecks{x}, pairChecks{x}
	return []trial{
		{FullStatus, one.fullStatus}, {Ignores, one.ignores}, {WrongKey, one.wrongKey}, {Buffers, one.buffers}, {SenseData, one.senseData},
		{Generation, one.generation}, {Types, one.tryTypes}, {Persists, one.persists}, {AllPorts, one.allPorts}, {Introduces, one.introduces},
		{Legacy, one.legacy}, {Preempts, one.preemptsItself},
		{Initiators, both.initiators}, {Order, both.order}, {FencesWrites, both.fences}, {Releases, both.releases}, {Aborts, both.preempts},
		{Clears, both.clears}, {Moves, both.moves}, {Resets, both.resets}, {AbortsWrites, both.abortsWrites},
	}
}

// registers tries whether a registration is made and shown. Without it nothing else means
// anything: not ok.
func (x *LUNTrial) registers(ctx context.Context) (ok bool, err error) {
	x.led = true
	// What there is was made by runs that live no more, and by the hello.
	if err := x.clearAll(ctx); err != nil && !errors.Is(err, ErrDisturbed) {
		return false, err
	}
	key := x.mark()
	err = x.u.out(ctx, scsi.PROut{Action: scsi.OutRegister, ActionKey: key})
	if err != nil {
		answer := lunAnswer(err)
		if answer.unknown() {
			return false, err
		}
		x.found(Registers, false, Broken, "", "REGISTER: "+answer.String())
		return false, nil
	}
	x.a.own = key
	keys, err := x.keys(ctx)
	if err != nil {
		return false, err
	}
	ok = slices.Contains(keys, key)
	x.found(Registers, ok, Broken, "LiesGood", "REGISTER is GOOD, and the key is not there")
	return ok, nil
}
