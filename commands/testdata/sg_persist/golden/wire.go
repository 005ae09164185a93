package golden

import (
	"fmt"
	"regexp"
	"strings"
)

// OpenLine is the line of an open.
func OpenLine(path string, readOnly bool) string {
	line := "open rw"
	if readOnly {
		line = "open ro"
	}
	if path != Device {
		line += " " + path
	}
	return line
}

// CommandLines are the lines of a command and the data sent with it.
func CommandLines(cdb, out []byte) []string {
	lines := []string{fmt.Sprintf("% x", cdb)}
	for len(out) > 0 {
		n := min(16, len(out))
		line := fmt.Sprintf("  %x", out[:min(8, n)])
		if n > 8 {
			line += fmt.Sprintf(" %x", out[8:n])
		}
		lines = append(lines, line)
		out = out[n:]
	}
	return lines
}

// Usage is the two pages of help of a program.
type Usage [2]string

// Normal replaces what is each program's own, and how long a command took.
func (u Usage) Normal(stderr string) string {
	for i, page := range u {
		if page != "" {
			stderr = strings.ReplaceAll(stderr, page, fmt.Sprintf("<usage %d>\n", i+1))
		}
	}
	stderr = regexp.MustCompile(`(?m)^(version: |version_string=).+$`).ReplaceAllString(stderr, "${1}<version>")
	return regexp.MustCompile(`(?m)^(      duration=)\d+ ms$`).ReplaceAllString(stderr, "${1}0 ms")
}
