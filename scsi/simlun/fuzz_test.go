package simlun

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// FuzzExecute sends any bytes as a command. Whatever is not GOOD changes
// nothing, and no command leads to a state that cannot be.
func FuzzExecute(f *testing.F) {
	for _, req := range []*scsi.Request{
		turRequest(), readRequest(0), writeRequest(0, 1), inRequest(scsi.InReadFullStatus, 100),
		outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 3, TransportIDs: []scsi.TransportID{at("b").Port(), at("d").Port()}}),
		outRequest(scsi.PROut{Action: scsi.OutPreemptAndAbort, Key: 1, ActionKey: 2, Type: wero}),
		outRequest(scsi.PROut{Action: scsi.OutClear, Key: 1}),
		{CDB: []byte{0x12, 1, 0x83, 0, 255, 0}, Dir: scsi.DataIn, Data: make([]byte, 255)},
		{CDB: []byte{0x03, 1, 0, 0, 18, 0}, Dir: scsi.DataIn, Data: make([]byte, 18)},
		{CDB: []byte{0x1a, 0, 0x3f, 0, 255, 0}, Dir: scsi.DataIn, Data: make([]byte, 255)},
	} {
		f.Add(uint8(0), req.CDB, uint8(req.Dir), req.Data, uint8(0))
	}
	cdb, list := (&scsi.RegisterMove{Key: 1, ActionKey: 2, RelativePort: 1, Destination: at("d").Port()}).Marshal()
	f.Add(uint8(1), cdb, uint8(scsi.DataOut), list, uint8(5))
	f.Add(uint8(2), []byte{}, uint8(3), []byte{}, uint8(5))
	f.Fuzz(func(t *testing.T, who uint8, cdb []byte, dir uint8, data []byte, typ uint8) {
		m, err := NewMachine(Config{Blocks: 64}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range []string{"a", "c"} {
			m.Execute(at(n), outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: scsi.Key(i + 1)}))
		}
		m.Execute(at("a"), outRequest(scsi.PROut{Action: scsi.OutReserve, Key: 1, Type: scsi.Type(typ)}))
		from := at([]string{"a", "c", "d", "b", "d2"}[who%5])
		m.Login(from)
		before := m.Fingerprint(true)
		r := m.Execute(from, &scsi.Request{Function: scsi.TaskFunction(dir / 3), CDB: cdb, Dir: scsi.Direction(dir % 3), Data: data})
		if err := consistent(m); err != nil {
			t.Fatal(err)
		}
		if r.Resid < 0 || r.Resid > len(data) {
			t.Fatalf("residual count %d of %d", r.Resid, len(data))
		}
		if words(r) != "GOOD" && m.Fingerprint(true) != before {
			t.Fatalf("%s, and something changed", words(r))
		}
		if r.Status == scsi.CheckCondition && r.Err() == nil {
			t.Fatal("CHECK CONDITION without an error")
		}
		file, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(file)
		if err != nil {
			t.Fatal(err)
		}
		// The medium is in a file of its own.
		back.medium = m.medium
		if back.Fingerprint(true) != m.Fingerprint(true) {
			t.Fatal("the state file forgets something")
		}
	})
}

// FuzzDecode reads any bytes as a state file: an error, or a state that can
// be and that is written as it was read.
func FuzzDecode(f *testing.F) {
	m, err := NewMachine(Config{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	m.Execute(at("a"), outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}))
	m.Execute(at("a"), outRequest(scsi.PROut{Action: scsi.OutReserve, Key: 1, Type: wero}))
	m.Late(at("a"), outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 1}), 0, 1)
	m.Late(at("a"), readRequest(0), time.Hour, 0)
	file, err := encode(m)
	if err != nil {
		f.Fatal(err)
	}
	body := file[bytes.IndexByte(file, '\n')+1:]
	f.Add(file, false)
	f.Add(body, true)
	f.Add([]byte(`{"config":{},"generation":0,"busy":-1}`), true)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		if sealed { // a digest that fits, or the fuzzer never gets past it
			data = append(header(data), data...)
		}
		m, err := decode(data)
		if err != nil {
			if m != nil || !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotSimulated) {
				t.Fatalf("%v %v", m, err)
			}
			return
		}
		m.medium = newMemoryMedium(m.Cfg.BlockSize)
		for _, req := range []*scsi.Request{turRequest(), outRequest(scsi.PROut{Action: scsi.OutRegisterAndIgnoreExistingKey, ActionKey: 5}),
			outRequest(scsi.PROut{Action: scsi.OutPreempt, Key: 5, ActionKey: 1, Type: wero}), inRequest(scsi.InReadFullStatus, 1000)} {
			m.Execute(at("d"), req)
		}
		again, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again); err != nil {
			t.Fatalf("%v in what was written:\n%s", err, again)
		}
	})
}

// FuzzParsePlan reads any text as a plan: an error, or a plan that is written
// as it was read.
func FuzzParsePlan(f *testing.F) {
	f.Add("write@3:busy prout.register@2:sense=6/29/00;any@every:delay=10ms")
	f.Add("read%sas,000000000000000d/1@2:after:truncate=5 0x9e.0x10@1:die reset@1:host=3 prout@1:late=90s any@2:late=2 prout@every:status=good")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePlan(text)
		if err != nil {
			if p != nil || !errors.Is(err, ErrBadPlan) {
				t.Fatalf("%v %v", p, err)
			}
			return
		}
		again, err := ParsePlan(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q: %q, %v", text, again, err)
		}
	})
}

// FuzzParseQuirks does the same with quirks.
func FuzzParseQuirks(f *testing.F) {
	f.Add("NoFullStatus,MaxRegs=3,FirstCmdUA=29/00,OnlyTypes=5+7,TransitioningUntil=2030-01-02T03:04:05Z")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuirks(text)
		if err != nil {
			if q != (Quirks{}) || !errors.Is(err, model.ErrBadQuirk) {
				t.Fatalf("%+v %v", q, err)
			}
			return
		}
		again, err := ParseQuirks(q.String())
		if err != nil || again.String() != q.String() {
			t.Fatalf("%q: %q, %q, %v", text, q.String(), again.String(), err)
		}
	})
}

// FuzzParseNexus does the same with names of nexuses.
func FuzzParseNexus(f *testing.F) {
	f.Add("sas,500140500000001f/1")
	f.Add("iqn.2001-04.com.example:host,i,0x00023d000001/1")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNexus(text)
		if err != nil {
			if !n.IsZero() || !errors.Is(err, ErrBadNexus) {
				t.Fatalf("%v %v", n, err)
			}
			return
		}
		if again, err := ParseNexus(n.String()); err != nil || again.String() != n.String() {
			t.Fatalf("%q: %q, %v", text, again, err)
		}
	})
}
