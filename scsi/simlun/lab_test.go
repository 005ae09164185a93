package simlun

import (
	"fmt"
	"strings"
	"testing"

	"lunguard/scsi"
)

// lab is a machine with four nexuses, for tests that read like a dialogue.
type lab struct {
	t *testing.T
	m *Machine
}

func newLab(t *testing.T, quirks string) lab {
	t.Helper()
	q, err := ParseQuirks(quirks)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMachine(Config{Quirks: q}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return lab{t, m}
}

// at names the nexuses: a and b are two ports of one iSCSI host, c and d are
// SAS ports, d2 is d through the second target port.
func at(name string) NexusID {
	switch name {
	case "a":
		return MakeNexus(scsi.ISCSIPortTransportID("iqn.2001-04.com.example:host", 1), 1)
	case "b":
		return MakeNexus(scsi.ISCSIPortTransportID("iqn.2001-04.com.example:host", 2), 1)
	case "c":
		return MakeNexus(scsi.SASTransportID(0xc), 1)
	case "d2":
		return MakeNexus(scsi.SASTransportID(0xd), 2)
	}
	return MakeNexus(scsi.SASTransportID(0xd), 1)
}

// words says what came back: GOOD, RC, 5/24/00, BUSY, DID_...
func words(r scsi.Reply) string {
	var w []string
	if r.Host != scsi.HostOK {
		w = append(w, r.Host.String())
	}
	switch {
	case r.Status == scsi.CheckCondition:
		s, err := scsi.DecodeSense(r.Sense)
		if err != nil {
			return err.Error()
		}
		w = append(w, fmt.Sprintf("%X/%02X/%02X", uint8(s.Key), uint8(s.ASC>>8), uint8(s.ASC)))
	case r.Status == scsi.ReservationConflict:
		w = append(w, "RC")
	case r.Status != scsi.Good || r.Host == scsi.HostOK:
		w = append(w, r.Status.String())
	}
	return strings.Join(w, " ")
}

func outRequest(p scsi.PROut) *scsi.Request {
	cdb, list := p.Marshal()
	return &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list}
}

func inRequest(action scsi.InAction, alloc int) *scsi.Request {
	cdb := []byte{byte(scsi.OpPRIn), byte(action), 0, 0, 0, 0, 0, byte(alloc >> 8), byte(alloc), 0}
	return &scsi.Request{CDB: cdb, Dir: scsi.DataIn, Data: make([]byte, alloc)}
}

func turRequest() *scsi.Request { return &scsi.Request{CDB: make([]byte, 6)} }

func writeRequest(lba, fill byte) *scsi.Request {
	data := make([]byte, 512)
	for i := range data {
		data[i] = fill
	}
	return &scsi.Request{CDB: []byte{0x2a, 0, 0, 0, 0, lba, 0, 0, 1, 0}, Dir: scsi.DataOut, Data: data}
}

func readRequest(lba byte) *scsi.Request {
	return &scsi.Request{CDB: []byte{0x28, 0, 0, 0, 0, lba, 0, 0, 1, 0}, Dir: scsi.DataIn, Data: make([]byte, 512)}
}

// does sends a request and compares what comes back.
func (l lab) does(nexus string, req *scsi.Request, want string) {
	l.t.Helper()
	if got := words(l.m.Execute(at(nexus), req)); got != want {
		l.t.Errorf("%s: %x: %s, want %s", nexus, req.CDB, got, want)
	}
	if err := consistent(l.m); err != nil {
		l.t.Error(err)
	}
}

// out sends a PERSISTENT RESERVE OUT.
func (l lab) out(nexus string, p scsi.PROut, want string) {
	l.t.Helper()
	l.does(nexus, outRequest(p), want)
}

func (l lab) register(nexus string, key scsi.Key) {
	l.t.Helper()
	l.out(nexus, scsi.PROut{Action: scsi.OutRegister, ActionKey: key}, "GOOD")
}

func (l lab) reserve(nexus string, key scsi.Key, t scsi.Type) {
	l.t.Helper()
	l.out(nexus, scsi.PROut{Action: scsi.OutReserve, Key: key, Type: t}, "GOOD")
}

// keys compares the registered keys, in order of registration.
func (l lab) keys(want ...scsi.Key) {
	l.t.Helper()
	if got := l.m.Keys(); fmt.Sprint(got) != fmt.Sprint(want) {
		l.t.Errorf("keys %v, want %v", got, want)
	}
}

// uas compares the pending unit attentions of a nexus.
func (l lab) uas(nexus string, want ...scsi.ASC) {
	l.t.Helper()
	if got := l.m.Session(at(nexus)).Attentions; fmt.Sprint(got) != fmt.Sprint(want) {
		l.t.Errorf("%s has unit attentions %v, want %v", nexus, got, want)
	}
}
