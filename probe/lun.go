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
	bench
	u *lunUnit
	// second is the other path of this host, nil if there is none.
	second *lunUnit
	Options
	// caps is nil if the device does not tell.
	caps *scsi.Capabilities
	// can is what it says of its service actions.
	can scsi.SupportedOpcodes
	// types are those that it can do.
	types []pr.Type
	// port is the initiator port of the first path; zero if it is not known.
	port scsi.TransportID
	// blocked says that one initiator does not count while the other one holds.
	blocked bool
	// led says that this run has begun to change what others may have left.
	led bool
}

// Options say how a device is tried.
type Options struct {
	// TwoHosts says that another run is to be met on the device.
	TwoHosts bool
	// Run and ID tell this run from others: 10 and 24 bits.
	Run uint16
	ID  uint32
	Wait
	// Scratch is nil if nothing may be written.
	Scratch *Scratch
	// Now tells the time.
	Now func() time.Time
	// Say tells people what comes next; nil says nothing.
	Say func(Check)
}

// fit cuts the numbers of the run to what a mark has room for.
func (o *Options) fit() { o.Run, o.ID = o.Run&runMask, o.ID&payloadMask }

func (o *Options) say(c Check) {
	if o.Say != nil {
		o.Say(c)
	}
}

// NewLUNTrial begins a trial by one path of this host, or two.
func NewLUNTrial(first LUNPath, second *LUNPath, o Options) *LUNTrial {
	o.fit()
	x := &LUNTrial{u: newLUNUnit(first, o.Scratch), Options: o, port: first.Port}
	x.Kind, x.run = LUN, o.Run
	x.a = &actor{unit: x.u}
	if second != nil {
		x.second = newLUNUnit(*second, o.Scratch)
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
		x.add(Finding{Check: Registers, Result: Broken, Quirk: "NoPR", Why: "READ KEYS: " + lunAnswer(err).String()})
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
		f := harmless(fmt.Sprintf("Busy=%d", busy), fmt.Sprintf("BUSY %d times at first", busy))
		x.found(Answers, false, f)
	}
	if first != 0 {
		x.found(Answers, false, harmless(fmt.Sprintf("FirstCmdUA=%02x/%02x", uint8(first>>8), uint8(first)), "unit attention at first: "+first.String()))
	}
	if waited > 0 {
		quirk := fmt.Sprintf("TransitioningUntil=+%ds", int(took/time.Second)+1)
		f := harmless(quirk, "asymmetric access state transition at first")
		if reply.Status == scsi.CheckCondition {
			f = untried("the asymmetric access state transition does not end")
			f.Quirk = quirk
			x.found(Answers, false, f)
			return ErrNotReady
		}
		x.found(Answers, false, f)
	}
	return nil
}

// capabilities asks what the device says that it can do.
func (x *LUNTrial) capabilities(ctx context.Context) {
	x.say(Capabilities)
	caps, err := scsi.ReportCapabilities{}.Execute(ctx, x.u.t)
	switch {
	case err == nil:
		x.caps = caps
		x.found(Capabilities, true, Finding{})
	case errors.Is(err, pr.ErrUnsupported):
		x.found(Capabilities, false, other("NoCapabilities", "REPORT CAPABILITIES: "+lunAnswer(err).String()))
	case errors.Is(err, pr.ErrMalformed):
		x.found(Capabilities, false, broken("BadCapabilities", "REPORT CAPABILITIES: a malformed answer"))
	default:
		x.found(Capabilities, false, untried("REPORT CAPABILITIES: "+lunAnswer(err).String()))
	}
}

// opcodes asks which commands it says that it has.
func (x *LUNTrial) opcodes(ctx context.Context) {
	x.say(Opcodes)
	can, err := scsi.ReportOpcodes{}.Execute(ctx, x.u.t)
	switch {
	case err == nil:
		x.can = can
		x.found(Opcodes, true, Finding{})
	case errors.Is(err, pr.ErrUnsupported):
		x.found(Opcodes, false, other("NoOpcodes", "REPORT SUPPORTED OPERATION CODES: "+lunAnswer(err).String()))
	default:
		x.found(Opcodes, false, harmless("", "REPORT SUPPORTED OPERATION CODES: "+lunAnswer(err).String()))
	}
}

