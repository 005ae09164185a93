package simlun

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
	"lunguard/scsi/simlun/registry"
)

const (
	wero = scsi.WriteExclusiveRegistrantsOnly
	wear = scsi.WriteExclusiveAllRegistrants
)

func TestParseQuirks(t *testing.T) {
	for _, text := range []string{
		"", "NoFullStatus", "NoFullStatus,MaxRegs=3", "FirstCmdUA=29/00", "Busy=7", "OnlyTypes=5+6",
		"TransitioningUntil=2030-01-02T03:04:05Z", "DropSenderOnARSelfPreempt",
	} {
		q, err := ParseQuirks(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		again, err := ParseQuirks(q.String())
		if err != nil || again != q {
			t.Errorf("%q: %q gives %+v, %v", text, q.String(), again, err)
		}
	}
	for text, want := range map[string]Quirks{
		"nofullstatus, noaptpl":           {NoFullStatus: true, NoAPTPL: true},
		"NoPR=false":                      {},
		"KeepSenderOnARSelfPreempt=false": {DropSenderOnARSelfPreempt: true},
		"KeepSenderOnARSelfPreempt":       {},
	} {
		if q, err := ParseQuirks(text); err != nil || q != want {
			t.Errorf("%q: %+v, %v", text, q, err)
		}
	}
	for _, text := range []string{"Nonsense", "MaxRegs", "MaxRegs=-1", "NoPR=maybe", "FirstCmdUA=29", "FirstCmdUA=00/00",
		"OnlyTypes=2", "OnlyTypes=", "TransitioningUntil=soon", "TransitioningUntil=+x", "Busy=x"} {
		if _, err := ParseQuirks(text); !errors.Is(err, model.ErrBadQuirk) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ParseQuirks("Nonsense"); !strings.Contains(err.Error(), "NoFullStatus") {
		t.Errorf("the error names no quirk: %v", err)
	}
	q, err := ParseQuirks("TransitioningUntil=+1h")
	if left := time.Until(q.TransitioningUntil); err != nil || left < 59*time.Minute || left > time.Hour {
		t.Errorf("%v, %v", left, err)
	}
}

// TestRefusals are quirks by which a command is refused.
func TestRefusals(t *testing.T) {
	reg := scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}
	with := func(change func(*scsi.PROut)) *scsi.Request {
		p := reg
		change(&p)
		return outRequest(p)
	}
	move := scsi.RegisterMove{Key: 1, ActionKey: 2, RelativePort: 1, Destination: at("c").Port()}
	cdb, list := move.Marshal()
	moveRequest := &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list}
	short := outRequest(reg)
	short.Data, short.CDB[8] = short.Data[:20], 20
	for _, x := range []struct {
		quirk string
		req   *scsi.Request
		want  string
	}{
		{"NoPR", inRequest(scsi.InReadKeys, 256), "5/20/00"},
		{"NoPR", outRequest(reg), "5/20/00"},
		{"NoCapabilities", inRequest(scsi.InReportCapabilities, 256), "5/24/00"},
		{"NoFullStatus", inRequest(scsi.InReadFullStatus, 256), "5/24/00"},
		{"MinAlloc8", inRequest(scsi.InReadKeys, 7), "5/24/00"},
		{"MinAlloc8", inRequest(scsi.InReadKeys, 8), "GOOD"},
		{"NoRegIgnore", with(func(p *scsi.PROut) { p.Action = scsi.OutRegisterAndIgnoreExistingKey }), "5/24/00"},
		{"NoRegisterMove", moveRequest, "5/24/00"},
		{"NoSpecIPT", with(func(p *scsi.PROut) { p.TransportIDs = []scsi.TransportID{at("c").Port()} }), "5/26/00"},
		{"NoAllTgPt", with(func(p *scsi.PROut) { p.AllTgtPort = true }), "5/26/00"},
		{"NoAPTPL", with(func(p *scsi.PROut) { p.APTPL = true }), "5/26/00"},
		{"NoAPTPL,OldSense", with(func(p *scsi.PROut) { p.APTPL = true }), "5/24/00"},
		{"", short, "5/1A/00"},
		{"OldSense", short, "5/24/00"},
		{"Reserve6Unsupported", &scsi.Request{CDB: []byte{0x16, 0, 0, 0, 0, 0}}, "5/20/00"},
		{"TransitioningUntil=+1h", turRequest(), "2/04/0A"},
		{"TransitioningUntil=+1h", &scsi.Request{CDB: []byte{0x12, 0, 0, 0, 36, 0}, Dir: scsi.DataIn, Data: make([]byte, 36)}, "GOOD"},
		{"TransitioningUntil=2020-01-02T03:04:05Z", turRequest(), "GOOD"},
	} {
		newLab(t, x.quirk).does("a", x.req, x.want)
	}
}

