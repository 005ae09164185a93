package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"lunguard/lab/measure"
)

// ourTool is what the laboratory calls the product.
const ourTool = "lunguard"

// laboratory runs the comparisons on real kernel devices. If the laboratory fails
// after it has told something, that is returned with the error: each run was
// checked when it was told.
func (b *bench) laboratory(ctx context.Context) (*labPart, error) {
	// Built, because go run would not pass the signal on that ends it.
	program := filepath.Join(b.cache(), "lab")
	if _, err := b.output(ctx, "go", "build", "-o", program, "./lab"); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-only", "bench", "-timeout", "45m", "-rounds", strconv.Itoa(b.rounds), fmt.Sprintf("-full=%t", b.full))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir = b.root
	cmd.Stderr = b.log
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.say("the laboratory boots")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &labCollector{}
	var last []string
	scan := bufio.NewScanner(pipe)
	for scan.Scan() {
		l, ok, err := measure.Parse(scan.Text())
		if err != nil {
			c.errs = append(c.errs, err)
		}
		if !ok && !strings.HasPrefix(scan.Text(), "lab: kernel:") {
			last = append(last, scan.Text())
			last = last[max(0, len(last)-20):]
		}
		c.add(l)
		if r := l.Run; r != nil {
			b.say("%s of %s, %s, by %s: %.2f s", r.Op, plural(r.LUNs, "LUN"), plural(r.Paths, "path"), r.Tool, r.Seconds)
		}
	}
	err = errors.Join(scan.Err(), cmd.Wait(), errors.Join(c.errs...))
	if err != nil {
		for _, line := range last {
			b.say("%s", line)
		}
	}
	part, none := c.part()
	return part, errors.Join(err, none)
}

// labCollector puts the runs of one program in one cell together.
type labCollector struct {
	runs     []measure.Run
	left     []measure.Left
	versions []measure.Version
	errs     []error
}

func (c *labCollector) add(l measure.Line) {
	switch {
	case l.Run != nil:
		c.runs = append(c.runs, *l.Run)
	case l.Left != nil:
		c.left = append(c.left, *l.Left)
	case l.Version != nil:
		c.versions = append(c.versions, *l.Version)
	}
}

// part makes the table. Ratios are to ours of the same round.
func (c *labCollector) part() (*labPart, error) {
	if len(c.runs) == 0 {
		return nil, errors.New("the laboratory has measured nothing")
	}
	type entry struct {
		cell measure.Cell
		tool string
	}
	var order []entry
	rounds := map[entry]map[int]measure.Run{}
	for _, r := range c.runs {
		e := entry{r.Cell, r.Tool}
		if rounds[e] == nil {
			order = append(order, e)
			rounds[e] = map[int]measure.Run{}
		}
		rounds[e][r.Round] = r
	}
	part := &labPart{Left: c.left, Versions: c.versions}
	for _, e := range order {
		row := labRow{Cell: e.cell, Tool: e.tool}
		ours := rounds[entry{e.cell, ourTool}]
		var seconds, ratio []float64
		for n, r := range rounds[e] {
			seconds = append(seconds, r.Seconds)
			if o, ok := ours[n]; ok {
				ratio = append(ratio, r.Seconds/o.Seconds)
			}
			row.Processes, row.Threads = max(row.Processes, r.Processes), max(row.Threads, r.Threads)
			row.Commands, row.Reads = max(row.Commands, r.Commands), max(row.Reads, r.Reads)
		}
		if len(ratio) == 0 {
			return nil, fmt.Errorf("%+v: %s has nothing to be compared with", e.cell, e.tool)
		}
		row.Seconds, row.Ratio = summarize(seconds), summarize(ratio)
		part.Cells = append(part.Cells, row)
	}
	return part, nil
}

// find is a program's row of a cell, nil if it was not measured.
func (p *labPart) find(cell measure.Cell, tool string) *labRow {
	if p == nil {
		return nil
	}
	for i := range p.Cells {
		if r := &p.Cells[i]; r.Cell == cell && r.Tool == tool {
			return r
		}
	}
	return nil
}

// chart draws the starts over one path.
func (p *labPart) chart() *chart {
	ch := &chart{
		title: "Starting a package: time by number of LUNs",
		x:     "LUNs (one path each)", y: "seconds", unit: "s",
	}
	for _, s := range []struct{ tool, label string }{
		{toolFence, "fence_scsi"}, {toolLoop, "sg_persist, in a loop"}, {toolMpath, "mpathpersist"}, {toolLVM, "lvmpersist"}, {toolAlone, "the commands alone"}, {ourTool, "lunguard"},
	} {
		line := series{label: s.label, ours: s.tool == ourTool}
		for _, r := range p.Cells {
			if r.Tool == s.tool && r.Op == string(opStart) && r.Paths == 1 && !r.Udev {
				line.points = append(line.points, point{float64(r.LUNs), r.Seconds.Median, r.Seconds.Low, r.Seconds.High})
			}
		}
		if len(line.points) > 0 {
			ch.series = append(ch.series, line)
		}
	}
	return ch
}

// Programs in the laboratory.
const (
	toolAlone = "the commands alone"
	toolFence = "fence_scsi"
	toolLoop  = "sg_persist loop"
	toolMpath = "mpathpersist"
	toolLVM   = "lvmpersist"
)
