package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the README quotes is what was measured last, and so are the page and the
// picture.
func TestFiguresAreThoseOfTheReport(t *testing.T) {
	rep, err := readReport("../docs/benchmarks.json")
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	readme := read("../README.md")
	want, err := withFigures(readme, rep.figures())
	if err != nil || rep.figures() == "" {
		t.Fatalf("figures %q: %v", rep.figures(), err)
	}
	for _, f := range []struct{ name, want, got string }{
		{"README.md", want, readme},
		{"docs/benchmarks.md", rep.page(), read("../docs/benchmarks.md")},
		{"docs/benchmarks.svg", rep.Lab.chart().svg(), read("../docs/benchmarks.svg")},
	} {
		if diff := cmp.Diff(f.want, f.got); diff != "" {
			t.Errorf("%s is not what go run ./bench -page writes (-want +got):\n%s", f.name, diff)
		}
	}
}

func TestWithFigures(t *testing.T) {
	got, err := withFigures("a\n"+figuresBegin+"old\n"+figuresEnd+"b\n", "new\n")
	if want := "a\n" + figuresBegin + "new\n" + figuresEnd + "b\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", figuresBegin, figuresEnd, figuresEnd + figuresBegin} {
		if _, err := withFigures(text, "new\n"); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
	// Nothing is quoted before all of it has been measured.
	if got := (&report{}).figures(); got != "" {
		t.Errorf("%q", got)
	}
}
