package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"lunguard/protocol"
)

// simCases are what is measured, in three tables.
func simCases() (sweep, bound, ops []simCase) {
	const slow, fast = 10 * time.Millisecond, time.Millisecond
	for _, delay := range []time.Duration{slow, fast} {
		for _, paths := range []int{1, 2, 4, 8} {
			for _, luns := range []int{1, 8, 64, 256, 1024, 4096} {
				sweep = append(sweep, simCase{opStart, luns, paths, delay, protocol.DefaultParallel})
			}
		}
	}
	for _, parallel := range []int{32, 64, 128, 256, 512, 1024} {
		bound = append(bound, simCase{opStart, 256, 4, slow, parallel})
	}
	for _, parallel := range []int{128, 256, 512, 1024} {
		bound = append(bound, simCase{opStart, 1024, 4, slow, parallel})
	}
	for _, op := range []operation{opStart, opTakeOver, opStatus, opHalt} {
		ops = append(ops, simCase{op, 256, 4, slow, protocol.DefaultParallel})
	}
	return sweep, bound, ops
}

// simulator measures all cases in turn, as often as rounds says.
func (b *bench) simulator(ctx context.Context) (*simPart, error) {
	part := &simPart{}
	sweep, bound, ops := simCases()
	var err error
	for _, t := range []struct {
		name  string
		cases []simCase
		rows  *[]simRow
	}{{"number of LUNs", sweep, &part.Sweep}, {"LUNs at once", bound, &part.Bound}, {"operations", ops, &part.Ops}} {
		if *t.rows, err = b.simTable(ctx, t.name, t.cases); err != nil {
			return nil, err
		}
	}
	return part, nil
}

func (b *bench) simTable(ctx context.Context, name string, cases []simCase) ([]simRow, error) {
	seconds := make([][]float64, len(cases))
	rows := make([]simRow, len(cases))
	for round := range b.rounds {
		b.say("simulator, %s: round %d of %d", name, round+1, b.rounds)
		for i, c := range cases {
			run, err := c.inChild(ctx, b.self)
			if err != nil {
				return nil, fmt.Errorf("%s of %d LUNs with %d paths: %w", c.Op, c.LUNs, c.Paths, err)
			}
			seconds[i] = append(seconds[i], run.Seconds)
			r := &rows[i]
			r.Commands = run.Commands
			r.Threads, r.PeakKiB, r.AddedKiB = max(r.Threads, run.Threads), max(r.PeakKiB, run.PeakKiB), max(r.AddedKiB, run.AddedKiB)
		}
	}
	for i, c := range cases {
		r := &rows[i]
		r.simCase, r.Critical = c, c.Op.criticalPath(c.LUNs, c.Paths)
		r.Seconds = summarize(seconds[i])
		floor := time.Duration(r.Critical) * c.Delay
		r.Ratio = sample{r.Seconds.Median / floor.Seconds(), r.Seconds.Low / floor.Seconds(), r.Seconds.High / floor.Seconds(), r.Seconds.Runs}
	}
	return rows, nil
}

// inChild runs the case in a process of its own.
func (c simCase) inChild(ctx context.Context, self string) (simRun, error) {
	var res simRun
	text, err := json.Marshal(c)
	if err != nil {
		return res, err
	}
	cmd := exec.CommandContext(ctx, self, "-case", string(text))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return res, fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return res, json.Unmarshal(out, &res)
}
