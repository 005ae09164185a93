package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lunguard/pr"
	"lunguard/scsi"
)

// aloneChecks are the checks of a LUN that one initiator does alone.
type aloneChecks struct{ *LUNTrial }

// outcome is the answer to a PERSISTENT RESERVE OUT. An error says that nothing came.
func (x aloneChecks) outcome(ctx context.Context, p scsi.PROut) (Answer, error) {
	err := x.u.out(ctx, p)
	if answer := lunAnswer(err); !answer.unknown() {
		return answer, nil
	}
	return 0, err
}

// invalid reports whether an answer is ILLEGAL REQUEST of any kind.
func invalid(a Answer) bool {
	return a.kind() == refused && scsi.SenseKey(a.detail()>>16) == scsi.IllegalRequest
}

// asc is the additional sense code of an answer.
func asc(a Answer) scsi.ASC { return scsi.ASC(a.detail() & 0xffff) }

func (x aloneChecks) ignores(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	key := x.mark()
	answer, err := x.outcome(ctx, scsi.PROut{Action: scsi.OutRegisterAndIgnoreExistingKey, ActionKey: key})
	if err != nil {
		return err
	}
	if answer.good() {
		x.a.own = key
	}
	x.found(Ignores, answer.good(), Otherwise, "NoRegIgnore", "REGISTER AND IGNORE EXISTING KEY: "+answer.String())
	return nil
}

func (x aloneChecks) wrongKey(ctx context.Context) error {
	holds := false
	for _, p := range []scsi.PROut{
		{Action: scsi.OutRegister, Key: nobodysKey, ActionKey: x.mark()},
		{Action: scsi.OutReserve, Key: nobodysKey, Type: pr.WriteExclusiveRegistrantsOnly},
		{Action: scsi.OutClear, Key: nobodysKey},
		{Action: scsi.OutPreempt, Key: x.a.own, ActionKey: nobodysKey, Type: pr.WriteExclusiveRegistrantsOnly},
	} {
		answer, err := x.outcome(ctx, p)
		if err != nil {
			return err
		}
		if answer.good() && p.Action == scsi.OutPreempt {
			x.found(WrongKey, false, Kept, "", "PREEMPT of a key that nobody has is GOOD")
			continue
		}
		result, quirk := Broken, ""
		if answer.good() && p.Action == scsi.OutReserve {
			// Who is registered may reserve, by another key.
			result, quirk, holds = Otherwise, "ReserveAnyKey", true
		}
		x.found(WrongKey, !answer.good(), result, quirk, p.Action.String()+" with a key that nobody has is GOOD")
	}
	if !holds {
		return nil
	}
	if err := x.clear(ctx); err != nil {
		return err
	}
	return x.join(ctx)
}

// listing is the raw answer to a PERSISTENT RESERVE IN: the length that it claims, and how
// much has come.
func (x aloneChecks) listing(ctx context.Context, action scsi.InAction, alloc int) (claimed, came int, answer Answer) {
	cdb := make([]byte, 10)
	cdb[0], cdb[1] = byte(scsi.OpPRIn), byte(action)
	binary.BigEndian.PutUint16(cdb[7:], uint16(alloc))
	req := &scsi.Request{CDB: cdb, Dir: scsi.DataIn, Data: make([]byte, alloc)}
	reply, err := scsi.Exec(ctx, x.u.t, action.String(), req)
	if err != nil {
		return 0, 0, lunAnswer(err)
	}
	if came = alloc - reply.Resid; came >= 8 {
		claimed = int(binary.BigEndian.Uint32(req.Data[4:]))
	}
	return claimed, came, answerOf(good, 0)
}

// wholeList is an allocation length for every registration that there can be here.
const wholeList = 65532

func (x aloneChecks) fullStatus(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	r, err := scsi.ReadFullStatus{}.Execute(ctx, x.u.t)
	switch {
	case errors.Is(err, pr.ErrUnsupported):
		x.found(FullStatus, false, Otherwise, "NoFullStatus", "READ FULL STATUS: "+lunAnswer(err).String())
		return nil
	case errors.Is(err, pr.ErrMalformed):
		quirk := ""
		if claimed, _, answer := x.listing(ctx, scsi.InReadFullStatus, wholeList); answer.good() && claimed > 64 {
			quirk = "BadFullStatusLength"
		}
		x.found(FullStatus, false, Broken, quirk, "READ FULL STATUS: a malformed answer")
		return nil
	case err != nil:
		return err
	}
	at := slices.IndexFunc(r.Descriptors, func(d scsi.FullStatus) bool { return d.Key == x.a.own })
	x.found(FullStatus, at >= 0, Broken, "", "READ FULL STATUS does not have the key that READ KEYS has")
	if at >= 0 && !r.Descriptors[at].TransportID.IsZero() {
		x.port = r.Descriptors[at].TransportID
	}
	return nil
}

