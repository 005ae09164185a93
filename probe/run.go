package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lunguard/pr"
)

// bench is a device under trial, by two initiators.
type bench struct {
	Report
	Options
	// a is this run's initiator, b the other one; nil if there is none.
	a *actor
	b Side
	// run is that of every mark of both initiators; marks counts those of a that no other
	// run reads.
	run   uint16
	marks uint32
	// nexusFailed says that a conflict came with a status of the host adapter.
	nexusFailed bool
	// types are those that the device can do.
	types []pr.Type
	// blocked says that one initiator does not count while the other one holds.
	blocked bool
	// led says that this run has begun to change what others may have left.
	led bool
}

// ErrDisturbed says that somebody else has registered meanwhile: what was seen says nothing
// of the device.
var ErrDisturbed = errors.New("somebody else has registered meanwhile")

// mark is the next key of a for the checks.
func (x *bench) mark() pr.Key {
	x.marks++
	return mark{kind: aloneMark, run: x.run, payload: x.marks}.key()
}

// keys reads the registered keys. The error is ErrDisturbed if one is somebody else's.
func (x *bench) keys(ctx context.Context) ([]pr.Key, error) {
	keys, err := x.a.keys(ctx)
	for _, k := range keys {
		if m, ok := markOf(k); !ok || m.run != x.run || m.kind == helloMark {
			return nil, ErrDisturbed
		}
	}
	return keys, err
}

// join registers a with a new key.
func (x *bench) join(ctx context.Context) error { return x.a.become(ctx, x.mark()) }

// do has a do a deed.
func (x *bench) do(ctx context.Context, d Deed) Answer {
	other := pr.Key(0)
	if x.b != nil {
		other = x.b.Key()
	}
	return x.a.do(ctx, d, other)
}

// found takes in what a check has found: nothing is wrong, or what is.
func (x *bench) found(c Check, ok bool, otherwise Result, quirk, why string) {
	if ok {
		otherwise, quirk, why = Kept, "", ""
	}
	x.Findings = append(x.Findings, Finding{c, otherwise, quirk, why})
}

// clear is clearAll, unless somebody else has registered. The error is ErrDisturbed then.
func (x *bench) clear(ctx context.Context) error {
	if _, err := x.keys(ctx); err != nil {
		return err
	}
	return x.clearAll(ctx)
}

// clearAll takes every registration off, and the reservation, by whichever of the two
// may do it. That somebody is left is an error.
func (x *bench) clearAll(ctx context.Context) error {
	err := x.clearBy(ctx)
	var refusal *AnswerError
	if errors.As(err, &refusal) && x.b != nil && refusal.Answer.conflict() {
		if _, err := x.b.Do(ctx, Deed{Verb: Clear}); err != nil {
			return err
		}
		err = x.clearBy(ctx)
	}
	return err
}

// clearBy is clear by this run's initiator.
func (x *bench) clearBy(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	key := x.a.own
	if answer := x.a.perform(ctx, Deed{Verb: Clear}, key, 0); !answer.good() {
		return &AnswerError{"CLEAR", answer}
	}
	x.a.own = 0
	keys, err := x.keys(ctx)
	if err == nil && slices.Contains(keys, key) {
		err = &AnswerError{"CLEAR, which leaves the key there", answerOf(good, 0)}
	}
	return err
}

// greet says hello on the device, and waits for a sign of another run: one that lives makes
// both give up. What runs have left that do not live any more is passed over.
func (x *bench) greet(ctx context.Context, o *Options) error {
	m := &meeting{a: x.a, run: o.Run, id: o.ID, wait: o.Wait, seen: map[mark]uint8{}}
	last := ""
	for turn := range fewestTurns {
		if err := m.hello(ctx, turn); err != nil {
			return err
		}
		keys, err := x.a.keys(ctx)
		if err != nil {
			return err
		}
		now := othersIn(keys, m)
		if turn > 0 && now != last {
			return ErrCrowd
		}
		last = now
		if err := o.Pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// othersIn are the marks of others among keys, in a text that can be compared.
func othersIn(keys []pr.Key, m *meeting) string {
	var others []string
	for _, k := range keys {
		if h, ok := markOf(k); ok && (h.run != m.run || h.kind != helloMark || h.payload != m.id) {
			others = append(others, k.String())
		}
	}
	slices.Sort(others)
	return strings.Join(others, " ")
}

// AnswerError says that a command was answered otherwise than it has to be for the work to
// go on.
type AnswerError struct {
	Command string
	Answer  Answer
}

func (e *AnswerError) Error() string { return e.Command + ": " + e.Answer.String() }

// trial is a check and how it is done.
type trial struct {
	of  Check
	run func(context.Context) error
}

// try tries the device: begin first, and then, if that went well, the checks. What it made there is taken off at the end, whatever happens.
// Errors: ErrNobody, ErrCrowd, ErrPeerLost, *AnswerError, and those of the device.
func (x *bench) try(ctx context.Context, begin func(context.Context) (bool, error), checks func() []trial) (err error) {
	defer func() {
		x.Err = err
		x.Err = errors.Join(err, x.end(context.WithoutCancel(ctx)))
		err = x.Err
	}()
	x.say(Registers)
	if err := x.a.measure(ctx); err != nil {
		return err
	}
	if x.TwoHosts {
		if done, err := x.meet(ctx); done || err != nil {
			return err
		}
	} else if err := x.greet(ctx, &x.Options); err != nil {
		return err
	}
	if ok, err := begin(ctx); !ok || err != nil {
		return err
	}
	if x.Left, err = x.a.putBack(ctx, x.Memory); err != nil {
		return err
	}
	if err := x.a.keep(ctx, x.Memory); err != nil {
		return err
	}
	for _, check := range checks() {
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

// meet finds the other run, and either leads it or follows; done says that it has
// followed.
func (x *bench) meet(ctx context.Context) (done bool, err error) {
	m := &meeting{a: x.a, run: x.Options.Run, id: x.ID, wait: x.Wait}
	side, order, err := m.meet(ctx)
	switch {
	case errors.Is(err, ErrNotShown):
		x.found(Registers, false, Broken, "LiesGood", "REGISTER is GOOD, and the key is not there")
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
func (x *bench) end(ctx context.Context) error {
	var errs []error
	// What is written from now on would come after what is restored.
	x.a.endLoad()
	switch side := x.b.(type) {
	case *near:
		side.endLoad()
		// What it holds would refuse the block's being restored. What is left is read.
		_ = side.leave(ctx)
	case *far:
		if x.Err == nil {
			errs = append(errs, side.end(ctx, x.Verdict()))
		}
	}
	switch {
	case x.has("LiesGood"):
		// There is nothing, and nothing can be taken off.
		return errors.Join(errs...)
	case !x.led, x.Joint != nil, errors.Is(x.Err, ErrDisturbed):
	case x.TwoHosts:
		// The other run may hold, and live no more.
		errs = append(errs, x.clear(ctx))
	default:
		if _, err := x.keys(ctx); errors.Is(err, ErrDisturbed) {
			errs = append(errs, err)
		}
	}
	// What else there is, is somebody else's. A registrant may write under more types of
	// reservation.
	errs = append(errs, x.a.restore(ctx, x.Memory))
	return errors.Join(append(errs, x.withdraw(ctx))...)
}
