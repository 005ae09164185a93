package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/pr"
	"lunguard/scsi"
)

// pairChecks are the checks of a LUN that need two initiators.
type pairChecks struct{ *LUNTrial }

// initiators tries whether each initiator has a registration of its own.
func (x pairChecks) initiators(ctx context.Context) error {
	if err := x.clear(ctx); err != nil {
		return err
	}
	if err := x.join(ctx); err != nil {
		return err
	}
	if x.second != nil && x.b == nil {
		x.b = &near{actor: actor{unit: x.second, scratch: x.Scratch}, first: x.a, run: x.run}
	}
	if x.b == nil {
		x.found(Initiators, false, Untried, "", x.alone())
		return nil
	}
	if _, err := x.b.Do(ctx, Deed{}); err != nil {
		if full := lunAnswer(err); invalid(full) && asc(full) == scsi.InsufficientRegistrations {
			x.b = nil
			x.found(Initiators, false, Broken, "MaxRegs=1", "no more than one registration")
			return nil
		}
		return err
	}
	keys, err := x.keys(ctx)
	if err != nil {
		return err
	}
	switch first, second := slices.Contains(keys, x.a.own), slices.Contains(keys, x.b.Key()); {
	case first && second:
		x.found(Initiators, true, Kept, "", "")
	case second && !x.TwoHosts:
		x.found(Initiators, false, Otherwise, "AllTgPtImplicit", "one registration covers all paths of a host")
		x.found(Initiators, false, Untried, "", x.alone())
		x.b = nil
	default:
		x.found(Initiators, false, Broken, "", "of two initiators only one stays registered")
		x.b = nil
	}
	return nil
}

// order reads the list several times: the other initiator registers first.
func (x pairChecks) order(ctx context.Context) error {
	if ok, err := x.pair(ctx); !ok {
		return err
	}
	if err := x.a.leave(ctx); err != nil {
		return err
	}
	if err := x.join(ctx); err != nil {
		return err
	}
	first := make(map[pr.Key]int)
	const readings = 6
	for range readings {
		keys, err := x.keys(ctx)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			first[keys[0]]++
		}
	}
	switch {
	case len(first) > 1:
		x.found(Order, false, Kept, "ShuffledList", "READ KEYS lists in another order each time")
	case first[x.a.own] > 0:
		x.found(Order, false, Kept, "NewestFirst", "READ KEYS lists the newest registration first")
	default:
		x.found(Order, true, Kept, "", "")
	}
	return nil
}

// announced is what each initiator was told since the last time.
func (x pairChecks) announced(ctx context.Context) (own, others scsi.ASC, err error) {
	answer, err := x.b.Do(ctx, Deed{Verb: Announced})
	if err != nil {
		return 0, 0, err
	}
	mine := x.u.announced(ctx)
	if mine.unknown() || answer.unknown() {
		return 0, 0, errors.New("what the device announces is not known")
	}
	return asc(mine), asc(answer), nil
}

// releases tries what is announced of a release.
func (x pairChecks) releases(ctx context.Context) error {
	for _, t := range []pr.Type{pr.WriteExclusiveRegistrantsOnly, pr.WriteExclusive} {
		if !slices.Contains(x.types, t) {
			continue
		}
		if ok, err := x.pair(ctx); !ok {
			return err
		}
		if answer := x.do(ctx, Deed{Verb: Reserve, Type: t}); !answer.good() {
			return &AnswerError{"RESERVE", answer}
		}
		if _, _, err := x.announced(ctx); err != nil {
			return err
		}
		if answer := x.do(ctx, Deed{Verb: Release, Type: t}); !answer.good() {
			return &AnswerError{"RELEASE", answer}
		}
		held, err := scsi.ReadReservation{}.Execute(ctx, x.u.t)
		if err != nil {
			return err
		}
		x.found(Releases, held.Reservation == nil, Broken, "", "RELEASE is GOOD, and reserved is "+reserved(held.Reservation))
		own, others, err := x.announced(ctx)
		if err != nil {
			return err
		}
		x.judgeRelease(t, own, others)
	}
	return nil
}

