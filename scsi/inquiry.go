package scsi

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"lunguard/pr"
)

// TestUnitReady is TEST UNIT READY. SPC-4 6.47.
type TestUnitReady struct{}

// Execute sends the command. Errors: *OpError.
func (TestUnitReady) Execute(ctx context.Context, t Transport) error {
	_, err := Exec(ctx, t, OpTestUnitReady.String(), &Request{CDB: make([]byte, 6)})
	return err
}

// Inquiry is INQUIRY for standard data. SPC-4 6.6.2.
type Inquiry struct{}

// InquiryData is the part of standard INQUIRY data that people ask for.
type InquiryData struct {
	// DeviceType is the PERIPHERAL DEVICE TYPE; 0 is a disk.
	DeviceType uint8
	// Qualifier is the PERIPHERAL QUALIFIER; 0 means that the unit is there.
	Qualifier                 uint8
	Vendor, Product, Revision string
}

// inquiryAlloc is what every device of the last decades accepts.
const inquiryAlloc = 36

// Execute sends the command. Errors: *OpError; ErrMalformed for fewer than the
// 36 bytes that every device has to give.
func (Inquiry) Execute(ctx context.Context, t Transport) (*InquiryData, error) {
	data, err := inquiry(ctx, t, false, 0, inquiryAlloc)
	if err != nil {
		return nil, err
	}
	var d InquiryData
	if err := d.UnmarshalBinary(data); err != nil {
		return nil, err
	}
	return &d, nil
}

func inquiry(ctx context.Context, t Transport, vpd bool, page uint8, alloc int) ([]byte, error) {
	cdb := make([]byte, 6)
	cdb[0] = byte(OpInquiry)
	cdb[1] = bit(vpd, 0)
	cdb[2] = page
	binary.BigEndian.PutUint16(cdb[3:], uint16(alloc))
	buf := Blank(alloc)
	reply, err := Exec(ctx, t, OpInquiry.String(), &Request{CDB: cdb, Dir: DataIn, Data: buf})
	if err != nil {
		return nil, err
	}
	return arrived(OpInquiry.String(), buf, reply.Resid)
}

// MarshalBinary encodes the data as a target sends it.
func (d *InquiryData) MarshalBinary() ([]byte, error) {
	b := bytes.Repeat([]byte{' '}, inquiryAlloc)
	copy(b, []byte{d.Qualifier<<5 | d.DeviceType, 0, 6, 2, inquiryAlloc - 5, 0, 0, 2})
	copy(b[8:16], d.Vendor)
	copy(b[16:32], d.Product)
	copy(b[32:36], d.Revision)
	return b, nil
}

// UnmarshalBinary decodes standard data. The strings are safe to print. The
// error's class is ErrMalformed.
func (d *InquiryData) UnmarshalBinary(b []byte) error {
	if len(b) < inquiryAlloc {
		return malformed(OpInquiry.String(), "%d bytes, %d expected", len(b), inquiryAlloc)
	}
	*d = InquiryData{DeviceType: b[0] & 0x1f, Qualifier: b[0] >> 5,
		Vendor: field(b[8:16]), Product: field(b[16:32]), Revision: field(b[32:36])}
	return nil
}

// field is an ASCII field of INQUIRY data (SPC-4 4.4.1) without its padding,
// safe to print.
func field(b []byte) string {
	b = bytes.Trim(b, " \x00")
	text := make([]byte, len(b))
	for i, c := range b {
		text[i] = '?'
		if isText(c) {
			text[i] = c
		}
	}
	return string(text)
}

// isText reports whether c is a character that an ASCII field may hold.
func isText(c byte) bool { return c >= 0x20 && c < 0x7f }

// VPD pages.
const (
	vpdSerial  = 0x80
	vpdDevices = 0x83
)

// vpd reads a vital product data page, again if it is longer than expected.
func vpd(ctx context.Context, t Transport, page uint8) ([]byte, error) {
	alloc := 252
	for {
		data, err := inquiry(ctx, t, true, page, alloc)
		if err != nil {
			return nil, err
		}
		if len(data) < 4 || data[1] != page {
			return nil, malformed(OpInquiry.String(), "no VPD page %02Xh in %d bytes", page, len(data))
		}
		whole := 4 + int(binary.BigEndian.Uint16(data[2:]))
		switch {
		case whole > 0xffff:
			return nil, malformed(OpInquiry.String(), "VPD page %02Xh says %d bytes, more than can be asked for", page, whole)
		case whole <= len(data):
			return data[:whole], nil
		case alloc >= whole:
			return nil, malformed(OpInquiry.String(), "VPD page %02Xh says %d bytes, %d arrived", page, whole, len(data))
		}
		alloc = whole
	}
}

