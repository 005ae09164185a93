package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// goSuite names the Go benchmarks that count here, with their packages.
func goSuite() (pattern string, packages []string) {
	return "^Benchmark(FullStatus1000|Parse300|FindPaths|Read|ParseGroup|View|Start|Execute)$",
		[]string{"./scsi", "./scsi/simlun", "./cluster", "./vg", "./vg/lvmmeta", "./commands"}
}

// goBenchTime is how long each benchmark runs at a time.
const goBenchTime = "0.3s"

// goArgs is the command that runs the suite.
func goArgs(count int) []string {
	pattern, packages := goSuite()
	return append([]string{"go", "test", "-run", "^$", "-bench", pattern, "-benchmem", "-benchtime", goBenchTime,
		"-count", strconv.Itoa(count)}, packages...)
}

func (b *bench) goBenchmarks(ctx context.Context) (*goPart, error) {
	b.say("Go benchmarks, %d times", b.rounds)
	out, err := b.output(ctx, goArgs(b.rounds)...)
	if err != nil {
		return nil, err
	}
	rows, err := parseGo(out)
	return &goPart{Rows: rows}, err
}

// parseGo reads what go test -bench prints, the runs of one benchmark together.
func parseGo(text string) ([]goRow, error) {
	var rows []goRow
	var pkg string
	nanos := map[string][]float64{}
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 2 && w[0] == "pkg:" {
			pkg = w[1]
		}
		if len(w) < 4 || !strings.HasPrefix(w[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(w[0], "Benchmark"), "-")
		id := pkg + "." + name
		if nanos[id] == nil {
			rows = append(rows, goRow{Package: strings.TrimPrefix(pkg, "lunguard/"), Name: name})
		}
		for i := 2; i+1 < len(w); i += 2 {
			v, err := strconv.ParseFloat(w[i], 64)
			if err != nil {
				return nil, fmt.Errorf("go test: %q: %w", strings.TrimSpace(line), err)
			}
			r := &rows[len(rows)-1]
			switch w[i+1] {
			case "ns/op":
				nanos[id] = append(nanos[id], v)
				r.Nanos = summarize(nanos[id])
			case "B/op":
				r.Bytes = int(v)
			case "allocs/op":
				r.Allocs = int(v)
			}
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("go test printed no benchmark")
	}
	return rows, nil
}

// compare runs the suite in a commit's tree and in this one, in turn, and has
// benchstat judge. A benchmark that the commit lacks has one column only.
func (b *bench) compare(ctx context.Context, commit string, stdout io.Writer) error {
	tree := filepath.Join(b.cache(), "base")
	if err := b.checkOut(ctx, commit, tree); err != nil {
		return err
	}
	files := [2]string{filepath.Join(b.cache(), "base.txt"), filepath.Join(b.cache(), "here.txt")}
	for _, f := range files {
		if err := os.WriteFile(f, nil, 0o644); err != nil {
			return err
		}
	}
	for round := range b.rounds {
		b.say("round %d of %d", round+1, b.rounds)
		for i, dir := range []string{tree, b.root} {
			if err := runSuite(ctx, dir, files[i]); err != nil {
				return err
			}
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.root, ".cache", "benchstat"), commit+"="+files[0], "here="+files[1])
	cmd.Stdout, cmd.Stderr = stdout, b.log
	return cmd.Run()
}

// checkOut puts a commit's files into a folder that nothing else uses.
func (b *bench) checkOut(ctx context.Context, commit, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	archive := filepath.Join(b.cache(), "base.tar")
	if _, err := b.output(ctx, "git", "archive", "--output", archive, commit); err != nil {
		return err
	}
	_, err := b.output(ctx, "tar", "-xf", archive, "-C", dir)
	return err
}

// runSuite appends what the benchmarks of a tree print to a file. Packages that
// the tree lacks are passed over.
func runSuite(ctx context.Context, dir, file string) error {
	args := goArgs(1)
	for i := len(args) - 1; strings.HasPrefix(args[i], "./"); i-- {
		if _, err := os.Stat(filepath.Join(dir, args[i])); err != nil {
			args = append(args[:i], args[i+1:]...)
		}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s in %s: %w: %s%s", strings.Join(args, " "), dir, err, out, stderr.Bytes())
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(out)
	return errors.Join(err, f.Close())
}