// judgeRelease compares what was announced with SPC-4 5.13.11.2.2.
func (x pairChecks) judgeRelease(t pr.Type, own, others scsi.ASC) {
	want := scsi.ASC(0)
	if t.RegistrantsOnly() {
		want = scsi.ReservationsReleased
	}
	if own == 0 && others == want {
		x.found(Announcements, true, Kept, "", "")
		return
	}
	quirk := ""
	if t == pr.WriteExclusive && others == scsi.ReservationsReleased {
		quirk = "UAInverted"
	}
	x.found(Announcements, false, Kept, quirk, fmt.Sprintf("after RELEASE, %v, the sender is told %v and the other registrant %v", t, announcement(own), announcement(others)))
}

func announcement(a scsi.ASC) string {
	if a == 0 {
		return "nothing"
	}
	return a.String()
}

// preempts tries PREEMPT of a registrant, and PREEMPT AND ABORT of the holder.
func (x pairChecks) preempts(ctx context.Context) error {
	if x.b == nil || len(x.types) == 0 {
		return x.abortsNobody(ctx)
	}
	t := x.types[0]
	if slices.Contains(x.types, pr.WriteExclusiveRegistrantsOnly) {
		t = pr.WriteExclusiveRegistrantsOnly
	}
	if err := x.preemptsRegistrant(ctx, t); err != nil {
		return err
	}
	return x.preemptsHolder(ctx, t)
}

// abortsNobody asks at least whether there is PREEMPT AND ABORT.
func (x pairChecks) abortsNobody(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	answer := x.do(ctx, Deed{Verb: PreemptAndAbort, Type: pr.WriteExclusiveRegistrantsOnly, Key: Nobody})
	if invalid(answer) {
		x.found(Aborts, false, Broken, "NoPreemptAndAbort", "PREEMPT AND ABORT: "+answer.String())
		return nil
	}
	x.found(Aborts, false, Untried, "", x.alone())
	return nil
}

// preemptsRegistrant preempts by the holder.
func (x pairChecks) preemptsRegistrant(ctx context.Context, t pr.Type) error {
	if ok, err := x.pair(ctx); !ok {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: t}); !answer.good() {
		return &AnswerError{"RESERVE", answer}
	}
	if _, _, err := x.announced(ctx); err != nil {
		return err
	}
	answer := x.do(ctx, Deed{Verb: Preempt, Type: t, Key: Other})
	if !answer.good() {
		x.found(Preempts, false, Broken, "", "PREEMPT of a registrant: "+answer.String())
		return nil
	}
	if ok, err := x.expelled(ctx, Preempts, t); !ok {
		return err
	}
	_, told, err := x.announced(ctx)
	if err != nil {
		return err
	}
	switch told {
	case scsi.RegistrationsPreempted:
		x.found(Announcements, true, Kept, "", "")
	case scsi.ReservationsPreempted:
		x.found(Announcements, false, Kept, "PreemptUA2A03", "who was preempted is told 2A/03")
	default:
		x.found(Announcements, false, Kept, "", "who was preempted is told "+announcement(told))
	}
	return nil
}

// expelled reports whether the other initiator is registered no more, and this one holds.
func (x pairChecks) expelled(ctx context.Context, c Check, t pr.Type) (bool, error) {
	keys, err := x.keys(ctx)
	if err != nil {
		return false, err
	}
	held, err := scsi.ReadReservation{}.Execute(ctx, x.u.t)
	if err != nil {
		return false, err
	}
	gone := !slices.Contains(keys, x.b.Key())
	holds := held.Reservation != nil && held.Reservation.Type == t && held.Reservation.Key == x.a.own
	x.found(c, gone && holds, Broken, "", fmt.Sprintf("it is GOOD, and registered are %v, reserved is %v", keys, reserved(held.Reservation)))
	return gone && holds, nil
}

func reserved(r *scsi.Reservation) string {
	if r == nil {
		return "nothing"
	}
	return fmt.Sprintf("%v by %v", r.Type, r.Key)
}

// preemptsHolder takes the reservation over.
func (x pairChecks) preemptsHolder(ctx context.Context, t pr.Type) error {
	if ok, err := x.pair(ctx); !ok {
		return err
	}
	answer, err := x.b.Do(ctx, Deed{Verb: Reserve, Type: t})
	if err != nil {
		return err
	}
	if !answer.good() {
		return &AnswerError{"RESERVE by the other initiator", answer}
	}
	answer = x.do(ctx, Deed{Verb: PreemptAndAbort, Type: t, Key: Other})
	switch {
	case answer.conflict() && !x.TwoHosts && x.blocked:
		x.found(Aborts, false, Untried, "", x.alone())
		return nil
	case invalid(answer):
		x.found(Aborts, false, Broken, "NoPreemptAndAbort", "PREEMPT AND ABORT: "+answer.String())
		return nil
	case !answer.good():
		x.found(Aborts, false, Broken, "", "PREEMPT AND ABORT of the holder: "+answer.String())
		return nil
	}
	_, err = x.expelled(ctx, Aborts, t)
	return err
}

