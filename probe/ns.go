package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lunguard/nvme"
	"lunguard/pr"
)

// NamespaceTrial is an NVMe namespace under trial.
type NamespaceTrial struct {
	sharedChecks
	u *nsUnit
	// second is another host that this program can be; nil if there is none.
	second *nsUnit
	// claims is RESCAP.
	claims nvme.ReservationCapabilities
	// host is this one.
	host nvme.HostID
}

// NewNamespaceTrial begins a trial. The second path is of another host.
func NewNamespaceTrial(first NamespacePath, second *NamespacePath, o Options) *NamespaceTrial {
	o.fit()
	x := &NamespaceTrial{sharedChecks: sharedChecks{&bench{}}, u: newNSUnit(first)}
	x.Options, x.Kind, x.run = o, Namespace, o.Run
	x.a = &actor{unit: x.u, scratch: o.Scratch}
	if second != nil {
		x.second = newNSUnit(*second)
	}
	return x
}

// Look does what changes nothing; see [LUNTrial.Look].
func (x *NamespaceTrial) Look(ctx context.Context) (*pr.State, error) {
	x.say(Capabilities)
	c, err := nvme.IdentifyController(ctx, x.u.t)
	if err != nil {
		return nil, err
	}
	n, err := nvme.IdentifyNamespace(ctx, x.u.t)
	if err != nil {
		return nil, err
	}
	if !c.Reservations || n.Reserves == 0 {
		x.found(Capabilities, false, Broken, "NoReservations", "RESCAP is 0")
		return nil, nil
	}
	x.claims = n.Reserves
	x.found(Capabilities, n.Shared, Broken, "NotShared", "by NMIC no second controller can have it")
	x.found(Capabilities, c.LongHostIDs, Broken, "ShortHostIDs", "host identifiers have 8 bytes")
	x.found(Capabilities, !n.WriteProtected, Broken, "WriteProtected", "it takes no writes")
	if n.WriteProtected {
		x.Scratch, x.a.scratch = nil, nil
	}
	x.found(Persists, n.Reserves.Persists(), Otherwise, "NoPersistence", "by RESCAP registrations do not survive a power loss")
	if x.host, err = nvme.ReadHostID(ctx, x.u.t); err != nil {
		return nil, err
	}
	x.say(FullStatus)
	r, err := x.u.report(ctx)
	if errors.Is(err, pr.ErrMalformed) {
		x.found(FullStatus, false, Broken, "Inflates", "Reservation Report: a malformed answer")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.State()
}

// Run tries the namespace; see [LUNTrial.Run].
func (x *NamespaceTrial) Run(ctx context.Context) error { return x.try(ctx, x.registers, x.checks) }

// checks are those that one host does, and then those that two do.
func (x *NamespaceTrial) checks() []trial {
	one, both := nsChecks{x}, nsPairChecks{x}
	return []trial{
		{FullStatus, one.entries}, {WrongKey, one.wrongKey}, {KeyZero, one.keyZero}, {SenseData, one.reserved}, {Generation, one.generation},
		{Persists, one.persists}, {Types, one.tryTypes}, {Releases, one.releases}, {Preempts, one.preemptsNobody},
		{Initiators, both.initiators}, {FencesWrites, both.fences}, {Announcements, both.announces}, {Types, both.allHold},
		{Preempts, both.namesakes}, {Aborts, both.preempts}, {Clears, both.clears}, {AbortsWrites, both.abortsWrites},
	}
}

// registers tries whether a registration is made and shown.
func (x *NamespaceTrial) registers(ctx context.Context) (ok bool, err error) {
	x.led = true
	if err := x.clearAll(ctx); err != nil && !errors.Is(err, ErrDisturbed) {
		return false, err
	}
	key := x.mark()
	if answer := nsAnswer(x.u.send(ctx, (&nvme.Register{New: key}).Encode())); !answer.good() {
		x.found(Registers, false, Broken, "", "Reservation Register: "+answer.String())
		return false, nil
	}
	x.a.own = key
	keys, err := x.keys(ctx)
	if err != nil {
		return false, err
	}
	x.found(Registers, slices.Contains(keys, key), Broken, "", "Reservation Register is Success, and the key is not there")
	return slices.Contains(keys, key), nil
}

// nsChecks are the checks of a namespace that one host does alone.
type nsChecks struct{ *NamespaceTrial }

// answer is that to a command of this host. An error says that nothing came.
func (x nsChecks) answer(ctx context.Context, req *nvme.Request) (Answer, error) {
	err := x.u.send(ctx, req)
	if answer := nsAnswer(err); !answer.unknown() {
		return answer, nil
	}
	return 0, err
}

// entries looks at how the report tells of a registrant.
func (x nsChecks) entries(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	r, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	mine, named := 0, false
	for _, e := range r.Entries {
		if e.Key == x.a.own {
			mine++
			named = named || e.Controller != nvme.DynamicController
			if !e.Host.Same(x.host) {
				x.found(FullStatus, false, Broken, "", "the report has another host identifier than the controller")
			}
		}
	}
	x.found(FullStatus, named, Kept, "NoControllers", "the report names no controller")
	if named && x.u.path.Controllers > 1 {
		x.found(FullStatus, mine == x.u.path.Controllers, Kept, "OneEntry", fmt.Sprintf("the report has %d entries for %d controllers of a host", mine, x.u.path.Controllers))
	}
	return nil
}

func (x nsChecks) wrongKey(ctx context.Context) error {
	for name, req := range map[string]*nvme.Request{
		"replace": (&nvme.Register{Action: nvme.ReplaceKey, Current: nobodysKey, New: x.mark()}).Encode(),
		"acquire": (&nvme.Acquisition{Current: nobodysKey, Type: nvme.TypeCode(pr.WriteExclusiveRegistrantsOnly)}).Encode(),
		"clear":   (&nvme.Releasing{Action: nvme.Clear, Current: nobodysKey}).Encode(),
	} {
		answer, err := x.answer(ctx, req)
		if err != nil {
			return err
		}
		x.found(WrongKey, !answer.good(), Broken, "", name+" with a key that nobody has is Success")
	}
	return nil
}

func (x nsChecks) keyZero(ctx context.Context) error {
	answer, err := x.answer(ctx, (&nvme.Register{Action: nvme.ReplaceKey, IgnoreKey: true}).Encode())
	if err != nil {
		return err
	}
	x.found(KeyZero, !answer.good(), Kept, "TakesKeyZero", "key 0 can be registered")
	return x.join(ctx)
}

// reserved tries an action that there is none of.
func (x nsChecks) reserved(ctx context.Context) error {
	answer, err := x.answer(ctx, (&nvme.Register{Action: 3, Current: x.a.own, New: x.mark()}).Encode())
	if err != nil {
		return err
	}
	x.found(SenseData, !answer.good(), Kept, "", "a reserved action of Reservation Register is Success")
	if answer.is(nvme.InvalidOpcode) {
		x.found(SenseData, false, Kept, "UnknownActions", "a reserved action is Invalid Command Opcode")
	}
	return x.join(ctx)
}

// generation counts what a replacement of the key changes.
func (x nsChecks) generation(ctx context.Context) error {
	before, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	if err := x.join(ctx); err != nil {
		return err
	}
	after, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	x.found(Generation, after.Generation == before.Generation+1, Kept, "CountsHosts", "the generation does not count a replacement of a key")
	return nil
}

// persists asks for registrations that survive a loss of power, and leaves that as it was.
func (x nsChecks) persists(ctx context.Context) error {
	was, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	set := func(p nvme.Persistence) (Answer, error) {
		key := x.mark()
		answer, err := x.answer(ctx, (&nvme.Register{Action: nvme.ReplaceKey, IgnoreKey: true, New: key, Persistence: p}).Encode())
		if answer.good() && err == nil {
			x.a.own = key
		}
		return answer, err
	}
	bad, err := set(1)
	if err != nil {
		return err
	}
	x.found(Persists, !bad.good(), Kept, "IgnoresPersistence", "a reserved value of CPTPL is Success")
	if !x.claims.Persists() {
		return nil
	}
	answer, err := set(nvme.PersistenceOn)
	if err != nil {
		return err
	}
	now, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	if !now.Persisting && !bad.good() {
		x.found(Persists, false, Otherwise, "", "CPTPL: "+answer.String()+", and PTPLS is 0")
	}
	if !was.Persisting {
		_, err = set(nvme.PersistenceOff)
	}
	return err
}

// tryTypes reserves by each type.
func (x nsChecks) tryTypes(ctx context.Context) error {
	for t := nvme.RType(1); t <= 6; t++ {
		answer, err := x.answer(ctx, (&nvme.Acquisition{Current: x.a.own, Type: t}).Encode())
		if err != nil {
			return err
		}
		if !answer.good() {
			continue
		}
		r, err := x.u.report(ctx)
		if err != nil {
			return err
		}
		if r.Type != t {
			x.found(Types, false, Broken, "", "acquire is Success, and the report has another type")
			return x.clear(ctx)
		}
		x.types = append(x.types, t.Common())
		if answer, err = x.answer(ctx, (&nvme.Releasing{Current: x.a.own, Type: t}).Encode()); err != nil || !answer.good() {
			x.found(Types, false, Broken, "", "release: "+answer.String())
			return errors.Join(err, x.clear(ctx))
		}
	}
	switch missing := func(t pr.Type) bool { return !slices.Contains(x.types, t) }; {
	case missing(pr.WriteExclusiveRegistrantsOnly):
		x.found(Types, false, Broken, "", "no reservation of the type Write Exclusive - Registrants Only")
	case missing(pr.WriteExclusiveAllRegistrants), missing(pr.ExclusiveAccessAllRegistrants):
		x.found(Types, false, Otherwise, "NoAllRegistrants", "no types of all registrants")
	default:
		x.found(Types, true, Kept, "", "")
	}
	return nil
}

// holding reserves by this host alone.
func (x nsChecks) holding(ctx context.Context, t pr.Type) error {
	if err := x.clear(ctx); err != nil {
		return err
	}
	if err := x.join(ctx); err != nil {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: t}); !answer.good() {
		return &AnswerError{"acquire", answer}
	}
	return nil
}

