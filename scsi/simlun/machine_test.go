package simlun

import (
	"bytes"
	"encoding/hex"
	"testing"

	"lunguard/scsi"
)

// TestReadsAndWrites checks the medium and its bounds.
func TestReadsAndWrites(t *testing.T) {
	l := newLab(t, "")
	l.does("a", writeRequest(7, 0x55), "GOOD")
	req := readRequest(7)
	l.does("c", req, "GOOD")
	if req.Data[0] != 0x55 || req.Data[511] != 0x55 {
		t.Errorf("%x", req.Data)
	}
	req = readRequest(8)
	req.Data[0] = 0xff
	l.does("c", req, "GOOD")
	if req.Data[0] != 0 {
		t.Error("a block that was never written does not read as zeros")
	}
	l.does("a", &scsi.Request{CDB: []byte{0x28, 0, 0, 0, 8, 0, 0, 0, 1, 0}, Dir: scsi.DataIn, Data: make([]byte, 512)}, "5/21/00")
	l.does("a", &scsi.Request{CDB: []byte{0x28, 0, 0, 0, 8, 0, 0, 0, 0, 0}, Dir: scsi.DataIn}, "GOOD")
	l.does("a", &scsi.Request{CDB: []byte{0x8a, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0}, Dir: scsi.DataOut, Data: make([]byte, 512)}, "5/21/00")
	l.does("a", &scsi.Request{CDB: []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0}, Dir: scsi.DataIn, Data: make([]byte, 512)}, "DID_ERROR")
	l.does("a", &scsi.Request{CDB: []byte{0x28, 0, 0}}, "DID_ERROR")
	l.does("a", &scsi.Request{}, "DID_ERROR")
	l.does("a", &scsi.Request{CDB: []byte{0x04, 0, 0, 0, 0, 0}}, "5/20/00")
}