// clears tries what is announced of CLEAR.
func (x pairChecks) clears(ctx context.Context) error {
	if ok, err := x.pair(ctx); !ok {
		return err
	}
	if _, _, err := x.announced(ctx); err != nil {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Clear}); !answer.good() {
		x.found(Clears, false, Broken, "", "CLEAR: "+answer.String())
		return nil
	}
	x.a.own = 0
	keys, err := x.keys(ctx)
	if err != nil {
		return err
	}
	x.found(Clears, len(keys) == 0, Broken, "", "CLEAR is GOOD, and keys are there")
	_, told, err := x.announced(ctx)
	x.found(Announcements, told == scsi.ReservationsPreempted || err != nil, Kept, "", "after CLEAR a registrant is told "+announcement(told))
	return err
}

// moves moves the reservation to the other initiator.
func (x pairChecks) moves(ctx context.Context) error {
	ok, err := x.pair(ctx)
	if err != nil {
		return err
	}
	r, err := scsi.ReadFullStatus{}.Execute(ctx, x.u.t)
	at := -1
	if err == nil && ok {
		at = slices.IndexFunc(r.Descriptors, func(d scsi.FullStatus) bool { return d.Key == x.b.Key() })
	}
	if at < 0 || len(x.types) == 0 {
		if x.can.Can(scsi.OutRegisterAndMove) == pr.CanNot {
			x.found(Moves, false, Otherwise, "NoRegisterMove", "REGISTER AND MOVE is not among the commands of the device")
			return nil
		}
		x.found(Moves, false, NotTried, "", "nobody is known to move the reservation to")
		return nil
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: x.types[0]}); !answer.good() {
		return &AnswerError{"RESERVE", answer}
	}
	to := r.Descriptors[at]
	move := scsi.RegisterMove{Key: x.a.own, ActionKey: to.Key, RelativePort: to.RelativePort, Destination: to.TransportID}
	answer := lunAnswer(move.Execute(ctx, x.u.t))
	if !answer.good() {
		quirk := ""
		if invalid(answer) && (asc(answer) == scsi.InvalidFieldInCDB || asc(answer) == scsi.InvalidOpcode) && x.can.Can(scsi.OutRegisterAndMove) != pr.CanDo {
			quirk = "NoRegisterMove"
		}
		x.found(Moves, false, Otherwise, quirk, "REGISTER AND MOVE: "+answer.String())
		return x.clear(ctx)
	}
	held, err := scsi.ReadReservation{}.Execute(ctx, x.u.t)
	if err != nil {
		return err
	}
	x.found(Moves, held.Reservation != nil && held.Reservation.Key == to.Key, Broken, "", "REGISTER AND MOVE is GOOD, and reserved is "+reserved(held.Reservation))
	return x.clear(ctx)
}

// resets tries whether registrations and reservation outlive a reset of the LUN.
func (x pairChecks) resets(ctx context.Context) error {
	if len(x.types) == 0 {
		return nil
	}
	if err := x.clear(ctx); err != nil {
		return err
	}
	if err := x.join(ctx); err != nil {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: x.types[0]}); !answer.good() {
		return &AnswerError{"RESERVE", answer}
	}
	err := scsi.NewUnit(x.u.path.Name, x.u.t).Reset(ctx)
	if errors.Is(err, pr.ErrUnsupported) {
		x.found(Resets, false, Otherwise, "NoReset", "LOGICAL UNIT RESET is not to be had")
		return nil
	}
	if err != nil {
		x.found(Resets, false, Otherwise, "", "LOGICAL UNIT RESET: "+lunAnswer(err).String())
	}
	keys, err := x.keys(ctx)
	if err != nil {
		return err
	}
	held, err := scsi.ReadReservation{}.Execute(ctx, x.u.t)
	if err != nil {
		return err
	}
	kept := slices.Contains(keys, x.a.own) && held.Reservation != nil && held.Reservation.Type == x.types[0]
	x.found(Resets, kept, Broken, "", fmt.Sprintf("after a reset of the LUN registered are %v, reserved is %v", keys, reserved(held.Reservation)))
	return x.clear(ctx)
}
