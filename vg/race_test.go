//go:build race

package vg

// raceEnabled: the race detector makes everything ten times slower.
const raceEnabled = true
