package model

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"lunguard/scsi"
)

// NexusID names an I_T nexus: an initiator port and the target port through
// which it speaks. SPC-4 5.13.1 registers these, not hosts. Values made by
// [MakeNexus] can be compared with ==.
type NexusID struct {
	port scsi.TransportID
	// raw is the encoded port once more: comparing it costs no copy.
	raw      string
	relative uint16
}

// ErrBadNexus says that a text names no I_T nexus.
var ErrBadNexus = errors.New("not an I_T nexus")

// MakeNexus names the nexus of an initiator port and a RELATIVE TARGET PORT
// IDENTIFIER. Two spellings of one iSCSI port give the same nexus.
func MakeNexus(port scsi.TransportID, relative uint16) NexusID {
	port = port.Canonical()
	return NexusID{port: port, raw: string(port.Bytes()), relative: relative}
}

// Through returns the nexus of the same initiator port and another target
// port.
func (n NexusID) Through(relative uint16) NexusID {
	n.relative = relative
	return n
}

// Port returns the initiator port.
func (n NexusID) Port() scsi.TransportID { return n.port }

// RelativePort returns the RELATIVE TARGET PORT IDENTIFIER.
func (n NexusID) RelativePort() uint16 { return n.relative }

// Raw is the encoded initiator port, in its canonical form.
func (n NexusID) Raw() string { return n.raw }

// IsZero reports whether n names no nexus.
func (n NexusID) IsZero() bool { return n.port.IsZero() }

// String gives the form that [ParseNexus] reads: PORT/RELATIVEPORT.
func (n NexusID) String() string {
	if n.IsZero() {
		return "none"
	}
	return n.port.String() + "/" + strconv.Itoa(int(n.relative))
}

// MarshalText is String, for JSON that people read.
func (n NexusID) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// ParseNexus reads PORT or PORT/RELATIVEPORT; without a target port it is
// port 1. PORT is "sas,HEX", "fc,HEX", "srp,HEX", "1394,HEX", "sop,HEX",
// "spi,ADDRESS,PORT" or an iSCSI name with ",i,0xISID" behind it.
// The error is ErrBadNexus.
func ParseNexus(text string) (NexusID, error) {
	port, relative := text, uint16(1)
	if at := strings.LastIndexByte(text, '/'); at >= 0 {
		n, err := strconv.ParseUint(text[at+1:], 10, 16)
		if err != nil || n == 0 {
			return NexusID{}, fmt.Errorf("%q: %w: %q is no relative target port (1 to 65535)", text, ErrBadNexus, text[at+1:])
		}
		port, relative = text[:at], uint16(n)
	}
	id, err := parsePort(port)
	if err != nil {
		return NexusID{}, fmt.Errorf("%q: %w", text, err)
	}
	return MakeNexus(id, relative), nil
}

func parsePort(text string) (scsi.TransportID, error) {
	kind, rest, found := strings.Cut(text, ",")
	if !found {
		return scsi.TransportID{}, fmt.Errorf("%w: expected sas,HEX, fc,HEX or IQN,i,0xISID", ErrBadNexus)
	}
	switch kind {
	case "spi":
		return parseSPI(rest)
	case "srp":
		raw, err := hex.DecodeString(rest)
		if err != nil || len(raw) != 16 {
			return scsi.TransportID{}, fmt.Errorf("%w: srp takes 32 hexadecimal digits", ErrBadNexus)
		}
		return scsi.SRPTransportID([16]byte(raw)), nil
	case "sas", "fc", "1394":
		v, err := strconv.ParseUint(rest, 16, 64)
		if err != nil {
			return scsi.TransportID{}, fmt.Errorf("%w: %s takes up to 16 hexadecimal digits", ErrBadNexus, kind)
		}
		switch kind {
		case "sas":
			return scsi.SASTransportID(v), nil
		case "fc":
			return scsi.FCTransportID(v), nil
		}
		return scsi.SBP2TransportID(v), nil
	case "sop":
		v, err := strconv.ParseUint(rest, 16, 16)
		if err != nil {
			return scsi.TransportID{}, fmt.Errorf("%w: sop takes up to 4 hexadecimal digits", ErrBadNexus)
		}
		return scsi.SOPTransportID(uint16(v)), nil
	}
	return parseISCSI(text)
}

func parseSPI(rest string) (scsi.TransportID, error) {
	first, second, _ := strings.Cut(rest, ",")
	address, err := strconv.ParseUint(first, 10, 16)
	port, err2 := strconv.ParseUint(second, 10, 16)
	if err != nil || err2 != nil {
		return scsi.TransportID{}, fmt.Errorf("%w: spi takes ADDRESS,PORT", ErrBadNexus)
	}
	return scsi.SPITransportID(uint16(address), uint16(port)), nil
}

// longestISCSIName is RFC 7143's limit.
const longestISCSIName = 223

func parseISCSI(text string) (scsi.TransportID, error) {
	at := strings.LastIndex(text, ",i,0x")
	if at <= 0 || at > longestISCSIName || strings.ContainsFunc(text[:at], notISCSI) {
		return scsi.TransportID{}, fmt.Errorf("%w: expected sas,HEX, fc,HEX or IQN,i,0xISID", ErrBadNexus)
	}
	isid, err := strconv.ParseUint(text[at+len(",i,0x"):], 16, 48)
	if err != nil {
		return scsi.TransportID{}, fmt.Errorf("%w: an ISID has up to 12 hexadecimal digits", ErrBadNexus)
	}
	return scsi.ISCSIPortTransportID(text[:at], isid), nil
}

// notISCSI reports whether a character cannot stand in an iSCSI name.
// RFC 7143 4.2.7.2, and the underscore that many use all the same.
func notISCSI(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-.:_", r)
}

// Compare orders nexuses for canonical encodings.
func (n NexusID) Compare(o NexusID) int {
	if c := strings.Compare(n.raw, o.raw); c != 0 {
		return c
	}
	return int(n.relative) - int(o.relative)
}
