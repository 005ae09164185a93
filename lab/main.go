// Lab boots a real Linux kernel in QEMU and runs the scenario tests of lab/guest in it, and
// beside that three at once for the test in which a whole node hangs, and for the tutorial,
// and one with a Pacemaker cluster in it.
//
// Usage, from anywhere in the repository:
//
//	go run ./lab [-v] [-run REGEXP] [-timeout 25m] [-keep] [-refresh] [-no-binary] [-shell]
//	             [-only guest|hung|tutorial|deadman|bench|pacemaker|nvme] [-rounds N] [-full] [-seed N] [-kernel 6.1|6.12|7]
//
// The guest is made of Debian's own kernel and packages, which are downloaded once into a
// cache and never installed; QEMU emulates the processor, so neither KVM nor a SCSI stack
// in the host's kernel is needed. What the guest prints is streamed to standard output.
//
// Exit status: 0 the guest's tests passed, or the lab was skipped because this host cannot
// run it (a skipped lab is a failure if the environment has CI=true); 1 a test failed, the
// guest died, the timeout passed, or the lab could not be built; 2 wrong usage.
package main

import (
	"cmp"
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

	"lunguard/lab/image"
	"lunguard/lab/machine"
)

// Exit statuses of this program.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Parts of the laboratory.
const (
	onlyGuest    = "guest"
	onlyHung     = "hung"
	onlyDeadman  = "deadman"
	onlyBench    = "bench"
	onlyTutorial = "tutorial"
	// onlyPacemaker are all tests with a cluster engine; one of them is always run.
	onlyPacemaker = "pacemaker"
	onlyNVMe      = "nvme"
)

// options are the command line and the environment, parsed.
type options struct {
	run      string        // regular expression for the guest's tests
	verbose  bool          // go test -v in the guest
	timeout  time.Duration // for everything from power-on to power-off
	keep     bool          // keep the run's folder
	refresh  bool          // look for newer packages
	noBinary bool          // do not build or ship lunguard
	shell    bool          // a shell in the guest instead of the tests
	only     string        // one of the parts, or nothing for all that test
	rounds   int           // of the hung-node test, and of comparisons
	full     bool          // comparisons that take long, too
	seed     uint64        // of the hung-node test, 0 to take one from the clock
	cache    string        // cache folder
	kernel   string        // one of image.Kernels
	ci       bool          // a skip is a failure
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, getenv, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage
	}
	err = runLab(ctx, o, stdout, stderr)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, image.ErrSkip) && !o.ci:
		fmt.Fprintln(stdout, err)
		return exitOK
	default:
		fmt.Fprintln(stderr, "lab: error:", err)
		return exitFailed
	}
}

