//go:build !race

package lvmmeta

const raceEnabled = false
