// Package measure is what the laboratory's guest and the program that compares
// say to each other: one line of JSON a measurement, among the other lines of
// the guest's console.
package measure

import (
	"encoding/json"
	"fmt"
	"strings"
)

// prefix begins the lines.
const prefix = "BENCH "

// Line is one message. One of its fields is set.
type Line struct {
	Run     *Run     `json:"run,omitempty"`
	Left    *Left    `json:"left,omitempty"`
	Version *Version `json:"version,omitempty"`
}

// StartUp is the operation of starting a program that then does nothing.
const StartUp = "start-up"

// Cell is what is compared: programs that do the same to the same LUNs.
type Cell struct {
	Op    string `json:"op"` // start, take-over, status, halt
	LUNs  int    `json:"luns"`
	Paths int    `json:"paths"`
	Udev  bool   `json:"udev,omitempty"` // udevd runs
}

// Run is one run of one program.
type Run struct {
	Cell
	Tool    string  `json:"tool"`
	Round   int     `json:"round"`
	Seconds float64 `json:"seconds"`
	// Processes were made, its own included; Threads besides.
	Processes int `json:"processes"`
	Threads   int `json:"threads"`
	// Commands reached the disks until the program ended and all was quiet, by
	// whomever they were sent; Reads are those of them that read data.
	Commands int `json:"commands"`
	Reads    int `json:"reads"`
}

// Left is a cell in which a program was not measured, or not as often as the
// others.
type Left struct {
	Cell
	Tool string `json:"tool"`
	Why  string `json:"why"`
}

// Version is that of something in the guest.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// String is the line without its end.
func (l Line) String() string {
	text, err := json.Marshal(l)
	if err != nil {
		// There is nothing in it that cannot be encoded.
		panic(err)
	}
	return prefix + string(text)
}

// Parse reads a line of the console. It reports false for lines that are no
// messages.
func Parse(line string) (Line, bool, error) {
	var l Line
	// What the kernel says may stand before it on the same line.
	_, text, found := strings.Cut(line, prefix+"{")
	if !found {
		return l, false, nil
	}
	if err := json.Unmarshal([]byte("{"+strings.TrimSpace(text)), &l); err != nil {
		return l, false, fmt.Errorf("the guest's line %q: %w", strings.TrimSpace(line), err)
	}
	return l, true, nil
}