func (x aloneChecks) buffers(ctx context.Context) error {
	_, _, answer := x.listing(ctx, scsi.InReadKeys, 4)
	if answer.kind() == refused {
		x.found(Buffers, false, Kept, "MinAlloc8", "READ KEYS with an allocation length of 4: "+answer.String())
	}
	whole, _, answer := x.listing(ctx, scsi.InReadFullStatus, wholeList)
	short, _, shortAnswer := x.listing(ctx, scsi.InReadFullStatus, 8)
	if answer.good() && shortAnswer.good() {
		x.found(Buffers, whole == short, Kept, "ShortFullStatus", "READ FULL STATUS tells another length into a short buffer")
	}
	return nil
}

func (x aloneChecks) senseData(ctx context.Context) error {
	answer, err := x.outcome(ctx, scsi.PROut{Action: scsi.OutReserve, Key: x.a.own, Type: pr.WriteExclusive, TransportIDs: []scsi.TransportID{}})
	if err != nil {
		return err
	}
	quirk := ""
	if invalid(answer) && asc(answer) == scsi.InvalidFieldInCDB {
		quirk = "OldSense"
	}
	if answer.good() {
		// It holds now.
		if err := x.clear(ctx); err != nil {
			return err
		}
	}
	x.found(SenseData, invalid(answer) && asc(answer) == scsi.InvalidFieldInParameterList, Kept, quirk, "RESERVE with SPEC_I_PT: "+answer.String())
	return nil
}

// counted is PRGENERATION.
func (x aloneChecks) counted(ctx context.Context) (uint32, error) {
	r, err := scsi.ReadKeys{}.Execute(ctx, x.u.t)
	if err != nil {
		return 0, err
	}
	return r.Generation, nil
}

func (x aloneChecks) generation(ctx context.Context) error {
	leaving := func(holds bool) (uint32, error) {
		if err := x.join(ctx); err != nil {
			return 0, err
		}
		if holds {
			if answer := x.do(ctx, Deed{Verb: Reserve, Type: pr.WriteExclusive}); !answer.good() {
				// What counts twice cannot be told apart then.
				holds = false
			}
		}
		before, err := x.counted(ctx)
		if err != nil {
			return 0, err
		}
		if err := x.a.leave(ctx); err != nil {
			return 0, err
		}
		after, err := x.counted(ctx)
		return after - before, err
	}
	plain, err := leaving(false)
	if err != nil {
		return err
	}
	held, err := leaving(true)
	if err != nil {
		return err
	}
	x.found(Generation, plain != 0, Kept, "NoUnregGenBump", "unregistering does not count in PRGENERATION")
	if held == plain+1 {
		x.found(Generation, false, Kept, "DoubleGenBump", "unregistering the holder counts twice in PRGENERATION")
	}
	return nil
}

// tryTypes reserves by each type.
func (x aloneChecks) tryTypes(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	for _, t := range scsi.Types() {
		answer := x.do(ctx, Deed{Verb: Reserve, Type: t})
		if invalid(answer) {
			continue
		}
		if !answer.good() {
			x.found(Types, false, Untried, "", "RESERVE, "+t.String()+": "+answer.String())
			continue
		}
		r, err := scsi.ReadReservation{}.Execute(ctx, x.u.t)
		if err != nil {
			return err
		}
		if r.Reservation == nil || r.Reservation.Type != t {
			x.found(Types, false, Broken, "", "RESERVE, "+t.String()+", is GOOD, and READ RESERVATION does not have it")
			continue
		}
		x.types = append(x.types, t)
		if answer = x.do(ctx, Deed{Verb: Release, Type: t}); !answer.good() {
			x.found(Types, false, Broken, "", "RELEASE, "+t.String()+": "+answer.String())
			return x.clear(ctx)
		}
	}
	return x.judgeTypes()
}

