package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// startsPerRound is how often each program is started in a round; the round's
// figure is the median.
const startsPerRound = 40

// Programs to compare with.
const (
	trueProgram = "/bin/true"
	bareName    = "bare Go program"
	peerName    = "sg_persist of sg3_utils"
)

// program is something to start.
type program struct {
	name string
	argv []string
	ours bool
}

// startUp starts each applet for next to nothing, and others.
func (b *bench) startUp(ctx context.Context) (*startUpPart, error) {
	info, err := os.Stat(b.binary)
	if err != nil {
		return nil, fmt.Errorf("%w (make builds it)", err)
	}
	part := &startUpPart{Bytes: info.Size()}
	programs, err := b.programs(ctx)
	if err != nil {
		return nil, err
	}
	seconds := make([][]float64, len(programs))
	for round := range b.rounds {
		b.say("start-up: round %d of %d, %d programs", round+1, b.rounds, len(programs))
		took := make([][]float64, len(programs))
		for range startsPerRound {
			for i, p := range programs {
				d, err := p.start(ctx)
				if err != nil {
					return nil, err
				}
				took[i] = append(took[i], d.Seconds())
			}
		}
		for i := range programs {
			seconds[i] = append(seconds[i], summarize(took[i]).Median)
		}
	}
	bare := slices.IndexFunc(programs, func(p program) bool { return p.name == bareName })
	for i, p := range programs {
		part.Programs = append(part.Programs, startUpRow{Name: p.name, Ours: p.ours, Seconds: summarize(seconds[i]),
			Ratio: summarize(ratios(seconds[i], seconds[bare]))})
	}
	part.Init, err = b.initTrace(ctx)
	return part, err
}

// programs are those to compare, and all applets.
func (b *bench) programs(ctx context.Context) ([]program, error) {
	bare, err := b.bareProgram(ctx)
	if err != nil {
		return nil, err
	}
	list := []program{{name: trueProgram, argv: []string{trueProgram}}, {name: bareName, argv: []string{bare}}}
	if peer, err := exec.LookPath("sg_persist"); err == nil {
		list = append(list, program{name: peerName, argv: []string{peer, "-V"}})
	} else if !errors.Is(err, exec.ErrNotFound) {
		return nil, err
	}
	dir := filepath.Join(b.cache(), "applets")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if _, err := b.output(ctx, b.binary, "--install", dir); err != nil {
		return nil, err
	}
	links, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if l.Type()&fs.ModeSymlink != 0 {
			list = append(list, program{name: l.Name(), argv: []string{filepath.Join(dir, l.Name()), "--help"}, ours: true})
		}
	}
	return list, nil
}

// bareProgram builds what a Go program is at least.
func (b *bench) bareProgram(ctx context.Context) (string, error) {
	dir := filepath.Join(b.cache(), "bare")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	source, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "bare")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		return "", err
	}
	_, err := b.output(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, source)
	return out, err
}

// start runs the program to its end.
func (p program) start(ctx context.Context) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	begin := time.Now()
	err := cmd.Run()
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(p.argv, " "), err)
	}
	return took, nil
}

// slowest is how many packages the page names.
const slowest = 3

// initTrace asks the runtime what happens before main.
func (b *bench) initTrace(ctx context.Context) (initRow, error) {
	cmd := exec.CommandContext(ctx, b.binary, "--help")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace strings.Builder
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		return initRow{}, err
	}
	return parseInitTrace(trace.String())
}

// parseInitTrace reads lines such as
//
//	init internal/bytealg @0.008 ms, 0 ms clock, 0 bytes, 0 allocs
func parseInitTrace(text string) (initRow, error) {
	var row initRow
	type cost struct {
		name   string
		millis float64
	}
	var costs []cost
	scan := bufio.NewScanner(strings.NewReader(text))
	for scan.Scan() {
		w := strings.Fields(scan.Text())
		if len(w) != 11 || w[0] != "init" {
			continue
		}
		millis, err1 := strconv.ParseFloat(w[4], 64)
		bytes, err2 := strconv.Atoi(w[7])
		allocs, err3 := strconv.Atoi(w[9])
		if err := errors.Join(err1, err2, err3); err != nil {
			return row, fmt.Errorf("inittrace: %q: %w", scan.Text(), err)
		}
		row.Packages++
		row.Millis += millis
		row.Bytes += bytes
		row.Allocations += allocs
		costs = append(costs, cost{w[1], millis})
	}
	if row.Packages == 0 {
		return row, errors.New("inittrace: no package was seen")
	}
	slices.SortStableFunc(costs, func(a, b cost) int {
		if a.millis > b.millis {
			return -1
		}
		if a.millis < b.millis {
			return 1
		}
		return 0
	})
	for _, c := range costs[:min(slowest, len(costs))] {
		row.Slowest = append(row.Slowest, fmt.Sprintf("%s %.3f", c.name, c.millis))
	}
	return row, scan.Err()
}
