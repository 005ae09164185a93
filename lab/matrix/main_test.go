package main

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	out := "=== RUN   TestConformance\n    suite_test.go:40: kernel 6.12.117+deb13-cloud-amd64\n--- PASS: TestConformance (1.0s)\n    --- PASS: TestConformance/x (0.1s)\n--- FAIL: TestCopy (2.0s)\n"
	r, err := parse(out)
	if err != nil || r.release != "6.12.117+deb13-cloud-amd64" || r.major != 6 || r.minor != 12 || len(r.outcomes) != 2 || r.outcomes["TestCopy"] != "**failed**" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := parse("PASS\n"); !errors.Is(err, errNoKernel) {
		t.Errorf("%v", err)
	}
	page := write([]result{r})
	for _, want := range []string{"| TestCopy | **failed** |", "| TestConformance | ok |", "`APTPL/B CLEAR 2` | CLEAR turns APTPL off | otherwise |",
		"| case and step | why | 6.12.117+deb13-cloud-amd64 |\n|---|---|---|\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}
