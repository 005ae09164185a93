package nvme

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"lunguard/pr"
)

// ReportFormat is how long the host identifiers of a Reservation Report are.
type ReportFormat uint8

// The formats. In the entries of the second one host identifier and key have changed
// places.
const (
	// ShortReport has host identifiers of 8 bytes.
	ShortReport ReportFormat = iota
	// ExtendedReport has those of 16 bytes: EDS.
	ExtendedReport
)

// DynamicController is the controller identifier of an entry that names none: that of
// the host is made anew for each connection, or the host has none now.
const DynamicController = 0xffff

// header and entry are the lengths of the two parts of a report.
func (f ReportFormat) header() int {
	if f == ExtendedReport {
		return 64
	}
	return 24
}

func (f ReportFormat) entry() int { return f.header() }

// Report is the answer to Reservation Report, section 7.8: one picture of one moment.
type Report struct {
	// Generation is GEN. It counts registrations, replacements, preemptions and clears,
	// by some devices other things, and begins with 0 when the subsystem does.
	Generation uint32
	// Type is RTYPE; 0 without a reservation.
	Type RType
	// Persisting is PTPLS bit 0: registrations survive a loss of power.
	Persisting bool
	// Entries has one for each controller of each registrant, on some devices one for
	// each registrant: count hosts, not entries.
	Entries []ReportEntry
}

// ReportEntry is a registrant, as one controller of it.
type ReportEntry struct {
	Controller uint16
	// Holder is bit 0 of RCSTS. Under the types of all registrants some devices set it
	// for one of them only.
	Holder bool
	Host   HostID
	Key    pr.Key
}

// errReportTooLong says that a report has more entries than there was room for.
var errReportTooLong = errors.New("longer than the buffer")

// reportCount is the number of entries that a report tells, whatever the room.
func reportCount(b []byte) int { return int(binary.LittleEndian.Uint16(b[5:])) }

// DecodeReport reads what was put into a blank buffer. The error is ErrMalformed, if
// anything of it did not arrive or cannot be.
func DecodeReport(b []byte, format ReportFormat) (*Report, error) {
	op := OpReport.String()
	if len(b) < format.header() || IsBlank(b[:format.header()]) {
		return nil, malformed(op, "no data")
	}
	r := &Report{
		Generation: binary.LittleEndian.Uint32(b), Type: RType(b[4]), Persisting: b[9]&1 != 0,
	}
	if r.Type != 0 && r.Type.Common() == 0 {
		return nil, malformed(op, "reservation type %d", r.Type)
	}
	n, size := reportCount(b), format.entry()
	b = b[format.header():]
	if len(b) < n*size {
		return nil, malformed(op, "%d registrants in %d bytes: %w", n, len(b), errReportTooLong)
	}
	for ; n > 0; n, b = n-1, b[size:] {
		if IsBlank(b[:size]) {
			return nil, malformed(op, "%d registrants, of which %d did not arrive", len(r.Entries)+n, n)
		}
		e, err := decodeEntry(b[:size], format)
		if err != nil {
			return nil, err
		}
		r.Entries = append(r.Entries, e)
	}
	return r, nil
}

func decodeEntry(b []byte, format ReportFormat) (ReportEntry, error) {
	e := ReportEntry{Controller: binary.LittleEndian.Uint16(b), Holder: b[2]&1 != 0}
	host, key := b[8:16], b[16:24]
	if format == ExtendedReport {
		key, host = b[8:16], b[16:32]
	}
	e.Key = pr.Key(binary.LittleEndian.Uint64(key))
	var err error
	e.Host, err = MakeHostID(host)
	return e, err
}

