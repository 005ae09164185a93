package scsi

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Allocation lengths of PERSISTENT RESERVE IN. 65535 is the most that the CDB
// can say; 65532 is the most that is a multiple of four. The first full status
// has room for 128 registrations with iSCSI names of 70 bytes: 16 nodes with 8
// paths. More costs a second command; a larger buffer costs the kernel memory
// with every command.
const (
	readKeysAlloc   = 8192
	fullStatusAlloc = 16384
	maxAlloc        = 65532
	// prHeader is PRGENERATION and ADDITIONAL LENGTH.
	prHeader = 8
	// fullStatusHead is a full status descriptor without its TransportID.
	fullStatusHead = 24
	// largestDescriptor is the longest full status descriptor there can be:
	// its head and an iSCSI TransportID with a name of 223 bytes and an ISID.
	largestDescriptor = fullStatusHead + 4 + 244
)

// prInCDB builds the CDB. SPC-4 6.15.1.
func prInCDB(action InAction, alloc int) []byte {
	cdb := make([]byte, 10)
	cdb[0] = byte(OpPRIn)
	cdb[1] = byte(action)
	binary.BigEndian.PutUint16(cdb[7:], uint16(alloc))
	return cdb
}

// prIn sends one PERSISTENT RESERVE IN and returns the bytes that arrived.
func prIn(ctx context.Context, t Transport, action InAction, alloc int) ([]byte, error) {
	buf := Blank(alloc)
	reply, err := Exec(ctx, t, prInName(action), &Request{CDB: prInCDB(action, alloc), Dir: DataIn, Data: buf})
	if err != nil {
		return nil, err
	}
	return arrived(prInName(action), buf, reply.Resid)
}

// blankHead is how much of a buffer is filled before a command: that is where an
// answer says how long it is. Behind it stay zeros, which are no key and no length.
const blankHead = 512

// Blank makes a buffer for an answer. It begins with bytes that no answer begins
// with, since in zeros nobody would see that nothing has arrived: an answer of zeros
// says that nobody is registered.
func Blank(n int) []byte {
	b := make([]byte, n)
	blank(b)
	return b
}

func blank(b []byte) {
	for i := range min(len(b), blankHead) {
		b[i] = 0xff
	}
}

// IsBlank reports whether the first n bytes of an answer are still those that
// [Blank] has put there.
func IsBlank(b []byte, n int) bool {
	return len(b) >= n && bytes.Count(b[:n], []byte{0xff}) == n
}

func prInName(action InAction) string { return OpPRIn.String() + ", " + action.String() }

// beginning is how much of an answer has to be blank for it to be none: PRGENERATION
// may be anything, a list of 4 GB is not, and no other answer here begins so.
const beginning = 8

// arrived cuts the buffer to the bytes that were transferred. A status of GOOD with
// a residual count of 0 is no proof that there are any.
func arrived(op string, buf []byte, resid int) ([]byte, error) {
	switch {
	case resid < 0 || resid > len(buf):
		return nil, malformed(op, "residual count %d of %d bytes", resid, len(buf))
	case IsBlank(buf[:len(buf)-resid], beginning):
		return nil, malformed(op, "GOOD, and no data")
	}
	return buf[:len(buf)-resid], nil
}

