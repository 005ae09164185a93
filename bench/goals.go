package main

import (
	"fmt"
	"strings"
	"time"

	"lunguard/lab/measure"
)

// goal is a number to reach.
type goal struct {
	what, aim string
	// measured is empty if nothing was measured.
	measured string
	reached  bool
	// why says what the figures tell of a goal that is not reached.
	why string
}

// goals judges the report.
func (r *report) goals() []goal {
	list := r.labGoals()
	list = append(list, r.criticalGoal(), r.commandsGoal())
	list = append(list, r.scaleGoals()...)
	return append(list, r.startUpGoals()...)
}

// labGoals compare with the others on real devices.
func (r *report) labGoals() []goal {
	var list []goal
	for _, w := range []struct {
		op    operation
		paths int
		tool  string
		times float64
	}{{opStart, 1, toolFence, 100}, {opStart, 1, toolLoop, 30}, {opTakeOver, 2, toolFence, 100}} {
		cell := measure.Cell{Op: string(w.op), LUNs: 32, Paths: w.paths}
		g := goal{what: fmt.Sprintf("%s of 32 LUNs, %s, against %s", w.op, plural(w.paths, "path"), w.tool), aim: fmt.Sprintf("≥ %g times faster", w.times)}
		if row := r.Lab.find(cell, w.tool); row != nil {
			ours := r.Lab.find(cell, ourTool)
			g.measured = fmt.Sprintf("%s times (%s s against %s s)", row.Ratio.text(1), digits(row.Seconds.Median), digits(ours.Seconds.Median))
			g.reached = row.Ratio.Median >= w.times
			g.why = fmt.Sprintf("%s; %s", spent(row), spent(ours))
			g.why += r.Lab.limit(cell, row)
		}
		list = append(list, g)
	}
	return list
}

// limit says how much faster than another program any program can be that does the
// work in the laboratory.
func (p *labPart) limit(cell measure.Cell, other *labRow) string {
	alone, start := p.find(cell, toolAlone), p.find(measure.Cell{Op: measure.StartUp}, ourTool)
	if alone == nil || start == nil {
		return ""
	}
	least := alone.Seconds.Median + start.Seconds.Median
	return fmt.Sprintf(". There the commands alone, by a process that runs already and has all devices open, take %s s of the two emulated processors, which are initiator and target, and to start a process that does nothing takes %s s: %s times faster is all that can be reached",
		digits(alone.Seconds.Median), digits(start.Seconds.Median), digits(other.Seconds.Median/least))
}

// spent says what a program spends its time with.
func spent(r *labRow) string {
	return fmt.Sprintf("%s: %s, %s, %s ms a command", r.Tool, plural(r.Processes, "process"), plural(r.Commands, "command"),
		digits(1000*r.Seconds.Median/float64(max(1, r.Commands))))
}

// criticalGoal is about how close the time is to the limit.
func (r *report) criticalGoal() goal {
	g := goal{what: "simulator, 10 ms, 256 LUNs × 4 paths", aim: "≤ 1.2 times the critical path"}
	if row := r.Sim.find(simCase{Op: opStart, LUNs: 256, Paths: 4, Delay: 10 * time.Millisecond}); row != nil {
		g.measured = fmt.Sprintf("%s times (%s commands in sequence)", row.Ratio.text(1), digits(float64(row.Critical)))
		g.reached = row.Ratio.Median <= 1.2
		if alone := r.Sim.find(simCase{Op: opStart, LUNs: 8, Paths: 4, Delay: 10 * time.Millisecond}); alone != nil {
			g.why = fmt.Sprintf("8 LUNs take %s times; the rest is the processors' work on %d commands, and what else they had to do (load %s when it began)",
				digits(alone.Ratio.Median), row.Commands, digits(r.Sim.Load))
		}
	}
	return g
}

// find is the row of a start by its case, whatever the bound.
func (p *simPart) find(c simCase) *simRow {
	if p == nil {
		return nil
	}
	for i := range p.Sweep {
		r := &p.Sweep[i]
		if r.Op == c.Op && r.LUNs == c.LUNs && r.Paths == c.Paths && r.Delay == c.Delay {
			return r
		}
	}
	return nil
}

