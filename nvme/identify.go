package nvme

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"lunguard/pr"
)

// identifyLen is the length of every answer to Identify.
const identifyLen = 4096

// What is asked for by Identify: CNS.
const (
	cnsNamespace   = 0x00
	cnsController  = 0x01
	cnsDescriptors = 0x03
)

// Controller is of Identify Controller what matters here. Section 5.1.13.2.1.
type Controller struct {
	ID uint16
	// LongHostIDs is CTRATT bit 0: it takes host identifiers of 16 bytes.
	LongHostIDs bool
	// Reservations is ONCS bit 5: it knows the commands; whether a namespace has any
	// is another matter.
	Reservations bool
	// Delays are the command retry delays that a status can name.
	Delays [3]time.Duration
	// Subsystem is the name of the subsystem, SUBNQN.
	Subsystem string
}

// Places in the answer.
const (
	atCNTLID     = 78
	atCTRATT     = 96
	atCRDT       = 128
	atONCS       = 520
	atSUBNQN     = 768
	lenSUBNQN    = 256
	delayUnit    = 100 * time.Millisecond
	oncsReserves = 1 << 5
)

// DecodeController reads the answer. The error is ErrMalformed.
func DecodeController(b []byte) (*Controller, error) {
	if len(b) < identifyLen || IsBlank(b[:atCRDT]) || IsBlank(b[atONCS:atSUBNQN]) {
		return nil, malformed(OpIdentify.String(), "no data of the controller")
	}
	c := &Controller{
		ID:           binary.LittleEndian.Uint16(b[atCNTLID:]),
		LongHostIDs:  b[atCTRATT]&1 != 0,
		Reservations: binary.LittleEndian.Uint16(b[atONCS:])&oncsReserves != 0,
		Subsystem:    string(bytes.TrimRight(b[atSUBNQN:atSUBNQN+lenSUBNQN], "\x00 ")),
	}
	for i := range c.Delays {
		c.Delays[i] = time.Duration(binary.LittleEndian.Uint16(b[atCRDT+2*i:])) * delayUnit
	}
	return c, nil
}

// Encode makes the answer.
func (c *Controller) Encode() []byte {
	b := make([]byte, identifyLen)
	binary.LittleEndian.PutUint16(b[atCNTLID:], c.ID)
	b[atCTRATT] = bit(c.LongHostIDs)
	if c.Reservations {
		binary.LittleEndian.PutUint16(b[atONCS:], oncsReserves)
	}
	for i, d := range c.Delays {
		binary.LittleEndian.PutUint16(b[atCRDT+2*i:], uint16(d/delayUnit))
	}
	copy(b[atSUBNQN:atSUBNQN+lenSUBNQN], c.Subsystem)
	return b
}

// Namespace is of Identify Namespace what matters here. NVM Command Set Specification,
// section 4.1.5.1.
type Namespace struct {
	// Blocks is NSZE, BlockSize that of the format in use.
	Blocks    uint64
	BlockSize uint32
	// Shared is NMIC bit 0: more than one controller may have it.
	Shared bool
	// Reserves is RESCAP.
	Reserves ReservationCapabilities
	// WriteProtected is NSATTR bit 0.
	WriteProtected bool
	// NGUID and EUI64 are names of the namespace; zeros are none.
	NGUID [16]byte
	EUI64 [8]byte
}

// ReservationCapabilities is RESCAP: what kinds of reservation a namespace can have; 0
// is none at all.
type ReservationCapabilities uint8

// Persists reports whether registrations can survive a loss of power.
func (r ReservationCapabilities) Persists() bool { return r&1 != 0 }

// Has reports whether the namespace can be reserved so.
func (r ReservationCapabilities) Has(t RType) bool {
	return t != 0 && t <= lastType && uint8(r)&t.capability() != 0
}

// Types are the kinds of reservation that there can be.
func (r ReservationCapabilities) Types() []pr.Type {
	var list []pr.Type
	for t := RType(1); t <= lastType; t++ {
		if r.Has(t) {
			list = append(list, t.Common())
		}
	}
	return list
}

// Places in the answer.
const (
	atNSZE   = 0
	atFLBAS  = 26
	atNMIC   = 30
	atRESCAP = 31
	atNSATTR = 99
	atNGUID  = 104
	atEUI64  = 120
	atLBAF   = 128
)

// errNoNamespace says that Identify has told of a namespace that is not there: all zeros.
var errNoNamespace = errors.New("no such namespace")

// DecodeNamespace reads the answer. The error is ErrMalformed, for zeros, too: they say
// that the namespace is not active on the controller.
func DecodeNamespace(b []byte) (*Namespace, error) {
	switch {
	case len(b) < identifyLen || IsBlank(b[:atLBAF]):
		return nil, malformed(OpIdentify.String(), "no data of the namespace")
	case binary.LittleEndian.Uint64(b[atNSZE:]) == 0:
		return nil, malformed(OpIdentify.String(), "%w", errNoNamespace)
	}
	n := &Namespace{
		Blocks: binary.LittleEndian.Uint64(b[atNSZE:]),
		Shared: b[atNMIC]&1 != 0, Reserves: ReservationCapabilities(b[atRESCAP]), WriteProtected: b[atNSATTR]&1 != 0,
		NGUID: [16]byte(b[atNGUID:]), EUI64: [8]byte(b[atEUI64:]),
	}
	// The format's number is in FLBAS 3:0 and, above that, 6:5; LBADS is its exponent.
	format := int(b[atFLBAS]&0xf | b[atFLBAS]>>1&0x30)
	if exponent := b[atLBAF+4*format+2]; exponent >= 9 && exponent < 32 {
		n.BlockSize = 1 << exponent
	}
	return n, nil
}

