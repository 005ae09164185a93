package probe

import (
	"fmt"

	"lunguard/nvme"
	"lunguard/pr"
)

// Deed is what one of the two initiators is to do. It fits into the payload of a mark.
type Deed struct {
	Verb Verb
	Type pr.Type
	Key  Whose
	// Outside says that the initiator gives up its registration first. After a deed it
	// is registered again, with a key that carries the answer.
	Outside bool
	// Saved says of a write that what stood in the scratch block was not zeros, and is kept.
	Saved bool
}

// Verb is the kind of a deed.
type Verb uint8

// Verbs.
const (
	// Nothing is done: the initiator is registered.
	Nothing Verb = iota
	Reserve
	Release
	Preempt
	PreemptAndAbort
	Clear
	// Read and Write are of the first block, and of the scratch block.
	Read
	Write
	// Announced answers with the oldest announcement of the device, and takes off all.
	Announced
	// Load begins to write without a pause, until that is refused. Unload waits for it.
	Load
	Unload
	// Over ends the run; the type of the deed is the verdict.
	Over
)

// Whose is a key by who is registered with it.
type Whose uint8

// Keys.
const (
	Own Whose = iota
	Other
	Zero
	Nobody
)

// nobodysKey is registered for nobody.
const nobodysKey pr.Key = magic<<40 | 3<<38 | payloadMask

// encode is the payload of the deed.
func (d Deed) encode() uint32 {
	p := uint32(d.Verb) | uint32(d.Type)<<5 | uint32(d.Key)<<9
	if d.Outside {
		p |= 1 << 11
	}
	if d.Saved {
		p |= 1 << 12
	}
	return p
}

func decodeDeed(p uint32) Deed {
	return Deed{Verb: Verb(p & 0x1f), Type: pr.Type(p >> 5 & 0xf), Key: Whose(p >> 9 & 3), Outside: p>>11&1 != 0, Saved: p>>12&1 != 0}
}

// Answer is what came of a deed. It fits into the payload of a mark.
type Answer uint32

// answerKind is the kind of an answer, in its upper bits; what is below it depends on it.
type answerKind uint8

const answerShift = 20

const (
	good answerKind = iota
	// conflict is RESERVATION CONFLICT, nexusConflict one that the host adapter tells of.
	conflict
	nexusConflict
	// refused has sense key and additional sense code below it, status one of NVMe's.
	refused
	status
	// noAnswer is any failure of the way to the device.
	noAnswer
	malformed
	// impossible says that this host cannot do it.
	impossible
	// told has an announcement below it, 0 for none; counted a number.
	told
	counted
)

// answerOf makes an answer.
func answerOf(k answerKind, detail uint32) Answer {
	return Answer(uint32(k)<<answerShift | detail&(1<<answerShift-1))
}

func (a Answer) kind() answerKind { return answerKind(a >> answerShift) }

func (a Answer) detail() uint32 { return uint32(a) & (1<<answerShift - 1) }

func (a Answer) good() bool { return a.kind() == good }

func (a Answer) conflict() bool { return a.kind() == conflict || a.kind() == nexusConflict }

// unknown reports whether it says nothing of the device.
func (a Answer) unknown() bool { return a.kind() == noAnswer || a.kind() == impossible }

// String says it in the words of the standards.
func (a Answer) String() string {
	switch a.kind() {
	case good:
		return "GOOD"
	case conflict:
		return "RESERVATION CONFLICT"
	case nexusConflict:
		return "RESERVATION CONFLICT (DID_NEXUS_FAILURE)"
	case refused:
		return fmt.Sprintf("%X/%02X/%02X", a.detail()>>16, a.detail()>>8&0xff, a.detail()&0xff)
	case status:
		return nvme.Status(a.detail()).String()
	case malformed:
		return "malformed answer"
	case impossible:
		return "not possible here"
	case told:
		return fmt.Sprintf("%02X/%02X", a.detail()>>8&0xff, a.detail()&0xff)
	case counted:
		return fmt.Sprint(a.detail())
	}
	return "no answer"
}
