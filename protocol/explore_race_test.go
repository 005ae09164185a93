//go:build race

package protocol

// underRace says that the race detector is on, which makes the explorer ten
// times slower and has nothing to find in it: it runs in one goroutine. The
// Makefile runs it without.
const underRace = true
