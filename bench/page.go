package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lunguard/lab/measure"
)

// page is docs/benchmarks.md.
func (r *report) page() string {
	var b strings.Builder
	b.WriteString(`# Benchmarks

` + "`make bench`" + ` measures all of this again and writes this page, the picture and
` + "[benchmarks.json](benchmarks.json)" + `; ` + "`go run ./bench -only lab`" + ` measures a part.
What is compared ran in turn, on one machine or in one guest. Figures are medians,
with the lowest and the highest in brackets. A ratio is that of two runs of the
same round.

## Goals

| what | goal | measured | |
|---|---|---|---|
`)
	var why []string
	for _, g := range r.goals() {
		verdict := "reached"
		switch {
		case g.measured == "":
			g.measured, verdict = "not measured", "–"
		case !g.reached:
			verdict = "**not reached**"
			if g.why != "" {
				why = append(why, fmt.Sprintf("- %s: %s.\n", g.what, g.why))
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.what, g.aim, g.measured, verdict)
	}
	if len(why) > 0 {
		b.WriteString("\nWhat the figures say of goals that are not reached:\n\n" + strings.Join(why, ""))
	}
	r.Lab.write(&b)
	r.Sim.write(&b)
	r.StartUp.write(&b)
	r.Go.write(&b)
	return b.String()
}

// write says when a part was measured and on what.
func (s stamp) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s, commit %s, %s; load %s at the beginning; %s.\n\n", s.Date.Format("2006-01-02 15:04 UTC"), s.Commit, s.Machine,
		digits(s.Load), time.Duration(s.Seconds*float64(time.Second)).Round(time.Second))
}