// Encode makes the answer.
func (n *Namespace) Encode() []byte {
	b := make([]byte, identifyLen)
	binary.LittleEndian.PutUint64(b[atNSZE:], n.Blocks)
	b[atNMIC], b[atRESCAP], b[atNSATTR] = bit(n.Shared), uint8(n.Reserves), bit(n.WriteProtected)
	copy(b[atNGUID:], n.NGUID[:])
	copy(b[atEUI64:], n.EUI64[:])
	for exponent := range 32 {
		if n.BlockSize == 1<<exponent {
			b[atLBAF+2] = byte(exponent)
		}
	}
	return b
}

// Names are those of a namespace in the world.
type Names struct {
	UUID, NGUID [16]byte
	EUI64       [8]byte
}

// Kinds of name in the descriptors of Identify, and their lengths.
const (
	nameEUI64 = 1
	nameNGUID = 2
	nameUUID  = 3
)

// DecodeNames reads the list of namespace identification descriptors. Kinds that are not
// known here are passed over. The error is ErrMalformed. Section 5.1.13.2.3.
func DecodeNames(b []byte) (*Names, error) {
	if len(b) < identifyLen || IsBlank(b[:4]) {
		return nil, malformed(OpIdentify.String(), "no names of the namespace")
	}
	n := &Names{}
	for len(b) >= 4 && b[1] != 0 {
		kind, length := b[0], int(b[1])
		if b = b[4:]; length > len(b) {
			return nil, malformed(OpIdentify.String(), "a name of %d bytes in %d", length, len(b))
		}
		var to []byte
		switch kind {
		case nameEUI64:
			to = n.EUI64[:]
		case nameNGUID:
			to = n.NGUID[:]
		case nameUUID:
			to = n.UUID[:]
		}
		if to != nil && length != len(to) {
			return nil, malformed(OpIdentify.String(), "a name of kind %d with %d bytes", kind, length)
		}
		copy(to, b)
		b = b[length:]
	}
	return n, nil
}

// Encode makes the answer.
func (n *Names) Encode() []byte {
	b := make([]byte, 0, identifyLen)
	for _, name := range []struct {
		kind byte
		id   []byte
	}{{nameEUI64, n.EUI64[:]}, {nameNGUID, n.NGUID[:]}, {nameUUID, n.UUID[:]}} {
		if !bytes.Equal(name.id, make([]byte, len(name.id))) {
			b = append(b, name.kind, byte(len(name.id)), 0, 0)
			b = append(b, name.id...)
		}
	}
	return b[:identifyLen]
}

// WWIDs are the names as Linux spells them in sysfs, the one that it prefers first:
// uuid.…, eui. with 32 digits, eui. with 16. Empty if the namespace has none.
func (n *Names) WWIDs() []string {
	var list []string
	if n.UUID != [16]byte{} {
		list = append(list, "uuid."+HostID{id: n.UUID}.String())
	}
	if n.NGUID != [16]byte{} {
		list = append(list, "eui."+hex.EncodeToString(n.NGUID[:]))
	}
	if n.EUI64 != [8]byte{} {
		list = append(list, "eui."+hex.EncodeToString(n.EUI64[:]))
	}
	return list
}

// IsUnique reports whether a name from sysfs belongs to one namespace in the world. What
// Linux makes of vendor and serial number, nvme.…, can be that of several subsystems.
func IsUnique(wwid string) bool {
	return strings.HasPrefix(wwid, "uuid.") || strings.HasPrefix(wwid, "eui.")
}

// identify asks for one of the structures.
func identify(ctx context.Context, t Transport, cns uint32) ([]byte, error) {
	req := &Request{Opcode: OpIdentify, OfController: cns == cnsController, Data: make([]byte, identifyLen)}
	req.Words[0] = cns
	_, err := Exec(ctx, t, req)
	return req.Data, err
}

// IdentifyController asks the controller who it is. Errors: *OpError.
func IdentifyController(ctx context.Context, t Transport) (*Controller, error) {
	b, err := identify(ctx, t, cnsController)
	if err != nil {
		return nil, err
	}
	return DecodeController(b)
}

// IdentifyNamespace asks what the namespace is. Errors: *OpError.
func IdentifyNamespace(ctx context.Context, t Transport) (*Namespace, error) {
	b, err := identify(ctx, t, cnsNamespace)
	if err != nil {
		return nil, err
	}
	return DecodeNamespace(b)
}

// ReadNames asks for the names of the namespace, by the list of descriptors, and by
// Identify Namespace from a controller that predates that. Errors: *OpError.
func ReadNames(ctx context.Context, t Transport) (*Names, error) {
	b, err := identify(ctx, t, cnsDescriptors)
	switch {
	case err == nil:
		return DecodeNames(b)
	case !errors.Is(err, pr.ErrUnsupported):
		return nil, err
	}
	n, err := IdentifyNamespace(ctx, t)
	if err != nil {
		return nil, err
	}
	return &Names{NGUID: n.NGUID, EUI64: n.EUI64}, nil
}