func TestCapabilityQuirks(t *testing.T) {
	full := scsi.TypeMask(0)
	for _, x := range model.AllTypes() {
		full.Set(x)
	}
	for quirk, want := range map[string]scsi.Capabilities{
		"":                    {CompatibleHandle: true, SpecIPT: true, AllTargetPorts: true, PersistCapable: true, Types: full},
		"NoSpecIPT":           {CompatibleHandle: true, AllTargetPorts: true, PersistCapable: true, Types: full},
		"NoAllTgPt,NoAPTPL":   {CompatibleHandle: true, SpecIPT: true, Types: full},
		"Reserve6Unsupported": {SpecIPT: true, AllTargetPorts: true, PersistCapable: true, Types: full},
		"OnlyTypes=1":         {CompatibleHandle: true, SpecIPT: true, AllTargetPorts: true, PersistCapable: true, Types: 0x0200},
	} {
		want.TypesValid, want.AllowCommands = true, 4
		l := newLab(t, quirk)
		req := inRequest(scsi.InReportCapabilities, 8)
		l.does("a", req, "GOOD")
		var got scsi.Capabilities
		if err := got.UnmarshalBinary(req.Data); err != nil || got != want {
			t.Errorf("%q: %+v, %v", quirk, got, err)
		}
	}
	req := inRequest(scsi.InReportCapabilities, 8)
	newLab(t, "BadCapabilities").does("a", req, "GOOD")
	if binary.BigEndian.Uint64(req.Data) != 0 {
		t.Errorf("%x", req.Data)
	}
	l := newLab(t, "OnlyTypes=1+5")
	l.register("a", 1)
	l.out("a", scsi.PROut{Action: scsi.OutReserve, Key: 1, Type: wear}, "5/24/00")
	l.reserve("a", 1, wero)
}

func TestFullStatusQuirks(t *testing.T) {
	length := func(quirk string, alloc int) uint32 {
		l := newLab(t, quirk)
		l.register("c", 1)
		l.register("d", 2)
		req := inRequest(scsi.InReadFullStatus, alloc)
		l.does("c", req, "GOOD")
		return binary.BigEndian.Uint32(req.Data[4:])
	}
	for _, x := range []struct {
		quirk string
		alloc int
		want  uint32
	}{
		{"", 8, 96}, {"", 256, 96}, {"BadFullStatusLength", 256, 160},
		{"ShortFullStatus", 8, 0}, {"ShortFullStatus", 30, 48}, {"ShortFullStatus", 256, 96},
	} {
		if got := length(x.quirk, x.alloc); got != x.want {
			t.Errorf("%s, alloc %d: ADDITIONAL LENGTH %d, want %d", x.quirk, x.alloc, got, x.want)
		}
	}
}

