//go:build race

package lvmmeta

// raceEnabled: the race detector makes everything ten times slower.
const raceEnabled = true
