package scsi

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Protocol is a PROTOCOL IDENTIFIER. SPC-4 7.6.1.
type Protocol uint8

// Protocol identifiers that have a TransportID format.
const (
	ProtocolFC    Protocol = 0x0
	ProtocolSPI   Protocol = 0x1
	Protocol1394  Protocol = 0x3
	ProtocolSRP   Protocol = 0x4
	ProtocolISCSI Protocol = 0x5
	ProtocolSAS   Protocol = 0x6
	ProtocolSOP   Protocol = 0xa
)

// String gives the short name of the protocol, or its number.
func (p Protocol) String() string {
	switch p {
	case ProtocolFC:
		return "fc"
	case ProtocolSPI:
		return "spi"
	case Protocol1394:
		return "1394"
	case ProtocolSRP:
		return "srp"
	case ProtocolISCSI:
		return "iscsi"
	case ProtocolSAS:
		return "sas"
	case ProtocolSOP:
		return "sop"
	}
	return fmt.Sprintf("protocol-%Xh", uint8(p))
}

// TransportID names an initiator port (or, iSCSI format 00b, an initiator
// device). SPC-4 7.6.4. It keeps the bytes as they came, so that encoding is
// always byte-identical and unknown protocols survive, and it is comparable:
// two equal values are one port. (iSCSI names that differ in case only are
// equal to a target but not to ==; [TransportID.Canonical] folds them.)
type TransportID struct{ raw string }

// ErrBadTransportID says that bytes are no TransportID: shorter than 24 or
// than their own length, or of a length that iSCSI does not allow.
var ErrBadTransportID = errors.New("not a TransportID")

// minTransportID is the least length of any TransportID.
const minTransportID = 24

// DecodeTransportID reads the one TransportID that fills b. Padding behind the
// length that the protocol gives is dropped; one of an unknown protocol is all
// of b. The error is ErrBadTransportID.
func DecodeTransportID(b []byte) (TransportID, error) {
	n, err := transportIDLen(b)
	if err != nil {
		return TransportID{}, err
	}
	// A target may pad; an iSCSI TransportID says its own length, the others
	// have 24 bytes by definition, and unknown ones are as long as they are.
	if n > len(b) {
		return TransportID{}, fmt.Errorf("%w: %d bytes where it says %d", ErrBadTransportID, len(b), n)
	}
	if n == 0 {
		n = len(b)
	}
	return TransportID{raw: string(b[:n])}, nil
}

// RawTransportID is a TransportID of any bytes whatever, for tools that send
// what they are told. It need not be one by the standard.
func RawTransportID(b []byte) TransportID { return TransportID{raw: string(b)} }

// transportIDLen tells how long the TransportID at the start of b is by its
// own account; 0 for a protocol that is not known here.
func transportIDLen(b []byte) (int, error) {
	if len(b) < minTransportID {
		return 0, fmt.Errorf("%w: %d bytes, at least %d expected", ErrBadTransportID, len(b), minTransportID)
	}
	switch Protocol(b[0] & 0x0f) {
	case ProtocolISCSI:
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if n < minTransportID || n%4 != 0 {
			return 0, fmt.Errorf("%w: ADDITIONAL LENGTH %d", ErrBadTransportID, n-4)
		}
		return n, nil
	case ProtocolFC, ProtocolSPI, Protocol1394, ProtocolSRP, ProtocolSAS, ProtocolSOP:
		return minTransportID, nil
	}
	return 0, nil
}

// DecodeTransportIDList reads the TransportIDs of a parameter list, back to
// back (SPEC_I_PT). One of unknown length must be the last.
// The error is ErrBadTransportID.
func DecodeTransportIDList(b []byte) ([]TransportID, error) {
	var ids []TransportID
	for len(b) > 0 {
		n, err := transportIDLen(b)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			n = len(b)
		}
		if n > len(b) {
			return nil, fmt.Errorf("%w: %d bytes where it says %d", ErrBadTransportID, len(b), n)
		}
		ids = append(ids, TransportID{raw: string(b[:n])})
		b = b[n:]
	}
	return ids, nil
}

// FCTransportID names a Fibre Channel N_Port by its port name.
func FCTransportID(wwpn uint64) TransportID {
	b := make([]byte, minTransportID)
	binary.BigEndian.PutUint64(b[8:], wwpn)
	return TransportID{raw: string(b)}
}

// SASTransportID names a SAS port by its address.
func SASTransportID(address uint64) TransportID {
	b := make([]byte, minTransportID)
	b[0] = byte(ProtocolSAS)
	binary.BigEndian.PutUint64(b[4:], address)
	return TransportID{raw: string(b)}
}

// SRPTransportID names an RDMA initiator by its port identifier.
func SRPTransportID(port [16]byte) TransportID {
	b := make([]byte, minTransportID)
	b[0] = byte(ProtocolSRP)
	copy(b[8:], port[:])
	return TransportID{raw: string(b)}
}

// SBP2TransportID names an IEEE 1394 node by its EUI-64.
func SBP2TransportID(eui64 uint64) TransportID {
	b := make([]byte, minTransportID)
	b[0] = byte(Protocol1394)
	binary.BigEndian.PutUint64(b[8:], eui64)
	return TransportID{raw: string(b)}
}

// SPITransportID names a parallel SCSI initiator.
func SPITransportID(address, relativePort uint16) TransportID {
	b := make([]byte, minTransportID)
	b[0] = byte(ProtocolSPI)
	binary.BigEndian.PutUint16(b[2:], address)
	binary.BigEndian.PutUint16(b[6:], relativePort)
	return TransportID{raw: string(b)}
}

