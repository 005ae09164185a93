package report

import (
	"errors"
	"strings"
	"testing"
)

const verbose = `lab: begins
=== RUN   TestA
=== RUN   TestA/one
    a_test.go:1: said by one
--- PASS: TestA (0.50s)
    --- PASS: TestA/one (0.40s)
=== RUN   TestB
    b_test.go:2: wrong
--- FAIL: TestB (2.00s)
    --- FAIL: TestB/two (1.00s)
=== RUN   TestC
    c_test.go:3: not today
--- SKIP: TestC (0.01s)
lab: between
=== RUN   TestD
said by a program
`

// TestWriter gives it the output in pieces of every size.
func TestWriter(t *testing.T) {
	const want = `lab: begins
--- FAIL: TestB (2.00s)
    b_test.go:2: wrong
    --- FAIL: TestB/two (1.00s)
lab: between
said by a program
panic
the slowest of them:
TestB 2s
TestA 500ms
`
	input := verbose + "panic\n"
	for size := 1; size <= len(input); size++ {
		var got strings.Builder
		w := &Writer{Out: &got}
		for rest := input; rest != ""; {
			n := min(size, len(rest))
			if wrote, err := w.Write([]byte(rest[:n])); wrote != n || err != nil {
				t.Fatal(wrote, err)
			}
			rest = rest[n:]
		}
		if err := w.End(2); err != nil {
			t.Fatal(err)
		}
		if shown := got.String(); shown != want {
			t.Fatalf("in pieces of %d:\n%s", size, shown)
		}
	}
}

// TestWriterAll is a run in which all is well, and one without tests.
func TestWriterAll(t *testing.T) {
	for input, want := range map[string]string{
		"=== RUN   TestA\n--- PASS: TestA (0.50s)\nPASS\n": "PASS\nthe slowest of them:\nTestA 500ms\n",
		"--- nothing\nno line":                             "--- nothing\nno line",
	} {
		var got strings.Builder
		w := &Writer{Out: &got}
		if _, err := w.Write([]byte(input)); err != nil {
			t.Fatal(err)
		}
		if err := w.End(10); err != nil || got.String() != want {
			t.Errorf("%q: %v, %q", input, err, got.String())
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWriterFails(t *testing.T) {
	w := &Writer{Out: full{}}
	if _, err := w.Write([]byte("lab: begins\n")); err == nil {
		t.Error("nothing was said")
	}
}