// SerialNumber is INQUIRY with VPD page 80h, Unit Serial Number. SPC-4 7.8.
type SerialNumber struct{}

// Execute returns the unit serial number without its padding. Errors: *OpError.
func (SerialNumber) Execute(ctx context.Context, t Transport) (string, error) {
	data, err := vpd(ctx, t, vpdSerial)
	if err != nil {
		return "", err
	}
	return DecodeSerial(data)
}

// DecodeSerial reads a VPD page 80h, from the wire or from where the kernel
// keeps it, and returns the serial number without its padding, safe to print.
// The error's class is ErrMalformed.
func DecodeSerial(page []byte) (string, error) {
	if len(page) < 4 || page[1] != vpdSerial {
		return "", malformed(OpInquiry.String(), "no VPD page 80h in %d bytes", len(page))
	}
	n := int(binary.BigEndian.Uint16(page[2:]))
	if n > len(page)-4 {
		return "", malformed(OpInquiry.String(), "VPD page 80h says %d bytes, %d arrived", n, len(page)-4)
	}
	return field(page[4:][:n]), nil
}

// DeviceIdentification is INQUIRY with VPD page 83h, Device Identification.
// SPC-4 7.8.
type DeviceIdentification struct{}

// Execute sends the command. Errors: *OpError.
func (DeviceIdentification) Execute(ctx context.Context, t Transport) (Designators, error) {
	data, err := vpd(ctx, t, vpdDevices)
	if err != nil {
		return nil, err
	}
	return DecodeDesignators(data)
}

// DesignatorType is the DESIGNATOR TYPE of a designator. SPC-4 7.8.
type DesignatorType uint8

// Designator types that are used here.
const (
	DesignatorT10          DesignatorType = 1
	DesignatorEUI64        DesignatorType = 2
	DesignatorNAA          DesignatorType = 3
	DesignatorRelativePort DesignatorType = 4
	DesignatorSCSIName     DesignatorType = 8
)

// Designator is one name of the device, of a port or of the target. SPC-4 7.8.
type Designator struct {
	Type DesignatorType
	// Association: 0 is the logical unit, 1 the target port, 2 the target.
	Association uint8
	// CodeSet: 1 is binary, 2 ASCII, 3 UTF-8.
	CodeSet uint8
	Value   []byte
}

// Designators is a decoded VPD page 83h.
type Designators []Designator

// DecodeDesignators reads a VPD page 83h, from the wire or from where the
// kernel keeps it. The error's class is ErrMalformed.
func DecodeDesignators(page []byte) (Designators, error) {
	op := OpInquiry.String()
	if len(page) < 4 || page[1] != vpdDevices {
		return nil, malformed(op, "no VPD page 83h in %d bytes", len(page))
	}
	n := int(binary.BigEndian.Uint16(page[2:]))
	if n > len(page)-4 {
		return nil, malformed(op, "VPD page 83h says %d bytes, %d arrived", n, len(page)-4)
	}
	var list Designators
	for body := page[4 : 4+n]; len(body) > 0; {
		if len(body) < 4 || int(body[3]) > len(body)-4 {
			return nil, malformed(op, "designator cut short in VPD page 83h")
		}
		value := body[4:][:body[3]]
		list = append(list, Designator{
			Type: DesignatorType(body[1] & 0x0f), Association: body[1] >> 4 & 3,
			CodeSet: body[0] & 0x0f, Value: bytes.Clone(value),
		})
		body = body[4+len(value):]
	}
	return list, nil
}