// judgeTypes says what the types that there are mean.
func (x aloneChecks) judgeTypes() error {
	if len(x.types) == len(scsi.Types()) {
		x.found(Types, true, Kept, "", "")
		return nil
	}
	var names []string
	for _, t := range x.types {
		names = append(names, strconv.Itoa(int(t)))
	}
	quirk := "OnlyTypes=" + strings.Join(names, "+")
	switch {
	case len(x.types) == 0:
		x.found(Types, false, Broken, "", "no type of reservation can be made")
	case !slices.Contains(x.types, pr.WriteExclusiveRegistrantsOnly):
		x.found(Types, false, Broken, quirk, "no reservation of the type Write Exclusive - Registrants Only")
	default:
		x.found(Types, false, Otherwise, quirk, "only the types "+strings.Join(names, ", "))
	}
	return nil
}

// persists asks for registrations that survive a loss of power.
func (x aloneChecks) persists(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	key := x.mark()
	answer, err := x.outcome(ctx, scsi.PROut{Action: scsi.OutRegister, Key: x.a.own, ActionKey: key, APTPL: true})
	if err != nil {
		return err
	}
	if !answer.good() {
		x.found(Persists, false, Otherwise, "NoAPTPL", "REGISTER with APTPL: "+answer.String())
		return nil
	}
	x.a.own = key
	active := true
	if caps, err := (scsi.ReportCapabilities{}).Execute(ctx, x.u.t); err == nil {
		active = caps.PersistActive
	}
	x.found(Persists, active, Otherwise, "", "REGISTER with APTPL is GOOD, and PTPL_A is 0")
	return x.join(ctx)
}

func (x aloneChecks) allPorts(ctx context.Context) error {
	if err := x.a.leave(ctx); err != nil {
		return err
	}
	key := x.mark()
	answer, err := x.outcome(ctx, scsi.PROut{Action: scsi.OutRegister, ActionKey: key, AllTgtPort: true})
	if err != nil {
		return err
	}
	x.found(AllPorts, answer.good(), Kept, "NoAllTgPt", "REGISTER with ALL_TG_PT: "+answer.String())
	if answer.good() {
		if answer, err = x.outcome(ctx, scsi.PROut{Action: scsi.OutRegister, Key: key, AllTgtPort: true}); err != nil {
			return err
		}
		x.found(AllPorts, answer.good(), Broken, "", "unregistering with ALL_TG_PT: "+answer.String())
	}
	return x.clear(ctx)
}

// strangers are initiator ports that there are none of, of the protocol of the path.
func (x aloneChecks) strangers(n int) []scsi.TransportID {
	var list []scsi.TransportID
	for i := range uint64(n) {
		switch x.port.Protocol() {
		case scsi.ProtocolISCSI:
			list = append(list, scsi.ISCSIPortTransportID(fmt.Sprintf("iqn.2001-04.com.example:nobody%d", i), 0xdead00+i))
		case scsi.ProtocolFC:
			list = append(list, scsi.FCTransportID(0x2000_0000_dead_0000+i))
		default:
			list = append(list, scsi.SASTransportID(0x3000_0000_dead_0000+i))
		}
	}
	return list
}

// introduce registers this nexus and n strangers, and counts the registrations.
func (x aloneChecks) introduce(ctx context.Context, n int) (registered int, answer Answer, err error) {
	if err := x.clear(ctx); err != nil {
		return 0, 0, err
	}
	key := x.mark()
	if answer, err = x.outcome(ctx, scsi.PROut{Action: scsi.OutRegister, ActionKey: key, TransportIDs: x.strangers(n)}); err != nil || !answer.good() {
		return 0, answer, err
	}
	x.a.own = key
	keys, err := x.keys(ctx)
	return len(keys), answer, err
}

