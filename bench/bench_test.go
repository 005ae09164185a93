package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/lab/measure"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   sample
		text   string
	}{
		{[]float64{3}, sample{3, 3, 3, 1}, "3.00"},
		{[]float64{4, 1}, sample{2.5, 1, 4, 2}, "2.50 (1.00–4.00)"},
		{[]float64{5, 1, 300, 2, 4}, sample{4, 1, 300, 5}, "4.00 (1.00–300)"},
	} {
		got := summarize(c.values)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.values, diff)
		}
		if text := got.text(1); text != c.text {
			t.Errorf("%v: %q, want %q", c.values, text, c.text)
		}
	}
	if text := (sample{}).text(1); text != "–" {
		t.Errorf("nothing: %q", text)
	}
}

func TestDigits(t *testing.T) {
	for v, want := range map[float64]string{0.00044: "0.000", 0.0123: "0.012", 0.0996: "0.10", 0.5: "0.50", 9.96: "10.0", 12.34: "12.3", 99.6: "100", 12345.6: "12346"} {
		if got := digits(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

func TestParseInitTrace(t *testing.T) {
	got, err := parseInitTrace(`init internal/bytealg @0.008 ms, 0.001 ms clock, 0 bytes, 0 allocs
something else
init unicode @0.5 ms, 0.25 ms clock, 1024 bytes, 12 allocs
init time @0.6 ms, 0.02 ms clock, 16 bytes, 1 allocs
init os @0.7 ms, 0.03 ms clock, 0 bytes, 0 allocs
`)
	if err != nil {
		t.Fatal(err)
	}
	got.Millis = float64(int(got.Millis*1000+0.5)) / 1000
	want := initRow{Packages: 4, Millis: 0.301, Bytes: 1040, Allocations: 13, Slowest: []string{"unicode 0.250", "os 0.030", "time 0.020"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, text := range []string{"", "init x @0.5 ms, y ms clock, 1024 bytes, 12 allocs"} {
		if _, err := parseInitTrace(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestParseGo(t *testing.T) {
	got, err := parseGo(`goos: linux
pkg: lunguard/scsi
cpu: some
BenchmarkFullStatus1000-2   	    7393	    2000 ns/op	 275.94 MB/s	  134288 B/op	    1012 allocs/op
BenchmarkFullStatus1000-2   	    7393	    1000 ns/op	 275.94 MB/s	  134288 B/op	    1012 allocs/op
PASS
ok  	lunguard/scsi	1.5s
pkg: lunguard/cluster
BenchmarkStart/luns=64-2   	       7	 170000000 ns/op	        18.00 commands-deep	 5 B/op	 6 allocs/op
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []goRow{
		{"scsi", "FullStatus1000", sample{1500, 1000, 2000, 2}, 134288, 1012},
		{"cluster", "Start/luns=64", sample{1.7e8, 1.7e8, 1.7e8, 1}, 5, 6},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, text := range []string{"PASS\n", "BenchmarkX 1 x ns/op\n"} {
		if _, err := parseGo(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// cell is one run in the laboratory.
func cell(op string, luns, paths int, tool string, round int, seconds float64) measure.Line {
	return measure.Line{Run: &measure.Run{Cell: measure.Cell{Op: op, LUNs: luns, Paths: paths}, Tool: tool, Round: round,
		Seconds: seconds, Processes: 1 + round, Commands: leastCommands(operation(op), luns, paths)}}
}

// lines are what a small laboratory would tell: fence_scsi gives up after one round.
func lines() []measure.Line {
	return []measure.Line{
		cell("start", 32, 1, ourTool, 0, 0.1), cell("start", 32, 1, toolFence, 0, 20), cell("start", 32, 1, toolLoop, 0, 1),
		cell("start", 32, 1, ourTool, 1, 0.3), cell("start", 32, 1, toolLoop, 1, 2),
		cell("start", 1, 1, ourTool, 0, 0.05), cell("halt", 8, 2, ourTool, 0, 0.1),
		{Left: &measure.Left{Cell: measure.Cell{Op: "halt", LUNs: 8, Paths: 2}, Tool: toolFence, Why: "it cannot"}},
		{Version: &measure.Version{Name: "Linux", Version: "6.1"}},
	}
}

func collected(t *testing.T) *labPart {
	t.Helper()
	c := &labCollector{}
	for _, l := range lines() {
		c.add(l)
	}
	part, err := c.part()
	if err != nil {
		t.Fatal(err)
	}
	return part
}

func TestCollector(t *testing.T) {
	part := collected(t)
	row := part.find(measure.Cell{Op: "start", LUNs: 32, Paths: 1}, toolLoop)
	if row == nil || row.Processes != 2 {
		t.Fatalf("%+v", row)
	}
	// Ratios are of one round: 1/0.1 and 2/0.3.
	if want := (sample{(10 + 2/0.3) / 2, 2 / 0.3, 10, 2}); cmp.Diff(want, row.Ratio) != "" {
		t.Errorf("ratio %+v, want %+v", row.Ratio, want)
	}
	if row := part.find(measure.Cell{Op: "start", LUNs: 32, Paths: 1}, toolFence); row.Ratio != (sample{200, 200, 200, 1}) {
		t.Errorf("ratio %+v", row.Ratio)
	}
	if part.find(measure.Cell{Op: "start", LUNs: 32, Paths: 2}, toolLoop) != nil {
		t.Error("found what was not measured")
	}
	alone := &labCollector{}
	alone.add(cell("start", 1, 1, toolFence, 0, 1))
	for _, c := range []*labCollector{{}, alone} {
		if _, err := c.part(); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// wholeReport has a bit of everything.
func wholeReport(t *testing.T) *report {
	t.Helper()
	s := stamp{Date: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), Commit: "abc", Machine: "a machine", Load: 0.5, Seconds: 65}
	row := func(luns, paths int, ratio float64) simRow {
		c := simCase{opStart, luns, paths, 10 * time.Millisecond, 512}
		critical := opStart.criticalPath(luns, paths)
		seconds := ratio * float64(critical) / 100
		return simRow{simCase: c, Critical: critical, Commands: leastCommands(opStart, luns, paths), Seconds: summarize([]float64{seconds}),
			Ratio: summarize([]float64{ratio}), Threads: luns, PeakKiB: luns << 5, AddedKiB: luns << 4}
	}
	lab := collected(t)
	lab.stamp = s
	return &report{
		Lab:     lab,
		Sim:     &simPart{stamp: s, Sweep: []simRow{row(8, 4, 1.01), row(256, 4, 1.25), row(1024, 8, 2), row(4096, 8, 8)}, Bound: []simRow{row(256, 4, 1.1)}, Ops: []simRow{row(256, 4, 1.1)}},
		StartUp: &startUpPart{stamp: s, Bytes: 5 << 20, Programs: []startUpRow{{bareName, summarize([]float64{0.001}), summarize([]float64{1}), false}, {"pr_start", summarize([]float64{0.0017}), summarize([]float64{1.7}), true}}},
		Go:      &goPart{stamp: s, Rows: []goRow{{"scsi", "FullStatus1000", summarize([]float64{1500}), 1, 2}}},
	}
}

func TestGoals(t *testing.T) {
	got := map[string]bool{}
	for _, g := range wholeReport(t).goals() {
		if g.measured != "" {
			got[g.what] = g.reached
		}
	}
	want := map[string]bool{
		"start of 32 LUNs, 1 path, against fence_scsi":      true,
		"start of 32 LUNs, 1 path, against sg_persist loop": false,
		"simulator, 10 ms, 256 LUNs × 4 paths":              false,
		"SCSI commands in the laboratory":                   false, // udevd did not run
		"4096 LUNs × 8 paths, time":                         true,
		"4096 LUNs × 8 paths, memory":                       true,
		"start-up of any applet":                            true,
		"binary":                                            true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The goal about commands is reached only with udevd there, no read, and the floor in
// every cell.
func TestCommandsGoal(t *testing.T) {
	row := func(commands, reads int, udev bool) labRow {
		return labRow{Cell: measure.Cell{Op: "start", LUNs: 4, Paths: 2, Udev: udev}, Tool: ourTool, Commands: commands, Reads: reads}
	}
	for name, c := range map[string]struct {
		rows []labRow
		want bool
	}{
		"floor":           {[]labRow{row(26, 0, false), row(26, 0, true)}, true},
		"no udevd":        {[]labRow{row(26, 0, false)}, false},
		"one too many":    {[]labRow{row(27, 0, false), row(26, 0, true)}, false},
		"reads":           {[]labRow{row(26, 1, true)}, false},
		"others may read": {[]labRow{row(26, 0, true), {Cell: measure.Cell{Op: "start", LUNs: 4, Paths: 2, Udev: true}, Tool: toolFence, Commands: 900, Reads: 400}}, true},
	} {
		r := &report{Lab: &labPart{Cells: c.rows}}
		if g := r.commandsGoal(); g.reached != c.want {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// Each table has as many cells in each row as its header, and the page says what is not
// reached or was not measured.
func TestPage(t *testing.T) {
	page := wholeReport(t).page()
	for _, want := range []string{"| start of 32 LUNs, 1 path, against fence_scsi | ≥ 100 times faster | 200 times",
		"**not reached**", "not measured", "halt of 8 LUNs, 2 paths: it cannot", "2026-01-02 03:04 UTC, commit abc", "sg_persist of sg3_utils was not installed"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	columns := 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		n := strings.Count(line, "|")
		if columns == 0 {
			columns = n
		}
		if n != columns {
			t.Errorf("%d columns instead of %d: %s", n, columns, line)
		}
	}
	if empty := (&report{}).page(); strings.Count(empty, "not measured") != len((&report{}).goals()) {
		t.Errorf("a page of nothing:\n%s", empty)
	}
}

func TestReportFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	if r, err := readReport(file); err != nil || r.Lab != nil {
		t.Fatalf("no file: %+v, %v", r, err)
	}
	want := wholeReport(t)
	if err := want.write(file); err != nil {
		t.Fatal(err)
	}
	got, err := readReport(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.page(), got.page()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// elements are the attributes of a picture's elements of a kind.
func elements(t *testing.T, svg, kind string) []map[string]string {
	t.Helper()
	var list []map[string]string
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == kind {
			m := map[string]string{}
			for _, a := range e.Attr {
				m[a.Name.Local] = a.Value
			}
			list = append(list, m)
		}
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Both axes are logarithmic: ten times as long is always as far up, and twice as many as
// far to the right.
func TestChartScale(t *testing.T) {
	line := series{label: `a<b&"c"`, ours: true}
	for i := range 5 {
		v := []float64{1, 10, 100, 1000, 10000}[i]
		line.points = append(line.points, point{float64(int(1) << i), v, v, v})
	}
	svg := (&chart{title: "T", x: "LUNs", y: "seconds", unit: "s", series: []series{line}}).svg()
	dots := elements(t, svg, "circle")
	if len(dots) != 5 {
		t.Fatalf("%d dots", len(dots))
	}
	for i := range 3 {
		for _, axis := range []string{"cx", "cy"} {
			one, two := number(t, dots[i+1][axis])-number(t, dots[i][axis]), number(t, dots[i+2][axis])-number(t, dots[i+1][axis])
			if diff := one - two; diff > 0.2 || diff < -0.2 || one == 0 {
				t.Errorf("%s: steps of %v and %v", axis, one, two)
			}
		}
	}
	if x, y := number(t, dots[0]["cx"]), number(t, dots[0]["cy"]); x != plotLeft || y != plotBottom {
		t.Errorf("the lowest is at %v, %v", x, y)
	}
	if x, y := number(t, dots[4]["cx"]), number(t, dots[4]["cy"]); x != plotRight || y != plotTop {
		t.Errorf("the highest is at %v, %v", x, y)
	}
	if !strings.Contains(svg, "prefers-color-scheme: dark") {
		t.Error("nothing for dark pages")
	}
}

// The names at the ends of lines do not cover each other, and stay in the picture.
func TestChartLabels(t *testing.T) {
	c := collected(t).chart()
	c.series = append(c.series, series{label: "x", points: []point{{32, 1.5, 1, 2}}}, series{label: "y", points: []point{{32, 1.6, 1, 2}}})
	svg := c.svg()
	var ys []float64
	for _, e := range elements(t, svg, "text") {
		if strings.HasPrefix(e["class"], "f") {
			ys = append(ys, number(t, e["y"]))
		}
	}
	slices.Sort(ys)
	if len(ys) != len(c.series) || len(ys) < 5 {
		t.Fatalf("%d names of %d lines", len(ys), len(c.series))
	}
	for i := 1; i < len(ys); i++ {
		if ys[i]-ys[i-1] < labelGap-0.1 {
			t.Errorf("names at %v and %v", ys[i-1], ys[i])
		}
	}
	const widest = 7.5 // of a letter, in pixels
	for _, s := range c.series {
		if width := widest * float64(len(s.label+", 12.3 s")); plotRight+12+width > chartWidth {
			t.Errorf("%q does not fit", s.label)
		}
	}
	if ys[len(ys)-1] > chartHeight {
		t.Errorf("a name at %v", ys[len(ys)-1])
	}
	// It says to those who cannot see it what there is to see.
	if desc := regexp.MustCompile(`<desc>.*fence_scsi 32: 20\.0 s.*</desc>`); !desc.MatchString(svg) {
		t.Errorf("no description in\n%s", svg)
	}
}

func TestChartOfNothing(t *testing.T) {
	if dots := elements(t, (&chart{title: "T"}).svg(), "circle"); len(dots) != 0 {
		t.Errorf("%v", dots)
	}
	one := &chart{title: "T", series: []series{{label: "x", points: []point{{8, 1, 1, 1}}}}}
	if dots := elements(t, one.svg(), "circle"); len(dots) != 1 || strings.Contains(fmt.Sprint(dots), "NaN") {
		t.Errorf("%v", dots)
	}
}