func TestIdentity(t *testing.T) {
	lun, err := NewMemory(Config{Serial: "S1", WWID: "naa.600140500000000100000000000000aa", Blocks: 100, BlockSize: 4096, Vendor: "V", Product: "P", Revision: "2"})
	if err != nil {
		t.Fatal(err)
	}
	p := lun.Nexus(scsi.SASTransportID(1), 7)
	ctx := t.Context()
	if d, err := (scsi.Inquiry{}).Execute(ctx, p); err != nil || *d != (scsi.InquiryData{Vendor: "V", Product: "P", Revision: "2"}) {
		t.Errorf("%+v %v", d, err)
	}
	if s, err := (scsi.SerialNumber{}).Execute(ctx, p); err != nil || s != "S1" {
		t.Errorf("%q %v", s, err)
	}
	if d, err := (scsi.DeviceIdentification{}).Execute(ctx, p); err != nil || d.WWID() != "naa.600140500000000100000000000000aa" {
		t.Errorf("%+v %v", d, err)
	}
	if c, err := (scsi.ReadCapacity{}).Execute(ctx, p); err != nil || c != (scsi.Capacity{Blocks: 100, BlockSize: 4096}) {
		t.Errorf("%+v %v", c, err)
	}
	for cdb, want := range map[string]string{
		"120100001400":             "00000003008083",
		"1a003f00ff00":             "0f0000000a0a00000040000000000000",
		"5a000a000000000030":       "",
		"5a000a00000000003000":     "00120000000000000a0a00000040000000000000",
		"a00000000000000000400000": "00000008000000000000000000000000",
	} {
		raw, err := hex.DecodeString(cdb)
		if err != nil {
			t.Fatal(err)
		}
		req := &scsi.Request{CDB: raw, Dir: scsi.DataIn, Data: make([]byte, 64)}
		r, err := p.Do(ctx, req)
		if want == "" {
			if words(r) != "DID_ERROR" {
				t.Errorf("%s: %s", cdb, words(r))
			}
			continue
		}
		if got := hex.EncodeToString(req.Data[:64-r.Resid]); err != nil || got != want {
			t.Errorf("%s: %s, want %s, %v", cdb, got, want, err)
		}
	}
	for _, bad := range []Config{{WWID: "naa.12"}, {WWID: "eui.0011223344556677"}, {BlockSize: 520}, {Blocks: 1 << 50}, {Vendor: "123456789"}, {TargetPorts: []uint16{0}}} {
		if _, err := NewMemory(bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestParseNexus(t *testing.T) {
	for _, text := range []string{"sas,500140500000001f/1", "fc,2100001122334455/3", "iqn.2001-04.com.example:host,i,0x00023d000001/1",
		"srp,000102030405060708090a0b0c0d0e0f/1", "1394,0011223344556677/2", "sop,00ff/1", "spi,3,4/1"} {
		n, err := ParseNexus(text)
		if err != nil || n.String() != text {
			t.Errorf("%q: %q %v", text, n, err)
		}
	}
	if n, err := ParseNexus("sas,1f"); err != nil || n != MakeNexus(scsi.SASTransportID(0x1f), 1) {
		t.Errorf("%v %v", n, err)
	}
	for _, bad := range []string{"", "x", "sas", "sas,", "sas,xyz", "sas,1/0", "sas,1/99999", "sas,1/", "fc,", "srp,00", "iqn.x", "iqn.x,i,0x", "iqn.x,i,0x1234567890123", ",i,0x1", "sop,fffff", "spi,1"} {
		if n, err := ParseNexus(bad); err == nil {
			t.Errorf("%q: %v", bad, n)
		}
	}
}

// TestAllTargetPorts looks at what the suite cannot: through which port.
func TestAllTargetPorts(t *testing.T) {
	l := newLab(t, "")
	l.out("d", scsi.PROut{Action: scsi.OutRegister, ActionKey: 1, AllTgtPort: true}, "GOOD")
	l.keys(1, 1)
	l.out("d2", scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 2}, "GOOD")
	l.keys(1, 2)
	l.out("d", scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 3, AllTgtPort: true}, "RC")
	l.keys(1, 2)
	l.out("d", scsi.PROut{Action: scsi.OutRegisterAndIgnoreExistingKey, ActionKey: 3, AllTgtPort: true}, "GOOD")
	l.keys(3, 3)
	l.reserve("d2", 3, wero)
	l.out("d", scsi.PROut{Action: scsi.OutRegister, Key: 3, AllTgtPort: true}, "GOOD")
	if l.m.Reserved != 0 || len(l.m.Registrations) != 0 {
		t.Errorf("%+v", l.m.Describe())
	}
	l.register("c", 1)
	l.reserve("c", 1, wero)
	for port, want := range map[uint16]string{1: "GOOD", 2: "GOOD", 3: "5/26/00"} {
		cdb, list := (&scsi.RegisterMove{Key: 1, ActionKey: 2, RelativePort: port, Destination: at("d").Port()}).Marshal()
		if got := words(l.m.Clone().Execute(at("c"), &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list})); got != want {
			t.Errorf("port %d: %s", port, got)
		}
	}
}

// TestISCSIDeviceName is SPEC_I_PT and REGISTER AND MOVE with TransportIDs of
// format 00b, which name a host.
func TestISCSIDeviceName(t *testing.T) {
	host := scsi.ISCSIDeviceTransportID("IQN.2001-04.com.example:host")
	l := newLab(t, "")
	spec := scsi.PROut{Action: scsi.OutRegister, ActionKey: 1, TransportIDs: []scsi.TransportID{host}}
	l.out("c", spec, "5/26/00")
	l.does("a", turRequest(), "GOOD")
	l.does("b", turRequest(), "GOOD")
	l.out("c", spec, "GOOD")
	l.keys(1, 1, 1)
	l.reserve("c", 1, wero)
	cdb, list := (&scsi.RegisterMove{Key: 1, ActionKey: 2, RelativePort: 1, Destination: host}).Marshal()
	l.does("c", &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list}, "5/26/00") // means two ports
}