func TestSpecIPTKnownOnly(t *testing.T) {
	l := newLab(t, "SpecIPTKnownOnly")
	l.does("c", turRequest(), "GOOD")
	l.out("a", scsi.PROut{Action: scsi.OutRegister, ActionKey: 1, TransportIDs: []scsi.TransportID{at("c").Port(), at("d").Port()}}, "GOOD")
	l.keys(1, 1)
	l.reserve("a", 1, wero)
	for name, want := range map[string]string{"d": "5/26/00", "c": "GOOD"} {
		cdb, list := (&scsi.RegisterMove{Key: 1, ActionKey: 2, RelativePort: 1, Destination: at(name).Port()}).Marshal()
		if got := words(l.m.Clone().Execute(at("a"), &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list})); got != want {
			t.Errorf("move to %s: %s", name, got)
		}
	}
}

func TestAllTgPtImplicit(t *testing.T) {
	l := newLab(t, "AllTgPtImplicit")
	l.register("a", 1)
	l.out("b", scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}, "RC")
	l.keys(1)
	l.reserve("b", 1, scsi.WriteExclusive)
	l.does("a", writeRequest(0, 1), "GOOD")
	l.register("d", 2)
	l.out("d2", scsi.PROut{Action: scsi.OutRegister, ActionKey: 2}, "RC")
	l.out("d2", scsi.PROut{Action: scsi.OutPreempt, Key: 2, ActionKey: 1, Type: wero}, "GOOD")
	l.keys(2)
	l.does("d", writeRequest(0, 1), "GOOD")
	l.out("d", scsi.PROut{Action: scsi.OutRegister, Key: 2}, "GOOD")
	l.keys()
}

func TestMaxRegs(t *testing.T) {
	l := newLab(t, "MaxRegs=2")
	l.out("a", scsi.PROut{Action: scsi.OutRegister, ActionKey: 1, TransportIDs: []scsi.TransportID{at("c").Port(), at("d").Port()}}, "5/55/04")
	l.keys()
	l.register("a", 1)
	l.register("c", 1)
	l.out("d", scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}, "5/55/04")
	l.out("a", scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 3}, "GOOD")
	l.reserve("a", 3, wero)
	for unreg, want := range map[bool]string{false: "5/55/04", true: "GOOD"} {
		cdb, list := (&scsi.RegisterMove{Key: 3, ActionKey: 2, Unregister: unreg, RelativePort: 1, Destination: at("d").Port()}).Marshal()
		if got := words(l.m.Clone().Execute(at("a"), &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list})); got != want {
			t.Errorf("move with UNREG %v: %s", unreg, got)
		}
	}
}

func TestDropSenderOnARSelfPreempt(t *testing.T) {
	for quirk, want := range map[string]int{"": 1, "DropSenderOnARSelfPreempt": 0} {
		l := newLab(t, quirk)
		l.register("a", 1)
		l.register("c", 1)
		l.reserve("a", 1, wear)
		l.out("a", scsi.PROut{Action: scsi.OutPreempt, Key: 1, ActionKey: 1, Type: wear}, "GOOD")
		if len(l.m.Registrations) != want || (l.m.Reserved != 0) != (want > 0) {
			t.Errorf("%q: %+v", quirk, l.m.Describe())
		}
	}
}

func TestGenerationQuirks(t *testing.T) {
	for quirk, want := range map[string]uint32{"": 2, "NoUnregGenBump": 1, "DoubleGenBump": 3} {
		l := newLab(t, quirk)
		l.register("a", 1)
		l.reserve("a", 1, wero)
		l.out("a", scsi.PROut{Action: scsi.OutRegister, Key: 1}, "GOOD")
		if l.m.Generation != want {
			t.Errorf("%q: PRGENERATION %d, want %d", quirk, l.m.Generation, want)
		}
	}
}

