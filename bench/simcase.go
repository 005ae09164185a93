package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"lunguard/cluster"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// operation is what a cluster does with a package.
type operation string

// Operations.
const (
	opStart    operation = "start"
	opTakeOver operation = "take-over"
	opStatus   operation = "status"
	opHalt     operation = "halt"
)

// criticalPath is how many commands an operation has to send one after the
// other, however many LUNs are worked on at once: each of them needs the answer
// of the one before, or goes to a LUN one of whose paths is in use.
//
// A start of one LUN reads capabilities and state, registers each path,
// reserves, and reads. With more LUNs the first one is won so; on the others
// comes registering, a look at the first, reserving and reading, and a last look
// at the first. A take-over preempts instead, and takes the mark off that says so,
// on each LUN. A halt reads, marks, clears and reads. A status asks what the device can do,
// which commands it has, by each path for the state, and for the keys alone.
// TestCriticalPath counts them.
func (o operation) criticalPath(luns, paths int) int {
	switch {
	case o == opStatus:
		return paths + 3
	case o == opHalt:
		return 4
	}
	once := paths + 4
	if o == opTakeOver {
		once++
	}
	if luns == 1 {
		return once
	}
	return 2 * once
}

// simCase is one run on simulated LUNs.
type simCase struct {
	Op       operation     `json:"op"`
	LUNs     int           `json:"luns"`
	Paths    int           `json:"paths"`
	Delay    time.Duration `json:"delay_ns"` // of each command
	Parallel int           `json:"parallel"` // LUNs at once
}

// simRun is what came of it.
type simRun struct {
	Seconds  float64 `json:"seconds"`
	Commands int     `json:"commands"`
	Threads  int     `json:"threads"`
	// PeakKiB is the most memory that the process had, the simulated LUNs
	// included; AddedKiB is what of it came with the run.
	PeakKiB  int `json:"peak_kib"`
	AddedKiB int `json:"added_kib"`
}

// Nodes of the simulated cluster.
const (
	simNode  = "jack3"
	simOther = "jack4"
)

// simWorld is a cluster of two nodes with LUNs in memory.
type simWorld struct {
	conf  *cluster.Config
	luns  []*simlun.LUN
	paths int
	sent  atomic.Int64
}

func newSimWorld(luns, paths int) (*simWorld, error) {
	conf, err := cluster.ParseConfig(strings.NewReader(`CLUSTER_NAME bench
CLUSTER_PR_TAG 0xbcb0
NODE_NAME jack3
NODE_ID 1
NODE_NAME jack4
NODE_ID 2
package_name pkg1
package_type failover
node_name jack3
node_name jack4
`), "bench")
	if err != nil {
		return nil, err
	}
	w := &simWorld{conf: conf, paths: paths}
	for i := range luns {
		lun, err := simlun.NewMemory(simlun.Config{Serial: fmt.Sprintf("W%05d", i), WWID: simWWID(i)})
		if err != nil {
			return nil, err
		}
		w.luns = append(w.luns, lun)
	}
	return w, nil
}

func simWWID(lun int) string { return fmt.Sprintf("naa.60014050000%05x", lun) }

// run prepares a node's protocol; wrap stands between it and each path.
func (w *simWorld) run(name string, wrap func(scsi.Transport) scsi.Transport) (*protocol.Run, error) {
	node, err := w.conf.Node(name)
	if err != nil {
		return nil, err
	}
	r := &protocol.Run{Members: w.conf.Members(), Node: node.Member(), Mode: w.conf.Packages[0].Mode()}
	for i, lun := range w.luns {
		l := &protocol.LUN{Name: fmt.Sprintf("/dev/mapper/mpath%d", i), WWID: simWWID(i)}
		for p := range w.paths {
			port := scsi.ISCSIPortTransportID("iqn.2026-01.bench:"+name, uint64(p+1))
			t := wrap(lun.Nexus(port, uint16(p+1)))
			unit := scsi.NewUnit(fmt.Sprintf("%s, path %d", l.Name, p), &scsi.Retry{Transport: t})
			l.Paths = append(l.Paths, unit.WithIdentity(func() pr.Identity {
				return pr.Identity{Initiator: port, RelativePort: uint16(p + 1)}
			}))
		}
		r.LUNs = append(r.LUNs, l)
	}
	return r, nil
}

// prepare brings the LUNs into the state that the operation begins with, and
// takes no time.
func (w *simWorld) prepare(op operation) error {
	owner := map[operation]string{opTakeOver: simOther, opStatus: simNode, opHalt: simNode}[op]
	if owner == "" {
		return nil
	}
	r, err := w.run(owner, func(t scsi.Transport) scsi.Transport { return t })
	if err != nil {
		return err
	}
	return r.Start(context.Background())
}

// do is the operation on a node.
func (o operation) do(r *protocol.Run) error {
	switch o {
	case opStart, opTakeOver:
		return r.Start(context.Background())
	case opHalt:
		return r.Halt(context.Background())
	case opStatus:
		for _, rep := range r.Check(context.Background()) {
			if rep.Unknown() || len(rep.Findings) > 0 {
				return fmt.Errorf("%s: %v", rep.LUN, rep.Findings)
			}
		}
		return nil
	}
	return fmt.Errorf("unknown operation %q", o)
}

// measure runs the case in this process, which should be a new one: threads
// and memory stay with a process that has once had them.
func (c simCase) measure() (simRun, error) {
	var res simRun
	w, err := newSimWorld(c.LUNs, c.Paths)
	if err != nil {
		return res, err
	}
	if err := w.prepare(c.Op); err != nil {
		return res, fmt.Errorf("preparing: %w", err)
	}
	r, err := w.run(simNode, func(t scsi.Transport) scsi.Transport { return slowPath{t, c.Delay, &w.sent} })
	if err != nil {
		return res, err
	}
	r.Parallel = c.Parallel
	before, err := readStatus()
	if err != nil {
		return res, err
	}
	begin := time.Now()
	err = c.Op.do(r)
	res.Seconds = time.Since(begin).Seconds()
	if err != nil {
		return res, err
	}
	after, err := readStatus()
	if err != nil {
		return res, err
	}
	res.Commands, res.Threads = int(w.sent.Load()), after.threads
	res.PeakKiB, res.AddedKiB = after.peakKiB, max(0, after.peakKiB-before.nowKiB)
	return res, nil
}

// procStatus is what the kernel says of this process.
type procStatus struct{ threads, peakKiB, nowKiB int }

func readStatus() (procStatus, error) {
	var s procStatus
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return s, err
	}
	fields := map[string]*int{"Threads:": &s.threads, "VmHWM:": &s.peakKiB, "VmRSS:": &s.nowKiB}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || fields[words[0]] == nil {
			continue
		}
		if _, err := fmt.Sscan(words[1], fields[words[0]]); err != nil {
			return s, fmt.Errorf("/proc/self/status: %q: %w", line, err)
		}
		delete(fields, words[0])
	}
	if len(fields) > 0 {
		return s, errors.New("/proc/self/status lacks threads or memory")
	}
	return s, nil
}

// simChild is the process that runs one case: the case comes as text, the
// result goes out as a line.
func simChild(text string, stdout io.Writer) error {
	var c simCase
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	res, err := c.measure()
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(res)
}
