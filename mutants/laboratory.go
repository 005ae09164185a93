package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// stage is one run of a test binary.
type stage struct {
	pkg  string
	args []string
	env  []string
	// of are the packages whose mutants meet it, empty for all.
	of []string
	// but is a package whose mutants do not: nothing of protocol is made of it.
	but string
}

// slow are unit tests that take seconds; skipped are those and what has stages of
// its own. TestRowsDocumented compares the names and the order of rows with their
// documentation: it would kill by looking.
const (
	slow    = "^Test(Adversity|AdversityForEver|ConcurrentStarts|CopyNeverEnds|FailBack|ReadmitFails)$"
	skipped = "^TestExplore|^TestRowsDocumented$|" + slow
)

// stages are what a mutant meets, in this order: what is quick comes first.
func stages(full bool) []stage {
	unit := []string{"-test.short", "-test.failfast"}
	explore := []string{"-test.run", "^TestExplore"}
	list := []stage{
		{pkg: "scsi", args: unit, of: []string{"scsi", "pr"}},
		{pkg: "probe", args: unit, of: []string{"probe"}},
		{pkg: "protocol", args: append([]string{"-test.skip", skipped}, unit...), but: "probe"},
		{pkg: "protocol", args: append(explore, unit...), env: []string{"EXPLORE=first"}, but: "probe"},
		{pkg: "protocol", args: append([]string{"-test.run", slow}, unit...), but: "probe"},
	}
	if full {
		list = append(list, stage{pkg: "protocol", args: append(explore, "-test.failfast"), env: []string{"EXPLORE=first"}, but: "probe"})
	}
	return list
}

// laboratory runs mutants.
type laboratory struct {
	root   string
	stages []stage
	log    io.Writer
	mu     sync.Mutex
}

// limit is how long a stage may take, on a busy machine; one that takes longer
// hangs.
const limit = 15 * time.Minute

// runAll runs those that are wanted, several at once. One that cannot be run does
// not stop the others.
func (l *laboratory) runAll(ctx context.Context, list []*mutant, wanted func(*mutant) bool, workers int) (map[*mutant]outcome, error) {
	ran := map[*mutant]outcome{}
	errs := make([]error, len(list))
	var g errgroup.Group
	g.SetLimit(workers)
	for i, m := range list {
		if !wanted(m) {
			continue
		}
		g.Go(func() error {
			began := time.Now()
			if ctx.Err() != nil {
				return nil
			}
			o, err := l.run(ctx, m)
			if err != nil {
				errs[i] = err
				return nil
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			ran[m] = o
			fmt.Fprintf(l.log, "%d %s: %s (%v)\n", i+1, m.key(), o, time.Since(began).Round(time.Second))
			return nil
		})
	}
	_ = g.Wait() // they have no error
	return ran, errors.Join(append(errs, ctx.Err())...)
}

// pass runs all stages without a change: they have to pass.
func (l *laboratory) pass(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, s := range l.stages {
		bin, err := l.build(ctx, dir, s.pkg, "")
		if err != nil {
			return err
		}
		if o, err := l.meet(ctx, bin, s); err != nil || o.killed() {
			return errors.Join(err, fmt.Errorf("without a change: %s", o))
		}
	}
	return nil
}

// run lets a mutant meet the stages until one kills it.
func (l *laboratory) run(ctx context.Context, m *mutant) (outcome, error) {
	src, err := os.ReadFile(filepath.Join(l.root, m.file))
	if err != nil {
		return outcome{}, err
	}
	changed, err := m.apply(string(src))
	if err != nil {
		return outcome{}, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(dir)
	overlay := filepath.Join(dir, "overlay.json")
	mutated := filepath.Join(dir, "changed.go")
	words, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(l.root, m.file): mutated}})
	if err != nil {
		return outcome{}, err
	}
	if err := errors.Join(os.WriteFile(mutated, []byte(changed), 0o600), os.WriteFile(overlay, words, 0o600)); err != nil {
		return outcome{}, err
	}
	for _, s := range l.stages {
		if len(s.of) > 0 && !slices.Contains(s.of, m.pkg()) || s.but == m.pkg() {
			continue
		}
		bin, err := l.build(ctx, dir, s.pkg, overlay)
		if err != nil {
			return outcome{}, fmt.Errorf("%s: %w", m.key(), err)
		}
		if o, err := l.meet(ctx, bin, s); err != nil || o.killed() {
			return o, err
		}
	}
	return outcome{alive: m.alive}, nil
}

// build compiles the tests of a package, once.
func (l *laboratory) build(ctx context.Context, dir, pkg, overlay string) (string, error) {
	bin := filepath.Join(dir, pkg+".test")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	args := []string{"test", "-c", "-ldflags=-s -w", "-o", bin}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Dir = l.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	return bin, nil
}

// meet runs a test binary. One processor makes the explorer's counterexample the
// same each time.
func (l *laboratory) meet(ctx context.Context, bin string, s stage) (outcome, error) {
	cmd := exec.CommandContext(ctx, bin, append([]string{"-test.v", "-test.timeout", limit.String()}, s.args...)...)
	cmd.Dir = filepath.Join(l.root, s.pkg)
	cmd.Env = append(append(os.Environ(), "GOMAXPROCS=1"), s.env...)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return outcome{}, err
	}
	if err == nil {
		return outcome{}, nil
	}
	return outcomeOf(out.String())
}

// outcomeOf finds out which test failed first.
func outcomeOf(out string) (outcome, error) {
	var o outcome
	if m := regexp.MustCompile(`(?m)^--- FAIL: (\w+)`).FindStringSubmatch(out); m != nil {
		o.test = m[1]
	} else if list := regexp.MustCompile(`(?m)^=== RUN +(\w+)`).FindAllStringSubmatch(out, -1); list != nil {
		// A panic, or a hang.
		o.test = list[len(list)-1][1]
	} else {
		return o, fmt.Errorf("the tests failed in a way that is not known:\n%s", out)
	}
	if m := regexp.MustCompile(`law (\w+) is broken`).FindStringSubmatch(out); m != nil {
		o.law = m[1]
	}
	o.hangs = strings.Contains(out, "panic: test timed out")
	return o, nil
}
