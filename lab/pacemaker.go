package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"

	"lunguard/lab/image"
	"lunguard/lab/machine"
)

// pacemakerTests are those that need a cluster engine, in a machine that has one.
const pacemakerTests = "^TestPacemaker"

// pacemakerTest is the one of them that is run with all other tests, and pacemakerRounds
// how often it does then what it can do often.
const (
	pacemakerTest   = "TestPacemakerGroup"
	pacemakerRounds = 1
)

// pacemakerMemory is what that machine needs, in MiB.
const pacemakerMemory = 2048

// wantPacemaker reports whether that test is among what was asked for.
func wantPacemaker(o options) (bool, error) {
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return false, fmt.Errorf("-run: %w", err)
	}
	return !o.noBinary && !o.shell && o.only == "" && pattern.MatchString(pacemakerTest), nil
}

// runPacemaker boots a machine with a cluster engine, which is made of more packages than
// the others, for one test.
func runPacemaker(ctx context.Context, m machine.Machine, bins image.Binaries, o options, stdout, stderr io.Writer, logPath string) error {
	wanted, err := wantPacemaker(o)
	if err != nil || !wanted {
		return err
	}
	o.only, o.run, o.rounds = onlyPacemaker, "^"+pacemakerTest+"$", pacemakerRounds
	cache, err := image.Open(ctx, o.cache, o.kernel, o.set(), o.refresh, stderr)
	if err != nil {
		return fmt.Errorf("preparing the cache: %w", err)
	}
	m.Kernel, m.Initrd, m.Memory = cache.Kernel(), filepath.Join(filepath.Dir(m.Initrd), "initrd-pacemaker"), pacemakerMemory
	if err := image.WriteInitrd(m.Initrd, cache, bins, guestArgs(o)); err != nil {
		return fmt.Errorf("writing the initramfs: %w", err)
	}
	if logPath != "" {
		logPath = filepath.Join(filepath.Dir(logPath), "console-pacemaker.log")
	}
	fmt.Fprintln(stdout, pacemakerTest)
	return m.Test(ctx, stdout, stderr, logPath)
}
