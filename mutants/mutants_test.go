package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Each mutant of the list can still be made, and no two are the same.
func TestList(t *testing.T) {
	list := all()
	if len(list) < 80 {
		t.Errorf("%d mutants, at least 80 are wanted", len(list))
	}
	seen := map[string]bool{}
	alive := 0
	for _, m := range list {
		src, err := os.ReadFile(filepath.Join("..", m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		changed, err := m.apply(string(src))
		if err != nil {
			t.Error(err)
		}
		if seen[m.key()] || seen[m.file+changed] && err == nil {
			t.Errorf("%s: there is another one like it", m.key())
		}
		seen[m.key()], seen[m.file+changed] = true, true
		if m.alive != "" {
			alive++
		}
	}
	if alive > 3 {
		t.Errorf("%d may be alive, three at most are wanted", alive)
	}
}

// docs/mutants.md is of this list. Each mutant was run, and is alive exactly if the list
// says why.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../docs/mutants.md")
	if err != nil {
		t.Fatal(err)
	}
	outcomes, list := readPage(string(text)), all()
	if want := writePage(list, outcomes); string(text) != want {
		t.Error("docs/mutants.md is not of this list: make mutants")
	}
	for _, m := range list {
		if o, ok := outcomes[m.key()]; !ok {
			t.Errorf("%s: it was not run", m.key())
		} else if o.killed() != (m.alive == "") {
			t.Errorf("%s: it is killed: %v; the list says why it may be alive: %q", m.key(), o.killed(), m.alive)
		}
	}
}

// What the tests print, and which of them failed first.
func TestOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		out  string
		want outcome
	}{
		"a test":        {"=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n=== RUN   TestB/c\n--- FAIL: TestB (0.00s)\n    --- FAIL: TestB/c (0.00s)\n", outcome{test: "TestB"}},
		"a law":         {"=== RUN   TestE\n    x.go:92: law 1W is broken in 1 of 3\n--- FAIL: TestE (0.00s)\n", outcome{test: "TestE", law: "1W"}},
		"a panic":       {"=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\npanic: runtime error\n", outcome{test: "TestB"}},
		"out of time":   {"=== RUN   TestA\npanic: test timed out after 1m0s\n", outcome{test: "TestA", hangs: true}},
		"nothing known": {"", outcome{}},
	} {
		got, err := outcomeOf(c.out)
		if got != c.want || (err != nil) != (c.want == outcome{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if back := parseOutcome(got.String()); err == nil && back != got {
			t.Errorf("%s: %+v comes back as %+v", name, got, back)
		}
	}
}
