package hung

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Names of the machines; those of the nodes are in the cluster's config too.
const (
	Target = "target"
	Jack3  = "jack3"
	Jack4  = "jack4"
	// Jack5 is the node that the target is besides, where it has namespaces.
	Jack5 = "jack5"
)

// Types of reservations, as the witness of namespaces tells them.
const (
	WERO = "wero"
	WEAR = "wear"
)

// RoleParameter is the word on the kernel's command line that tells a guest which machine
// it is.
const RoleParameter = "lab.role="

// Op is what a guest is asked to do.
type Op string

// The operations. Those without a note answer with nothing but an error, if there is one.
const (
	OpPrepare  Op = "prepare"  // network, then the LUNs, or the login to them: Reply.Disks
	OpTutorial Op = "tutorial" // the same for the machines of the tutorial
	OpNVMe     Op = "nvme"     // the same with namespaces; the target is a node, too
	OpSuite    Op = "suite"    // the conformance suites for namespaces
	OpRun      Op = "run"      // Request.Args: Reply.Stdout, Stderr, Exit
	OpWrite    Op = "write"    // start a counter on each of Request.Rings; all have an acknowledged write
	OpFate     Op = "fate"     // wait until each of Request.Rings' counters has ended by an error: Reply.Fates
	OpStop     Op = "stop"     // end the counters of Request.Rings: Reply.Fates
	OpFill     Op = "fill"     // overwrite Request.Rings with the pattern of a round
	OpRead     Op = "read"     // Request.Rings, past any cache: Reply.Blocks
	OpWitness  Op = "witness"  // Request.LUNs by sg_persist: Reply.LUNs
	OpClock    Op = "clock"    // Reply.Clock
	OpEnd      Op = "end"      // serve no more; a Request.Failed makes the guest show its kernel log
)

// Request is a line to a guest.
type Request struct {
	ID     int
	Op     Op
	Round  uint32   `json:",omitempty"`
	Args   []string `json:",omitempty"`
	Rings  []Ring   `json:",omitempty"`
	LUNs   []int    `json:",omitempty"`
	Failed bool     `json:",omitempty"`
}

// Reply is a guest's answer.
type Reply struct {
	ID     int
	Error  string    `json:",omitempty"`
	Disks  []string  `json:",omitempty"` // device of each LUN
	Stdout string    `json:",omitempty"`
	Stderr string    `json:",omitempty"`
	Exit   int       `json:",omitempty"`
	Fates  []Fate    `json:",omitempty"` // of each ring
	Blocks [][]Block `json:",omitempty"` // of each ring
	LUNs   []State   `json:",omitempty"`
	Clock  Clock     `json:",omitzero"`
}

// Fate is how a counter has ended.
type Fate struct {
	Acked uint64 // the last number that the disk has acknowledged
	Error string // of the write after it, nothing if it was told to stop

	// How long, in milliseconds, the slowest write has taken, and the one that failed. One
	// that has taken longer than the stop was under way all that time.
	Slowest, Failed int64
}

// State is what sg_persist says of a LUN, and its words.
type State struct {
	Keys   []uint64
	Holder uint64 // 0 if there is no reservation
	Type   string
	Text   []string
}

// Clock is the time as a guest sees it, in milliseconds.
type Clock struct {
	Monotonic, Real int64
}

// prefix begins each line that is a message.
const prefix = "@lab "

// Line is an end of the line.
type Line struct {
	r *bufio.Reader
	w io.Writer
}

// NewLine makes an end of a line of what carries it.
func NewLine(rw io.ReadWriter) *Line {
	return &Line{r: bufio.NewReaderSize(rw, 64<<10), w: rw}
}

// Send sends a Request or a Reply.
func (l *Line) Send(message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	if _, err := fmt.Fprintf(l.w, "%s%s\n", prefix, data); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return nil
}

// Receive waits for a Request or a Reply.
func (l *Line) Receive(message any) error {
	for {
		data, err := l.r.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		data, found := bytes.CutPrefix(data, []byte(prefix))
		if !found {
			continue
		}
		if err := json.Unmarshal(data, message); err != nil {
			return fmt.Errorf("receiving %.200q: %w", data, err)
		}
		return nil
	}
}