// Encode makes the bytes of a report. A host identifier of the other format's length is
// cut, or zeros are added.
func (r *Report) Encode(format ReportFormat) []byte {
	b := make([]byte, format.header(), format.header()+len(r.Entries)*format.entry())
	binary.LittleEndian.PutUint32(b, r.Generation)
	b[4] = uint8(r.Type)
	binary.LittleEndian.PutUint16(b[5:], uint16(len(r.Entries)))
	b[9] = bit(r.Persisting)
	for _, e := range r.Entries {
		entry := make([]byte, format.entry())
		binary.LittleEndian.PutUint16(entry, e.Controller)
		entry[2] = bit(e.Holder)
		host, key := entry[8:16], entry[16:24]
		if format == ExtendedReport {
			key, host = entry[8:16], entry[16:32]
		}
		copy(host, e.Host.Bytes())
		binary.LittleEndian.PutUint64(key, uint64(e.Key))
		b = append(b, entry...)
	}
	return b
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// EncodeReport makes the request for a report of so many bytes, a multiple of 4.
func EncodeReport(format ReportFormat, length int) *Request {
	r := &Request{Opcode: OpReport, Data: make([]byte, length)}
	r.Words[0], r.Words[1] = uint32(length/4-1), uint32(format)
	return r
}

// Bounds of reading a report.
const (
	// firstReport has room for 63 hosts of the longer identifiers.
	firstReport = 4096
	// reportTries is how often a report is asked for that grows meanwhile.
	reportTries = 5
)

// ReadReport reads the whole report of one format. Errors: *OpError, ErrOtherFormat if
// the host has an identifier of the other length.
func ReadReport(ctx context.Context, t Transport, format ReportFormat) (*Report, error) {
	length := firstReport
	for range reportTries {
		req := EncodeReport(format, length)
		if _, err := Exec(ctx, t, req); err != nil {
			return nil, err
		}
		r, err := DecodeReport(req.Data, format)
		if err == nil || !errors.Is(err, errReportTooLong) {
			return r, err
		}
		length = format.header() + reportCount(req.Data)*format.entry()
	}
	return nil, malformed(OpReport.String(), "it grows as often as it is read")
}

// State is what the report says in the words of package pr: one registration a host.
// The error is ErrMalformed for what cannot be.
func (r *Report) State() (*pr.State, error) {
	s := &pr.State{Generation: r.Generation, Identified: true}
	held := r.Type.Common()
	at := map[HostID]int{}
	for _, e := range r.Entries {
		if e.Key == 0 {
			return nil, malformed(OpReport.String(), "host %v is registered with key 0", e.Host)
		}
		i, known := at[e.Host]
		// Controllers without a host identifier are hosts of their own.
		if !known || e.Host.IsZero() {
			i, at[e.Host] = len(s.Registrations), len(s.Registrations)
			s.Registrations = append(s.Registrations, pr.Registration{Key: e.Key, AllPorts: true, Initiator: e.Host})
		}
		if s.Registrations[i].Key != e.Key {
			return nil, malformed(OpReport.String(), "host %v is registered with two keys", e.Host)
		}
		s.Registrations[i].Holder = s.Registrations[i].Holder || e.Holder || held.AllRegistrants()
	}
	var err error
	s.Reservation, err = reservationOf(held, s.Registrations)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// reservationOf is the reservation of a type whose holders are marked.
func reservationOf(held pr.Type, list []pr.Registration) (*pr.Reservation, error) {
	var holder *pr.Registration
	holders := 0
	for i := range list {
		if list[i].Holder {
			holder = &list[i]
			holders++
		}
	}
	switch {
	case held == 0 && holders == 0:
		return nil, nil
	case held.AllRegistrants() && holders > 0:
		return &pr.Reservation{Type: held}, nil
	case held != 0 && holders == 1:
		return &pr.Reservation{Key: holder.Key, Type: held}, nil
	}
	return nil, malformed(OpReport.String(), "%s, held by %d hosts", typeName(held), holders)
}

func typeName(t pr.Type) string {
	if t == 0 {
		return "no reservation"
	}
	return fmt.Sprint(t)
}