func parseOptions(args []string, getenv func(string) string, stderr io.Writer) (options, error) {
	o := options{ci: getenv("CI") == "true"}
	fs := flag.NewFlagSet("lab", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.run, "run", getenv("LAB_RUN"), "run only the guest tests that match `REGEXP` (default $LAB_RUN)")
	fs.BoolVar(&o.verbose, "v", false, "verbose guest tests")
	fs.DurationVar(&o.timeout, "timeout", 25*time.Minute, "kill the guests of a part after this `time`")
	fs.BoolVar(&o.keep, "keep", false, "keep the folder with the guest's initramfs and console log")
	fs.BoolVar(&o.refresh, "refresh", false, "look for newer Debian packages and rebuild the cache if there are any")
	fs.BoolVar(&o.noBinary, "no-binary", false, "run without the lunguard binary in the guest: tests that need it are skipped")
	fs.BoolVar(&o.shell, "shell", false, "give a shell in the guest instead of running tests")
	fs.StringVar(&o.only, "only", "", "run only this `part`: guest, the tests in one guest; hung, the hung-node test in three; tutorial, likewise; deadman, in one that the kernel restarts; pacemaker, a cluster of namespaces; nvme, NVMe namespaces of three hosts; or bench, which compares and tests nothing")
	fs.IntVar(&o.rounds, "rounds", hungRounds, "`number` of rounds of the hung-node test, of splits with -only pacemaker, or of comparisons")
	fs.BoolVar(&o.full, "full", false, "compare as often, and as much, also where that takes long")
	fs.Uint64Var(&o.seed, "seed", 0, "`number` that decides the instants of the hung-node test (default from the clock)")
	fs.StringVar(&o.kernel, "kernel", cmp.Or(getenv("KERNEL"), image.DefaultKernel), "boot this Linux `version`: "+strings.Join(image.Kernels(), ", ")+" (default $KERNEL, or "+image.DefaultKernel+")")
	fs.StringVar(&o.cache, "cache", "", "cache `folder` (default .cache/lab in the repository)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q", fs.Arg(0))
		fmt.Fprintln(stderr, "lab: error:", err)
		return o, err
	}
	parts := []string{onlyGuest, onlyHung, onlyDeadman, onlyTutorial, onlyBench, onlyPacemaker, onlyNVMe}
	if o.only != "" && !slices.Contains(parts, o.only) {
		err := fmt.Errorf("-only must be one of %s", strings.Join(parts, ", "))
		fmt.Fprintln(stderr, "lab: error:", err)
		return o, err
	}
	if o.timeout <= timeoutMargin {
		err := fmt.Errorf("-timeout must be longer than %v", timeoutMargin)
		fmt.Fprintln(stderr, "lab: error:", err)
		return o, err
	}
	return o, nil
}

// runLab takes the steps in order: tools, cache, image.Binaries, initramfs, guest.
func runLab(ctx context.Context, o options, stdout, stderr io.Writer) error {
	start := time.Now()
	root, err := repoRoot()
	if err != nil {
		return err
	}
	if o.cache == "" {
		o.cache = filepath.Join(root, ".cache", "lab")
	}
	if err := machine.Ensure(ctx, stderr); err != nil {
		return err
	}
	if o.only == onlyNVMe {
		o.kernel = nvmeKernel
	}
	cache, err := image.Open(ctx, o.cache, o.kernel, o.set(), o.refresh, stderr)
	if err != nil {
		return fmt.Errorf("preparing the cache: %w", err)
	}

	runDir, err := os.MkdirTemp(o.cache, "run-")
	if err != nil {
		return fmt.Errorf("making the run's folder: %w", err)
	}
	if o.keep {
		fmt.Fprintln(stderr, "lab: kept in", runDir)
	} else {
		defer os.RemoveAll(runDir)
	}
	bins, err := image.Build(ctx, root, runDir, o.noBinary)
	if err != nil {
		return err
	}
	packageToo, err := wantPackage(o)
	if err != nil {
		return err
	}
	tutorialToo, err := wantTutorial(o)
	if err != nil {
		return err
	}
	if packageToo || tutorialToo {
		if bins.Deb, err = image.BuildPackage(ctx, root, runDir, bins.Lunguard); err != nil {
			return err
		}
	}
	l := labRun{options: o, packages: cache, bins: bins, root: root, dir: runDir}
	l.m = machine.Machine{Kernel: cache.Kernel(), Timeout: o.timeout}
	if l.m.Initrd, err = l.initrd("guest", cache, guestArgs(o)); err != nil {
		return err
	}
	if o.only == onlyPacemaker {
		l.m.Memory = pacemakerMemory
	}
	fmt.Fprintf(stderr, "lab: prepared in %.1f s\n", time.Since(start).Seconds())

	if o.shell {
		return l.m.Shell(ctx)
	}
	lanes, err := l.lanes()
	if err != nil {
		return err
	}
	return runLanes(ctx, lanes, stdout, stderr)
}

// timeoutMargin is how much earlier than the machine the tests in it give up, so that a
// test that hangs is reported with its goroutines rather than by a killed QEMU.
const timeoutMargin = 20 * time.Second

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