// prList sends PERSISTENT RESERVE IN for an answer of unknown length and
// returns the whole of it, or an error; errTooLong if it may be longer than the
// largest allocation length there is. spare is how much room must be left
// for the answer to be believed complete: LIO understates ADDITIONAL LENGTH
// when a descriptor does not fit.
func prList(ctx context.Context, t Transport, action InAction, alloc, spare int) ([]byte, error) {
	for {
		data, err := prIn(ctx, t, action, alloc)
		if err != nil {
			return nil, err
		}
		if len(data) < prHeader {
			return nil, malformed(prInName(action), "%d bytes, header needs %d", len(data), prHeader)
		}
		whole := prHeader + int64(binary.BigEndian.Uint32(data[4:]))
		if whole+int64(spare) <= int64(alloc) {
			if whole > int64(len(data)) {
				return nil, malformed(prInName(action), "ADDITIONAL LENGTH says %d bytes, %d arrived", whole, len(data))
			}
			return data[:whole], nil
		}
		if alloc == maxAlloc {
			return nil, &OpError{Op: prInName(action), Class: fmt.Errorf("%w: %w: %d of %d bytes",
				ErrMalformed, errTooLong, whole, maxAlloc)}
		}
		alloc = int(min(max((whole+int64(spare)+3)&^3, int64(2*alloc)), maxAlloc))
	}
}

// errTooLong says that a list does not safely fit into any answer.
var errTooLong = errors.New("list too long for one answer")

// ReadKeys is PERSISTENT RESERVE IN with READ KEYS. SPC-4 6.15.2.
type ReadKeys struct{}

// ReadKeysResponse lists one key for each registered I_T nexus, so a key may
// stand in it more than once, in the device's order. SPC-4 6.15.2.
type ReadKeysResponse struct {
	// Generation is PRGENERATION, a counter that wraps. Another value says
	// that registrations changed; the same value proves nothing.
	Generation uint32
	Keys       []Key
}

// Execute sends the command, again with a larger buffer if the list did not
// fit. Errors: *OpError; ErrMalformed also for a list of more than 65532 bytes.
func (ReadKeys) Execute(ctx context.Context, t Transport) (*ReadKeysResponse, error) {
	data, err := prList(ctx, t, InReadKeys, readKeysAlloc, 0)
	if err != nil {
		return nil, err
	}
	var r ReadKeysResponse
	if err := r.UnmarshalBinary(data); err != nil {
		return nil, err
	}
	return &r, nil
}

// MarshalBinary encodes the response as a target sends it.
func (r *ReadKeysResponse) MarshalBinary() ([]byte, error) {
	b := make([]byte, prHeader, prHeader+8*len(r.Keys))
	binary.BigEndian.PutUint32(b, r.Generation)
	binary.BigEndian.PutUint32(b[4:], uint32(8*len(r.Keys)))
	for _, k := range r.Keys {
		b = binary.BigEndian.AppendUint64(b, uint64(k))
	}
	return b, nil
}

// UnmarshalBinary decodes a whole response. The error's class is ErrMalformed.
func (r *ReadKeysResponse) UnmarshalBinary(b []byte) error {
	body, generation, err := prBody(InReadKeys, b)
	if err != nil {
		return err
	}
	if len(body)%8 != 0 {
		return malformed(prInName(InReadKeys), "ADDITIONAL LENGTH %d is no multiple of 8", len(body))
	}
	keys := make([]Key, 0, len(body)/8)
	for ; len(body) > 0; body = body[8:] {
		keys = append(keys, Key(binary.BigEndian.Uint64(body)))
	}
	*r = ReadKeysResponse{Generation: generation, Keys: keys}
	return nil
}

// prBody splits an answer into PRGENERATION and what ADDITIONAL LENGTH covers.
func prBody(action InAction, b []byte) (body []byte, generation uint32, err error) {
	if len(b) < prHeader {
		return nil, 0, malformed(prInName(action), "%d bytes, header needs %d", len(b), prHeader)
	}
	n := int64(binary.BigEndian.Uint32(b[4:]))
	if n > int64(len(b)-prHeader) {
		return nil, 0, malformed(prInName(action), "ADDITIONAL LENGTH says %d bytes, %d arrived", n, len(b)-prHeader)
	}
	return b[prHeader : prHeader+n], binary.BigEndian.Uint32(b), nil
}

// ReadReservation is PERSISTENT RESERVE IN with READ RESERVATION.
// SPC-4 6.15.3.
type ReadReservation struct{}

