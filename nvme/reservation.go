package nvme

import (
	"encoding/binary"
	"fmt"

	"lunguard/pr"
)

// Fields of CDW10 that Register, Acquire and Release share.
const (
	actionMask  = 7
	ignoreKey   = 1 << 3 // IEKEY
	typeShift   = 8      // RTYPE 15:8
	cptplShift  = 30     // CPTPL 31:30
	registerLen = 16
	acquireLen  = 16
	releaseLen  = 8
)

// RType is a type of reservation as NVMe counts it, 1 to 6; 0 is none. Section 8.1.22.4:
// the six are SCSI's, in SCSI's order.
type RType uint8

const lastType RType = 6

// TypeCode is NVMe's number of a type; 0 for none that there is.
func TypeCode(t pr.Type) RType {
	for code := range lastType + 1 {
		if code.Common() == t {
			return code
		}
	}
	return 0
}

// Common is the type in the words of package pr; 0 for a number that is none.
func (r RType) Common() pr.Type {
	switch r {
	case 1:
		return pr.WriteExclusive
	case 2:
		return pr.ExclusiveAccess
	case 3:
		return pr.WriteExclusiveRegistrantsOnly
	case 4:
		return pr.ExclusiveAccessRegistrantsOnly
	case 5:
		return pr.WriteExclusiveAllRegistrants
	case lastType:
		return pr.ExclusiveAccessAllRegistrants
	}
	return 0
}

// capability is the bit of RESCAP that tells of the type. RESCAP bit 0 is another thing.
func (r RType) capability() uint8 { return 1 << r }

// RegisterAction is RREGA.
type RegisterAction uint8

// What Reservation Register does.
const (
	// RegisterKey makes a key the registration of a host that has none.
	RegisterKey RegisterAction = iota
	// UnregisterKey takes the registration off.
	UnregisterKey
	// ReplaceKey changes it. With IgnoreKey it registers a host that has none, too.
	ReplaceKey
)

// String names the action.
func (a RegisterAction) String() string {
	switch a {
	case RegisterKey:
		return "register"
	case UnregisterKey:
		return "unregister"
	case ReplaceKey:
		return "replace"
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// Persistence is CPTPL: what becomes of the namespace's state of persistence through
// power loss.
type Persistence uint8

// Values of CPTPL. 1 is reserved.
const (
	PersistenceUnchanged Persistence = 0
	PersistenceOff       Persistence = 2
	PersistenceOn        Persistence = 3
)

// Register is Reservation Register, section 7.6.
type Register struct {
	Action RegisterAction
	// IgnoreKey is IEKEY: Current is not looked at.
	IgnoreKey    bool
	Current, New pr.Key
	Persistence  Persistence
}

// Encode makes the request.
func (c *Register) Encode() *Request {
	r := &Request{Opcode: OpRegister, Data: make([]byte, registerLen)}
	r.Words[0] = uint32(c.Action)&actionMask | ignoring(c.IgnoreKey) | uint32(c.Persistence)<<cptplShift
	binary.LittleEndian.PutUint64(r.Data[0:], uint64(c.Current))
	binary.LittleEndian.PutUint64(r.Data[8:], uint64(c.New))
	return r
}

// DecodeRegister reads a request. Errors: ErrMalformed if it is another one, or short.
func DecodeRegister(r *Request) (*Register, error) {
	if err := fits(r, OpRegister, registerLen); err != nil {
		return nil, err
	}
	return &Register{
		Action: RegisterAction(r.Words[0] & actionMask), IgnoreKey: r.Words[0]&ignoreKey != 0,
		Persistence: Persistence(r.Words[0] >> cptplShift),
		Current:     pr.Key(binary.LittleEndian.Uint64(r.Data[0:])), New: pr.Key(binary.LittleEndian.Uint64(r.Data[8:])),
	}, nil
}

// AcquireAction is RACQA.
type AcquireAction uint8

// What Reservation Acquire does.
const (
	Acquire AcquireAction = iota
	Preempt
	PreemptAndAbort
)

// String names the action.
func (a AcquireAction) String() string {
	switch a {
	case Acquire:
		return "acquire"
	case Preempt:
		return "preempt"
	case PreemptAndAbort:
		return "preempt and abort"
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// Acquisition is Reservation Acquire, section 7.5.
type Acquisition struct {
	Action AcquireAction
	// IgnoreKey is IEKEY, which devices refuse.
	IgnoreKey bool
	// Type is that of the reservation to be made.
	Type RType
	// Current is the key of who asks, Victim that of whom it preempts.
	Current, Victim pr.Key
}

// Encode makes the request.
func (c *Acquisition) Encode() *Request {
	r := &Request{Opcode: OpAcquire, Data: make([]byte, acquireLen)}
	r.Words[0] = uint32(c.Action)&actionMask | ignoring(c.IgnoreKey) | uint32(c.Type)<<typeShift
	binary.LittleEndian.PutUint64(r.Data[0:], uint64(c.Current))
	binary.LittleEndian.PutUint64(r.Data[8:], uint64(c.Victim))
	return r
}

// DecodeAcquisition reads a request. Errors: ErrMalformed if it is another one, or short.
func DecodeAcquisition(r *Request) (*Acquisition, error) {
	if err := fits(r, OpAcquire, acquireLen); err != nil {
		return nil, err
	}
	return &Acquisition{
		Action: AcquireAction(r.Words[0] & actionMask), IgnoreKey: r.Words[0]&ignoreKey != 0,
		Type: RType(r.Words[0] >> typeShift), Current: pr.Key(binary.LittleEndian.Uint64(r.Data[0:])), Victim: pr.Key(binary.LittleEndian.Uint64(r.Data[8:])),
	}, nil
}

// ReleaseAction is RRELA.
type ReleaseAction uint8

// What Reservation Release does.
const (
	Release ReleaseAction = iota
	Clear
)

// String names the action.
func (a ReleaseAction) String() string {
	switch a {
	case Release:
		return "release"
	case Clear:
		return "clear"
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// Releasing is Reservation Release, section 7.7.
type Releasing struct {
	Action ReleaseAction
	// IgnoreKey is IEKEY, which devices refuse.
	IgnoreKey bool
	// Type is that of the reservation.
	Type    RType
	Current pr.Key
}

// Encode makes the request.
func (c *Releasing) Encode() *Request {
	r := &Request{Opcode: OpRelease, Data: make([]byte, releaseLen)}
	r.Words[0] = uint32(c.Action)&actionMask | ignoring(c.IgnoreKey) | uint32(c.Type)<<typeShift
	binary.LittleEndian.PutUint64(r.Data, uint64(c.Current))
	return r
}

// DecodeReleasing reads a request. Errors: ErrMalformed if it is another one, or short.
func DecodeReleasing(r *Request) (*Releasing, error) {
	if err := fits(r, OpRelease, releaseLen); err != nil {
		return nil, err
	}
	return &Releasing{
		Action: ReleaseAction(r.Words[0] & actionMask), IgnoreKey: r.Words[0]&ignoreKey != 0,
		Type: RType(r.Words[0] >> typeShift), Current: pr.Key(binary.LittleEndian.Uint64(r.Data)),
	}, nil
}

func ignoring(ignore bool) uint32 {
	if ignore {
		return ignoreKey
	}
	return 0
}

func fits(r *Request, op Opcode, length int) error {
	if r.Opcode != op || len(r.Data) < length {
		return malformed(op.String(), "%v with %d bytes, %d needed", r.Opcode, len(r.Data), length)
	}
	return nil
}