// leastCommands is the floor of an operation: what has to be asked, changed and
// read back. TestStartCommandCount in package cluster has the same.
func leastCommands(op operation, luns, paths int) int {
	arbiter := 2
	if luns == 1 {
		arbiter = 0
	}
	switch op {
	case opStatus:
		return luns * (paths + 3)
	case opHalt:
		return luns * 4
	case opTakeOver:
		return luns*(paths+5) + arbiter
	}
	return luns*(paths+4) + arbiter
}

// commandsGoal compares the commands that were seen with the floor.
func (r *report) commandsGoal() goal {
	g := goal{what: "SCSI commands in the laboratory", aim: "the floor, exactly; none by udev"}
	if r.Lab == nil {
		return g
	}
	cells, udev, reads := 0, 0, 0
	var more []string
	for _, row := range r.Lab.Cells {
		if row.Tool != ourTool || row.Op == measure.StartUp {
			continue
		}
		cells++
		if row.Udev {
			udev++
			reads += row.Reads
		}
		if least := leastCommands(operation(row.Op), row.LUNs, row.Paths); row.Commands != least {
			more = append(more, fmt.Sprintf("%s of %d × %d: %d instead of %d", row.Op, row.LUNs, row.Paths, row.Commands, least))
		}
	}
	g.measured = fmt.Sprintf("the floor in %d of %d cells", cells-len(more), cells)
	if udev > 0 {
		g.measured += fmt.Sprintf("; with udevd %s", plural(reads, "read"))
	} else {
		g.measured += "; udevd did not run"
	}
	g.reached = len(more) == 0 && udev > 0 && reads == 0
	g.why = strings.Join(more, ", ")
	return g
}

// most memory that the largest case may take, in KiB.
const mostMemory = 256 << 10

// scaleGoals are about 4096 LUNs.
func (r *report) scaleGoals() []goal {
	linear := goal{what: "4096 LUNs × 8 paths, time", aim: "linear in LUNs"}
	memory := goal{what: "4096 LUNs × 8 paths, memory", aim: "< 256 MB"}
	c := simCase{Op: opStart, LUNs: 4096, Paths: 8, Delay: 10 * time.Millisecond}
	all := r.Sim.find(c)
	c.LUNs = 1024
	quarter := r.Sim.find(c)
	if all != nil && quarter != nil {
		ratio := all.Seconds.Median / quarter.Seconds.Median
		linear.measured = fmt.Sprintf("%s times what 1024 LUNs take (%s s against %s s)", digits(ratio), digits(all.Seconds.Median), digits(quarter.Seconds.Median))
		linear.reached = ratio <= 4.4
		memory.measured = fmt.Sprintf("%d MB, simulated LUNs included; %d MB came with the start; %s",
			all.PeakKiB>>10, all.AddedKiB>>10, plural(all.Threads, "thread"))
		memory.reached = all.PeakKiB < mostMemory
	}
	return []goal{linear, memory}
}

// mostBytes is how large the binary may be.
const mostBytes = 63 << 20 / 10

// startUpGoals are about the binary.
func (r *report) startUpGoals() []goal {
	start := goal{what: "start-up of any applet", aim: "≤ 2 times a bare Go program's"}
	size := goal{what: "binary", aim: "≤ 6.3 MB"}
	if r.StartUp == nil {
		return []goal{start, size}
	}
	var worst startUpRow
	for _, p := range r.StartUp.Programs {
		if p.Ours && p.Ratio.Median > worst.Ratio.Median {
			worst = p
		}
	}
	start.measured = fmt.Sprintf("%s times, %s being the slowest", worst.Ratio.text(1), worst.Name)
	start.reached = worst.Ratio.Median <= 2
	init := r.StartUp.Init
	start.why = fmt.Sprintf("%s ms before main, in %d packages (%s)", digits(init.Millis), init.Packages, strings.Join(init.Slowest, ", "))
	size.measured = fmt.Sprintf("%s MB (%d bytes)", digits(float64(r.StartUp.Bytes)/(1<<20)), r.StartUp.Bytes)
	size.reached = r.StartUp.Bytes <= mostBytes
	return []goal{start, size}
}

// plural is a number with its noun.
func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
