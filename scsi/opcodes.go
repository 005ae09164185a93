package scsi

import (
	"context"
	"encoding/binary"

	"lunguard/pr"
)

// ReportOpcodes is REPORT SUPPORTED OPERATION CODES, of all commands. SPC-4 6.35.
type ReportOpcodes struct{}

// SupportedOpcodes are the commands that a device says it has.
type SupportedOpcodes []SupportedOpcode

// SupportedOpcode is a command, or one service action of it. SPC-4 6.35.2.
type SupportedOpcode struct {
	Opcode Opcode
	// HasAction says that Action means something.
	HasAction bool
	Action    uint16
}

const (
	// opcodesAction is the service action of MAINTENANCE IN.
	opcodesAction = 0x0c
	// opcodesRoom is for some thousand commands.
	opcodesRoom = 8192
	// opcodeLength and timeoutsLength are those of a descriptor and what may follow it.
	opcodeLength, timeoutsLength = 8, 12
)

// Execute sends the command. Errors: *OpError; ErrMalformed for a list that is cut.
func (ReportOpcodes) Execute(ctx context.Context, t Transport) (SupportedOpcodes, error) {
	cdb := make([]byte, 12)
	cdb[0], cdb[1] = byte(OpMaintenanceIn), opcodesAction
	binary.BigEndian.PutUint32(cdb[6:], opcodesRoom)
	buf := Blank(opcodesRoom)
	reply, err := Exec(ctx, t, OpMaintenanceIn.String(), &Request{CDB: cdb, Dir: DataIn, Data: buf})
	if err != nil {
		return nil, err
	}
	data, err := arrived(OpMaintenanceIn.String(), buf, reply.Resid)
	if err != nil {
		return nil, err
	}
	var list SupportedOpcodes
	return list, list.UnmarshalBinary(data)
}

// UnmarshalBinary decodes a list that is whole. The error's class is ErrMalformed.
func (l *SupportedOpcodes) UnmarshalBinary(b []byte) error {
	op := OpMaintenanceIn.String()
	if len(b) < 4 {
		return malformed(op, "%d bytes, 4 expected", len(b))
	}
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return malformed(op, "COMMAND DATA LENGTH is %d, %d have come", n, len(b))
	}
	*l = nil
	for b = b[:n]; len(b) >= opcodeLength; {
		d := SupportedOpcode{Opcode: Opcode(b[0]), HasAction: b[5]&1 != 0, Action: binary.BigEndian.Uint16(b[2:])}
		length := opcodeLength
		if b[5]&2 != 0 {
			length += timeoutsLength
		}
		*l = append(*l, d)
		b = b[min(length, len(b)):]
	}
	if len(b) > 0 {
		return malformed(op, "%d bytes behind the last command", len(b))
	}
	return nil
}

// MarshalBinary encodes the list as a device sends it.
func (l SupportedOpcodes) MarshalBinary() ([]byte, error) {
	b := binary.BigEndian.AppendUint32(nil, uint32(opcodeLength*len(l)))
	for _, d := range l {
		b = append(b, byte(d.Opcode), 0)
		b = binary.BigEndian.AppendUint16(b, d.Action)
		b = append(b, 0, bit(d.HasAction, 0), 0, 10)
	}
	return b, nil
}

// Can tells whether the device has a service action of PERSISTENT RESERVE OUT. It is
// unknown if the list has none of them: then it does not tell service actions.
func (l SupportedOpcodes) Can(action OutAction) pr.Can {
	can := pr.CanUnknown
	for _, d := range l {
		switch {
		case d.Opcode != OpPROut || !d.HasAction:
		case OutAction(d.Action) == action:
			return pr.CanDo
		default:
			can = pr.CanNot
		}
	}
	return can
}