// Reservation is a held persistent reservation. Key is the holder's, or 0 for
// the all-registrants types.
type Reservation struct {
	Key   Key
	Scope Scope
	Type  Type
}

// ReadReservationResponse tells the reservation, nil if there is none.
// SPC-4 6.15.3.
type ReadReservationResponse struct {
	// Generation is PRGENERATION, which RESERVE and RELEASE do not count.
	Generation  uint32
	Reservation *Reservation
}

// Execute sends the command. Errors: *OpError.
func (ReadReservation) Execute(ctx context.Context, t Transport) (*ReadReservationResponse, error) {
	data, err := prIn(ctx, t, InReadReservation, 256)
	if err != nil {
		return nil, err
	}
	var r ReadReservationResponse
	if err := r.UnmarshalBinary(data); err != nil {
		return nil, err
	}
	return &r, nil
}

// MarshalBinary encodes the response as a target sends it.
func (r *ReadReservationResponse) MarshalBinary() ([]byte, error) {
	b := make([]byte, prHeader, prHeader+16)
	binary.BigEndian.PutUint32(b, r.Generation)
	if r.Reservation == nil {
		return b, nil
	}
	b = b[:prHeader+16]
	binary.BigEndian.PutUint32(b[4:], 16)
	binary.BigEndian.PutUint64(b[8:], uint64(r.Reservation.Key))
	b[21] = byte(r.Reservation.Scope)<<4 | byte(r.Reservation.Type)
	return b, nil
}

// UnmarshalBinary decodes a response. The error's class is ErrMalformed.
func (r *ReadReservationResponse) UnmarshalBinary(b []byte) error {
	body, generation, err := prBody(InReadReservation, b)
	if err != nil {
		return err
	}
	switch {
	case len(body) == 0:
		*r = ReadReservationResponse{Generation: generation}
		return nil
	case len(body) != 16:
		return malformed(prInName(InReadReservation), "ADDITIONAL LENGTH %d, 0 or 16 expected", len(body))
	case body[13] == 0xff, bytes.Count(body, []byte{0}) == len(body):
		// Neither a scope nor a type, but what a buffer is filled with.
		return malformed(prInName(InReadReservation), "not all of it arrived")
	}
	*r = ReadReservationResponse{Generation: generation, Reservation: &Reservation{
		Key:   Key(binary.BigEndian.Uint64(body)),
		Scope: Scope(body[13] >> 4),
		Type:  Type(body[13] & 0x0f),
	}}
	return nil
}

// ReportCapabilities is PERSISTENT RESERVE IN with REPORT CAPABILITIES.
// SPC-4 6.15.4.
type ReportCapabilities struct{}

// Capabilities is the answer to REPORT CAPABILITIES. SPC-4 6.15.4.
type Capabilities struct {
	ReplaceLost      bool // RLR_C
	CompatibleHandle bool // CRH
	SpecIPT          bool // SIP_C
	AllTargetPorts   bool // ATP_C
	PersistCapable   bool // PTPL_C: can keep registrations through power loss
	PersistActive    bool // PTPL_A: does so now
	// AllowCommands is the three bits of ALLOW COMMANDS, 0 to 7; 0 tells
	// nothing.
	AllowCommands uint8
	// TypesValid (TMV) says that Types means something.
	TypesValid bool
	Types      TypeMask
}

// TypeMask is the PERSISTENT RESERVATION TYPE MASK: byte 4 in the upper half,
// byte 5 in the lower.
type TypeMask uint16

// Has reports whether the mask lists the type.
func (m TypeMask) Has(t Type) bool {
	bit, ok := typeBit(t)
	return ok && m&bit != 0
}

// Set adds the type to the mask.
func (m *TypeMask) Set(t Type) {
	if bit, ok := typeBit(t); ok {
		*m |= bit
	}
}

