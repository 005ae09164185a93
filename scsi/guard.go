package scsi

import (
	"context"
	"errors"
	"fmt"

	"lunguard/pr"
)

// Guard is a Transport that lets PERSISTENT RESERVE commands and resets through to one
// logical unit only. What a host knows of a path may be out of date: an array can put
// another unit behind it. So the unit is asked for its name, by VPD page 83h, before
// the first of these commands, and again after a unit attention that may have told of
// a change. Another name is a *WrongUnitError, and nothing is sent.
//
// It belongs below a [Retry], which would hide the unit attentions, and to one path.
type Guard struct {
	Transport Transport
	// WWID is what the unit is called, by one of its names: see
	// [Designators.Includes]. Empty is a unit without a name: everything passes.
	WWID string
	// Stated is a further name that the unit has to have; empty for none.
	Stated string
	// Rules are those for asking; their Transport is not looked at. Their Sends is told of
	// what is let through, too.
	Rules Retry
	// confirmed says that the unit has told its name, and nothing of a change since.
	confirmed bool
}

// WrongUnitError says that a path leads to another unit than it should. It is
// pr.ErrWrongDevice.
type WrongUnitError struct {
	// Want is the name of the unit, Got that of the one that answers; empty if it
	// has none.
	Want, Got string
}

func (e *WrongUnitError) Error() string {
	got := e.Got
	if got == "" {
		got = "a unit without a name"
	}
	return fmt.Sprintf("%v: %s, and not %s", pr.ErrWrongDevice, got, e.Want)
}

// Unwrap gives the class.
func (e *WrongUnitError) Unwrap() error { return pr.ErrWrongDevice }

// Do sends the request, if it may be.
func (g *Guard) Do(ctx context.Context, req *Request) (Reply, error) {
	switch req.Opcode() {
	case OpPRIn, OpPROut, OpLogicalUnitReset:
		if err := g.Confirm(ctx); err != nil {
			return Reply{}, err
		}
	}
	if g.Rules.Sends != nil {
		g.Rules.Sends(req)
	}
	reply, err := g.Transport.Do(ctx, req)
	if err == nil {
		g.listen(req, reply)
	}
	return reply, err
}

// Confirm asks the unit for its name, unless it has told it. Errors: *OpError;
// OutcomeUnknown is false, for nothing was changed.
func (g *Guard) Confirm(ctx context.Context) error {
	if g.confirmed || g.WWID == "" && g.Stated == "" {
		return nil
	}
	ask := g.Rules
	ask.Transport = g.Transport
	names, err := DeviceIdentification{}.Execute(ctx, &ask)
	var e *OpError
	want := g.WWID
	if g.Stated != "" && (want == "" || names.Includes(want)) {
		want = g.Stated
	}
	switch {
	case err == nil && names.Includes(want):
		g.confirmed = true
		return nil
	case err == nil, errors.Is(err, ErrUnsupported):
		// Whoever has told the name has the page.
		return &OpError{Op: OpInquiry.String(), Class: &WrongUnitError{Want: want, Got: names.WWID()}}
	case errors.As(err, &e):
		e.outcomeUnknown = false
	}
	return err
}

// listen takes note of a unit attention that may tell of another unit.
func (g *Guard) listen(req *Request, reply Reply) {
	sense := reply.Sense
	if req.Opcode() == OpRequestSense && reply.Resid >= 0 && reply.Resid <= len(req.Data) {
		sense = req.Data[:len(req.Data)-reply.Resid]
	}
	if s, err := DecodeSense(sense); err == nil && s.MayTellOfAnother() {
		g.confirmed = false
	}
}