func (p *labPart) write(b *strings.Builder) {
	if p == nil {
		return
	}
	b.WriteString(`
## On real kernel devices, beside the others

![Starting a package: time by number of LUNs](benchmarks.svg)

The kernel's own target (LIO) over iSCSI in the laboratory's guest, whose processor
is emulated: only ratios mean something. Processes are those that were made, with
threads behind the plus sign. Commands are those that the kernel handed to the
disks until all was quiet again, by its own record; reads those of them that read
data, which nobody here asks for: it is udev that does.

`)
	p.stamp.write(b)
	var versions []string
	for _, v := range p.Versions {
		versions = append(versions, v.Name+" "+v.Version)
	}
	if len(versions) > 0 {
		fmt.Fprintf(b, "In the guest: %s.\n\n", strings.Join(versions, "; "))
	}
	b.WriteString(`The commands alone are sent by a process that runs already and has all devices open:
no program that sends them is faster. All registrations are persistent through
power loss (APTPL). With two paths the devices are multipath maps. A start of the others is ` + "`fence_scsi -o on`" + `,
the registration of all paths and the reservation by sg_persist or mpathpersist; a
take-over is ` + "`fence_scsi -o off`" + ` of the other node, or registration and PREEMPT AND
ABORT (fence_scsi needs its own node registered before, which is not counted); a
status ` + "`fence_scsi -o status`" + `, or the keys and the reservation.

| | LUNs × paths | by | seconds | times ours | processes | commands | reads |
|---|--:|---|--:|--:|--:|--:|--:|
`)
	for _, r := range p.sorted() {
		op := r.Op
		if r.Udev {
			op += ", with udevd"
		}
		ratio := r.Ratio.text(1)
		if r.Tool == ourTool {
			ratio = "1"
		}
		processes := "–"
		if r.Processes > 0 {
			processes = fmt.Sprintf("%d + %d", r.Processes, r.Threads)
		}
		size := fmt.Sprintf("%d × %d", r.LUNs, r.Paths)
		if r.Op == measure.StartUp {
			size = "–"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %d | %d |\n", op, size, r.Tool, r.Seconds.text(1), ratio, processes, r.Commands, r.Reads)
	}
	b.WriteString(`
fence_scsi has no action that gives up what is a node's own, so there is no halt of
it. With 128 LUNs the others are measured at the start over one path only: it takes them
minutes on an emulated processor. ` + "`make bench FULL=1`" + ` measures everything five times, which
takes half an hour; without that, what takes more than 4 s runs once, or three times where
there is a goal. mpathpersist wants multipathd, which runs beside udevd only. Start-up is
that of a program which then does nothing. What takes less than a second runs twice, and
the second time counts: after other programs an emulated processor has to translate a
program anew.
`)
	if len(p.Left) > 0 {
		b.WriteString("\nLeft out, or measured less often:\n\n")
		for _, l := range p.Left {
			what := fmt.Sprintf("%s, %s of %s, %s", l.Tool, l.Op, plural(l.LUNs, "LUN"), plural(l.Paths, "path"))
			if l.LUNs == 0 {
				what = strings.TrimSuffix(fmt.Sprintf("%s, %s", l.Tool, l.Op), ", ")
			}
			fmt.Fprintf(b, "- %s: %s\n", what, l.Why)
		}
	}
}

// sorted are the rows by operation, size and time.
func (p *labPart) sorted() []labRow {
	order := []string{string(opStart), string(opTakeOver), string(opStatus), string(opHalt)}
	return slices.SortedStableFunc(slices.Values(p.Cells), func(a, b labRow) int {
		ours := func(r labRow) int {
			if r.Tool == ourTool {
				return 0
			}
			return 1
		}
		udev := func(r labRow) int {
			if r.Udev {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(udev(a), udev(b)), cmp.Compare(slices.Index(order, a.Op), slices.Index(order, b.Op)),
			cmp.Compare(a.Paths, b.Paths), cmp.Compare(a.LUNs, b.LUNs), cmp.Compare(ours(a), ours(b)), cmp.Compare(a.Tool, b.Tool))
	})
}

func (p *simPart) write(b *strings.Builder) {
	if p == nil {
		return
	}
	b.WriteString(`
## Against the limit, on simulated LUNs

Every command takes 1 or 10 ms and holds a thread in the kernel meanwhile, as SG_IO
does. The limit is the critical path: the commands that must follow each other,
times that. A start of many LUNs with P paths is 2P + 8 of them: capabilities and
state, P registrations on the first LUN, reserve, read; P registrations on the
others, a look at the first, reserve, read; a last look at the first.

`)
	p.stamp.write(b)
	fmt.Fprintf(b, "Start, time divided by that of the critical path, with at most %d LUNs at once:\n", p.Sweep[0].Parallel)
	for _, delay := range []time.Duration{10 * time.Millisecond, time.Millisecond} {
		p.writeSweep(b, delay)
	}
	b.WriteString(`
How many LUNs at once, 10 ms, 4 paths. A thread costs memory, and below the number of
LUNs time; above, or where the processors have no time left, it gains nothing:

| LUNs | at once | times the critical path | threads | memory added, MB |
|--:|--:|--:|--:|--:|
`)
	for _, r := range p.Bound {
		fmt.Fprintf(b, "| %d | %d | %s | %d | %s |\n", r.LUNs, r.Parallel, r.Ratio.text(1), r.Threads, digits(float64(r.AddedKiB)/1024))
	}
	b.WriteString("\nEach operation on 256 LUNs × 4 paths, 10 ms:\n\n| | commands | critical path | milliseconds | times the critical path |\n|---|--:|--:|--:|--:|\n")
	for _, r := range p.Ops {
		fmt.Fprintf(b, "| %s | %d | %d | %s | %s |\n", r.Op, r.Commands, r.Critical, r.Seconds.text(1000), r.Ratio.text(1))
	}
}

// writeSweep is the table of one latency: a row a number of LUNs, a column a
// number of paths.
func (p *simPart) writeSweep(b *strings.Builder, delay time.Duration) {
	var paths, luns []int
	for _, r := range p.Sweep {
		if !slices.Contains(paths, r.Paths) {
			paths = append(paths, r.Paths)
		}
		if !slices.Contains(luns, r.LUNs) {
			luns = append(luns, r.LUNs)
		}
	}
	slices.Sort(paths)
	slices.Sort(luns)
	fmt.Fprintf(b, "\n| LUNs, %v |", delay)
	for _, n := range paths {
		fmt.Fprintf(b, " %s |", plural(n, "path"))
	}
	fmt.Fprintf(b, " with %s: seconds | threads | memory, MB |\n|--:|%s--:|--:|--:|\n", plural(paths[len(paths)-1], "path"), strings.Repeat("--:|", len(paths)))
	for _, l := range luns {
		fmt.Fprintf(b, "| %d |", l)
		var last *simRow
		for _, n := range paths {
			if last = p.find(simCase{Op: opStart, LUNs: l, Paths: n, Delay: delay}); last == nil {
				b.WriteString(" – |")
				continue
			}
			fmt.Fprintf(b, " %s |", last.Ratio.text(1))
		}
		if last == nil {
			b.WriteString(" – | – | – |")
		} else {
			fmt.Fprintf(b, " %s | %d | %s |", last.Seconds.text(1), last.Threads, digits(float64(last.PeakKiB)/1024))
		}
		b.WriteString("\n")
	}
}

func (p *startUpPart) write(b *strings.Builder) {
	if p == nil {
		return
	}
	b.WriteString("\n## Start-up\n\nEach program is started for next to nothing: applets with `--help`, sg_persist of\nsg3_utils with `-V`. The bare Go program is `func main() {}`.\n\n")
	p.stamp.write(b)
	fmt.Fprintf(b, "Before main, by `GODEBUG=inittrace=1`: %s. ", p.Init.text())
	if p.First != nil {
		fmt.Fprintf(b, "When that was first measured: %s, and the binary had %d bytes; now it has %d.", p.First.Init.text(), p.First.Bytes, p.Bytes)
	}
	b.WriteString("\n\n")
	b.WriteString("| program | milliseconds | times the bare Go program |\n|---|--:|--:|\n")
	for _, r := range p.Programs {
		fmt.Fprintf(b, "| %s | %s | %s |\n", r.Name, r.Seconds.text(1000), r.Ratio.text(1))
	}
	if !slices.ContainsFunc(p.Programs, func(r startUpRow) bool { return r.Name == peerName }) {
		b.WriteString("\nsg_persist of sg3_utils was not installed.\n")
	}
}

// text is what the initialisation costs, in words.
func (r initRow) text() string {
	return fmt.Sprintf("%d packages, %s ms, %d bytes in %d allocations, most by %s", r.Packages, digits(r.Millis), r.Bytes, r.Allocations, strings.Join(r.Slowest, ", "))
}

func (p *goPart) write(b *strings.Builder) {
	if p == nil {
		return
	}
	b.WriteString("\n## Go benchmarks\n\n`make benchstat BASE=rev` compares them with those of another commit.\n\n")
	p.stamp.write(b)
	b.WriteString("| package | benchmark | microseconds | bytes | allocations |\n|---|---|--:|--:|--:|\n")
	for _, r := range p.Rows {
		fmt.Fprintf(b, "| %s | %s | %s | %d | %d |\n", r.Package, r.Name, r.Nanos.text(1e-3), r.Bytes, r.Allocs)
	}
}