func TestCloneAndFingerprint(t *testing.T) {
	l := newLab(t, "")
	l.register("a", 1)
	l.register("c", 2)
	base := l.m.Fingerprint(true)
	other := newLab(t, "")
	other.register("c", 2)
	other.register("a", 1)
	if other.m.Fingerprint(true) != base {
		t.Error("the order of registrations counts")
	}
	for name, change := range map[string]func(lab){
		"reserve":   func(l lab) { l.reserve("a", 1, wero) },
		"reserve c": func(l lab) { l.reserve("c", 2, wero) },
		"type":      func(l lab) { l.reserve("a", 1, scsi.WriteExclusive) },
		"key":       func(l lab) { l.out("a", scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 9}, "GOOD") },
		"aptpl": func(l lab) {
			l.out("a", scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 1, APTPL: true}, "GOOD")
		},
		"clear":     func(l lab) { l.out("a", scsi.PROut{Action: scsi.OutClear, Key: 1}, "GOOD") },
		"login":     func(l lab) { l.does("d", turRequest(), "GOOD") },
		"logout":    func(l lab) { l.m.NexusLoss(at("a")) },
		"reset":     func(l lab) { l.m.ResetLU() },
		"power":     func(l lab) { l.m.PowerCycle() },
		"cut":       func(l lab) { l.m.FailPath(at("a"), true) },
		"write":     func(l lab) { l.does("a", writeRequest(0, 1), "GOOD") },
		"write 2":   func(l lab) { l.does("a", writeRequest(0, 2), "GOOD") },
		"write lba": func(l lab) { l.does("a", writeRequest(1, 1), "GOOD") },
		"begin":     func(l lab) { l.m.Begin(at("a"), writeRequest(0, 1)) },
		"begin c":   func(l lab) { l.m.Begin(at("c"), writeRequest(0, 1)) },
	} {
		clone := lab{t, l.m.Clone()}
		change(clone)
		if clone.m.Fingerprint(false) == l.m.Fingerprint(false) {
			t.Errorf("%s: not seen", name)
		}
		if l.m.Fingerprint(true) != base {
			t.Fatalf("%s: the clone changed its model", name)
		}
	}
	clone := l.m.Clone()
	clone.Execute(at("a"), outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 1}))
	if clone.Fingerprint(false) != l.m.Fingerprint(false) || clone.Fingerprint(true) == base {
		t.Error("PRGENERATION counts only if it is asked for")
	}
}

func TestAPTPLSurvivesTheFile(t *testing.T) {
	l := newLab(t, "NoFullStatus,MaxRegs=9")
	l.out("a", scsi.PROut{Action: scsi.OutRegister, ActionKey: 1, APTPL: true}, "GOOD")
	l.register("c", 2)
	l.reserve("c", 2, wear)
	l.m.ResetLU()
	l.m.Begin(at("d"), turRequest())
	l.m.FailPath(at("d2"), true)
	file, err := encode(l.m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if back.Fingerprint(true) != l.m.Fingerprint(true) || back.Cfg.Quirks != l.m.Cfg.Quirks {
		t.Errorf("%+v, want %+v", back.Describe(), l.m.Describe())
	}
	again, err := encode(back)
	if err != nil || !bytes.Equal(again, file) {
		t.Errorf("%v\n%s\n%s", err, again, file)
	}
}

func BenchmarkExecute(b *testing.B) {
	m := benchMachine(b)
	req := outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 1})
	for b.Loop() {
		m.Execute(at("a"), req)
	}
}

func BenchmarkClone(b *testing.B) {
	m := benchMachine(b)
	for b.Loop() {
		m.Clone()
	}
}

func BenchmarkFingerprint(b *testing.B) {
	m := benchMachine(b)
	buf := make([]byte, 0, 1024)
	for b.Loop() {
		buf = m.AppendFingerprint(buf[:0], false)
	}
}

func benchMachine(b *testing.B) *Machine {
	m, err := NewMachine(Config{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for i, n := range []string{"a", "c", "d"} {
		m.Execute(at(n), outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: scsi.Key(i + 1)}))
	}
	m.Execute(at("a"), outRequest(scsi.PROut{Action: scsi.OutReserve, Key: 1, Type: wero}))
	return m
}
