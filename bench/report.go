package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"lunguard/lab/measure"
)

// report is all that was measured; docs/benchmarks.json has it. A part that a
// run leaves out stays as it was, with its own date.
type report struct {
	Sim     *simPart     `json:"simulator,omitempty"`
	StartUp *startUpPart `json:"start_up,omitempty"`
	Go      *goPart      `json:"go,omitempty"`
	Lab     *labPart     `json:"laboratory,omitempty"`
}

// stamp says when and where a part was measured.
type stamp struct {
	Date    time.Time `json:"date"`
	Commit  string    `json:"commit"`
	Machine string    `json:"machine"`
	// Load is how many processes wanted to run when it began.
	Load    float64 `json:"load"`
	Seconds float64 `json:"seconds"` // that the part took
}

// simPart is what simulated LUNs show.
type simPart struct {
	stamp
	// Sweep has start by number of LUNs and paths, Bound by LUNs at once, Ops
	// the other operations.
	Sweep []simRow `json:"sweep"`
	Bound []simRow `json:"bound"`
	Ops   []simRow `json:"operations"`
}

// simRow is one case.
type simRow struct {
	simCase
	Critical int    `json:"critical_path"` // commands in sequence
	Commands int    `json:"commands"`
	Seconds  sample `json:"seconds"`
	// Ratio is the time divided by that of the critical path.
	Ratio    sample `json:"ratio"`
	Threads  int    `json:"threads"`
	PeakKiB  int    `json:"peak_kib"`
	AddedKiB int    `json:"added_kib"`
}

// startUpPart is how long programs take for next to nothing.
type startUpPart struct {
	stamp
	Bytes    int64        `json:"binary_bytes"`
	Programs []startUpRow `json:"programs"`
	Init     initRow      `json:"init"`
	// First is what the first measurement of all has found; it stays.
	First *startUpFirst `json:"first,omitempty"`
}

// startUpFirst is what there was before anything was improved.
type startUpFirst struct {
	Commit string  `json:"commit"`
	Bytes  int64   `json:"binary_bytes"`
	Init   initRow `json:"init"`
}

// startUpRow is one program.
type startUpRow struct {
	Name    string `json:"name"`
	Seconds sample `json:"seconds"`
	// Ratio is to the bare Go program.
	Ratio sample `json:"ratio"`
	Ours  bool   `json:"ours"`
}

// initRow is what the runtime's inittrace tells.
type initRow struct {
	Packages    int     `json:"packages"`
	Millis      float64 `json:"ms"`
	Bytes       int     `json:"bytes"`
	Allocations int     `json:"allocations"`
	// Slowest are the packages that take longest, with their milliseconds.
	Slowest []string `json:"slowest"`
}

// goPart has the results of go test -bench.
type goPart struct {
	stamp
	Rows []goRow `json:"benchmarks"`
}

type goRow struct {
	Package string `json:"package"`
	Name    string `json:"name"`
	Nanos   sample `json:"ns"`
	Bytes   int    `json:"bytes"`
	Allocs  int    `json:"allocations"`
}

// labPart is what real kernel devices show.
type labPart struct {
	stamp
	Versions []measure.Version `json:"versions"`
	Cells    []labRow          `json:"cells"`
	Left     []measure.Left    `json:"left_out"`
}

// labRow is one program in one cell.
type labRow struct {
	measure.Cell
	Tool    string `json:"tool"`
	Seconds sample `json:"seconds"`
	// Ratio is to ours in the same round.
	Ratio     sample `json:"ratio"`
	Processes int    `json:"processes"`
	Threads   int    `json:"threads"`
	Commands  int    `json:"commands"`
	Reads     int    `json:"reads"`
}

// readReport reads what earlier runs have left. There may be nothing.
func readReport(file string) (*report, error) {
	r := &report{}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	return r, err
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
