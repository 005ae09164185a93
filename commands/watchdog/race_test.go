//go:build race

package watchdog

// raceEnabled says that everything takes ten times as long.
const raceEnabled = true
