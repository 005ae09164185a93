package main

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"lunguard/lab/image"
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

// pacemaker boots a machine with a cluster engine, which is made of more packages than
// the others, for one test.
func (l labRun) pacemaker(ctx context.Context, stdout, stderr io.Writer) error {
	o := l.options
	o.only, o.run, o.rounds = onlyPacemaker, "^"+pacemakerTest+"$", pacemakerRounds
	cache, err := image.Open(ctx, o.cache, o.kernel, o.set(), o.refresh, stderr)
	if err != nil {
		return fmt.Errorf("preparing the cache: %w", err)
	}
	m := l.m
	m.Kernel, m.Memory = cache.Kernel(), pacemakerMemory
	if m.Initrd, err = l.initrd("pacemaker", cache, guestArgs(o)); err != nil {
		return err
	}
	return m.Test(ctx, stdout, stderr, l.log("pacemaker"))
}