// releases tries a release of another type.
func (x nsChecks) releases(ctx context.Context) error {
	if err := x.holding(ctx, pr.WriteExclusiveRegistrantsOnly); err != nil {
		return err
	}
	answer := x.do(ctx, Deed{Verb: Release, Type: pr.WriteExclusive})
	r, err := x.u.report(ctx)
	if err != nil {
		return err
	}
	x.found(Releases, r.Type != 0, Broken, "", "a release of another type ends the reservation")
	x.found(Releases, !answer.conflict(), Kept, "OtherTypeConflicts", "a release of another type is a conflict")
	return nil
}

// preemptsNobody preempts keys that nobody has.
func (x nsChecks) preemptsNobody(ctx context.Context) error {
	// While nobody holds: what a holder preempts is another question.
	if err := x.clear(ctx); err != nil {
		return err
	}
	if err := x.join(ctx); err != nil {
		return err
	}
	answer := x.do(ctx, Deed{Verb: Preempt, Type: pr.WriteExclusiveRegistrantsOnly, Key: Nobody})
	x.found(Preempts, !answer.good(), Kept, "PreemptsNobody", "a preempt of a key that nobody has is Success")
	if err := x.holding(ctx, pr.WriteExclusiveRegistrantsOnly); err != nil {
		return err
	}
	answer = x.do(ctx, Deed{Verb: Preempt, Type: pr.WriteExclusiveRegistrantsOnly, Key: Zero})
	x.found(Preempts, !answer.conflict(), Kept, "VictimZeroConflicts", "a preempt of key 0 is a conflict")
	return x.clear(ctx)
}
