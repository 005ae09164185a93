package machine

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
)

// Lines by which the guest talks to the host.
const (
	ExitMarker  = "LAB-EXIT "  // and the status of the guest's tests
	readyMarker = "LAB-READY " // and the guest's uptime when its tests begin
)

// tailLines is how much of the console is repeated when the guest was lost.
const tailLines = 30

// Console passes the guest's output on, line by line, and keeps what the host needs.
type Console struct {
	tail     []string // the last lines
	Status   int      // from the exit marker
	Exited   bool     // the exit marker was seen
	Panicked bool     // the kernel died
	Ready    func()   // called when the tests begin
}

// Read copies r to w until r ends. The serial line's carriage returns are dropped.
func (c *Console) Read(r io.Reader, w io.Writer) error {
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadString('\n')
		if line != "" {
			if werr := c.line(line, w); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *Console) line(raw string, w io.Writer) error {
	line := strings.TrimRight(strings.ReplaceAll(raw, "\r", ""), "\n")
	c.tail = append(c.tail, line)
	if len(c.tail) > tailLines {
		c.tail = c.tail[1:]
	}
	switch {
	case strings.HasPrefix(line, ExitMarker):
		if n, err := strconv.Atoi(strings.TrimPrefix(line, ExitMarker)); err == nil {
			c.Status, c.Exited = n, true
			return nil
		}
	case strings.HasPrefix(line, readyMarker):
		if c.Ready != nil {
			c.Ready()
		}
		return nil
	case strings.Contains(line, "Kernel panic - not syncing"):
		c.Panicked = true
	case strings.HasSuffix(line, "reboot: Power down"):
		return nil // the kernel's last words, whatever its log level
	}
	_, err := w.Write(append([]byte(line), '\n'))
	return err
}

// Dump writes the last lines, marked as a repetition.
func (c *Console) Dump(w io.Writer) {
	var b bytes.Buffer
	for _, line := range c.tail {
		b.WriteString("lab: console: " + line + "\n")
	}
	// The caller is about to report a failure; one more cannot be reported anywhere.
	_, _ = w.Write(b.Bytes())
}
