package ocfagent

import (
	"encoding/xml"
	"errors"
	"testing"
	"time"

	"lunguard/pr"
	"lunguard/protocol"
)

const keyA, keyB, foreign = 0xa, 0xb, 0xdead

// lun is what a LUN tells: who holds it by what type, and the keys that are registered.
func lun(holder pr.Key, typ pr.Type, keys ...pr.Key) protocol.Status {
	s := &pr.State{}
	if typ != 0 {
		s.Reservation = &pr.Reservation{Key: holder, Type: typ}
	}
	here := false
	for _, k := range keys {
		s.Registrations = append(s.Registrations, pr.Registration{Key: k, Holder: k == holder})
		here = here || protocol.Plain(k) == keyA
	}
	return protocol.Status{LUN: "lun", State: s, Present: here}
}

const wero = pr.WriteExclusiveRegistrantsOnly

// TestJudge is about node a, which has started a package with the LUN known.
func TestJudge(t *testing.T) {
	past := lun(keyB, wero, keyA, keyB)
	past.Present = false
	path := lun(keyA, wero, keyA)
	path.Findings = []protocol.Finding{{Kind: protocol.PathsUnregistered, Path: "sdb"}}
	old := lun(keyA, wero, keyA)
	old.Findings = []protocol.Finding{{Kind: protocol.StaleNexus, Path: "sdb"}}
	for _, c := range []struct {
		name          string
		lun           protocol.Status
		alone, shared grade
	}{
		{"held", lun(keyA, wero, keyA), well, well},
		{"held while others are removed", lun(protocol.Taking(keyA), wero, protocol.Taking(keyA)), well, well},
		{"held by another one", lun(keyB, wero, keyA, keyB), failed, well},
		{"another one is registered", lun(keyA, wero, keyA, keyB), failed, well},
		{"gone", lun(keyB, wero, keyB), failed, failed},
		{"only of an earlier life", past, failed, failed},
		{"giving up", lun(protocol.Leaving(keyA), wero, protocol.Leaving(keyA)), failed, failed},
		{"forgotten", lun(0, 0), failed, failed},
		{"not reserved", lun(0, 0, keyA), failed, failed},
		{"held by who may write alone", lun(keyA, pr.WriteExclusive, keyA), failed, failed},
		{"held by all, who is this one", lun(0, pr.WriteExclusiveAllRegistrants, keyA), well, well},
		{"held by all", lun(0, pr.WriteExclusiveAllRegistrants, keyA, keyB), failed, well},
		{"held by all others", lun(0, pr.WriteExclusiveAllRegistrants, keyB), failed, failed},
		{"held by a key that is not registered", lun(keyB, wero, keyA), failed, failed},
		{"a stranger holds", lun(foreign, wero, keyA, foreign), failed, failed},
		{"a stranger", lun(keyA, wero, keyA, foreign), degraded, degraded},
		{"a path", path, degraded, degraded},
		{"a path that is no more", old, well, well},
		{"unknown", protocol.Status{LUN: "lun", Err: errors.New("no answer")}, unknown, unknown},
	} {
		for mode, want := range map[protocol.Mode]grade{protocol.Exclusive: c.alone, protocol.Shared: c.shared} {
			j := judge{members: protocol.Members{{Name: "a", Key: keyA}, {Name: "b", Key: keyB}}, own: protocol.Member{Name: "a", Key: keyA}, mode: mode, known: []string{"known"}}
			if got, err := j.lun(c.lun, "known"); got != want || (err != nil) != (want != well) {
				t.Errorf("%s, mode %v: %d, %v, want %d", c.name, mode, got, err, want)
			}
		}
	}
}

// The worst LUN decides, and why is said of those that are as bad.
func TestVerdict(t *testing.T) {
	j := judge{members: protocol.Members{{Name: "a", Key: keyA}}, own: protocol.Member{Name: "a", Key: keyA}, known: []string{"1", "2", "3"}}
	unread := protocol.Status{LUN: "lun", Err: errors.New("no answer")}
	for _, c := range []struct {
		name string
		luns []protocol.Status
		want grade
		why  int
	}{
		{"none is bad", []protocol.Status{lun(keyA, wero, keyA), lun(keyA, wero, keyA)}, well, 0},
		{"one is open to all", []protocol.Status{unread, lun(keyA, wero, keyA), lun(0, 0, keyA)}, failed, 1},
		{"one is unknown", []protocol.Status{lun(keyA, wero, keyA, foreign), unread, unread}, unknown, 2},
		{"one has been added", []protocol.Status{lun(keyA, wero, keyA), lun(keyA, wero, keyA), lun(keyA, wero, keyA), lun(0, 0)}, degraded, 1},
		{"one has been added that others have", []protocol.Status{lun(keyA, wero, keyA), lun(keyA, wero, keyA), lun(keyA, wero, keyA), lun(keyB, wero, keyB)}, failed, 1},
	} {
		got, why := j.verdict(c.luns, []string{"1", "2", "3", "4"})
		if got != c.want || len(why) != c.why {
			t.Errorf("%s: %d, %v", c.name, got, why)
		}
	}
}

func TestParameters(t *testing.T) {
	base := map[string]string{"OCF_RESKEY_package": "pkg1"}
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"", "", 45 * time.Second},
		{"OCF_RESKEY_CRM_meta_timeout", "20000", 16 * time.Second},
		{"OCF_RESKEY_CRM_meta_timeout", "soon", 45 * time.Second},
		{"OCF_RESKEY_deadline", "7", 7 * time.Second},
		{"OCF_RESKEY_deadline", "7s", 7 * time.Second},
		{"OCF_RESKEY_deadline", "0", 0},
		{"OCF_RESKEY_deadline", "-1", 0},
		{"OCF_RESKEY_deadline", "1000000", 0},
		{"OCF_RESKEY_scope", "none", 0},
		{"OCF_RESKEY_on_unknown", "yes", 0},
		{"OCF_CHECK_LEVEL", "deep", 0},
		{"OCF_CHECK_LEVEL", "10", 45 * time.Second},
	} {
		p, err := given(func(name string) string {
			if name == c.name {
				return c.value
			}
			return base[name]
		})
		if (err != nil) != (c.want == 0) || err == nil && p.deadline != c.want {
			t.Errorf("%s=%s: %v, %v", c.name, c.value, p.deadline, err)
		}
	}
	var wrong *parameterError
	if _, err := given(func(string) string { return "" }); !errors.As(err, &wrong) {
		t.Errorf("no package: %v", err)
	}
}

// TestMetadata: it is XML, and has what Pacemaker looks for.
func TestMetadata(t *testing.T) {
	var m struct {
		Name       string `xml:"name,attr"`
		Version    string `xml:"version"`
		Parameters []struct {
			Name     string `xml:"name,attr"`
			Required string `xml:"required,attr"`
		} `xml:"parameters>parameter"`
		Actions []struct {
			Name    string `xml:"name,attr"`
			Timeout string `xml:"timeout,attr"`
		} `xml:"actions>action"`
	}
	if err := xml.Unmarshal([]byte(metadata()), &m); err != nil {
		t.Fatal(err)
	}
	if m.Name != "package" || m.Version != "1.1" || len(m.Parameters) != 9 || len(m.Actions) != 6 {
		t.Errorf("%+v", m)
	}
	for _, p := range m.Parameters {
		if p.Required != "0" {
			t.Errorf("parameter %+v", p)
		}
	}
	for _, a := range m.Actions {
		if a.Timeout == "" {
			t.Errorf("action %+v", a)
		}
	}
}
