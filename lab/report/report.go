// Package report shortens what a Go test binary prints with -test.v to what it prints
// without, and says at the end which tests took longest.
package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Word is what the guest is given before the words for its test binary if it is to print a
// report of this kind.
const Word = "briefly"

// Slowest is how many tests a report names.
const Slowest = 10

// Writer is given the output of a test binary in any pieces. What is not a test's goes on to
// Out at once; what a test has printed goes there if the test fails, or if End comes first.
type Writer struct {
	Out io.Writer

	line   []byte // has no end yet
	test   string // the one that runs
	kept   bytes.Buffer
	failed bool // what follows belongs to a test that has failed
	took   []duration
}

// duration is that of a test.
type duration struct {
	test string
	time time.Duration
}

// Write takes some output. Its error is that of Out.
func (w *Writer) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.line = append(w.line, p...)
			return n, nil
		}
		line := string(append(w.line, p[:i+1]...))
		w.line, p = w.line[:0], p[i+1:]
		if err := w.take(line); err != nil {
			return n, err
		}
	}
}

// take takes one line.
func (w *Writer) take(line string) error {
	if name, ok := strings.CutPrefix(line, "=== RUN   "); ok && !strings.Contains(name, "/") {
		w.test, w.failed = strings.TrimSpace(name), false
		w.kept.Reset()
		return nil
	}
	for _, word := range []string{"=== RUN ", "=== NAME ", "=== PAUSE ", "=== CONT "} {
		if strings.HasPrefix(line, word) {
			return nil
		}
	}
	if result, ok := strings.CutPrefix(line, "--- "); ok {
		return w.end(line, result)
	}
	if w.test != "" && !w.failed {
		w.kept.WriteString(line)
		return nil
	}
	if w.test == "" && strings.HasPrefix(strings.TrimLeft(line, " "), "--- ") {
		return nil // of a part of a test that has passed
	}
	_, err := io.WriteString(w.Out, line)
	return err
}

// end is the line "--- PASS: TestX (1.23s)", and those with FAIL and SKIP.
func (w *Writer) end(line, result string) error {
	if w.test == "" {
		_, err := io.WriteString(w.Out, line)
		return err
	}
	if name, time, ok := parseResult(result); ok {
		w.took = append(w.took, duration{name, time})
	}
	w.failed = strings.HasPrefix(result, "FAIL")
	if w.failed {
		if _, err := io.WriteString(w.Out, line); err != nil {
			return err
		}
		_, err := w.kept.WriteTo(w.Out)
		return err
	}
	w.test = ""
	w.kept.Reset()
	return nil
}

func parseResult(result string) (name string, took time.Duration, ok bool) {
	_, rest, _ := strings.Cut(result, ": ")
	name, rest, ok = strings.Cut(strings.TrimSpace(rest), " (")
	if !ok {
		return "", 0, false
	}
	took, err := time.ParseDuration(strings.TrimSuffix(rest, ")"))
	return name, took, err == nil
}

// End shows what a test that has not come to its end had printed, and the n tests that took
// longest.
func (w *Writer) End(n int) error {
	var b bytes.Buffer
	if w.test != "" && !w.failed {
		b.Write(w.kept.Bytes())
	}
	b.Write(w.line)
	slices.SortStableFunc(w.took, func(a, b duration) int { return cmp.Compare(b.time, a.time) })
	for i, d := range w.took[:min(n, len(w.took))] {
		if i == 0 {
			b.WriteString("the slowest of them:\n")
		}
		fmt.Fprintf(&b, "%s %v\n", d.test, d.time)
	}
	_, err := b.WriteTo(w.Out)
	return err
}
