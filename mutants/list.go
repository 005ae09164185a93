package main

import (
	"fmt"
	"slices"
)

// all are the mutants, in the order of the page.
func all() []*mutant {
	return slices.Concat(takeMutants(), startMutants(), giveUpMutants(), joinMutants(), fenceMutants(), settleMutants(), evictMutants(),
		departMutants(), releaseMutants(), repairMutants(), restoreMutants(), copyMutants(), cleanUpMutants(),
		driverMutants(), claimMutants(), verbMutants(), spaceMutants(), wearMutants(), needMutants(), deadlineMutants(), unitMutants(), retryMutants(), probeMutants(), scratchMutants())
}

// file makes mutants of a file.
type file string

// edit changes a text that is in a function once.
func (f file) edit(in, find, with, words string) *mutant {
	return &mutant{file: string(f), in: in, find: find, with: with, words: words}
}

// never is a row that never applies.
func (f file) never(in, row string) *mutant {
	return &mutant{file: string(f), in: in, row: row, words: fmt.Sprintf("row %q never applies", row)}
}

// earlier is a row that comes before another.
func (f file) earlier(in, row, above string) *mutant {
	return &mutant{file: string(f), in: in, row: row, above: above, words: fmt.Sprintf("row %q comes before %q", row, above)}
}
