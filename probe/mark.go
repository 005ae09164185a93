package probe

import "lunguard/pr"

// mark is what a key of this package says. Whoever reads the keys of a device knows by
// it that a run is at work there, or was.
type mark struct {
	kind markKind
	// run tells runs apart: 10 bits.
	run uint16
	// seq counts: 4 bits.
	seq uint8
	// payload is what the mark carries: 24 bits.
	payload uint32
}

// markKind is what a mark is for.
type markKind uint8

const (
	// helloMark looks for another run; its seq goes up as long as the run lives.
	helloMark markKind = iota
	// orderMark carries a Deed, answerMark an Answer.
	orderMark
	answerMark
	// aloneMark is of a run that has both initiators.
	aloneMark
)

const (
	// magic is the beginning of every mark. No maker of keys that is known uses it, and
	// the two high bits, which are the marks of package protocol, are none of it.
	magic       = 0x1b0be5
	runBits     = 10
	seqBits     = 4
	payloadBits = 24
	runMask     = 1<<runBits - 1
	seqMask     = 1<<seqBits - 1
	payloadMask = 1<<payloadBits - 1
)

// key is the mark as it is registered.
func (m mark) key() pr.Key {
	k := uint64(magic)<<2 | uint64(m.kind)
	k = k<<runBits | uint64(m.run&runMask)
	k = k<<seqBits | uint64(m.seq&seqMask)
	return pr.Key(k<<payloadBits | uint64(m.payload&payloadMask))
}

// markOf reads a key; not ok if it is no mark.
func markOf(k pr.Key) (m mark, ok bool) {
	if k>>(64-24) != magic {
		return mark{}, false
	}
	return mark{
		kind: markKind(k >> (runBits + seqBits + payloadBits) & 3),
		run:  uint16(k >> (seqBits + payloadBits) & runMask), seq: uint8(k >> payloadBits & seqMask), payload: uint32(k & payloadMask),
	}, true
}

// next is the number behind seq.
func next(seq uint8) uint8 { return (seq + 1) & seqMask }

// IsMark reports whether a key was registered by a run of this package.
func IsMark(k pr.Key) bool {
	_, ok := markOf(k)
	return ok
}

// OnlyMarks reports whether all that is registered and reserved is of such runs.
func OnlyMarks(s *pr.State) bool {
	for _, k := range s.Keys() {
		if !IsMark(k) {
			return false
		}
	}
	return s.Reservation == nil || s.Reservation.Key == 0 && len(s.Registrations) > 0 || IsMark(s.Reservation.Key)
}
