package simlun

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"lunguard/scsi"
	"lunguard/scsi/simlun/model"
)

// oracle is a second, smaller model of a unit: a map of keys and who holds.
// It is written from the rules as people say them, not from the machine.
type oracle struct {
	keys   map[string]scsi.Key
	typ    scsi.Type
	holder string // of the types that one nexus holds
	gen    uint32
	aptpl  bool
	// told are the unit attentions that the last command made, by nexus.
	told map[string]scsi.ASC
}

func (o *oracle) shared() bool { return o.typ == 7 || o.typ == 8 }

func (o *oracle) holds(n string) bool {
	return o.typ != 0 && o.keys[n] != 0 && (o.shared() || o.holder == n)
}

// drop removes a nexus; whatever it held by itself, or held as the last,
// ends.
func (o *oracle) drop(n string) {
	delete(o.keys, n)
	if o.holder == n || len(o.keys) == 0 {
		o.typ, o.holder = 0, ""
	}
}

// tell makes a unit attention for all that are registered but one.
func (o *oracle) tell(but string, asc scsi.ASC) {
	for n := range o.keys {
		if n != but {
			o.told[n] = asc
		}
	}
}

// out is what the unit must answer and become.
func (o *oracle) out(n string, p scsi.PROut) string {
	o.told = map[string]scsi.ASC{}
	mine := o.keys[n]
	switch p.Action {
	case scsi.OutRegister, scsi.OutRegisterAndIgnoreExistingKey:
		return o.registers(n, p)
	}
	if mine == 0 || mine != p.Key {
		return "RC"
	}
	switch p.Action {
	case scsi.OutReserve:
		switch {
		case !p.Type.Valid():
			return "5/24/00"
		case o.typ == 0:
			o.typ, o.holder = p.Type, n
			if o.shared() {
				o.holder = ""
			}
		case !o.holds(n) || o.typ != p.Type:
			return "RC"
		}
	case scsi.OutRelease:
		switch {
		case !p.Type.Valid():
			return "5/24/00"
		case !o.holds(n):
		case o.typ != p.Type:
			return "5/26/04"
		default:
			if o.typ >= 5 {
				o.tell(n, 0x2a04)
			}
			o.typ, o.holder = 0, ""
		}
	case scsi.OutClear:
		o.tell(n, 0x2a03)
		o.keys, o.typ, o.holder = map[string]scsi.Key{}, 0, ""
		o.gen++
	default:
		return o.preempts(n, p)
	}
	return "GOOD"
}

func (o *oracle) registers(n string, p scsi.PROut) string {
	mine := o.keys[n]
	switch {
	case p.Action == scsi.OutRegister && mine != p.Key:
		return "RC"
	case mine == 0 && p.ActionKey == 0:
		return "GOOD"
	case p.ActionKey == 0:
		was, typ := o.holder, o.typ
		o.drop(n)
		if was == n && (typ == 5 || typ == 6) {
			o.tell(n, 0x2a04)
		}
	default:
		o.keys[n] = p.ActionKey
	}
	o.gen++
	o.aptpl = p.APTPL
	return "GOOD"
}

func (o *oracle) preempts(n string, p scsi.PROut) string {
	victims := map[string]bool{}
	for other, k := range o.keys {
		if k == p.ActionKey || p.ActionKey == 0 && o.shared() {
			victims[other] = true
		}
	}
	wins := o.shared() && p.ActionKey == 0 || o.holder != "" && victims[o.holder]
	switch {
	case o.holder != "" && p.ActionKey == 0:
		return "5/26/00"
	case len(victims) == 0:
		return "RC"
	case wins && !p.Type.Valid():
		return "5/24/00"
	}
	if wins || o.shared() {
		delete(victims, n)
	}
	typ := o.typ
	if wins {
		o.typ, o.holder = p.Type, n
		if o.shared() {
			o.holder = ""
		}
	}
	for v := range victims {
		delete(o.keys, v)
	}
	if wins && typ != p.Type {
		o.tell(n, 0x2a04)
	}
	for v := range victims {
		if v != n {
			o.told[v] = 0x2a05
		}
	}
	o.gen++
	return "GOOD"
}

// same compares machine and oracle.
func (o *oracle) same(m *Machine) error {
	keys := map[string]scsi.Key{}
	holder := ""
	for _, r := range m.Registrations {
		keys[r.Nexus.String()] = r.Key
		if r.Holder {
			holder = r.Nexus.String()
		}
	}
	if !maps.Equal(keys, o.keys) || m.Reserved != o.typ || holder != o.holder || m.Generation != o.gen || m.APTPL != o.aptpl {
		return fmt.Errorf("unit %+v, oracle %+v", m.Describe(), o)
	}
	for i := range m.Sessions {
		s := &m.Sessions[i]
		var want []scsi.ASC
		if asc, ok := o.told[s.Nexus.String()]; ok {
			want = []scsi.ASC{asc}
		}
		if !slices.Equal(s.Attentions, want) {
			return fmt.Errorf("%s was told %v, want %v", s.Nexus, s.Attentions, want)
		}
		s.Attentions = nil
	}
	return consistent(m)
}

