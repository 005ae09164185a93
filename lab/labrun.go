package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"lunguard/lab/image"
	"lunguard/lab/machine"
)

// labRun is what the parts of one run of this program have in common.
type labRun struct {
	options
	m        machine.Machine // the guest's
	packages image.Entry
	bins     image.Binaries
	root     string // of the repository
	dir      string // for what lasts as long as the run
}

// lanes are the parts that were asked for. What -run does not name is left out where the
// host can tell. The deadman test sleeps most of the time, so it has a lane of its own. A
// cluster engine wants a processor for itself, so it comes when only one guest is left.
func (l labRun) lanes() ([][]part, error) {
	const guests, besides, machines, sleeps = 0, 1, 2, 3
	lanes := make([][]part, sleeps+1)
	if l.only != onlyHung && l.only != onlyDeadman && l.only != onlyTutorial && l.only != onlyNVMe {
		lanes[guests] = append(lanes[guests], part{"the guest", l.guest})
	}
	if l.halves() {
		lanes[besides] = append(lanes[besides], part{"the guest beside", l.beside})
	}
	for _, p := range []struct {
		part
		lane int
		want func(options) (bool, error)
	}{
		{part{hungTest, func(ctx context.Context, stdout, stderr io.Writer) error {
			return runHung(ctx, l.m, l.options, stdout, stderr)
		}}, machines, wantHung},
		{part{pacemakerTest, l.pacemaker}, besides, wantPacemaker},
		{part{tutorialTest, func(ctx context.Context, stdout, stderr io.Writer) error {
			return runTutorial(ctx, l.m, filepath.Join(l.root, tutorialFile), l.options, stdout, stderr)
		}}, machines, wantTutorial},
		{part{nvmeTest, l.nvme}, machines, wantNVMe},
		{part{deadmanTest, func(ctx context.Context, stdout, stderr io.Writer) error {
			return runDeadman(ctx, l.m, l.options, stdout, stderr)
		}}, sleeps, wantDeadman},
	} {
		wanted, err := p.want(l.options)
		if err != nil {
			return nil, err
		}
		if wanted {
			lanes[p.lane] = append(lanes[p.lane], p.part)
		}
	}
	return lanes, nil
}

// guest runs the tests in one guest, or the first half of them.
func (l labRun) guest(ctx context.Context, stdout, stderr io.Writer) error {
	return l.m.Test(ctx, stdout, stderr, l.log("guest"))
}

// beside runs the other half.
func (l labRun) beside(ctx context.Context, stdout, stderr io.Writer) (err error) {
	m := l.m
	if m.Initrd, err = l.initrd("beside", l.packages, besideArgs(l.options)); err != nil {
		return err
	}
	return m.Test(ctx, stdout, stderr, l.log("beside"))
}

// nvme is [runNVMe] in machines that, beside other parts, have another kernel than these.
func (l labRun) nvme(ctx context.Context, stdout, stderr io.Writer) error {
	m := l.m
	if l.only != onlyNVMe {
		cache, err := image.Open(ctx, l.cache, nvmeKernel, image.NVMe, false, stderr)
		if err != nil {
			return fmt.Errorf("preparing the cache: %w", err)
		}
		m.Kernel = cache.Kernel()
		if m.Initrd, err = l.initrd("nvme", cache, nil); err != nil {
			return err
		}
	}
	return runNVMe(ctx, m, l.root, l.options, stdout, stderr)
}

// initrd writes the initramfs of a machine, with the words that its tests get.
func (l labRun) initrd(name string, cache image.Entry, args []string) (string, error) {
	file := filepath.Join(l.dir, "initrd-"+name)
	if err := image.WriteInitrd(file, cache, l.bins, args); err != nil {
		return "", fmt.Errorf("writing the initramfs: %w", err)
	}
	return file, nil
}

// log is where a machine's console is kept, or nothing if it is not.
func (l labRun) log(name string) string {
	if !l.keep {
		return ""
	}
	return filepath.Join(l.dir, "console-"+name+".log")
}
