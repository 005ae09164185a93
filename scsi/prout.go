package scsi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// PROut is PERSISTENT RESERVE OUT with the basic parameter list: every
// service action but REGISTER AND MOVE. SPC-4 6.16.3. Which fields mean
// something depends on the action; the others are sent as they are.
type PROut struct {
	Action OutAction
	Scope  Scope
	Type   Type
	// Key is the RESERVATION KEY: the one this nexus is registered with.
	Key Key
	// ActionKey is the SERVICE ACTION RESERVATION KEY: the new key for the
	// REGISTERs, the victim's for the PREEMPTs.
	ActionKey  Key
	APTPL      bool
	AllTgtPort bool
	// TransportIDs are sent with SPEC_I_PT set. A nil slice sends none.
	TransportIDs []TransportID
}

// Execute sends the command. Success is the device's word only: read back.
// Errors: *OpError.
func (p *PROut) Execute(ctx context.Context, t Transport) error {
	cdb, list := p.Marshal()
	_, err := Exec(ctx, t, prOutName(p.Action), &Request{CDB: cdb, Dir: DataOut, Data: list})
	return err
}

func prOutName(action OutAction) string { return OpPROut.String() + ", " + action.String() }

// basicListLen is the basic parameter list without TransportIDs.
const basicListLen = 24

// Marshal gives CDB and parameter list; the PARAMETER LIST LENGTH in the CDB is
// len(list). SPC-4 6.16.1, 6.16.3.
func (p *PROut) Marshal() (cdb, list []byte) {
	list = make([]byte, basicListLen)
	binary.BigEndian.PutUint64(list, uint64(p.Key))
	binary.BigEndian.PutUint64(list[8:], uint64(p.ActionKey))
	list[20] = bit(p.TransportIDs != nil, 3) | bit(p.AllTgtPort, 2) | bit(p.APTPL, 0)
	if p.TransportIDs != nil {
		var ids []byte
		for _, id := range p.TransportIDs {
			ids = append(ids, id.raw...)
		}
		list = binary.BigEndian.AppendUint32(list, uint32(len(ids)))
		list = append(list, ids...)
	}
	return prOutCDB(p.Action, p.Scope, p.Type, len(list)), list
}

func prOutCDB(action OutAction, scope Scope, typ Type, n int) []byte {
	cdb := make([]byte, 10)
	cdb[0] = byte(OpPROut)
	cdb[1] = byte(action) & 0x1f
	cdb[2] = byte(scope)<<4 | byte(typ)&0x0f
	binary.BigEndian.PutUint32(cdb[5:], uint32(n))
	return cdb
}

// RegisterMove is PERSISTENT RESERVE OUT with REGISTER AND MOVE: register the
// destination nexus and move the reservation to it, in one step.
// SPC-4 5.13.8, 6.16.4.
type RegisterMove struct {
	// Type stands in the CDB, where the standard passes over it: the
	// reservation that moves keeps its own.
	Type Type
	// Key is the RESERVATION KEY: the one this nexus is registered with.
	Key Key
	// ActionKey is registered for the destination; not 0.
	ActionKey Key
	// Unregister removes the registration of the sending nexus (UNREG).
	Unregister bool
	APTPL      bool
	// RelativePort is the destination's target port.
	RelativePort uint16
	Destination  TransportID
}

// Execute sends the command. Success is the device's word only: read back.
// The destination becomes registered even if it was not: see the protocols.
// Errors: *OpError.
func (p *RegisterMove) Execute(ctx context.Context, t Transport) error {
	cdb, list := p.Marshal()
	_, err := Exec(ctx, t, prOutName(OutRegisterAndMove), &Request{CDB: cdb, Dir: DataOut, Data: list})
	return err
}

// Marshal gives CDB and parameter list. SPC-4 6.16.4.
func (p *RegisterMove) Marshal() (cdb, list []byte) {
	list = make([]byte, basicListLen, basicListLen+len(p.Destination.raw))
	binary.BigEndian.PutUint64(list, uint64(p.Key))
	binary.BigEndian.PutUint64(list[8:], uint64(p.ActionKey))
	list[17] = bit(p.Unregister, 1) | bit(p.APTPL, 0)
	binary.BigEndian.PutUint16(list[18:], p.RelativePort)
	binary.BigEndian.PutUint32(list[20:], uint32(len(p.Destination.raw)))
	list = append(list, p.Destination.raw...)
	return prOutCDB(OutRegisterAndMove, LUScope, p.Type, len(list)), list
}