func TestAttentionQuirks(t *testing.T) {
	l := newLab(t, "PreemptUA2A03")
	l.register("a", 1)
	l.register("c", 2)
	l.out("a", scsi.PROut{Action: scsi.OutPreempt, Key: 1, ActionKey: 2, Type: wero}, "GOOD")
	l.uas("c", scsi.ReservationsPreempted)

	l = newLab(t, "UAInverted")
	l.register("a", 1)
	l.register("c", 2)
	l.reserve("a", 1, wero)
	l.out("a", scsi.PROut{Action: scsi.OutRelease, Key: 1, Type: wero}, "GOOD")
	l.uas("c")
	l.reserve("a", 1, scsi.WriteExclusive)
	l.out("a", scsi.PROut{Action: scsi.OutRegister, Key: 1}, "GOOD")
	l.uas("a", scsi.ReservationsReleased)

	l = newLab(t, "FirstCmdUA=3f/0e")
	l.does("a", turRequest(), "6/3F/0E")
	l.does("a", turRequest(), "GOOD")
	l.m.NexusLoss(at("a"))
	l.does("a", turRequest(), "6/29/07")
	l.does("a", turRequest(), "6/3F/0E")
}

func TestNexusQuirks(t *testing.T) {
	l := newLab(t, "NexusLostOnRelogin")
	l.register("a", 1)
	l.register("c", 2)
	l.reserve("a", 1, wero)
	l.m.NexusLoss(at("a"))
	l.does("a", turRequest(), "6/29/07")
	l.does("a", writeRequest(0, 1), "RC")
	l.register("a", 1)
	l.keys(1, 2, 1)
	l.out("a", scsi.PROut{Action: scsi.OutPreempt, Key: 1, ActionKey: 1, Type: wero}, "GOOD")
	l.keys(2, 1)
	l.does("a", writeRequest(0, 1), "GOOD")

	l = newLab(t, "SameIQNBlocked")
	l.register("a", 1)
	l.reserve("a", 1, wero)
	l.register("b", 2)
	l.register("c", 3)
	l.does("c", writeRequest(0, 1), "GOOD")
	l.out("b", scsi.PROut{Action: scsi.OutPreempt, Key: 2, ActionKey: 1, Type: wero}, "RC")
	l.does("b", writeRequest(0, 1), "RC")
	l.out("c", scsi.PROut{Action: scsi.OutPreempt, Key: 3, ActionKey: 1, Type: wero}, "GOOD")
	l.does("b", writeRequest(0, 1), "GOOD")
}

func TestStatusQuirks(t *testing.T) {
	l := newLab(t, "LooseFencing")
	l.register("a", 1)
	l.reserve("a", 1, scsi.ExclusiveAccess)
	l.does("c", writeRequest(0, 1), "GOOD")
	l.does("c", readRequest(0), "GOOD")

	l = newLab(t, "DIDNexus")
	l.register("a", 1)
	l.reserve("a", 1, scsi.ExclusiveAccess)
	l.does("c", writeRequest(0, 1), "DID_NEXUS_FAILURE RC")

	l = newLab(t, "Busy=2")
	l.does("a", turRequest(), "BUSY")
	l.does("c", turRequest(), "BUSY")
	l.does("a", turRequest(), "GOOD")
}

// listedBy registers nexuses with the keys 1 to n, and reads them by both lists.
func listedBy(t *testing.T, quirk string, n int) (l lab, read func() []scsi.Key) {
	l = newLab(t, quirk)
	for i := range n {
		m := MakeNexus(scsi.SASTransportID(uint64(i)+1), 1)
		if got := words(l.m.Execute(m, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: scsi.Key(i + 1)}))); got != "GOOD" {
			t.Fatal(got)
		}
	}
	full := false
	return l, func() []scsi.Key {
		t.Helper()
		full = !full
		if !full {
			req := inRequest(scsi.InReadKeys, 256)
			l.does("a", req, "GOOD")
			var got scsi.ReadKeysResponse
			if err := got.UnmarshalBinary(req.Data[:8+8*n]); err != nil {
				t.Fatal(err)
			}
			return got.Keys
		}
		var keys []scsi.Key
		for _, r := range l.m.State().Registrations { // of this very listing
			keys = append(keys, r.Key)
		}
		req := inRequest(scsi.InReadFullStatus, 1024)
		l.does("a", req, "GOOD")
		var got scsi.ReadFullStatusResponse
		if err := got.UnmarshalBinary(req.Data[:8+48*n]); err != nil {
			t.Fatal(err)
		}
		for i, d := range got.Descriptors {
			if d.Key != keys[i] {
				t.Errorf("READ FULL STATUS has key %v, the state has %v", d.Key, keys[i])
			}
		}
		return keys
	}
}