func (x aloneChecks) introduces(ctx context.Context) error {
	if x.port.IsZero() {
		x.found(Introduces, false, NotTried, "", "the initiator port of this path is not known")
		if x.caps != nil && !x.caps.SpecIPT {
			x.found(Introduces, false, Otherwise, "NoSpecIPT", "SIP_C is 0")
		}
		return nil
	}
	n, answer, err := x.introduce(ctx, 1)
	switch {
	case err != nil:
		return err
	case answer.good() && n == 1:
		x.found(Introduces, false, Otherwise, "SpecIPTKnownOnly", "REGISTER with SPEC_I_PT is GOOD, and passes over a port that has not logged in")
	case answer.good():
		x.found(Introduces, true, Kept, "", "")
		return x.limit(ctx)
	case x.caps != nil && x.caps.SpecIPT && asc(answer) != scsi.InsufficientRegistrations:
		x.found(Introduces, false, Kept, "", "REGISTER with SPEC_I_PT of a port that has not logged in: "+answer.String())
	case asc(answer) == scsi.InsufficientRegistrations:
		return x.limit(ctx)
	default:
		x.found(Introduces, false, Otherwise, "NoSpecIPT", "REGISTER with SPEC_I_PT: "+answer.String())
	}
	return x.clear(ctx)
}

const (
	// mostStrangers are registered to find a limit.
	mostStrangers = 255
	// fewest registrations are needed for two nodes with two paths each.
	fewest = 4
)

// limit finds how many registrations there can be.
func (x aloneChecks) limit(ctx context.Context) error {
	x.say(Limit)
	low, high := 0, mostStrangers+1
	for n := mostStrangers; low+1 < high; n = (low + high) / 2 {
		_, answer, err := x.introduce(ctx, n)
		switch {
		case err != nil:
			return err
		case answer.good():
			low = n
		case invalid(answer) && asc(answer) == scsi.InsufficientRegistrations:
			high = n
		default:
			// Something else is in the way of so many.
			x.Limit = low + 1
			x.found(Limit, false, NotTried, "", fmt.Sprintf("REGISTER with SPEC_I_PT of %d ports: %v", n, answer))
			return x.clear(ctx)
		}
	}
	x.Limit, x.Limited = low+1, high <= mostStrangers
	quirk := fmt.Sprintf("MaxRegs=%d", x.Limit)
	switch why := fmt.Sprintf("no more than %d registrations", x.Limit); {
	case !x.Limited:
		x.found(Limit, true, Kept, "", "")
	case x.Limit < fewest:
		x.found(Limit, false, Broken, quirk, why)
	default:
		x.found(Limit, false, Otherwise, quirk, why)
	}
	return x.clear(ctx)
}

// legacy tries RESERVE(6) under a reservation of this nexus, where it changes nothing.
func (x aloneChecks) legacy(ctx context.Context) error {
	if err := x.join(ctx); err != nil {
		return err
	}
	if len(x.types) == 0 {
		return nil
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: x.types[0]}); !answer.good() {
		return &AnswerError{"RESERVE", answer}
	}
	_, err := scsi.Exec(ctx, x.u.t, scsi.OpReserve6.String(), &scsi.Request{CDB: []byte{byte(scsi.OpReserve6), 0, 0, 0, 0, 0}})
	answer := lunAnswer(err)
	unknown := invalid(answer) && asc(answer) == scsi.InvalidOpcode
	x.found(Legacy, !unknown, Kept, "Reserve6Unsupported", "RESERVE(6): "+answer.String())
	if answer.good() {
		// Nothing is left to chance.
		if _, err := scsi.Exec(ctx, x.u.t, scsi.OpRelease6.String(), &scsi.Request{CDB: []byte{byte(scsi.OpRelease6), 0, 0, 0, 0, 0}}); lunAnswer(err).unknown() {
			return err
		}
	}
	return x.clear(ctx)
}

// preemptsItself tries PREEMPT of the sender's own key where all registrants hold.
func (x aloneChecks) preemptsItself(ctx context.Context) error {
	at := slices.IndexFunc(x.types, pr.Type.AllRegistrants)
	if at < 0 {
		return nil
	}
	if err := x.join(ctx); err != nil {
		return err
	}
	if answer := x.do(ctx, Deed{Verb: Reserve, Type: x.types[at]}); !answer.good() {
		return &AnswerError{"RESERVE", answer}
	}
	if answer := x.do(ctx, Deed{Verb: Preempt, Type: x.types[at], Key: Own}); answer.good() {
		keys, err := x.keys(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(keys, x.a.own) {
			x.found(Preempts, false, Kept, "DropSenderOnARSelfPreempt", "PREEMPT of its own key removes the sender where all registrants hold")
		}
	}
	return x.clear(ctx)
}
