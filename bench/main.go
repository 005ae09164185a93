// Bench measures how fast the project is, beside the programs that do the same
// work, and close to the limit: the number of SCSI commands that the work needs,
// one after the other, times the device's answer time.
//
// Usage, from anywhere in the repository:
//
//	go run ./bench [-only sim,start,go,lab] [-rounds 5] [-full] [-binary FILE]
//	go run ./bench -page            write the page and the picture anew, measure nothing
//	go run ./bench -compare REV     the Go benchmarks of REV and of the work tree, by benchstat
//
// It writes docs/benchmarks.json, and from that docs/benchmarks.md,
// docs/benchmarks.svg; what it builds is in .cache/bench. It runs the go
// command, the programs that it compares (sg_persist is not told of any device
// outside the laboratory), and the laboratory, which has real devices of its
// own. It changes nothing else.
//
// All that is compared runs in turn, on the same machine or in the same guest;
// figures are medians of the rounds with the lowest and the highest.
//
// Exit status: 0 measured; 1 something could not be; 2 wrong usage. A goal that
// is not reached is on the page, and is no failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Exit statuses of this program.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Parts of what is measured.
const (
	partSim   = "sim"
	partStart = "start"
	partGo    = "go"
	partLab   = "lab"
)

// bench is one run of this program.
type bench struct {
	root   string // of the repository
	self   string // this program
	binary string // the product
	rounds int
	full   bool
	begin  time.Time
	log    io.Writer
}

// options are the command line, parsed.
type options struct {
	only    string
	rounds  int
	full    bool
	binary  string
	page    bool
	compare string
	simCase string // set in the processes that this program starts
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.only, "only", "", "measure only these `parts`: sim, start, go, lab; the others stay as they were")
	fs.IntVar(&o.rounds, "rounds", 5, "`number` of times that everything is measured")
	fs.BoolVar(&o.full, "full", false, "measure all that often, also what takes long in the laboratory: half an hour")
	fs.StringVar(&o.binary, "binary", "", "the product's `file` (default bin/lunguard in the repository)")
	fs.BoolVar(&o.page, "page", false, "write the page and the picture from docs/benchmarks.json")
	fs.StringVar(&o.compare, "compare", "", "compare the Go benchmarks with those of a `commit`")
	fs.StringVar(&o.simCase, "case", "", "measure one simulated `case`, of JSON; used by this program itself")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitUsage
	}
	if fs.NArg() > 0 || o.rounds < 1 {
		fmt.Fprintln(stderr, "bench: error: no operand and at least one round were expected")
		return exitUsage
	}
	if err := o.do(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench: error:", err)
		return exitFailed
	}
	return exitOK
}

func (o options) do(ctx context.Context, stdout, stderr io.Writer) error {
	if o.simCase != "" {
		return simChild(o.simCase, stdout)
	}
	b := &bench{rounds: o.rounds, full: o.full, binary: o.binary, begin: time.Now(), log: stderr}
	var err error
	if b.root, err = repoRoot(); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.binary == "" {
		b.binary = filepath.Join(b.root, "bin", "lunguard")
	}
	if err := os.MkdirAll(b.cache(), 0o755); err != nil {
		return err
	}
	if o.compare != "" {
		return b.compare(ctx, o.compare, stdout)
	}
	rep, err := readReport(b.doc("benchmarks.json"))
	if err != nil {
		return err
	}
	if !o.page {
		err = b.measure(ctx, rep, o.only)
	}
	return errors.Join(err, b.publish(rep))
}

// measure replaces the parts that are wanted.
func (b *bench) measure(ctx context.Context, rep *report, only string) error {
	all := []string{partStart, partGo, partSim, partLab}
	wanted := all
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(all, name) {
			return fmt.Errorf("-only %s: there are %s", name, strings.Join(all, ", "))
		}
	}
	commit, err := b.commit(ctx)
	if err != nil {
		return err
	}
	for _, name := range all {
		if !slices.Contains(wanted, name) {
			continue
		}
		stamp, err := newStamp(commit)
		if err != nil {
			return err
		}
		err = b.part(ctx, rep, name, stamp)
		// What has been measured stays, should the rest fail.
		if err := errors.Join(err, rep.write(b.doc("benchmarks.json"))); err != nil {
			return fmt.Errorf("part %s: %w", name, err)
		}
	}
	return nil
}

// part measures one part and puts it into the report.
func (b *bench) part(ctx context.Context, rep *report, name string, s stamp) (err error) {
	begin := time.Now()
	var at *stamp
	switch name {
	case partSim:
		var part *simPart
		if part, err = b.simulator(ctx); err == nil {
			rep.Sim, at = part, &part.stamp
		}
	case partStart:
		var part *startUpPart
		if part, err = b.startUp(ctx); err == nil {
			if part.First = (&startUpFirst{s.Commit, part.Bytes, part.Init}); rep.StartUp != nil {
				part.First = rep.StartUp.First
			}
			rep.StartUp, at = part, &part.stamp
		}
	case partGo:
		var part *goPart
		if part, err = b.goBenchmarks(ctx); err == nil {
			rep.Go, at = part, &part.stamp
		}
	case partLab:
		var part *labPart
		if part, err = b.laboratory(ctx); part != nil {
			rep.Lab, at = part, &part.stamp
		}
	}
	if at == nil {
		return err
	}
	s.Seconds = time.Since(begin).Round(time.Second).Seconds()
	*at = s
	b.say("part %s took %.0f s", name, s.Seconds)
	return err
}

// publish writes the page and the picture.
func (b *bench) publish(rep *report) error {
	page := rep.page()
	if err := os.WriteFile(b.doc("benchmarks.md"), []byte(page), 0o644); err != nil {
		return err
	}
	if rep.Lab == nil {
		return nil
	}
	return os.WriteFile(b.doc("benchmarks.svg"), []byte(rep.Lab.chart().svg()), 0o644)
}

// say tells the progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "bench: %4.0f s  %s\n", time.Since(b.begin).Seconds(), fmt.Sprintf(format, args...))
}

func (b *bench) doc(name string) string { return filepath.Join(b.root, "docs", name) }

func (b *bench) cache() string { return filepath.Join(b.root, ".cache", "bench") }

// repoRoot finds the folder with go.mod at or above the current one.
func repoRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod at or above %s", wd)
		}
	}
}