func TestListQuirks(t *testing.T) {
	for quirk, want := range map[string][]scsi.Key{"": {1, 2, 3}, "NewestFirst": {3, 2, 1}} {
		_, read := listedBy(t, quirk, 3)
		for range 4 {
			if got := read(); !slices.Equal(got, want) {
				t.Errorf("%s: %v", quirk, got)
			}
		}
	}
	for _, quirk := range []string{"ShuffledList", "ShuffledList,NewestFirst"} {
		for _, n := range []int{0, 1, 2, 3, 4} {
			l, read := listedBy(t, quirk, n)
			all := map[string]bool{}
			orders := 1
			for i := range n {
				orders *= i + 1
			}
			var last []scsi.Key
			for range 2 * orders {
				got := read()
				if n > 1 && slices.Equal(got, last) {
					t.Errorf("%s: %v twice in a row", quirk, got)
				}
				last = got
				all[fmt.Sprint(got)] = true
				if got = slices.Sorted(slices.Values(got)); !slices.Equal(got, l.m.Keys()) {
					t.Errorf("%s: %v are not the keys", quirk, got)
				}
			}
			if len(all) != orders {
				t.Errorf("%s, %d registrations: %d orders, want %d", quirk, n, len(all), orders)
			}
			// What comes next is kept: in a file, and in a copy.
			file, err := encode(l.m)
			if err != nil {
				t.Fatal(err)
			}
			back, err := decode(file)
			if err != nil {
				t.Fatal(err)
			}
			back.medium = l.m.medium
			before := l.m.Fingerprint(true)
			next := read()
			if back.Fingerprint(true) != before || !slices.Equal(registry.KeysOf(back.Ordered()), next) {
				t.Errorf("%s: the file forgets the order", quirk)
			}
			if (l.m.Fingerprint(true) == before) != (n < 2) {
				t.Errorf("%s, %d registrations: another order, and nothing changed", quirk, n)
			}
		}
	}
}

func TestLiesGood(t *testing.T) {
	l := newLab(t, "")
	l.register("a", 1)
	l.m.SetQuirks(Quirks{LiesGood: true})
	before := l.m.Fingerprint(true)
	for action := range scsi.OutAction(0x20) {
		req := outRequest(scsi.PROut{Action: action, Key: 1, ActionKey: 2, Type: wero})
		l.does("a", req, "GOOD")
		req.Data, req.CDB[8] = nil, 0
		l.does("a", req, "GOOD")
	}
	if l.m.Fingerprint(true) != before {
		t.Error("something changed")
	}
	l.does("a", inRequest(scsi.InReadKeys, 256), "GOOD")
	l.keys(1)
	l.m.Attend(at("a"), scsi.PowerOnOrReset)
	l.out("a", scsi.PROut{Action: scsi.OutClear, Key: 1}, "6/29/00")
}

// tgt is what the target of userspace does otherwise; RESERVE does not look at the key there.
func TestTgt(t *testing.T) {
	q, err := ParseQuirks("Busy=2,tgt")
	if err != nil || !q.NoFullStatus || !q.ReserveAnyKey || q.Busy != 2 || q.NoRegIgnore {
		t.Errorf("%v, %v", q, err)
	}
	l := newLab(t, "ReserveAnyKey")
	l.register("a", 1)
	l.out("a", scsi.PROut{Action: scsi.OutClear, Key: 2}, "RC")
	l.out("c", scsi.PROut{Action: scsi.OutReserve, Key: 2, Type: wero}, "RC")
	l.out("a", scsi.PROut{Action: scsi.OutReserve, Key: 2, Type: wero}, "GOOD")
}
