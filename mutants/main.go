// Mutants changes the protocols in one place at a time, and looks whether the unit
// tests and the explorer notice.
//
// Usage, from anywhere in the repository:
//
//	go run ./mutants [-only REGEXP] [-rest] [-workers N] [-full]
//
// The mutants are in the list*.go of this folder. Each is a copy of one file of the
// product with one change, compiled instead of the file by go test -overlay; nothing
// of the product knows of it. Its tests run in the order of stages; the first that
// fails kills it. With -full those that are still alive after that meet the whole
// explorer, too, for some minutes each.
//
// A stage that takes a quarter of an hour is a hang, which kills as well. A mutant
// that does not compile is an error of the list.
//
// It writes docs/mutants.md. With -only, or -rest (those that are not killed there
// yet), or if it is interrupted, the other lines there stay as they were. Without
// these it first runs the tests without a change.
// Exit status: 0 done; 1 something could not be run, or a mutant is alive for which
// the list gives no reason; 2 wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
)

// Exit statuses of this program.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("mutants", flag.ContinueOnError)
	fs.SetOutput(stderr)
	only := fs.String("only", "", "run only those whose place or words match this `regexp`")
	rest := fs.Bool("rest", false, "run only those that docs/mutants.md does not have as killed")
	workers := fs.Int("workers", runtime.GOMAXPROCS(0), "run this `number` at once")
	full := fs.Bool("full", false, "run the whole explorer against those that are alive")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitUsage
	}
	match, err := regexp.Compile(*only)
	if err != nil || fs.NArg() > 0 || *workers < 1 {
		fmt.Fprintln(stderr, "mutants: error: a regular expression, one worker at least, and no operand were expected")
		return exitUsage
	}
	o := options{only: match, rest: *rest, workers: *workers, full: *full}
	if err := o.do(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "mutants: error:", err)
		return exitFailed
	}
	return exitOK
}

// options are the command line, parsed.
type options struct {
	only       *regexp.Regexp
	rest, full bool
	workers    int
}

func (opt options) do(ctx context.Context, stdout, stderr io.Writer) error {
	root, err := repoRoot(ctx)
	if err != nil {
		return err
	}
	page := filepath.Join(root, "docs", "mutants.md")
	text, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	list := all()
	outcomes := readPage(string(text))
	l := &laboratory{root: root, stages: stages(opt.full), log: stderr}
	if opt.only.String() == "" && !opt.rest {
		if err := l.pass(ctx); err != nil {
			return err
		}
	}
	wanted := func(m *mutant) bool {
		return opt.only.MatchString(m.key()) && !(opt.rest && outcomes[m.key()].killed())
	}
	ran, err := l.runAll(ctx, list, wanted, opt.workers)
	for m, o := range ran {
		outcomes[m.key()] = o
	}
	if werr := os.WriteFile(page, []byte(writePage(list, outcomes)), 0o644); werr != nil {
		return errors.Join(err, werr)
	}
	killed, alive := 0, 0
	for _, m := range list {
		o, ok := ran[m]
		switch {
		case !ok:
			continue
		case o.killed():
			killed++
			continue
		}
		alive++
		if m.alive == "" {
			err = errors.Join(err, fmt.Errorf("alive: %s: %s", m.place(), m.words))
		}
	}
	fmt.Fprintf(stdout, "%d mutants, %d killed, %d alive\n", len(ran), killed, alive)
	return err
}

// repoRoot is the folder of the module.
func repoRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
