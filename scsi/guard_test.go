package scsi

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"lunguard/pr"
)

// remapped is a path whose unit is another one from a certain command on, and that
// says so by a unit attention or not.
type remapped struct {
	t *testing.T
	// names is what each INQUIRY in turn is answered; the last stays.
	names []string
	// senses are the answers to the commands that are no INQUIRY; then GOOD.
	senses []Sense
	// asSense says that REQUEST SENSE has them in its data.
	asSense bool
	sent    []Opcode
}

func (r *remapped) Do(_ context.Context, req *Request) (Reply, error) {
	r.sent = append(r.sent, req.Opcode())
	if req.Opcode() == OpInquiry {
		name := r.names[0]
		if len(r.names) > 1 {
			r.names = r.names[1:]
		}
		switch name {
		case "":
			return Reply{Status: CheckCondition, Sense: Sense{Key: IllegalRequest, ASC: InvalidFieldInCDB}.Fixed()}, nil
		case "lost":
			return Reply{Host: HostNoConnect, Resid: len(req.Data)}, nil
		}
		page, err := Designators{{Type: DesignatorSCSIName, CodeSet: 3, Value: []byte(name)}, {Type: DesignatorNAA, CodeSet: 1, Value: []byte{0x51, 2, 3, 4, 5, 6, 7, 8}}}.MarshalBinary()
		if err != nil {
			r.t.Fatal(err)
		}
		return Reply{Resid: len(req.Data) - copy(req.Data, page)}, nil
	}
	if len(r.senses) == 0 || r.asSense != (req.Opcode() == OpRequestSense) {
		return Reply{}, nil
	}
	s := r.senses[0]
	r.senses = r.senses[1:]
	if req.Opcode() == OpRequestSense {
		return Reply{Resid: len(req.Data) - copy(req.Data, s.Fixed())}, nil
	}
	return Reply{Status: CheckCondition, Sense: s.Fixed()}, nil
}

func TestGuard(t *testing.T) {
	const inq, out, sns, rst = OpInquiry, OpPROut, OpRequestSense, OpLogicalUnitReset
	ua := func(asc ASC) []Sense { return []Sense{{Key: UnitAttention, ASC: asc}} }
	for _, tc := range []struct {
		name  string
		want  string
		names []string
		ua    []Sense
		do    []Opcode
		sent  []Opcode
		err   error
		// stated is what the device's name says.
		stated string
	}{
		{"its name states it", "u", []string{"u"}, nil, []Opcode{out, out}, []Opcode{inq, out, out}, nil, "naa.5102030405060708"},
		{"its name states another", "u", []string{"u"}, nil, []Opcode{out}, []Opcode{inq}, pr.ErrWrongDevice, "naa.5102030405060709"},
		{"its name states it, and it is another", "u", []string{"v"}, nil, []Opcode{out}, []Opcode{inq}, pr.ErrWrongDevice, "v"},
		{"its name alone states it", "", []string{"u"}, nil, []Opcode{out}, []Opcode{inq, out}, nil, "naa.5102030405060708"},
		{"its name alone states another", "", []string{"u"}, nil, []Opcode{out}, []Opcode{inq}, pr.ErrWrongDevice, "eui.5102030405060708"},
		{"its name states it, and it has none", "", []string{""}, nil, []Opcode{out}, []Opcode{inq}, pr.ErrWrongDevice, "naa.5102030405060708"},
		{"the right one, asked once", "u", []string{"u"}, nil, []Opcode{out, out}, []Opcode{inq, out, out}, nil, ""},
		{"by another of its names", "naa.5102030405060708", []string{"u"}, nil, []Opcode{out}, []Opcode{inq, out}, nil, ""},
		{"another one", "u", []string{"v"}, nil, []Opcode{out, out}, []Opcode{inq, inq}, pr.ErrWrongDevice, ""},
		{"no name", "u", []string{""}, nil, []Opcode{out}, []Opcode{inq}, pr.ErrWrongDevice, ""},
		{"no answer", "u", []string{"lost"}, nil, []Opcode{out}, []Opcode{inq}, pr.ErrTransport, ""},
		{"nobody knows its name", "", []string{"v"}, nil, []Opcode{out}, []Opcode{out}, nil, ""},
		{"a reset", "u", []string{"v"}, nil, []Opcode{rst}, []Opcode{inq}, pr.ErrWrongDevice, ""},
		{"what is not guarded", "u", []string{"v"}, nil, []Opcode{sns}, []Opcode{sns}, nil, ""},
		{"3F/0E, the same", "u", []string{"u"}, ua(ReportedLUNsChanged), []Opcode{out}, []Opcode{inq, out, inq, out}, nil, ""},
		{"3F/0E, another", "u", []string{"u", "v"}, ua(ReportedLUNsChanged), []Opcode{out}, []Opcode{inq, out, inq}, pr.ErrWrongDevice, ""},
		{"3F/03, another", "u", []string{"u", "v"}, ua(InquiryDataChanged), []Opcode{out}, []Opcode{inq, out, inq}, pr.ErrWrongDevice, ""},
		{"3F/05, another", "u", []string{"u", "v"}, ua(DeviceIdentifierChanged), []Opcode{out}, []Opcode{inq, out, inq}, pr.ErrWrongDevice, ""},
		{"29/00, another", "u", []string{"u", "v"}, ua(PowerOnOrReset), []Opcode{out}, []Opcode{inq, out, inq}, pr.ErrWrongDevice, ""},
		{"29/07, another", "u", []string{"u", "v"}, ua(0x2907), []Opcode{out}, []Opcode{inq, out, inq}, pr.ErrWrongDevice, ""},
		{"29/03 is the unit's own", "u", []string{"u", "v"}, ua(BusDeviceReset), []Opcode{out}, []Opcode{inq, out, out}, nil, ""},
		{"taken off by REQUEST SENSE", "u", []string{"u", "v"}, ua(ReportedLUNsChanged), []Opcode{out, sns, out}, []Opcode{inq, out, sns, inq}, pr.ErrWrongDevice, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			unit := &remapped{t: t, names: slices.Clone(tc.names), senses: tc.ua, asSense: slices.Contains(tc.do, sns)}
			noWait := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
			rules := Retry{Sleep: noWait}
			guard := &Guard{Transport: unit, WWID: tc.want, Stated: tc.stated, Rules: rules}
			retry := rules
			retry.Transport = guard
			u := NewUnit("/dev/sda", &retry).WithGuard(guard)
			var err error
			for _, op := range tc.do {
				switch op {
				case out:
					err = u.Register(t.Context(), 0, 1, false)
				case sns:
					err = u.Drain(t.Context())
				case rst:
					err = u.Reset(t.Context())
				}
			}
			if !errors.Is(err, tc.err) || tc.err == nil && err != nil || pr.OutcomeUnknown(err) {
				t.Errorf("%v; %v expected, and nothing left open", err, tc.err)
			}
			diff(t, "sent", tc.sent, unit.sent)
		})
	}
}
