package fenceagent

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol"
)

func TestFromInput(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       values
		unknown    []string
	}{
		{"nothing", "", values{}, nil},
		{"comments and blanks", "# a=b\n\n  \naction=off\n", values{"action": "off"}, nil},
		{"no last newline", "action=on\nplug=a", values{"action": "on", "plug": "a"}, nil},
		{"CRLF", "action=on\r\nplug=a\r\n", values{"action": "on", "plug": "a"}, nil},
		{"the last one counts", "plug=a\nplug=b\n", values{"plug": "b"}, nil},
		{"a value with =", "plug=a=b\n", values{"plug": "a=b"}, nil},
		{"no =", "plug\n", values{"plug": ""}, nil},
		{"dashes", "key-value=hash\nforce-on=1\n", values{"key_value": "hash", "force_on": "1"}, nil},
		{"other agents'", "aptpl=1\nsuppress-errors=\nsuppress_errors=1\npower_timeout=20\n", values{"aptpl": "1", "suppress-errors": "1", "power_timeout": "20"}, nil},
		{"unknown", "a=1\na=2\nb=1\n=\n", values{}, []string{"a", "b", ""}},
		{"64 KiB", "plug=" + strings.Repeat("x", 1<<16) + "\naction=on", values{"plug": strings.Repeat("x", 1<<16), "action": "on"}, nil},
	} {
		got, unknown := fromInput([]byte(c.text))
		if diff := cmp.Diff(c.want, got); diff != "" || !slices.Equal(unknown, c.unknown) {
			t.Errorf("%s: unknown %q, (-want +got):\n%s", c.name, unknown, diff)
		}
	}
}

// Input that does not end, and input that is too long, are no parameters.
func TestReadAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var failed *inputError
		if _, err := readAll(ctx, in); !errors.As(err, &failed) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without end: %v", err)
		}
		in.Close()
		if _, err := readAll(t.Context(), bytes.NewReader(make([]byte, maxInput+1))); !errors.As(err, &failed) || !failed.TooLong {
			t.Errorf("too long: %v", err)
		}
		if text, err := readAll(t.Context(), bytes.NewReader(make([]byte, maxInput))); err != nil || len(text) != maxInput {
			t.Errorf("just not too long: %d bytes, %v", len(text), err)
		}
	})
}

