package simlun

import (
	"encoding/binary"
	"fmt"
	"slices"

	"lunguard/scsi/simlun/registry"
)

// Fingerprint encodes all by which the unit will ever answer differently, so
// that two machines with equal configuration, plan and fingerprint cannot be
// told apart by any command. The order of registrations, which the standard
// leaves open, does not count; PRGENERATION counts only withGeneration.
func (m *Machine) Fingerprint(withGeneration bool) string {
	return string(m.AppendFingerprint(make([]byte, 0, 256), withGeneration))
}

// AppendFingerprint appends the fingerprint to b.
func (m *Machine) AppendFingerprint(b []byte, withGeneration bool) []byte {
	if withGeneration {
		b = binary.BigEndian.AppendUint32(b, m.Generation)
	}
	b = append(b, byte(m.Reserved), boolByte(m.APTPL))
	b = binary.AppendUvarint(b, uint64(m.busy))
	b = binary.AppendUvarint(b, m.Listings)
	b = appendSessions(b, m)
	b = appendStale(b, &m.Registry)
	for _, t := range m.tasks {
		b = append(b, 't')
		b = appendNexus(b, t.nexus)
		if t.late != nil {
			b = t.appendLate(b)
		}
	}
	for _, n := range m.faults.Hits {
		b = append(b, 'h')
		b = binary.AppendUvarint(b, uint64(n))
	}
	if m.past != nil {
		b = append(b, fmt.Sprintf("p%v", *m.past)...)
	}
	if medium, ok := m.medium.(*memoryMedium); ok {
		b = medium.appendFingerprint(b)
	}
	return b
}

func (t *task) appendLate(b []byte) []byte {
	b = append(b, 'l', byte(t.function), byte(t.late.Dir))
	for _, field := range [][]byte{t.late.CDB, t.late.Data} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	b = binary.AppendVarint(b, int64(t.commands))
	return append(b, t.due.String()...)
}

// appendSessions adds one record a nexus with all that is kept for it.
func appendSessions(b []byte, m *Machine) []byte {
	for i := range m.Sessions {
		s := &m.Sessions[i]
		at := m.Exact(s.Nexus)
		if at < 0 && !s.LoggedIn && !s.Failed && len(s.Attentions) == 0 {
			continue // was named once
		}
		b = append(b, 's')
		b = appendNexus(b, s.Nexus)
		flags := boolByte(s.LoggedIn) | boolByte(s.Failed)<<1 | boolByte(m.legacy == s.Nexus)<<2
		if at >= 0 {
			r := &m.Registrations[at]
			flags |= 8 | boolByte(r.Holder)<<4 | boolByte(r.AllTgtPort)<<5
			b = append(b, flags)
			b = binary.BigEndian.AppendUint64(b, uint64(r.Key))
		} else {
			b = append(b, flags)
		}
		b = append(b, byte(len(s.Attentions)))
		for _, asc := range s.Attentions {
			b = binary.BigEndian.AppendUint16(b, uint16(asc))
		}
	}
	return b
}

// appendStale adds the registrations that no nexus has any more, sorted.
func appendStale(b []byte, m *registry.Registry) []byte {
	var stale []string
	for _, r := range m.Registrations {
		if r.Stale {
			e := appendNexus([]byte{'x', boolByte(r.Holder)}, r.Nexus)
			stale = append(stale, string(binary.BigEndian.AppendUint64(e, uint64(r.Key))))
		}
	}
	slices.Sort(stale)
	for _, e := range stale {
		b = append(b, e...)
	}
	return b
}

func appendNexus(b []byte, n NexusID) []byte {
	b = binary.AppendUvarint(b, uint64(len(n.Raw())))
	b = append(b, n.Raw()...)
	return binary.BigEndian.AppendUint16(b, n.RelativePort())
}

func (m *memoryMedium) appendFingerprint(b []byte) []byte {
	if len(m.blocks) == 0 {
		return b
	}
	offsets := make([]int64, 0, len(m.blocks))
	for offset := range m.blocks {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	for _, offset := range offsets {
		digest := m.blocks[offset].digest
		b = append(b, 'b')
		b = binary.AppendUvarint(b, uint64(offset))
		b = append(b, digest[:]...)
	}
	return b
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
