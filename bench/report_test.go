package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page and the picture are those of what was measured last.
func TestPageIsThatOfTheReport(t *testing.T) {
	rep, err := readReport("../docs/benchmarks.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"../docs/benchmarks.md": rep.page(), "../docs/benchmarks.svg": rep.Lab.chart().svg()} {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is not what go run ./bench -page writes (-want +got):\n%s", name, diff)
		}
	}
}
