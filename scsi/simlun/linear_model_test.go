package simlun

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"lunguard/scsi"
)

// order is one command of a history. What is the command: "out" (PERSISTENT
// RESERVE OUT), "move" (REGISTER AND MOVE), "keys", "reservation", "status" and
// "capabilities" (PERSISTENT RESERVE IN), "read", "write", "tur" and "reset"
// (LOGICAL UNIT RESET).
type order struct {
	From int // the sender, see nexusOf
	What string

	Action         scsi.OutAction
	Type           scsi.Type
	Key, ActionKey scsi.Key
	APTPL          bool
	To             int  // move: the destination
	Unregister     bool // move

	Block int
	Value uint64 // write: what the block is filled with
}

func (o order) String() string {
	switch o.What {
	case "out":
		return fmt.Sprintf("%d: %v key %v action key %v type %d aptpl %v", o.From, o.Action, o.Key, o.ActionKey, o.Type, o.APTPL)
	case "move":
		return fmt.Sprintf("%d: move key %v to %d with %v unreg %v aptpl %v", o.From, o.Key, o.To, o.ActionKey, o.Unregister, o.APTPL)
	case "read":
		return fmt.Sprintf("%d: read block %d", o.From, o.Block)
	case "write":
		return fmt.Sprintf("%d: write block %d := %x", o.From, o.Block, o.Value)
	}
	return fmt.Sprintf("%d: %s", o.From, o.What)
}

func nexusOf(i int) NexusID { return MakeNexus(scsi.SASTransportID(uint64(i)+1), 1) }

// The forms in which answers with data are compared. The order of
// registrations is left open by the standard.

func showKeys(gen uint32, keys []scsi.Key) string {
	slices.Sort(keys)
	return fmt.Sprintf("GOOD gen %d keys %v", gen, keys)
}

func showReservation(gen uint32, r *scsi.Reservation) string {
	if r == nil {
		return fmt.Sprintf("GOOD gen %d not reserved", gen)
	}
	return fmt.Sprintf("GOOD gen %d key %v type %d scope %d", gen, r.Key, r.Type, r.Scope)
}

func showStatus(gen uint32, list []scsi.FullStatus) string {
	var words []string
	for _, d := range list {
		w := fmt.Sprintf(" %v=%v", MakeNexus(d.TransportID, d.RelativePort), d.Key)
		if d.Holder {
			w += fmt.Sprintf("*%d", d.Type)
		}
		words = append(words, w)
	}
	slices.Sort(words)
	return fmt.Sprintf("GOOD gen %d", gen) + strings.Join(words, "")
}

// unit is the whole of a small logical unit as the oracle sees it: what it has
// of keys and reservation, the unit attentions that wait, and two blocks.
type unit struct {
	oracle
	waiting map[string][]scsi.ASC // by nexus, oldest first
	blocks  [2]uint64
}

func (u unit) clone() unit {
	u.keys, u.waiting, u.told = maps.Clone(u.keys), maps.Clone(u.waiting), nil
	return u
}

func (u unit) equal(v unit) bool {
	return u.typ == v.typ && u.holder == v.holder && u.gen == v.gen && u.aptpl == v.aptpl && u.blocks == v.blocks &&
		maps.Equal(u.keys, v.keys) && maps.EqualFunc(u.waiting, v.waiting, slices.Equal[[]scsi.ASC])
}

func (u unit) String() string {
	return fmt.Sprintf("gen %d keys %v type %d holder %q aptpl %v attentions %v blocks %x", u.gen, u.keys, u.typ, u.holder, u.aptpl, u.waiting, u.blocks)
}