// TestOracle runs random commands of three nexuses with few keys against the
// oracle. Some nexuses share a key, as the paths of one host do.
func TestOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := NewMachine(Config{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		o := &oracle{keys: map[string]scsi.Key{}}
		names := []string{"a", "c", "d"}
		for _, n := range names {
			m.Login(at(n))
		}
		for range rapid.IntRange(1, 40).Draw(t, "length") {
			n := at(rapid.SampledFrom(names).Draw(t, "nexus"))
			key := rapid.SampledFrom([]scsi.Key{0, 1, 2, 3}).Draw(t, "key")
			if have, ok := o.keys[n.String()]; ok && rapid.IntRange(0, 3).Draw(t, "right key") > 0 {
				key = have
			}
			p := scsi.PROut{
				Action:    rapid.SampledFrom([]scsi.OutAction{0, 0, 1, 2, 3, 4, 4, 5, 6, 6}).Draw(t, "action"),
				Type:      rapid.SampledFrom([]scsi.Type{1, 3, 5, 5, 6, 7, 7, 8, 2}).Draw(t, "type"),
				Key:       key,
				ActionKey: rapid.SampledFrom([]scsi.Key{0, 1, 2, 3}).Draw(t, "action key"),
				APTPL:     rapid.Bool().Draw(t, "APTPL"),
			}
			before, gen := m.Fingerprint(true), m.Generation
			got, want := words(m.Execute(n, outRequest(p))), o.out(n.String(), p)
			if got != want {
				t.Fatalf("%s %+v: %s, want %s", n, p, got, want)
			}
			if got != "GOOD" && m.Fingerprint(true) != before {
				t.Fatalf("%s %+v: refused, and something changed", n, p)
			}
			if m.Generation-gen > 1 {
				t.Fatalf("PRGENERATION moved by %d", m.Generation-gen)
			}
			if err := o.same(m); err != nil {
				t.Fatalf("after %s %+v: %v", n, p, err)
			}
		}
	})
}

// TestFencing checks after random commands, some of them late, who can write:
// nobody that is not registered, under any reservation, and always somebody.
func TestFencing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := NewMachine(Config{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{"a", "b", "c", "d"}
		for range rapid.IntRange(1, 30).Draw(t, "length") {
			n := at(rapid.SampledFrom(names).Draw(t, "nexus"))
			to := at(rapid.SampledFrom(names).Draw(t, "to"))
			var key scsi.Key
			if i := m.Find(n); i >= 0 {
				key = m.Registrations[i].Key
			}
			other := rapid.SampledFrom([]scsi.Key{0, 1, 2, 3}).Draw(t, "action key")
			typ := rapid.SampledFrom(model.AllTypes()).Draw(t, "type")
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 11, 12:
				m.Late(n, outRequest(scsi.PROut{
					Action: scsi.OutAction(rapid.IntRange(0, 6).Draw(t, "late action")), Key: key, ActionKey: other, Type: typ,
				}), 0, rapid.IntRange(1, 3).Draw(t, "commands"))
			case 10:
				had, reserved := m.Keys(), m.Reserved
				if got := words(m.Execute(n, resetRequest())); got != "GOOD" || !slices.Equal(had, m.Keys()) || reserved != m.Reserved {
					t.Fatalf("reset: %s, %+v", got, m.Describe())
				}
			case 0:
				m.NexusLoss(n)
			case 1:
				m.PowerCycle()
			case 2:
				cdb, list := (&scsi.RegisterMove{Key: key, ActionKey: other, RelativePort: 1, Destination: to.Port(), Unregister: rapid.Bool().Draw(t, "unreg")}).Marshal()
				m.Execute(n, &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list})
			case 3:
				m.Execute(n, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: other, TransportIDs: []scsi.TransportID{to.Port()}, APTPL: true}))
			default:
				m.Execute(n, outRequest(scsi.PROut{
					Action: scsi.OutAction(rapid.IntRange(0, 6).Draw(t, "action")), Key: key, ActionKey: other, Type: typ,
					APTPL: rapid.Bool().Draw(t, "aptpl"), AllTgtPort: rapid.Bool().Draw(t, "all"),
				}))
			}
			if err := consistent(m); err != nil {
				t.Fatal(err)
			}
			writers(t, m.Clone(), names)
		}
	})
}

func writers(t *rapid.T, m *Machine, names []string) {
	can := 0
	m.tasks = nil // what is late would change who may, between two writes
	for _, n := range append(names, "d2") {
		for m.TakeAttention(at(n)) != 0 {
		}
		got := words(m.Execute(at(n), writeRequest(0, 1)))
		registered := m.Find(at(n)) >= 0
		if got == "GOOD" {
			can++
		}
		if m.Reserved == 0 && got != "GOOD" || m.Reserved != 0 && !registered && got != "RC" {
			t.Fatalf("%s, registered %v, under %s: %s", n, registered, m.Reserved, got)
		}
	}
	if held := m.Holder(); held >= 0 {
		n := m.Registrations[held].Nexus
		for m.TakeAttention(n) != 0 {
		}
		if got := words(m.Execute(n, writeRequest(0, 1))); got != "GOOD" {
			t.Fatalf("the holder %s cannot write: %s", n, got)
		}
		can++
	}
	if can == 0 && !m.Reserved.AllRegistrants() {
		t.Fatalf("nobody can write: %+v", m.Describe())
	}
}
