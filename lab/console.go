package main

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
)

// Lines by which the guest talks to the host.
const (
	exitMarker  = "LAB-EXIT "  // and the status of the guest's tests
	readyMarker = "LAB-READY " // and the guest's uptime when its tests begin
)

// tailLines is how much of the console is repeated when the guest was lost.
const tailLines = 30

// console passes the guest's output on, line by line, and keeps what the host needs.
type console struct {
	tail     []string // the last lines
	status   int      // from the exit marker
	exited   bool     // the exit marker was seen
	panicked bool     // the kernel died
	ready    func()   // called when the tests begin
}

// read copies r to w until r ends. The serial line's carriage returns are dropped.
func (c *console) read(r io.Reader, w io.Writer) error {
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

func (c *console) line(raw string, w io.Writer) error {
	line := strings.TrimRight(strings.ReplaceAll(raw, "\r", ""), "\n")
	c.tail = append(c.tail, line)
	if len(c.tail) > tailLines {
		c.tail = c.tail[1:]
	}
	switch {
	case strings.HasPrefix(line, exitMarker):
		if n, err := strconv.Atoi(strings.TrimPrefix(line, exitMarker)); err == nil {
			c.status, c.exited = n, true
			return nil
		}
	case strings.HasPrefix(line, readyMarker):
		if c.ready != nil {
			c.ready()
		}
		return nil
	case strings.Contains(line, "Kernel panic - not syncing"):
		c.panicked = true
	case strings.HasSuffix(line, "reboot: Power down"):
		return nil // the kernel's last words, whatever its log level
	}
	_, err := w.Write(append([]byte(line), '\n'))
	return err
}

// dump writes the last lines, marked as a repetition.
func (c *console) dump(w io.Writer) {
	var b bytes.Buffer
	for _, line := range c.tail {
		b.WriteString("lab: console: " + line + "\n")
	}
	// The caller is about to report a failure; one more cannot be reported anywhere.
	_, _ = w.Write(b.Bytes())
}