// do is one command as one step: what it answers and what it changes.
func (u *unit) do(c order) string {
	n := nexusOf(c.From).String()
	if c.What == "reset" {
		for i := range workers { // who comes for the last look is not there yet
			who := nexusOf(i).String()
			if !slices.Contains(u.waiting[who], scsi.BusDeviceReset) {
				u.waiting[who] = append(slices.Clip(u.waiting[who]), scsi.BusDeviceReset)
			}
		}
		return "GOOD"
	}
	if w := u.waiting[n]; len(w) > 0 {
		// Whatever the command is, it has no other effect.
		if u.waiting[n] = w[1:]; len(w) == 1 {
			delete(u.waiting, n)
		}
		return fmt.Sprintf("6/%02X/%02X", uint8(w[0]>>8), uint8(w[0]))
	}
	switch c.What {
	case "out":
		answer := u.out(n, scsi.PROut{Action: c.Action, Type: c.Type, Key: c.Key, ActionKey: c.ActionKey, APTPL: c.APTPL})
		for who, asc := range u.told {
			if !slices.Contains(u.waiting[who], asc) {
				u.waiting[who] = append(slices.Clip(u.waiting[who]), asc)
			}
		}
		u.told = nil
		return answer
	case "move":
		return u.moves(n, nexusOf(c.To).String(), c)
	case "read":
		if (u.typ == 3 || u.typ == 6 || u.typ == 8) && !u.mayWrite(n) {
			return "RC"
		}
		return fmt.Sprintf("GOOD %x", u.blocks[c.Block])
	case "write":
		if !u.mayWrite(n) {
			return "RC"
		}
		u.blocks[c.Block] = c.Value
	case "keys":
		return showKeys(u.gen, slices.Collect(maps.Values(u.keys)))
	case "reservation":
		if u.typ == 0 {
			return showReservation(u.gen, nil)
		}
		return showReservation(u.gen, &scsi.Reservation{Type: u.typ, Key: u.keys[u.holder]})
	case "status":
		return u.status()
	case "capabilities":
		return fmt.Sprintf("GOOD aptpl %v", u.aptpl)
	}
	return "GOOD"
}

// mayWrite: without a reservation everybody, else who holds it, and under the
// types for registrants all of these.
func (u *unit) mayWrite(n string) bool {
	return u.typ == 0 || u.holder == n || u.typ >= 5 && u.keys[n] != 0
}

// moves is REGISTER AND MOVE, which the oracle does not know.
func (u *unit) moves(n, to string, c order) string {
	switch {
	case u.keys[n] == 0 || u.keys[n] != c.Key:
		return "RC"
	case u.typ == 0:
		return "5/24/00"
	case u.holder != n:
		return "RC"
	case c.ActionKey == 0 || to == n:
		return "5/26/00"
	}
	u.keys[to], u.holder = c.ActionKey, to
	if c.Unregister {
		delete(u.keys, n)
	}
	u.gen++
	u.aptpl = c.APTPL
	return "GOOD"
}

func (u *unit) status() string {
	var list []scsi.FullStatus
	for i := range nexuses {
		id := nexusOf(i)
		if k := u.keys[id.String()]; k != 0 {
			d := scsi.FullStatus{Key: k, RelativePort: 1, TransportID: id.Port(), Holder: u.holds(id.String())}
			if d.Holder {
				d.Type = u.typ
			}
			list = append(list, d)
		}
	}
	return showStatus(u.gen, list)
}

// unheard is the answer that a process was killed before it could tell of.
const unheard = "?"

// sequential is the unit for porcupine: a history is right if its commands can
// be put into one order, in which none comes before one that had ended before
// it began, so that a unit that does them one by one gives the same answers.
var sequential = porcupine.Model{
	Init: func() any {
		return unit{oracle: oracle{keys: map[string]scsi.Key{}}, waiting: map[string][]scsi.ASC{}}
	},
	Step: func(state, input, output any) (bool, any) {
		u := state.(unit).clone()
		answer := u.do(input.(order))
		return output == unheard || output == answer, u
	},
	Equal: func(a, b any) bool { return a.(unit).equal(b.(unit)) },
}