func typeBit(t Type) (TypeMask, bool) {
	switch t {
	case WriteExclusiveAllRegistrants:
		return 0x8000, true
	case ExclusiveAccessRegistrantsOnly:
		return 0x4000, true
	case WriteExclusiveRegistrantsOnly:
		return 0x2000, true
	case ExclusiveAccess:
		return 0x0800, true
	case WriteExclusive:
		return 0x0200, true
	case ExclusiveAccessAllRegistrants:
		return 0x0001, true
	}
	return 0, false
}

// Supports reports whether the device says that it can do the type; a device
// that gives no mask is taken at no word, and the answer is true.
func (c *Capabilities) Supports(t Type) bool { return !c.TypesValid || c.Types.Has(t) }

// capabilitiesLength is the LENGTH that the standard demands.
const capabilitiesLength = 8

// Execute sends the command. Errors: *OpError. A LENGTH other than 8 is
// ErrMalformed: bridges that answer GOOD with zeros to commands they do not
// know are found so.
func (ReportCapabilities) Execute(ctx context.Context, t Transport) (*Capabilities, error) {
	data, err := prIn(ctx, t, InReportCapabilities, 256)
	if err != nil {
		return nil, err
	}
	var c Capabilities
	if err := c.UnmarshalBinary(data); err != nil {
		return nil, err
	}
	// The last two bytes are reserved, and 0.
	if IsBlank(data[capabilitiesLength-2:], 2) {
		return nil, malformed(prInName(InReportCapabilities), "not all of it arrived")
	}
	return &c, nil
}

// MarshalBinary encodes the response as a target sends it.
func (c *Capabilities) MarshalBinary() ([]byte, error) {
	b := make([]byte, capabilitiesLength)
	binary.BigEndian.PutUint16(b, capabilitiesLength)
	b[2] = bit(c.ReplaceLost, 7) | bit(c.CompatibleHandle, 4) | bit(c.SpecIPT, 3) |
		bit(c.AllTargetPorts, 2) | bit(c.PersistCapable, 0)
	b[3] = bit(c.TypesValid, 7) | c.AllowCommands&7<<4 | bit(c.PersistActive, 0)
	binary.BigEndian.PutUint16(b[4:], uint16(c.Types))
	return b, nil
}

// UnmarshalBinary decodes a response. The error's class is ErrMalformed.
func (c *Capabilities) UnmarshalBinary(b []byte) error {
	if len(b) < capabilitiesLength {
		return malformed(prInName(InReportCapabilities), "%d bytes, %d expected", len(b), capabilitiesLength)
	}
	if n := binary.BigEndian.Uint16(b); n != capabilitiesLength {
		return malformed(prInName(InReportCapabilities), "LENGTH is %d, %d expected", n, capabilitiesLength)
	}
	*c = Capabilities{
		ReplaceLost: b[2]&0x80 != 0, CompatibleHandle: b[2]&0x10 != 0, SpecIPT: b[2]&0x08 != 0,
		AllTargetPorts: b[2]&0x04 != 0, PersistCapable: b[2]&0x01 != 0,
		TypesValid: b[3]&0x80 != 0, AllowCommands: b[3] >> 4 & 7, PersistActive: b[3]&0x01 != 0,
		Types: TypeMask(binary.BigEndian.Uint16(b[4:])),
	}
	return nil
}

// bit returns a byte with bit n set if v.
func bit(v bool, n uint) byte {
	if v {
		return 1 << n
	}
	return 0
}

// ReadFullStatus is PERSISTENT RESERVE IN with READ FULL STATUS.
// SPC-4 6.15.5.
type ReadFullStatus struct{}

// FullStatus is one descriptor of READ FULL STATUS: one registered I_T nexus,
// or all target ports of one initiator port. SPC-4 6.15.5.
type FullStatus struct {
	Key        Key
	AllTgtPort bool
	Holder     bool
	// Scope and Type mean something only if Holder.
	Scope Scope
	Type  Type
	// RelativePort is the target port; meaningless if AllTgtPort.
	RelativePort uint16
	TransportID  TransportID
}

