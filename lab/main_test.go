package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseOptions(t *testing.T) {
	env := map[string]string{"LAB_RUN": "Smoke", "CI": "true"}
	getenv := func(name string) string { return env[name] }
	o, err := parseOptions([]string{"-v", "-timeout", "90s"}, getenv, io.Discard)
	if err != nil || o.run != "Smoke" || !o.verbose || !o.ci || o.timeout != 90*time.Second {
		t.Errorf("options %+v, %v", o, err)
	}
	got := strings.Join(guestArgs(o), " ")
	if want := "-test.timeout=1m10s -test.run=Smoke -test.v"; got != want {
		t.Errorf("guest arguments %q, want %q", got, want)
	}
	for _, args := range [][]string{{"word"}, {"-timeout", "1s"}, {"-nonsense"}, {"-only", "all"}} {
		if _, err := parseOptions(args, getenv, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// TestHalves: all tests run in one of two guests, and what is chosen in one alone.
func TestHalves(t *testing.T) {
	o := options{timeout: time.Minute}
	first, beside := guestArgs(o), besideArgs(o)
	if !o.halves() || !slices.Contains(first, "-test.skip="+besideTests+"|"+pacemakerTests) || !slices.Contains(beside, "-test.run="+besideTests) {
		t.Errorf("%q and %q", first, beside)
	}
	for _, o := range []options{{run: "Smoke"}, {shell: true}, {only: onlyHung}, {only: onlyDeadman}, {only: onlyTutorial}} {
		if o.halves() {
			t.Errorf("%+v: two guests", o)
		}
	}
}

// TestBenchArgs: what compares is told how often, and whether all that takes long is wanted.
func TestBenchArgs(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-only bench -timeout 2m -rounds 3", "-test.timeout=1m40s -test.run=^TestBench$ 3"},
		{"-only pacemaker -timeout 2m -rounds 3", "-test.timeout=1m40s -test.run=^TestPacemaker 3"},
		{"-only bench -timeout 2m -rounds 5 -full", "-test.timeout=1m40s -test.run=^TestBench$ 5 full"},
	} {
		o, err := parseOptions(strings.Fields(tt.args), func(string) string { return "" }, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(guestArgs(o), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.args, got, tt.want)
		}
	}
}

// TestWantPacemaker: the cluster engine is among all tests, and among those that it is named
// with.
func TestWantPacemaker(t *testing.T) {
	for _, tt := range []struct {
		o    options
		want bool
	}{
		{options{}, true},
		{options{run: "PacemakerGroup"}, true},
		{options{run: "Smoke"}, false},
		{options{noBinary: true}, false},
		{options{only: onlyHung}, false},
		{options{only: onlyPacemaker}, false},
	} {
		if got, err := wantPacemaker(tt.o); got != tt.want || err != nil {
			t.Errorf("%+v: %v, %v", tt.o, got, err)
		}
	}
}
