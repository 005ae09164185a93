package measure

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	cell := Cell{Op: "start", LUNs: 32, Paths: 2, Udev: true}
	for _, want := range []Line{
		{Run: &Run{Cell: cell, Tool: "ours", Round: 4, Seconds: 0.25, Processes: 1, Threads: 8, Commands: 16, Reads: 3}},
		{Left: &Left{Cell: cell, Tool: "fence_scsi", Why: "cannot"}},
		{Version: &Version{Name: "sg_persist", Version: "1.46"}},
	} {
		got, ok, err := Parse("[   1.5] noise " + want.String() + "\r\n")
		if err != nil || !ok {
			t.Errorf("%v: %v, %v", want, ok, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestOtherLines(t *testing.T) {
	for _, line := range []string{"", "LAB-EXIT 0", "BENCH", "=== RUN TestBench"} {
		if _, ok, err := Parse(line); ok || err != nil {
			t.Errorf("%q: %v, %v", line, ok, err)
		}
	}
	if _, ok, err := Parse(`BENCH {"run":{"op":"sta`); ok || err == nil {
		t.Errorf("cut line: %v, %v", ok, err)
	}
}