// Run tries the device. What it made there is taken off at the end, whatever happens.
// Errors: ErrNobody, ErrCrowd, ErrPeerLost, *AnswerError, and those of the device.
func (x *LUNTrial) Run(ctx context.Context) (err error) {
	defer func() {
		x.Err = err
		x.Err = errors.Join(err, x.end(context.WithoutCancel(ctx)))
		err = x.Err
	}()
	x.say(Registers)
	if err := x.u.measure(ctx); err != nil {
		return err
	}
	if x.TwoHosts {
		if done, err := x.meet(ctx); done || err != nil {
			return err
		}
	} else if err := x.greet(ctx, &x.Options); err != nil {
		return err
	}
	if ok, err := x.registers(ctx); !ok || err != nil {
		return err
	}
	if err := x.u.keep(ctx); err != nil {
		return err
	}
	for _, check := range x.checks() {
		if err := ctx.Err(); err != nil {
			return err
		}
		x.say(check.of)
		if err := check.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", check.of, err)
		}
	}
	x.Whole = true
	return nil
}

// trial is a check and how it is done.
type trial struct {
	of  Check
	run func(context.Context) error
}

// checks are those that there is a second initiator for, behind those that need one.
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

// meet finds the other run, and either leads it or follows; done says that it has
// followed.
func (x *LUNTrial) meet(ctx context.Context) (done bool, err error) {
	m := &meeting{a: x.a, run: x.Options.Run, id: x.ID, wait: x.Wait}
	side, order, err := m.meet(ctx)
	switch {
	case errors.Is(err, ErrNotShown):
		x.found(Registers, false, broken("LiesGood", "REGISTER is GOOD, and the key is not there"))
		return true, nil
	case err != nil:
		return false, err
	case side != nil:
		x.b = side
		return false, nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	first, _ := markOf(order)
	verdict, err := follow(ctx, x.a, first.run, order, x.Wait)
	if err == nil {
		x.Joint = &verdict
	}
	return true, err
}

// end takes off what the run has made. If the trial went well the other run is told of
// the verdict.
func (x *LUNTrial) end(ctx context.Context) error {
	var errs []error
	if side, ok := x.b.(*far); ok && x.Err == nil {
		errs = append(errs, side.end(ctx, x.Verdict()))
	}
	switch {
	case x.has("LiesGood"):
		// There is nothing, and nothing can be taken off.
		return errors.Join(errs...)
	case x.Joint != nil, x.a.own == 0 && !x.led, errors.Is(x.Err, ErrDisturbed), !x.led:
		// What else there is, is somebody else's.
		return errors.Join(append(errs, x.a.leave(ctx))...)
	}
	errs = append(errs, x.clear(ctx))
	if x.Scratch != nil && x.Scratch.held != nil {
		errs = append(errs, x.u.writeBlock(ctx, x.u.t, x.Scratch.held))
	}
	return errors.Join(errs...)
}

// registers tries whether a registration is made and shown. Without it nothing else means
// anything: not ok.
func (x *LUNTrial) registers(ctx context.Context) (ok bool, err error) {
	x.led = true
	// What there is was made by runs that live no more, and by the hello.
	if err := x.clear(ctx); err != nil && !errors.Is(err, ErrDisturbed) {
		return false, err
	}
	key := x.mark()
	err = x.u.out(ctx, scsi.PROut{Action: scsi.OutRegister, ActionKey: key})
	if err != nil {
		answer := lunAnswer(err)
		if answer.unknown() {
			return false, err
		}
		x.found(Registers, false, broken("", "REGISTER: "+answer.String()))
		return false, nil
	}
	x.a.own = key
	keys, err := x.keys(ctx)
	if err != nil {
		return false, err
	}
	ok = slices.Contains(keys, key)
	x.found(Registers, ok, broken("LiesGood", "REGISTER is GOOD, and the key is not there"))
	return ok, nil
}
