package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"lunguard/lab/hung"
	"lunguard/lab/image"
	"lunguard/lab/machine"
)

// nvmeTest is the name under which -run finds the test of namespaces; a part behind a
// slash chooses among the suite, the stories, by their files, and the rounds.
const nvmeTest = "TestNVMe"

// nvmeKernel is the one whose target has reservations: 6.13 or later.
const nvmeKernel = "7"

// nvmeStories is the folder of the stories, from the top of the repository. They have the
// form of the tutorial.
const nvmeStories = "lab/nvme"

// Rounds of hung nodes, with all other parts and alone.
const (
	nvmeFewRounds = 2
	nvmeRounds    = 10
)

// nvmeVariants are the two kinds of packages on namespaces.
func nvmeVariants() [2]hungVariant {
	return [2]hungVariant{
		{name: "failover", pkg: "pkg1", luns: []int{0, 1}, typ: hung.WERO},
		{name: "multi-node", pkg: "pkg2", luns: []int{2, 3}, shared: true, typ: hung.WEAR},
	}
}

// wantNVMe reports whether the test of namespaces is among what was asked for. Beside the
// other parts it runs if -run names it and its kernel is in the cache: it takes ten minutes,
// one of them for the three machines to be ready.
func wantNVMe(o options) (bool, error) {
	first, _, _ := strings.Cut(o.run, "/")
	pattern, err := regexp.Compile(first)
	if err != nil {
		return false, fmt.Errorf("-run: %w", err)
	}
	switch {
	case o.noBinary || o.shell || !pattern.MatchString(nvmeTest):
		return false, nil
	case o.only == "" && o.run == "":
		return false, nil
	case o.only == "":
		return image.Has(o.cache, nvmeKernel, image.NVMe)
	}
	return o.only == onlyNVMe, nil
}

// runNVMe boots the three machines of the hung-node test with namespaces in the place of
// LUNs: the target is the third node. It runs the suites on Linux's target, the stories,
// and rounds in which a node hangs.
func runNVMe(ctx context.Context, m machine.Machine, root string, o options, stdout, stderr io.Writer) (err error) {
	runtime.LockOSThread() // see [machine.Machine.Command]
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	start := time.Now()
	_, which, _ := strings.Cut(o.run, "/")
	wanted, err := regexp.Compile(which)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	l := newHungLab(nvmeVariants(), o, stdout)
	// Without native multipath each host of the suite has disks of its own; the third
	// node joins its paths itself.
	l.words = []string{"nvme_core.multipath=N"}
	if err := l.powerOn(ctx, m); err != nil {
		return errors.Join(err, l.shutDown(ctx, true, stderr))
	}
	defer func() { err = errors.Join(err, l.shutDown(ctx, err != nil, stderr)) }()
	if err := l.prepare(ctx, hung.OpNVMe); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "lab: three guests with namespaces ready %.1f s after power-on\n", time.Since(start).Seconds())
	var errs []error
	if wanted.MatchString("suite") {
		_, err := l.target.call(ctx, hung.Request{Op: hung.OpSuite})
		errs = append(errs, err)
		fmt.Fprintf(stdout, "%s/suite: %s after %.1f s\n", nvmeTest, verdict(err), time.Since(start).Seconds())
	}
	files, err := filepath.Glob(filepath.Join(root, nvmeStories, "*.md"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".md"); wanted.MatchString(name) {
			err := l.story(ctx, file, o.verbose)
			errs = append(errs, err)
			fmt.Fprintf(stdout, "%s/%s: %s after %.1f s\n", nvmeTest, name, verdict(err), time.Since(start).Seconds())
		}
	}
	if err := errors.Join(errs...); err != nil || !wanted.MatchString("rounds") {
		return err
	}
	return l.nvmeHangs(ctx, o)
}

func verdict(err error) string {
	if err != nil {
		return "FAILED"
	}
	return "ok"
}

// story does what a file says. At its end nobody may be registered.
func (l *hungLab) story(ctx context.Context, file string, show bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name := filepath.Base(file)
	doc, err := parseTutorial(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var log transcript
	err = errors.Join(l.follow(ctx, name, doc, &log), l.leftNothing(ctx, 0, 1, 2, 3, 4, 5))
	if err != nil || show {
		fmt.Fprintf(l.stdout, "--- transcript of %s\n", name)
		err = errors.Join(err, log.writeTo(l.stdout))
		fmt.Fprintln(l.stdout, "---")
	}
	return err
}

// nvmeHangs are the rounds of hung nodes.
func (l *hungLab) nvmeHangs(ctx context.Context, o options) error {
	rounds := nvmeFewRounds
	if o.only == onlyNVMe {
		rounds = min(o.rounds, nvmeRounds)
	}
	first := time.Now()
	for number := range rounds {
		if err := l.round(ctx, uint32(number+1)); err != nil {
			return fmt.Errorf("%s: round %d, -seed %d: %w", nvmeTest, number+1, o.seed, err)
		}
	}
	if err := l.finish(ctx); err != nil {
		return fmt.Errorf("%s: after the last round: %w", nvmeTest, err)
	}
	fmt.Fprintln(l.stdout, strings.Replace(l.summary(rounds, time.Since(first)), hungTest, nvmeTest, 1))
	return nil
}
