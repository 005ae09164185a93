package prtest

import (
	"strings"
	"testing"
)

// TestTables checks that names are unique, states can be read, and that the
// tables of deviations fit the cases.
func TestTables(t *testing.T) {
	names := map[string]bool{}
	for _, tc := range cases() {
		if names[tc.name] || strings.Contains(tc.name, "/") {
			t.Errorf("case %q: twice, or with a slash", tc.name)
		}
		names[tc.name] = true
		states := []string{tc.given}
		steps := map[string]bool{}
		for _, s := range tc.steps {
			states = append(states, s.after)
			if steps[s.title()] {
				t.Errorf("case %q has step %q twice", tc.name, s.title())
			}
			steps[s.title()] = true
		}
		for _, s := range states {
			if _, err := parseState(s); err != nil {
				t.Errorf("case %q: %v", tc.name, err)
			}
		}
	}
	if err := LIO(6, 1).check(cases()); err != nil {
		t.Error(err)
	}
}

func TestDeviationsThatDoNotApply(t *testing.T) {
	for name, d := range map[string]Deviations{
		"no such step":  {"CLEAR/A CLEAR 77": {Want: Is(conflict), Reason: "r"}},
		"as the norm":   {"CLEAR/A CLEAR 2": {Want: Is(conflict), Reason: "r"}},
		"no reason":     {"CLEAR/A CLEAR 2": {Want: Is(good)}},
		"pattern, idle": {"CLEAR/*": {Gen: Is(1), After: Is("-"), UA: Is("B=2A/03 C=2A/03"), Want: Is(good), Reason: ""}},
	} {
		if d.check(cases()) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestObservationText(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "-",
		"-":                    "-",
		"WERO B:2 A:1*":        "A:1* B:2 WERO",
		"APTPL A:ff@ EAAR B:2": "A:ff@ B:2 EAAR APTPL",
		"A:1 A:1":              "A:1",
	} {
		if got := normal(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, bad := range []string{"D:1", "A", "A:", "A:zz", "AB:1"} {
		if _, err := parseState(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