// ReadFullStatusResponse is the answer to READ FULL STATUS. SPC-4 6.15.5.
type ReadFullStatusResponse struct {
	// Generation is PRGENERATION, see ReadKeysResponse.
	Generation  uint32
	Descriptors []FullStatus
}

// Execute sends the command, again with a larger buffer if the list did not
// fit or came close. Errors: *OpError; ErrMalformed if the list is longer
// than the largest answer, in which case READ KEYS may still fit. Because LIO
// leaves out a descriptor for which there is no room, and does not count it,
// a list within one descriptor of the largest answer is refused, too.
func (ReadFullStatus) Execute(ctx context.Context, t Transport) (*ReadFullStatusResponse, error) {
	data, err := prList(ctx, t, InReadFullStatus, fullStatusAlloc, largestDescriptor)
	if err != nil {
		return nil, err
	}
	var r ReadFullStatusResponse
	if err := r.UnmarshalBinary(data); err != nil {
		return nil, err
	}
	return &r, nil
}

// MarshalBinary encodes the response as a target sends it.
func (r *ReadFullStatusResponse) MarshalBinary() ([]byte, error) {
	b := make([]byte, prHeader)
	binary.BigEndian.PutUint32(b, r.Generation)
	for _, d := range r.Descriptors {
		head := make([]byte, fullStatusHead)
		binary.BigEndian.PutUint64(head, uint64(d.Key))
		head[12] = bit(d.AllTgtPort, 1) | bit(d.Holder, 0)
		if d.Holder {
			head[13] = byte(d.Scope)<<4 | byte(d.Type)
		}
		if !d.AllTgtPort {
			binary.BigEndian.PutUint16(head[18:], d.RelativePort)
		}
		binary.BigEndian.PutUint32(head[20:], uint32(len(d.TransportID.raw)))
		b = append(append(b, head...), d.TransportID.raw...)
	}
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-prHeader))
	return b, nil
}

// UnmarshalBinary decodes a whole response. The error's class is ErrMalformed.
func (r *ReadFullStatusResponse) UnmarshalBinary(b []byte) error {
	body, generation, err := prBody(InReadFullStatus, b)
	if err != nil {
		return err
	}
	op := prInName(InReadFullStatus)
	var list []FullStatus
	for n := 0; len(body) > 0; n++ {
		if len(body) < fullStatusHead {
			return malformed(op, "descriptor %d has %d bytes, %d expected", n, len(body), fullStatusHead)
		}
		idLen := int64(binary.BigEndian.Uint32(body[20:]))
		if idLen > int64(len(body)-fullStatusHead) {
			return malformed(op, "descriptor %d says %d bytes of TransportID, %d arrived", n, idLen, len(body)-fullStatusHead)
		}
		d := FullStatus{
			Key:        Key(binary.BigEndian.Uint64(body)),
			AllTgtPort: body[12]&2 != 0,
			Holder:     body[12]&1 != 0,
		}
		if d.Holder {
			d.Scope, d.Type = Scope(body[13]>>4), Type(body[13]&0x0f)
		}
		if !d.AllTgtPort {
			d.RelativePort = binary.BigEndian.Uint16(body[18:])
		}
		if d.TransportID, err = DecodeTransportID(body[fullStatusHead : fullStatusHead+idLen]); err != nil {
			return malformed(op, "descriptor %d: %v", n, err)
		}
		list = append(list, d)
		body = body[fullStatusHead+idLen:]
	}
	*r = ReadFullStatusResponse{Generation: generation, Descriptors: list}
	return nil
}

// Keys returns the different keys of the descriptors in ascending order.
func (r *ReadFullStatusResponse) Keys() []Key {
	keys := make([]Key, 0, len(r.Descriptors))
	for _, d := range r.Descriptors {
		keys = append(keys, d.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