// MarshalBinary encodes the page as a target sends it. It fails if a value has
// more than 255 bytes or the page more than 65535.
func (d Designators) MarshalBinary() ([]byte, error) {
	b := []byte{0, vpdDevices, 0, 0}
	for _, x := range d {
		if len(x.Value) > 255 {
			return nil, fmt.Errorf("designator of %d bytes", len(x.Value))
		}
		b = append(b, x.CodeSet&0x0f, x.Association&3<<4|byte(x.Type)&0x0f, 0, byte(len(x.Value)))
		b = append(b, x.Value...)
	}
	if len(b)-4 > 0xffff {
		return nil, fmt.Errorf("VPD page 83h of %d bytes", len(b)-4)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	return b, nil
}

// WWID returns the worldwide name of the logical unit, the same on every node
// and path: its longest NAA designator, else EUI-64, SCSI name, T10 vendor
// identification, or an NAA designator that only its site keeps unique. It is
// empty if the device gives none.
//
// Designators of a target port or of the target differ from path to path and
// are never taken, nor are those that cannot tell two units apart because
// they are empty, zero, a vendor's name alone or of a length that the standard
// does not know. The order in the page makes no difference. The text is safe to
// print.
func (d Designators) WWID() string {
	best, bestRank := "", 0
	for _, x := range d {
		rank := x.rank()
		if rank == 0 || rank < bestRank {
			continue
		}
		text := x.text()
		if rank > bestRank || len(text) > len(best) || len(text) == len(best) && text < best {
			best, bestRank = text, rank
		}
	}
	return best
}

// Includes reports whether the unit has the name, be it its best one or not: firmware
// may give it a better one beside.
func (d Designators) Includes(wwid string) bool {
	return slices.ContainsFunc(d, func(x Designator) bool { return x.Association == 0 && x.text() == wwid })
}

// Names are all those that may name the logical unit, in the order of the page.
func (d Designators) Names() []string {
	var list []string
	for _, x := range d {
		if x.rank() > 0 {
			list = append(list, x.text())
		}
	}
	return list
}

// NAA values that matter here: the upper half of the first byte.
const (
	naaExtended         = 2
	naaLocal            = 3
	naaRegistered       = 5
	naaRegisteredExtend = 6
)

// rank orders what may name the logical unit; 0 is what may not.
func (x Designator) rank() int {
	if x.Association != 0 || len(bytes.Trim(x.Value, " \x00")) == 0 {
		return 0
	}
	switch x.Type {
	case DesignatorNAA:
		switch naa, n := x.Value[0]>>4, len(x.Value); {
		case naa == naaRegisteredExtend && n == 16, naa == naaRegistered && n == 8, naa == naaExtended && n == 8:
			return 5
		case naa == naaLocal && n == 8:
			return 1
		}
	case DesignatorEUI64:
		switch len(x.Value) {
		case 8, 12, 16:
			return 4
		}
	case DesignatorSCSIName:
		return 3
	case DesignatorT10:
		// The vendor's name alone is on all its devices.
		if len(bytes.TrimRight(x.Value, " \x00")) > 8 {
			return 2
		}
	}
	return 0
}

// text spells a designator. Different ones must not become one text (save for
// the number of blanks in a T10 one), so what is no ASCII is spelt in
// hexadecimal.
func (x Designator) text() string {
	switch x.Type {
	case DesignatorNAA:
		return "naa." + hex.EncodeToString(x.Value)
	case DesignatorEUI64:
		return "eui." + hex.EncodeToString(x.Value)
	}
	prefix, value := "", bytes.TrimRight(x.Value, " \x00")
	if x.Type == DesignatorT10 {
		prefix = "t10."
	}
	if bytes.ContainsFunc(value, func(r rune) bool { return r > 0x7e || !isText(byte(r)) }) {
		return prefix + "0x" + hex.EncodeToString(value)
	}
	if x.Type == DesignatorT10 {
		return prefix + strings.Join(strings.Fields(string(value)), "_")
	}
	return string(value)
}

// TargetPort returns what the page says of the port that it was read through.
// SPC-4 7.8.6.
func (d Designators) TargetPort() pr.Port {
	var p pr.Port
	for _, x := range d {
		if x.Association != 1 {
			continue
		}
		switch x.Type {
		case DesignatorRelativePort:
			if len(x.Value) == 4 {
				p.Relative = binary.BigEndian.Uint16(x.Value[2:])
			}
		case DesignatorSCSIName:
			p.Name = x.text()
		case DesignatorNAA:
			if p.Name == "" {
				p.Name = x.text()
			}
		}
	}
	return p
}