// Errors of decoding a parameter list, as a target tells them apart.
var (
	// ErrListLength is 5/1A/00: the list is not as long as it has to be.
	ErrListLength = errors.New("parameter list length error")
	// ErrListField is 5/26/00: a field of the list is wrong.
	ErrListField = errors.New("invalid field in parameter list")
)

// UnmarshalPROut decodes CDB and parameter list as a target does; for
// REGISTER AND MOVE use UnmarshalRegisterMove. Errors: ErrListLength,
// ErrListField. Fields that are reserved or obsolete are not looked at.
func UnmarshalPROut(cdb, list []byte) (*PROut, error) {
	if len(cdb) < 10 {
		return nil, fmt.Errorf("CDB of %d bytes: %w", len(cdb), ErrListLength)
	}
	if n := binary.BigEndian.Uint32(cdb[5:]); int64(n) != int64(len(list)) || len(list) < basicListLen {
		return nil, fmt.Errorf("%d bytes where the CDB says %d: %w", len(list), n, ErrListLength)
	}
	p := &PROut{
		Action: OutAction(cdb[1] & 0x1f),
		Scope:  Scope(cdb[2] >> 4), Type: Type(cdb[2] & 0x0f),
		Key:       Key(binary.BigEndian.Uint64(list)),
		ActionKey: Key(binary.BigEndian.Uint64(list[8:])),
		APTPL:     list[20]&1 != 0, AllTgtPort: list[20]&4 != 0,
	}
	if list[20]&8 == 0 {
		if len(list) != basicListLen {
			return nil, fmt.Errorf("%d bytes, %d expected: %w", len(list), basicListLen, ErrListLength)
		}
		return p, nil
	}
	if len(list) < basicListLen+4 {
		return nil, fmt.Errorf("SPEC_I_PT without a list: %w", ErrListLength)
	}
	ids := list[basicListLen+4:]
	if n := binary.BigEndian.Uint32(list[basicListLen:]); int64(n) != int64(len(ids)) {
		return nil, fmt.Errorf("%d bytes of TransportIDs where the list says %d: %w", len(ids), n, ErrListLength)
	}
	var err error
	if p.TransportIDs, err = DecodeTransportIDList(ids); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrListField, err)
	}
	if p.TransportIDs == nil {
		p.TransportIDs = []TransportID{}
	}
	return p, nil
}

// UnmarshalRegisterMove decodes CDB and parameter list of REGISTER AND MOVE.
// Errors: ErrListLength, ErrListField.
func UnmarshalRegisterMove(cdb, list []byte) (*RegisterMove, error) {
	if len(cdb) < 10 {
		return nil, fmt.Errorf("CDB of %d bytes: %w", len(cdb), ErrListLength)
	}
	if n := binary.BigEndian.Uint32(cdb[5:]); int64(n) != int64(len(list)) || len(list) < basicListLen {
		return nil, fmt.Errorf("%d bytes where the CDB says %d: %w", len(list), n, ErrListLength)
	}
	id := list[basicListLen:]
	if n := binary.BigEndian.Uint32(list[20:]); int64(n) != int64(len(id)) {
		return nil, fmt.Errorf("%d bytes of TransportID where the list says %d: %w", len(id), n, ErrListLength)
	}
	p := &RegisterMove{
		Type:       Type(cdb[2] & 0x0f),
		Key:        Key(binary.BigEndian.Uint64(list)),
		ActionKey:  Key(binary.BigEndian.Uint64(list[8:])),
		Unregister: list[17]&2 != 0, APTPL: list[17]&1 != 0,
		RelativePort: binary.BigEndian.Uint16(list[18:]),
	}
	var err error
	if p.Destination, err = DecodeTransportID(id); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrListField, err)
	}
	return p, nil
}