func TestValues(t *testing.T) {
	v := values{"plug": "a", "devices": " /dev/a,/dev/b  /dev/c,", "force_on": "TRUE", "deadline": "1.5", "delay": "500ms"}
	if v.node() != "a" {
		t.Errorf("node is %q", v.node())
	}
	v["nodename"] = "b"
	if v.node() != "b" {
		t.Errorf("nodename does not count before plug")
	}
	if got, want := v.list("devices"), []string{"/dev/a", "/dev/b", "/dev/c"}; !slices.Equal(got, want) {
		t.Errorf("devices are %q", got)
	}
	if yes, err := v.yes("force_on"); !yes || err != nil {
		t.Errorf("force_on: %v, %v", yes, err)
	}
	for name, want := range map[string]time.Duration{"deadline": 1500 * time.Millisecond, "delay": 500 * time.Millisecond, "timeout": 20 * time.Second} {
		if got, err := v.duration(name); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, wrong := range []string{"soon", "-1", "1e9h", "90000", "1 s"} {
		if d, err := (values{"deadline": wrong}).duration("deadline"); err == nil {
			t.Errorf("a deadline of %q is %v", wrong, d)
		}
	}
	if _, err := (values{"force_on": "perhaps"}).yes("force_on"); err == nil {
		t.Error("perhaps is yes or no")
	}
}

const keyA, keyB, keyC, foreign = 0xa, 0xb, 0xc, 0xdead

func nodes() protocol.Members {
	return protocol.Members{{Name: "a", Key: keyA}, {Name: "b", Key: keyB}, {Name: "c", Key: keyC}}
}

// lun is what a LUN tells: the keys that are registered and who holds by what type.
func lun(holder pr.Key, typ pr.Type, keys ...pr.Key) protocol.Status {
	s := &pr.State{}
	if typ != 0 {
		s.Reservation = &pr.Reservation{Key: holder, Type: typ}
	}
	for _, k := range keys {
		s.Registrations = append(s.Registrations, pr.Registration{Key: k, Holder: k == holder})
	}
	return protocol.Status{LUN: "lun", State: s, Present: true}
}

const wero = pr.WriteExclusiveRegistrantsOnly

// TestPower is about node b.
func TestPower(t *testing.T) {
	unread := protocol.Status{LUN: "lun", Err: errors.New("no answer")}
	for _, c := range []struct {
		name              string
		shared, exclusive []protocol.Status
		want              power
	}{
		{"out", []protocol.Status{lun(keyA, wero, keyA)}, nil, off},
		{"in", []protocol.Status{lun(keyA, wero, keyA, keyB)}, nil, on},
		{"leaving", []protocol.Status{lun(keyA, wero, keyA, protocol.Leaving(keyB))}, nil, on},
		{"taking", []protocol.Status{lun(keyA, wero, keyA, protocol.Taking(keyB))}, nil, on},
		{"another one is taking", []protocol.Status{lun(protocol.Taking(keyA), wero, protocol.Taking(keyA))}, nil, unknown},
		{"nobody holds", []protocol.Status{lun(0, 0, keyA)}, nil, on},
		{"nobody is there", []protocol.Status{lun(0, 0)}, nil, on},
		{"held by who may write alone", []protocol.Status{lun(keyA, pr.WriteExclusive, keyA)}, nil, on},
		{"held by a key that is not registered", []protocol.Status{lun(keyC, wero, keyA)}, nil, on},
		{"a stranger", []protocol.Status{lun(keyA, wero, keyA, foreign)}, nil, unknown},
		{"a stranger holds", []protocol.Status{lun(foreign, wero, foreign)}, nil, unknown},
		{"in beside a stranger", []protocol.Status{lun(keyA, wero, keyB, foreign)}, nil, on},
		{"one cannot be read", []protocol.Status{lun(keyA, wero, keyA), unread}, nil, unknown},
		{"in on the other one", []protocol.Status{unread, lun(keyA, wero, keyA, keyB)}, nil, on},
		{"unknown before open to all", []protocol.Status{unread, lun(0, 0)}, nil, unknown},
		{"in on one of two", []protocol.Status{lun(keyA, wero, keyA), lun(keyA, wero, keyA, keyB)}, nil, on},
		{"a package that is down", []protocol.Status{lun(keyA, wero, keyA)}, []protocol.Status{lun(0, 0)}, on},
		{"a package that another node has", []protocol.Status{lun(keyA, wero, keyA)}, []protocol.Status{lun(keyC, wero, keyC)}, off},
		{"a package of which a LUN is open", []protocol.Status{lun(keyA, wero, keyA)}, []protocol.Status{lun(keyC, wero, keyC), lun(0, 0)}, on},
		{"a package of its own", []protocol.Status{lun(keyA, wero, keyA)}, []protocol.Status{lun(keyB, wero, keyB)}, on},
		{"a package that cannot be read", []protocol.Status{lun(keyA, wero, keyA)}, []protocol.Status{unread}, unknown},
	} {
		s := seen{members: nodes(), shared: c.shared, exclusive: c.exclusive}
		if got := s.power(protocol.Member{Name: "b", Key: keyB}); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestFaults is about node a.
func TestFaults(t *testing.T) {
	absent := lun(keyB, wero, keyA, keyB)
	absent.Present = false
	for _, c := range []struct {
		name string
		luns []protocol.Status
		want []error
	}{
		{"all is well", []protocol.Status{lun(keyA, wero, keyA)}, nil},
		{"another one holds", []protocol.Status{lun(keyB, wero, keyA, keyB)}, nil},
		{"what is registered is of an earlier life", []protocol.Status{absent}, []error{&notInError{"lun", "a"}}},
		{"all registrants hold", []protocol.Status{lun(0, pr.WriteExclusiveAllRegistrants, keyA, keyB)}, nil},
		{"another type", []protocol.Status{lun(keyA, pr.WriteExclusive, keyA)}, []error{&notReservedError{"lun"}}},
		{"held by who is not registered", []protocol.Status{lun(keyB, wero, keyA)}, []error{&notReservedError{"lun"}}},
		{"open to all", []protocol.Status{lun(0, 0, keyA)}, []error{&notReservedError{"lun"}}},
		{"a stranger", []protocol.Status{lun(keyA, wero, keyA, foreign)}, []error{&protocol.ForeignKeyError{LUN: "lun", Keys: []pr.Key{foreign}}}},
	} {
		got := seen{members: nodes(), shared: c.luns}.faults(protocol.Member{Name: "a", Key: keyA})
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(notInError{}, notReservedError{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestCustody: node a fences node b.
func TestCustody(t *testing.T) {
	for _, c := range []struct {
		name string
		luns []protocol.Status
		want keeping
		fail bool
	}{
		{"nobody has it", []protocol.Status{lun(0, 0)}, takeIt, false},
		{"nobody has one LUN", []protocol.Status{lun(keyA, wero, keyA), lun(0, 0)}, takeIt, false},
		{"the reservation is by a type that keeps nobody out", []protocol.Status{lun(keyA, pr.WriteExclusive, keyA)}, takeIt, false},
		{"registered here, and not reserved", []protocol.Status{lun(0, 0, keyA)}, takeIt, false},
		{"up elsewhere, and one LUN was added", []protocol.Status{lun(keyC, wero, keyC), lun(0, 0)}, leaveIt, true},
		{"another one is starting it", []protocol.Status{lun(0, 0, keyC)}, leaveIt, true},
		{"another one is starting it, after it", []protocol.Status{lun(0, 0, keyC), lun(0, 0, keyB)}, takeIt, false},
		{"up elsewhere", []protocol.Status{lun(keyC, wero, keyC)}, leaveIt, false},
		{"up on it", []protocol.Status{lun(keyB, wero, keyB)}, takeIt, false},
		{"up on it, on one LUN", []protocol.Status{lun(0, 0), lun(keyB, wero, keyB)}, takeIt, false},
		{"it is halting", []protocol.Status{lun(protocol.Leaving(keyB), wero, protocol.Leaving(keyB))}, takeIt, false},
		{"it was starting", []protocol.Status{lun(0, 0, keyB)}, takeIt, false},
		{"kept half-way", []protocol.Status{lun(keyA, wero, keyA, keyB), lun(keyB, wero, keyB)}, takeIt, false},
		{"kept", []protocol.Status{lun(keyA, wero, keyA)}, leaveIt, false},
		{"kept, and its commands may not be over", []protocol.Status{lun(protocol.Taking(keyA), wero, protocol.Taking(keyA))}, takeIt, false},
		{"another one takes it", []protocol.Status{lun(protocol.Taking(keyC), wero, protocol.Taking(keyC))}, leaveIt, true},
		{"up elsewhere, and it is there", []protocol.Status{lun(keyC, wero, keyB, keyC)}, leaveIt, true},
		{"a stranger", []protocol.Status{lun(keyB, wero, keyB, foreign)}, leaveIt, true},
		{"one cannot be read", []protocol.Status{lun(0, 0), {LUN: "lun", Err: errors.New("no answer")}}, leaveIt, true},
	} {
		next := &custody{members: nodes(), here: nodes()[0], victim: nodes()[1]}
		got, err := next.decide(c.luns)
		if got != c.want || (err != nil) != c.fail {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

// TestMayTake: what has changed since node a decided to take a package from node b.
func TestMayTake(t *testing.T) {
	next := &custody{members: nodes(), here: nodes()[0], victim: nodes()[1]}
	for _, c := range []struct {
		name string
		luns []protocol.Status
		fail bool
	}{
		{"nothing", []protocol.Status{lun(keyB, wero, keyB)}, false},
		{"nobody has it still", []protocol.Status{lun(0, 0)}, false},
		{"it was taken by this node, from elsewhere", []protocol.Status{lun(keyA, wero, keyA)}, false},
		{"it was started by another node", []protocol.Status{lun(keyC, wero, keyC)}, true},
		{"it is being started by another node", []protocol.Status{lun(0, 0, keyC)}, true},
		{"it cannot be read", []protocol.Status{{LUN: "lun", Err: errors.New("no answer")}}, true},
	} {
		if err := next.mayTake(c.luns); (err != nil) != c.fail {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestMetadata: it is XML, and has what Pacemaker looks for.
func TestMetadata(t *testing.T) {
	var m struct {
		Name       string `xml:"name,attr"`
		Parameters []struct {
			Name      string `xml:"name,attr"`
			Obsoletes string `xml:"obsoletes,attr"`
			Content   struct {
				Type    string `xml:"type,attr"`
				Options []struct {
					Value string `xml:"value,attr"`
				} `xml:"option"`
			} `xml:"content"`
			Short string `xml:"shortdesc"`
		} `xml:"parameters>parameter"`
		Actions []struct {
			Name      string `xml:"name,attr"`
			OnTarget  string `xml:"on_target,attr"`
			Automatic string `xml:"automatic,attr"`
		} `xml:"actions>action"`
	}
	if err := xml.Unmarshal([]byte(metadata()), &m); err != nil {
		t.Fatal(err)
	}
	if m.Name != "fence_lunguard" || len(m.Parameters) != len(parameters()) || len(m.Actions) != len(actions()) {
		t.Errorf("%s, %d parameters, %d actions", m.Name, len(m.Parameters), len(m.Actions))
	}
	for _, p := range m.Parameters {
		if p.Name == "" || p.Short == "" || p.Content.Type == "" || (p.Content.Type == "select") != (len(p.Content.Options) > 0) {
			t.Errorf("parameter %+v", p)
		}
	}
	for _, a := range m.Actions {
		if by := a.OnTarget + a.Automatic; (a.Name == "on") != (by == "11") || a.Name == "reboot" {
			t.Errorf("action %+v", a)
		}
	}
}
