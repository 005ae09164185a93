package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"lunguard/lab/measure"
)

// The part of the README that is written here stands between these lines.
const (
	figuresBegin = "<!-- written by make bench -->\n"
	figuresEnd   = "<!-- end -->\n"
)

// figures are those that matter, for the README: beside the others, beside the
// limit, and what is sent. It is empty if one of them has not been measured.
func (r *report) figures() string {
	start, over := measure.Cell{Op: string(opStart), LUNs: 32, Paths: 1}, measure.Cell{Op: string(opTakeOver), LUNs: 32, Paths: 2}
	udev := measure.Cell{Op: string(opStart), LUNs: 4, Paths: 2, Udev: true}
	limit := r.Sim.find(simCase{Op: opStart, LUNs: 256, Paths: 4, Delay: 10 * time.Millisecond})
	rows := map[measure.Cell][2]*labRow{}
	for _, cell := range []measure.Cell{start, over, udev} {
		rows[cell] = [2]*labRow{r.Lab.find(cell, ourTool), r.Lab.find(cell, toolFence)}
		if rows[cell][0] == nil || rows[cell][1] == nil {
			return ""
		}
	}
	if limit == nil {
		return ""
	}
	times := func(cell measure.Cell) string {
		ours, theirs := rows[cell][0], rows[cell][1]
		return fmt.Sprintf("%s s, with fence_scsi %s s: %s times less", digits(ours.Seconds.Median), digits(theirs.Seconds.Median), digits(theirs.Ratio.Median))
	}
	ours, theirs := rows[start][0], rows[start][1]
	return fmt.Sprintf(`- On the kernel's own target in an emulated machine, a start of 32 LUNs takes
  %s. A take-over of 32 LUNs over two paths
  takes %s.
- That start is %s and %d SCSI commands, with fence_scsi %s and %d.
  Where udevd runs, a start of 4 LUNs over two paths causes %s by udev, with
  fence_scsi %d.
- A start of 256 simulated LUNs with 4 paths, 10 ms a command, takes %s times as long as
  the %d commands that must follow one another.
`, times(start), times(over), plural(ours.Processes, "process"), ours.Commands, plural(theirs.Processes, "process"), theirs.Commands,
		plural(rows[udev][0].Reads, "read"), rows[udev][1].Reads, digits(limit.Ratio.Median), limit.Critical)
}

// withFigures is the README with other figures.
func withFigures(readme, figures string) (string, error) {
	before, rest, ok1 := strings.Cut(readme, figuresBegin)
	_, after, ok2 := strings.Cut(rest, figuresEnd)
	if !ok1 || !ok2 {
		return "", errors.New("README.md has no place for the figures")
	}
	return before + figuresBegin + figures + figuresEnd + after, nil
}

// quote writes the figures into the README.
func (r *report) quote(file string) error {
	figures := r.figures()
	if figures == "" {
		return nil
	}
	readme, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := withFigures(string(readme), figures)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
