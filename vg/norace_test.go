//go:build !race

package vg

const raceEnabled = false
