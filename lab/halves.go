package main

import (
	"cmp"
	"slices"
	"strconv"

	"lunguard/lab/image"
	"lunguard/lab/report"
)

// besideTests are the tests that have a guest of their own beside the other ones, if all
// tests are wanted: one emulated guest leaves half of two processors idle. Each needs
// nothing that another test has left.
const besideTests = "^Test(LVMMetadata|Multipath|Stacked|SgPersistDifferential)"

// benchTest compares the product with others. It wants the number of rounds, and without
// it does nothing.
const benchTest = "^TestBench$"

// set is what the machine has beside what all have.
func (o options) set() image.Set {
	switch o.only {
	case onlyPacemaker:
		return image.Pacemaker
	case onlyNVMe:
		return image.NVMe
	}
	return image.Plain
}

// halves reports whether the tests run in two guests at the same time.
func (o options) halves() bool {
	return o.run == "" && !o.shell && (o.only == "" || o.only == onlyGuest)
}

// guestArgs are the words that the guest's test binary gets.
func guestArgs(o options) []string {
	switch {
	case o.shell:
		return []string{"shell"}
	case o.only == onlyBench:
		args := append(o.testArgs("-test.run="+cmp.Or(o.run, benchTest)), strconv.Itoa(o.rounds))
		if o.full {
			args = append(args, "full")
		}
		return args
	case o.only == onlyPacemaker:
		return append(o.testArgs("-test.run="+cmp.Or(o.run, pacemakerTests)), strconv.Itoa(o.rounds))
	case o.run != "":
		return o.testArgs("-test.run=" + o.run)
	case o.halves():
		return o.brief(o.testArgs("-test.skip=" + besideTests + "|" + pacemakerTests))
	}
	return o.testArgs("-test.skip=" + pacemakerTests)
}

// besideArgs are those that the one in the guest beside gets.
func besideArgs(o options) []string { return o.brief(o.testArgs("-test.run=" + besideTests)) }

// brief are the words with which the guest says at the end what took how long.
func (o options) brief(args []string) []string {
	if o.verbose {
		return args
	}
	return slices.Concat([]string{report.Word}, args, []string{"-test.v"})
}

func (o options) testArgs(which ...string) []string {
	args := append([]string{"-test.timeout=" + (o.timeout - timeoutMargin).String()}, which...)
	if o.verbose {
		args = append(args, "-test.v")
	}
	return args
}
