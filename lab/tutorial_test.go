package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The tutorial can be read, and lets a node hang between its steps.
func TestTutorialDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", tutorialFile))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parseTutorial(string(text))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[stepKind]int{}
	for _, s := range doc.steps {
		seen[s.kind]++
	}
	if seen[stepRun] < 40 || seen[stepFile] != 1 || seen[stepStop] != 1 || seen[stepGo] != 1 || len(doc.skipped) > 3 {
		t.Errorf("steps %v, and not run: %q", seen, doc.skipped)
	}
	// What needs systemd is not run, but the units that are named are there.
	for _, unit := range regexp.MustCompile(`lunguard[-@][a-z]*\.(?:service|timer)|lunguard@`).FindAllString(string(text), -1) {
		unit = strings.TrimSuffix(unit, ".service")
		if files, err := filepath.Glob("../dist/systemd/" + unit + "*"); err != nil || len(files) == 0 {
			t.Errorf("there is no unit %s", unit)
		}
	}
}

func TestParseTutorial(t *testing.T) {
	const text = "a text\n\n<!-- lab: status 2 -->\n```console\njack3# one\nout\n\njack4# two\n```\n" +
		"<!-- lab: stop jack3 -->\n<!-- lab: jack4# hidden -->\n<!-- lab: continue jack3 -->\n" +
		"<!-- lab: file /etc/f -->\n```\nx\n```\n<!-- lab: skip no systemd -->\n```console\njack3# never\n```\n"
	doc, err := parseTutorial(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []tutorialStep{
		{line: 5, node: "jack3", text: "one", lines: []string{"out", ""}},
		{line: 8, node: "jack4", text: "two", status: 2},
		{kind: stepStop, line: 10, node: "jack3"},
		{kind: stepHide, line: 11, node: "jack4", text: "hidden"},
		{kind: stepGo, line: 12, node: "jack3"},
		{kind: stepFile, line: 14, text: "/etc/f", lines: []string{"x"}},
	}
	if diff := cmp.Diff(want, doc.steps, cmp.AllowUnexported(tutorialStep{})); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if len(doc.skipped) != 1 || doc.skipped[0] != "no systemd" {
		t.Errorf("skipped: %q", doc.skipped)
	}
	for _, bad := range []string{
		"```console\nno prompt\n```\n", "```\n```\n", "```console\njack3# open\n", "<!-- lab: skip x -->\n",
		"<!-- lab: dance -->\n", "<!-- lab: skip a -->\n<!-- lab: status 1 -->\n```console\njack3# a\n```\n",
		"<!-- lab: status x -->\n```console\njack3# a\n```\n", "```console\njack6# a\n```\n", "<!-- lab skip a -->\n",
		"<!-- lab: stop jack6 -->\n",
	} {
		if doc, err := parseTutorial(bad); err == nil {
			t.Errorf("%q: no error, but %+v", bad, doc)
		}
	}
}

// The judge finds a lie.
func TestTutorialJudge(t *testing.T) {
	for _, c := range []struct {
		lines, output string
		status        int
		ok            bool
	}{
		{"", "", 0, true},
		{"a\n", "a\n", 0, true},
		{"a\n", "a  \n", 0, true},
		{"a ... c\n", "a b c\n", 0, true},
		{"...\nz\n", "x\ny\nz\n", 0, true},
		{"...\n", "", 0, true},
		{"a\n", "a\n", 1, false},
		{"", "a\n", 0, false},
		{"a\n", "", 0, false},
		{"a.c\n", "abc\n", 0, false},
		{"a ... c\n", "a\nc\n", 0, false},
		{"a ...\n", "a b\nc\n", 0, false},
		{"a\nb\n", "b\na\n", 0, false},
		{"...\nz\n", "z\ny\n", 0, false},
	} {
		s := tutorialStep{}
		for line := range strings.Lines(c.lines) {
			s.lines = append(s.lines, strings.TrimSuffix(line, "\n"))
		}
		if err := s.judge(c.output, c.status); (err == nil) != c.ok {
			t.Errorf("%q, %q, status %d: %v", c.lines, c.output, c.status, err)
		}
	}
}