// SOPTransportID names a SCSI over PCIe initiator by its routing ID.
func SOPTransportID(routingID uint16) TransportID {
	b := make([]byte, minTransportID)
	b[0] = byte(ProtocolSOP)
	binary.BigEndian.PutUint16(b[2:], routingID)
	return TransportID{raw: string(b)}
}

// ISCSIDeviceTransportID names an iSCSI initiator device, all its ports. A name
// too long for any TransportID gives the zero value.
func ISCSIDeviceTransportID(name string) TransportID { return iscsiTransportID(0x05, name) }

// ISCSIPortTransportID names one iSCSI initiator port: name and ISID, of
// which the low 48 bits count. A name too long for any TransportID gives the
// zero value.
func ISCSIPortTransportID(name string, isid uint64) TransportID {
	return iscsiTransportID(0x45, fmt.Sprintf("%s,i,0x%012x", name, isid&(1<<48-1)))
}

// maxISCSIText is the longest name whose NUL still fits behind the largest
// ADDITIONAL LENGTH that is a multiple of four. (iSCSI itself ends at 223.)
const maxISCSIText = 0xfffc - 1

func iscsiTransportID(first byte, text string) TransportID {
	if len(text) > maxISCSIText {
		return TransportID{}
	}
	n := paddedISCSIText(len(text))
	b := make([]byte, 4+n)
	b[0] = first
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	copy(b[4:], text)
	return TransportID{raw: string(b)}
}

// paddedISCSIText is the ADDITIONAL LENGTH for a name of so many bytes, which is
// NUL-terminated and padded to a multiple of four.
func paddedISCSIText(length int) int { return max((length+1+3)&^3, minTransportID-4) }

// IsZero reports whether there is no TransportID.
func (t TransportID) IsZero() bool { return t.raw == "" }

// Bytes returns a copy of the encoded TransportID.
func (t TransportID) Bytes() []byte { return []byte(t.raw) }

// Protocol returns the PROTOCOL IDENTIFIER.
func (t TransportID) Protocol() Protocol {
	if t.raw == "" {
		return 0
	}
	return Protocol(t.raw[0] & 0x0f)
}

// Format returns the FORMAT CODE, 0 to 3.
func (t TransportID) Format() uint8 {
	if t.raw == "" {
		return 0
	}
	return t.raw[0] >> 6
}

// ISCSIName returns the initiator's name and, for format 01b, its ISID as the
// text behind ",i,0x". ok is false for other protocols.
func (t TransportID) ISCSIName() (name, isid string, ok bool) {
	if !t.hasISCSIText() {
		return "", "", false
	}
	text := t.iscsiText()
	if t.Format() == 1 {
		if at := strings.LastIndex(lowerASCII(text), ",i,0x"); at >= 0 {
			return text[:at], text[at+5:], true
		}
	}
	return text, "", true
}

func (t TransportID) hasISCSIText() bool {
	return t.Protocol() == ProtocolISCSI && len(t.raw) >= minTransportID
}

// iscsiText is all up to the NUL.
func (t TransportID) iscsiText() string {
	text, _, _ := strings.Cut(t.raw[4:], "\x00")
	return text
}

// lowerASCII leaves every other byte as it is: strings.ToLower changes the
// length of some runes and makes all bytes that are no UTF-8 equal.
func lowerASCII(s string) string {
	at := 0
	for at < len(s) && (s[at] < 'A' || s[at] > 'Z') {
		at++
	}
	if at == len(s) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Canonical returns the TransportID by which two spellings of one iSCSI port
// compare equal: lower case (of ASCII, which iSCSI names are but for a few) and
// least padding. Others come back as they are.
func (t TransportID) Canonical() TransportID {
	if !t.hasISCSIText() || t.Format() > 1 {
		return t
	}
	text := t.iscsiText()
	lower := lowerASCII(text)
	switch n := paddedISCSIText(len(text)); {
	case len(text) > maxISCSIText:
		return t
	case lower == text && t.raw[1] == 0 && t.raw[2] == byte(n>>8) && t.raw[3] == byte(n) && strings.Trim(t.raw[4+len(text):], "\x00") == "":
		return t
	}
	return iscsiTransportID(t.raw[0], lower)
}

// String names the port for people: the protocol and its own identifier in
// hexadecimal, or the iSCSI name. It is safe to print.
func (t TransportID) String() string {
	if t.IsZero() {
		return "none"
	}
	b := []byte(t.raw)
	be := binary.BigEndian
	switch t.Protocol() {
	case ProtocolFC:
		return fmt.Sprintf("fc,%016x", be.Uint64(b[8:]))
	case ProtocolSPI:
		return fmt.Sprintf("spi,%d,%d", be.Uint16(b[2:]), be.Uint16(b[6:]))
	case Protocol1394:
		return fmt.Sprintf("1394,%016x", be.Uint64(b[8:]))
	case ProtocolSRP:
		return "srp," + hex.EncodeToString(b[8:24])
	case ProtocolSAS:
		return fmt.Sprintf("sas,%016x", be.Uint64(b[4:]))
	case ProtocolSOP:
		return fmt.Sprintf("sop,%04x", be.Uint16(b[2:]))
	case ProtocolISCSI:
		name, isid, _ := t.ISCSIName()
		// The bytes come from a device: never let them steer a terminal.
		name = string(bytes.Map(printable, []byte(name)))
		if isid == "" {
			return name
		}
		return name + ",i,0x" + string(bytes.Map(printable, []byte(isid)))
	}
	return t.Protocol().String() + "," + hex.EncodeToString(b)
}

// printable replaces what a terminal would take for a command, and what it
// would not show or would show elsewhere: control and format characters, odd
// blanks, and bytes that are no UTF-8.
func printable(r rune) rune {
	if r == utf8.RuneError || !unicode.IsPrint(r) {
		return '?'
	}
	return r
}
