package scsi

import (
	"context"
	"encoding/binary"
	"fmt"
)

// ReadCapacity is READ CAPACITY(10) of SBC-4.
type ReadCapacity struct{}

// Capacity is the size of a block device.
type Capacity struct {
	// Blocks is the number of blocks; BlockSize is in bytes.
	Blocks    uint64
	BlockSize uint32
}

// Execute sends the command. Devices of more than 2^32 blocks answer with the
// largest value, so Blocks is 2^32 for them. Errors: *OpError; ErrMalformed for
// a short answer or a block length of 0, ErrReservationConflict from targets
// that keep even this from others under Exclusive Access.
func (ReadCapacity) Execute(ctx context.Context, t Transport) (Capacity, error) {
	cdb := make([]byte, 10)
	cdb[0] = byte(OpReadCapacity10)
	buf := Blank(8)
	reply, err := Exec(ctx, t, OpReadCapacity10.String(), &Request{CDB: cdb, Dir: DataIn, Data: buf})
	if err != nil {
		return Capacity{}, err
	}
	data, err := arrived(OpReadCapacity10.String(), buf, reply.Resid)
	if err != nil {
		return Capacity{}, err
	}
	if len(data) < 8 {
		return Capacity{}, malformed(OpReadCapacity10.String(), "%d bytes, 8 expected", len(data))
	}
	c := Capacity{Blocks: uint64(binary.BigEndian.Uint32(data)) + 1, BlockSize: binary.BigEndian.Uint32(data[4:])}
	if c.BlockSize == 0 {
		return Capacity{}, malformed(OpReadCapacity10.String(), "blocks of no bytes")
	}
	return c, nil
}

// Read is READ(10) of SBC-4.
type Read struct {
	LBA uint32
	// Blocks of BlockSize bytes each.
	Blocks    uint16
	BlockSize int
}

// Execute returns the data, all of it or an error. Errors: *OpError;
// ErrReservationConflict if the reservation keeps this nexus from reading.
func (r Read) Execute(ctx context.Context, t Transport) ([]byte, error) {
	if r.BlockSize <= 0 {
		return nil, fmt.Errorf("%s: blocks of %d bytes", OpRead10, r.BlockSize)
	}
	buf := make([]byte, int(r.Blocks)*r.BlockSize)
	reply, err := Exec(ctx, t, OpRead10.String(), &Request{CDB: rwCDB(OpRead10, r.LBA, r.Blocks), Dir: DataIn, Data: buf})
	if err != nil {
		return nil, err
	}
	if reply.Resid != 0 {
		return nil, malformed(OpRead10.String(), "%d of %d bytes missing", reply.Resid, len(buf))
	}
	return buf, nil
}

// Write is WRITE(10) of SBC-4.
type Write struct {
	LBA       uint32
	BlockSize int
	// Data is a whole number of blocks.
	Data []byte
}

// Execute sends the data. Errors: *OpError; ErrReservationConflict if the
// reservation keeps this nexus from writing. Data that is no whole number of
// blocks, or more than 65535 of them, is refused before anything is sent.
func (w Write) Execute(ctx context.Context, t Transport) error {
	if w.BlockSize <= 0 || len(w.Data)%w.BlockSize != 0 || len(w.Data)/w.BlockSize > 0xffff {
		return fmt.Errorf("%s: %d bytes are no whole blocks of %d", OpWrite10, len(w.Data), w.BlockSize)
	}
	cdb := rwCDB(OpWrite10, w.LBA, uint16(len(w.Data)/w.BlockSize))
	reply, err := Exec(ctx, t, OpWrite10.String(), &Request{CDB: cdb, Dir: DataOut, Data: w.Data})
	if err != nil {
		return err
	}
	if reply.Resid != 0 {
		return &OpError{Op: OpWrite10.String(), Reply: reply, outcomeUnknown: true,
			Class: fmt.Errorf("%w: %d of %d bytes not written", ErrMalformed, reply.Resid, len(w.Data))}
	}
	return nil
}

func rwCDB(op Opcode, lba uint32, blocks uint16) []byte {
	cdb := make([]byte, 10)
	cdb[0] = byte(op)
	binary.BigEndian.PutUint32(cdb[2:], lba)
	binary.BigEndian.PutUint16(cdb[7:], blocks)
	return cdb
}
